//! `zi.fs.watch`: hearing of changes.

use mlua::{Lua, MultiValue, Result, Value};

use super::{
    Bind, Entry, VmData,
    errors::fail,
    fields::{Fields, kind_of, misuse, string_argument},
    path::expand,
    plain, task,
};
use crate::watch::Watch;

/// What scripts find in `zi.fs`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "watch",
    doc: "Calls `fn(paths)` when files below `path` have changed, with the paths that did, in one call \
          for what happens together (100 ms). `recursive` (true) looks into folders. Ends with the \
          task's `cancel()` or the extension.",
    meta: "---@param path string\n---@param fn fun(paths: string[])\n---@param opts? {recursive?: boolean}\n---@return zi.Task?, zi.Error?",
    bind: Bind::Zi(|lua| plain(lua, watch)),
}];

fn watch(lua: &Lua, (path, function, opts): (Value, Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.watch";
    if VmData::of(lua)?.is_loading() {
        return Err(misuse(WHO, "not available while loading"));
    }
    let path = expand(lua, &string_argument(WHO, "path", &path)?)?;
    let Value::Function(function) = function else {
        let kind = kind_of(&function);
        return Err(misuse(WHO, format_args!("`fn` must be a function, not {kind}")));
    };
    let recursive = Fields::or_empty(lua, WHO, opts)?.opt_bool("recursive")?.unwrap_or(true);
    let mut watch = match Watch::start(&[path], recursive) {
        Ok(watch) => watch,
        Err(problem) => return fail(lua, "io", problem),
    };
    let task = task::repeat(lua, WHO, function, async move |lua: &Lua| {
        let paths = watch.next().await;
        let paths = paths.iter().map(|path| path.display().to_string());
        lua.create_sequence_from(paths).map(Value::Table)
    })?;
    Ok(MultiValue::from_iter([task]))
}
