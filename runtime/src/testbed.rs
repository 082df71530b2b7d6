//! The test bed: what `zi test` keeps beside a host for one test of a spec.
//!
//! Its front records instead of showing, its clock can be stopped, and what a spec asks for while it
//! loads waits here until it can be had.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::{
    extensions::{self, Activate, Extension, Found},
    hooks::Event,
    host::{Controls, Front, Host, Level, lock},
    models,
    modes::tui,
    registry::Callback,
    scene::UiRequest,
    testbed_screen::TestScreen,
    testbed_server::TestServer,
};

/// One `it` of a spec file.
#[derive(Clone, Debug)]
pub struct Case {
    /// The titles of its groups and its own.
    pub title: String,
    /// Absent when it is only planned.
    pub run: Option<Callback>,
}

/// What a spec asked for while it was loading.
#[derive(Debug, Default)]
struct Wishes {
    extensions: Vec<PathBuf>,
    model: Option<String>,
}

/// See the module.
#[derive(Debug)]
pub struct TestBed {
    /// The working directory of the test.
    pub workspace: PathBuf,
    pub clock: Arc<Clock>,
    pub screen: TestScreen,
    events: Mutex<Vec<Value>>,
    notices: Mutex<Vec<(Level, String)>>,
    cases: Mutex<Vec<Case>>,
    servers: Mutex<Vec<Arc<TestServer>>>,
    wishes: Mutex<Wishes>,
    /// The theme that was chosen.
    theme: Mutex<String>,
    /// What the command line would say, by name; a flag may have no value.
    flags: Mutex<BTreeMap<String, Option<String>>>,
}

impl TestBed {
    /// The bed of a test in `workspace`; within the I/O runtime.
    pub fn new(workspace: PathBuf) -> Arc<Self> {
        Arc::new(Self {
            screen: TestScreen::new(workspace.clone()),
            workspace,
            clock: Arc::default(),
            events: Mutex::default(),
            notices: Mutex::default(),
            cases: Mutex::default(),
            servers: Mutex::default(),
            wishes: Mutex::default(),
            theme: Mutex::new("auto".to_owned()),
            flags: Mutex::default(),
        })
    }

    /// Sets what `zi.flag` finds on the command line from here on.
    pub fn set_flag(&self, name: String, value: Option<String>) {
        lock(&self.flags).insert(name, value);
    }

    pub fn flag(&self, name: &str) -> Option<Option<String>> {
        lock(&self.flags).get(name).cloned()
    }

    /// The events so far, oldest first, as `--mode json` prints them.
    pub fn events(&self) -> Vec<Value> {
        lock(&self.events).clone()
    }

    pub fn notices(&self) -> Vec<(Level, String)> {
        lock(&self.notices).clone()
    }

    pub fn add_case(&self, case: Case) {
        lock(&self.cases).push(case);
    }

    pub fn cases(&self) -> Vec<Case> {
        lock(&self.cases).clone()
    }

    /// Has a server closed when the test is over.
    pub fn keep_server(&self, server: Arc<TestServer>) {
        lock(&self.servers).push(server);
    }

    pub fn close_servers(&self) {
        lock(&self.servers).drain(..).for_each(|server| server.close());
    }

    /// Has the extension at `path` loaded as soon as the spec itself is.
    pub fn wish_extension(&self, path: PathBuf) {
        lock(&self.wishes).extensions.push(path);
    }

    /// Has a model chosen as soon as the spec is loaded.
    pub fn wish_model(&self, reference: String) {
        lock(&self.wishes).model = Some(reference);
    }
}

/// Keeps what happens for the spec.
#[derive(Debug)]
pub struct TestFront(pub Arc<TestBed>);

impl Front for TestFront {
    fn mode(&self) -> &'static str {
        "test"
    }

    fn event(&self, event: &Event) {
        lock(&self.0.events).push(event.to_value());
    }

    fn notice(&self, level: Level, text: &str) {
        lock(&self.0.notices).push((level, text.to_owned()));
    }

    fn has_screen(&self) -> bool {
        self.0.screen.is_there()
    }

    fn ui(&self, request: UiRequest) {
        self.0.screen.request(request);
    }

    fn controls(&self) -> Option<&dyn Controls> {
        self.0.screen.is_there().then_some(self)
    }

    fn testbed(&self) -> Option<&Arc<TestBed>> {
        Some(&self.0)
    }
}

/// Keeps what is asked of the screen, as the events `screen:action` and `screen:alert`.
impl Controls for TestFront {
    fn size(&self) -> (u16, u16) {
        self.0.screen.size()
    }

    fn keys(&self, host: &Host) -> Value {
        tui::keys(host)
    }

    fn themes(&self) -> Vec<String> {
        ["auto", "dark", "light"].map(str::to_owned).to_vec()
    }

    fn theme(&self) -> String {
        lock(&self.0.theme).clone()
    }

    fn set_theme(&self, name: &str) -> Result<(), String> {
        if !self.themes().iter().any(|theme| theme == name) {
            return Err(format!("there is no theme `{name}`"));
        }
        name.clone_into(&mut lock(&self.0.theme));
        Ok(())
    }

    fn act(&self, action: &str, argument: &str) -> Result<(), String> {
        tui::check_action(action)?;
        let event = json!({ "type": "screen:action", "action": action, "argument": argument });
        lock(&self.0.events).push(event);
        Ok(())
    }

