//! `zi api`: the script API, from its rows.

mod markdown;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use serde_json::{Value, json};

use crate::{
    api::{self, event_rows, types},
    modes,
};

/// Show the script API
#[derive(Debug, Parser)]
#[command(name = "zi api", no_binary_name = true)]
struct Options {
    /// Print it as JSON
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Write it as Markdown files into this folder, in place of those that are there
    #[arg(long, value_name = "DIR")]
    markdown: Option<PathBuf>,
}

/// Runs `zi api`.
pub fn run(args: &[OsString]) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(err) => {
            err.print().ok();
            return ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2));
        }
    };
    let text = match &options.markdown {
        Some(dir) => match write(dir) {
            Ok(text) => text,
            Err(err) => {
                modes::report_error(&format!("cannot write into `{}`: {err}", dir.display()));
                return ExitCode::FAILURE;
            }
        },
        None if options.json => format!("{:#}", as_json()),
        None => as_text(),
    };
    match modes::print_lines(&text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Writes the reference; files of an earlier one that it no longer has are removed.
fn write(dir: &Path) -> std::io::Result<String> {
    fs::create_dir_all(dir)?;
    let files = markdown::files();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let is_kept = files.iter().any(|(name, _)| path.ends_with(name));
        let is_ours =
            || fs::read_to_string(&path).is_ok_and(|text| text.starts_with(markdown::GENERATED));
        if !is_kept && path.is_file() && is_ours() {
            fs::remove_file(&path)?;
        }
    }
    for (name, text) in &files {
        fs::write(dir.join(name), text)?;
    }
    Ok(format!("{} files in `{}`", files.len(), dir.display()))
}

/// The API as data: its members, its events and its types.
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
    let fields = |fields: &[types::Field]| -> Vec<Value> {
        let one =
            |(name, kind, doc): &types::Field| json!({ "name": name, "type": kind, "doc": doc });
        fields.iter().map(one).collect()
    };
    let events = event_rows::ROWS.iter().map(|row| {
        json!({
            "name": row.name,
            "family": row.family.name(),
            "doc": row.doc,
            "fields": fields(row.fields),
            "returns": fields(row.returns),
            "since": api::SINCE,
        })
    });
    let classes = types::CLASSES.iter().map(
        |class| json!({ "name": class.name, "doc": class.doc, "fields": fields(class.fields) }),
    );
    json!({
        "api": 1,
        "members": members,
        "events": events.collect::<Value>(),
        "types": classes.collect::<Value>(),
    })
}

/// How scripts write a member.
pub fn full_name(space: &str, name: &str) -> String {
    let separator = if space == "run" && api::is_function(space, name) { ":" } else { "." };
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
