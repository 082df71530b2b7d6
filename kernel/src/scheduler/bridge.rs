//! The bridge: Lua values to data and back, without silent loss.
//!
//! Data is [`serde_json::Value`]: it crosses threads, sorts its keys and keeps integers. What has no
//! place in it (functions, NaN, sparse tables, cycles, invalid UTF-8, …) is an error that names the
//! path of the fault, as `$.a.b[3]`.

use std::fmt::Write as _;

use mlua::{Lua, LuaSerdeExt, LuaString, Table, Value};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value as Data, value::RawValue};

/// Deepest nesting that crosses, both ways.
pub const MAX_DEPTH: usize = 128;
/// Most bytes of one value, counted about as its JSON text would be.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Why a value cannot cross.
#[derive(Debug, thiserror::Error)]
#[error("{problem} at `{path}`")]
pub struct BridgeError {
    /// Where: `$` is the whole value.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// What JSON `null` becomes in Lua.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nulls {
    /// `nil`: the key is absent, a place in an array is a hole.
    Nil,
    /// The `null` sentinel, which encodes as `null` again.
    Sentinel,
}

// Lua to data -------------------------------------------------------------------------------------

/// Copies a Lua value out as data.
pub fn from_lua(lua: &Lua, value: &Value) -> Result<Data, BridgeError> {
    let mut walk =
        Walk { array_mark: lua.array_metatable(), path: Vec::new(), open: Vec::new(), bytes: 0 };
    walk.value(value)
}

enum Step {
    Key(String),
    Index(usize),
}

struct Walk {
    array_mark: Table,
    path: Vec<Step>,
    /// Addresses of the tables being copied, to find cycles.
    open: Vec<*const std::ffi::c_void>,
    bytes: usize,
}

impl Walk {
    fn fail<T>(&self, problem: impl Into<String>) -> Result<T, BridgeError> {
        let mut path = String::from("$");
        for step in &self.path {
            match step {
                Step::Index(index) => write!(path, "[{index}]"),
                Step::Key(key) => write!(path, ".{}", key.chars().take(64).collect::<String>()),
            }
            .expect("writing to a string does not fail");
        }
        Err(BridgeError { path, problem: problem.into() })
    }

    fn count(&mut self, bytes: usize) -> Result<(), BridgeError> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > MAX_BYTES {
            return self.fail(format!("more than {} MiB of data", MAX_BYTES >> 20));
        }
        Ok(())
    }

    fn value(&mut self, value: &Value) -> Result<Data, BridgeError> {
        match value {
            Value::Nil => Ok(Data::Null),
            Value::LightUserData(mark) if mark.0.is_null() => {
                self.count(4)?;
                Ok(Data::Null)
            }
            Value::Boolean(flag) => {
                self.count(5)?;
                Ok(Data::Bool(*flag))
            }
            Value::Integer(number) => {
                self.count(8)?;
                Ok(Data::Number((*number).into()))
            }
            Value::Number(number) => {
                self.count(8)?;
                match Number::from_f64(*number) {
                    Some(number) => Ok(Data::Number(number)),
                    None => self.fail(format!("{number} is not a JSON number")),
                }
            }
            Value::String(text) => Ok(Data::String(self.text(text)?)),
            Value::Table(table) => self.table(table),
            other => self.fail(format!("a {} is not data", other.type_name())),
        }
    }

    fn text(&mut self, text: &LuaString) -> Result<String, BridgeError> {
        let bytes = text.as_bytes();
        self.count(bytes.len() + 2)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(err) => self.fail(format!("invalid UTF-8 in a string, byte {}", err.valid_up_to())),
        }
    }

    fn table(&mut self, table: &Table) -> Result<Data, BridgeError> {
        let address = table.to_pointer();
        if self.open.contains(&address) {
            return self.fail("a cycle: a table that contains itself");
        }
        if self.open.len() >= MAX_DEPTH {
            return self.fail(format!("more than {MAX_DEPTH} levels deep"));
        }
        self.open.push(address);
        self.count(2)?;
        let marked = table.metatable().is_some_and(|meta| meta == self.array_mark);
        let length = table.raw_len();
        let data =
            if length > 0 || marked { self.array(table, length) } else { self.object(table) };
        self.open.pop();
        data
    }

    fn array(&mut self, table: &Table, length: usize) -> Result<Data, BridgeError> {
        let mut items = Vec::with_capacity(length.min(1024));
        for index in 1..=length {
            let item: Value = match table.raw_get(index) {
                Ok(item) => item,
                Err(err) => return self.fail(err.to_string()),
            };
            self.path.push(Step::Index(index));
            if item.is_nil() {
                return self.fail("a hole in an array; use zi.json.null for null");
            }
            self.count(1)?;
            items.push(self.value(&item)?);
            self.path.pop();
        }
        let mut keys = 0_usize;
        for pair in table.pairs::<Value, Value>() {
            let (key, _) = match pair {
                Ok(pair) => pair,
                Err(err) => return self.fail(err.to_string()),
            };
            keys += 1;
            if keys > length {
                return self.fail(match key {
                    Value::Integer(index) => format!("a sparse array: index {index} after a hole"),
                    other => format!(
                        "a table with both array items and the key `{}`",
                        other.to_string().unwrap_or_default()
                    ),
                });
            }
            if !matches!(key, Value::Integer(index) if index >= 1) {
                return self.fail(format!(
                    "a table with both array items and the key `{}`",
                    key.to_string().unwrap_or_default()
                ));
            }
        }
        Ok(Data::Array(items))
    }

    fn object(&mut self, table: &Table) -> Result<Data, BridgeError> {
        let mut map = Map::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, item) = match pair {
                Ok(pair) => pair,
                Err(err) => return self.fail(err.to_string()),
            };
            let key = match &key {
                Value::String(key) => self.text(key)?,
                Value::Integer(index) => {
                    return self.fail(format!("a sparse array: index {index} without 1"));
                }
                other => {
                    return self.fail(format!("a key of type {}", other.type_name()));
                }
            };
            self.path.push(Step::Key(key));
            let data = self.value(&item)?;
            if let Some(Step::Key(key)) = self.path.pop() {
                map.insert(key, data);
            }
        }
        Ok(Data::Object(map))
    }
}

