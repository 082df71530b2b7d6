//! The host: what the core and all extensions share.

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::{Value, json};
use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use zi_kernel::{http, job, scheduler::Worker};

use crate::{
    auth,
    bundle::Bundle,
    extensions::{CallFailure, Extension, LoadProblem, Root},
    hooks::Event,
    models::{self, Model, ModelError},
    paths::Dirs,
    registry::Registry,
    run::{Queues, RunState},
    scene::UiRequest,
    session::Session,
    settings::Settings,
    testbed::TestBed,
};

/// How important a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warning",
            Self::Error => "error",
        }
    }
}

/// Something in an extension that works, and most likely does not do what was meant.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// The file and the line of the call.
    pub place: Option<(String, usize)>,
    /// The way from the call's table to the field that it is about.
    pub fields: Vec<String>,
    pub text: String,
}

/// How a program ended that had the terminal.
pub type ForegroundResult = Result<job::Exit, job::JobError>;

/// What shows a person (or a program) what goes on.
pub trait Front: Send + Sync + fmt::Debug {
    /// `print`, `json`, `tui`, …
    fn mode(&self) -> &'static str;
    fn event(&self, event: &Event);
    fn notice(&self, level: Level, text: &str);
    /// Extensions were replaced: what they registered is other.
    fn registered(&self) {}
    /// What `before_assistant_message` handlers left of the answer that is told of next.
    fn shown(&self, _text: &str) {}
    /// A record that is no event: the header and the result of the JSON stream.
    fn raw(&self, _record: &Value) {}
    /// Cancelled when nobody reads any more: there is no use in going on.
    fn gone(&self) -> CancellationToken {
        CancellationToken::new()
    }
    /// The screen's own controls; nothing where there is no screen.
    fn controls(&self) -> Option<&dyn Controls> {
        None
    }
    /// Has a program run with the terminal, which the screen gives back for as long; nothing when there
    /// is no terminal to give.
    fn foreground(&self, _spec: job::Spec) -> Option<oneshot::Receiver<ForegroundResult>> {
        None
    }
    /// What a spec works with; only `zi test` has one.
    fn testbed(&self) -> Option<&Arc<TestBed>> {
        None
    }
    /// Whether there is a screen that extensions can draw on.
    fn has_screen(&self) -> bool {
        false
    }
    /// Takes what an extension asks of the screen.
    fn ui(&self, _request: UiRequest) {}
    /// Hears of doubts; `zi check` listens.
    fn doubt(&self, _doubt: Doubt) {}
}

/// What can be asked of a screen, besides drawing.
pub trait Controls: Send + Sync {
    /// The columns and rows of the screen.
    fn size(&self) -> (u16, u16);
    /// The keys, as `{key, what, about, when?}`.
    fn keys(&self, host: &Host) -> Value;
    /// The names of the themes that there are.
    fn themes(&self) -> Vec<String>;
    /// The name of the theme that was chosen.
    fn theme(&self) -> String;
    /// Chooses a theme and remembers it; fails with the reason.
    fn set_theme(&self, name: &str) -> Result<(), String>;
    /// Does what a key that is bound to `action` does; fails when there is no such action.
    fn act(&self, action: &str, argument: &str) -> Result<(), String>;
    /// Tells a user who looks elsewhere, by the means of the terminal.
    fn alert(&self, text: &str);
}

/// What the command line asked for, beyond the settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    pub provider: Option<String>,
    pub model: Option<String>,
    pub api_key: Option<String>,
    pub base_url: Option<String>,
    pub system_prompt: Option<String>,
    pub append_system_prompt: Vec<String>,
    pub reasoning: Option<String>,
    /// Names of the tools that may be used; all when absent.
    pub tools: Option<Vec<String>>,
    pub max_steps: Option<u64>,
    /// Flags that zi itself does not know: `--name` or `--name=value`.
    pub extension_flags: Vec<(String, Option<String>)>,
}

