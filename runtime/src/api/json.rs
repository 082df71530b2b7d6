//! `zi.json`: JSON without silent loss.

use mlua::{Lua, LuaSerdeExt, MultiValue, Result, Table, Value};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry,
    fields::{Fields, kind_of, misuse},
    plain,
};

/// What scripts find in `zi.json`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "encode",
        doc: "Encodes a value; keys are always sorted. `indent` is the number of blanks a level. \
              Raises for what JSON cannot hold, naming its place: functions, NaN, sparse or mixed \
              tables, cycles, invalid UTF-8, more than 128 levels or 16 MiB. An empty table is an \
              object; `zi.json.array({})` is an array.",
        meta: "---@param value any\n---@param opts? {indent?: integer}\n---@return string",
        bind: Bind::Zi(|lua| plain(lua, encode)),
    },
    Entry {
        name: "decode",
        doc: "Decodes a text; raises for what is not JSON. `null` becomes nil; with `{null = \
              zi.json.null}` it is kept. Integers stay integers.",
        meta: "---@param text string\n---@param opts? {null?: any}\n---@return any",
        bind: Bind::Zi(|lua| plain(lua, decode)),
    },
    Entry {
        name: "null",
        doc: "Encodes as `null`. It is true in conditions, as every value but nil and false.",
        meta: "---@type lightuserdata",
        bind: Bind::Zi(|_| Ok(Value::NULL)),
    },
    Entry {
        name: "array",
        doc: "Marks a table as an array, so that it encodes as `[]` when it is empty. Answers it.",
        meta: "---@generic T: table\n---@param t? T\n---@return T",
        bind: Bind::Zi(|lua| plain(lua, array)),
    },
    Entry {
        name: "validate",
        doc: "Checks a value against a JSON schema. Answers true, or nil and a list of what is wrong.",
        meta: "---@param schema table\n---@param value any\n---@return true?, string[]?",
        bind: Bind::Zi(|lua| plain(lua, validate)),
    },
];

fn encode(lua: &Lua, (value, opts): (Value, Value)) -> Result<String> {
    const WHO: &str = "zi.json.encode";
    let indent = Fields::or_empty(lua, WHO, opts)?.opt_count("indent", 16)?;
    let indent = indent.and_then(|indent| usize::try_from(indent).ok());
    scheduler::encode(lua, &value, indent).map_err(|err| misuse(WHO, err))
}

fn decode(lua: &Lua, (text, opts): (Value, Value)) -> Result<Value> {
    const WHO: &str = "zi.json.decode";
    let Value::String(text) = text else {
        return Err(misuse(WHO, format_args!("expected a string, got {}", kind_of(&text))));
    };
    let null = Fields::or_empty(lua, WHO, opts)?.get("null")?;
    let nulls = if null.is_nil() { Nulls::Nil } else { Nulls::Sentinel };
    scheduler::decode(lua, &text.as_bytes(), nulls).map_err(|err| misuse(WHO, err))
}

fn array(lua: &Lua, table: Option<Table>) -> Result<Table> {
    let table = match table {
        Some(table) => table,
        None => lua.create_table()?,
    };
    table.set_metatable(Some(lua.array_metatable()))?;
    Ok(table)
}

fn validate(lua: &Lua, (schema, value): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.json.validate";
    let data = |name: &str, value: &Value| {
        scheduler::from_lua(lua, value).map_err(|err| misuse(WHO, format_args!("`{name}`: {err}")))
    };
    let (schema, value) = (data("schema", &schema)?, data("value", &value)?);
    let validator = jsonschema::options()
        .build(&schema)
        .map_err(|err| misuse(WHO, format_args!("`schema`: {err}")))?;
    let problems: Vec<String> = validator
        .iter_errors(&value)
        .map(|err| {
            let place = err.instance_path().to_string();
            if place.is_empty() { err.to_string() } else { format!("{err} (at {place})") }
        })
        .collect();
    if problems.is_empty() {
        return Ok(MultiValue::from_iter([Value::Boolean(true)]));
    }
    let list = lua.create_sequence_from(problems)?;
    Ok(MultiValue::from_iter([Value::Nil, Value::Table(list)]))
}
