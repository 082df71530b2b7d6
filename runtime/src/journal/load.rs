//! Reading a journal that may be damaged: what can be read is, the rest is counted and named.

use std::{
    collections::HashSet,
    fs::{File, OpenOptions},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{
    entry::{Entry, Header},
    file::{JournalError, JournalFile},
};

/// A stretch of a file that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    pub offset: u64,
    pub bytes: u64,
    pub problem: String,
}

/// What was found on the way in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadReport {
    /// Lines that were left out; the file still holds them.
    pub damage: Vec<Damage>,
    /// Entries whose parent is gone: their branches hang free.
    pub detached: usize,
    /// The torn last line: how many bytes, and the file that keeps them now.
    pub torn: Option<(u64, PathBuf)>,
    /// How the end of the file has to be mended before something is added.
    pub(super) tail: Tail,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Tail {
    #[default]
    Whole,
    /// The last line is complete but for its line feed.
    NoLineFeed,
    /// The bytes from this offset on are no line.
    Torn(u64),
}

impl LoadReport {
    /// A line for the user, when there is something to say.
    pub fn notice(&self, path: &Path) -> Option<String> {
        let mut parts = Vec::new();
        if let Some((bytes, side)) = &self.torn {
            parts.push(format!(
                "its last {bytes} bytes were an unfinished entry and are now in `{}`",
                side.display()
            ));
        }
        if let Some(first) = self.damage.first() {
            parts.push(format!(
                "{} damaged line(s) were left out, the first at byte {} ({})",
                self.damage.len(),
                first.offset,
                first.problem
            ));
        }
        if self.detached > 0 {
            parts.push(format!("{} entries hang on a lost one", self.detached));
        }
        if parts.is_empty() {
            return None;
        }
        Some(format!("session `{}`: {}", path.display(), parts.join("; ")))
    }
}

/// Reads the text of a journal.
pub(super) fn parse(
    path: &Path,
    text: &[u8],
) -> Result<(Header, Vec<Entry>, LoadReport), JournalError> {
    let format = |problem: String| JournalError::Format { path: path.to_owned(), problem };
    let mut report = LoadReport::default();
    let first_end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let header: Value = serde_json::from_slice(&text[..first_end])
        .map_err(|_| format("its first line is not a session header".into()))?;
    let header = Header::parse(&header).map_err(format)?;
    if first_end == text.len() {
        report.tail = Tail::NoLineFeed;
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut ids = HashSet::new();
    let mut start = (first_end + 1).min(text.len());
    while start < text.len() {
        let end = text[start..].iter().position(|byte| *byte == b'\n').map(|at| start + at);
        let line = &text[start..end.unwrap_or(text.len())];
        let entry = serde_json::from_slice::<Value>(line)
            .map_err(|err| err.to_string())
            .and_then(|value| Entry::parse(value).map_err(str::to_owned))
            .and_then(|entry| {
                if ids.insert(entry.id.clone()) {
                    Ok(entry)
                } else {
                    Err(format!("a second entry `{}`", entry.id))
                }
            });
        match (entry, end) {
            (Ok(entry), _) => {
                if end.is_none() {
                    report.tail = Tail::NoLineFeed;
                }
                // A parent stands earlier in the file; so there are no circles either.
                let is_lost = |id: &String| *id == entry.id || !ids.contains(id);
                report.detached += usize::from(entry.parent_id.as_ref().is_some_and(is_lost));
                entries.push(entry);
            }
            (Err(_), None) => report.tail = Tail::Torn(start as u64),
            (Err(_), Some(_)) if line.is_empty() => {}
            (Err(problem), Some(_)) => report.damage.push(Damage {
                offset: start as u64,
                bytes: line.len() as u64,
                problem,
            }),
        }
        start = end.map_or(text.len(), |end| end + 1);
    }
    Ok((header, entries, report))
}

/// Brings the end of the file to the end of a line. Torn bytes are first copied, and synced, to a
/// file beside it.
pub(super) fn mend_tail(
    mut file: JournalFile,
    text: &[u8],
    report: &mut LoadReport,
) -> Result<JournalFile, JournalError> {
    match report.tail {
        Tail::Whole => {}
        Tail::NoLineFeed => file.append(b"\n")?,
        Tail::Torn(offset) => {
            let torn = &text[usize::try_from(offset).unwrap_or(text.len())..];
            let side = keep_aside(file.path(), offset, torn)?;
            file.cut(offset)?;
            report.torn = Some((torn.len() as u64, side));
        }
    }
    Ok(file)
}

fn keep_aside(path: &Path, offset: u64, torn: &[u8]) -> Result<PathBuf, JournalError> {
    for attempt in 0_u32.. {
        let mut side = path.as_os_str().to_owned();
        side.push(format!(".torn-{offset}"));
        if attempt > 0 {
            side.push(format!("-{attempt}"));
        }
        let side = PathBuf::from(side);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&side);
        let written = made.and_then(|mut out: File| {
            out.write_all(torn)?;
            out.sync_all()
        });
        match written {
            Ok(()) => return Ok(side),
            Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(source) => return Err(JournalError::Write { path: side, source }),
        }
    }
    unreachable!("there are more numbers than files")
}
