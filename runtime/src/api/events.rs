//! Events as handlers see them: a table that also answers camelCase names, and whose large fields
//! are only made when they are read.

use std::sync::Arc;

use mlua::{Function, Lua, Result, Table, Value};
use serde_json::Value as Data;
use zi_kernel::scheduler::{self, Nulls};

use crate::{hooks::Event, near};

struct CamelCase(Table);

/// Makes the event table for a handler.
pub fn event_argument(lua: &Lua, event: &Event) -> Result<Table> {
    let table = lua.create_table_with_capacity(0, event.fields.len() + 1)?;
    table.raw_set("type", event.name.as_str())?;
    for (key, value) in &event.fields {
        // What a handler may hand back keeps its nulls; as nil they would be lost on the way.
        let nulls = match (key.as_str(), value) {
            (_, Data::Null) => Nulls::Nil,
            ("input" | "request" | "messages", _) => Nulls::Sentinel,
            _ => Nulls::Nil,
        };
        table.raw_set(key.as_str(), scheduler::to_lua(lua, value, nulls)?)?;
    }
    if event.lazy.is_empty() {
        table.set_metatable(Some(camel_case(lua)?))?;
        return Ok(table);
    }
    let mut own = Vec::new();
    for (name, make) in &event.lazy {
        match name.split_once('.') {
            None => own.push((*name, make.clone())),
            // A field of a field: `assistantMessageEvent.partial`.
            Some((outer, inner)) => {
                if let Value::Table(outer) = table.raw_get(outer)? {
                    make_lazy(lua, &outer, vec![(inner, make.clone())])?;
                }
            }
        }
    }
    make_lazy(lua, &table, own)?;
    Ok(table)
}

type Lazy = Arc<dyn Fn() -> Data + Send + Sync>;

/// Has the fields of `lazy` made when they are first read.
fn make_lazy(lua: &Lua, table: &Table, lazy: Vec<(&'static str, Lazy)>) -> Result<()> {
    let meta = lua.create_table()?;
    let index = lua.create_function(move |lua, (table, key): (Table, Value)| {
        let Value::String(key) = &key else { return Ok(Value::Nil) };
        let key = key.to_string_lossy();
        match find_lazy(&lazy, &key) {
            Some(make) => {
                let value = scheduler::to_lua(lua, &make(), Nulls::Nil)?;
                table.raw_set(key, value.clone())?;
                Ok(value)
            }
            None => other_case(&table, &key),
        }
    })?;
    meta.raw_set("__index", index)?;
    table.set_metatable(Some(meta))
}

fn find_lazy(lazy: &[(&'static str, Lazy)], key: &str) -> Option<Lazy> {
    lazy.iter().find(|(name, _)| *name == key).map(|(_, make)| make.clone())
}

/// The metatable that answers `toolName` with `tool_name`, and the other way round.
fn camel_case(lua: &Lua) -> Result<Table> {
    if let Some(kept) = lua.app_data_ref::<CamelCase>() {
        return Ok(kept.0.clone());
    }
    let meta = lua.create_table()?;
    let index: Function = lua.create_function(|_, (table, key): (Table, Value)| match &key {
        Value::String(key) => other_case(&table, &key.to_string_lossy()),
        _ => Ok(Value::Nil),
    })?;
    meta.raw_set("__index", index)?;
    lua.set_app_data(CamelCase(meta.clone()));
    Ok(meta)
}

fn other_case(table: &Table, key: &str) -> Result<Value> {
    let snake = near::snake(key);
    if snake != key {
        return table.raw_get(snake);
    }
    let camel = near::camel(key);
    if camel != key { table.raw_get(camel) } else { Ok(Value::Nil) }
}
