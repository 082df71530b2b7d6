//! How calls of tools look where nobody draws them otherwise.

use std::time::Duration;

use serde_json::Value;
use zi_kernel::term::Modifier;

use super::{
    Content, Status, Tool, ToolKind,
    drawn::Part,
    lay::{Frame, Laid, status_mark},
};
use crate::scene::{
    format::{ansi, clean, diff, wrap},
    line::{Line, Span},
};

/// Longer results are shown in part, unless they are expanded.
const MAX_LINES: usize = 12;
const SHOWN_LINES: usize = 10;
/// The lines of a command that show.
const MAX_COMMAND_LINES: usize = 4;
/// Arguments are shown up to that length.
const MAX_ARGUMENTS: usize = 2000;
/// Lines around a change.
const CONTEXT: usize = 3;

/// What shows of a result that is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    Head,
    Tail,
}

pub(super) fn lay(tool: &Tool, frame: Frame<'_>) -> Laid {
    let mut laid = Laid::new(Vec::new(), status_mark(tool.status, frame.theme));
    laid.drawn(tool.call.as_ref(), Part::Call, frame, |laid| call(tool, frame, laid));
    if tool.status == Status::Running {
        laid.running_since = tool.started;
    }
    laid.drawn(tool.result.as_ref(), Part::Result, frame, |laid| result(tool, frame, laid));
    laid
}

/// The call in one line of text.
pub(super) fn summary(tool: &Tool) -> String {
    let subject = subject(tool);
    if subject.is_empty() { name(tool).to_owned() } else { format!("{} {subject}", name(tool)) }
}

fn name(tool: &Tool) -> &str {
    if tool.label.is_empty() { &tool.name } else { &tool.label }
}

/// What a call is about: its path, its pattern, its command, or all that it was given.
fn subject(tool: &Tool) -> String {
    let arg = |name: &str| tool.args.get(name).and_then(Value::as_str);
    match tool.kind {
        ToolKind::Shell => arg("command").map(str::to_owned),
        ToolKind::Read | ToolKind::Write | ToolKind::Edit => {
            arg("path").or_else(|| arg("file_path")).map(str::to_owned)
        }
        ToolKind::Search => arg("pattern").or_else(|| arg("query")).map(|pattern| {
            let place = arg("path").map(|path| format!(" in {path}"));
            format!("{pattern}{}", place.unwrap_or_default())
        }),
        ToolKind::Agent => arg("task").map(str::to_owned),
        ToolKind::Other => None,
    }
    .unwrap_or_else(|| arguments(&tool.args))
}

/// All arguments, short.
fn arguments(args: &Value) -> String {
    let Value::Object(fields) = args else { return String::new() };
    let mut text = String::new();
    for (name, value) in fields {
        if text.len() > MAX_ARGUMENTS {
            text.push('…');
            break;
        }
        if !text.is_empty() {
            text.push_str(", ");
        }
        let value = match value {
            Value::String(value) => crate::scene::format::head(value, MAX_ARGUMENTS).to_owned(),
            other => crate::scene::format::head(&other.to_string(), MAX_ARGUMENTS).to_owned(),
        };
        text.push_str(&format!("{name}={value}"));
    }
    text
}

fn call(tool: &Tool, frame: Frame<'_>, laid: &mut Laid) {
    let theme = frame.theme;
    let mut spans = vec![Span::new(clean::exact_line(name(tool)), theme.bold("tool"))];
    let subject = subject(tool);
    let is_command = tool.kind == ToolKind::Shell;
    if !subject.is_empty() {
        spans.push(Span::new(if is_command { " $ " } else { " " }, theme.fg("muted")));
        let shown = if is_command { clean::exact(&subject) } else { clean::exact_line(&subject) };
        spans.push(Span::new(shown, theme.fg("text")));
    }
    if let Some(note) = count(tool) {
        spans.push(Span::new(format!(" · {note}"), theme.fg("muted")));
    }
    if let Some(took) = tool.elapsed.filter(|took| *took >= Duration::from_secs(1)) {
        spans.push(Span::new(format!(" · {}", seconds(took)), theme.fg("muted")));
    }
    let many = if is_command { MAX_COMMAND_LINES } else { 1 };
    let mut options = wrap::Options::new(frame.shape.width)
        .overflow(wrap::Overflow::Ellipsis)
        .prefix(Vec::new(), vec![Span::new("  ", zi_kernel::term::Style::new())]);
    if !frame.shape.is_expanded {
        options = options.max_lines(many);
    }
    laid.lines.extend(wrap::wrap(&spans, &options));
}

/// How much a call found or did, in few words.
fn count(tool: &Tool) -> Option<String> {
    let number = |name: &str| tool.details.get(name).and_then(Value::as_u64);
    let many = |count: u64, one: &str, more: &str| {
        format!("{count} {}", if count == 1 { one } else { more })
    };
    match tool.kind {
        _ if tool.status != Status::Ok => None,
        ToolKind::Search => number("matches")
            .map(|count| many(count, "match", "matches"))
            .or_else(|| number("count").map(|count| many(count, "entry", "entries")))
            .or_else(|| Some(many(text_lines(tool), "line", "lines"))),
        ToolKind::Read => {
            match (number("first_line"), number("last_line"), number("total_lines")) {
                (Some(first), Some(last), total)
                    if first > 1 || total.is_some_and(|all| all > last) =>
                {
                    let total = total.map(|total| format!(" of {total}"));
                    Some(format!("lines {first}–{last}{}", total.unwrap_or_default()))
                }
                (_, Some(last), _) => Some(many(last, "line", "lines")),
                _ => number("count").map(|count| many(count, "entry", "entries")).or_else(|| {
                    let has_text = tool.content.iter().any(|part| matches!(part, Content::Text(_)));
                    has_text.then(|| many(text_lines(tool), "line", "lines"))
                }),
            }
        }
        ToolKind::Edit | ToolKind::Write => {
            let (added, removed) = (number("added")?, number("removed")?);
            Some(format!("+{added} −{removed}"))
        }
        _ => None,
    }
}

