//! The command line.

use std::path::PathBuf;

use clap::{ArgAction, Parser, ValueEnum};

/// Thinking levels, from none to most.
pub const REASONING_LEVELS: &[&str] = &["off", "minimal", "low", "medium", "high", "xhigh", "max"];

/// A terminal coding agent that its user owns.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    name = "zi",
    disable_version_flag = true,
    override_usage = "zi [OPTIONS] [@FILE]... [PROMPT]...\n       zi COMMAND [ARGS]..."
)]
pub struct Cli {
    /// What to do. Words that start with `@` are files that go before it
    #[arg(value_name = "PROMPT")]
    pub words: Vec<String>,

    /// Print the answer and exit
    #[arg(short, long, help_heading = "Mode")]
    pub print: bool,
    /// How a batch run prints: the answer as text, or every event as JSON, one a line
    #[arg(long, value_enum, value_name = "MODE", help_heading = "Mode")]
    pub mode: Option<OutputMode>,
    /// The same as --mode json
    #[arg(long, help_heading = "Mode", conflicts_with = "mode")]
    pub json: bool,
    /// The prompt, for a batch run; the same as -p with a prompt
    #[arg(long, value_name = "TEXT", help_heading = "Mode")]
    pub prompt: Option<String>,
    /// Put the prompt into the draft instead of saying it
    #[arg(long, help_heading = "Mode")]
    pub draft: bool,
    /// Keep the conversation in the terminal's own scrollback: only the end of the screen is drawn anew
    #[arg(long, help_heading = "Mode")]
    pub inline: bool,
    /// Print line by line and move no cursor, for screen readers and logs (as with TERM=dumb)
    #[arg(long, help_heading = "Mode", conflicts_with = "inline")]
    pub linear: bool,
    /// Show the models that there are, those with SEARCH in their name only, and exit
    #[arg(long, value_name = "SEARCH", num_args = 0..=1, default_missing_value = "", help_heading = "Mode")]
    pub list_models: Option<String>,
    /// Show the tools that the model would get, and exit
    #[arg(long, help_heading = "Mode")]
    pub list_tools: bool,

    /// The model: an id, PROVIDER/ID, or a part that only one has. `demo` needs no key
    #[arg(long, value_name = "MODEL", help_heading = "Model")]
    pub model: Option<String>,
    /// The provider; with it, any model id is taken
    #[arg(long, value_name = "NAME", help_heading = "Model")]
    pub provider: Option<String>,
    /// The key to use, before the environment and auth.json
    #[arg(long, value_name = "KEY", help_heading = "Model")]
    pub api_key: Option<String>,
    /// Where the provider is, as its vendor's own tools mean it
    #[arg(long, value_name = "URL", help_heading = "Model")]
    pub base_url: Option<String>,
    /// How much the model thinks: off, minimal, low, medium, high, xhigh, max
    #[arg(long, alias = "thinking", value_name = "LEVEL", value_parser = clap::builder::PossibleValuesParser::new(REASONING_LEVELS), hide_possible_values = true, help_heading = "Model")]
    pub reasoning: Option<String>,
    /// Stand in for the system prompt
    #[arg(long, alias = "system", value_name = "TEXT", help_heading = "Model")]
    pub system_prompt: Option<String>,
    /// Add to the system prompt: a text, or a file that holds it. May be given again
    #[arg(long, value_name = "TEXT|FILE", help_heading = "Model")]
    pub append_system_prompt: Vec<String>,
    /// Model calls that a prompt may take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = "Model")]
    pub max_steps: Option<u64>,

