//! `ctx.session`: other sessions, and moving within this one. A change is queued and made when no
//! run goes on.

use std::{path::PathBuf, rc::Rc};

use mlua::{IntoLua, IntoLuaMulti, Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry,
    ctx::{Call, waiting_method},
    ctx_session::lenient,
    errors::fail,
    fields::{Fields, string_argument},
    fs::blocking,
};
use crate::{
    host::lock,
    message,
    paths::{slug, write_private},
    session_export::{self, Format},
    sessions::Change,
};

/// Most sessions that one question answers.
const MAX_SESSIONS: u64 = 500;

/// What scripts find in `ctx.session`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "new",
        doc: "Starts a new session when no run goes on. Like every change of session it may be \
              declined by a handler, ends with `session_shutdown` for the old one, gives every \
              extension a fresh VM and begins with `session_start`.",
        meta: "---@return {status: string}?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            lenient(lua, call, |lua, call, _| queue(lua, call, Change::New))
        }),
    },
    Entry {
        name: "switch",
        doc: "Goes to the session that a file, or the start of an id, means.",
        meta: "---@param ref string\n---@return {status: string}?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            lenient(lua, call, |lua, call, (reference, _)| {
                let reference = string_argument("ctx.session.switch", "ref", &reference)?;
                queue(lua, call, Change::Switch(reference))
            })
        }),
    },
    Entry {
        name: "fork",
        doc: "Goes to a new session that begins with the branch up to the entry `entry_id`.",
        meta: "---@param entry_id string\n---@return {status: string}?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            lenient(lua, call, |lua, call, (entry, _)| {
                let entry = string_argument("ctx.session.fork", "entry_id", &entry)?;
                known(lua, call, &entry, Change::Fork(entry.clone()))
            })
        }),
    },
    Entry {
        name: "navigate",
        doc: "Moves to another entry of the session: what is said next follows it. nil is before the \
              first. With `summarize`, a handler of `session_before_tree` may leave a summary of the \
              branch that is left; `instructions` are for it.",
        meta: "---@param entry_id string?\n---@param opts? {summarize?: boolean, instructions?: string}\n---@return {status: string}?, zi.Error?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, navigate)),
    },
    Entry {
        name: "compact",
        doc: "Replaces the older part of the context by a summary.",
        meta: "---@param opts? {instructions?: string}\n---@return {status: string}?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            lenient(lua, call, |lua, call, (opts, _)| {
                let opts = Fields::or_empty(lua, "ctx.session.compact", opts)?;
                let instructions = opts.opt_string("instructions")?;
                queue(lua, call, Change::Compact { instructions })
            })
        }),
    },
    Entry {
        name: "export",
        doc: "Writes the session to a file: as `zisession` (all of it, for `import`), `markdown` or \
              `html` (the present branch, for people). `format` follows from the end of `path` when it \
              is left out. Answers the path.",
        meta: "---@async\n---@param options {path: string, format?: string}\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, export)),
    },
    Entry {
        name: "import",
        doc: "Copies a session file in among the sessions of this directory, under an id of its own. \
              Answers its file, for `switch`.",
        meta: "---@async\n---@param path string\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, import)),
    },
    Entry {
        name: "list",
        doc: "The sessions on disk, the newest first: `id`, `file`, `cwd`, `name`, `first_message`, \
              `messages`, `bytes`, `created_at`, `updated_at`, `parent_session`. Sessions of more than \
              64 KiB are read at their ends only, and `messages` is nil for them. Those of this \
              directory, or with `cwd = \"*\"` all; `query` looks into name, first message, id and directory; `limit` \
              (50, at most 500).",
        meta: "---@async\n---@param filter? {cwd?: string, query?: string, limit?: integer}\n---@return table[]",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, list)),
    },
    Entry {
        name: "tree",
        doc: "The session's entries as a tree: `{id, parent_id, type, role, text, at, label, leaf}` in \
              the order of the journal; `text` is a line of at most 200 characters, `leaf` is true on \
              the entry that the next one follows.",
        meta: "---@return table[]",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, tree)),
    },
];

fn queue(lua: &Lua, call: &Rc<Call>, change: Change) -> Result<MultiValue> {
    lock(&call.host.queues).changes.push_back(change);
    call.host.wake.notify_one();
    let status = lua.create_table_from([("status", "queued")])?;
    Ok(MultiValue::from_iter([status.into_lua(lua)?]))
}

/// Queues a change that names an entry, if there is one of that id.
fn known(lua: &Lua, call: &Rc<Call>, entry: &str, change: Change) -> Result<MultiValue> {
    if call.host.session.journal().entry(entry).is_none() {
        return fail(lua, "not_found", format_args!("there is no entry `{entry}`"));
    }
    queue(lua, call, change)
}

