//! The terminal interface: a thread that draws, and the core beside it.

mod actions;
mod app;
mod chips;
mod complete;
mod compose;
mod draft;
mod drop;
mod elsewhere;
mod feed;
pub(super) mod front;
mod history;
mod render;
mod search;
mod themes;

use std::{process::ExitCode, sync::Arc, thread, time::Duration};

use tokio::sync::mpsc;
use zi_kernel::term::{Options, Terminal};

use self::{
    app::{App, AppParts},
    draft::Draft,
    front::{Shared, TuiFront, Update, Updates},
    history::History,
};
use super::{driver, interactive, out};
use crate::{
    cli::Cli,
    host::{Host, lock},
    scene::{draw::Pictures, format::highlight},
    startup,
    watch::Watch,
};

const RUN_FAILED: u8 = 1;
const USAGE: u8 = 2;
/// How long handlers may still work when zi ends.
const GRACE: Duration = Duration::from_secs(3);

/// The names of all actions that keys can be bound to.
pub fn action_names() -> Vec<&'static str> {
    let mut names: Vec<_> = actions::described().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// What the keys do, as data: `{key, what, about, when?}`.
pub fn keys(host: &Host) -> serde_json::Value {
    actions::Keymap::new(&host.registry, &host.settings.keys).0.to_value()
}

/// Whether there is an action of that name; why not otherwise.
pub fn check_action(name: &str) -> Result<(), String> {
    actions::find(name).map(drop)
}

/// Runs the terminal interface from the command line to the exit code.
pub fn run(cli: &Cli) -> ExitCode {
    if !out::is_interactive() {
        out::report_error(
            "there is no terminal to work in; `zi -p \"…\"` runs one prompt without it (see `zi --help`)",
        );
        return ExitCode::from(USAGE);
    }
    interactive::block_on(run_async(cli))
}

async fn run_async(cli: &Cli) -> u8 {
    let cwd = match startup::working_dir(cli) {
        Ok(cwd) => cwd,
        Err(err) => {
            out::report_error(&err.to_string());
            return err.exit_code();
        }
    };
    interactive::offer_trust(cli, &cwd);
    let prompt = match interactive::first_prompt(cli, &cwd) {
        Ok(prompt) => prompt,
        Err(problem) => {
            out::report_error(&problem);
            return USAGE;
        }
    };
    let (updates, receiver) = Updates::new();
    let shared = Arc::new(Shared::default());
    let front = Box::new(TuiFront::new(updates.clone(), shared.clone()));
    let host = match startup::start(cli, cwd, front).await {
        Ok(host) => host,
        Err(err) => {
            out::report_error(&err.to_string());
            return err.exit_code();
        }
    };
    open_themes(&host, &shared);
    let sender = updates.clone();
    let options = Options { inline: cli.inline, mouse: host.settings.mouse };
    let terminal = match Terminal::open(options, move |input| sender.send(Update::Input(input))) {
        Ok(terminal) => terminal,
        Err(err) => {
            out::report_error(&format!("{err}; `zi -p \"…\"` runs one prompt without it"));
            return RUN_FAILED;
        }
    };
    *crate::host::lock(&shared.size) = terminal.size();
    let coloured = updates.clone();
    highlight::on_progress(move || coloured.send(Update::Frame));
    let (intents, taken) = mpsc::unbounded_channel();
    let mut draft = Draft::new(History::open(host.dirs.state.join("history.jsonl")));
    let (first, draft_text) = match prompt {
        Some(prompt) if cli.draft => (None, prompt.text),
        other => (other, String::new()),
    };
    draft.set_text(&draft_text);
    let themes = shared.clone();
    let pictures = Arc::new(Pictures::new(host.io.clone(), host.cwd.clone()));
    tokio::spawn(watch_frames(host.clone(), pictures.clone(), updates.clone()));
    let parts = AppParts {
        host: host.clone(),
        terminal,
        updates: updates.clone(),
        intents: intents.clone(),
        shared,
        draft,
        pictures,
        is_inline: cli.inline,
    };
    let drawing = thread::Builder::new().name("zi-screen".to_owned());
    let drawing = match drawing.spawn(move || App::new(parts).run(&receiver)) {
        Ok(drawing) => drawing,
        Err(err) => {
            out::report_error(&format!("cannot start: {err}"));
            return RUN_FAILED;
        }
    };
    interactive::begin(&host, cli, &intents);
    tokio::spawn(look_for_themes(host.clone(), themes, updates.clone(), "startup"));
    tokio::spawn(watch_themes(host.clone(), updates.clone()));
    driver::drive(&host, Arc::new(updates.clone()), taken, first).await;
    interactive::finish(&host, GRACE).await;
    updates.send(Update::End);
    // It ends with the update, or panicked and told so.
    let has_drawn = drawing.join().is_ok();
    interactive::say_goodbye(&host);
    let code = lock(&host.interrupted).take().unwrap_or(0);
    if has_drawn { code } else { RUN_FAILED }
}

fn open_themes(host: &Host, shared: &Shared) {
    let roots = host.roots.iter().map(|root| root.dir.join("themes"));
    shared.themes.open(
        host.dirs.state.join("theme"),
        roots.collect(),
        host.settings.theme.as_deref(),
    );
}

/// Asks extensions for themes beyond those that they register.
async fn look_for_themes(
    host: Arc<Host>,
    shared: Arc<Shared>,
    updates: Updates,
    reason: &'static str,
) {
    let found = host.discover_resources(reason).await;
    shared.themes.set_more(found.themes);
    updates.send(Update::Registered);
}

/// Reads the themes again when one of their files changes.
async fn watch_themes(host: Arc<Host>, updates: Updates) {
    let dirs = host.roots.iter().map(|root| root.dir.join("themes"));
    let dirs: Vec<_> = dirs.filter(|dir| dir.is_dir()).collect();
    if dirs.is_empty() {
        return;
    }
    let Ok(mut watch) = Watch::start(&dirs, false) else { return };
    loop {
        tokio::select! {
            _ = watch.next() => updates.send(Update::Registered),
            () = host.shutdown.cancelled() => return,
        }
    }
}

/// Has the screen drawn when a surface got a frame, or an image was read.
async fn watch_frames(host: Arc<Host>, pictures: Arc<Pictures>, updates: Updates) {
    loop {
        tokio::select! {
            () = host.surfaces.changed() => updates.send(Update::Frame),
            () = pictures.changed() => updates.send(Update::Frame),
            () = host.shutdown.cancelled() => return,
        }
    }
}
