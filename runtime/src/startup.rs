//! Starting: from the command line to a host with its extensions and its session.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::{
    bundle::Bundle,
    cli::Cli,
    extensions::{self, Activate, Root, Source},
    hooks::Event,
    host::{Flags, Front, Host, HostParts, Level, lock},
    journal::{Journal, JournalError},
    near,
    paths::{Dirs, NoHome, slug},
    session::Session,
    settings::{self, ProjectSettings},
    trust::{self, Project, Snapshot, Standing, Store},
};

/// Why zi does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    #[error("{0}")]
    Usage(String),
    #[error(transparent)]
    NoHome(#[from] NoHome),
    #[error(transparent)]
    Session(#[from] JournalError),
    #[error("{0}")]
    Configuration(String),
    #[error("{0}")]
    Untrusted(String),
}

impl StartupError {
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Session(JournalError::Open { .. }) => 2,
            Self::Session(JournalError::Format { .. }) => 2,
            Self::Session(_) => 1,
            Self::NoHome(_) | Self::Configuration(_) => 5,
            Self::Untrusted(_) => 6,
        }
    }
}

/// The directory that the run works in.
pub fn working_dir(cli: &Cli) -> Result<PathBuf, StartupError> {
    let dir = match &cli.cwd {
        Some(dir) => dir.clone(),
        None => std::env::current_dir().map_err(|err| {
            StartupError::Usage(format!("the current directory cannot be used: {err}"))
        })?,
    };
    let dir = fs::canonicalize(&dir).map_err(|err| {
        StartupError::Usage(format!("cannot use `--cwd {}`: {err}", dir.display()))
    })?;
    if dir.is_dir() {
        Ok(dir)
    } else {
        Err(StartupError::Usage(format!("`--cwd {}` is not a directory", dir.display())))
    }
}

/// Makes the host: settings, extensions, session.
pub async fn start(
    cli: &Cli,
    cwd: PathBuf,
    front: Box<dyn Front>,
) -> Result<Arc<Host>, StartupError> {
    let dirs = Dirs::from_env()?;
    let Brought { project, mut notices, left_out } = brought(cli, &dirs, &cwd)?;
    let roots = roots(cli, &dirs, project.as_ref().map(|_| cwd.join(trust::FOLDER)));
    let (settings, problems) = load_settings(cli, &dirs, &cwd, &roots, project.as_ref());
    notices.extend(problems);
    let (bundle, problems) = bundle(cli)?;
    notices.extend(problems);
    let flags = flags(cli, &cwd)?;
    let explicit = explicit_files(cli, &cwd)?;
    let memory = Session::new(Journal::create(&cwd, None, None));
    let parts = HostParts {
        io: Handle::current(),
        dirs,
        cwd,
        settings,
        flags,
        bundle,
        roots,
        session: memory,
        front,
        inherited_switches: inherited_switches(cli, project.as_ref()),
        explicit,
        recheck_trust: project.is_some() && !cli.trust,
    };
    let host = Host::new(parts);
    if let Some(left_out) = left_out {
        host.untrusted_project.set(left_out).ok();
    }
    for notice in notices {
        host.notice(Level::Warn, &notice);
    }
    sweep_outputs(&host);
    load_extensions(&host).await;
    check_flags(&host)?;
    if host.settings.watch {
        host.watch_extensions();
    }
    check_tools(&host);
    open_session(&host, cli).await?;
    Ok(host)
}

/// The bundle, without what this command line leaves out.
fn bundle(cli: &Cli) -> Result<(Bundle, Option<String>), StartupError> {
    let (mut bundle, notice) = Bundle::from_env();
    match cli.no_bundled.as_deref() {
        None => {}
        Some("") => bundle = Bundle::empty(),
        Some(list) => {
            for id in list.split(',').map(str::trim).filter(|id| !id.is_empty()) {
                bundle
                    .leave_out(id)
                    .map_err(|problem| StartupError::Usage(format!("`--no-bundled`: {problem}")))?;
            }
        }
    }
    Ok((bundle, notice))
}

/// What a child agent is started with. Trust for one run is for what was there when it began.
fn inherited_switches(cli: &Cli, project: Option<&Snapshot>) -> Vec<String> {
    let switches = [(cli.no_ext, "--no-ext"), (cli.safe_mode, "--safe-mode")];
    let mut given: Vec<String> =
        switches.into_iter().filter(|(set, _)| *set).map(|(_, name)| name.to_owned()).collect();
    given.extend(cli.no_bundled.iter().map(|list| format!("--no-bundled={list}")));
    if let Some(project) = project.filter(|_| cli.trust || cli.trust_hash.is_some()) {
        given.extend(["--trust-hash".to_owned(), project.hash.clone()]);
    }
    given
}