fn navigate(lua: &Lua, call: &Rc<Call>, (target, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "ctx.session.navigate";
    let opts = Fields::or_empty(lua, WHO, opts)?;
    let (summarize, instructions) = (opts.flag("summarize")?, opts.opt_string("instructions")?);
    let target = match &target {
        Value::Nil => None,
        target => Some(string_argument(WHO, "entry_id", target)?),
    };
    let change = Change::Navigate { target: target.clone(), summarize, instructions };
    match target {
        Some(target) => known(lua, call, &target, change),
        None => queue(lua, call, change),
    }
}

async fn export(lua: Lua, call: Rc<Call>, options: Value) -> Result<MultiValue> {
    let fields = Fields::new(&lua, "ctx.session.export", options)?;
    let name = fields.string("path")?;
    let names: Vec<&'static str> = Format::NAMES.iter().map(|(name, _)| *name).collect();
    let format = match fields.opt_choice("format", &names)? {
        Some(name) => Format::NAMES.iter().find(|(known, _)| *known == name).map(|(_, it)| *it),
        None => Format::of_name(&name),
    };
    let Some(format) = format else {
        return fields.invalid("format", format_args!("is one of {}", names.join(", ")));
    };
    drop(fields);
    let path = call.host.cwd.join(&name);
    let text = session_export::export(&call.host.session.journal(), format);
    let target = path.clone();
    match blocking(move || write_private(&target, text.as_bytes())).await? {
        Ok(()) => path.display().to_string().into_lua_multi(&lua),
        Err(err) => fail(&lua, "io", format_args!("cannot write `{}`: {err}", path.display())),
    }
}

async fn import(lua: Lua, call: Rc<Call>, path: Value) -> Result<MultiValue> {
    let name = string_argument("ctx.session.import", "path", &path)?;
    let (host, path) = (call.host.clone(), call.host.cwd.join(name));
    let imported = offload(async move {
        let dir = crate::startup::session_dir(&host).await;
        let work = move || host.import_session(&path, &dir);
        tokio::task::spawn_blocking(work).await
    });
    match imported.await?.map_err(mlua::Error::external)? {
        Ok(file) => file.display().to_string().into_lua_multi(&lua),
        Err(err) => fail(&lua, "io", err),
    }
}

async fn list(lua: Lua, call: Rc<Call>, filter: Value) -> Result<Value> {
    let fields = Fields::or_empty(&lua, "ctx.session.list", filter)?;
    let query = fields.opt_string("query")?.unwrap_or_default();
    let limit = fields.opt_count("limit", MAX_SESSIONS)?.unwrap_or(50);
    let cwd = fields.opt_string("cwd")?;
    drop(fields);
    let host = call.host.clone();
    let found = offload(async move {
        let dir = match cwd.as_deref() {
            Some("*") => None,
            Some(cwd) => Some(host.dirs.state.join("sessions").join(slug(&PathBuf::from(cwd)))),
            None => Some(crate::startup::session_dir(&host).await),
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let work = move || host.list_sessions(dir.as_deref(), &query, limit);
        tokio::task::spawn_blocking(work).await.unwrap_or_default()
    })
    .await?;
    scheduler::to_lua(&lua, &Data::Array(found), Nulls::Nil)
}

fn tree(lua: &Lua, call: &Rc<Call>, _: (Value, Value)) -> Result<MultiValue> {
    let (entries, leaf) = {
        let journal = call.host.session.journal();
        (journal.entries().to_vec(), journal.leaf().map(str::to_owned))
    };
    let labels = super::ctx_session_keep::label_table(&entries);
    let nodes = entries.iter().filter(|entry| entry.kind != "leaf").map(|entry| {
        let message = entry.message();
        let text = match message {
            Some(message) => message::text(message),
            None => entry.data.get("summary").and_then(Data::as_str).unwrap_or_default().to_owned(),
        };
        let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
        json!({
            "id": entry.id,
            "parent_id": entry.parent_id,
            "type": entry.kind,
            "role": message.map(message::role),
            "tool_name": message.and_then(|message| message.get("tool_name")),
            "text": line.chars().take(200).collect::<String>(),
            "at": entry.at,
            "label": labels.get(&entry.id).map(|(_, label)| label),
            "leaf": leaf.as_deref() == Some(entry.id.as_str()),
        })
    });
    let nodes = scheduler::to_lua(lua, &nodes.collect(), Nulls::Nil)?;
    Ok(MultiValue::from_iter([nodes]))
}
