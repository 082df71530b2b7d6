//! Sub-commands: `zi NAME …`, where NAME comes first.

pub mod api;
pub mod check;
pub mod ext;
pub mod login;
pub mod test;
pub mod trust;
pub mod types;

use std::{ffi::OsString, process::ExitCode};

/// One sub-command.
#[derive(Clone, Copy, Debug)]
pub struct SubCommand {
    pub name: &'static str,
    /// Its arguments, for the help.
    pub usage: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    run: fn(&[OsString]) -> ExitCode,
}

/// Every sub-command, in the order of the help.
pub const ALL: &[SubCommand] = &[
    SubCommand {
        name: "ext",
        usage: "ACTION …",
        about: "See, make, install and switch extensions (`zi ext --help`)",
        run: ext::run,
    },
    SubCommand { name: "test", usage: "[PATH]...", about: "Run Lua specs", run: test::run },
    SubCommand {
        name: "check",
        usage: "[PATH]... [--json]",
        about: "Look for mistakes in extensions",
        run: check::run,
    },
    SubCommand {
        name: "trust",
        usage: "[DIR] [--yes|--show|--revoke] [--json]",
        about: "Decide whether a project's .zi may act",
        run: trust::run,
    },
    SubCommand {
        name: "login",
        usage: "[PROVIDER] [--key]",
        about: "Log in to a provider, or keep its key",
        run: login::run_login,
    },
    SubCommand {
        name: "logout",
        usage: "PROVIDER",
        about: "Forget what is kept for a provider",
        run: login::run_logout,
    },
    SubCommand {
        name: "types",
        usage: "[DIR] [--force]",
        about: "Write type stubs for editors",
        run: types::run,
    },
    SubCommand {
        name: "api",
        usage: "[--json|--markdown DIR]",
        about: "Show the script API",
        run: api::run,
    },
];

/// Runs the sub-command that `args` (the program's name first) begins with; `None` without one.
pub fn run(args: &[OsString]) -> Option<ExitCode> {
    let name = args.get(1)?;
    let command = ALL.iter().find(|command| name == command.name)?;
    Some((command.run)(&args[2..]))
}

/// The usage line of a sub-command.
pub fn usage(name: &str) -> String {
    let usage = ALL.iter().find(|command| command.name == name).map_or("", |it| it.usage);
    format!("usage: zi {name} {usage}")
}
