//! `ctx.ui`: views, frames and notices.

use std::{rc::Rc, time::Duration};

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Value};
use zi_kernel::{
    scheduler::{self, offload},
    surface,
};

use super::{
    Bind, Entry,
    ctx::{Call, method, waiting_method},
    errors::fail,
    event_argument,
    fields::{Fields, kind_of, misuse, string_argument},
};
use crate::{
    hooks,
    scene::{
        UiRequest,
        format::clean,
        mail::{MAX_VIEWS, Opened, Renderer},
        notify::{Level, Notice},
        tree::{MAX_ID_BYTES, Rendering, View},
    },
    surfaces::MAX_SURFACES,
};

/// Longest text of a notice.
const MAX_NOTICE_BYTES: usize = 16 * 1024;
/// Longest text that goes to the clipboard.
const MAX_COPY_BYTES: usize = 1 << 20;
/// Longest title of the terminal.
const MAX_TITLE_BYTES: usize = 1024;
/// Longest time that can be waited for.
const MAX_WAIT_MS: u64 = 7 * 24 * 3600 * 1000;

/// What scripts find in `ctx.ui`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "render",
        doc: "Shows a view, in place of the extension's view of the same `id`; with `remove` it takes \
              it away. A spec that is not right is not drawn: the error says where the fault is, and \
              the view stays as it was.",
        meta: "---@param spec zi.View\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, render)),
    },
    Entry {
        name: "wait",
        doc: "Waits for the next `ui` event of a view. Answers nil when the view is gone, and nil and \
              an error of kind `timeout` when the time is over. Handlers of `ui` get the event too. \
              The time that an interceptor waits so for a view with `focus` does not count.",
        meta: "---@async\n---@param view string\n---@param opts? {timeout_ms?: integer}\n---@return table?, zi.Error?",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, wait)),
    },
    Entry {
        name: "frame",
        doc: "Publishes a picture to a `surface` node of a view that is shown. `rgba8888` has four \
              bytes for each pixel, `halfblock_rgb` six for each cell: the upper half and the lower \
              one. The newest counts.",
        meta: "---@param frame {view: string, node: string, width: integer, height: integer, format: string, data: string}\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, frame)),
    },
    Entry {
        name: "notify",
        doc: "Shows a notice in the corner for some seconds. One with the same `id` is replaced; the \
              same text again is counted. `progress` keeps it, with a spinner, until it is `done` or \
              cleared.",
        meta: "---@param text string\n---@param opts? zi.NotifyOptions\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, notify)),
    },
    Entry {
        name: "notify_clear",
        doc: "Takes the extension's notice of that id away; without one, all of them.",
        meta: "---@param id? string\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, notify_clear)),
    },
    Entry {
        name: "title",
        doc: "Sets the title of the terminal's window.",
        meta: "---@param text string\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, title)),
    },
    Entry {
        name: "copy",
        doc: "Puts a text of at most 1 MiB on the clipboard. Only a call that the user caused may: a \
              command, a key, a `ui` event, or code that `ctx.ui.wait` told of one; others get an \
              error of kind `refused`.",
        meta: "---@param text string\n---@return true?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, copy)),
    },
];

/// Sends a request to the screen, and answers true. What a replaced build asks is not done.
pub(super) fn request(lua: &Lua, call: &Call, request: UiRequest) -> Result<MultiValue> {
    if !call.owner.is_active() {
        return fail(lua, "stale", "this build of the extension was replaced");
    }
    call.host.front.ui(request);
    true.into_lua_multi(lua)
}

