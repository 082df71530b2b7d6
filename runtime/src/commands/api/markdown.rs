//! The reference as Markdown: a file for each namespace, the events, the types, and an index.

use super::full_name;
use crate::api::{
    self, Entry, NAMESPACES, Signature,
    event_rows::{Family, ROWS},
    types::{CLASSES, Field},
};

/// How every file begins.
pub const GENERATED: &str =
    "<!-- Made by `zi api --markdown`: change the rows in `runtime/src/api/`, not this file. -->\n";

/// Every file: its name and its text.
pub fn files() -> Vec<(String, String)> {
    let mut files = vec![("README.md".to_owned(), index())];
    files.extend(spaces().into_iter().map(|name| (format!("{name}.md"), namespace(name))));
    files.push(("events.md".to_owned(), events()));
    files.push(("types.md".to_owned(), types()));
    files
}

/// The names of the namespaces, each once.
fn spaces() -> Vec<&'static str> {
    let mut names: Vec<&str> = Vec::new();
    for space in NAMESPACES {
        if !names.contains(&space.name) {
            names.push(space.name);
        }
    }
    names
}

fn doc_of(space: &str) -> String {
    let parts = NAMESPACES.iter().filter(|it| it.name == space).map(|it| it.doc);
    parts.collect::<Vec<_>>().join(" ")
}

fn index() -> String {
    let mut text = format!(
        "{GENERATED}# The script API\n\nWhat Lua finds in `zi`, in the `ctx` of a call and in the `run` of a \
         loop. A type with `?` may be nil; \"waits\" marks a function that other work goes on beside. \
         The [guide](../guide/README.md) shows how the parts fit together.\n\n| | | members |\n|---|---|---|\n"
    );
    for space in spaces() {
        let members = api::rows().filter(|(row, _)| row.name == space);
        let names: Vec<String> = members.map(|(_, entry)| format!("`{}`", entry.name)).collect();
        text.push_str(&format!(
            "| [`{space}`]({space}.md) | {} | {} |\n",
            doc_of(space),
            names.join(" ")
        ));
    }
    text.push_str("\n- [Events](events.md): what handlers hear of, and what they may answer\n");
    text.push_str("- [Types](types.md): the fields of the tables that functions take and answer\n");
    text
}

fn namespace(space: &str) -> String {
    let mut text = format!("{GENERATED}# `{space}`\n\n{}\n", doc_of(space));
    for (_, entry) in api::rows().filter(|(row, _)| row.name == space) {
        text.push_str(&member(space, entry));
    }
    text
}

fn member(space: &str, entry: &Entry) -> String {
    let name = full_name(space, entry.name);
    let signature = Signature::read(entry.meta);
    let since = api::SINCE;
    let line = match signature.value {
        Some(kind) => format!("{name}: {kind}"),
        None => {
            let arguments: Vec<String> =
                signature.params.iter().map(|(name, kind)| format!("{name}: {kind}")).collect();
            let answers = match signature.returns.join(", ") {
                none if none.is_empty() => String::new(),
                some => format!("\n  → {some}"),
            };
            format!("{name}({}){answers}", arguments.join(", "))
        }
    };
    let waits = if signature.waits { "Waits. " } else { "" };
    format!("\n## `{name}`\n\n```text\n{line}\n```\n\n{}\n\n{waits}Since {since}.\n", entry.doc)
}

fn events() -> String {
    let mut text = format!(
        "{GENERATED}# Events\n\n`zi.on(name, handler)` has `handler(event, ctx)` called. Every event has its name \
         in `type`. [How handlers run](../guide/events.md) says in which order, and what happens when one \
         fails.\n\n- **observer**: hears of what has happened. What it answers is ignored.\n- **interceptor**: \
         comes before something happens, one handler after the other. With \"first answer\" the first \
         one that answers counts; with \"fails closed\" a handler that fails blocks.\n- **reserved**: a \
         handler may be registered; this version does not fire it.\n"
    );
    for row in ROWS {
        text.push_str(&format!("\n## `{}`\n\n*{}.* {}\n", row.name, row.family.name(), row.doc));
        if row.family == Family::Reserved {
            continue;
        }
        text.push_str(&table("field", row.fields));
        if !row.returns.is_empty() {
            text.push_str(&table("may answer", row.returns));
        }
    }
    text
}

fn types() -> String {
    let mut text = format!(
        "{GENERATED}# Types\n\nThe fields of the tables and values that the API names. A name with `?` may be \
         missing. `zi.Ctx` is [`ctx`](ctx.md), `zi.Run` is [`run`](run.md), `zi.event.NAME` is an \
         [event](events.md).\n"
    );
    for class in CLASSES {
        text.push_str(&format!("\n## `{}`\n\n{}\n", class.name, class.doc));
        text.push_str(&table("field", class.fields));
    }
    text
}

fn table(what: &str, fields: &[Field]) -> String {
    let mut text = format!("\n| {what} | type | |\n|---|---|---|\n");
    for (name, kind, doc) in fields {
        let kind = kind.replace('|', "\\|");
        text.push_str(&format!("| `{name}` | `{kind}` | {doc} |\n"));
    }
    text
}
