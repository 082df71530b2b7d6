//! `zi ext update`: what the sources have now, shown before it takes the place of what is there.

use std::{fs, path::PathBuf};

use super::{
    ExtError, Result,
    context::{Context, unknown},
    diff,
    fetch::{self, Fetched, Offer},
    install, place, registered,
};
use crate::extensions::{Lock, Locked, Origin};

/// Bring installed extensions up to date with their sources
///
/// Shows what would change in the files and in what they register, and asks first. Nothing is changed unless all of it can be.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Which ones; all without any
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    /// Overwrite files that were changed here
    #[arg(long)]
    pub force: bool,
}

/// An update that is ready to be made.
struct Planned {
    offer: Offer,
    new: Locked,
    place: PathBuf,
}

pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    let _alone = context.exclusive()?;
    let mut lock = context.lock()?;
    let ids = chosen(context, &lock, &options.ids)?;
    if ids.is_empty() {
        return context.say("nothing is installed");
    }
    if !options.force {
        refuse_modified(context, &lock, &ids)?;
    }
    let mut sources: Vec<(Origin, Fetched)> = Vec::new();
    let mut planned = Vec::new();
    for id in &ids {
        let old = &lock.extensions[id];
        if !sources.iter().any(|(origin, _)| *origin == old.source) {
            sources.push((old.source.clone(), fetch::fetch(context, &old.source)?));
        }
        let fetched = sources.iter().find(|(origin, _)| *origin == old.source);
        let Some((_, fetched)) = fetched else { continue };
        planned.extend(plan(context, id, old, fetched)?);
    }
    if planned.is_empty() {
        return Ok(());
    }
    let names: Vec<String> = planned.iter().map(|it| format!("`{}`", it.offer.id)).collect();
    context.confirm(&format!("Update {}?", names.join(", ")), options.yes)?;
    for update in &planned {
        lock.extensions.insert(update.offer.id.clone(), update.new.clone());
    }
    swap(context, &planned, &lock)?;
    context.say(&format!("updated {}", names.join(", ")))
}

fn chosen(context: &Context, lock: &Lock, ids: &[String]) -> Result<Vec<String>> {
    let installed: Vec<String> = lock.extensions.keys().cloned().collect();
    if ids.is_empty() {
        return Ok(installed);
    }
    let mut chosen: Vec<String> = Vec::new();
    for id in ids {
        if !installed.contains(id) {
            let text = format!("`{id}` was not installed with `zi ext install`");
            let known = install::own(context, id).is_some() || context.bundle.has_extension(id);
            return Err(if known {
                ExtError::Usage(text)
            } else {
                unknown(id, "installed extension", &installed)
            });
        }
        if !chosen.contains(id) {
            chosen.push(id.clone());
        }
    }
    Ok(chosen)
}

fn refuse_modified(context: &Context, lock: &Lock, ids: &[String]) -> Result<()> {
    for id in ids {
        let differences = lock.extensions[id].differences(&context.extensions());
        let differences = differences.map_err(ExtError::io(format!("cannot read `{id}`")))?;
        if !differences.is_empty() {
            return Err(ExtError::Refused(format!(
                "`{id}` is not what was installed: {}; `--force` overwrites that, `zi ext accept \
                 {id}` takes it as installed",
                differences.join(", ")
            )));
        }
    }
    Ok(())
}

/// Compares what is there with what the source has, and shows it. `None` when they are the same.
fn plan(context: &Context, id: &str, old: &Locked, fetched: &Fetched) -> Result<Option<Planned>> {
    let offer = fetched.offer(&old.source, id, old.inner.as_deref())?;
    fetch::validate(&offer)?;
    let new = install::locked(&offer, &old.source, fetched)?;
    let place = context.extensions().join(&old.place);
    let text = diff::extensions(&place, &offer.path, &old.place);
    let text = text.map_err(ExtError::io(format!("cannot compare `{id}`")))?;
    if text.is_empty() && new.files == old.files {
        context.say(&format!("`{id}` is up to date"))?;
        return Ok(None);
    }
    let changes = registered::changes(context, &place, &offer.path)?;
    context.say(&format!("{}\n{text}\n{changes}", headline(id, old, &new)))?;
    Ok(Some(Planned { offer, new, place }))
}

/// Which revision becomes which; a tag that now names another commit is worth a look.
fn headline(id: &str, old: &Locked, new: &Locked) -> String {
    let short = |commit: &Option<String>| {
        commit.as_deref().unwrap_or_default().chars().take(12).collect::<String>()
    };
    let mut text = format!("`{id}` from {}", old.source);
    if old.commit != new.commit {
        text.push_str(&format!(": {} becomes {}", short(&old.commit), short(&new.commit)));
        if let Origin::Git { rev: Some(rev), .. } = &old.source {
            text.push_str(&format!("; `{rev}` names another commit than when it was installed"));
        }
    }
    text
}

/// Puts all updates in their places and writes the lock; when one of these fails, none is done.
fn swap(context: &Context, planned: &[Planned], lock: &Lock) -> Result<()> {
    let mut done: Vec<(&Planned, bool)> = Vec::new();
    let mut swap_all = || {
        for update in planned {
            let existed = fs::symlink_metadata(&update.place).is_ok();
            let moved = if existed {
                place::exchange(&update.offer.path, &update.place)
            } else {
                place::move_new(&update.offer.path, &update.place)
            };
            let what = format!("cannot update `{}`", update.place.display());
            moved.map_err(ExtError::io(what))?;
            done.push((update, existed));
        }
        lock.write(&context.dirs.config).map_err(ExtError::from)
    };
    let result = swap_all();
    if result.is_err() {
        for (update, existed) in done {
            // The error that counts is the first one.
            if existed {
                place::exchange(&update.offer.path, &update.place).ok();
            } else {
                fs::rename(&update.place, &update.offer.path).ok();
            }
        }
    }
    result
}
