//! `ctx.editor`: the editor of prompts.

use std::rc::Rc;

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Value};
use tokio::sync::oneshot;
use zi_kernel::scheduler::offload;

use super::{
    Bind, Entry,
    ctx::{Call, method, waiting_method},
    ctx_ui::{bounded, request},
    errors::fail,
};
use crate::scene::{EditorRequest, UiRequest};

/// Longest text that can be put into the editor at once.
const MAX_TEXT_BYTES: usize = 4 << 20;

/// What scripts find in `ctx.editor`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "set_text",
        doc: "Puts a text in place of the draft. The user can undo it.",
        meta: "---@param text string\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, text: Value| {
                let text = bounded("ctx.editor.set_text", "text", &text, MAX_TEXT_BYTES)?;
                request(lua, call, UiRequest::Editor(EditorRequest::SetText(text)))
            })
        }),
    },
    Entry {
        name: "insert_text",
        doc: "Inserts a text where the caret is.",
        meta: "---@param text string\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, text: Value| {
                let text = bounded("ctx.editor.insert_text", "text", &text, MAX_TEXT_BYTES)?;
                request(lua, call, UiRequest::Editor(EditorRequest::InsertText(text)))
            })
        }),
    },
    Entry {
        name: "clear",
        doc: "Empties the editor. The user can undo it.",
        meta: "---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| {
                request(lua, call, UiRequest::Editor(EditorRequest::Clear))
            })
        }),
    },
    Entry {
        name: "text",
        doc: "What is in the editor.",
        meta: "---@async\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, text)),
    },
];

async fn text(lua: Lua, call: Rc<Call>, (): ()) -> Result<MultiValue> {
    let (answer, asked) = oneshot::channel();
    call.host.front.ui(UiRequest::Editor(EditorRequest::Text(answer)));
    match offload(asked).await? {
        Ok(text) => text.into_lua_multi(&lua),
        Err(_) => fail(&lua, "gone", "there is no editor any more"),
    }
}
