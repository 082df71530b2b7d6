//! `zi ext remove`, `enable`, `disable` and `accept`: what becomes of one extension.

use std::{fs, path::Path};

use super::{
    ExtError, Result,
    context::{Context, unknown},
    install::own,
};
use crate::extensions::{self, Lock};

/// An action on one extension.
#[derive(Debug, clap::Args)]
pub(super) struct OneId {
    /// The id of the extension, as `zi ext list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct RemoveOptions {
    /// The id of the extension, as `zi ext list` shows it
    #[arg(value_name = "ID")]
    pub id: String,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// The ids of everything that is found here.
pub(super) fn known_ids(context: &Context) -> Vec<String> {
    let survey = context.survey();
    let found = survey.found.into_iter().map(|one| one.id);
    let mut ids: Vec<String> = found.chain(survey.unusable.into_iter().map(|one| one.id)).collect();
    ids.sort();
    ids.dedup();
    ids
}

// Removing ----------------------------------------------------------------------------------------

pub(super) fn remove(context: &Context, options: &RemoveOptions) -> Result<()> {
    let id = &options.id;
    let _alone = context.exclusive()?;
    let mut lock = context.lock()?;
    let path = match (own(context, id), lock.extensions.get(id)) {
        (_, Some(locked)) => context.extensions().join(&locked.place),
        (Some(path), None) => path,
        (None, None) => return Err(not_own(context, id)),
    };
    let is_there = fs::symlink_metadata(&path).is_ok();
    if is_there {
        context.confirm(&format!("Delete `{}`?", path.display()), options.yes)?;
    }
    let before = lock.clone();
    let was_installed = lock.extensions.remove(id).is_some();
    let staging = context.staging()?;
    let aside = staging.path().join("removed");
    let what = format!("cannot delete `{}`", path.display());
    if is_there {
        fs::rename(&path, &aside).map_err(ExtError::io(&what))?;
    }
    if was_installed && let Err(err) = lock.write(&context.dirs.config) {
        if is_there {
            // The error that counts is the first one.
            fs::rename(&aside, &path).ok();
        }
        return Err(err.into());
    }
    let deleted = delete(&aside);
    if deleted.is_err() && fs::symlink_metadata(&path).is_err() {
        fs::rename(&aside, &path).ok();
        before.write(&context.dirs.config)?;
    }
    deleted.map_err(ExtError::io(&what))?;
    forget_disabled(context, id)?;
    let left = if context.bundle.has_extension(id) { "; the bundled one is back" } else { "" };
    context.say(&format!("removed `{id}`{left}"))
}

/// A link goes itself, never what it points at.
fn delete(path: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    }
}

/// A mark on an id that nothing has any more would only surprise the next one of that name.
fn forget_disabled(context: &Context, id: &str) -> Result<()> {
    let mut disabled = context.disabled()?;
    if disabled.disabled.contains(id) && !known_ids(context).iter().any(|known| known == id) {
        disabled.disabled.remove(id);
        disabled.write(&context.dirs.state).map_err(ExtError::Failed)?;
    }
    Ok(())
}

/// Why `id` is not there to be changed.
fn not_own(context: &Context, id: &str) -> ExtError {
    let known = known_ids(context);
    if !known.iter().any(|one| one == id) {
        return unknown(id, "extension", &known);
    }
    ExtError::Usage(format!(
        "`{id}` is not among your own extensions in `{}`; `zi ext disable {id}` keeps it from loading",
        context.extensions().display()
    ))
}

// Switching ---------------------------------------------------------------------------------------

pub(super) fn disable(context: &Context, id: &str) -> Result<()> {
    let _alone = context.exclusive()?;
    let known = known_ids(context);
    if !known.iter().any(|one| one == id) {
        return Err(unknown(id, "extension", &known));
    }
    let mut disabled = context.disabled()?;
    if !disabled.disabled.insert(id.to_owned()) {
        return context.say(&format!("`{id}` is disabled already"));
    }
    disabled.write(&context.dirs.state).map_err(ExtError::Failed)?;
    let bundled = if context.bundle.has_extension(id) {
        "; it is part of zi, and `zi --safe-mode` loads it all the same"
    } else {
        ""
    };
    context.say(&format!("`{id}` is disabled{bundled}"))
}

pub(super) fn enable(context: &Context, id: &str) -> Result<()> {
    let _alone = context.exclusive()?;
    let mut disabled = context.disabled()?;
    let was_disabled = disabled.disabled.remove(id);
    if was_disabled {
        disabled.write(&context.dirs.state).map_err(ExtError::Failed)?;
    }
    let survey = context.survey();
    if let Some(found) = survey.found.iter().find(|one| one.id == id)
        && found.manifest.enabled == Some(false)
    {
        return Err(ExtError::Failed(format!(
            "`{id}` says itself that it is not enabled: change `enabled` in its manifest (`{}`)",
            found.entry.display()
        )));
    }
    let known = known_ids(context);
    match (was_disabled, known.iter().any(|one| one == id)) {
        (true, _) => context.say(&format!("`{id}` is enabled")),
        (false, true) => context.say(&format!("`{id}` is enabled already")),
        (false, false) => Err(unknown(id, "extension", &known)),
    }
}

// Accepting ---------------------------------------------------------------------------------------

pub(super) fn accept(context: &Context, id: &str) -> Result<()> {
    let _alone = context.exclusive()?;
    let mut lock: Lock = context.lock()?;
    let installed: Vec<String> = lock.extensions.keys().cloned().collect();
    let Some(locked) = lock.extensions.get_mut(id) else {
        return Err(unknown(id, "installed extension", &installed));
    };
    let place = context.extensions().join(&locked.place);
    let what = format!("cannot read `{}`", place.display());
    let differences = locked.differences(&context.extensions()).map_err(ExtError::io(&what))?;
    if differences.is_empty() {
        return context.say(&format!("`{id}` is what was installed"));
    }
    let files = extensions::hashes(&place, &locked.place).map_err(ExtError::io(&what))?;
    locked.files = files;
    lock.write(&context.dirs.config)?;
    context.say(&format!("accepted `{id}` as it is: {}", differences.join(", ")))
}
