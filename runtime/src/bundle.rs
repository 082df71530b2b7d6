//! The bundle: the Lua that ships with zi.
//!
//! Release builds carry it; a development build reads it from the checkout, so that an edit needs no
//! rebuild. `ZI_BUNDLE_DIR` names a folder of the same shape (`extensions/`, `lua/`) to use instead.

use std::{
    borrow::Cow,
    env,
    path::{Path, PathBuf},
};

use rust_embed::RustEmbed;

use crate::{
    extensions::{Found, Rank, Source},
    near,
};

#[derive(RustEmbed)]
#[folder = "../extensions/"]
#[include = "*.lua"]
struct Extensions;

#[derive(RustEmbed)]
#[folder = "../lua/"]
#[include = "*.lua"]
struct Modules;

/// The bundle in use.
#[derive(Debug)]
pub struct Bundle {
    /// A folder that replaces the embedded files.
    dir: Option<PathBuf>,
    ids: Vec<String>,
}

/// What error messages call the folder of the embedded bundle.
const EMBEDDED_ROOT: &str = "<bundle>";

impl Bundle {
    /// The bundle that the environment asks for. A folder that cannot be used is reported and the
    /// embedded bundle taken.
    pub fn from_env() -> (Self, Option<String>) {
        let Some(dir) = env::var_os("ZI_BUNDLE_DIR").filter(|dir| !dir.is_empty()) else {
            return (Self::embedded(), None);
        };
        let dir = PathBuf::from(dir);
        let ids = lua_files(&dir.join("extensions"));
        if ids.is_empty() {
            let notice = format!(
                "`ZI_BUNDLE_DIR` is `{}`, which has no `extensions/*.lua`; using the built-in bundle",
                dir.display()
            );
            return (Self::embedded(), Some(notice));
        }
        (Self { dir: Some(dir), ids }, None)
    }

    /// The bundle of this build.
    pub fn embedded() -> Self {
        let mut ids: Vec<String> = Extensions::iter().filter_map(|name| id_of(&name)).collect();
        ids.sort();
        Self { dir: None, ids }
    }

    /// No bundle at all, to see what the core does by itself.
    pub fn empty() -> Self {
        Self { dir: None, ids: Vec::new() }
    }

    /// Leaves an extension out. The error names the nearest one when there is none of that id.
    pub fn leave_out(&mut self, id: &str) -> Result<(), String> {
        let before = self.ids.len();
        self.ids.retain(|known| known != id);
        if self.ids.len() < before {
            return Ok(());
        }
        let known: Vec<&str> = self.ids.iter().map(String::as_str).collect();
        Err(format!("there is no bundled extension `{id}`{}", near::hint(id, &known)))
    }

    pub fn has_extension(&self, id: &str) -> bool {
        self.ids.iter().any(|known| known == id)
    }

    /// The extensions of the bundle. A broken file of a replaced bundle gives way to the embedded
    /// one of the same name.
    pub fn extensions(&self) -> Vec<Found> {
        let found = self.ids.iter().enumerate().filter_map(|(order, id)| {
            let rank = Rank { source: Source::Builtin, order };
            let name = format!("{id}.lua");
            let (text, entry, root) = match &self.dir {
                Some(dir) => {
                    let path = dir.join("extensions").join(&name);
                    (Cow::Owned(std::fs::read(&path).ok()?), path, dir.clone())
                }
                None => {
                    let file = Extensions::get(&name)?;
                    let root = Path::new(EMBEDDED_ROOT);
                    (file.data, root.join("extensions").join(&name), root.to_owned())
                }
            };
            Found::from_text(id.clone(), rank, entry, root, text.into_owned()).ok()
        });
        found.collect()
    }

    /// The embedded extension `id`, when this bundle is another one.
    pub fn fallback(&self, id: &str) -> Option<Found> {
        self.dir.as_ref()?;
        let embedded = Self::embedded();
        embedded.extensions().into_iter().find(|found| found.id == id)
    }

    /// The module `file` (`zi/lines` for `zi.lines`): its text and its name in messages.
    pub fn module(&self, file: &str) -> Option<(Vec<u8>, String)> {
        for name in [format!("{file}.lua"), format!("{file}/init.lua")] {
            if let Some(dir) = &self.dir {
                let path = dir.join("lua").join(&name);
                if let Ok(text) = std::fs::read(&path) {
                    return Some((text, path.display().to_string()));
                }
            }
            if let Some(module) = Modules::get(&name) {
                return Some((module.data.into_owned(), format!("{EMBEDDED_ROOT}/lua/{name}")));
            }
        }
        None
    }
}

fn id_of(name: &str) -> Option<String> {
    name.strip_suffix(".lua").filter(|id| !id.contains('/')).map(str::to_owned)
}

fn lua_files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut ids: Vec<String> =
        entries.filter_map(|entry| id_of(entry.file_name().to_str()?)).collect();
    ids.sort();
    ids
}
