//! `zi ext logs`: what an extension printed, and its errors.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
    time::Duration,
};

use super::{
    ExtError, Result,
    context::{Context, unknown},
    manage::known_ids,
};
use crate::{logs, modes};

/// How often a followed log is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Show what an extension printed, and its errors
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The id of the extension, as `zi ext list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Go on showing what comes, until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Show the last N lines only
    #[arg(short = 'n', long, value_name = "N")]
    pub lines: Option<usize>,
}

pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    let id = &options.id;
    let path = logs::path(&context.dirs.state, id);
    if !path.is_file() {
        let known = known_ids(context);
        if !known.iter().any(|one| one == id) {
            return Err(unknown(id, "extension", &known));
        }
        if !options.follow {
            return context.say(&format!("`{id}` has no log yet"));
        }
    }
    let mut place = 0;
    let text = read_from(&path, &mut place)?;
    context.say(last_lines(&text, options.lines))?;
    if !options.follow {
        return Ok(());
    }
    follow(context, &path, place)
}

/// Shows what is added, until a signal comes: that is how following ends.
fn follow(context: &Context, path: &Path, mut place: u64) -> Result<()> {
    while context.wait(tokio::time::sleep(LOOK_EVERY)).is_ok() {
        match modes::print_more(&read_from(path, &mut place)?) {
            Err(err) if err.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result.map_err(ExtError::io("cannot print"))?,
        }
    }
    Ok(())
}

/// The whole lines of a log after `place`, which moves on. A log that was cut down is read again; one
/// that is not there is empty.
fn read_from(path: &Path, place: &mut u64) -> Result<String> {
    let what = || format!("cannot read `{}`", path.display());
    let mut file = match fs::File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(err) => return Err(ExtError::io(what())(err)),
    };
    let mut read = || {
        if file.metadata()?.len() < *place {
            *place = 0;
        }
        file.seek(SeekFrom::Start(*place))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(whole);
        *place += whole as u64;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    read().map_err(ExtError::io(what()))
}

fn last_lines(text: &str, count: Option<usize>) -> &str {
    let Some(count) = count else { return text };
    let starts: Vec<usize> = text.split_inclusive('\n').map(str::len).collect();
    let skipped = starts.len().saturating_sub(count);
    &text[starts[..skipped].iter().sum()..]
}

/// How many errors the log of an extension holds.
pub(super) fn count_errors(state: &Path, id: &str) -> usize {
    let Ok(text) = fs::read(logs::path(state, id)) else { return 0 };
    let text = String::from_utf8_lossy(&text);
    text.lines().filter(|line| line.split(' ').nth(1) == Some("error")).count()
}
