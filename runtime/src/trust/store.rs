//! Which projects the user trusts, and what they looked like then.
//!
//! `<state>/trust.json` maps a project's path to the hash that was trusted; `<state>/trusted/<hash>/`
//! keeps its texts, to show later what changed. Both are outside of every project and for the user
//! alone. What cannot be read trusts nothing.

use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::snapshot::{Snapshot, hex};
use crate::paths::make_private_dir;

/// The decisions of one user.
#[derive(Debug)]
pub struct Store {
    state: PathBuf,
}

/// What the user decided about one project.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Of the snapshot that was trusted.
    pub hash: String,
    /// When, in RFC 3339.
    pub at: String,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    version: u32,
    projects: BTreeMap<String, Decision>,
}

/// One file of a trusted snapshot, as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptFile {
    pub path: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Why a decision cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is not usable: {problem}", path.display())]
    Format { path: PathBuf, problem: String },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

impl Store {
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// What was decided about `project`, whose path is canonical.
    pub fn decision(&self, project: &Path) -> Result<Option<Decision>, StoreError> {
        Ok(self.read()?.projects.remove(&path_text(project)))
    }

    /// Trusts `project` as it is in `snapshot`, until something in it changes.
    pub fn trust(&self, project: &Path, snapshot: &Snapshot) -> Result<(), StoreError> {
        self.change(|content| {
            // The texts come first: a decision then never lacks what a later look compares with.
            self.keep(snapshot)?;
            let at = jiff::Timestamp::now().to_string();
            let decision = Decision { hash: snapshot.hash.clone(), at };
            content.projects.insert(path_text(project), decision);
            Ok(true)
        })
        .map(drop)
    }

    /// Trusts `project` no longer; tells whether it was trusted.
    pub fn revoke(&self, project: &Path) -> Result<bool, StoreError> {
        self.change(|content| Ok(content.projects.remove(&path_text(project)).is_some()))
    }

    /// The files of the trusted snapshot `hash`; none when they were not kept whole.
    pub fn kept_files(&self, hash: &str) -> Vec<KeptFile> {
        let list = fs::read(self.kept_dir(hash).join("files.json")).unwrap_or_default();
        serde_json::from_slice(&list).unwrap_or_default()
    }

    /// The text that `file` of the trusted snapshot `hash` had.
    pub fn kept_text(&self, hash: &str, file: &KeptFile) -> Option<String> {
        let sha256 = file.sha256.as_deref().filter(|sha256| is_hash(sha256))?;
        let text = fs::read_to_string(self.kept_dir(hash).join(sha256)).ok()?;
        (hex(&Sha256::digest(&text)) == sha256).then_some(text)
    }

    fn path(&self) -> PathBuf {
        self.state.join("trust.json")
    }

    fn kept_dir(&self, hash: &str) -> PathBuf {
        self.state.join("trusted").join(hash)
    }

    fn read(&self) -> Result<Content, StoreError> {
        let path = self.path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                return Ok(Content { version: 1, ..Content::default() });
            }
            Err(source) => return Err(StoreError::Read { path, source }),
        };
        let format = |problem: String| StoreError::Format { path: path.clone(), problem };
        let mode = fs::metadata(&path).map_or(0o600, |meta| meta.permissions().mode());
        if mode & 0o022 != 0 {
            return Err(format("others may write it; look at it, then `chmod 600` it".into()));
        }
        let content: Content = serde_json::from_slice(&text)
            .map_err(|err| format(format!("{err}; remove it to begin anew")))?;
        if content.version != 1 {
            let problem = format!("it has version {}; this zi knows version 1", content.version);
            return Err(format(problem));
        }
        match content.projects.iter().find(|(_, decision)| !is_hash(&decision.hash)) {
            Some((project, _)) => Err(format(format!("`{project}` has no hash"))),
            None => Ok(content),
        }
    }

    /// Changes the decisions under a lock, so that two at a time do not undo each other.
    fn change(
        &self,
        change: impl FnOnce(&mut Content) -> Result<bool, StoreError>,
    ) -> Result<bool, StoreError> {
        let lock = self.state.join("trust.lock");
        let fail = |path: &Path, source| StoreError::Write { path: path.to_owned(), source };
        make_private_dir(&self.state).map_err(|err| fail(&self.state, err))?;
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let locked = options.open(&lock).and_then(|file| file.lock().map(|()| file));
        let _locked = locked.map_err(|err| fail(&lock, err))?;
        let mut content = self.read()?;
        if !change(&mut content)? {
            return Ok(false);
        }
        let text = serde_json::to_vec_pretty(&content)
            .map_err(|err| fail(&self.path(), io::Error::other(err)))?;
        write_whole(&self.path(), &text).map_err(|err| fail(&self.path(), err))?;
        self.sweep(&content);
        Ok(true)
    }

    /// Keeps the texts of `snapshot`, each under its hash, and the list of all files.
    fn keep(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let dir = self.kept_dir(&snapshot.hash);
        let kept = (|| {
            make_private_dir(&self.state.join("trusted"))?;
            make_private_dir(&dir)?;
            for file in &snapshot.files {
                if let (Some(sha256), Some(text)) = (&file.sha256, &file.text) {
                    write_whole(&dir.join(sha256), text.as_bytes())?;
                }
            }
            let list: Vec<KeptFile> = snapshot.files.iter().map(KeptFile::from).collect();
            write_whole(&dir.join("files.json"), &serde_json::to_vec_pretty(&list)?)
        })();
        kept.map_err(|source| StoreError::Write { path: dir, source })
    }

    /// Removes the texts that no decision names any more.
    fn sweep(&self, content: &Content) {
        for entry in fs::read_dir(self.state.join("trusted")).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !content.projects.values().any(|decision| name == *decision.hash) {
                // One that cannot be removed is tried again next time.
                fs::remove_dir_all(entry.path()).ok();
            }
        }
    }
}

impl From<&super::snapshot::File> for KeptFile {
    fn from(file: &super::snapshot::File) -> Self {
        Self {
            path: path_text(&file.path),
            link: file.link.as_deref().map(path_text),
            sha256: file.sha256.clone(),
        }
    }
}

fn is_hash(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A path as JSON can hold it.
pub fn path_text(path: &Path) -> String {
    match path.to_str() {
        Some(text) => text.to_owned(),
        None => path.as_os_str().as_encoded_bytes().escape_ascii().to_string(),
    }
}

/// Writes a file beside its place, syncs it and moves it there: whoever reads sees the old one or
/// the new one, whatever happens in between.
fn write_whole(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut fresh = tempfile::Builder::new().prefix(".trust").tempfile_in(dir)?;
    fresh.write_all(content)?;
    fresh.as_file().sync_all()?;
    fresh.persist(path)?;
    fs::File::open(dir)?.sync_all()
}
