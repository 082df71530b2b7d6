//! The file of a journal: its lock, its one writer, and what is safely on disk.

use std::{
    collections::VecDeque,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::paths::make_private_dir;

/// Why a session cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("cannot open session `{}`: {source}", path.display())]
    Open { path: PathBuf, source: io::Error },
    #[error("`{}` is not a session: {problem}", path.display())]
    Format { path: PathBuf, problem: String },
    #[error(
        "session `{}` is in use by {holder}; wait for it, or leave `-c`/`--session` out to start \
         another one", path.display()
    )]
    Locked { path: PathBuf, holder: String },
    #[error("cannot create session `{}`: {source}", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("cannot write session `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("cannot sync session `{}`: {source}", path.display())]
    Sync { path: PathBuf, source: io::Error },
    #[error("the session has no entry `{0}`")]
    NoEntry(String),
}

/// An open, locked journal file. The lock goes with the process, whatever happens to it.
#[derive(Debug)]
pub(super) struct JournalFile {
    path: PathBuf,
    file: Arc<File>,
    /// Length up to the end of the last whole line.
    length: u64,
    /// Lines that could not be written yet, in order.
    waiting: VecDeque<Vec<u8>>,
    /// Whether something was written since the last sync.
    dirty: bool,
}

impl JournalFile {
    /// Makes the file with its first lines: written beside its place, synced, then moved there.
    pub(super) fn create(path: &Path, text: &[u8]) -> Result<Self, JournalError> {
        let fail = |source| JournalError::Create { path: path.to_owned(), source };
        let dir = path.parent().unwrap_or(Path::new("/"));
        make_private_dir(dir).map_err(fail)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fresh = dir.join(format!(".{name}.new"));
        let made = (|| {
            let mut file =
                OpenOptions::new().append(true).create_new(true).mode(0o600).open(&fresh)?;
            file.try_lock().map_err(|err| match err {
                TryLockError::Error(err) => err,
                TryLockError::WouldBlock => io::Error::other("a new file is locked"),
            })?;
            file.write_all(text)?;
            file.sync_data()?;
            fs::rename(&fresh, path)?;
            File::open(dir)?.sync_all()?;
            Ok(file)
        })();
        match made {
            Ok(file) => Ok(Self {
                path: path.to_owned(),
                file: Arc::new(file),
                length: text.len() as u64,
                waiting: VecDeque::new(),
                dirty: false,
            }),
            Err(source) => {
                // Only ever removes what this call made; the error that counts is the first one.
                fs::remove_file(&fresh).ok();
                Err(fail(source))
            }
        }
    }

    /// Opens and locks an existing file, and reads all of it.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<u8>), JournalError> {
        let fail = |source| JournalError::Open { path: path.to_owned(), source };
        let mut file = OpenOptions::new().read(true).append(true).open(path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let holder = lock_holder(&file)
                    .map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"));
                return Err(JournalError::Locked { path: path.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(fail(source)),
        }
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(fail)?;
        let file = Self {
            path: path.to_owned(),
            file: Arc::new(file),
            length: text.len() as u64,
            waiting: VecDeque::new(),
            dirty: false,
        };
        Ok((file, text))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Appends `line`, after those that still wait.
    pub(super) fn append(&mut self, line: &[u8]) -> Result<(), JournalError> {
        self.waiting.push_back(line.to_vec());
        self.write_waiting()
    }

    /// Cuts the file to its first `length` bytes; only for a tail that is kept elsewhere.
    pub(super) fn cut(&mut self, length: u64) -> Result<(), JournalError> {
        self.file.set_len(length).map_err(|source| self.write_error(source))?;
        self.length = length;
        self.dirty = true;
        Ok(())
    }

    fn write_error(&self, source: io::Error) -> JournalError {
        JournalError::Write { path: self.path.clone(), source }
    }

    fn write_waiting(&mut self) -> Result<(), JournalError> {
        while let Some(line) = self.waiting.front() {
            if let Err(source) = (&*self.file).write_all(line) {
                // Part of the line may be there: back to the end of the last whole one. If even
                // that fails, the torn tail is set aside when the session is opened next.
                let cut = self.file.set_len(self.length);
                let source = match cut {
                    Ok(()) => source,
                    Err(cut) => io::Error::new(source.kind(), format!("{source}; then: {cut}")),
                };
                return Err(self.write_error(source));
            }
            self.length += line.len() as u64;
            self.dirty = true;
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Writes what waits and returns the sync to do, if there is anything to sync.
    pub(super) fn sync(
        &mut self,
    ) -> Result<Option<impl FnOnce() -> Result<(), JournalError> + Send + use<>>, JournalError>
    {
        self.write_waiting()?;
        if !std::mem::take(&mut self.dirty) {
            return Ok(None);
        }
        let (file, path) = (self.file.clone(), self.path.clone());
        Ok(Some(move || file.sync_data().map_err(|source| JournalError::Sync { path, source })))
    }
}

/// The process that holds the lock of `file`, as Linux lists it.
fn lock_holder(file: &File) -> Option<u32> {
    let inode = file.metadata().ok()?.ino().to_string();
    let locks = fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let at = fields.iter().position(|field| *field == "FLOCK")?;
        let place = fields.get(at + 4)?;
        if place.rsplit(':').next() == Some(inode.as_str()) {
            fields.get(at + 3)?.parse().ok()
        } else {
            None
        }
    })
}