    /// Let the model use these tools only
    #[arg(long, value_name = "A,B", value_delimiter = ',', help_heading = "Tools and extensions")]
    pub tools: Option<Vec<String>>,
    /// Let the model use no tools
    #[arg(long, conflicts_with = "tools", help_heading = "Tools and extensions")]
    pub no_tools: bool,
    /// Run tools only after asking (in the terminal; a batch run warns and goes on)
    #[arg(long, help_heading = "Tools and extensions")]
    pub no_yolo: bool,
    /// Load an extension for this run. May be given again
    #[arg(
        short,
        long = "ext",
        alias = "extension",
        value_name = "FILE",
        help_heading = "Tools and extensions"
    )]
    pub ext: Vec<PathBuf>,
    /// Load no extensions but the bundled ones and those of -e
    #[arg(long, help_heading = "Tools and extensions")]
    pub no_ext: bool,
    /// Load the bundled extensions only
    #[arg(long, help_heading = "Tools and extensions")]
    pub safe_mode: bool,
    /// Let this project's own .zi act, for this run
    #[arg(long, help_heading = "Tools and extensions")]
    pub trust: bool,
    /// The same, but only if its hash is this one (`zi trust --show` tells it)
    #[arg(
        long,
        value_name = "HASH",
        conflicts_with = "trust",
        help_heading = "Tools and extensions"
    )]
    pub trust_hash: Option<String>,
    /// Leave these bundled extensions out; without a value, all of them
    #[arg(
        long,
        value_name = "ID,…",
        num_args = 0..=1,
        default_missing_value = "",
        help_heading = "Tools and extensions"
    )]
    pub no_bundled: Option<String>,

    /// Go on with the newest session of this directory
    #[arg(short = 'c', long = "continue", help_heading = "Session")]
    pub continue_last: bool,
    /// Go on with a session: its file, or the start of its id; without either, choose one
    #[arg(
        long,
        short = 'r',
        visible_alias = "resume",
        value_name = "FILE|ID",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with = "continue_last",
        help_heading = "Session"
    )]
    pub session: Option<String>,
    /// Keep no session
    #[arg(long, conflicts_with_all = ["continue_last", "session"], help_heading = "Session")]
    pub no_session: bool,
    /// The directory to work in
    #[arg(long, value_name = "DIR", help_heading = "Session")]
    pub cwd: Option<PathBuf>,

    /// Flags that only extensions may know, taken out before the others are read.
    #[arg(skip)]
    pub extension_flags: Vec<(String, Option<String>)>,

    /// Show the version
    #[arg(short = 'V', visible_short_alias = 'v', long, action = ArgAction::Version)]
    pub version: Option<bool>,
}

/// How a batch run prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputMode {
    Text,
    Json,
}

const AFTER_HELP: &str = "\
A batch prompt is what comes on standard input, then the files, then the words.

Environment:
  ZI_HOME          keep everything below this directory instead of the XDG ones
  ZI_BUNDLE_DIR    use the extensions and modules of this directory as the bundle
  ZI_SYSTEM_DIR    where a distribution keeps its extensions
  ANTHROPIC_API_KEY, OPENAI_API_KEY, …   keys of the providers

Exit codes:
  0 done   1 the run failed   2 wrong usage   3 no credentials   4 the provider failed
  5 extension or configuration   6 refused by policy or trust   7 step or time limit
  130 interrupted";

/// Version for `--version`.
pub fn command() -> clap::Command {
    use clap::CommandFactory as _;
    let mut help = String::from("Commands:\n");
    for command in crate::commands::ALL {
        let call = format!("zi {} {}", command.name, command.usage);
        help.push_str(&format!("  {call:<48} {}\n", command.about));
    }
    Cli::command().version(env!("CARGO_PKG_VERSION")).after_help(format!("{help}\n{AFTER_HELP}"))
}

/// Reads the command line; help, version and mistakes end the process here.
pub fn parse(args: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Cli, clap::Error> {
    use clap::FromArgMatches as _;
    let (args, extension_flags) = take_unknown(args);
    let matches = command().try_get_matches_from(args)?;
    let mut cli = Cli::from_arg_matches(&matches)?;
    cli.extension_flags = extension_flags;
    Ok(cli)
}

/// The long flags of zi itself.
pub fn flag_names() -> Vec<String> {
    let command = command();
    let names = command.get_arguments().filter_map(clap::Arg::get_long_and_visible_aliases);
    let mut names: Vec<String> = names.flatten().map(str::to_owned).collect();
    names.push("help".to_owned());
    names
}

type Flags = Vec<(String, Option<String>)>;

/// Takes out the long flags that zi does not know: an extension may, and none is loaded yet. Their
/// values are written with `=`, so the words around them stay what they are.
fn take_unknown(
    args: impl IntoIterator<Item = std::ffi::OsString>,
) -> (Vec<std::ffi::OsString>, Flags) {
    let command = command();
    let is_known = |name: &str| {
        name == "help"
            || command.get_arguments().any(|arg| {
                let names = arg.get_long_and_visible_aliases().into_iter().flatten();
                let aliases = arg.get_all_aliases().into_iter().flatten();
                names.chain(aliases).any(|known| known == name)
            })
    };
    let (mut kept, mut flags) = (Vec::new(), Vec::new());
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        if arg == "--" {
            kept.push(arg);
            kept.extend(args.by_ref());
            break;
        }
        let flag = arg.to_str().and_then(|text| text.strip_prefix("--")).map(str::to_owned);
        let Some(flag) = flag else {
            kept.push(arg);
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (flag.as_str(), None),
        };
        if is_known(name) { kept.push(arg) } else { flags.push((name.to_owned(), value)) }
    }
    (kept, flags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn words_and_options_mix() {
        let cli = parse(["zi", "-p", "fix", "--model", "m", "@a.txt", "it"].map(Into::into))
            .expect("it reads");
        assert!(cli.print);
        assert_eq!(cli.words, ["fix", "@a.txt", "it"]);
        assert!(parse(["zi", "--max-steps", "0"].map(Into::into)).is_err());
        assert!(parse(["zi", "--thinking", "foo"].map(Into::into)).is_err());
    }
}
