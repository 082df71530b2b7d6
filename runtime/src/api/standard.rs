//! Lua's own `io` and `os`: the same, but away from the terminal and from keys.

use mlua::{Function, Lua, Result};

use super::{VmData, env, log};

/// Puts the guarded functions in place of Lua's.
pub(super) fn install(lua: &Lua) -> Result<()> {
    let write = lua.create_function(|lua, (level, text): (String, mlua::LuaString)| {
        log::line(lua, &level, &text.to_string_lossy())
    })?;
    let getenv = lua.create_function(env::env)?;
    let secrets = lua.create_function(|lua, ()| Ok(VmData::of(lua)?.host()?.secret_variables()))?;
    let setup: Function = lua.load(include_str!("standard.lua")).set_name("=zi").into_function()?;
    setup.call((write, getenv, secrets))
}
