//! `ctx.extensions`: which extensions there are, what they cost, and reading them again.

use std::{rc::Rc, sync::atomic::Ordering};

use mlua::{Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry,
    ctx::{Call, method, waiting_method},
    errors::fail,
    fields::{Fields, string_argument},
};
use crate::{
    extensions::{Extension, LoadProblem},
    host::{Host, lock},
};

/// What scripts find in `ctx.extensions`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "list",
        doc: "The extensions in their order of precedence: `id`, `source`, `entry`, `version`, \
              `description`, `state` (`loaded`, or `failed` with `error`), `generation`, and for loaded \
              ones `memory` (bytes of Lua), `busy_ms` (time that its code ran), `calls`, `pending` \
              (calls that wait or run), `errors`, `tools`, `commands`, `providers`, `handlers`.",
        meta: "---@return zi.ExtensionState[]",
        bind: Bind::Ctx(|lua, call| method(lua, call, list)),
    },
    Entry {
        name: "reload",
        doc: "Does what `ctx.reload` does and waits for it: `loaded` and `removed` are ids, `failed` \
              has `{id, error}`. Nothing is shown to the user.",
        meta: "---@async\n---@param id? string\n---@return {loaded: string[], removed: string[], failed: {id: string, error: string}[]}",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, reload)),
    },
    Entry {
        name: "log",
        doc: "The end of the log of the extension `id`, or of `zi` itself: `lines` of it (200; at most \
              10,000).",
        meta: "---@async\n---@param id string\n---@param opts? {lines?: integer}\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, log)),
    },
];

/// Most of a log that is read for its last lines.
const MAX_LOG_BYTES: u64 = 4 << 20;

async fn log(lua: Lua, call: Rc<Call>, (id, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "ctx.extensions.log";
    let id = string_argument(WHO, "id", &id)?;
    let lines = Fields::or_empty(&lua, WHO, opts)?.opt_count("lines", 10_000)?.unwrap_or(200);
    let path = crate::logs::path(&call.host.dirs.state, &id);
    let target = path.clone();
    let read = offload(async move {
        let work = move || read_end(&target, usize::try_from(lines).unwrap_or(usize::MAX));
        tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Ok(String::new()))
    });
    match read.await? {
        Ok(text) => Ok(MultiValue::from_iter([Value::String(lua.create_string(text)?)])),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => {
            fail(&lua, "not_found", format_args!("`{id}` has written no log"))
        }
        Err(err) => fail(&lua, "io", format_args!("cannot read `{}`: {err}", path.display())),
    }
}

/// The last lines of a file.
fn read_end(path: &std::path::Path, lines: usize) -> std::io::Result<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(MAX_LOG_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let all: Vec<&str> = text.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

fn list(lua: &Lua, call: &Rc<Call>, (): ()) -> Result<Value> {
    let (loaded, failed) = lock(&call.host.loaded).clone();
    let loaded = loaded.iter().map(|one| state(&call.host, one));
    let failed = failed.iter().map(|problem| {
        json!({
            "id": problem.id,
            "source": problem.source.name(),
            "state": "failed",
            "error": problem.failure.message,
        })
    });
    let all: Data = loaded.chain(failed).collect();
    scheduler::to_lua(lua, &all, Nulls::Nil)
}

/// An extension as data.
pub(crate) fn state(host: &Host, one: &std::sync::Arc<Extension>) -> Data {
    let counts = host.registry.counts(one);
    let mut state = json!({
        "id": one.id,
        "source": one.source().name(),
        "entry": one.entry,
        "version": one.manifest.version,
        "description": one.manifest.description,
        "state": "loaded",
        "generation": one.generation,
        "errors": one.errors(),
        "tools": counts.tools,
        "commands": counts.commands,
        "providers": counts.providers,
        "handlers": counts.handlers,
    });
    if let Some(vm) = one.vm() {
        let stats = vm.stats();
        state["memory"] = stats.memory.load(Ordering::Relaxed).into();
        state["busy_ms"] = (stats.busy_us.load(Ordering::Relaxed) as f64 / 1000.0).into();
        state["calls"] = stats.calls.load(Ordering::Relaxed).into();
        state["pending"] = stats.pending.load(Ordering::Relaxed).into();
    }
    state
}

async fn reload(lua: Lua, call: Rc<Call>, id: Option<String>) -> Result<Value> {
    let (host, id) = (call.host.clone(), id.filter(|id| !id.is_empty()));
    // It goes on when the caller is cancelled: half a change would be worse.
    let done = call.host.io.spawn(async move { host.reload(id.as_deref()).await });
    let done = offload(done).await?.map_err(mlua::Error::external)?;
    let failed =
        |problem: &LoadProblem| json!({ "id": problem.id, "error": problem.failure.message });
    let report = json!({
        "loaded": done.loaded,
        "removed": done.removed,
        "failed": done.failed.iter().map(failed).collect::<Data>(),
    });
    scheduler::to_lua(&lua, &report, Nulls::Nil)
}
