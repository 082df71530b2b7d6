//! Moving from one session to another, and within one. Extensions ask for a change; it is made at
//! the next moment at which no run goes on.

use std::{
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde_json::{Value, json};

use crate::{
    hooks::{self, Event},
    host::{Host, Level, lock},
    journal::{Journal, JournalError},
    run::CompactOptions,
    session_list, startup,
};

/// A change that an extension asked for.
#[derive(Clone, Debug)]
pub enum Change {
    New,
    /// To the session that a path, or the start of an id, means.
    Switch(String),
    /// A session of its own that starts with the branch up to this entry.
    Fork(String),
    /// To another entry of this session; `None` is before the first.
    Navigate {
        target: Option<String>,
        summarize: bool,
        instructions: Option<String>,
    },
    Compact {
        instructions: Option<String>,
    },
}

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    Failed(String),
}

/// Where extensions say that there is more to use.
#[derive(Clone, Debug, Default)]
pub struct Resources {
    pub themes: Vec<PathBuf>,
}

impl Host {
    /// Asks extensions for resources; relative paths start at the working directory.
    pub async fn discover_resources(self: &Arc<Self>, reason: &str) -> Resources {
        let event = Event::new("resources_discover", json!({ "cwd": self.cwd, "reason": reason }));
        let mut found = Resources::default();
        self.intercept(event, |_, answer| {
            let themes = answer.value.as_ref().and_then(|fields| fields.get("themes"));
            let paths = themes.and_then(Value::as_array).into_iter().flatten();
            let paths = paths.filter_map(Value::as_str).map(|path| self.cwd.join(path));
            found.themes.extend(paths);
            ControlFlow::Continue(())
        })
        .await;
        found
    }

    /// Makes the changes that wait, unless a run goes on. What fails is told and changes nothing.
    pub async fn apply_changes(self: &Arc<Self>) {
        loop {
            if self.current_run().is_some() {
                return;
            }
            let Some(change) = lock(&self.queues).changes.pop_front() else { return };
            match self.apply_change(change).await {
                Ok(()) => {}
                Err(ChangeError::Refused(reason)) => self.notice(Level::Info, &reason),
                Err(err) => self.notice(Level::Error, &err.to_string()),
            }
        }
    }

    async fn apply_change(self: &Arc<Self>, change: Change) -> Result<(), ChangeError> {
        match change {
            Change::New => {
                self.may_switch("new", Value::Null).await?;
                let dir = self.session_dir_if_kept().await;
                self.rebind("new", Journal::create(&self.cwd, dir.as_deref(), None)).await
            }
            Change::Switch(reference) => {
                let dir = startup::session_dir(self).await;
                let path = startup::find_session(self, &dir, &reference)
                    .map_err(|err| ChangeError::Failed(err.to_string()))?;
                if self.session.file().as_deref() == Some(&path) {
                    return Err(ChangeError::Refused("this is the session already".into()));
                }
                self.may_switch("resume", json!(path)).await?;
                let (journal, report) = Journal::open(&path)?;
                if let Some(notice) = report.notice(&path) {
                    self.notice(Level::Warn, &notice);
                }
                self.rebind("resume", journal).await
            }
            Change::Fork(entry) => self.fork(&entry).await,
            Change::Navigate { target, summarize, instructions } => {
                self.navigate(target, summarize, instructions).await
            }
            Change::Compact { instructions } => {
                let options = CompactOptions { reason: "manual", instructions };
                match self.compact(None, options).await {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(ChangeError::Refused("there is nothing to compact".into())),
                    Err(problem) => Err(ChangeError::Failed(problem)),
                }
            }
        }
    }

    /// Where new sessions go; nowhere when the present one is not kept either.
    async fn session_dir_if_kept(self: &Arc<Self>) -> Option<PathBuf> {
        if !self.session.journal().is_kept() {
            return None;
        }
        Some(startup::session_dir(self).await)
    }

    async fn may_switch(self: &Arc<Self>, reason: &str, target: Value) -> Result<(), ChangeError> {
        let fields = json!({ "reason": reason, "target": target });
        self.ask_leave(Event::new("session_before_switch", fields)).await.map(drop)
    }

    /// Asks the handlers of a cancellable event; what they answer is joined, the first one wins.
    async fn ask_leave(
        self: &Arc<Self>,
        event: Event,
    ) -> Result<serde_json::Map<String, Value>, ChangeError> {
        let mut refused = None;
        let mut answers = serde_json::Map::new();
        self.intercept(event, |_, answer| {
            let Some(fields) = answer.value else { return ControlFlow::Continue(()) };
            if let Some(reason) = hooks::refusal(&fields) {
                let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                refused = Some(format!("extension `{}` declined{why}", answer.extension));
                return ControlFlow::Break(());
            }
            for (name, value) in fields {
                answers.entry(name).or_insert(value);
            }
            ControlFlow::Continue(())
        })
        .await;
        match refused {
            Some(reason) => Err(ChangeError::Refused(reason)),
            None => Ok(answers),
        }
    }

