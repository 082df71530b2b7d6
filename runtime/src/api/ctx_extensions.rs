//! `ctx.extensions`: which extensions there are, what they cost, and reading them again.

use std::{rc::Rc, sync::atomic::Ordering};

use mlua::{Lua, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry,
    ctx::{Call, method, waiting_method},
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
];

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
