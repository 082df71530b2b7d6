//! A session for other eyes: as a session file, as Markdown, as a page for a browser.

use serde_json::Value;

use crate::{journal::Journal, message};

/// What a session can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The journal itself, all branches; `import` reads it.
    ZiSession,
    /// The present branch, for people.
    Markdown,
    /// The present branch, as a page that runs nothing and fetches nothing.
    Html,
}

impl Format {
    pub const NAMES: &[(&str, Self)] =
        &[("zisession", Self::ZiSession), ("markdown", Self::Markdown), ("html", Self::Html)];

    /// The format that a file name's end means.
    pub fn of_name(name: &str) -> Option<Self> {
        let (_, end) = name.rsplit_once('.')?;
        match end {
            "zisession" | "jsonl" => Some(Self::ZiSession),
            "md" | "markdown" => Some(Self::Markdown),
            "html" | "htm" => Some(Self::Html),
            _ => None,
        }
    }
}

/// The session as text.
pub fn export(journal: &Journal, format: Format) -> String {
    match format {
        Format::ZiSession => {
            let entries = journal.entries().iter().map(|entry| entry.to_value());
            let lines = std::iter::once(journal.header().to_value()).chain(entries);
            lines.map(|line| format!("{line}\n")).collect()
        }
        Format::Markdown => {
            let parts = parts(journal).into_iter().map(|part| {
                let body = if part.is_verbatim { fenced(&part.text) } else { part.text };
                format!("## {}\n\n{}\n", part.title, body.trim_end())
            });
            std::iter::once(format!("# {}\n", title(journal)))
                .chain(parts)
                .collect::<Vec<_>>()
                .join("\n")
        }
        Format::Html => html(journal),
    }
}

/// A piece of the conversation, as people see it.
struct Part {
    title: String,
    text: String,
    /// Output of programs and the like, which is no prose.
    is_verbatim: bool,
}

fn title(journal: &Journal) -> String {
    let path = journal.path();
    let named = path.iter().rev().find(|entry| entry.kind == "session_info");
    let name = named.and_then(|entry| entry.data.get("name")).and_then(Value::as_str);
    name.map_or_else(|| format!("Session {}", journal.header().id), str::to_owned)
}

fn parts(journal: &Journal) -> Vec<Part> {
    let path = journal.path();
    let messages = path.iter().filter_map(|entry| entry.message());
    messages.flat_map(parts_of).collect()
}

fn parts_of(message: &Value) -> Vec<Part> {
    let role = message::role(message);
    let text = |name: &str| message.get(name).and_then(Value::as_str).unwrap_or_default();
    let title = match role {
        "user" => "User".to_owned(),
        "assistant" => format!("Assistant ({})", text("model")),
        "tool_result" => format!("Result of {}", text("tool_name")),
        other => other.to_owned(),
    };
    let is_verbatim = role == "tool_result";
    let block = |block: Value| match message::block_type(&block) {
        "text" => {
            let text = block["text"].as_str().unwrap_or_default().to_owned();
            Some(Part { title: title.clone(), text, is_verbatim })
        }
        "tool_call" => Some(Part {
            title: format!("Call of {}", block["name"].as_str().unwrap_or_default()),
            text: format!("{:#}", block["arguments"]),
            is_verbatim: true,
        }),
        "image" => Some(Part {
            title: title.clone(),
            text: format!("[an image, {}]", block["media_type"].as_str().unwrap_or("?")),
            is_verbatim,
        }),
        _ => None,
    };
    message::blocks(message).into_iter().filter_map(block).collect()
}

/// A fence that is longer than any in the text.
fn fenced(text: &str) -> String {
    let longest = text.lines().map(|line| line.chars().take_while(|c| *c == '`').count()).max();
    let fence = "`".repeat(longest.unwrap_or(0).max(2) + 1);
    format!("{fence}\n{}\n{fence}", text.trim_end())
}

/// Everything of the session is text between tags, never a tag or an attribute.
fn html(journal: &Journal) -> String {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n\
         body {{ max-width: 50rem; margin: 2rem auto; padding: 0 1rem; font: 1rem/1.5 sans-serif }}\n\
         pre {{ white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .5rem }}\n\
         div {{ white-space: pre-wrap }}\n</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        escaped(&title(journal))
    );
    for part in parts(journal) {
        let tag = if part.is_verbatim { "pre" } else { "div" };
        let (title, text) = (escaped(&part.title), escaped(part.text.trim_end()));
        page.push_str(&format!("<h2>{title}</h2>\n<{tag}>{text}</{tag}>\n"));
    }
    page.push_str("</body>\n</html>\n");
    page
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(c),
            // No page may hold other control characters.
            c if c.is_control() => escaped.push('\u{FFFD}'),
            c => escaped.push(c),
        }
    }
    escaped
}