    /// Goes on with another journal: the old session is shut down, extensions get fresh VMs, the new
    /// one starts.
    async fn rebind(
        self: &Arc<Self>,
        reason: &'static str,
        journal: Journal,
    ) -> Result<(), ChangeError> {
        if let Err(err) = self.session.sync().await {
            // Leaving it would lose what is only in memory.
            return Err(ChangeError::Journal(err));
        }
        let previous = self.binding_value();
        let next = json!({ "session_id": journal.header().id, "session_file": journal.file() });
        self.replace_session(reason, journal, &next).await;
        let mut event = self.session_start(reason);
        event.fields.insert("previous".into(), previous);
        self.emit(event);
        Ok(())
    }

    async fn fork(self: &Arc<Self>, entry: &str) -> Result<(), ChangeError> {
        let (branch, parent) = {
            let journal = self.session.journal();
            let branch = journal.path_to(entry);
            (branch, journal.header().id.clone())
        };
        if branch.is_empty() {
            return Err(JournalError::NoEntry(entry.to_owned()).into());
        }
        let event = Event::new("session_before_fork", json!({ "entry_id": entry }));
        self.ask_leave(event).await?;
        let dir = self.session_dir_if_kept().await;
        let mut journal = Journal::create(&self.cwd, dir.as_deref(), Some(parent));
        journal.adopt(&branch);
        journal.keep()?;
        self.rebind("fork", journal).await
    }

    async fn navigate(
        self: &Arc<Self>,
        target: Option<String>,
        summarize: bool,
        instructions: Option<String>,
    ) -> Result<(), ChangeError> {
        let old_leaf = self.session.journal().leaf().map(str::to_owned);
        if target == old_leaf {
            return Ok(());
        }
        if let Some(target) = &target
            && self.session.journal().entry(target).is_none()
        {
            return Err(JournalError::NoEntry(target.clone()).into());
        }
        let left = self.branch_left(target.as_deref());
        let event = Event::new(
            "session_before_tree",
            json!({
                "target_id": target,
                "old_leaf_id": old_leaf,
                "summarize": summarize && !left.is_empty(),
                "instructions": instructions,
                "messages": if summarize { left } else { Vec::new() },
            }),
        );
        let answers = self.ask_leave(event).await?;
        let text = |name: &str| answers.get(name).and_then(Value::as_str).map(str::to_owned);
        self.session.journal().navigate(target.as_deref())?;
        let mut summary_entry = None;
        if let Some(summary) = text("summary").filter(|summary| !summary.trim().is_empty()) {
            let data = json!({ "summary": summary, "from_id": old_leaf });
            let appended = self.session.append("branch_summary", data);
            summary_entry = Some(appended.entry.to_value());
        }
        if let (Some(label), Some(target)) = (text("label"), &target) {
            self.session.append("label", json!({ "entry_id": target, "label": label }));
        }
        let new_leaf = self.session.journal().leaf().map(str::to_owned);
        self.emit(Event::new(
            "session_tree",
            json!({
                "new_leaf_id": new_leaf,
                "old_leaf_id": old_leaf,
                "target_id": target,
                "summary_entry": summary_entry,
            }),
        ));
        Ok(())
    }

    /// The messages of the present branch that are not on the branch of `target`.
    fn branch_left(&self, target: Option<&str>) -> Vec<Value> {
        let journal = self.session.journal();
        let kept = target.map(|target| journal.path_to(target)).unwrap_or_default();
        let path = journal.path();
        let common = path.iter().zip(&kept).take_while(|(a, b)| a.id == b.id).count();
        path[common..].iter().filter_map(|entry| entry.message().cloned()).collect()
    }

    /// Copies the session file at `path` into `dir`, as a session of this directory. Entries that
    /// cannot be read stay behind; nothing in the file gives it any right.
    pub fn import_session(&self, path: &Path, dir: &Path) -> Result<PathBuf, JournalError> {
        let (header, entries, report) = Journal::read(path)?;
        if let Some(notice) = report.notice(path) {
            self.notice(Level::Warn, &notice);
        }
        let entries: Vec<_> = entries.into_iter().map(Arc::new).collect();
        let mut journal = Journal::create(&self.cwd, Some(dir), Some(header.id));
        journal.adopt(&entries);
        journal.keep()?;
        Ok(journal.file().map(PathBuf::from).unwrap_or_default())
    }

    /// Sessions on disk, the newest first: of this directory, or of all.
    pub fn list_sessions(&self, dir: Option<&Path>, query: &str, limit: usize) -> Vec<Value> {
        let query = query.to_lowercase();
        let mut files = match dir {
            Some(dir) => startup::session_files(dir),
            None => startup::all_session_files(self),
        };
        let modified =
            |path: &PathBuf| std::fs::metadata(path).and_then(|meta| meta.modified()).ok();
        files.sort_by_cached_key(|path| std::cmp::Reverse((modified(path), path.clone())));
        let found =
            files.iter().filter_map(|path| session_list::describe(path)).filter(|session| {
                let text = ["name", "first_message", "id", "cwd"]
                    .map(|name| session[name].as_str().unwrap_or_default().to_lowercase())
                    .join("\n");
                text.contains(&query)
            });
        found.take(limit).collect()
    }
}
