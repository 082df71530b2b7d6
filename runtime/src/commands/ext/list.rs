//! `zi ext list`: what is found, loaded as a run would load it.

use std::{path::PathBuf, sync::Arc};

use serde_json::{Value, json};

use super::{Context, Result, logs};
use crate::{
    cli::Cli,
    extensions::{
        Extension, Found, LoadProblem, Locked, Manifest, Rank, Rules, Source, Survey, Unusable,
    },
    hooks::Event,
    host::{Front, Host, Level, lock},
    modes, startup,
};

/// Show every extension that is found here, and how it is doing
///
/// They are loaded as a run would load them, without a session.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Show the time it took to load each, its memory, and what it registered
    #[arg(short, long, conflicts_with = "json")]
    pub verbose: bool,
    /// Show all of it as JSON
    #[arg(long)]
    pub json: bool,
    /// Load this project's own extensions too
    #[arg(long)]
    pub trust: bool,
    /// Load an extension as `zi -e` does. May be given again
    #[arg(short, long = "ext", value_name = "FILE")]
    pub ext: Vec<PathBuf>,
}

/// How an extension is doing.
enum State {
    Enabled(Arc<Extension>),
    Disabled,
    Broken(String),
    ShadowedBy(PathBuf),
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            Self::Enabled(_) => "enabled",
            Self::Disabled => "disabled",
            Self::Broken(_) => "broken",
            Self::ShadowedBy(_) => "shadowed",
        }
    }
}

/// One line of the list.
struct Row {
    id: String,
    source: Source,
    entry: PathBuf,
    manifest: Manifest,
    state: State,
    /// Errors in its log.
    errors: usize,
    installed: Option<Locked>,
}

/// Shows nothing: the list says itself what did not load.
#[derive(Debug)]
struct Silent;

impl Front for Silent {
    fn mode(&self) -> &'static str {
        "print"
    }
    fn event(&self, _event: &Event) {}
    fn notice(&self, _level: Level, _text: &str) {}
}

pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    let cli =
        Cli { ext: options.ext.clone(), trust: options.trust, no_session: true, ..Cli::default() };
    let (roots, passed_over) = startup::extension_roots(&cli, &context.dirs, &context.cwd);
    let explicit: Vec<PathBuf> = cli.ext.iter().map(|path| context.cwd.join(path)).collect();
    let rules = Rules::read(&context.dirs);
    let survey = Survey::of(&roots, &explicit, context.bundle.extensions(), &rules);
    let problems: Vec<String> = survey.problems.iter().chain(&rules.problems).cloned().collect();
    let host = context.wait(startup::start(&cli, context.cwd.clone(), Box::new(Silent)))??;
    let rows = rows(context, &host, survey, &rules);
    let text = if options.json {
        let rows: Vec<Value> = rows.iter().map(|row| as_json(&host, row)).collect();
        format!("{:#}", Value::Array(rows))
    } else if options.verbose {
        verbose_table(&host, &rows)
    } else {
        plain_table(&rows)
    };
    context.say(&text)?;
    for problem in problems.into_iter().chain(passed_over) {
        modes::report_note(&problem);
    }
    Ok(())
}

