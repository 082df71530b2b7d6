//! Where zi keeps things: the XDG directories, or everything under `ZI_HOME`.

use std::{
    env, fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// The directories of one user.
#[derive(Clone, Debug)]
pub struct Dirs {
    /// `settings.json`, `extensions/`, `lua/`, `prompts/`, …
    pub config: PathBuf,
    /// What extensions keep.
    pub data: PathBuf,
    /// `sessions/`, `logs/`, `outputs/`, `auth.json`.
    pub state: PathBuf,
    /// What can be thrown away.
    pub cache: PathBuf,
    /// The distribution's roots, first the one that wins.
    pub system: Vec<PathBuf>,
}

impl Dirs {
    /// Reads the environment: `ZI_HOME`, else the `XDG_*_HOME` variables, else their defaults under
    /// `HOME`. Fails when none of them says where home is.
    pub fn from_env() -> Result<Self, NoHome> {
        let system = system_roots();
        if let Some(home) = env::var_os("ZI_HOME").filter(|home| !home.is_empty()) {
            let home = PathBuf::from(home);
            if !home.is_absolute() {
                return Err(NoHome::Relative(home));
            }
            return Ok(Self {
                config: home.clone(),
                data: home.join("data"),
                state: home.join("state"),
                cache: home.join("cache"),
                system,
            });
        }
        let home = absolute("HOME");
        let under = |variable: &str, default: &str| {
            absolute(variable)
                .or_else(|| home.as_ref().map(|home| home.join(default)))
                .map(|base| base.join("zi"))
                .ok_or(NoHome::Unset)
        };
        Ok(Self {
            config: under("XDG_CONFIG_HOME", ".config")?,
            data: under("XDG_DATA_HOME", ".local/share")?,
            state: under("XDG_STATE_HOME", ".local/state")?,
            cache: under("XDG_CACHE_HOME", ".cache")?,
            system,
        })
    }
}

/// No variable says where the user's files are.
#[derive(Debug, thiserror::Error)]
pub enum NoHome {
    #[error("no home directory: set `HOME`, or set `ZI_HOME` to the folder that zi should use")]
    Unset,
    #[error("`ZI_HOME={}` must be an absolute path", .0.display())]
    Relative(PathBuf),
}

/// A variable that holds an absolute path; others are ignored, as the XDG specification asks.
fn absolute(variable: &str) -> Option<PathBuf> {
    env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute())
}

fn system_roots() -> Vec<PathBuf> {
    if let Some(root) = absolute("ZI_SYSTEM_DIR") {
        return vec![root];
    }
    let list = env::var("XDG_DATA_DIRS").unwrap_or_default();
    let list = if list.is_empty() { "/usr/local/share:/usr/share" } else { &list };
    let absolute = list.split(':').map(Path::new).filter(|path| path.is_absolute());
    absolute.map(|base| base.join("zi")).collect()
}

/// Makes `dir` and its parents, for the user alone.
pub fn make_private_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700))
}

/// Writes a small file whole or not at all, for the user alone. A link stays a link: what it points
/// at is replaced.
pub fn write_private(path: &Path, text: &[u8]) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = target.parent().unwrap_or(Path::new("/"));
    make_private_dir(dir)?;
    let mut fresh = tempfile::Builder::new().prefix(".zi-").tempfile_in(dir)?;
    fresh.write_all(text)?;
    fresh.as_file().sync_data()?;
    fresh.persist(&target).map_err(|err| err.error)?;
    Ok(())
}

/// A file name for a directory: its path with everything but letters, digits, `.` and `_` as `-`,
/// shortened from the front, and a hash of the whole so that no two directories share one.
pub fn slug(dir: &Path) -> String {
    use sha2::{Digest, Sha256};
    const MAX_CHARS: usize = 80;
    let text = dir.to_string_lossy();
    let plain: Vec<char> = text
        .trim_matches('/')
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' })
        .collect();
    let plain: String = plain[plain.len().saturating_sub(MAX_CHARS)..].iter().collect();
    let hash = Sha256::digest(dir.as_os_str().as_encoded_bytes());
    let hash: String = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{hash}", plain.trim_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_file_names_and_differ() {
        let one = slug(Path::new("/home/me/a b"));
        assert!(one.starts_with("home-me-a-b-"), "{one}");
        assert_ne!(one, slug(Path::new("/home/me/a-b")));
        let long = slug(Path::new(&format!("/x/{}", "ü".repeat(500))));
        assert!(long.len() < 120 && !long.contains('/'), "{long}");
    }
}
