//! Taking foreign files in: one at a time, below one folder, within limits.
//!
//! Whatever a source names, nothing is written outside of the folder, over a file that came before,
//! or as anything but a plain file. Links inside of the source become copies.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use super::ExtError;

/// Most bytes that one source may hold.
pub(super) const MAX_BYTES: u64 = 100 << 20;
/// Most files and folders.
pub(super) const MAX_FILES: usize = 10_000;
/// Longest path inside a source.
const MAX_PATH_BYTES: usize = 1024;

/// Why a source is not taken in.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("`{name}` is no name for a file of an extension: {why}")]
    Name { name: String, why: &'static str },
    #[error("`{0}` is there twice")]
    Twice(String),
    #[error("`{0}` and `{1}` are the same on some file systems")]
    Case(String, String),
    #[error("`{name}` is a link to `{target}`, which is no file of the extension")]
    Link { name: String, target: String },
    #[error("`{0}` is a device, a pipe or a socket")]
    Device(String),
    #[error("it holds more than {} MB", MAX_BYTES >> 20)]
    Large,
    #[error("it holds more than {MAX_FILES} files and folders")]
    Many,
    #[error("it is damaged, or not what its name says: {0}")]
    Damaged(String),
    #[error("cannot take `{name}` in: {source}")]
    Io { name: String, source: io::Error },
}

impl Refusal {
    /// The error of an action that meets this in `source`.
    pub fn of(self, source: &dyn std::fmt::Display) -> ExtError {
        let text = format!("`{source}` was not taken: {self}");
        match self {
            Self::Damaged(_) => ExtError::Invalid(text),
            Self::Io { .. } => ExtError::Failed(text),
            _ => ExtError::Refused(text),
        }
    }
}

enum Kind {
    Folder,
    File,
    Link,
}

/// A folder that is being filled.
pub(super) struct Intake {
    root: PathBuf,
    bytes: u64,
    /// What there is, by its name in lower case.
    known: BTreeMap<String, (String, Kind)>,
    /// Links, and what they point at inside the folder.
    links: Vec<(String, String)>,
}

impl Intake {
    /// Fills `root`, which is new and empty.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), bytes: 0, known: BTreeMap::new(), links: Vec::new() }
    }

    pub fn folder(&mut self, name: &[u8]) -> Result<(), Refusal> {
        let Some(name) = clean(name)? else { return Ok(()) };
        self.claim(&name, Kind::Folder)?;
        fs::create_dir_all(self.root.join(&name)).map_err(|source| Refusal::Io { name, source })
    }

    pub fn file(
        &mut self,
        name: &[u8],
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<(), Refusal> {
        let Some(name) = clean(name)? else { return Ok(()) };
        self.claim(&name, Kind::File)?;
        self.write(&name, executable, content)
    }

    /// A link as the source has it: `target` counts from the folder of `name`.
    pub fn link(&mut self, name: &[u8], target: &[u8]) -> Result<(), Refusal> {
        let Some(name) = clean(name)? else { return Ok(()) };
        let target = String::from_utf8_lossy(target).into_owned();
        let folder = name.rsplit_once('/').map_or("", |(folder, _)| folder);
        let Some(inside) = resolve(folder, &target) else {
            return Err(Refusal::Link { name, target });
        };
        self.claim(&name, Kind::Link)?;
        self.links.push((name, inside));
        Ok(())
    }

    /// A second name for the file `target`, which counts from the root.
    pub fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), Refusal> {
        let Some(name) = clean(name)? else { return Ok(()) };
        let target = String::from_utf8_lossy(target).into_owned();
        let Some(inside) = resolve("", &target) else {
            return Err(Refusal::Link { name, target });
        };
        self.claim(&name, Kind::Link)?;
        self.links.push((name, inside));
        Ok(())
    }

    /// Makes the links, now that all files are there.
    pub fn finish(mut self) -> Result<(), Refusal> {
        for (name, target) in std::mem::take(&mut self.links) {
            let is_file = matches!(
                self.known.get(&target.to_lowercase()),
                Some((known, Kind::File)) if *known == target
            );
            if !is_file {
                return Err(Refusal::Link { name, target });
            }
            let path = self.root.join(&target);
            let opened = fs::File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
            let (meta, mut file) =
                opened.map_err(|source| Refusal::Io { name: name.clone(), source })?;
            self.write(&name, meta.permissions().mode() & 0o111 != 0, &mut file)?;
        }
        Ok(())
    }

    /// Notes that `name` and its folders are there.
    fn claim(&mut self, name: &str, kind: Kind) -> Result<(), Refusal> {
        for (end, _) in name.match_indices('/') {
            self.claim_one(&name[..end], Kind::Folder)?;
        }
        self.claim_one(name, kind)
    }

    fn claim_one(&mut self, name: &str, kind: Kind) -> Result<(), Refusal> {
        let key = name.to_lowercase();
        match self.known.get(&key) {
            Some((known, _)) if known != name => {
                return Err(Refusal::Case(known.clone(), name.to_owned()));
            }
            Some((_, Kind::Folder)) if matches!(kind, Kind::Folder) => return Ok(()),
            Some(_) => return Err(Refusal::Twice(name.to_owned())),
            None => {}
        }
        if self.known.len() >= MAX_FILES {
            return Err(Refusal::Many);
        }
        self.known.insert(key, (name.to_owned(), kind));
        Ok(())
    }

    fn write(
        &mut self,
        name: &str,
        executable: bool,
        content: &mut dyn Read,
    ) -> Result<(), Refusal> {
        let fail = |source: io::Error| Refusal::Io { name: name.to_owned(), source };
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap_or(&self.root)).map_err(fail)?;
        let mode = if executable { 0o755 } else { 0o644 };
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(mode).open(&path).map_err(fail)?;
        let mut piece = [0; 32 * 1024];
        loop {
            // What cannot be read is the source's fault, what cannot be written is ours.
            let count = content
                .read(&mut piece)
                .map_err(|err| Refusal::Damaged(format!("`{name}` cannot be read: {err}")))?;
            if count == 0 {
                return Ok(());
            }
            self.bytes += count as u64;
            if self.bytes > MAX_BYTES {
                return Err(Refusal::Large);
            }
            file.write_all(&piece[..count]).map_err(fail)?;
        }
    }
}

