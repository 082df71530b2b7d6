//! What the user said before, in this session and in others: one JSON line each, oldest first.
//!
//! It is a convenience and never in the way: a file that cannot be read or written is done without.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use serde_json::{Value, json};

/// Texts that are kept; beyond twice as many lines the file is written anew.
const MAX_TEXTS: usize = 1000;
/// Longest text that is kept.
const MAX_BYTES: usize = 64 * 1024;

/// Earlier texts, and a place among them.
#[derive(Debug, Default)]
pub struct History {
    path: Option<PathBuf>,
    texts: Vec<String>,
    walk: Option<Walk>,
}

/// A walk through the texts that start as the draft did.
#[derive(Debug)]
struct Walk {
    prefix: String,
    at: usize,
}

impl History {
    /// The history that is kept in `path`.
    pub fn open(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_default();
        let lines = text.lines().count();
        let mut texts: Vec<String> = text.lines().filter_map(read_line).collect();
        texts.drain(..texts.len().saturating_sub(MAX_TEXTS));
        let history = Self { path: Some(path), texts, walk: None };
        if lines > 2 * MAX_TEXTS {
            history.write_anew().ok();
        }
        history
    }

    /// Keeps `text` as the newest.
    pub fn add(&mut self, text: &str) {
        self.walk = None;
        let is_repeated = self.texts.last().is_some_and(|last| last == text);
        if text.trim().is_empty() || text.len() > MAX_BYTES || is_repeated {
            return;
        }
        self.texts.push(text.to_owned());
        self.append(text).ok();
    }

    /// The text before the present one that starts as the draft did when the walk began.
    pub fn previous(&mut self, draft: &str) -> Option<String> {
        let walk = self
            .walk
            .get_or_insert_with(|| Walk { prefix: draft.to_owned(), at: self.texts.len() });
        let mut before = self.texts[..walk.at.min(self.texts.len())].iter();
        let found = before.rposition(|text| text.starts_with(&walk.prefix) && text != draft)?;
        walk.at = found;
        Some(self.texts[found].clone())
    }

    /// The text after the present one; after the last one the draft that the walk began with.
    pub fn next(&mut self, draft: &str) -> Option<String> {
        let walk = self.walk.as_mut()?;
        let mut after = self.texts.iter().enumerate().skip(walk.at + 1);
        let found = after.find(|(_, text)| text.starts_with(&walk.prefix) && *text != draft);
        if let Some((at, text)) = found {
            walk.at = at;
            return Some(text.clone());
        }
        self.walk.take().map(|walk| walk.prefix)
    }

    /// The draft was changed by hand: the next walk starts from it.
    pub fn leave(&mut self) {
        self.walk = None;
    }

    fn append(&self, text: &str) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        file.write_all(line(text).as_bytes())
    }

    fn write_anew(&self) -> io::Result<()> {
        let Some(path) = &self.path else { return Ok(()) };
        let dir = path.parent().unwrap_or(path);
        let mut file = tempfile::NamedTempFile::new_in(dir)?;
        let lines: String = self.texts.iter().map(|text| line(text)).collect();
        file.write_all(lines.as_bytes())?;
        file.persist(path).map(drop).map_err(|err| err.error)
    }
}

fn line(text: &str) -> String {
    format!("{}\n", json!({ "text": text }))
}

fn read_line(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    value.get("text")?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_finds_texts_that_start_as_the_draft_did_and_comes_back_to_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("state/history.jsonl");
        let mut history = History::open(path.clone());
        for text in ["fix a", "look", "fix b", "fix b"] {
            history.add(text);
        }
        let mut again = History::open(path);
        assert_eq!(again.texts, ["fix a", "look", "fix b"]);
        assert_eq!(again.previous("fi").as_deref(), Some("fix b"));
        assert_eq!(again.previous("fix b").as_deref(), Some("fix a"));
        assert_eq!(again.previous("fix a"), None);
        assert_eq!(again.next("fix a").as_deref(), Some("fix b"));
        assert_eq!(again.next("fix b").as_deref(), Some("fi"));
        assert_eq!(again.next("fi"), None);
    }

    #[test]
    fn lines_that_are_not_ours_are_passed_over() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("history.jsonl");
        fs::write(&path, "nonsense\n{\"text\":\"a\\nb\"}\n{\"te").expect("it is written");
        assert_eq!(History::open(path).texts, ["a\nb"]);
    }
}
