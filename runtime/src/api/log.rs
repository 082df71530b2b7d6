//! `zi.log`: the extension's own log, `<state>/logs/<id>.log`.

use mlua::{Lua, MultiValue, Result, Value};

use super::{Bind, Entry, VmData, function_of};

/// What scripts find in `zi.log`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "debug",
        doc: "Logs details.",
        meta: META,
        bind: Bind::Zi(|lua| logger(lua, "debug")),
    },
    Entry {
        name: "info",
        doc: "Logs what happens.",
        meta: META,
        bind: Bind::Zi(|lua| logger(lua, "info")),
    },
    Entry {
        name: "warn",
        doc: "Logs what is odd.",
        meta: META,
        bind: Bind::Zi(|lua| logger(lua, "warning")),
    },
    Entry {
        name: "error",
        doc: "Logs what failed.",
        meta: META,
        bind: Bind::Zi(|lua| logger(lua, "error")),
    },
];

const META: &str = "---@param ... any";

fn logger(lua: &Lua, level: &'static str) -> Result<Value> {
    function_of(lua, move |lua, args: MultiValue| write(lua, level, args))
}

/// `print` goes to the log: standard output belongs to the mode.
pub(super) fn print(lua: &Lua, args: MultiValue) -> Result<()> {
    write(lua, "print", args)
}

fn write(lua: &Lua, level: &str, args: MultiValue) -> Result<()> {
    let parts: Result<Vec<String>> = args.iter().map(Value::to_string).collect();
    line(lua, level, &parts?.join("\t"))
}

/// Appends to the extension's log.
pub(super) fn line(lua: &Lua, level: &str, text: &str) -> Result<()> {
    let data = VmData::of(lua)?;
    crate::logs::write(&*data.host()?, &data.owner().id, level, text);
    Ok(())
}
