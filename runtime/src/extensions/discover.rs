//! Finding extensions: `<root>/extensions/<id>.lua` or `<root>/extensions/<id>/init.lua`.

use std::{
    collections::HashMap,
    fs, io,
    path::{Path, PathBuf},
};

use super::{Rank, Rules, Source};

/// Largest entry file.
const MAX_ENTRY_BYTES: usize = 1 << 20;

/// What an extension says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    pub name: Option<String>,
    pub version: Option<String>,
    pub description: Option<String>,
    pub enabled: Option<bool>,
}

/// An extension that was found and not loaded yet.
#[derive(Clone, Debug)]
pub struct Found {
    pub id: String,
    pub rank: Rank,
    pub entry: PathBuf,
    pub root: PathBuf,
    /// Its own `lua/` folder, searched by its `require` alone.
    pub private_lua: Option<PathBuf>,
    pub manifest: Manifest,
    pub text: Vec<u8>,
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Root {
    pub source: Source,
    pub dir: PathBuf,
}

/// A file that stands where an extension should be and cannot be used.
#[derive(Clone, Debug)]
pub struct Unusable {
    pub id: String,
    pub source: Source,
    pub entry: PathBuf,
    pub problem: String,
}

/// Everything that was found, in order of precedence: what is shadowed or switched off included.
#[derive(Debug, Default)]
pub struct Survey {
    pub found: Vec<Found>,
    pub unusable: Vec<Unusable>,
    /// Folders that could not be read.
    pub problems: Vec<String>,
}

impl Survey {
    /// Looks at the `explicit` paths, the `roots`, and adds the `builtin` ones.
    pub fn of(roots: &[Root], explicit: &[PathBuf], builtin: Vec<Found>, rules: &Rules) -> Self {
        let mut survey = Self::default();
        for (order, path) in explicit.iter().map(|path| whole(path)).enumerate() {
            let entry = if path.is_dir() { path.join("init.lua") } else { path.to_owned() };
            let root = entry.parent().unwrap_or(Path::new(".")).to_owned();
            survey.take(path, Rank { source: Source::Explicit, order }, root, rules);
        }
        for root in roots {
            let paths = candidates(&root.dir, &mut survey.problems);
            for (order, path) in paths.into_iter().enumerate() {
                survey.take(&path, Rank { source: root.source, order }, root.dir.clone(), rules);
            }
            if root.source == Source::User {
                survey.miss(rules);
            }
        }
        survey.found.extend(builtin);
        survey
    }

    fn take(&mut self, path: &Path, rank: Rank, root: PathBuf, rules: &Rules) {
        let (id, source, is_dir) = (id_of(path), rank.source, path.is_dir());
        let entry = if is_dir { path.join("init.lua") } else { path.to_owned() };
        let read = read_entry(id.clone(), rank, entry.clone(), root, is_dir);
        match read.and_then(|one| rules.check(&one, path).map(|()| one)) {
            Ok(one) => self.found.push(one),
            Err(problem) => self.unusable.push(Unusable { id, source, entry, problem }),
        }
    }

