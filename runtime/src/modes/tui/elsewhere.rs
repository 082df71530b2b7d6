//! Texts that another program shows or edits: the user's editor, the user's pager.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
};

use zi_kernel::job::{Exit, JobError, Spec};

use crate::host::Host;

/// Largest text that an editor gives back.
const MAX_BYTES: u64 = 10 << 20;

type Ended = Result<Exit, JobError>;

/// A program that gets the terminal, without the keys of providers.
pub fn spec(host: &Host, argv: Vec<String>) -> Spec {
    Spec {
        argv,
        cwd: Some(host.cwd.clone()),
        env: host.child_env(),
        without_env: host.secret_variables(),
        ..Spec::default()
    }
}

/// Has `text` edited by $VISUAL, $EDITOR or vi, which `run` gives the terminal. Answers the new text;
/// nothing when the editor left with a fault, as editors do that are told to discard.
pub fn edit(text: &str, run: impl FnOnce(Vec<String>) -> Ended) -> Result<Option<String>, String> {
    let file = write(text, ".md").map_err(|err| format!("cannot write a file to edit: {err}"))?;
    let program = program(&["VISUAL", "EDITOR"], "vi");
    let ended = run(shell_words(&program, file.path()))
        .map_err(|err| format!("{err}; set VISUAL or EDITOR to an editor that there is"))?;
    if ended.code != Some(0) {
        return Ok(None);
    }
    let size = fs::metadata(file.path()).map_or(0, |meta| meta.len());
    if size > MAX_BYTES {
        return Err("the edited text is larger than 10 MiB; the draft stays as it was".to_owned());
    }
    let edited = fs::read_to_string(file.path())
        .map_err(|err| format!("cannot read the edited text: {err}; the draft stays as it was"))?;
    Ok(Some(edited.trim_end_matches('\n').to_owned()))
}

/// Shows `text` in $PAGER or less.
pub fn page(text: &str, run: impl FnOnce(Vec<String>) -> Ended) -> Result<(), String> {
    let file = write(text, ".txt").map_err(|err| format!("cannot write a file to show: {err}"))?;
    let program = program(&["PAGER"], "less -R");
    match run(shell_words(&program, file.path())) {
        Ok(_) => Ok(()),
        Err(err) => Err(format!("{err}; set PAGER to a pager that there is")),
    }
}

fn write(text: &str, ending: &str) -> io::Result<tempfile::NamedTempFile> {
    let mut file = tempfile::Builder::new().prefix("zi-").suffix(ending).tempfile()?;
    file.write_all(text.as_bytes())?;
    file.flush()?;
    Ok(file)
}

fn program(variables: &[&str], default: &str) -> String {
    let set = variables.iter().filter_map(|name| std::env::var(name).ok());
    set.map(|value| value.trim().to_owned())
        .find(|value| !value.is_empty())
        .unwrap_or_else(|| default.to_owned())
}

/// Such variables hold command lines, so a shell reads them; the file comes as an argument.
fn shell_words(program: &str, file: &Path) -> Vec<String> {
    let line = format!("{program} \"$1\"");
    ["sh", "-c", &line, "sh", &file.to_string_lossy()].map(str::to_owned).to_vec()
}
