//! What keeps a found extension from loading: the user switched it off, or an installed one is not
//! what was installed.

use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::{Found, Lock, Locked, Source, Unusable};
use crate::{
    host::Host,
    paths::{Dirs, write_private},
};

/// The ids that the user switched off, kept in `<state>/extensions.json`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Disabled {
    #[serde(default)]
    pub disabled: BTreeSet<String>,
}

impl Disabled {
    fn path(state: &Path) -> PathBuf {
        state.join("extensions.json")
    }

    /// Reads the list; the error names the file.
    pub fn read(state: &Path) -> Result<Self, String> {
        let path = Self::path(state);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map_err(|err| {
                format!("`{}` is no list of disabled extensions: {err}", path.display())
            }),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(err) => Err(format!("cannot read `{}`: {err}", path.display())),
        }
    }

    pub fn write(&self, state: &Path) -> Result<(), String> {
        let path = Self::path(state);
        let text = serde_json::to_string_pretty(self).map_err(io::Error::from);
        let written = text.and_then(|text| write_private(&path, (text + "\n").as_bytes()));
        written.map_err(|err| format!("cannot write `{}`: {err}", path.display()))
    }
}

/// The rules of one user. The default has none.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    disabled: Disabled,
    lock: Lock,
    /// The folder of the user's extensions.
    extensions: PathBuf,
    /// What could not be read, and so does not count.
    pub problems: Vec<String>,
}

impl Rules {
    pub fn read(dirs: &Dirs) -> Self {
        let mut problems = Vec::new();
        let disabled = Disabled::read(&dirs.state).unwrap_or_else(|problem| {
            problems.push(format!("{problem}; nothing is disabled"));
            Disabled::default()
        });
        let lock = Lock::read(&dirs.config).unwrap_or_else(|err| {
            problems.push(format!("{err}; installed extensions are not checked"));
            Lock::default()
        });
        Self { disabled, lock, extensions: dirs.config.join("extensions"), problems }
    }

    /// Whether the user switched it off. What the command line names is wanted all the same.
    pub fn is_disabled(&self, found: &Found) -> bool {
        found.rank.source != Source::Explicit && self.disabled.disabled.contains(&found.id)
    }

    /// Whether an extension at `path` is still what was installed there, if it was and is to load.
    pub(super) fn check(&self, found: &Found, path: &Path) -> Result<(), String> {
        if found.rank.source != Source::User || self.is_disabled(found) {
            return Ok(());
        }
        let Some(locked) = self.lock.extensions.get(&found.id) else { return Ok(()) };
        if path.file_name().is_none_or(|name| name != locked.place.as_str()) {
            return Ok(());
        }
        let differences = locked.differences(&self.extensions).map_err(|err| {
            format!("the files of the installed extension `{}` cannot be read: {err}", found.id)
        })?;
        if differences.is_empty() { Ok(()) } else { Err(changed(&found.id, path, &differences)) }
    }

    /// The installed extensions that should load and are none of `seen`.
    pub(super) fn missing(&self, seen: &[&String]) -> Vec<Unusable> {
        let is_wanted = |id: &String| !seen.contains(&id) && !self.disabled.disabled.contains(id);
        let gone = self.lock.extensions.iter().filter(|(id, _)| is_wanted(id));
        gone.map(|(id, locked)| self.gone(id, locked)).collect()
    }

    fn gone(&self, id: &str, locked: &Locked) -> Unusable {
        let place = self.extensions.join(&locked.place);
        let problem = format!(
            "the installed extension `{id}` is not at `{}`; `zi ext update {id} --force` brings it \
             back, `zi ext remove {id}` forgets it",
            place.display()
        );
        let is_file = locked.files.contains_key(&locked.place);
        let entry = if is_file { place } else { place.join("init.lua") };
        Unusable { id: id.to_owned(), source: Source::User, entry, problem }
    }
}

impl Host {
    /// The rules of its user; with `--safe-mode` there are none, so that the bundle always comes up.
    pub(crate) fn rules(&self) -> Rules {
        let is_safe = self.inherited_switches.iter().any(|switch| switch == "--safe-mode");
        if is_safe { Rules::default() } else { Rules::read(&self.dirs) }
    }
}

fn changed(id: &str, path: &Path, differences: &[String]) -> String {
    let more = match differences.len() {
        0..=3 => String::new(),
        count => format!(" and {} more", count - 3),
    };
    let named: Vec<&str> = differences.iter().take(3).map(String::as_str).collect();
    format!(
        "the installed extension `{id}` at `{}` was not loaded, since {}{more}; `zi ext update {id} \
         --force` brings the installed files back, `zi ext accept {id}` takes them as they are",
        path.display(),
        named.join(", ")
    )
}