    fn alert(&self, text: &str) {
        lock(&self.0.events).push(json!({ "type": "screen:alert", "text": text }));
    }
}

impl Host {
    pub(crate) fn all_extensions(&self) -> Vec<Arc<Extension>> {
        lock(&self.loaded).0.clone()
    }

    pub(crate) fn add_extensions(&self, loaded: Vec<Arc<Extension>>) {
        lock(&self.loaded).0.extend(loaded);
    }

    /// Loads extensions from files, before the bundle in order of precedence. One of the same id that
    /// is there already is replaced. Fails with what went wrong, for whoever wrote them.
    pub(crate) async fn load_under_test(
        self: &Arc<Self>,
        paths: &[PathBuf],
        builtin: Vec<Found>,
    ) -> Result<(), String> {
        if let Some(missing) = paths.iter().find(|path| !path.exists()) {
            return Err(format!("there is no extension `{}`", missing.display()));
        }
        let (found, problems) = extensions::discover(&[], paths, builtin, &self.rules());
        if let Some(problem) = problems.into_iter().next() {
            return Err(problem);
        }
        let is_replaced = |other: &Arc<Extension>| found.iter().any(|one| one.id == other.id);
        for replaced in self.all_extensions().iter().filter(|other| is_replaced(other)) {
            replaced.set_active(false);
            self.registry.revoke(replaced);
        }
        let (loaded, problems) = extensions::load_all(self, found, Activate::AtOnce).await;
        self.add_extensions(loaded);
        match problems.into_iter().next() {
            None => Ok(()),
            Some(problem) => {
                let (failure, id) = (problem.failure, problem.id);
                Err(format!("extension `{id}` did not load: {}", failure.message))
            }
        }
    }

    /// Loads the bundle, `paths` and what the spec asked for; then chooses its model.
    pub(crate) async fn grant_wishes(
        self: &Arc<Self>,
        bed: &TestBed,
        mut paths: Vec<PathBuf>,
    ) -> Result<(), String> {
        let wishes = std::mem::take(&mut *lock(&bed.wishes));
        paths.extend(wishes.extensions);
        self.load_under_test(&paths, self.bundle.extensions()).await?;
        wishes.model.map_or(Ok(()), |model| self.use_model(&model))
    }

    /// Chooses the model that `reference` means.
    pub(crate) fn use_model(&self, reference: &str) -> Result<(), String> {
        let model =
            models::resolve(&self.registry, None, reference).map_err(|err| err.to_string())?;
        lock(&self.selection).model = Some(model);
        Ok(())
    }

    /// A sleep by the stopped clock of a test; `None` where time goes by itself.
    pub(crate) fn frozen_sleep(
        &self,
        span: Duration,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let clock = &self.front.testbed()?.clock;
        clock.is_frozen().then(|| clock.clone().sleep(span))
    }
}

/// A clock that stands still until it is told to go on. It runs with everybody's until
/// [`Self::freeze`].
#[derive(Debug, Default)]
pub struct Clock {
    /// The time that has gone by, once frozen.
    now: watch::Sender<Duration>,
    sleepers: watch::Sender<Sleepers>,
}

#[derive(Debug, Default)]
struct Sleepers {
    frozen: bool,
    next: u64,
    /// When each is due.
    due: BTreeMap<u64, Duration>,
}

impl Sleepers {
    fn first(&self) -> Option<Duration> {
        self.due.values().min().copied()
    }
}

impl Clock {
    pub fn freeze(&self) {
        self.sleepers.send_modify(|sleepers| sleepers.frozen = true);
    }

    pub fn is_frozen(&self) -> bool {
        self.sleepers.borrow().frozen
    }

    pub fn now(&self) -> Duration {
        *self.now.borrow()
    }

    /// When the first sleeper is due, if there is one.
    pub fn first_due(&self) -> Option<Duration> {
        self.sleepers.borrow().first()
    }

    /// Waits until somebody sleeps; answers when the first one is due.
    pub async fn wait_for_sleeper(&self) -> Duration {
        let mut sleepers = self.sleepers.subscribe();
        let seen = sleepers.wait_for(|sleepers| sleepers.first().is_some()).await;
        seen.ok().and_then(|sleepers| sleepers.first()).unwrap_or_default()
    }

    /// Moves to `now`, which wakes who is due.
    pub fn move_to(&self, now: Duration) {
        self.sleepers.send_modify(|sleepers| sleepers.due.retain(|_, due| *due > now));
        self.now.send_replace(now);
    }

    async fn sleep(self: Arc<Self>, span: Duration) {
        let due = self.now() + span;
        let mut id = 0;
        self.sleepers.send_modify(|sleepers| {
            (id, sleepers.next) = (sleepers.next, sleepers.next + 1);
            sleepers.due.insert(id, due);
        });
        let _gone = Leaving { clock: &self, id };
        // It fails when the clock is gone; then nobody waits either.
        self.now.subscribe().wait_for(|now| *now >= due).await.ok();
    }
}

/// Takes a sleeper off the list, however its sleep ends.
struct Leaving<'a> {
    clock: &'a Clock,
    id: u64,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.clock.sleepers.send_modify(|sleepers| {
            sleepers.due.remove(&self.id);
        });
    }
}
