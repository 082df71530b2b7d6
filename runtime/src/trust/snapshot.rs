//! What a project's `.zi` holds, and the hash of it.
//!
//! Everything below `.zi` counts: what zi does not read today an extension may read tomorrow. Names,
//! link targets and bytes are hashed; modes and times are not. What lies outside of the project
//! could change unseen, so links that lead there are refused.

use std::{
    fs, io,
    io::Read as _,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

/// The folder that a project keeps its own zi files in.
pub const FOLDER: &str = ".zi";
/// Most files, folders and links.
const MAX_ENTRIES: usize = 10_000;
/// Most bytes in all files together.
const MAX_BYTES: u64 = 50_000_000;
/// Largest text that is kept to show later what changed in it.
const MAX_TEXT_BYTES: usize = 256 * 1024;

/// One file or link below `.zi`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Relative to the project.
    pub path: PathBuf,
    /// Where it leads, when it is a link.
    pub link: Option<PathBuf>,
    pub bytes: u64,
    /// SHA-256 of what is read through it; a link to a folder, or to nothing, has none.
    pub sha256: Option<String>,
    /// Its text, when it is one and not too long.
    pub text: Option<String>,
}

/// All of it, sorted by path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// SHA-256 over the list of files.
    pub hash: String,
    pub files: Vec<File>,
}

/// Why a project cannot be trusted at all.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    #[error("cannot read `{path}`: {source}")]
    Read { path: String, source: io::Error },
    #[error(
        "`{dir}` holds more than 10,000 files and folders, or links that go round; move what zi \
         does not read elsewhere"
    )]
    TooMany { dir: String },
    #[error("the files in `{dir}` are larger than 50 MB; move what zi does not read elsewhere")]
    TooLarge { dir: String },
    #[error("{}; replace them by files of the project", .0.join(", "))]
    Refused(Vec<String>),
}

impl Snapshot {
    /// Looks at the `.zi` of `project`, whose path is canonical; `None` when there is nothing in it.
    pub fn take(project: &Path) -> Result<Option<Self>, SnapshotError> {
        let folder = project.join(FOLDER);
        match fs::symlink_metadata(&folder) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SnapshotError::read(&folder, source)),
            Ok(meta) if meta.is_file() => return Ok(None),
            Ok(_) => {}
        }
        let mut walk = Walk {
            project,
            waiting: Vec::new(),
            files: Vec::new(),
            refused: Vec::new(),
            entries: 0,
            bytes: 0,
        };
        walk.entry(folder, PathBuf::from(FOLDER))?;
        while let Some((dir, name)) = walk.waiting.pop() {
            walk.dir(&dir, &name)?;
        }
        if !walk.refused.is_empty() {
            walk.refused.sort();
            return Err(SnapshotError::Refused(walk.refused));
        }
        walk.files.sort_by(|a, b| a.path.cmp(&b.path));
        let hash = hash(&walk.files);
        Ok((!walk.files.is_empty()).then_some(Self { hash, files: walk.files }))
    }

    /// The file `name` of the folder.
    pub fn file(&self, name: &str) -> Option<&File> {
        let path = Path::new(FOLDER).join(name);
        self.files.iter().find(|file| file.path == path)
    }
}

impl SnapshotError {
    fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: super::visible_name(path), source }
    }
}

struct Walk<'a> {
    project: &'a Path,
    /// Folders that are still to be listed: where they are, and under which name.
    waiting: Vec<(PathBuf, PathBuf)>,
    files: Vec<File>,
    refused: Vec<String>,
    entries: usize,
    bytes: u64,
}

