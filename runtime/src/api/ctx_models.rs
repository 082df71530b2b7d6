//! `ctx.models`: which models there are, and which one is used.

use std::rc::Rc;

use mlua::{Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry,
    ctx::{Call, method},
    errors::fail,
    fields::{misuse, string_argument},
};
use crate::{
    cli::REASONING_LEVELS,
    hooks::Event,
    host::lock,
    models::{self, Model},
};

/// What scripts find in `ctx.models`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "list",
        doc: "All models of all providers.",
        meta: "---@return zi.Model[]",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| {
                let all: Vec<Data> =
                    models::all(&call.host.registry).iter().map(Model::to_value).collect();
                scheduler::to_lua(lua, &all.into(), Nulls::Nil)
            })
        }),
    },
    Entry {
        name: "current",
        doc: "The model in use.",
        meta: "---@return zi.Model?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| match call.host.model() {
                Some(model) => scheduler::to_lua(lua, &model.to_value(), Nulls::Nil),
                None => Ok(Value::Nil),
            })
        }),
    },
    Entry {
        name: "get",
        doc: "The model that `ref` means: an id, `provider/id`, a part that only one has, or a table \
              with `provider` and `id`.",
        meta: "---@param ref string|{provider: string, id: string}\n---@return zi.Model?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, reference: Value| {
                match resolve(call, "ctx.models.get", &reference)? {
                    Ok(model) => {
                        let model = scheduler::to_lua(lua, &model.to_value(), Nulls::Nil)?;
                        Ok(MultiValue::from_iter([model]))
                    }
                    Err(err) => fail(lua, "not_found", err),
                }
            })
        }),
    },
    Entry {
        name: "select",
        doc: "Uses the model that `ref` means from the next request on.",
        meta: "---@param ref string|{provider: string, id: string}\n---@return zi.Model?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, select)),
    },
    Entry {
        name: "reasoning",
        doc: "The thinking level; with an argument, sets it first: `off`, `minimal`, `low`, \
              `medium`, `high`, `xhigh`.",
        meta: "---@param level? string\n---@return string",
        bind: Bind::Ctx(|lua, call| method(lua, call, reasoning)),
    },
];

/// The model that a script means.
pub(super) fn resolve(
    call: &Rc<Call>,
    who: &str,
    reference: &Value,
) -> Result<std::result::Result<Model, models::ModelError>> {
    let registry = &call.host.registry;
    match reference {
        Value::Table(table) => {
            let id: Option<String> = table.get("id")?;
            let provider: Option<String> = table.get("provider")?;
            let id = id.ok_or_else(|| misuse(who, "a model table needs `id`"))?;
            Ok(models::resolve(registry, provider.as_deref(), &id))
        }
        other => {
            let text = string_argument(who, "ref", other)?;
            Ok(models::resolve(registry, None, &text))
        }
    }
}

fn select(lua: &Lua, call: &Rc<Call>, reference: Value) -> Result<MultiValue> {
    let model = match resolve(call, "ctx.models.select", &reference)? {
        Ok(model) => model,
        Err(err) => return fail(lua, "not_found", err),
    };
    let previous = lock(&call.host.selection).model.replace(model.clone());
    if previous.as_ref() != Some(&model) {
        call.host
            .session
            .append("model_change", json!({ "provider": model.provider, "model": model.id }));
        call.host.emit(Event::new(
            "model_select",
            json!({
                "model": model.to_value(),
                "previous_model": previous.map(|previous| previous.to_value()),
                "source": "set",
            }),
        ));
    }
    let model = scheduler::to_lua(lua, &model.to_value(), Nulls::Nil)?;
    Ok(MultiValue::from_iter([model]))
}

fn reasoning(_: &Lua, call: &Rc<Call>, level: Value) -> Result<String> {
    if !level.is_nil() {
        let level = string_argument("ctx.models.reasoning", "level", &level)?;
        if !REASONING_LEVELS.contains(&level.as_str()) {
            let all = REASONING_LEVELS.join(", ");
            return Err(misuse("ctx.models.reasoning", format_args!("`{level}` is none of {all}")));
        }
        lock(&call.host.selection).reasoning = Some(level.clone());
        call.host.session.append("reasoning_change", json!({ "reasoning": level }));
        call.host.emit(Event::new("reasoning_select", json!({ "reasoning": level })));
    }
    Ok(call.host.reasoning().unwrap_or_else(|| "off".into()))
}
