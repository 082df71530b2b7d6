//! Reloading: a new VM is built beside the old one, and takes its place only when it has loaded.

use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use mlua::{MultiValue, Value as LuaValue};
use serde_json::Value;
use tokio_util::sync::CancellationToken;
use zi_kernel::scheduler::{self, Nulls};

use super::{Activate, Extension, Invocation, LoadProblem, Source, budgets, discover, load_all};
use crate::{
    host::{Host, Level, lock},
    journal::Journal,
    trust::{Project, Store},
};

/// How long calls may still run on an old VM when no run needs them.
const OLD_CALLS: Duration = Duration::from_secs(30);

/// What a reload did, by extension id.
#[derive(Debug, Default)]
pub struct Reloaded {
    pub loaded: Vec<String>,
    pub removed: Vec<String>,
    /// Their old builds go on, if there are any.
    pub failed: Vec<LoadProblem>,
    /// Those of `failed` that no build is there of.
    pub absent: Vec<String>,
    /// What could not be read at all.
    pub problems: Vec<String>,
}

impl Reloaded {
    /// One line for the user.
    pub fn summary(&self) -> String {
        let list = |what: &str, ids: Vec<&str>| match ids.len() {
            0 => None,
            1..=6 => Some(format!("{what} {}", ids.join(", "))),
            count => Some(format!("{what} {count} extensions")),
        };
        let parts: Vec<String> = [
            list("reloaded", self.loaded.iter().map(String::as_str).collect()),
            list("removed", self.removed.iter().map(String::as_str).collect()),
            list("kept the old", self.kept()),
            list("still without", self.absent.iter().map(String::as_str).collect()),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() { "nothing to reload".to_owned() } else { parts.join("; ") }
    }

    /// Whether there was nothing to do.
    pub fn is_nothing(&self) -> bool {
        self.loaded.is_empty() && self.removed.is_empty() && self.failed.is_empty()
    }

    fn kept(&self) -> Vec<&str> {
        let ids = self.failed.iter().map(|it| it.id.as_str());
        ids.filter(|id| !self.absent.iter().any(|absent| absent == id)).collect()
    }
}

/// What stands ready to take over.
struct Next {
    new: Vec<Arc<Extension>>,
    replaced: Vec<Arc<Extension>>,
    gone: Vec<Arc<Extension>>,
    failed: Vec<LoadProblem>,
    problems: Vec<String>,
}

impl Next {
    fn leaving(&self) -> impl Iterator<Item = &Arc<Extension>> {
        self.replaced.iter().chain(&self.gone)
    }
}

impl Host {
    /// Reads extensions from disk again: all of them, or the one called `only`. Those that load take
    /// over at one moment; of one that fails the old build goes on. A run in progress goes on too:
    /// calls end where they began, and what is called from then on is new.
    pub async fn reload(self: &Arc<Self>, only: Option<&str>) -> Reloaded {
        let _one_at_a_time = self.reloading.lock().await;
        let next = self.build_beside(only).await;
        self.change_over(&next).await;
        let ids = |list: &[Arc<Extension>]| list.iter().map(|one| one.id.clone()).collect();
        let there: Vec<String> = ids(&lock(&self.loaded).0);
        let failed = next.failed.iter().map(|problem| problem.id.clone());
        Reloaded {
            absent: failed.filter(|id| !there.contains(id)).collect(),
            loaded: ids(&next.new),
            removed: ids(&next.gone),
            failed: next.failed,
            problems: next.problems,
        }
    }

    /// Goes on with another session: handlers hear of the end of the present one, every extension
    /// gets a fresh VM, and what is still called on an old one no longer reaches the session.
    pub(crate) async fn replace_session(
        self: &Arc<Self>,
        reason: &str,
        journal: Journal,
        next_binding: &Value,
    ) {
        let _one_at_a_time = self.reloading.lock().await;
        let next = self.build_beside(None).await;
        next.failed.iter().for_each(|problem| self.report_load(problem));
        let mut event = self.shutdown_event(reason);
        event.fields.insert("next".into(), next_binding.clone());
        self.emit_shutdown_event(event).await;
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.put_in_place(&next);
        self.session.replace(journal);
        lock(&self.selection).model = None;
    }

    async fn build_beside(self: &Arc<Self>, only: Option<&str>) -> Next {
        let (mut found, mut problems) =
            discover(&self.roots, &self.explicit, self.bundle.extensions(), &self.rules());
        self.read_extension_settings();
        let distrust = self.project_distrust();
        let may_act = |source: Source| distrust.is_none() || source != Source::Project;
        found.retain(|one| may_act(one.rank.source));
        problems.extend(distrust.clone());
        let on_disk: HashSet<String> = found.iter().map(|one| one.id.clone()).collect();
        found.retain(|one| only.is_none_or(|id| one.id == id));
        let old = lock(&self.loaded).0.clone();
        let concerns = |one: &Arc<Extension>| only.is_none_or(|id| one.id == id);
        let gone = old.iter().filter(|one| concerns(one) && may_act(one.source()));
        let gone: Vec<_> = gone.filter(|one| !on_disk.contains(&one.id)).cloned().collect();
        let (new, failed) = load_all(self, found, Activate::Later).await;
        let replaced =
            old.iter().filter(|one| new.iter().any(|new| new.id == one.id)).cloned().collect();
        Next { new, replaced, gone, failed, problems }
    }