impl Walk<'_> {
    fn dir(&mut self, dir: &Path, name: &Path) -> Result<(), SnapshotError> {
        let fail = |source| SnapshotError::read(dir, source);
        for entry in fs::read_dir(dir).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(SnapshotError::TooMany { dir: self.folder() });
            }
            self.entry(entry.path(), name.join(entry.file_name()))?;
        }
        Ok(())
    }

    fn entry(&mut self, place: PathBuf, name: PathBuf) -> Result<(), SnapshotError> {
        let fail = |source| SnapshotError::read(&place, source);
        let kind = fs::symlink_metadata(&place).map_err(fail)?.file_type();
        if kind.is_symlink() {
            self.link(&place, name)
        } else if kind.is_dir() {
            self.waiting.push((place, name));
            Ok(())
        } else if kind.is_file() {
            self.file(&place, name, None)
        } else {
            self.refuse(&name, "is neither a file nor a folder");
            Ok(())
        }
    }

    fn link(&mut self, place: &Path, name: PathBuf) -> Result<(), SnapshotError> {
        let target = fs::read_link(place).map_err(|err| SnapshotError::read(place, err))?;
        let real = match fs::canonicalize(place) {
            Ok(real) => real,
            // It leads nowhere. Once it leads somewhere, the hash is another one.
            Err(err) if err.kind() == io::ErrorKind::NotFound => {
                self.files.push(bare_link(name, target));
                return Ok(());
            }
            Err(source) => return Err(SnapshotError::read(place, source)),
        };
        let kind = fs::metadata(&real).map_err(|err| SnapshotError::read(place, err))?.file_type();
        if !real.starts_with(self.project) {
            let why = format!("leads outside of the project, to `{}`", super::visible_name(&real));
            self.refuse(&name, &why);
        } else if kind.is_dir() && place.starts_with(&real) {
            self.refuse(&name, "leads to a folder that it is in");
        } else if kind.is_dir() {
            self.files.push(bare_link(name.clone(), target));
            self.waiting.push((real, name));
        } else if kind.is_file() {
            self.file(&real, name, Some(target))?;
        } else {
            self.refuse(&name, "leads to what is neither a file nor a folder");
        }
        Ok(())
    }

    fn file(
        &mut self,
        place: &Path,
        path: PathBuf,
        link: Option<PathBuf>,
    ) -> Result<(), SnapshotError> {
        let fail = |source| SnapshotError::read(place, source);
        let mut content = Vec::new();
        let file = fs::File::open(place).map_err(fail)?;
        // One byte more than may be there tells that there is too much.
        let left = MAX_BYTES - self.bytes;
        file.take(left + 1).read_to_end(&mut content).map_err(fail)?;
        let bytes = content.len() as u64;
        if bytes > left {
            return Err(SnapshotError::TooLarge { dir: self.folder() });
        }
        self.bytes += bytes;
        let sha256 = Some(hex(&Sha256::digest(&content)));
        let is_text = content.len() <= MAX_TEXT_BYTES && !content.contains(&0);
        let text = if is_text { String::from_utf8(content).ok() } else { None };
        self.files.push(File { path, link, bytes, sha256, text });
        Ok(())
    }

    fn refuse(&mut self, name: &Path, why: &str) {
        self.refused.push(format!("`{}` {why}", super::visible_name(name)));
    }

    fn folder(&self) -> String {
        super::visible_name(&self.project.join(FOLDER))
    }
}

fn bare_link(path: PathBuf, target: PathBuf) -> File {
    File { path, link: Some(target), bytes: 0, sha256: None, text: None }
}

/// Each part is preceded by its length, so that no two lists give the same bytes.
fn hash(files: &[File]) -> String {
    let mut hasher = Sha256::new();
    let mut part = |bytes: &[u8]| {
        hasher.update((bytes.len() as u64).to_le_bytes());
        hasher.update(bytes);
    };
    part(b"zi project 1");
    for file in files {
        part(file.path.as_os_str().as_bytes());
        part(file.link.as_ref().map_or(b"", |link| link.as_os_str().as_bytes()));
        part(file.sha256.as_deref().unwrap_or_default().as_bytes());
    }
    hex(&hasher.finalize())
}

/// Bytes as hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
