//! The themes that there are, and the one that was chosen.
//!
//! Sources, the first of a name wins: files of the user (`themes/*.json`), of a trusted project, of
//! the distribution; those of extensions; `dark` and `light`. `auto` is the one of these two that fits
//! the terminal's background.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use crate::{host::lock, near, registry::ThemeSpec, scene::theme::Theme};

const AUTO: &str = "auto";

/// All themes.
#[derive(Debug, Default)]
pub struct Themes(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Where the choice is remembered.
    file: Option<PathBuf>,
    dirs: Vec<PathBuf>,
    /// Files and folders that extensions brought.
    more: Vec<PathBuf>,
    own: Vec<Arc<ThemeSpec>>,
    chosen: String,
    background: Option<(u8, u8, u8)>,
}

impl Themes {
    /// Looks for files in `dirs`; the choice is that of `file`, else `wanted`, else `auto`.
    pub fn open(&self, file: PathBuf, dirs: Vec<PathBuf>, wanted: Option<&str>) {
        let remembered = fs::read_to_string(&file).ok().map(|text| text.trim().to_owned());
        let chosen = wanted.map(str::to_owned).or(remembered.filter(|name| !name.is_empty()));
        let mut state = lock(&self.0);
        state.chosen = chosen.unwrap_or_else(|| AUTO.to_owned());
        state.file = Some(file);
        state.dirs = dirs;
    }

    /// Those that extensions registered.
    pub fn set_own(&self, own: Vec<Arc<ThemeSpec>>) {
        lock(&self.0).own = own;
    }

    /// Files and folders that extensions know of.
    pub fn set_more(&self, more: Vec<PathBuf>) {
        lock(&self.0).more = more;
    }

    /// The terminal said what its background is.
    pub fn set_background(&self, background: (u8, u8, u8)) {
        lock(&self.0).background = Some(background);
    }

    pub fn names(&self) -> Vec<String> {
        let state = lock(&self.0);
        let mut names: Vec<String> = [AUTO, "dark", "light"].map(str::to_owned).to_vec();
        names.extend(state.own.iter().map(|spec| spec.name.clone()));
        names.extend(state.files().into_keys());
        names.sort();
        names.dedup();
        names
    }

    pub fn chosen(&self) -> String {
        lock(&self.0).chosen.clone()
    }

    /// The chosen theme. One that cannot be used gives way to `auto`, and the reason is told.
    pub fn current(&self) -> (Arc<Theme>, Option<String>) {
        let state = lock(&self.0);
        match state.load(&state.chosen) {
            Ok(theme) => (Arc::new(theme), None),
            Err(problem) => (Arc::new(Theme::auto(state.background)), Some(problem)),
        }
    }

    /// Chooses a theme and remembers it.
    pub fn choose(&self, name: &str) -> Result<Arc<Theme>, String> {
        let mut state = lock(&self.0);
        let theme = state.load(name)?;
        name.clone_into(&mut state.chosen);
        if let Some(file) = &state.file {
            // Forgetting the choice is all that can come of it.
            file.parent().map(fs::create_dir_all);
            fs::write(file, name).ok();
        }
        Ok(Arc::new(theme))
    }
}

impl State {
    /// The theme files by name.
    fn files(&self) -> BTreeMap<String, PathBuf> {
        let mut files = BTreeMap::new();
        for place in self.dirs.iter().chain(&self.more) {
            let found = if place.is_dir() {
                let entries = fs::read_dir(place).into_iter().flatten().flatten();
                entries.map(|entry| entry.path()).collect()
            } else {
                vec![place.clone()]
            };
            for path in found {
                if let Some(name) = name_of(&path) {
                    files.entry(name).or_insert(path);
                }
            }
        }
        files
    }

    fn load(&self, name: &str) -> Result<Theme, String> {
        if name == AUTO {
            return Ok(Theme::auto(self.background));
        }
        let files = self.files();
        if let Some(path) = files.get(name) {
            let text = fs::read_to_string(path)
                .map_err(|err| format!("cannot read `{}`: {err}", path.display()))?;
            return Theme::from_json(&text, &path.display().to_string())
                .map_err(|err| err.to_string());
        }
        if let Some(spec) = self.own.iter().find(|spec| spec.name == name) {
            return Theme::from_spec(spec).map_err(|err| err.to_string());
        }
        Theme::builtin(name).ok_or_else(|| {
            let mut names = vec![AUTO, "dark", "light"];
            names.extend(self.own.iter().map(|spec| spec.name.as_str()));
            names.extend(files.keys().map(String::as_str));
            format!("there is no theme `{name}`{}", near::hint(name, &names))
        })
    }
}

fn name_of(path: &Path) -> Option<String> {
    let is_theme = path.extension().is_some_and(|ending| ending == "json");
    is_theme.then(|| path.file_stem()?.to_str().map(str::to_owned))?
}
