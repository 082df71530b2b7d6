//! `ctx.ui`: dialogs. They are Lua on the rest of the API: the module `zi.dialog`, in the VM of
//! whoever asks.

use std::rc::Rc;

use mlua::{Function, Lua, Result, Table, Value};

use super::{Bind, Entry, ctx::Call, make_ctx};

/// What scripts find in `ctx.ui` besides, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "select",
        doc: "Has the user choose from a list, which is filtered as they type. Answers the value of \
              the item (its label, if it has none) and its place; with `multiple` an array of values. \
              Nil when they leave it. `title`, `items`, `selected`, `multiple`, `filter` (true), \
              `text` above the list, `preview(item)`, which answers a text, `timeout_ms`.",
        meta: "---@async\n---@param options zi.SelectOptions\n---@return any, integer?",
        bind: Bind::Ctx(|lua, call| dialog(lua, call, "select")),
    },
    Entry {
        name: "confirm",
        doc: "Asks a question that is answered by yes or no: true, false, or nil when they leave it. \
              `title`, `text`, `yes`, `no`, `default` (false), `tone`, `timeout_ms`.",
        meta: "---@async\n---@param options zi.ConfirmOptions\n---@return boolean?",
        bind: Bind::Ctx(|lua, call| dialog(lua, call, "confirm")),
    },
    Entry {
        name: "input",
        doc: "Has the user write a line. Answers it, or nil when they leave it. `title`, `text`, \
              `value`, `placeholder`, `password`, `timeout_ms`.",
        meta: "---@async\n---@param options zi.InputOptions\n---@return string?",
        bind: Bind::Ctx(|lua, call| dialog(lua, call, "input")),
    },
    Entry {
        name: "edit",
        doc: "Has the user work on a text of several lines. Answers it, or nil when they leave it. \
              `title`, `text`, `timeout_ms`.",
        meta: "---@async\n---@param options {title?: string, text?: string, timeout_ms?: integer}\n---@return string?",
        bind: Bind::Ctx(|lua, call| dialog(lua, call, "edit")),
    },
    Entry {
        name: "open",
        doc: "Opens an address in the browser, once the user has agreed. Answers whether it was \
              opened.",
        meta: "---@async\n---@param url string\n---@return boolean?, zi.Error?",
        bind: Bind::Ctx(|lua, call| dialog(lua, call, "open")),
    },
];

/// A function of `zi.dialog`, bound to a call.
fn dialog(lua: &Lua, call: &Rc<Call>, name: &'static str) -> Result<Value> {
    let require: Function = lua.globals().get("require")?;
    let module: Table = require.call("zi.dialog")?;
    let function: Function = module.get(name)?;
    let ctx = make_ctx(lua, Call::clone(call))?;
    let bind: Function = lua
        .load("local f, ctx = ... return function(options) return f(ctx, options) end")
        .set_name("=zi")
        .into_function()?;
    bind.call((function, ctx))
}