/// What the project in `cwd` brings along.
#[derive(Default)]
struct Brought {
    /// That, if it may act.
    project: Option<Snapshot>,
    /// Lines that say why it may not.
    notices: Vec<String>,
    /// The same for programs.
    left_out: Option<Value>,
}

fn brought(cli: &Cli, dirs: &Dirs, cwd: &Path) -> Result<Brought, StartupError> {
    let store = Store::new(&dirs.state);
    let project = Project::look(cwd, &dirs.config, &store);
    let complaint = project.complaint(&store);
    let is_asked_for = cli.trust || cli.trust_hash.is_some();
    let snapshot = match project.standing {
        Standing::Refused(_) if is_asked_for => {
            return Err(StartupError::Untrusted(complaint.unwrap_or_default()));
        }
        Standing::Nothing | Standing::Refused(_) => None,
        Standing::Trusted(snapshot) => Some((snapshot, true)),
        Standing::Untrusted { snapshot, .. } => Some((snapshot, false)),
    };
    if let Some(wanted) = &cli.trust_hash {
        let found = snapshot.as_ref().map_or("none", |(snapshot, _)| &snapshot.hash);
        if !found.eq_ignore_ascii_case(wanted) {
            return Err(StartupError::Untrusted(format!(
                "the project's `.zi` is not what `--trust-hash` names: its hash is {found}; \
                 `zi trust --show` shows it"
            )));
        }
    }
    match snapshot {
        _ if cli.safe_mode => Ok(Brought::default()),
        Some((snapshot, is_trusted)) if is_trusted || is_asked_for => {
            Ok(Brought { project: Some(snapshot), ..Brought::default() })
        }
        snapshot => {
            let left_out = complaint.as_ref().map(|reason| {
                let hash = snapshot.map(|(snapshot, _)| snapshot.hash);
                json!({ "dir": project.dir, "hash": hash, "reason": reason })
            });
            Ok(Brought { project: None, notices: complaint.into_iter().collect(), left_out })
        }
    }
}

/// Where extensions and modules come from. `project` is the folder of a trusted one.
fn roots(cli: &Cli, dirs: &Dirs, project: Option<PathBuf>) -> Vec<Root> {
    if cli.no_ext || cli.safe_mode {
        return Vec::new();
    }
    let mut roots = vec![Root { source: Source::User, dir: dirs.config.clone() }];
    roots.extend(project.map(|dir| Root { source: Source::Project, dir }));
    let system = dirs.system.iter().cloned();
    roots.extend(system.map(|dir| Root { source: Source::System, dir }));
    roots
}

/// Where this command line looks for extensions, and what it says of a project that may not act.
pub fn extension_roots(cli: &Cli, dirs: &Dirs, cwd: &Path) -> (Vec<Root>, Vec<String>) {
    match brought(cli, dirs, cwd) {
        Ok(Brought { project, notices, .. }) => {
            (roots(cli, dirs, project.map(|_| cwd.join(trust::FOLDER))), notices)
        }
        Err(err) => (roots(cli, dirs, None), vec![err.to_string()]),
    }
}

/// The user's settings, with those of a trusted project over them.
fn load_settings(
    cli: &Cli,
    dirs: &Dirs,
    cwd: &Path,
    roots: &[Root],
    project: Option<&Snapshot>,
) -> (settings::Settings, Vec<String>) {
    const NAME: &str = "settings.json";
    let Some(file) = project.and_then(|project| project.file(NAME)) else {
        return settings::load(&dirs.system, &dirs.config, None);
    };
    let path = cwd.join(trust::FOLDER).join(NAME);
    // The text is the one that was hashed, whatever became of the file since.
    let Some(text) = &file.text else {
        let (settings, mut notices) = settings::load(&dirs.system, &dirs.config, None);
        notices.push(format!("`{}` is ignored: it is no text, or too long", path.display()));
        return (settings, notices);
    };
    let (found, _) =
        extensions::discover(roots, &explicit(cli, cwd), Vec::new(), &extensions::Rules::default());
    let own = found.into_iter().filter(|one| one.rank.source == Source::Project);
    let own: Vec<String> = own.map(|one| one.id).collect();
    let project = ProjectSettings { path: &path, text: text.as_bytes(), extensions: &own };
    settings::load(&dirs.system, &dirs.config, Some(project))
}