/// The path below the root that `name` means; none when it is the root itself or belongs to version
/// control.
fn clean(name: &[u8]) -> Result<Option<String>, Refusal> {
    let refuse = |why| Refusal::Name { name: String::from_utf8_lossy(name).into_owned(), why };
    let text = std::str::from_utf8(name).map_err(|_| refuse("it is not UTF-8"))?;
    if text.chars().any(char::is_control) {
        return Err(refuse("it has control characters"));
    }
    if text.contains('\\') {
        return Err(refuse("it has a backslash"));
    }
    if text.starts_with('/') {
        return Err(refuse("it is absolute"));
    }
    if text.len() > MAX_PATH_BYTES {
        return Err(refuse("it is too long"));
    }
    let mut parts = Vec::new();
    for part in text.split('/').filter(|part| !part.is_empty() && *part != ".") {
        if part == ".." {
            return Err(refuse("it leads outside"));
        }
        if part.len() > 255 {
            return Err(refuse("it is too long"));
        }
        // What `zi types` makes is for the author's editor.
        if part.eq_ignore_ascii_case(".git") || part == ".zi-types" {
            return Ok(None);
        }
        parts.push(part);
    }
    Ok(if parts.is_empty() { None } else { Some(parts.join("/")) })
}

/// What a link to `target` in `folder` points at below the root; none outside of it.
fn resolve(folder: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake() -> (tempfile::TempDir, Intake) {
        let dir = tempfile::tempdir().expect("a folder");
        let intake = Intake::new(dir.path());
        (dir, intake)
    }

    #[test]
    fn names_that_lead_outside_or_hide_something_are_refused() {
        for name in [
            "/etc/passwd",
            "../x",
            "a/../../x",
            "a\\..\\x",
            "a\nb",
            "nul\0.lua",
            "..",
            "a/..",
            &"x".repeat(256),
            &"x/".repeat(600),
        ] {
            let (dir, mut intake) = intake();
            let done = intake.file(name.as_bytes(), false, &mut &b"x"[..]);
            assert!(matches!(done, Err(Refusal::Name { .. })), "{name:?}");
            assert!(fs::read_dir(dir.path()).expect("it lists").next().is_none(), "{name:?}");
        }
        assert!(intake().1.file(b"\xff.lua", false, &mut &b""[..]).is_err());
        assert!(matches!(clean(b"./a//b/."), Ok(Some(name)) if name == "a/b"));
        assert!(matches!(clean(b"sub/.GIT/config"), Ok(None)));
    }

    #[test]
    fn a_name_stands_for_one_file() {
        let (_dir, mut intake) = intake();
        let mut add = |name: &str| intake.file(name.as_bytes(), false, &mut &b"x"[..]);
        add("Lua/a.lua").expect("it is new");
        assert!(matches!(add("Lua/a.lua"), Err(Refusal::Twice(_))));
        assert!(matches!(add("Lua/./a.lua"), Err(Refusal::Twice(_))));
        assert!(matches!(add("Lua/A.lua"), Err(Refusal::Case(..))));
        assert!(matches!(add("lua/b.lua"), Err(Refusal::Case(..))));
        assert!(matches!(add("Lua"), Err(Refusal::Twice(_))));
        assert!(matches!(add("Lua/a.lua/c"), Err(Refusal::Twice(_))));
    }

    #[test]
    fn links_become_copies_of_files_inside() {
        let (dir, mut intake) = intake();
        intake.link(b"lua/alias.lua", b"../init.lua").expect("it stays inside");
        intake.file(b"init.lua", false, &mut &b"-- hi"[..]).expect("it is new");
        intake.finish().expect("they are made");
        let copy = dir.path().join("lua/alias.lua");
        assert!(fs::symlink_metadata(&copy).expect("it is there").is_file());
        assert_eq!(fs::read(copy).expect("it reads"), b"-- hi");
        for target in ["/etc/passwd", "../../x", "../gone", "self", ""] {
            let (_dir, mut intake) = self::intake();
            let linked = intake.link(b"lua/self", target.as_bytes());
            let done = linked.and_then(|()| intake.finish());
            assert!(matches!(done, Err(Refusal::Link { .. })), "{target:?}");
        }
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let (_dir, mut intake) = intake();
        let mut endless = io::repeat(b' ');
        assert!(matches!(intake.file(b"big", false, &mut endless), Err(Refusal::Large)));
        let (_dir, mut intake) = self::intake();
        let mut last = Ok(());
        for number in 0..=MAX_FILES {
            last = intake.claim(&number.to_string(), Kind::File);
        }
        assert!(matches!(last, Err(Refusal::Many)));
    }
}
