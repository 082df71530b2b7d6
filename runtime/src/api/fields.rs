//! Reading the tables that scripts pass in, with errors that name the function and the field.

use std::{cell::RefCell, collections::BTreeSet};

use mlua::{Function, Lua, Result, Table, Value};
use serde_json::Value as Data;
use zi_kernel::scheduler;

use super::VmData;
use crate::{host::Doubt, near};

/// A table argument of `who`. Fields are found under their own name or its camelCase form.
pub struct Fields<'a> {
    lua: &'a Lua,
    who: String,
    table: Table,
    /// The names that were asked for.
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Fields<'a> {
    /// Reads the argument of `who`; anything but a table is misuse.
    pub fn new(lua: &'a Lua, who: impl Into<String>, value: Value) -> Result<Self> {
        let who = who.into();
        match value {
            Value::Table(table) => Ok(Self { lua, who, table, known: RefCell::default() }),
            other => Err(misuse(&who, format_args!("expected a table, got {}", kind_of(&other)))),
        }
    }

    /// An argument that may be left out.
    pub fn or_empty(lua: &'a Lua, who: impl Into<String>, value: Value) -> Result<Self> {
        match value {
            Value::Nil => Self::new(lua, who, Value::Table(lua.create_table()?)),
            value => Self::new(lua, who, value),
        }
    }

    /// The same fields, for messages that can say more.
    pub fn renamed(self, who: String) -> Self {
        Self { who, ..self }
    }

    /// Tells of fields that were not asked for: most likely they are misspelt.
    pub fn doubt_others(&self) -> Result<()> {
        let known = self.known.borrow();
        let host = VmData::of(self.lua)?.host()?;
        for pair in self.table.pairs::<Value, Value>() {
            let (Value::String(key), _) = pair? else { continue };
            let key = key.to_string_lossy();
            if !known.contains(key.as_str()) && !known.contains(near::snake(&key).as_str()) {
                let hint = near::hint(&key, &known.iter().copied().collect::<Vec<_>>());
                let text = format!("{}: there is no field `{key}`{hint}", self.who);
                let place = caller(self.lua);
                host.front.doubt(Doubt { place, fields: vec![key], text });
            }
        }
        Ok(())
    }

    /// The whole table as data.
    pub fn opt_data_all(&self) -> Result<Data> {
        let table = Value::Table(self.table.clone());
        scheduler::from_lua(self.lua, &table).map_err(|err| misuse(&self.who, err))
    }

    pub fn get(&self, name: &'static str) -> Result<Value> {
        self.known.borrow_mut().insert(name);
        let value: Value = self.table.get(name)?;
        if value.is_nil() && name.contains('_') {
            return self.table.get(near::camel(name));
        }
        Ok(value)
    }

    pub fn bad<T>(&self, name: &str, wanted: &str, got: &Value) -> Result<T> {
        let got = kind_of(got);
        Err(misuse(&self.who, format_args!("field `{name}` must be {wanted}, not {got}")))
    }

    pub fn invalid<T>(&self, name: &str, problem: impl std::fmt::Display) -> Result<T> {
        Err(misuse(&self.who, format_args!("field `{name}`: {problem}")))
    }

    fn missing<T>(&self, name: &str, wanted: &str) -> Result<T> {
        let keys: Vec<String> = self
            .table
            .pairs::<Value, Value>()
            .flatten()
            .filter_map(|(key, _)| match key {
                Value::String(key) => Some(key.to_string_lossy()),
                _ => None,
            })
            .collect();
        let known: Vec<&str> = keys.iter().map(String::as_str).collect();
        let hint = near::nearest(name, &known)
            .map(|near| format!("; is `{near}` meant to be it?"))
            .unwrap_or_default();
        Err(misuse(&self.who, format_args!("field `{name}` is required ({wanted}){hint}")))
    }

    pub fn opt_string(&self, name: &'static str) -> Result<Option<String>> {
        match self.get(name)? {
            Value::Nil => Ok(None),
            Value::String(text) => match text.to_str() {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => self.invalid(name, "invalid UTF-8"),
            },
            other => self.bad(name, "a string", &other),
        }
    }

    pub fn string(&self, name: &'static str) -> Result<String> {
        match self.opt_string(name)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => self.invalid(name, "must not be empty"),
            None => self.missing(name, "a string"),
        }
    }

    /// A string that may hold any bytes.
    pub fn opt_bytes(&self, name: &'static str) -> Result<Option<Vec<u8>>> {
        match self.get(name)? {
            Value::Nil => Ok(None),
            Value::String(text) => Ok(Some(text.as_bytes().to_vec())),
            other => self.bad(name, "a string", &other),
        }
    }

    pub fn opt_bool(&self, name: &'static str) -> Result<Option<bool>> {
        match self.get(name)? {
            Value::Nil => Ok(None),
            Value::Boolean(flag) => Ok(Some(flag)),
            other => self.bad(name, "true or false", &other),
        }
    }

    pub fn flag(&self, name: &'static str) -> Result<bool> {
        Ok(self.opt_bool(name)?.unwrap_or(false))
    }

    /// A whole number from 0 to `most`.
    pub fn opt_count(&self, name: &'static str, most: u64) -> Result<Option<u64>> {
        let number = match self.get(name)? {
            Value::Nil => return Ok(None),
            Value::Integer(number) => number,
            Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => number as i64,
            other => return self.bad(name, "a whole number", &other),
        };
        match u64::try_from(number) {
            Ok(number) if number <= most => Ok(Some(number)),
            _ => self.invalid(name, format_args!("must be from 0 to {most}, not {number}")),
        }
    }

    pub fn opt_function(&self, name: &'static str) -> Result<Option<Function>> {
        match self.get(name)? {
            Value::Nil => Ok(None),
            Value::Function(function) => Ok(Some(function)),
            other => self.bad(name, "a function", &other),
        }
    }

    pub fn function(&self, name: &'static str) -> Result<Function> {
        match self.opt_function(name)? {
            Some(function) => Ok(function),
            None => self.missing(name, "a function"),
        }
    }

    pub fn opt_table(&self, name: &'static str) -> Result<Option<Table>> {
        match self.get(name)? {
            Value::Nil => Ok(None),
            Value::Table(table) => Ok(Some(table)),
            other => self.bad(name, "a table", &other),
        }
    }

    /// An array of strings.
    pub fn opt_strings(&self, name: &'static str) -> Result<Option<Vec<String>>> {
        let Some(table) = self.opt_table(name)? else { return Ok(None) };
        let mut strings = Vec::new();
        for (index, item) in table.sequence_values::<Value>().enumerate() {
            match item? {
                Value::String(text) => strings.push(text.to_string_lossy()),
                other => return self.bad(&format!("{name}[{}]", index + 1), "a string", &other),
            }
        }
        Ok(Some(strings))
    }

    /// A table from strings to strings. Numbers count as their text.
    pub fn opt_string_map(&self, name: &'static str) -> Result<Option<Vec<(String, String)>>> {
        let Some(table) = self.opt_table(name)? else { return Ok(None) };
        let mut pairs = Vec::new();
        for pair in table.pairs::<Value, Value>() {
            let (key, value) = pair?;
            let Value::String(key) = &key else {
                return self.invalid(name, "its keys must be strings");
            };
            let key = key.to_string_lossy();
            match value {
                Value::String(text) => pairs.push((key, text.to_string_lossy())),
                Value::Integer(number) => pairs.push((key, number.to_string())),
                other => return self.bad(&format!("{name}.{key}"), "a string", &other),
            }
        }
        pairs.sort();
        Ok(Some(pairs))
    }

    /// Anything that is data.
    pub fn opt_data(&self, name: &'static str) -> Result<Option<Data>> {
        match self.get(name)? {
            Value::Nil => Ok(None),
            value => match scheduler::from_lua(self.lua, &value) {
                Ok(data) => Ok(Some(data)),
                Err(err) => self.invalid(name, err),
            },
        }
    }

    /// One of `choices`.
    pub fn opt_choice(
        &self,
        name: &'static str,
        choices: &[&'static str],
    ) -> Result<Option<&'static str>> {
        let Some(text) = self.opt_string(name)? else { return Ok(None) };
        match choices.iter().find(|choice| **choice == text) {
            Some(choice) => Ok(Some(choice)),
            None => {
                let hint = near::hint(&text, choices);
                let all = choices.join(", ");
                self.invalid(name, format_args!("`{text}` is none of {all}{hint}"))
            }
        }
    }
}

/// The file and the line of the Lua code that called the host.
fn caller(lua: &Lua) -> Option<(String, usize)> {
    const DEEPEST: usize = 16;
    (0..DEEPEST).find_map(|level| {
        lua.inspect_stack(level, |at| {
            let source = at.source().source?;
            Some((source.strip_prefix('@')?.to_owned(), at.current_line()?))
        })
        .flatten()
    })
}

/// A programmer's mistake in calling `who`.
pub fn misuse(who: &str, problem: impl std::fmt::Display) -> mlua::Error {
    mlua::Error::runtime(format!("{who}: {problem}"))
}

/// What a value is, for messages.
pub fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Nil => "nothing",
        other => other.type_name(),
    }
}

/// A string argument of `who`.
pub fn string_argument(who: &str, name: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => {
            Ok(text.to_str().map_err(|_| misuse(who, "invalid UTF-8"))?.to_owned())
        }
        other => {
            Err(misuse(who, format_args!("`{name}` must be a string, not {}", kind_of(other))))
        }
    }
}