/// The extensions of `-e`.
fn explicit(cli: &Cli, cwd: &Path) -> Vec<PathBuf> {
    if cli.safe_mode { Vec::new() } else { cli.ext.iter().map(|path| cwd.join(path)).collect() }
}

fn flags(cli: &Cli, cwd: &Path) -> Result<Flags, StartupError> {
    let append = cli.append_system_prompt.iter().map(|text| {
        // A path that exists is read; anything else is the text itself.
        let path = cwd.join(text);
        if text.len() < 4096 && !text.contains('\n') && path.is_file() {
            fs::read_to_string(&path).map_err(|err| {
                StartupError::Usage(format!("cannot read `--append-system-prompt {text}`: {err}"))
            })
        } else {
            Ok(text.clone())
        }
    });
    if let Some(url) = &cli.base_url
        && !url.starts_with("http://")
        && !url.starts_with("https://")
    {
        let text = format!("`--base-url {url}` must start with http:// or https://");
        return Err(StartupError::Usage(text));
    }
    let mut extension_flags = cli.extension_flags.clone();
    if cli.no_yolo {
        // Asking is the work of an extension; zi itself only knows the flag.
        extension_flags.push(("no-yolo".to_owned(), None));
    }
    let tools = match (&cli.tools, cli.no_tools) {
        (_, true) => Some(Vec::new()),
        (Some(tools), false) => Some(
            tools
                .iter()
                .map(|tool| tool.trim().to_owned())
                .filter(|tool| !tool.is_empty())
                .collect(),
        ),
        (None, false) => None,
    };
    Ok(Flags {
        provider: cli.provider.clone(),
        model: cli.model.clone(),
        api_key: cli.api_key.clone(),
        base_url: cli.base_url.clone(),
        system_prompt: cli.system_prompt.clone(),
        append_system_prompt: append.collect::<Result<_, _>>()?,
        reasoning: cli.reasoning.clone(),
        tools,
        max_steps: cli.max_steps,
        extension_flags,
    })
}

/// How long outputs that were too long for the model are kept.
const KEEP_OUTPUTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// Removes old outputs, beside everything else that starts.
fn sweep_outputs(host: &Arc<Host>) {
    let dir = host.dirs.state.join("outputs");
    host.io.spawn_blocking(move || {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let modified = entry.metadata().and_then(|meta| meta.modified());
            let age = modified.ok().and_then(|at| at.elapsed().ok());
            if age.is_some_and(|age| age > KEEP_OUTPUTS) {
                // One that cannot be removed is tried again next time.
                fs::remove_file(entry.path()).ok();
            }
        }
    });
}

/// The extensions of `-e`.
fn explicit_files(cli: &Cli, cwd: &Path) -> Result<Vec<PathBuf>, StartupError> {
    let explicit = explicit(cli, cwd);
    if let Some(missing) = explicit.iter().find(|path| !path.exists()) {
        let text = format!("there is no extension `{}` (-e)", missing.display());
        return Err(StartupError::Usage(text));
    }
    let is_empty = |path: &&PathBuf| path.is_dir() && !path.join("init.lua").is_file();
    if let Some(empty) = explicit.iter().find(is_empty) {
        let text = format!("the folder `{}` (-e) has no `init.lua`", empty.display());
        return Err(StartupError::Usage(text));
    }
    Ok(explicit)
}

async fn load_extensions(host: &Arc<Host>) {
    let (found, problems) =
        extensions::discover(&host.roots, &host.explicit, host.bundle.extensions(), &host.rules());
    for problem in problems {
        host.notice(Level::Warn, &problem);
    }
    let (mut loaded, mut problems) = extensions::load_all(host, found, Activate::AtOnce).await;
    // A broken file of a replaced bundle gives way to the one that zi ships.
    let broken = problems.iter().filter(|problem| problem.source == Source::Builtin);
    let fallbacks: Vec<_> =
        broken.filter_map(|problem| host.bundle.fallback(&problem.id)).collect();
    if !fallbacks.is_empty() {
        let (more, worse) = extensions::load_all(host, fallbacks, Activate::AtOnce).await;
        loaded.extend(more);
        problems.extend(worse);
    }
    for problem in &problems {
        host.report_load(problem);
    }
    *lock(&host.loaded) = (loaded, problems);
}