/// Encodes a Lua value as JSON text with sorted keys; `indent` spaces a level, or one line.
pub fn encode(lua: &Lua, value: &Value, indent: Option<usize>) -> Result<String, BridgeError> {
    let data = from_lua(lua, value)?;
    let text = match indent {
        None => serde_json::to_string(&data),
        Some(width) => {
            let pad = " ".repeat(width.min(16));
            let mut out = Vec::new();
            let formatter = serde_json::ser::PrettyFormatter::with_indent(pad.as_bytes());
            let mut writer = serde_json::Serializer::with_formatter(&mut out, formatter);
            serde::Serialize::serialize(&data, &mut writer)
                .map(|()| String::from_utf8_lossy(&out).into_owned())
        }
    };
    text.map_err(|err| BridgeError { path: "$".into(), problem: err.to_string() })
}

// Data to Lua -------------------------------------------------------------------------------------

/// Copies data into a VM.
pub fn to_lua(lua: &Lua, data: &Data, nulls: Nulls) -> mlua::Result<Value> {
    Ok(match data {
        Data::Null if nulls == Nulls::Sentinel => Value::NULL,
        Data::Null => Value::Nil,
        Data::Bool(flag) => Value::Boolean(*flag),
        Data::Number(number) => lua_number(number),
        Data::String(text) => Value::String(lua.create_string(text)?),
        Data::Array(items) => {
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (index, item) in items.iter().enumerate() {
                table.raw_set(index + 1, to_lua(lua, item, nulls)?)?;
            }
            if items.is_empty() {
                table.set_metatable(Some(lua.array_metatable()))?;
            }
            Value::Table(table)
        }
        Data::Object(map) => {
            let table = lua.create_table_with_capacity(0, map.len())?;
            for (key, item) in map {
                if nulls == Nulls::Nil && item.is_null() {
                    continue;
                }
                table.raw_set(key.as_str(), to_lua(lua, item, nulls)?)?;
            }
            Value::Table(table)
        }
    })
}

fn lua_number(number: &Number) -> Value {
    match number.as_i64() {
        Some(integer) => Value::Integer(integer),
        // Past 64 bits an integer becomes the nearest float: Lua has nothing wider.
        None => Value::Number(number.as_f64().unwrap_or(f64::NAN)),
    }
}