fn render(lua: &Lua, call: &Rc<Call>, spec: Value) -> Result<MultiValue> {
    let read = match scheduler::from_lua(lua, &spec) {
        Ok(data) => View::parse(&data).map_err(|fault| fault.to_string()),
        Err(err) => Err(err.to_string()),
    };
    let owner = call.owner.clone();
    match read {
        Ok(Rendering::Remove { id }) => {
            call.host.mailboxes.close(&owner, &id);
            request(lua, call, UiRequest::Remove { owner, id })
        }
        Ok(Rendering::Show(view)) => {
            if !owner.is_active() {
                return fail(lua, "stale", "this build of the extension was replaced");
            }
            let by = Renderer { call: call.number, seen: call.seen };
            let opened = call.host.mailboxes.open(&owner, &view.id, view.focus, by);
            if opened == Opened::TooMany {
                let text = format!("ctx.ui.render: {MAX_VIEWS} views are shown already");
                return fail(lua, "limit", text);
            }
            let is_update = opened == Opened::Still;
            request(lua, call, UiRequest::Render { owner, view, seen: call.seen, is_update })
        }
        Err(problem) => {
            let text = format!("ctx.ui.render: {problem}");
            crate::logs::write(&call.host, &owner.id, "error", &text);
            fail(lua, "invalid", text)
        }
    }
}

