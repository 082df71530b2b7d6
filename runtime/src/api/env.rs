//! `zi.env`, `zi.version`, `zi.os`, `zi.dirs`: where the extension runs.

use mlua::{Lua, Result, Value};
use serde_json::json;
use zi_kernel::scheduler::{self, Nulls};

use super::{Bind, Entry, VmData, fields::string_argument, plain};

/// What scripts find in `zi`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "env",
        doc: "A variable of the environment; nil when it is not set or holds a provider's key.",
        meta: "---@param name string\n---@return string?",
        bind: Bind::Zi(|lua| plain(lua, env)),
    },
    Entry {
        name: "version",
        doc: "The version of zi.",
        meta: "---@type string",
        bind: Bind::Zi(|lua| lua.create_string(env!("CARGO_PKG_VERSION")).map(Value::String)),
    },
    Entry {
        name: "os",
        doc: "The operating system, as `linux` or `macos`.",
        meta: "---@type string",
        bind: Bind::Zi(|lua| lua.create_string(std::env::consts::OS).map(Value::String)),
    },
    Entry {
        name: "executable",
        doc: "This program, as a path: `zi.system({zi.executable, \"ext\", \"list\"})`.",
        meta: "---@type string",
        bind: Bind::Zi(|lua| {
            let path = std::env::current_exe().map_err(mlua::Error::external)?;
            lua.create_string(path.to_string_lossy().as_bytes()).map(Value::String)
        }),
    },
    Entry {
        name: "dirs",
        doc: "The user's directories: `config`, `data`, `state`, `cache`.",
        meta: "---@type {config: string, data: string, state: string, cache: string}",
        bind: Bind::Zi(|lua| {
            let host = VmData::of(lua)?.host()?;
            let dirs = &host.dirs;
            let dirs = json!({
                "config": dirs.config, "data": dirs.data, "state": dirs.state, "cache": dirs.cache,
            });
            scheduler::to_lua(lua, &dirs, Nulls::Nil)
        }),
    },
];

pub(super) fn env(lua: &Lua, name: Value) -> Result<Option<String>> {
    let name = string_argument("zi.env", "name", &name)?;
    let host = VmData::of(lua)?.host()?;
    if host.secret_variables().contains(&name) {
        return Ok(None);
    }
    Ok(std::env::var(name).ok())
}