    /// Names the installed extensions that are not where they were put.
    fn miss(&mut self, rules: &Rules) {
        let found = self.found.iter().map(|one| &one.id);
        let seen: Vec<&String> = found.chain(self.unusable.iter().map(|one| &one.id)).collect();
        let missing: Vec<Unusable> = rules.missing(&seen);
        self.unusable.extend(missing);
    }
}

/// Finds the extensions of `roots` and the `explicit` paths that are to be loaded. Where an id is
/// found twice, the one of the higher source stands for both. Returns what was found, in order of
/// precedence, and a line for each thing that could not be read.
pub fn discover(
    roots: &[Root],
    explicit: &[PathBuf],
    builtin: Vec<Found>,
    rules: &Rules,
) -> (Vec<Found>, Vec<String>) {
    let Survey { mut found, unusable, mut problems } = Survey::of(roots, explicit, builtin, rules);
    problems.extend(rules.problems.iter().cloned());
    problems.extend(unusable.into_iter().map(|one| one.problem));
    let mut holders: HashMap<String, Source> = HashMap::new();
    found.retain(|one| match holders.get(&one.id) {
        Some(Source::Explicit) if one.rank.source == Source::Explicit => {
            problems.push(format!("`{}`: a second `{}` is left out", one.entry.display(), one.id));
            false
        }
        Some(_) => false,
        None => {
            holders.insert(one.id.clone(), one.rank.source);
            true
        }
    });
    found.retain(|one| one.manifest.enabled != Some(false) && !rules.is_disabled(one));
    (found, problems)
}

/// Reads the extension at `path`, a file or a folder, as if it were found there.
pub fn inspect(path: &Path) -> Result<Found, String> {
    let is_dir = path.is_dir();
    let entry = if is_dir { path.join("init.lua") } else { path.to_owned() };
    let root = path.parent().unwrap_or(Path::new(".")).to_owned();
    read_entry(id_of(path), Rank { source: Source::User, order: 0 }, entry, root, is_dir)
}

/// The id of the extension at `path`, a file or a folder.
pub(crate) fn id_of(path: &Path) -> String {
    let name = if path.is_dir() { path.file_name() } else { path.file_stem() };
    match name.and_then(|name| name.to_str()) {
        Some("init") => path
            .parent()
            .and_then(Path::file_name)
            .map_or_else(|| "init".to_owned(), |name| name.to_string_lossy().into_owned()),
        Some(name) => name.to_owned(),
        None => path.to_string_lossy().into_owned(),
    }
}

/// The folder of an `init.lua`, which is the extension with all that it has; any other path itself.
fn whole(path: &Path) -> &Path {
    let is_entry = path.file_name().is_some_and(|name| name == "init.lua");
    path.parent().filter(|dir| is_entry && dir.file_name().is_some()).unwrap_or(path)
}

/// What could be an extension in `<dir>/extensions`, in lexical order.
fn candidates(dir: &Path, problems: &mut Vec<String>) -> Vec<PathBuf> {
    let folder = dir.join("extensions");
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Vec::new(),
        Err(err) => {
            problems.push(format!("cannot read `{}`: {err}", folder.display()));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| {
            let hidden =
                path.file_name().is_none_or(|name| name.to_string_lossy().starts_with('.'));
            let is_lua = path.extension().is_some_and(|extension| extension == "lua");
            !hidden && ((path.is_file() && is_lua) || path.join("init.lua").is_file())
        })
        .collect();
    paths.sort();
    paths
}

fn read_entry(
    id: String,
    rank: Rank,
    entry: PathBuf,
    root: PathBuf,
    is_dir: bool,
) -> Result<Found, String> {
    let text = fs::read(&entry)
        .map_err(|err| format!("cannot read extension `{}`: {err}", entry.display()))?;
    let private_lua = if is_dir { entry.parent().map(|dir| dir.join("lua")) } else { None };
    let mut one = Found::from_text(id, rank, entry, root, text)?;
    if is_dir && let Some(manifest) = read_manifest(&one.entry)? {
        one.manifest = manifest;
    }
    one.private_lua = private_lua;
    Ok(one)
}

impl Found {
    /// An extension whose text is at hand.
    pub fn from_text(
        id: String,
        rank: Rank,
        entry: PathBuf,
        root: PathBuf,
        text: Vec<u8>,
    ) -> Result<Self, String> {
        if text.len() > MAX_ENTRY_BYTES {
            return Err(format!("extension `{}` is larger than 1 MiB", entry.display()));
        }
        let manifest = comment_manifest(&text);
        Ok(Self { id, rank, entry, root, private_lua: None, manifest, text })
    }
}

/// Reads `-- key: value` lines from the first comment block.
fn comment_manifest(text: &[u8]) -> Manifest {
    let mut manifest = Manifest::default();
    for line in String::from_utf8_lossy(text).lines().take(20) {
        let Some(comment) = line.strip_prefix("--") else { break };
        let Some((key, value)) = comment.split_once(':') else { continue };
        let value = value.trim().to_owned();
        match key.trim() {
            "name" => manifest.name = Some(value),
            "version" => manifest.version = Some(value),
            "description" => manifest.description = Some(value),
            "enabled" => manifest.enabled = Some(value != "false"),
            _ => {}
        }
    }
    manifest
}

/// Reads `extension.json` beside the entry, if there is one.
fn read_manifest(entry: &Path) -> Result<Option<Manifest>, String> {
    let path = entry.with_file_name("extension.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(format!("cannot read `{}`: {err}", path.display())),
    };
    let value: serde_json::Value = serde_json::from_str(&text)
        .map_err(|err| format!("`{}` is not JSON: {err}", path.display()))?;
    let field = |name: &str| value.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    Ok(Some(Manifest {
        name: field("name"),
        version: field("version"),
        description: field("description"),
        enabled: value.get("enabled").and_then(serde_json::Value::as_bool),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_root_replaces_the_lower_one_whole() {
        let user = tempfile::tempdir().expect("a folder");
        let system = tempfile::tempdir().expect("a folder");
        for (dir, name) in
            [(&user, "b.lua"), (&user, ".hidden.lua"), (&system, "a.lua"), (&system, "b.lua")]
        {
            fs::create_dir_all(dir.path().join("extensions")).expect("it is made");
            fs::write(dir.path().join("extensions").join(name), "-- version: 2\n")
                .expect("it writes");
        }
        fs::create_dir_all(user.path().join("extensions/c")).expect("it is made");
        fs::write(user.path().join("extensions/c/init.lua"), "").expect("it writes");
        let roots = [
            Root { source: Source::User, dir: user.path().to_owned() },
            Root { source: Source::System, dir: system.path().to_owned() },
        ];
        let (found, problems) = discover(&roots, &[], Vec::new(), &Rules::default());
        assert!(problems.is_empty(), "{problems:?}");
        let ids: Vec<_> = found.iter().map(|one| (one.id.as_str(), one.rank.source)).collect();
        assert_eq!(ids, [("b", Source::User), ("c", Source::User), ("a", Source::System)]);
        assert_eq!(found[0].manifest.version.as_deref(), Some("2"));
    }
}
