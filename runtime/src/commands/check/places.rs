//! Where in a file something is.

use std::path::{Path, PathBuf};

use super::lexer::{Kind, Token, tokens};
use crate::extensions::CallFailure;

/// A text with its tokens.
#[derive(Debug)]
pub struct Text {
    tokens: Vec<Token>,
}

impl Text {
    pub fn new(text: &str) -> Self {
        Self { tokens: tokens(text) }
    }

    /// The line of the field that `path` leads to, in the table of the call in `line`; as far as the
    /// way is written down.
    pub fn field(&self, line: usize, path: &[String]) -> usize {
        let start = self.tokens.iter().position(|token| token.line >= line).unwrap_or(0);
        let mut at = start;
        let mut found = line;
        for (depth, name) in path.iter().enumerate() {
            let next = self.key(at, name);
            // A table that was made before the call is further up.
            let next = if depth == 0 { next.or_else(|| self.key(0, name)) } else { next };
            let Some(next) = next else { break };
            found = self.tokens[next].line;
            at = next + 1;
        }
        found
    }

    /// The line of the field that a message names, else `line`.
    pub fn named_field(&self, line: usize, message: &str) -> usize {
        let meant = message.split("; is `").nth(1).and_then(|rest| rest.split('`').next());
        let named = message.split("field `").nth(1).and_then(|rest| rest.split('`').next());
        let Some(name) = meant.or(named) else { return line };
        let path: Vec<String> = name.split(['.', '[']).take(1).map(str::to_owned).collect();
        self.field(line, &path)
    }

    /// The line that a tool's registration is likely to begin in.
    pub fn tool(&self, name: &str) -> usize {
        let place = self
            .tokens
            .windows(3)
            .position(|three| three[0].text == "name" && three[1].is("=") && three[2].text == name);
        let Some(place) = place else { return 1 };
        let call = self.tokens[..place].iter().rposition(|token| token.text == "tool");
        call.map_or(1, |call| self.tokens[call].line)
    }

    /// The first `name =` or `["name"] =` from `from` on.
    fn key(&self, from: usize, name: &str) -> Option<usize> {
        (from..self.tokens.len()).find(|at| {
            let token = &self.tokens[*at];
            let follows = |offset: usize, text: &str| {
                self.tokens.get(at + offset).is_some_and(|token| token.is(text))
            };
            let is_key = match token.kind {
                Kind::Name => follows(1, "="),
                Kind::Text => follows(1, "]") && follows(2, "="),
                _ => false,
            };
            is_key && token.text == name
        })
    }
}

/// The file and the line that `failure` happened in, and its message without them.
pub fn of_failure(failure: &CallFailure, entry: &Path) -> (PathBuf, usize, String) {
    if let Some((file, line, rest)) = place(&failure.message, entry) {
        return (file, line, rest.to_owned());
    }
    let from_trace = failure.traceback.lines().find_map(|line| place(line.trim(), entry));
    let (file, line) = from_trace.map_or((entry.to_owned(), 1), |(file, line, _)| (file, line));
    (file, line, failure.message.clone())
}

/// Reads `path:12: rest`; Lua shortens a long path from the front.
fn place<'a>(text: &'a str, entry: &Path) -> Option<(PathBuf, usize, &'a str)> {
    let (path, rest) = text.split_once(".lua:")?;
    let (line, rest) = rest.split_once(':')?;
    let line = line.parse().ok()?;
    let path = format!("{path}.lua");
    let shown = entry.display().to_string();
    let is_entry = match path.strip_prefix("...") {
        Some(end) => shown.ends_with(end),
        None => shown == path,
    };
    if is_entry {
        return Some((entry.to_owned(), line, rest.trim_start()));
    }
    // Only a path, not words before one.
    (!path.contains(' ')).then(|| (PathBuf::from(path), line, rest.trim_start()))
}
