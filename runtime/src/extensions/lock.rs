//! `extensions.lock.json`: where installed extensions came from, and what their files hold.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The version of the file's shape.
const VERSION: u32 = 1;

/// What was installed, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    pub extensions: BTreeMap<String, Locked>,
}

/// One installed extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locked {
    pub source: Origin,
    /// Where it is inside its source, when that holds several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inner: Option<String>,
    /// The git commit that was installed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Its file or folder below `extensions/`.
    pub place: String,
    /// The SHA-256 of each of its files, by path; a single file is called by its place.
    pub files: BTreeMap<String, String>,
}

/// Where an extension is installed from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Origin {
    File {
        path: PathBuf,
    },
    Folder {
        path: PathBuf,
    },
    Archive {
        path: PathBuf,
    },
    Git {
        url: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rev: Option<String>,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path } | Self::Folder { path } | Self::Archive { path } => {
                path.display().fmt(f)
            }
            Self::Git { url, rev: None } => f.write_str(url),
            Self::Git { url, rev: Some(rev) } => write!(f, "{url}@{rev}"),
        }
    }
}

/// Why a lock file is no use.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    #[error("cannot read `{}`: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{}` is no lock file of this zi: {problem}", path.display())]
    Format { path: PathBuf, problem: String },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    extensions: BTreeMap<String, Locked>,
}

impl Lock {
    pub fn path(config: &Path) -> PathBuf {
        config.join("extensions.lock.json")
    }

    /// Reads the lock of a configuration directory; without one, nothing is installed.
    pub fn read(config: &Path) -> Result<Self, LockError> {
        let path = Self::path(config);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(source) => return Err(LockError::Read { path, source }),
        };
        let format = |problem: String| LockError::Format { path: path.clone(), problem };
        let file: File = serde_json::from_slice(&text).map_err(|err| format(err.to_string()))?;
        if file.version != VERSION {
            return Err(format(format!("its version is {}, not {VERSION}", file.version)));
        }
        let is_name =
            |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
        for (id, locked) in &file.extensions {
            if !is_name(id) || !is_name(&locked.place) {
                return Err(format(format!("`{}` is no name for `{id}`", locked.place)));
            }
        }
        Ok(Self { extensions: file.extensions })
    }

    /// Writes the lock, whole or not at all.
    pub fn write(&self, config: &Path) -> Result<(), LockError> {
        let path = Self::path(config);
        let file = File { version: VERSION, extensions: self.extensions.clone() };
        let text = serde_json::to_string_pretty(&file).map_err(io::Error::from);
        let written =
            text.and_then(|text| crate::paths::write_private(&path, (text + "\n").as_bytes()));
        written.map_err(|source| LockError::Write { path, source })
    }
}

impl Locked {
    /// How the files below `extensions` (the folder) differ from what was installed: a line each.
    /// Hidden files that were not installed do not count.
    pub fn differences(&self, extensions: &Path) -> io::Result<Vec<String>> {
        let place = extensions.join(&self.place);
        let names = match names(&place, &self.place) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            result => result?,
        };
        let mut lines = Vec::new();
        for (name, wanted) in &self.files {
            match names.get(name) {
                None => lines.push(format!("`{name}` is missing")),
                Some(path) if hash(path)? != *wanted => lines.push(format!("`{name}` was changed")),
                Some(_) => {}
            }
        }
        for name in names.keys().filter(|name| !self.files.contains_key(*name)) {
            if !name.split('/').any(|part| part.starts_with('.')) {
                lines.push(format!("`{name}` was added"));
            }
        }
        Ok(lines)
    }
}

/// The SHA-256 of every file of an extension, a file or a folder, by its path there; a single file
/// goes by `single`.
pub fn hashes(extension: &Path, single: &str) -> io::Result<BTreeMap<String, String>> {
    let names = names(extension, single)?;
    names.into_iter().map(|(name, path)| Ok((name, hash(&path)?))).collect()
}

/// A link has no content of its own: it hashes like nothing that was ever installed.
fn hash(path: &Path) -> io::Result<String> {
    if !fs::symlink_metadata(path)?.is_file() {
        return Ok("not a file".to_owned());
    }
    let mut hasher = Sha256::new();
    io::copy(&mut fs::File::open(path)?, &mut hasher)?;
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

fn names(extension: &Path, single: &str) -> io::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    if !fs::symlink_metadata(extension)?.is_dir() {
        found.insert(single.to_owned(), extension.to_owned());
        return Ok(found);
    }
    let mut folders = vec![(String::new(), extension.to_owned())];
    while let Some((prefix, folder)) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type()?.is_dir() {
                folders.push((format!("{name}/"), entry.path()));
            } else {
                found.insert(name, entry.path());
            }
        }
    }
    Ok(found)
}
