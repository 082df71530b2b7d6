//! What the interactive modes share: how they begin and how they end.

use std::{path::Path, process::ExitCode, sync::Arc, time::Duration};

use tokio::sync::mpsc;
use zi_kernel::job;

use super::{driver::Intent, input, out};
use crate::{
    auth,
    cli::Cli,
    commands,
    host::{Host, Level},
    paths::Dirs,
    run::Prompt,
};

const RUN_FAILED: u8 = 1;

/// Runs a mode to its exit code, on a runtime of its own.
pub fn block_on(mode: impl Future<Output = u8>) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("zi-io")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(err) => {
            out::report_error(&format!("cannot start: {err}"));
            return ExitCode::from(RUN_FAILED);
        }
    };
    let code = runtime.block_on(mode);
    // What still runs was told to end; a thread that does not must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}

/// Asks whether an untrusted project may act, before anything is loaded.
pub fn offer_trust(cli: &Cli, cwd: &Path) {
    if let Ok(dirs) = Dirs::from_env()
        && !(cli.trust || cli.trust_hash.is_some() || cli.safe_mode || cli.no_ext)
    {
        commands::trust::offer(cwd, &dirs);
    }
}

/// What the command line says first.
pub fn first_prompt(cli: &Cli, cwd: &Path) -> Result<Option<Prompt>, String> {
    if cli.words.is_empty() {
        return Ok(None);
    }
    let assembled = input::assemble(&cli.words, None, cwd).map_err(|err| err.to_string())?;
    Ok(Some(Prompt { text: assembled.text, images: assembled.images, source: "user" }))
}

/// Tells everybody that there is a session, and who asked for one to choose gets the choice.
pub fn begin(host: &Arc<Host>, cli: &Cli, intents: &mpsc::UnboundedSender<Intent>) {
    // Without a model zi opens all the same, and says what to do when something is said.
    host.choose_model().ok();
    if let Some(problem) = missing_key(host) {
        host.notice(Level::Warn, &problem);
    }
    let wants_choice = cli.session.as_deref() == Some("");
    let is_resumed = cli.continue_last || (cli.session.is_some() && !wants_choice);
    host.emit(host.session_start(if is_resumed { "resume" } else { "startup" }));
    if wants_choice {
        intents.send(Intent::Command("/resume".to_owned())).ok();
    }
}

/// What to do where no request could be made. Nothing is run or sent to find that out.
fn missing_key(host: &Host) -> Option<String> {
    let provider = host.registry.provider(&host.model()?.provider)?;
    let state = &host.dirs.state;
    if host.flags.api_key.is_some() || auth::is_available(&provider, state) {
        return None;
    }
    let problem = auth::resolve(&provider, None, host.flags.base_url.is_some(), state).err()?;
    Some(format!("{problem}; `/model` chooses another model, `/login` logs in"))
}

/// Ends what still runs, in order.
pub async fn finish(host: &Arc<Host>, grace: Duration) {
    host.settle(grace).await;
    host.emit_shutdown("exit").await;
    if let Err(err) = host.session.sync().await {
        host.notice(Level::Error, &err.to_string());
    }
    job::stop_all().await;
}

/// Says how to go on with the session, if it is kept.
pub fn say_goodbye(host: &Host) {
    if host.session.file().is_none() {
        return;
    }
    let id = host.session.id();
    let text = format!("The session is kept; `zi --session {id}` goes on with it.");
    // Nobody is left to hear of a closed terminal.
    out::print_lines(&text).ok();
}
