//! `zi api`: the script API, from its rows.

use std::{ffi::OsString, process::ExitCode};

use serde_json::{Value, json};

use crate::{api, modes};

/// Prints the API as text, or as JSON with `--json`.
pub fn run(args: &[OsString]) -> ExitCode {
    let text = match args {
        [] => as_text(),
        [flag] if flag == "--json" => format!("{:#}", as_json()),
        _ => {
            modes::report_error(&super::usage("api"));
            return ExitCode::from(2);
        }
    };
    match modes::print_lines(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The API as data: one object a member.
pub fn as_json() -> Value {
    let members: Vec<Value> = api::rows()
        .map(|(space, entry)| {
            json!({
                "name": full_name(space.name, entry.name),
                "doc": entry.doc,
                "type": entry.meta,
                "waits": entry.meta.contains("---@async"),
                "since": api::SINCE,
            })
        })
        .collect();
    json!({ "api": 1, "members": members, "events": crate::hooks::EVENTS })
}

fn full_name(space: &str, name: &str) -> String {
    let separator =
        if space == "run" && !matches!(name, "steps" | "max_steps" | "aborted" | "settings") {
            ":"
        } else {
            "."
        };
    format!("{space}{separator}{name}")
}

fn as_text() -> String {
    let mut text = String::new();
    for (space, entry) in api::rows() {
        text.push_str(&full_name(space.name, entry.name));
        text.push('\n');
        for line in entry.meta.lines() {
            text.push_str("    ");
            text.push_str(line.trim_start_matches("---@"));
            text.push('\n');
        }
        text.push_str("  ");
        text.push_str(entry.doc);
        text.push_str("\n\n");
    }
    text
}
