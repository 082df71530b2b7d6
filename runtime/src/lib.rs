//! zi: a terminal coding agent whose every visible part is Lua.
//!
//! The modules know of each other in one direction: `cli` and `modes`, then `run`, `journal`,
//! `hooks` and `extensions`, then `api`, then the kernel.

pub mod api;
pub mod auth;
pub mod bundle;
pub mod cli;
pub mod commands;
pub mod extensions;
pub mod fuzzy;
pub mod hooks;
pub mod host;
pub mod images;
pub mod jobs;
pub mod journal;
pub mod keys;
pub mod logs;
pub mod message;
pub mod models;
pub mod modes;
pub mod near;
pub mod oauth;
pub mod paths;
pub mod registry;
pub mod run;
pub mod scene;
pub mod session;
pub mod session_export;
pub mod session_list;
pub mod sessions;
pub mod settings;
pub mod startup;
pub mod surfaces;
pub mod testbed;
pub mod testbed_screen;
pub mod testbed_server;
pub mod trust;
pub mod watch;

use std::process::ExitCode;

/// Runs zi with the process's own arguments.
pub fn main() -> ExitCode {
    keep_memory_private();
    let args: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(code) = commands::run(&args) {
        return code;
    }
    match cli::parse(args) {
        Ok(cli) if is_batch(&cli) => modes::run(&cli),
        Ok(cli) if is_linear(&cli) => modes::linear::run(&cli),
        Ok(cli) => modes::tui::run(&cli),
        Err(err) => {
            // Help and the version are no mistakes; clap knows where each goes.
            let code = u8::try_from(err.exit_code()).unwrap_or(2);
            err.print().ok();
            ExitCode::from(code)
        }
    }
}

/// Keeps keys out of core dumps, and this process's memory and environment from being read by the
/// programs that it starts (root can read everything).
fn keep_memory_private() {
    #[cfg(target_os = "linux")]
    // Where the system refuses, things are as they are for every other program.
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable).ok();
}

/// Whether lines are all that the terminal can do, or all that is wanted.
fn is_linear(cli: &cli::Cli) -> bool {
    cli.linear || std::env::var("TERM").is_ok_and(|term| term == "dumb")
}

/// Whether the command line asks for a run without a terminal.
fn is_batch(cli: &cli::Cli) -> bool {
    cli.print
        || cli.json
        || cli.mode.is_some()
        || cli.prompt.is_some()
        || cli.list_tools
        || cli.list_models.is_some()
}
