//! `zi ext`: the extensions of a user - what there is, and everything that changes it.
//!
//! Nothing here runs an extension except `list`, which loads them as a run would, and `update`, which
//! loads two versions as `zi check` does to compare them.

mod archive;
mod context;
mod diff;
mod eject;
mod fetch;
mod git;
mod install;
mod intake;
mod list;
mod logs;
mod manage;
mod new;
mod place;
mod registered;
mod update;

use std::{ffi::OsString, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{extensions::LockError, modes, startup::StartupError};
use context::Context;

/// See, make, install and switch extensions
#[derive(Debug, Parser)]
#[command(name = "zi ext", disable_help_subcommand = true, arg_required_else_help = true)]
struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    List(list::Options),
    New(new::Options),
    Install(install::Options),
    Update(update::Options),
    /// Take the files of an extension of yours as they are now as the installed ones
    Accept(manage::OneId),
    /// Delete an extension of yours
    Remove(manage::RemoveOptions),
    /// Load an extension again that was disabled
    Enable(manage::OneId),
    /// Keep an extension and load it no more; bundled ones too
    Disable(manage::OneId),
    Logs(logs::Options),
    /// Copy a bundled extension to your own, to change it
    Eject(manage::OneId),
    Diff(eject::DiffOptions),
}

/// Why an action did not do what it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExtError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    /// An extension or a file of zi's own that cannot be used.
    #[error("{0}")]
    Invalid(String),
    /// Something that zi does not do, for safety.
    #[error("{0}")]
    Refused(String),
    #[error("interrupted; nothing was changed")]
    Interrupted,
    #[error(transparent)]
    Lock(#[from] LockError),
    #[error(transparent)]
    Start(#[from] StartupError),
}

type Result<T> = std::result::Result<T, ExtError>;

impl ExtError {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Usage(_) => 2,
            Self::Invalid(_) | Self::Lock(LockError::Format { .. }) => 5,
            Self::Refused(_) => 6,
            Self::Interrupted => 130,
            Self::Lock(_) => 1,
            Self::Start(err) => err.exit_code(),
        }
    }

    /// For `map_err`: what failed, and why.
    fn io(what: impl std::fmt::Display) -> impl FnOnce(std::io::Error) -> Self {
        move |err| Self::Failed(format!("{what}: {err}"))
    }
}

/// Runs `zi ext` with what follows these two words.
pub fn run(args: &[OsString]) -> ExitCode {
    let words = std::iter::once(OsString::from("zi ext")).chain(args.iter().cloned());
    let args = match Args::try_parse_from(words) {
        Ok(args) => args,
        Err(err) => {
            let code = u8::try_from(err.exit_code()).unwrap_or(2);
            err.print().ok();
            return ExitCode::from(code);
        }
    };
    match context::run(move |context| act(context, args.action)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            modes::report_error(&err.to_string());
            ExitCode::from(err.exit_code())
        }
    }
}

fn act(context: &Context, action: Action) -> Result<()> {
    match action {
        Action::List(options) => list::run(context, &options),
        Action::New(options) => new::run(context, &options),
        Action::Install(options) => install::run(context, &options),
        Action::Update(options) => update::run(context, &options),
        Action::Accept(options) => manage::accept(context, &options.id),
        Action::Remove(options) => manage::remove(context, &options),
        Action::Enable(options) => manage::enable(context, &options.id),
        Action::Disable(options) => manage::disable(context, &options.id),
        Action::Logs(options) => logs::run(context, &options),
        Action::Eject(options) => eject::eject(context, &options.id),
        Action::Diff(options) => eject::diff(context, &options),
    }
}
