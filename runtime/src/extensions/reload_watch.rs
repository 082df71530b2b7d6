//! Reloading by itself (`"watch": true`): what a changed file belongs to is read again.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    host::{Host, Level},
    watch::Watch,
};

/// What a changed file calls for.
#[derive(Debug, PartialEq, Eq)]
enum Concerns {
    One(String),
    All,
    Nothing,
}

impl Host {
    /// Watches the folders of extensions and reloads what changes, until zi ends.
    pub fn watch_extensions(self: &Arc<Self>) {
        let dirs: Vec<PathBuf> = self
            .roots
            .iter()
            .flat_map(|root| ["extensions", "lua"].map(|name| root.dir.join(name)))
            .filter(|dir| dir.is_dir())
            .collect();
        let settings = self.dirs.config.join("settings.json");
        let files = self.explicit.iter().cloned().chain(settings.is_file().then_some(settings));
        let watched: Vec<PathBuf> = dirs.iter().cloned().chain(files).collect();
        if watched.is_empty() {
            return;
        }
        let mut watch = match Watch::start(&watched, true) {
            Ok(watch) => watch,
            Err(problem) => {
                let text = format!("`watch`: {problem}; `/reload-ext` still works");
                return self.notice(Level::Warn, &text);
            }
        };
        let host = Arc::downgrade(self);
        let shutdown = self.shutdown.clone();
        self.io.spawn(async move {
            loop {
                let changed = tokio::select! {
                    () = shutdown.cancelled() => return,
                    changed = watch.next() => changed,
                };
                let Some(host) = host.upgrade() else { return };
                host.reload_changed(&changed).await;
            }
        });
    }

    async fn reload_changed(self: &Arc<Self>, changed: &[PathBuf]) {
        let mut ids = BTreeSet::new();
        for path in changed {
            match self.concerns(path) {
                Concerns::One(id) => drop(ids.insert(id)),
                Concerns::Nothing => {}
                Concerns::All => {
                    self.reload_and_tell(None).await;
                    return;
                }
            }
        }
        for id in ids {
            let done = self.reload(Some(&id)).await;
            // What an editor wrote beside and took away again never was an extension.
            if !done.is_nothing() {
                self.tell_reloaded(Some(&id), &done);
            }
        }
    }

    fn concerns(&self, path: &Path) -> Concerns {
        if path.file_name().is_some_and(|name| name == "settings.json") {
            return Concerns::All;
        }
        let is_explicit = |file: &&PathBuf| path.starts_with(file.as_path());
        if let Some(file) = self.explicit.iter().find(is_explicit) {
            return Concerns::One(super::id_of(file));
        }
        for root in &self.roots {
            if path.starts_with(root.dir.join("lua")) {
                return lua_only(path, Concerns::All);
            }
            if let Ok(inside) = path.strip_prefix(root.dir.join("extensions")) {
                let Some(first) = inside.iter().next().and_then(|name| name.to_str()) else {
                    continue;
                };
                // What editors and installers write beside is no extension.
                if first.starts_with('.') || first.ends_with('~') {
                    return Concerns::Nothing;
                }
                let id = first.strip_suffix(".lua").unwrap_or(first).to_owned();
                return lua_only(path, Concerns::One(id));
            }
        }
        Concerns::Nothing
    }
}

/// A change of a file that is no code or manifest concerns nobody; a folder that came or went may.
fn lua_only(path: &Path, concerns: Concerns) -> Concerns {
    match path.extension().and_then(|extension| extension.to_str()) {
        None | Some("lua" | "json") => concerns,
        Some(_) => Concerns::Nothing,
    }
}
