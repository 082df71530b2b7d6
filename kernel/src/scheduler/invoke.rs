//! Calling a Lua function and keeping what it raised.

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Value};

/// What a Lua function raised: the value itself, its text and where it came from.
#[derive(Debug)]
pub struct LuaFailure {
    /// The raised value; a table keeps its fields.
    pub value: Value,
    /// The value as text, never empty. A text without a place gets that of the Lua code that raised
    /// it in front, as `file:line:`.
    pub message: String,
    /// The stack at the moment of the raise.
    pub traceback: String,
}

/// The key under which a VM keeps its protected call.
struct Protected(Function);

/// Calls `function` and waits for it. The outer error is the host's (cancelled, out of memory); the
/// inner one is what Lua raised.
pub async fn invoke(
    lua: &Lua,
    function: &Function,
    args: impl IntoLuaMulti,
) -> mlua::Result<Result<MultiValue, LuaFailure>> {
    let protected = match lua.app_data_ref::<Protected>() {
        Some(kept) => kept.0.clone(),
        None => make_protected(lua)?,
    };
    let mut call = args.into_lua_multi(lua)?;
    call.push_front(Value::Function(function.clone()));
    let mut answer: MultiValue = protected.call_async(call).await?;
    if answer.pop_front().is_some_and(|ok| ok.as_boolean() == Some(true)) {
        return Ok(Ok(answer));
    }
    let value = answer.pop_front().unwrap_or(Value::Nil);
    let message = answer.pop_front().and_then(|text| text.to_string().ok());
    let traceback = answer.pop_front().and_then(|text| text.to_string().ok());
    Ok(Err(LuaFailure {
        message: message
            .filter(|text| !text.is_empty())
            .unwrap_or_else(|| value.type_name().into()),
        traceback: traceback.unwrap_or_default(),
        value,
    }))
}

/// Makes `protected(f, …)` → `true, results…` or `false, value, text, traceback`. It is Lua, because
/// a host panic on its way through must not be touched by host code.
fn make_protected(lua: &Lua) -> mlua::Result<Function> {
    let protected: Function = lua
        .load(
            r#"
            local xpcall, pcall, type, tostring = xpcall, pcall, type, tostring
            local traceback = debug.traceback
            local function describe(raised)
              return { raised = raised, traceback = traceback("", 2) }
            end
            local function text_of(raised)
              local ok, text = pcall(tostring, raised)
              if not ok or type(text) ~= "string" then return type(raised) end
              if type(raised) == "userdata" then
                text = text:gsub("\nstack traceback:.*", ""):gsub("^runtime error: ", "")
              end
              return text
            end
            local function placed(raised, traceback)
              local text = text_of(raised)
              if type(raised) == "table" or text:find("^[^\n]-:%d+: ") then return text end
              for place in traceback:gmatch("\n\t(%S+:%d+): in") do
                if place:sub(1, 3) ~= "zi:" and place:sub(1, 2) ~= "__" then return place .. ": " .. text end
              end
              return text
            end
            local function settle(ok, ...)
              if ok then return true, ... end
              local failure = ...
              if type(failure) ~= "table" then return false, failure, text_of(failure), "" end
              local raised, traceback = failure.raised, failure.traceback
              return false, raised, placed(raised, traceback), traceback
            end
            return function(f, ...) return settle(xpcall(f, describe, ...)) end
            "#,
        )
        .set_name("=zi")
        .call(())?;
    lua.set_app_data(Protected(protected.clone()));
    Ok(protected)
}
