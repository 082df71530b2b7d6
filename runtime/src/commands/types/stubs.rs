//! The stubs: the API as LuaLS reads it.

use crate::api::{
    self, Entry, NAMESPACES, Signature,
    event_rows::{EventRow, Family, ROWS},
    types::{CLASSES, Field},
};

/// How every stub begins.
pub const HEAD: &str = "---@meta\n-- Made by `zi types`; it writes this file anew.\n";

/// The globals of a spec, and of every extension.
pub const GLOBALS: &[&str] =
    &["zi", "describe", "it", "pending", "before_each", "after_each", "expect", "fail"];

/// Every stub: its name and its text.
pub fn files() -> Vec<(&'static str, String)> {
    vec![
        ("zi.lua", format!("{HEAD}{}", spaces("zi"))),
        ("ctx.lua", format!("{HEAD}{}", spaces("ctx"))),
        ("run.lua", format!("{HEAD}{}", spaces("run"))),
        ("events.lua", events()),
        ("types.lua", types()),
    ]
}

/// The namespace `root` and those within it.
fn spaces(root: &str) -> String {
    let inner = |name: &str| name.strip_prefix(root).is_some_and(|rest| rest.starts_with('.'));
    let mut names: Vec<&str> = Vec::new();
    for space in NAMESPACES {
        if (space.name == root || inner(space.name)) && !names.contains(&space.name) {
            names.push(space.name);
        }
    }
    names.into_iter().map(space).collect()
}

/// The class of a namespace.
fn class_of(space: &str) -> String {
    match space.split_once('.') {
        _ if space == "run" => "zi.Run".into(),
        _ if space == "ctx" => "zi.Ctx".into(),
        Some(("ctx", inner)) => format!("zi.Ctx.{inner}"),
        _ => space.into(),
    }
}

fn space(name: &'static str) -> String {
    let rows = || api::rows().filter(|(row, _)| row.name == name).map(|(_, entry)| entry);
    let docs = NAMESPACES.iter().filter(|row| row.name == name).map(|row| row.doc);
    let mut text = format!("\n--- {}\n", docs.collect::<Vec<_>>().join(" "));
    text.push_str(&format!("---@class {}\n", class_of(name)));
    for entry in rows() {
        if let Some(kind) = Signature::read(entry.meta).value {
            text.push_str(&format!("---@field {} {kind} {}\n", entry.name, entry.doc));
        }
    }
    for inner in NAMESPACES.iter().map(|row| row.name) {
        let own = inner.strip_prefix(name).and_then(|rest| rest.strip_prefix('.'));
        if let Some(own) = own.filter(|own| !own.contains('.')) {
            let line = format!("---@field {own} {}\n", class_of(inner));
            if !text.contains(&line) {
                text.push_str(&line);
            }
        }
    }
    // A table that is no global has a local name: only its class is seen.
    let table = name.rsplit('.').next().unwrap_or(name);
    let local = if name == "zi" { "" } else { "local " };
    text.push_str(&format!("{local}{table} = {{}}\n"));
    for entry in rows().filter(|entry| Signature::read(entry.meta).value.is_none()) {
        text.push_str(&function(name, table, entry));
    }
    text
}

fn function(space: &str, table: &str, entry: &Entry) -> String {
    let signature = Signature::read(entry.meta);
    let mut text = format!("\n--- {}\n", entry.doc);
    if (space, entry.name) == ("zi", "on") {
        ROWS.iter().for_each(|row| text.push_str(&overload(row)));
    }
    for line in entry.meta.lines() {
        text.push_str(&format!("{line}\n"));
    }
    let names: Vec<&str> =
        signature.params.iter().map(|(name, _)| name.trim_end_matches('?')).collect();
    let separator = if space == "run" { ":" } else { "." };
    let arguments = names.join(", ");
    text.push_str(&format!("function {table}{separator}{}({arguments}) end\n", entry.name));
    text
}

