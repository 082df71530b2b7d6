//! The Lua that extensions find: the plain language with three differences.
//!
//! - Code is text: nothing loads bytecode, and `string.dump` is absent.
//! - `debug` is `traceback` and `getinfo`; there are no C modules; `os.exit` raises.
//! - `coroutine.resume`, `coroutine.wrap` and `require` let the code inside wait.

use std::rc::Rc;

use mlua::{Function, LightUserData, Lua, LuaOptions, Result, StdLib, Value};

/// Finds the source of a module: its text and the path that its errors should name.
pub type ModuleFinder = Rc<dyn Fn(&str) -> Option<(Vec<u8>, String)>>;

struct Finder(ModuleFinder);

/// Sets where `require` looks before Lua's own path.
pub fn set_module_finder(lua: &Lua, finder: ModuleFinder) {
    lua.set_app_data(Finder(finder));
}

/// Makes a VM that keeps up to `thread_pool` idle coroutines, with everything closed that would
/// break memory safety, and with waiting made to work inside coroutines.
pub(super) fn create(thread_pool: usize) -> Result<Lua> {
    let options = LuaOptions::new().catch_rust_panics(true).thread_pool_size(thread_pool);
    // SAFETY: what could break memory safety (`debug`, C loaders, bytecode) is cut down below,
    // before any foreign code is loaded.
    #[allow(unsafe_code, reason = "the full library is needed to cut `debug` down to what is safe")]
    let lua = unsafe { Lua::unsafe_new_with(StdLib::ALL, options) };
    let find = lua.create_function(|lua, name: String| {
        let finder = lua.app_data_ref::<Finder>().map(|kept| kept.0.clone());
        match finder.and_then(|find| find(&name)) {
            Some((source, path)) => Ok((Some(lua.create_string(source)?), Some(path))),
            None => Ok((None, None)),
        }
    })?;
    let pending: LightUserData = Lua::poll_pending();
    let setup: Function = lua.load(include_str!("sandbox.lua")).set_name("=zi").into_function()?;
    setup.call::<()>((Value::LightUserData(pending), find))?;
    Ok(lua)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandboxed() -> Lua {
        create(0).expect("a VM is made")
    }

    #[test]
    fn bytecode_is_refused_by_every_loader() {
        let lua = sandboxed();
        lua.load(
            r#"
            local bytecode = "\27Lua\x54"
            local chunk, err = load(bytecode)
            assert(chunk == nil and err:find("binary"), err)
            chunk, err = load(bytecode, "x", "b")
            assert(chunk == nil and err:find("binary"), err)
            local parts = { bytecode }
            chunk, err = load(function() return table.remove(parts) end)
            assert(chunk == nil and err:find("binary"), err)
            assert(string.dump == nil and debug.sethook == nil and package.loadlib == nil)
            "#,
        )
        .exec()
        .expect("text chunks only");
    }

    #[test]
    fn load_keeps_its_environment_argument() {
        let lua = sandboxed();
        let value: i64 = lua
            .load(r#"return load("return x", "chunk", "t", { x = 7 })()"#)
            .eval()
            .expect("load works");
        assert_eq!(value, 7);
        let none: Value = lua
            .load(r#"x = 1; local f = load("return x", "chunk", "t", nil); return (pcall(f))"#)
            .eval()
            .expect("load works");
        assert_eq!(none, Value::Boolean(false), "an explicit nil environment has no globals");
    }

    #[test]
    fn exit_raises() {
        let err = sandboxed().load("os.exit(0)").exec().expect_err("os.exit raises");
        assert!(err.to_string().contains("os.exit"), "{err}");
    }
}