/// Decodes JSON text straight into Lua values.
///
/// A lone UTF-16 surrogate escape, which strict readers refuse, becomes its three WTF-8 bytes, so
/// that two halves which arrive in different texts can still be joined.
pub fn decode(lua: &Lua, text: &[u8], nulls: Nulls) -> mlua::Result<Value> {
    let seed = Seed { lua, nulls };
    let mut reader = serde_json::Deserializer::from_slice(text);
    match seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(err) if has_surrogate_escape(text) => match std::str::from_utf8(text)
            .ok()
            .and_then(|text| serde_json::from_str::<&RawValue>(text).ok())
        {
            Some(raw) => decode_raw(lua, raw, nulls, 0),
            None => Err(mlua::Error::external(err)),
        },
        Err(err) => Err(mlua::Error::external(err)),
    }
}

fn has_surrogate_escape(text: &[u8]) -> bool {
    text.windows(3).any(|part| matches!(part, [b'\\', b'u', b'd' | b'D']))
}

/// The slow way round: strings are read as bytes, for which serde_json keeps lone surrogates.
fn decode_raw(lua: &Lua, raw: &RawValue, nulls: Nulls, depth: usize) -> mlua::Result<Value> {
    if depth > MAX_DEPTH {
        return Err(mlua::Error::runtime("recursion limit exceeded"));
    }
    let text = raw.get();
    match text.as_bytes().first() {
        Some(b'"') => Ok(Value::String(lua.create_string(wtf8(text)?)?)),
        Some(b'[') => {
            let items: Vec<&RawValue> =
                serde_json::from_str(text).map_err(mlua::Error::external)?;
            let table = lua.create_table_with_capacity(items.len(), 0)?;
            for (index, item) in items.iter().enumerate() {
                table.raw_set(index + 1, decode_raw(lua, item, nulls, depth + 1)?)?;
            }
            if items.is_empty() {
                table.set_metatable(Some(lua.array_metatable()))?;
            }
            Ok(Value::Table(table))
        }
        Some(b'{') => {
            let pairs: std::collections::BTreeMap<String, &RawValue> =
                serde_json::from_str(text).map_err(mlua::Error::external)?;
            let table = lua.create_table_with_capacity(0, pairs.len())?;
            for (key, item) in pairs {
                table.raw_set(key, decode_raw(lua, item, nulls, depth + 1)?)?;
            }
            Ok(Value::Table(table))
        }
        _ => {
            let data: Data = serde_json::from_str(text).map_err(mlua::Error::external)?;
            to_lua(lua, &data, nulls)
        }
    }
}

fn wtf8(text: &str) -> mlua::Result<Vec<u8>> {
    struct Bytes;
    impl Visitor<'_> for Bytes {
        type Value = Vec<u8>;
        fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
            f.write_str("a string")
        }
        fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
            Ok(bytes.to_vec())
        }
    }
    serde_json::Deserializer::from_str(text).deserialize_bytes(Bytes).map_err(mlua::Error::external)
}

/// Builds Lua values while serde_json reads, without data in between.
#[derive(Clone, Copy)]
struct Seed<'a> {
    lua: &'a Lua,
    nulls: Nulls,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("JSON")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(if self.nulls == Nulls::Sentinel { Value::NULL } else { Value::Nil })
    }
    fn visit_bool<E>(self, flag: bool) -> Result<Value, E> {
        Ok(Value::Boolean(flag))
    }
    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }
    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(lua_number(&number.into()))
    }
    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Number(number))
    }
    fn visit_str<E: de::Error>(self, text: &str) -> Result<Value, E> {
        self.lua.create_string(text).map(Value::String).map_err(E::custom)
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let table = self.lua.create_table().map_err(de::Error::custom)?;
        let mut length = 0;
        while let Some(item) = items.next_element_seed(self)? {
            length += 1;
            table.raw_set(length, item).map_err(de::Error::custom)?;
        }
        if length == 0 {
            table.set_metatable(Some(self.lua.array_metatable())).map_err(de::Error::custom)?;
        }
        Ok(Value::Table(table))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut pairs: A) -> Result<Value, A::Error> {
        let table = self.lua.create_table().map_err(de::Error::custom)?;
        while let Some(key) = pairs.next_key_seed(self)? {
            let item = pairs.next_value_seed(self)?;
            table.raw_set(key, item).map_err(de::Error::custom)?;
        }
        Ok(Value::Table(table))
    }
}
