//! `ctx.session`: reading the session, and keeping things in it.

use std::rc::Rc;

use mlua::{Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry,
    ctx::{Call, method, unless_stale},
    errors::fail,
    fields::{Fields, string_argument},
    function_of,
};
use crate::{hooks::Event, message};

/// Most messages that one question answers.
const MAX_MESSAGES: u64 = 500;

/// What scripts find in `ctx.session`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "info",
        doc: "The session: `id`, `file`, `name`, `cwd`, `created_at`, `leaf`, `entries` (how many).",
        meta: "---@return zi.SessionInfo",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| {
                let name = call.host.session.name();
                let journal = call.host.session.journal();
                let header = journal.header();
                let info = json!({
                    "id": header.id,
                    "file": journal.file(),
                    "name": name,
                    "cwd": header.cwd,
                    "created_at": header.created_at,
                    "leaf": journal.leaf(),
                    "entries": journal.entries().len(),
                });
                scheduler::to_lua(lua, &info, Nulls::Nil)
            })
        }),
    },
    Entry {
        name: "usage",
        doc: "What the session has used, all branches together.",
        meta: "---@return zi.Usage",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| {
                let usage = call.host.session.usage();
                scheduler::to_lua(lua, &usage.to_value(), Nulls::Nil)
            })
        }),
    },
    Entry {
        name: "name",
        doc: "The name that the user gave the session.",
        meta: "---@return string?",
        bind: Bind::Ctx(|lua, call| method(lua, call, |_, call, ()| Ok(call.host.session.name()))),
    },
    Entry {
        name: "rename",
        doc: "Gives the session a name.",
        meta: "---@param name string\n---@return boolean?, zi.Error?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, rename)),
    },
    Entry {
        name: "leaf",
        doc: "The id of the entry that the next one follows.",
        meta: "---@return string?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                Ok(call.host.session.journal().leaf().map(str::to_owned))
            })
        }),
    },
    Entry {
        name: "file",
        doc: "Where the session is kept; nil until it is.",
        meta: "---@return string?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                Ok(call.host.session.file().map(|path| path.display().to_string()))
            })
        }),
    },
    Entry {
        name: "entry",
        doc: "One entry of the session, by id.",
        meta: "---@param id string\n---@return table?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, entry)),
    },
    Entry {
        name: "messages",
        doc: "The newest messages of the current branch, oldest first, each with its `entry_id`. \
              `limit` (50, at most 500), `include_tools` (true).",
        meta: "---@param opts? {limit?: integer, include_tools?: boolean}\n---@return zi.Message[]",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, messages)),
    },
    Entry {
        name: "context",
        doc: "The messages as the model would see them. `max_messages` (500), `include_tools` (true).",
        meta: "---@param opts? {max_messages?: integer, include_tools?: boolean}\n---@return zi.Message[]",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, context)),
    },
    Entry {
        name: "tool_results",
        doc: "The results of the tool `name` on the current branch, oldest first.",
        meta: "---@param name string\n---@return zi.Message[]",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, tool_results)),
    },
];

type SessionFunction = fn(&Lua, &Rc<Call>, (Value, Value)) -> Result<MultiValue>;

/// Binds a function of the session. What its arguments lack is an answer, `nil, err`, and no error.
pub(super) fn lenient(lua: &Lua, call: &Rc<Call>, f: SessionFunction) -> Result<Value> {
    let call = call.clone();
    function_of(lua, move |lua, args: (Value, Value)| {
        match unless_stale(lua, &call, |call| f(lua, call, args)) {
            Err(mlua::Error::RuntimeError(problem)) => fail(lua, "argument", problem),
            result => result,
        }
    })
}

fn one(value: Value) -> Result<MultiValue> {
    Ok(MultiValue::from_iter([value]))
}

fn entry(lua: &Lua, call: &Rc<Call>, (id, _): (Value, Value)) -> Result<MultiValue> {
    let id = string_argument("ctx.session.entry", "id", &id)?;
    let entry = call.host.session.journal().entry(&id).map(|entry| entry.to_value());
    one(match entry {
        Some(entry) => scheduler::to_lua(lua, &entry, Nulls::Nil)?,
        None => Value::Nil,
    })
}

fn tool_results(lua: &Lua, call: &Rc<Call>, (name, _): (Value, Value)) -> Result<MultiValue> {
    let name = string_argument("ctx.session.tool_results", "name", &name)?;
    let results = branch_messages(call)
        .into_iter()
        .filter(|message| message.get("tool_name").and_then(Data::as_str) == Some(name.as_str()));
    one(scheduler::to_lua(lua, &results.collect(), Nulls::Nil)?)
}

fn rename(lua: &Lua, call: &Rc<Call>, (name, _): (Value, Value)) -> Result<MultiValue> {
    let name = string_argument("ctx.session.rename", "name", &name)?;
    let appended = call.host.session.append("session_info", json!({ "name": name }));
    call.host.emit(Event::new("session_rename", json!({ "name": name })));
    match appended.problem {
        None => Ok(MultiValue::from_iter([Value::Boolean(true)])),
        Some(err) => fail(lua, "io", err),
    }
}

/// The messages of the current branch, with their entry ids.
fn branch_messages(call: &Rc<Call>) -> Vec<Data> {
    let path = call.host.session.journal().path();
    path.iter()
        .filter_map(|entry| {
            let mut message = entry.message()?.clone();
            message["entry_id"] = entry.id.clone().into();
            Some(message)
        })
        .collect()
}

fn without_tools(messages: &mut Vec<Data>) {
    messages.retain(|message| message::role(message) != "tool_result");
}

fn messages(lua: &Lua, call: &Rc<Call>, (opts, _): (Value, Value)) -> Result<MultiValue> {
    let opts = Fields::or_empty(lua, "ctx.session.messages", opts)?;
    let limit = opts.opt_count("limit", MAX_MESSAGES)?.unwrap_or(50);
    let mut messages = branch_messages(call);
    if opts.opt_bool("include_tools")? == Some(false) {
        without_tools(&mut messages);
    }
    newest(lua, messages, limit)
}

fn context(lua: &Lua, call: &Rc<Call>, (opts, _): (Value, Value)) -> Result<MultiValue> {
    let opts = Fields::or_empty(lua, "ctx.session.context", opts)?;
    let limit = opts.opt_count("max_messages", MAX_MESSAGES)?.unwrap_or(MAX_MESSAGES);
    let context = call.host.session.context();
    let mut messages: Vec<Data> = context.iter().map(|message| (**message).clone()).collect();
    if opts.opt_bool("include_tools")? == Some(false) {
        without_tools(&mut messages);
    }
    newest(lua, messages, limit)
}

fn newest(lua: &Lua, messages: Vec<Data>, limit: u64) -> Result<MultiValue> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let skip = messages.len().saturating_sub(limit);
    one(scheduler::to_lua(lua, &messages.into_iter().skip(skip).collect(), Nulls::Nil)?)
}
