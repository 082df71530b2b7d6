//! Waiting until a Lua file changes.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use ignore::WalkBuilder;

use super::find;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// What the watched files were like.
pub(super) type Fingerprint = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// The folders that specs and what they are about lie in.
fn watched(path: &Path) -> PathBuf {
    let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = if whole.is_dir() { whole.as_path() } else { whole.parent().unwrap_or(&whole) };
    let spec = folder.ancestors().find(|dir| dir.ends_with("spec"));
    spec.and_then(Path::parent).unwrap_or(folder).to_owned()
}

/// Looks at every Lua file.
pub(super) fn fingerprint(paths: &[PathBuf]) -> Fingerprint {
    let roots = find::roots(paths);
    let walks = roots.iter().map(|root| WalkBuilder::new(watched(root)).build());
    let files = walks.flatten().flatten().map(ignore::DirEntry::into_path);
    files
        .filter(|path| path.extension().is_some_and(|ending| ending == "lua"))
        .filter_map(|path| {
            let meta = fs::metadata(&path).ok()?;
            Some((path, (meta.len(), meta.modified().ok())))
        })
        .collect()
}

/// Waits until something is not as it was.
pub(super) async fn changed(paths: &[PathBuf], before: &Fingerprint) {
    while fingerprint(paths) == *before {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
