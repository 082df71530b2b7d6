//! What a path on the command line means: extensions, and modules.

use std::{
    ffi::OsStr,
    fs,
    path::{Component, Path, PathBuf},
};

/// One thing to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// An extension: its file or its folder.
    Extension(PathBuf),
    /// A file that others `require`.
    Module(PathBuf),
    /// A spec, for `zi test`.
    Spec(PathBuf),
}

/// Everything to check at `path`: an extension, a folder of them, or a root with `extensions/` and
/// `lua/`.
pub fn at(path: &Path) -> Vec<Target> {
    if path.is_file() {
        let target = match path {
            path if is_spec(path) => Target::Spec,
            path if is_module(path) => Target::Module,
            _ => Target::Extension,
        };
        return vec![target(path.to_owned())];
    }
    if path.join("init.lua").is_file() {
        let mut targets = vec![Target::Extension(path.to_owned())];
        targets.extend(modules(&path.join("lua")));
        return targets;
    }
    let (extensions, lua) = (path.join("extensions"), path.join("lua"));
    if extensions.is_dir() || lua.is_dir() {
        let mut targets = folder(&extensions);
        targets.extend(modules(&lua));
        return targets;
    }
    if is_module(&path.join("any.lua")) { modules(path) } else { folder(path) }
}

/// The extensions in a folder of them, each with its modules.
fn folder(dir: &Path) -> Vec<Target> {
    let is_extension =
        |path: &PathBuf| (is_lua(path) && path.is_file()) || path.join("init.lua").is_file();
    listed(dir).into_iter().filter(is_extension).flat_map(|path| at(&path)).collect()
}

/// All modules below a folder.
fn modules(dir: &Path) -> Vec<Target> {
    let mut found = Vec::new();
    for path in listed(dir) {
        let is_link = path.is_symlink();
        if path.is_dir() && !is_link {
            found.extend(modules(&path));
        } else if path.is_file() && is_lua(&path) {
            found.push(Target::Module(path));
        }
    }
    found
}

/// What is in a folder, in order, without what is hidden.
fn listed(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let shown = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut paths: Vec<PathBuf> = shown.map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

fn is_lua(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("lua"))
}

fn is_spec(path: &Path) -> bool {
    path.file_name().and_then(OsStr::to_str).is_some_and(|name| name.ends_with("_spec.lua"))
}

/// Whether a file is in a folder `lua` that belongs to a root or to an extension.
fn is_module(path: &Path) -> bool {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folders = path.parent().into_iter().flat_map(Path::components);
    let names: Vec<&OsStr> = folders.map(Component::as_os_str).collect();
    let place = |name: &str| names.iter().rposition(|part| *part == name);
    place("lua") > place("extensions")
}

/// The root that an extension is in: the folder that holds its `extensions/`.
pub fn root_of(extension: &Path) -> Option<PathBuf> {
    let path = std::path::absolute(extension).ok()?;
    let folder = path.parent()?;
    (folder.file_name()? == "extensions").then(|| folder.parent().map(Path::to_owned))?
}