async fn wait(lua: Lua, call: Rc<Call>, (view, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "ctx.ui.wait";
    let view = string_argument(WHO, "view", &view)?;
    let limit = Fields::or_empty(&lua, WHO, opts)?.opt_count("timeout_ms", MAX_WAIT_MS)?;
    let asks = call.host.mailboxes.asks(&call.owner, &view);
    let _held = asks.then(|| call.patience.hold());
    let (host, owner, number) = (call.host.clone(), call.owner.clone(), call.number);
    let sleep = limit.map(|ms| {
        let span = Duration::from_millis(ms);
        (call.host.frozen_sleep(span), span)
    });
    let event = offload(async move {
        let timeout = async {
            match sleep {
                None => std::future::pending().await,
                Some((Some(frozen), _)) => frozen.await,
                Some((None, span)) => tokio::time::sleep(span).await,
            }
        };
        let event = tokio::select! {
            biased;
            event = host.mailboxes.next(owner.generation, &view, number) => Some(event),
            () = timeout => None,
        };
        // Who reads an event has seen all edits up to it.
        if let Some(Some(event)) = &event
            && let Some(edit) = event.fields.get("edit").and_then(serde_json::Value::as_u64)
        {
            let generation = owner.generation;
            host.front.ui(UiRequest::Seen { generation, view, edit });
        }
        event
    });
    match event.await? {
        Some(Some(event)) => {
            if hooks::is_by_user(&event) {
                call.heard_user();
            }
            event_argument(&lua, &event)?.into_lua_multi(&lua)
        }
        Some(None) => Value::Nil.into_lua_multi(&lua),
        None => {
            fail(&lua, "timeout", format_args!("nothing happened within {} ms", limit.unwrap_or(0)))
        }
    }
}

fn frame(lua: &Lua, call: &Rc<Call>, frame: Value) -> Result<MultiValue> {
    const WHO: &str = "ctx.ui.frame";
    const FORMATS: [(&str, surface::Format); 2] =
        [("rgba8888", surface::Format::Rgba), ("halfblock_rgb", surface::Format::HalfblockRgb)];
    let fields = Fields::new(lua, WHO, frame)?;
    let (view, node) = (fields.string("view")?, fields.string("node")?);
    fields.string("format")?;
    let name = fields.opt_choice("format", &FORMATS.map(|(name, _)| name))?;
    let format = FORMATS.iter().find(|(format, _)| Some(*format) == name);
    let format = format.map_or(surface::Format::Rgba, |(_, format)| *format);
    let side = |name| match fields.opt_count(name, u64::from(u32::MAX))? {
        Some(side) => Ok(side),
        None => fields.invalid(name, "is required (a whole number)"),
    };
    let (width, height) = (side("width")?, side("height")?);
    let Some(data) = fields.opt_bytes("data")? else {
        return fields.invalid("data", "is required (a string of bytes)");
    };
    if !call.owner.is_active() || !call.host.mailboxes.is_open(&call.owner, &view) {
        return fail(lua, "not_found", format_args!("{WHO}: no view `{view}` is shown"));
    }
    let most = surface::MAX_FRAME_BYTES;
    if data.len() > most {
        let text = format!("{WHO}: {} bytes of data, at most {most} are shown", data.len());
        return fail(lua, "too_large", text);
    }
    match surface::Frame::new(format, width, height, data) {
        Err(fault) => fail(lua, "invalid", format_args!("{WHO}: {fault}")),
        Ok(frame) => match call.host.surfaces.open(&call.owner, &view, &node) {
            Some(slot) => {
                slot.put(frame);
                true.into_lua_multi(lua)
            }
            None => {
                fail(lua, "limit", format_args!("{WHO}: {MAX_SURFACES} surfaces are drawn already"))
            }
        },
    }
}

fn notify(lua: &Lua, call: &Rc<Call>, (text, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "ctx.ui.notify";
    let text = bounded(WHO, "text", &text, MAX_NOTICE_BYTES)?;
    let fields = Fields::or_empty(lua, WHO, opts)?;
    let level = fields.opt_choice("level", &Level::NAMES.map(|(name, _)| name))?;
    let level = Level::NAMES.iter().find(|(name, _)| Some(*name) == level);
    let (progress, share) = match fields.get("progress")? {
        Value::Nil => (false, None),
        Value::Boolean(progress) => (progress, None),
        Value::Integer(share) => (true, Some((share as f64).clamp(0.0, 1.0))),
        Value::Number(share) => (true, Some(share.clamp(0.0, 1.0))),
        other => return fields.bad("progress", "true, false or a number from 0 to 1", &other),
    };
    let id = fields.opt_string("id")?;
    if id.as_ref().is_some_and(|id| id.len() > MAX_ID_BYTES) {
        return fields.invalid("id", format_args!("has more than {MAX_ID_BYTES} bytes"));
    }
    let short = |name| -> Result<Option<String>> {
        let text = fields.opt_string(name)?;
        Ok(text.map(|text| text.chars().take(200).collect()))
    };
    let notice = Notice {
        text,
        id,
        group: short("group")?,
        title: short("title")?,
        annote: short("annote")?,
        level: level.map(|(_, level)| *level).unwrap_or_default(),
        progress,
        share: share.filter(|share| !share.is_nan()),
        done: fields.flag("done")?,
        ttl: fields.opt_count("ttl_ms", MAX_WAIT_MS)?.map(Duration::from_millis),
    };
    request(lua, call, UiRequest::Notify { owner: call.owner.clone(), notice })
}

fn notify_clear(lua: &Lua, call: &Rc<Call>, id: Value) -> Result<MultiValue> {
    let id = match &id {
        Value::Nil => None,
        id => Some(string_argument("ctx.ui.notify_clear", "id", id)?),
    };
    request(lua, call, UiRequest::NotifyClear { owner: call.owner.clone(), id })
}

fn title(lua: &Lua, call: &Rc<Call>, text: Value) -> Result<MultiValue> {
    let text = bounded("ctx.ui.title", "text", &text, MAX_TITLE_BYTES)?;
    let text = text.replace(char::is_control, " ");
    request(lua, call, UiRequest::Title(clean::prose(&text).into_owned()))
}

fn copy(lua: &Lua, call: &Rc<Call>, text: Value) -> Result<MultiValue> {
    let text = string_argument("ctx.ui.copy", "text", &text)?;
    if !call.is_by_user() {
        let problem = "the clipboard is written only for what the user does: from a command, a key or \
                       an event of a view";
        return fail(lua, "refused", problem);
    }
    if text.len() > MAX_COPY_BYTES {
        let problem = format!("{} bytes are too many for the clipboard", text.len());
        return fail(lua, "too_large", problem);
    }
    request(lua, call, UiRequest::Copy { owner: call.owner.clone(), text })
}

/// A text argument of at most `most` bytes.
pub(super) fn bounded(who: &str, name: &str, value: &Value, most: usize) -> Result<String> {
    let text = match value {
        Value::Integer(_) | Value::Number(_) => value.to_string()?,
        Value::String(_) => string_argument(who, name, value)?,
        other => {
            let got = kind_of(other);
            return Err(misuse(who, format_args!("`{name}` must be a string, not {got}")));
        }
    };
    if text.len() > most {
        let size = text.len();
        return Err(misuse(who, format_args!("`{name}` has {size} bytes, at most {most}")));
    }
    Ok(text)
}
