//! What a new version of an extension registers that the old one did not, and what went.
//!
//! Both are loaded as `zi check` does it: what a file does when it loads is all that runs of it, and
//! writing, waiting and starting programs raise there.

use std::{collections::BTreeSet, path::Path};

use super::{ExtError, Result, context::Context};
use crate::{
    commands::check::{dry, places, roots_of},
    scene::format::clean::exact_line,
};

type Registered = BTreeSet<(&'static str, String)>;

/// The difference between the extension that is at `old` and the one at `new`, a line for each thing.
pub(super) fn changes(context: &Context, old: &Path, new: &Path) -> Result<String> {
    let before = registered(context, old)?;
    let after = match registered(context, new)? {
        Ok(after) => after,
        Err(problem) => {
            return Ok(format!(
                "what it registers now cannot be told: it does not load: {problem}\n"
            ));
        }
    };
    // One that could not be loaded had nothing that counted.
    let before = before.unwrap_or_default();
    let rows = |sign: char, only: Vec<&(&'static str, String)>| {
        // A name is the author's to choose; it cannot look like more than one line.
        let row = |(kind, name): &(&str, String)| format!("  {sign} {kind} {}", exact_line(name));
        only.into_iter().map(|one| row(one).trim_end().to_owned() + "\n").collect::<String>()
    };
    let new = rows('+', after.difference(&before).collect());
    let gone = rows('-', before.difference(&after).collect());
    Ok(match new.is_empty() && gone.is_empty() {
        true => "it registers what it did before\n".to_owned(),
        false => format!("what it registers changes:\n{new}{gone}"),
    })
}

/// What the extension at `path` registers, or why it does not load.
fn registered(context: &Context, path: &Path) -> Result<std::result::Result<Registered, String>> {
    if !path.exists() {
        return Ok(Ok(Registered::new()));
    }
    let roots = roots_of(&context.dirs).collect();
    let seen = context.wait(dry::load(path, roots))?.map_err(ExtError::Failed)?;
    let entry = if path.is_dir() { path.join("init.lua") } else { path.to_owned() };
    let folder = entry.parent().unwrap_or(path);
    // The temporary place means nothing to the user.
    let within = |file: &Path| file.strip_prefix(folder).unwrap_or(file).display().to_string();
    if let Some(problem) = seen.problems.first() {
        return Ok(Err(problem.clone()));
    }
    Ok(match &seen.failure {
        Some(failure) => {
            let (file, line, message) = places::of_failure(failure, &entry);
            Err(format!("{}:{line}: {message}", within(&file)))
        }
        None => Ok(seen.registered),
    })
}