fn rows(context: &Context, host: &Host, survey: Survey, rules: &Rules) -> Vec<Row> {
    let (loaded, broken) = lock(&host.loaded).clone();
    let mut winners: Vec<(String, PathBuf)> = Vec::new();
    let mut rows: Vec<(Rank, Row)> = Vec::new();
    for found in survey.found {
        let winner = winners.iter().find(|(id, _)| *id == found.id);
        let state = match winner {
            Some((_, entry)) => State::ShadowedBy(entry.clone()),
            None => {
                winners.push((found.id.clone(), found.entry.clone()));
                state_of(&found, &loaded, &broken, rules)
            }
        };
        rows.push((found.rank.clone(), row(context, found, state)));
    }
    let unusable =
        survey.unusable.into_iter().map(|one| (last_of(one.source), unusable(context, one)));
    rows.extend(unusable);
    // The bundled ones that stand in for broken files of a replaced bundle.
    for extension in &loaded {
        if !rows.iter().any(|(_, row)| row.id == extension.id && row.entry == extension.entry) {
            rows.push((extension.rank.clone(), stand_in(context, extension)));
        }
    }
    rows.sort_by(|(a, _), (b, _)| a.cmp(b));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn last_of(source: Source) -> Rank {
    Rank { source, order: usize::MAX }
}

fn state_of(
    found: &Found,
    loaded: &[Arc<Extension>],
    broken: &[LoadProblem],
    rules: &Rules,
) -> State {
    if let Some(extension) = loaded.iter().find(|it| it.entry == found.entry && it.id == found.id) {
        return State::Enabled(extension.clone());
    }
    let source = found.rank.source;
    let problem = broken.iter().find(|it| it.id == found.id && it.source == source);
    match problem {
        Some(problem) => State::Broken(problem.failure.message.clone()),
        None if found.manifest.enabled == Some(false) || rules.is_disabled(found) => {
            State::Disabled
        }
        None => State::Broken("it was left out; zi's log says why".to_owned()),
    }
}

fn row(context: &Context, found: Found, state: State) -> Row {
    let errors = logs::count_errors(&context.dirs.state, &found.id);
    let installed = installed(context, &found.id, found.rank.source);
    Row {
        id: found.id,
        source: found.rank.source,
        entry: found.entry,
        manifest: found.manifest,
        state,
        errors,
        installed,
    }
}

fn unusable(context: &Context, one: Unusable) -> Row {
    Row {
        errors: logs::count_errors(&context.dirs.state, &one.id),
        installed: installed(context, &one.id, one.source),
        id: one.id,
        source: one.source,
        entry: one.entry,
        manifest: Manifest::default(),
        state: State::Broken(one.problem),
    }
}

fn stand_in(context: &Context, extension: &Arc<Extension>) -> Row {
    Row {
        id: extension.id.clone(),
        source: extension.source(),
        entry: extension.entry.clone(),
        manifest: extension.manifest.clone(),
        state: State::Enabled(extension.clone()),
        errors: logs::count_errors(&context.dirs.state, &extension.id),
        installed: None,
    }
}

fn installed(context: &Context, id: &str, source: Source) -> Option<Locked> {
    let lock = if source == Source::User { context.lock().ok() } else { None };
    lock.and_then(|lock| lock.extensions.get(id).cloned())
}

// Showing -----------------------------------------------------------------------------------------

/// What there is to say of its state, in a line.
fn about(row: &Row) -> String {
    match &row.state {
        State::Broken(problem) => problem.lines().next().unwrap_or_default().to_owned(),
        State::ShadowedBy(entry) => format!("by {}", entry.display()),
        State::Enabled(_) | State::Disabled => String::new(),
    }
}

fn basics(row: &Row) -> [String; 4] {
    [
        row.id.clone(),
        row.manifest.version.clone().unwrap_or_else(|| "-".to_owned()),
        row.source.name().to_owned(),
        row.state.name().to_owned(),
    ]
}

fn plain_table(rows: &[Row]) -> String {
    let mut table = vec![["id", "version", "source", "state", "path", ""].map(str::to_owned)];
    for row in rows {
        let [id, version, source, state] = basics(row);
        table.push([id, version, source, state, row.entry.display().to_string(), about(row)]);
    }
    modes::table(&table)
}

fn verbose_table(host: &Host, rows: &[Row]) -> String {
    let header = [
        "id", "version", "source", "state", "load", "memory", "tools", "commands", "handlers",
        "errors", "path", "",
    ];
    let mut table = vec![header.map(str::to_owned)];
    for row in rows {
        let [id, version, source, state] = basics(row);
        let figures = match figures(host, row) {
            Some(it) => [
                format!("{:.1} ms", it.load_ms),
                format!("{} KiB", it.memory.div_ceil(1024)),
                it.counts.tools.to_string(),
                it.counts.commands.to_string(),
                it.counts.handlers.to_string(),
            ],
            None => ["-"; 5].map(str::to_owned),
        };
        let [load, memory, tools, commands, handlers] = figures;
        table.push([
            id,
            version,
            source,
            state,
            load,
            memory,
            tools,
            commands,
            handlers,
            row.errors.to_string(),
            row.entry.display().to_string(),
            about(row),
        ]);
    }
    modes::table(&table)
}

/// What is measured of a loaded extension.
struct Figures {
    load_ms: f64,
    memory: usize,
    counts: crate::registry::Counts,
}

fn figures(host: &Host, row: &Row) -> Option<Figures> {
    let State::Enabled(extension) = &row.state else { return None };
    let vm = extension.vm()?;
    Some(Figures {
        load_ms: extension.load_time()?.as_secs_f64() * 1000.0,
        memory: vm.stats().memory.load(std::sync::atomic::Ordering::Relaxed),
        counts: host.registry.counts(extension),
    })
}

fn as_json(host: &Host, row: &Row) -> Value {
    let mut value = json!({
        "id": row.id,
        "name": row.manifest.name,
        "version": row.manifest.version,
        "description": row.manifest.description,
        "source": row.source.name(),
        "state": row.state.name(),
        "entry": row.entry,
        "errors": row.errors,
    });
    match &row.state {
        State::Broken(problem) => value["error"] = problem.as_str().into(),
        State::ShadowedBy(entry) => value["shadowed_by"] = json!(entry),
        State::Enabled(_) | State::Disabled => {}
    }
    if let Some(figures) = figures(host, row) {
        value["load_ms"] = figures.load_ms.into();
        value["memory"] = figures.memory.into();
        value["tools"] = figures.counts.tools.into();
        value["commands"] = figures.counts.commands.into();
        value["providers"] = figures.counts.providers.into();
        value["handlers"] = figures.counts.handlers.into();
    }
    if let Some(locked) = &row.installed {
        value["installed"] = json!({ "from": locked.source.to_string(), "commit": locked.commit });
    }
    value
}
