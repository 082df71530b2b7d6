//! Watching files: what changed below some paths, told in batches.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use notify::{Event, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// A batch is told when nothing more has changed for this long …
const QUIET: Duration = Duration::from_millis(100);
/// … or after this many changes, however it goes on.
const MAX_BATCH: usize = 10_000;

/// Watches until it is dropped.
#[derive(Debug)]
pub struct Watch {
    _watcher: notify::RecommendedWatcher,
    changes: mpsc::UnboundedReceiver<Vec<PathBuf>>,
}

impl Watch {
    /// Watches `paths`, with all below them if `recursive`. Fails when one of them cannot be watched,
    /// as when there is nothing.
    pub fn start(paths: &[PathBuf], recursive: bool) -> Result<Self, String> {
        let (sender, changes) = mpsc::unbounded_channel();
        let tell = move |event: notify::Result<Event>| {
            // What cannot be told in detail is not told; the next change is.
            let Ok(event) = event else { return };
            if !event.kind.is_access() {
                // Nobody listens once the watch is being dropped.
                sender.send(event.paths).ok();
            }
        };
        let mut watcher = notify::recommended_watcher(tell).map_err(|err| err.to_string())?;
        let mode = if recursive { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        for path in paths {
            watcher.watch(path, mode).map_err(|err| problem(path, err))?;
        }
        Ok(Self { _watcher: watcher, changes })
    }

    /// Waits for changes and answers the paths that changed, each once, in order.
    pub async fn next(&mut self) -> Vec<PathBuf> {
        let mut batch = match self.changes.recv().await {
            Some(paths) => paths,
            // The watcher keeps the sender; it cannot be gone.
            None => std::future::pending().await,
        };
        while batch.len() < MAX_BATCH
            && let Ok(Some(more)) = tokio::time::timeout(QUIET, self.changes.recv()).await
        {
            batch.extend(more);
        }
        batch.sort();
        batch.dedup();
        batch
    }
}

fn problem(path: &Path, err: notify::Error) -> String {
    let text = match err.kind {
        notify::ErrorKind::PathNotFound => "there is no such file or folder".to_owned(),
        notify::ErrorKind::MaxFilesWatch => {
            "the system's limit of watches is reached (fs.inotify.max_user_watches)".to_owned()
        }
        notify::ErrorKind::Io(err) if err.kind() == std::io::ErrorKind::NotFound => {
            "there is no such file or folder".to_owned()
        }
        _ => err.to_string(),
    };
    format!("cannot watch `{}`: {text}", path.display())
}
