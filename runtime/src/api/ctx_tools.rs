//! `ctx.tools`: which tools there are, and calling them.

use std::rc::Rc;

use mlua::{Lua, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry,
    ctx::{Call, method, waiting_method},
    fields::{misuse, string_argument},
};
use crate::{host::lock, message::ToolCall};

/// What scripts find in `ctx.tools`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "list",
        doc: "All tools, sorted by name: `name`, `label`, `description`, `kind`, `parameters`, \
              `extension`, `active`.",
        meta: "---@return zi.ToolInfo[]",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| {
                let active = active(call);
                let tools: Vec<Data> = call
                    .host
                    .registry
                    .tools()
                    .iter()
                    .map(|tool| {
                        json!({
                            "name": tool.name,
                            "label": tool.label,
                            "description": tool.description,
                            "kind": tool.kind,
                            "parameters": tool.parameters,
                            "extension": tool.execute.owner.id,
                            "active": active.contains(&tool.name),
                        })
                    })
                    .collect();
                scheduler::to_lua(lua, &tools.into(), Nulls::Nil)
            })
        }),
    },
    Entry {
        name: "active",
        doc: "The names of the tools that the model may use.",
        meta: "---@return string[]",
        bind: Bind::Ctx(|lua, call| method(lua, call, |_, call, ()| Ok(active(call)))),
    },
    Entry {
        name: "set_active",
        doc: "Lets the model use these tools only, from the next request on; nil allows all.",
        meta: "---@param names string[]?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, names: Option<Vec<String>>| {
                lock(&call.host.selection).tools = names;
                Ok(())
            })
        }),
    },
    Entry {
        name: "call",
        doc: "Calls a tool, past the same checks as the model's own calls. Answers its result; a \
              refusal or a failure is a result with `is_error`.",
        meta: "---@async\n---@param name string\n---@param params? table\n---@return zi.ToolResult",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, call_tool)),
    },
];

fn active(call: &Rc<Call>) -> Vec<String> {
    call.host.active_tools().iter().map(|tool| tool.name.clone()).collect()
}

async fn call_tool(lua: Lua, call: Rc<Call>, (name, params): (Value, Value)) -> Result<Value> {
    const WHO: &str = "ctx.tools.call";
    let name = string_argument(WHO, "name", &name)?;
    let arguments = match &params {
        Value::Nil => json!({}),
        params => match scheduler::from_lua(&lua, params)
            .map_err(|err| misuse(WHO, format_args!("`params`: {err}")))?
        {
            Data::Array(items) if items.is_empty() => json!({}),
            data => data,
        },
    };
    let id = format!("ext_{}", crate::journal::new_id());
    let tool_call = ToolCall { id, name, arguments, fault: None };
    let (host, signal) = (call.host.clone(), call.signal.clone());
    let outcome =
        offload(async move { host.dispatch(&tool_call, "extension", &signal).await }).await?;
    let mut result = outcome.result.to_value();
    result["outcome"] = outcome.outcome.name().into();
    scheduler::to_lua(&lua, &result, Nulls::Nil)
}