/// Everything that one zi process shares.
pub struct Host {
    pub io: Handle,
    pub http: http::Client,
    pub dirs: Dirs,
    pub cwd: PathBuf,
    pub settings: Settings,
    pub flags: Flags,
    pub bundle: Arc<Bundle>,
    /// Where extensions and modules are found, first the one that wins.
    pub roots: Vec<Root>,
    pub registry: Registry,
    pub session: Session,
    pub front: Box<dyn Front>,
    /// `--no-ext`, `--safe-mode`, `--trust-hash`: what a child agent is started with too.
    pub inherited_switches: Vec<String>,
    /// Observers that still run.
    pub observers: TaskTracker,
    /// Ends with the process.
    pub shutdown: CancellationToken,
    pub queues: Mutex<Queues>,
    pub(crate) run: Mutex<Option<Arc<RunState>>>,
    pub(crate) selection: Mutex<Selection>,
    pub(crate) loaded: Mutex<(Vec<Arc<Extension>>, Vec<LoadProblem>)>,
    /// The files of `-e`.
    pub(crate) explicit: Vec<PathBuf>,
    /// What the project brings along and may not act with: its folder, its hash and the reason.
    pub untrusted_project: OnceLock<Value>,
    /// Whether the project's content must be trusted again before it is read again.
    pub(crate) recheck_trust: bool,
    /// The thread of the bundled extensions.
    pub(crate) bundle_worker: Mutex<Option<Worker>>,
    /// `extensions` of the settings; a reload reads it again.
    pub(crate) extension_settings: Mutex<serde_json::Map<String, Value>>,
    /// The flags that extensions have declared, and what is wrong with what was given.
    pub(crate) known_flags: Mutex<std::collections::BTreeSet<String>>,
    pub(crate) flag_problems: Mutex<Vec<String>>,
    /// Told when something waits in the queues for whoever drives an idle host.
    pub wake: tokio::sync::Notify,
    /// Counts sessions: what was made for an earlier one does not reach the present one.
    pub(crate) epoch: AtomicU64,
    /// How often in a row a handler has failed, by generation and callback.
    pub(crate) handler_failures: Mutex<std::collections::HashMap<(u64, u64), u32>>,
    /// One renewal of a login after the other.
    pub(crate) renewing: tokio::sync::Mutex<()>,
    /// One reload after the other.
    pub(crate) reloading: tokio::sync::Mutex<()>,
    pub(crate) jobs: Mutex<crate::jobs::Jobs>,
    /// The frames that wait to be drawn.
    pub surfaces: crate::surfaces::Surfaces,
    /// What happened in views, for those who wait for it.
    pub mailboxes: crate::scene::mail::Mailboxes,
    /// The exit code that a signal asks for.
    pub interrupted: Mutex<Option<u8>>,
    failures: AtomicU64,
}

/// What is sent to the model by choice of the user.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    pub model: Option<Model>,
    pub reasoning: Option<String>,
    /// Names of the active tools; all when absent.
    pub tools: Option<Vec<String>>,
}

/// What a [`Host`] is made of.
#[derive(Debug)]
pub struct HostParts {
    pub io: Handle,
    pub dirs: Dirs,
    pub cwd: PathBuf,
    pub settings: Settings,
    pub flags: Flags,
    pub bundle: Bundle,
    pub roots: Vec<Root>,
    pub session: Session,
    pub front: Box<dyn Front>,
    pub inherited_switches: Vec<String>,
    /// The files of `-e`, absolute.
    pub explicit: Vec<PathBuf>,
    /// Whether the project acts because its content is trusted, so that other content may not.
    pub recheck_trust: bool,
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("cwd", &self.cwd).finish_non_exhaustive()
    }
}

impl Host {
    pub fn new(parts: HostParts) -> Arc<Self> {
        let reasoning = parts.flags.reasoning.clone().or_else(|| parts.settings.reasoning.clone());
        let extension_settings = Mutex::new(parts.settings.extensions.clone());
        let selection = Selection { model: None, reasoning, tools: parts.flags.tools.clone() };
        Arc::new(Self {
            io: parts.io,
            http: http::Client::default(),
            dirs: parts.dirs,
            cwd: parts.cwd,
            settings: parts.settings,
            flags: parts.flags,
            bundle: Arc::new(parts.bundle),
            roots: parts.roots,
            registry: Registry::default(),
            session: parts.session,
            front: parts.front,
            inherited_switches: parts.inherited_switches,
            observers: TaskTracker::new(),
            shutdown: CancellationToken::new(),
            queues: Mutex::default(),
            run: Mutex::new(None),
            selection: Mutex::new(selection),
            loaded: Mutex::default(),
            explicit: parts.explicit,
            untrusted_project: OnceLock::new(),
            recheck_trust: parts.recheck_trust,
            bundle_worker: Mutex::new(None),
            extension_settings,
            known_flags: Mutex::default(),
            flag_problems: Mutex::default(),
            wake: tokio::sync::Notify::new(),
            epoch: AtomicU64::new(0),
            handler_failures: Mutex::default(),
            renewing: tokio::sync::Mutex::new(()),
            reloading: tokio::sync::Mutex::new(()),
            jobs: Mutex::default(),
            surfaces: crate::surfaces::Surfaces::default(),
            mailboxes: crate::scene::mail::Mailboxes::default(),
            interrupted: Mutex::new(None),
            failures: AtomicU64::new(0),
        })
    }

