//! The journal: a session as an append-only tree of entries, one JSON object a line.
//!
//! Owns: the session file, its lock, and what of it is on disk. Reads come from memory.
//! Leaves to callers: what the entries mean.
//! Guarantees: an entry is one line, written whole and in order; lines that are there are never
//! changed; a torn last line is set aside before anything is added; one process writes.
//! Fails: [`JournalError`]. Entries that could not be written wait in memory and go out, in order,
//! with the next write that works.

mod entry;
mod file;
mod load;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Map, Value};

pub use entry::{Entry, Header, new_id, now};
pub use file::JournalError;
pub use load::{Damage, LoadReport};

use file::JournalFile;

/// A session in memory, and its file once it has one.
#[derive(Debug)]
pub struct Journal {
    header: Header,
    entries: Vec<Arc<Entry>>,
    by_id: HashMap<String, usize>,
    leaf: Option<String>,
    storage: Storage,
}

#[derive(Debug)]
enum Storage {
    /// Nothing is kept (`--no-session`).
    Memory,
    /// The file is made when the first user message is accepted.
    Planned(PathBuf),
    File(JournalFile),
}

impl Journal {
    /// A new session for `cwd`, in a file below `dir` once it has something to keep; without `dir`
    /// it is never kept.
    pub fn create(cwd: &Path, dir: Option<&Path>, parent_session: Option<String>) -> Self {
        let header = Header::new(cwd, parent_session);
        let storage =
            dir.map_or(Storage::Memory, |dir| Storage::Planned(dir.join(header.file_name())));
        Self { header, entries: Vec::new(), by_id: HashMap::new(), leaf: None, storage }
    }

    /// Opens a session to go on with it. Takes its lock and mends a torn tail.
    pub fn open(path: &Path) -> Result<(Self, LoadReport), JournalError> {
        let (file, text) = JournalFile::open(path)?;
        let (header, entries, mut report) = load::parse(path, &text)?;
        let file = load::mend_tail(file, &text, &mut report)?;
        let mut journal = Self {
            header,
            entries: Vec::with_capacity(entries.len()),
            by_id: HashMap::new(),
            leaf: None,
            storage: Storage::File(file),
        };
        for entry in entries {
            journal.insert(Arc::new(entry));
        }
        Ok((journal, report))
    }

    /// Reads a session without locking or changing it.
    pub fn read(path: &Path) -> Result<(Header, Vec<Entry>, LoadReport), JournalError> {
        let text = std::fs::read(path)
            .map_err(|source| JournalError::Open { path: path.to_owned(), source })?;
        load::parse(path, &text)
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the session is kept, once it is.
    pub fn file(&self) -> Option<&Path> {
        match &self.storage {
            Storage::File(file) => Some(file.path()),
            Storage::Memory | Storage::Planned(_) => None,
        }
    }

    /// The entry that the next one follows.
    pub fn leaf(&self) -> Option<&str> {
        self.leaf.as_deref()
    }

    pub fn entry(&self, id: &str) -> Option<&Arc<Entry>> {
        self.by_id.get(id).map(|index| &self.entries[*index])
    }

    /// All entries in the order of the file.
    pub fn entries(&self) -> &[Arc<Entry>] {
        &self.entries
    }

    /// The entries from the root to the leaf.
    pub fn path(&self) -> Vec<Arc<Entry>> {
        self.leaf.as_deref().map(|leaf| self.path_to(leaf)).unwrap_or_default()
    }

    /// The entries from the root to the entry `id`; none when there is no such entry.
    pub fn path_to(&self, id: &str) -> Vec<Arc<Entry>> {
        let mut path = Vec::new();
        let mut next = Some(id);
        // A parent always stands earlier in the file, so the walk ends.
        let mut before = usize::MAX;
        while let Some(index) = next.and_then(|id| self.by_id.get(id).copied()) {
            if index >= before {
                break;
            }
            before = index;
            let entry = &self.entries[index];
            path.push(entry.clone());
            next = entry.parent_id.as_deref();
        }
        path.reverse();
        path
    }

    /// Appends an entry below the leaf and returns it. It is in memory even when writing fails; the
    /// error says that it is not on disk yet.
    pub fn append(
        &mut self,
        kind: &str,
        data: Map<String, Value>,
    ) -> (Arc<Entry>, Result<(), JournalError>) {
        let id = loop {
            let id = new_id();
            if !self.by_id.contains_key(&id) {
                break id;
            }
        };
        let entry = Arc::new(Entry {
            id,
            parent_id: self.leaf.clone(),
            at: now(),
            kind: kind.to_owned(),
            data,
        });
        self.insert(entry.clone());
        let written = match &mut self.storage {
            Storage::File(file) => file.append(&entry.line()),
            Storage::Memory | Storage::Planned(_) => Ok(()),
        };
        (entry, written)
    }

    /// Makes the file, with all entries so far, if the session is to be kept and has none yet.
    pub fn keep(&mut self) -> Result<(), JournalError> {
        if let Storage::Planned(path) = &self.storage {
            let mut text = self.header.line();
            for entry in &self.entries {
                text.extend_from_slice(&entry.line());
            }
            self.storage = Storage::File(JournalFile::create(path, &text)?);
        }
        Ok(())
    }

    /// What has to be done so that everything appended is on disk: `None` when it is. The returned
    /// work blocks, so it belongs on a thread that may.
    pub fn sync(
        &mut self,
    ) -> Result<Option<impl FnOnce() -> Result<(), JournalError> + Send + use<>>, JournalError>
    {
        match &mut self.storage {
            Storage::File(file) => file.sync(),
            Storage::Memory | Storage::Planned(_) => Ok(None),
        }
    }

    /// Entries in memory that are not in the file because writing failed.
    pub fn unsaved(&self) -> usize {
        match &self.storage {
            Storage::File(file) => file.waiting(),
            Storage::Memory | Storage::Planned(_) => 0,
        }
    }

    /// Whether it is, or will be, in a file.
    pub fn is_kept(&self) -> bool {
        !matches!(self.storage, Storage::Memory)
    }

    /// Takes over the entries of another session's branch; only for a journal without a file yet.
    pub fn adopt(&mut self, branch: &[Arc<Entry>]) {
        debug_assert!(!matches!(self.storage, Storage::File(_)), "the file would lack them");
        branch.iter().for_each(|entry| self.insert(entry.clone()));
    }

    /// Moves the leaf; `None` is before the first entry. The move is an entry itself, so that a
    /// resumed session stands there too.
    pub fn navigate(&mut self, target: Option<&str>) -> Result<(), JournalError> {
        if let Some(target) = target
            && !self.by_id.contains_key(target)
        {
            return Err(JournalError::NoEntry(target.to_owned()));
        }
        let mut data = Map::new();
        data.insert("target_id".into(), target.into());
        self.append("leaf", data).1
    }

    fn insert(&mut self, entry: Arc<Entry>) {
        self.leaf = match (entry.kind.as_str(), entry.data.get("target_id")) {
            ("leaf", Some(Value::String(target))) if self.by_id.contains_key(target) => {
                Some(target.clone())
            }
            ("leaf", Some(Value::Null)) => None,
            _ => Some(entry.id.clone()),
        };
        self.by_id.insert(entry.id.clone(), self.entries.len());
        self.entries.push(entry);
    }
}

#[cfg(test)]
mod tests;
