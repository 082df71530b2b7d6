//! Trust: whether what a project brings along may act.
//!
//! Owns: the hash of a project's `.zi` and the user's decisions about it. Leaves to callers: asking.
//! Fails closed: what cannot be read, or is not what was trusted, does not act.

mod snapshot;
mod store;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

pub use snapshot::{FOLDER, File, Snapshot, SnapshotError};
pub use store::{Decision, KeptFile, Store, StoreError, path_text};

/// A project and how it stands.
#[derive(Debug)]
pub struct Project {
    /// Its folder, canonical.
    pub dir: PathBuf,
    pub standing: Standing,
    /// Why the user's decisions could not be read.
    pub store_problem: Option<StoreError>,
}

/// How a project stands.
#[derive(Debug)]
pub enum Standing {
    /// It brings nothing along.
    Nothing,
    /// It is what the user trusted.
    Trusted(Snapshot),
    /// The user trusted something else, or nothing.
    Untrusted { snapshot: Snapshot, before: Option<Decision> },
    /// It cannot be trusted as it is.
    Refused(SnapshotError),
}

/// What became of a file since the project was trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub path: String,
    pub kind: ChangeKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    Added,
    Changed,
    Removed,
}

impl ChangeKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }
}

impl Project {
    /// Looks at the project in `dir`. `own_config` is the user's configuration directory, which is
    /// trusted already wherever it is.
    pub fn look(dir: &Path, own_config: &Path, store: &Store) -> Self {
        let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        let real = |path: &Path| fs::canonicalize(path).ok();
        let is_own = real(&dir.join(FOLDER)).is_some_and(|it| real(own_config) == Some(it));
        let snapshot = if is_own { Ok(None) } else { Snapshot::take(&dir) };
        let (standing, store_problem) = match snapshot {
            Err(err) => (Standing::Refused(err), None),
            Ok(None) => (Standing::Nothing, None),
            Ok(Some(snapshot)) => match store.decision(&dir) {
                Ok(Some(decision)) if decision.hash == snapshot.hash => {
                    (Standing::Trusted(snapshot), None)
                }
                Ok(before) => (Standing::Untrusted { snapshot, before }, None),
                Err(err) => (Standing::Untrusted { snapshot, before: None }, Some(err)),
            },
        };
        Self { dir, standing, store_problem }
    }

    /// Why it is not trusted, in one line; `None` when it is, or brings nothing along.
    pub fn complaint(&self, store: &Store) -> Option<String> {
        let why = match &self.standing {
            Standing::Nothing | Standing::Trusted(_) => return None,
            Standing::Refused(err) => {
                return Some(format!("the project's `.zi` cannot be trusted: {err}"));
            }
            Standing::Untrusted { snapshot, before } => match (&self.store_problem, before) {
                (Some(err), _) => err.to_string(),
                (None, None) => {
                    let names = snapshot.files.iter().map(|file| path_text(&file.path));
                    format!("it is new, with {}", some_of(names.collect()))
                }
                (None, Some(before)) => {
                    let changes = changes(&store.kept_files(&before.hash), snapshot);
                    let lines = changes.iter().map(|it| format!("{} {}", it.kind.name(), it.path));
                    format!("it is not what you trusted: {}", some_of(lines.collect()))
                }
            },
        };
        Some(format!("the project's `.zi` is not trusted: {why}; `zi trust` shows and decides"))
    }
}

/// What differs between the files that were trusted and those of `snapshot`, sorted by path.
pub fn changes(before: &[KeptFile], snapshot: &Snapshot) -> Vec<Change> {
    let by_path = |files: Vec<KeptFile>| -> BTreeMap<String, KeptFile> {
        files.into_iter().map(|file| (file.path.clone(), file)).collect()
    };
    let old = by_path(before.to_vec());
    let new = by_path(snapshot.files.iter().map(KeptFile::from).collect());
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |path: &String| {
        let kind = match (old.get(path), new.get(path)) {
            (None, _) => ChangeKind::Added,
            (_, None) => ChangeKind::Removed,
            (before, now) if before != now => ChangeKind::Changed,
            _ => return None,
        };
        Some(Change { path: path.clone(), kind })
    };
    paths.into_iter().filter_map(change).collect()
}

/// The first few of `lines`, and how many more there are.
fn some_of(lines: Vec<String>) -> String {
    const SHOWN: usize = 5;
    let first: Vec<String> = lines.iter().take(SHOWN).map(|line| visible(line)).collect();
    let more = match lines.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", first.join(", "))
}

/// A text in one line with everything in it to be seen: what a terminal would act on, or hide, is
/// written as its code point.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let hides = matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}'
            | '\u{e0000}'..='\u{e0fff}');
        if hides || (c.is_control() && c != '\t') {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

fn visible_name(path: &Path) -> String {
    visible(&path_text(path))
}
