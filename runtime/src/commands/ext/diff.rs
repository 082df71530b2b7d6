//! Unified diffs of texts and of the files of an extension.

use std::{collections::BTreeSet, fs, io, path::Path, time::Duration};

use similar::{Algorithm, TextDiff};

use crate::extensions;

/// The diff between two texts, with the names of both; empty when they are the same.
pub(super) fn texts(old: &[u8], new: &[u8], old_name: &str, new_name: &str) -> String {
    if old == new {
        return String::new();
    }
    let (Ok(old), Ok(new)) = (std::str::from_utf8(old), std::str::from_utf8(new)) else {
        return format!("Binary files {old_name} and {new_name} differ\n");
    };
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(Duration::from_millis(500))
        .diff_lines(old, new);
    diff.unified_diff()
        .context_radius(3)
        .missing_newline_hint(true)
        .header(old_name, new_name)
        .to_string()
}

/// The diff between two extensions that both go by `place`, files or folders; either may be absent.
pub(super) fn extensions(old: &Path, new: &Path, place: &str) -> io::Result<String> {
    let names = |path: &Path| match extensions::hashes(path, place) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        found => found.map(|found| found.into_keys().collect::<BTreeSet<String>>()),
    };
    let (old_names, new_names) = (names(old)?, names(new)?);
    let at = |path: &Path, name: &str| match path.is_dir() {
        true => path.join(name),
        false => path.to_owned(),
    };
    let read = |path: &Path, names: &BTreeSet<String>, name: &str| match names.contains(name) {
        true => fs::read(at(path, name)).map(Some),
        false => Ok(None),
    };
    let mut text = String::new();
    for name in old_names.union(&new_names) {
        let (before, after) = (read(old, &old_names, name)?, read(new, &new_names, name)?);
        let full = if name == place { name.clone() } else { format!("{place}/{name}") };
        let label = |side: &str, content: &Option<Vec<u8>>| match content {
            Some(_) => format!("{side}/{full}"),
            None => "/dev/null".to_owned(),
        };
        let (old_name, new_name) = (label("a", &before), label("b", &after));
        if before.is_none() != after.is_none()
            && before.as_ref().or(after.as_ref()) == Some(&vec![])
        {
            text.push_str(&format!("--- {old_name}\n+++ {new_name}\n"));
        }
        text.push_str(&texts(
            &before.unwrap_or_default(),
            &after.unwrap_or_default(),
            &old_name,
            &new_name,
        ));
    }
    Ok(text)
}
