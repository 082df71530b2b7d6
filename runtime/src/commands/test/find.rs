//! Which files are specs, and which extension each is about.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ignore::WalkBuilder;

const ENDING: &str = "_spec.lua";

/// The folders and files to look at: `./spec`, or the current folder when there is none.
pub(super) fn roots(paths: &[PathBuf]) -> Vec<PathBuf> {
    if !paths.is_empty() {
        return paths.to_vec();
    }
    let spec = PathBuf::from("spec");
    vec![if spec.is_dir() { spec } else { PathBuf::from(".") }]
}

fn is_spec(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().ends_with(ENDING))
}

/// The spec files below `paths`, absolute and sorted, each once.
pub(super) fn spec_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, String> {
    let mut files = Vec::new();
    for root in roots(paths) {
        let whole = fs::canonicalize(&root)
            .map_err(|err| format!("cannot look for specs in `{}`: {err}", root.display()))?;
        if whole.is_file() {
            files.push(whole);
            continue;
        }
        let entries = WalkBuilder::new(&whole).build().flatten();
        let found = entries.map(ignore::DirEntry::into_path);
        let before = files.len();
        files.extend(found.filter(|path| is_spec(path) && path.is_file()));
        if files.len() == before {
            return Err(format!("there is no `*{ENDING}` below `{}`", root.display()));
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// The extension that a spec is about by where it lies: `<id>_spec.lua` beside `<id>.lua` or `<id>/`,
/// or in the `spec/` folder beside one of them; or anywhere in the `spec/` folder beside an `init.lua`.
pub(super) fn extension_under_test(spec: &Path) -> Option<PathBuf> {
    let name = spec.file_name()?.to_string_lossy().into_owned();
    let id = name.strip_suffix(ENDING).unwrap_or_default();
    let here = spec.parent()?;
    let above = here.parent().filter(|_| here.ends_with("spec"));
    let named = std::iter::once(here).chain(above).find_map(|dir| extension_in(dir, id));
    if named.is_some() {
        return named;
    }
    let mut folders = spec.ancestors().skip(1);
    let home = folders.find(|dir| dir.ends_with("spec"))?.parent()?;
    home.join("init.lua").is_file().then(|| home.to_owned())
}

/// The extension `id` in a folder.
fn extension_in(dir: &Path, id: &str) -> Option<PathBuf> {
    if id.is_empty() {
        return None;
    }
    let file = dir.join(format!("{id}.lua"));
    let folder = dir.join(id);
    if file.is_file() { Some(file) } else { folder.join("init.lua").is_file().then_some(folder) }
}