/// Flags that neither zi nor an extension knows are mistakes, and so are values that do not fit.
fn check_flags(host: &Host) -> Result<(), StartupError> {
    if let Some(problem) = lock(&host.flag_problems).first() {
        return Err(StartupError::Usage(problem.clone()));
    }
    let known = lock(&host.known_flags);
    let unknown = host
        .flags
        .extension_flags
        .iter()
        .find(|(name, _)| !known.contains(name) && name != "no-yolo");
    let Some((name, _)) = unknown else { return Ok(()) };
    let mut names = crate::cli::flag_names();
    names.extend(known.iter().cloned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let hint = near::nearest(name, &names).map(|near| format!("; did you mean `--{near}`?"));
    let hint = hint.unwrap_or_default();
    let text = format!("there is no flag `--{name}`{hint} (`zi --help` lists those of zi)");
    Err(StartupError::Usage(text))
}

/// Warns of names in `--tools` that no tool has.
fn check_tools(host: &Host) {
    let Some(wanted) = &host.flags.tools else { return };
    let tools = host.registry.tools();
    let known: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    for name in wanted.iter().filter(|name| !known.contains(&name.as_str())) {
        let hint = near::hint(name, &known);
        host.notice(Level::Warn, &format!("`--tools`: there is no tool `{name}`{hint}"));
    }
}

// The session -------------------------------------------------------------------------------------

async fn open_session(host: &Arc<Host>, cli: &Cli) -> Result<(), StartupError> {
    if cli.no_session {
        return Ok(());
    }
    let dir = session_dir(host).await;
    let existing = match (&cli.session, cli.continue_last) {
        // The terminal interface has a list to choose from.
        (Some(reference), _) if reference.is_empty() && host.front.mode() == "tui" => None,
        (Some(reference), _) => Some(find_session(host, &dir, reference)?),
        (None, true) => {
            let newest = newest_session(&dir);
            if newest.is_none() {
                host.notice(
                    Level::Info,
                    "there is no session to continue here; starting a new one",
                );
            }
            newest
        }
        (None, false) => None,
    };
    let journal = match existing {
        Some(path) => {
            let (journal, report) = Journal::open(&path)?;
            if let Some(notice) = report.notice(&path) {
                host.notice(Level::Warn, &notice);
            }
            journal
        }
        None => Journal::create(&host.cwd, Some(&dir), None),
    };
    host.session.replace(journal);
    Ok(())
}

/// Where the sessions of this directory are: what a `session_directory` handler says, or a folder
/// below the state directory.
pub(crate) async fn session_dir(host: &Arc<Host>) -> PathBuf {
    let mut chosen = None;
    host.intercept(Event::new("session_directory", json!({ "cwd": host.cwd })), |_, answer| {
        chosen = answer.value.and_then(|answer| {
            answer.get("session_directory").and_then(Value::as_str).map(PathBuf::from)
        });
        if chosen.is_some() {
            std::ops::ControlFlow::Break(())
        } else {
            std::ops::ControlFlow::Continue(())
        }
    })
    .await;
    match chosen {
        Some(dir) => host.cwd.join(dir),
        None => host.dirs.state.join("sessions").join(slug(&host.cwd)),
    }
}

pub(crate) fn session_files(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort();
    files
}

fn newest_session(dir: &Path) -> Option<PathBuf> {
    let modified = |path: &PathBuf| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    session_files(dir).into_iter().max_by_key(|path| (modified(path), path.clone()))
}

/// The sessions of all directories, where they are kept in the usual place.
pub(crate) fn all_session_files(host: &Host) -> Vec<PathBuf> {
    let dirs = fs::read_dir(host.dirs.state.join("sessions"));
    dirs.into_iter().flatten().flatten().flat_map(|entry| session_files(&entry.path())).collect()
}

/// The session that a path, or the start of an id, means.
pub(crate) fn find_session(
    host: &Host,
    dir: &Path,
    reference: &str,
) -> Result<PathBuf, StartupError> {
    if reference.is_empty() {
        return Err(StartupError::Usage("`--session` needs a file or the start of an id".into()));
    }
    let path = host.cwd.join(reference);
    if path.is_file() {
        return Ok(path);
    }
    if reference.contains('/') || reference.ends_with(".jsonl") {
        let text = format!("there is no session file `{}`", path.display());
        return Err(StartupError::Usage(text));
    }
    let has_id = |path: &PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        name.rsplit('_').next().is_some_and(|id| id.starts_with(reference))
    };
    let mut found = session_files(dir);
    found.extend(all_session_files(host));
    found.retain(has_id);
    found.sort();
    found.dedup();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(StartupError::Usage(format!(
            "there is no session whose id starts with `{reference}`, and no file of that name"
        ))),
        several => {
            let list: Vec<String> =
                several.iter().take(5).map(|path| format!("`{}`", path.display())).collect();
            let text = format!(
                "`--session {reference}` could be {}; give more of the id",
                list.join(", ")
            );
            Err(StartupError::Usage(text))
        }
    }
}