    // Showing -------------------------------------------------------------------------------------

    pub(crate) fn show(&self, event: &Event) {
        self.front.event(event);
    }

    pub fn notice(&self, level: Level, text: &str) {
        self.front.notice(level, text);
        crate::logs::write(self, "zi", level.name(), text);
    }

    /// Tells the user that an extension failed, and keeps it with its traceback in its log.
    pub fn report(self: &Arc<Self>, failure: &CallFailure, label: &str) {
        self.count_failure(failure);
        self.notice(Level::Warn, &format!("{label}: {failure}"));
        let text = format!("{label}: {}\n{}", failure.message, failure.traceback);
        crate::logs::write(self, &failure.extension, "error", text.trim_end());
    }

    /// Tells the user that an extension did not load.
    pub(crate) fn report_load(&self, problem: &LoadProblem) {
        let failure = &problem.failure;
        let text = format!("extension `{}` did not load: {}", problem.id, failure.message);
        self.notice(Level::Error, &text);
        let text = format!("{}\n{}", failure.message, failure.traceback);
        crate::logs::write(self, &problem.id, "error", text.trim_end());
    }

    pub(crate) fn count_failure(self: &Arc<Self>, failure: &CallFailure) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        if failure.lost {
            self.drop_lost(&failure.extension);
        }
    }

    /// An extension whose thread was given up: takes away what it registered, once.
    fn drop_lost(self: &Arc<Self>, id: &str) {
        let lost = {
            let loaded = lock(&self.loaded);
            loaded.0.iter().find(|one| one.id == id && one.is_active()).cloned()
        };
        if let Some(lost) = lost {
            lost.set_active(false);
            self.registry.revoke(&lost);
            self.front.registered();
            self.stop_jobs_of(&lost);
            self.take_off_screen(&lost);
            let path = lost.entry.display();
            self.notice(
                Level::Error,
                &format!("extension `{id}` ({path}) does not come back and was taken out"),
            );
        }
    }

    // What is chosen ------------------------------------------------------------------------------

    pub fn model(&self) -> Option<Model> {
        lock(&self.selection).model.clone()
    }

    pub fn reasoning(&self) -> Option<String> {
        lock(&self.selection).reasoning.clone()
    }

    /// Chooses the model: the flags, then what the session used, then the settings, then the first
    /// provider that has a credential.
    pub fn choose_model(self: &Arc<Self>) -> Result<Model, ModelError> {
        let flags = &self.flags;
        let chosen = match (&flags.provider, &flags.model) {
            (provider, Some(model)) => models::resolve(&self.registry, provider.as_deref(), model)?,
            (Some(provider), None) => self.default_of(provider)?,
            (None, None) => self.remembered_model()?,
        };
        let previous = lock(&self.selection).model.replace(chosen.clone());
        if previous.is_none() {
            self.tell_resumed_model(&chosen);
        }
        Ok(chosen)
    }

    /// A resumed session goes on with its own model, or changes to another one: both are news.
    fn tell_resumed_model(self: &Arc<Self>, chosen: &Model) {
        let Some((provider, id)) = self.session.last_model() else { return };
        let same = provider == chosen.provider && id == chosen.id;
        if !same {
            let change = json!({ "provider": chosen.provider, "model": chosen.id });
            self.session.append("model_change", change);
        }
        self.emit(Event::new(
            "model_select",
            json!({
                "model": chosen.to_value(),
                "previous_model": { "provider": provider, "id": id },
                "source": if same { "restore" } else { "set" },
            }),
        ));
    }

    fn default_of(&self, provider: &str) -> Result<Model, ModelError> {
        let spec = models::find_provider(&self.registry, provider)?;
        models::default_of(&spec).ok_or_else(|| ModelError::NoDefault(provider.to_owned()))
    }

    fn remembered_model(&self) -> Result<Model, ModelError> {
        if let Some((provider, model)) = self.session.last_model()
            && self.registry.provider(&provider).is_some()
        {
            return models::resolve(&self.registry, Some(&provider), &model);
        }
        match (&self.settings.provider, &self.settings.model) {
            (provider, Some(model)) => {
                return models::resolve(&self.registry, provider.as_deref(), model);
            }
            (Some(provider), None) => return self.default_of(provider),
            (None, None) => {}
        }
        let providers = self.registry.providers();
        let usable = providers.iter().find(|provider| {
            provider.api_key.is_some() && auth::is_available(provider, &self.dirs.state)
        });
        let first = usable
            .or_else(|| providers.iter().find(|provider| provider.name == "anthropic"))
            .or_else(|| providers.first())
            .ok_or(ModelError::NoProviders)?;
        self.default_of(&first.name)
    }

    /// The tools that the model may use, sorted by name.
    pub fn active_tools(&self) -> Vec<Arc<crate::registry::ToolSpec>> {
        let allowed = lock(&self.selection).tools.clone();
        let mut tools = self.registry.tools();
        if let Some(allowed) = allowed {
            tools.retain(|tool| allowed.contains(&tool.name));
        }
        tools
    }

    /// What the user set for the extension `id`.
    pub(crate) fn extension_settings(&self, id: &str) -> serde_json::Map<String, Value> {
        match lock(&self.extension_settings).get(id) {
            Some(Value::Object(settings)) => settings.clone(),
            _ => serde_json::Map::new(),
        }
    }

    /// What the command line says to the flag `--name` of an extension: nothing, only its name, or a
    /// value too.
    pub(crate) fn extension_flag(&self, name: &str) -> Option<Option<String>> {
        if let Some(given) = self.front.testbed().and_then(|bed| bed.flag(name)) {
            return Some(given);
        }
        let mut given = self.flags.extension_flags.iter().rev();
        given.find(|(given, _)| given == name).map(|(_, value)| value.clone())
    }

    // Children ------------------------------------------------------------------------------------

    /// The variables that hold providers' keys: programs that tools run do not get them.
    pub fn secret_variables(&self) -> Vec<String> {
        let providers = self.registry.providers();
        let names = providers.iter().filter_map(|provider| provider.api_key.as_deref());
        names.filter_map(|key| key.strip_prefix('$')).map(str::to_owned).collect()
    }

    /// What every program that zi starts finds in its environment.
    pub fn child_env(&self) -> Vec<(String, String)> {
        vec![("ZI_SESSION_ID".to_owned(), self.session.id())]
    }

    /// Flags that a child agent needs to reach the same provider under the same rules.
    pub(crate) fn inherited_flags(&self) -> Vec<String> {
        let mut flags = Vec::new();
        if let Some(url) = &self.flags.base_url {
            flags.extend(["--base-url".to_owned(), url.clone()]);
        }
        for extension in &lock(&self.loaded).0 {
            if extension.source() == crate::extensions::Source::Explicit {
                flags.extend(["-e".to_owned(), extension.entry.display().to_string()]);
            }
        }
        flags.extend(self.inherited_switches.iter().cloned());
        flags
    }

    /// The key of `--api-key`, for a child agent: never on its command line.
    pub(crate) fn inherited_env(&self) -> Vec<(String, String)> {
        let model = self.model();
        let provider = model.and_then(|model| self.registry.provider(&model.provider));
        let variable = provider
            .and_then(|provider| provider.api_key.as_deref()?.strip_prefix('$').map(str::to_owned));
        match (variable, &self.flags.api_key) {
            (Some(variable), Some(key)) => vec![(variable, key.clone())],
            _ => Vec::new(),
        }
    }

    // Who we are ----------------------------------------------------------------------------------

    pub fn binding_value(&self) -> Value {
        json!({
            "session_id": self.session.id(),
            "session_file": self.session.file(),
            "workspace_id": crate::paths::slug(&self.cwd),
        })
    }

    pub(crate) fn current_run(&self) -> Option<Arc<RunState>> {
        lock(&self.run).clone()
    }
}

/// Locks, whatever happened to the thread that held it last.
pub fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