fn text_lines(tool: &Tool) -> u64 {
    let lines = tool.content.iter().map(|part| match part {
        Content::Text(text) => text.lines().count(),
        Content::Image(_) => 0,
    });
    lines.sum::<usize>() as u64
}

/// How long something took, or takes.
pub(super) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}

fn result(tool: &Tool, frame: Frame<'_>, laid: &mut Laid) {
    let failed = matches!(tool.status, Status::Error | Status::Blocked | Status::Aborted);
    let changes = if failed { None } else { changes(tool, frame) };
    if let Some(lines) = changes {
        shorten(lines, 0, Keep::Head, frame, laid);
        return;
    }
    // What was read or found is for the model; its count is enough for most people.
    let is_quiet =
        matches!(tool.kind, ToolKind::Read | ToolKind::Search | ToolKind::Edit | ToolKind::Write);
    let style = frame.theme.fg(if failed { "danger" } else { "tool_output" });
    for content in &tool.content {
        match content {
            Content::Text(_) if is_quiet && !failed && !frame.shape.is_expanded => {}
            Content::Text(text) if text.is_empty() => {}
            Content::Text(text) => {
                let style = if tool.kind == ToolKind::Shell {
                    frame.theme.fg("tool_output")
                } else {
                    style
                };
                let options = wrap::Options::new(frame.shape.width).mode(wrap::Mode::Char);
                let lines = ansi::lines(text.trim_end_matches('\n'), style);
                let keep = if tool.kind == ToolKind::Shell { Keep::Tail } else { Keep::Head };
                let (lines, left_out) = needed(lines, keep, frame);
                let lines: Vec<Line> =
                    lines.iter().flat_map(|line| wrap::wrap(&line.spans, &options)).collect();
                shorten(lines, left_out, keep, frame, laid);
            }
            Content::Image(picture) => laid.picture(picture, frame, frame.theme.fg("muted")),
        }
    }
    if tool.status == Status::Aborted && tool.content.is_empty() {
        laid.lines.push(frame.one_line(vec![Span::new("aborted", style)]));
    }
}

/// The lines that may show, and how many do not: those need not be wrapped.
fn needed(mut lines: Vec<Line>, keep: Keep, frame: Frame<'_>) -> (Vec<Line>, usize) {
    if frame.shape.is_expanded || lines.len() <= MAX_LINES {
        return (lines, 0);
    }
    let left_out = lines.len() - SHOWN_LINES;
    match keep {
        Keep::Head => lines.truncate(SHOWN_LINES),
        Keep::Tail => {
            lines.drain(..left_out);
        }
    }
    (lines, left_out)
}

/// What a call changes: from its result, or from what it was asked to do.
fn changes(tool: &Tool, frame: Frame<'_>) -> Option<Vec<Line>> {
    if !matches!(tool.kind, ToolKind::Edit | ToolKind::Write) {
        return None;
    }
    let options = diff::Options { width: frame.shape.width, context: CONTEXT, theme: frame.theme };
    if let Some(text) = tool.details.get("diff").and_then(Value::as_str) {
        return Some(diff::unified(text, options));
    }
    let text = |value: &Value, names: &[&str]| {
        names.iter().find_map(|name| value.get(name)?.as_str().map(str::to_owned))
    };
    if tool.kind == ToolKind::Write {
        let content = text(&tool.args, &["content"])?;
        return Some(diff::between("", &content, options));
    }
    let edits = match tool.args.get("edits") {
        Some(Value::Array(edits)) => edits.as_slice(),
        _ => std::slice::from_ref(&tool.args),
    };
    let mut lines = Vec::new();
    for edit in edits {
        let (old, new) = (
            text(edit, &["old_text", "oldText", "old_string"]).unwrap_or_default(),
            text(edit, &["new_text", "newText", "new_string"]).unwrap_or_default(),
        );
        lines.extend(diff::between(&old, &new, options));
    }
    (!lines.is_empty()).then_some(lines)
}

/// Puts the lines, or as many as show, with a note about those that do not. `left_out` were left out
/// before.
fn shorten(mut lines: Vec<Line>, left_out: usize, keep: Keep, frame: Frame<'_>, laid: &mut Laid) {
    if frame.shape.is_expanded || (left_out == 0 && lines.len() <= MAX_LINES) {
        laid.lines.extend(lines);
        return;
    }
    let more = left_out + lines.len().saturating_sub(SHOWN_LINES);
    let note = |what: &str| {
        let style = frame.theme.fg("muted").add_modifier(Modifier::ITALIC);
        frame.one_line(vec![Span::new(format!("… {more} {what} (ctrl+o)"), style)])
    };
    match keep {
        Keep::Head => {
            lines.truncate(SHOWN_LINES);
            laid.lines.extend(lines);
            laid.lines.push(note("more lines"));
        }
        Keep::Tail => {
            laid.lines.push(note("more lines above"));
            laid.lines.extend(lines.split_off(lines.len().saturating_sub(SHOWN_LINES)));
        }
    }
}