/// `zi.on` for one event, so that its handler knows the fields.
fn overload(row: &EventRow) -> String {
    let name = row.name;
    let event = if row.family == Family::Reserved { "table".into() } else { event_class(name) };
    let answer = match row.returns {
        [] => String::new(),
        _ => format!(": {}.answer?", event_class(name)),
    };
    format!(
        "---@overload fun(event: \"{name}\", handler: async fun(event: {event}, ctx: zi.Ctx){answer}): {{off: fun(self)}}\n"
    )
}

fn event_class(name: &str) -> String {
    format!("zi.event.{name}")
}

fn events() -> String {
    let mut text = HEAD.to_owned();
    for row in ROWS.iter().filter(|row| row.family != Family::Reserved) {
        let class = event_class(row.name);
        text.push_str(&format!("\n--- {}\n---@class {class}\n", row.doc));
        text.push_str(&format!("---@field type \"{}\"\n", row.name));
        text.push_str(&fields(row.fields));
        if !row.returns.is_empty() {
            text.push_str(&format!("\n---@class {class}.answer\n{}", fields(row.returns)));
        }
    }
    text
}

fn types() -> String {
    let mut text = HEAD.to_owned();
    for class in CLASSES {
        text.push_str(&format!("\n--- {}\n---@class {}\n", class.doc, class.name));
        text.push_str(&fields(class.fields));
    }
    text
}

fn fields(fields: &[Field]) -> String {
    let line = |(name, kind, doc): &Field| format!("---@field {name} {kind} {doc}\n");
    fields.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The names of types in `text`: `zi.Error`, `zi.spec.Run`, `zi.event.input`.
    fn names(text: &str) -> BTreeSet<String> {
        let starts = text.match_indices("zi.").filter(|(at, _)| {
            !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_')
        });
        let whole = starts.map(|(at, _)| {
            let end = text[at..].find(|c: char| !c.is_alphanumeric() && !matches!(c, '.' | '_'));
            &text[at..end.map_or(text.len(), |end| at + end)]
        });
        let is_type = |name: &&str| {
            name.starts_with("zi.event.")
                || name.rsplit('.').next().is_some_and(|last| last.starts_with(char::is_uppercase))
        };
        whole.filter(is_type).map(str::to_owned).collect()
    }

    #[test]
    fn every_type_that_a_row_names_is_declared_and_every_declared_one_is_named() {
        let rows: String = api::rows().map(|(_, entry)| format!("{}\n", entry.meta)).collect();
        let types = |fields: &[Field]| -> String {
            fields.iter().map(|(_, kind, _)| format!("{kind}\n")).collect()
        };
        let events: String =
            ROWS.iter().flat_map(|row| [types(row.fields), types(row.returns)]).collect();
        let inner: String = CLASSES.iter().map(|class| types(class.fields)).collect();
        let used = names(&format!("{rows}{events}{inner}"));
        let mut declared: BTreeSet<String> =
            CLASSES.iter().map(|class| class.name.to_owned()).collect();
        assert_eq!(declared.len(), CLASSES.len(), "a type is declared twice");
        declared.extend(["zi.Ctx".into(), "zi.Run".into()]);
        let is_event = |name: &&String| name.starts_with("zi.event.");
        for name in used.iter().filter(is_event) {
            let event = name.trim_start_matches("zi.event.");
            assert!(ROWS.iter().any(|row| row.name == event), "{name} is no event");
        }
        let used: BTreeSet<String> = used.iter().filter(|name| !is_event(name)).cloned().collect();
        assert!(used.len() > 30, "only {used:?} were found");
        assert_eq!(used, declared);
    }

    #[test]
    fn the_stubs_are_lua() {
        let lua = mlua::Lua::new();
        for (name, text) in files() {
            lua.load(text).set_name(name).exec().expect("it runs");
        }
        let has: bool = lua.load("return type(zi.tool) == 'function'").eval().expect("it runs");
        assert!(has);
    }
}