    /// Reloads and tells the user what came of it.
    pub async fn reload_and_tell(self: &Arc<Self>, only: Option<&str>) -> Reloaded {
        let done = self.reload(only).await;
        self.tell_reloaded(only, &done);
        done
    }

    pub(super) fn tell_reloaded(&self, only: Option<&str>, done: &Reloaded) {
        for problem in &done.problems {
            self.notice(Level::Warn, problem);
        }
        for problem in &done.failed {
            self.report_load(problem);
        }
        match only {
            Some(id) if done.is_nothing() => {
                let loaded = lock(&self.loaded).0.clone();
                let ids: Vec<&str> = loaded.iter().map(|one| one.id.as_str()).collect();
                let hint = crate::near::hint(id, &ids);
                self.notice(Level::Error, &format!("there is no extension `{id}`{hint}"));
            }
            _ => self.notice(Level::Info, &done.summary()),
        }
    }

    /// Reads the settings of extensions again. Where a project has its say in them they stay.
    fn read_extension_settings(&self) {
        if self.roots.iter().any(|root| root.source == Source::Project) {
            return;
        }
        let (settings, _) = crate::settings::load(&self.dirs.system, &self.dirs.config, None);
        *lock(&self.extension_settings) = settings.extensions;
    }

    /// Why the project's files may not be read again: they are no longer those that are trusted. What
    /// was loaded of them goes on.
    fn project_distrust(&self) -> Option<String> {
        if !self.recheck_trust {
            return None;
        }
        let store = Store::new(&self.dirs.state);
        let project = Project::look(&self.cwd, &self.dirs.config, &store);
        project.complaint(&store).map(|why| format!("{why}; what was loaded of it goes on"))
    }

    async fn change_over(self: &Arc<Self>, next: &Next) {
        let mut states = Vec::new();
        for old in next.leaving() {
            states.push((old.id.clone(), self.export(old).await));
            self.tell_shutdown(old, "reload").await;
        }
        self.put_in_place(next);
        for one in &next.new {
            let state = states.iter_mut().find(|(id, _)| *id == one.id);
            if let Some(state) = state.and_then(|(_, state)| state.take()) {
                self.import(one, state).await;
            }
            let event = self.session_start("reload");
            for callback in self.registry.handlers_of(one, &event.name) {
                self.observe(&callback, event.clone());
            }
        }
    }

    /// The one moment at which the old goes and the new counts.
    fn put_in_place(self: &Arc<Self>, next: &Next) {
        let leaving: Vec<_> = next.leaving().cloned().collect();
        self.registry.swap(&leaving, &next.new);
        self.front.registered();
        {
            let mut loaded = lock(&self.loaded);
            loaded.0.retain(|one| !leaving.iter().any(|old| Arc::ptr_eq(old, one)));
            loaded.0.extend(next.new.iter().cloned());
            loaded.0.sort_by(|a, b| a.rank.cmp(&b.rank));
            loaded.1.retain(|old| {
                let again = next.new.iter().any(|one| one.id == old.id);
                !again && !next.failed.iter().any(|one| one.id == old.id)
            });
            loaded.1.extend(next.failed.iter().cloned());
        }
        leaving.iter().for_each(|old| self.retire(old));
    }

    async fn export(self: &Arc<Self>, old: &Arc<Extension>) -> Option<Value> {
        let export = lock(&old.handoff).export.clone()?;
        let state = Invocation::new(&export, "export", budgets::SHUTDOWN)
            .start(
                |_| Ok(MultiValue::new()),
                |lua, values| {
                    let state = values.into_iter().next().unwrap_or(LuaValue::Nil);
                    scheduler::from_lua(lua, &state).map_err(mlua::Error::external)
                },
            )
            .await;
        match state {
            Ok(state) => Some(state).filter(|state| !state.is_null()),
            Err(failure) => {
                self.report(&failure, "export");
                None
            }
        }
    }

    async fn import(self: &Arc<Self>, new: &Arc<Extension>, state: Value) {
        let Some(import) = lock(&new.handoff).import.clone() else { return };
        let imported = Invocation::new(&import, "import", budgets::SHUTDOWN)
            .start(
                move |lua| Ok(MultiValue::from_iter([scheduler::to_lua(lua, &state, Nulls::Nil)?])),
                |_, _| Ok(()),
            )
            .await;
        if let Err(failure) = imported {
            self.report(&failure, "import");
        }
    }

    /// Ends an extension that no longer counts: its jobs and what its calls left behind at once, its
    /// calls when they are done.
    fn retire(self: &Arc<Self>, old: &Arc<Extension>) {
        self.stop_jobs_of(old);
        self.take_off_screen(old);
        *lock(&old.handoff) = super::Handoff::default();
        lock(&self.handler_failures).retain(|(generation, _), _| *generation != old.generation);
        let Some(vm) = old.take_vm() else { return };
        vm.retire();
        let run = self.current_run().map(|run| run.ended.clone());
        self.io.spawn(end_old_calls(vm.token(), run));
    }
}

/// Cancels what still runs on an old VM, long after the run that it may belong to. `vm` ends by
/// itself with the last call.
async fn end_old_calls(vm: CancellationToken, run: Option<CancellationToken>) {
    let limit = async {
        if let Some(run) = run {
            run.cancelled().await;
        }
        tokio::time::sleep(OLD_CALLS).await;
    };
    tokio::select! {
        () = vm.cancelled() => {}
        () = limit => vm.cancel(),
    }
}
