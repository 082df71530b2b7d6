//! `zi ext install`: all that a source offers, or nothing.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    ExtError, Result,
    context::Context,
    fetch::{self, Fetched, Offer},
    place,
};
use crate::extensions::{self, Lock, Locked, Origin};

/// Install from a file, a folder, an archive or a git repository
///
/// The files are checked and copied; nothing of them is run. A git repository or an archive may hold
/// several extensions in `extensions/`: all of them are installed, or the one that --name names.
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// A `.lua` file, a folder, a `.tar`, `.tar.gz` or `.zip`, or a git repository, at a REV if given
    #[arg(value_name = "PATH|GIT-URL[@REV]")]
    pub source: String,
    /// The id to install it under; of several, the one to install
    #[arg(long, value_name = "ID")]
    pub name: Option<String>,
}

pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    if let Some(name) = &options.name {
        fetch::check_id(name)?;
    }
    let origin = fetch::origin(context, &options.source)?;
    let _alone = context.exclusive()?;
    let mut lock = context.lock()?;
    let fetched = fetch::fetch(context, &origin)?;
    let offers = fetched.offers(&origin, options.name.as_deref())?;
    for offer in &offers {
        refuse_taken(context, &lock, &offer.id)?;
        fetch::validate(offer)?;
    }
    for offer in &offers {
        let locked = locked(offer, &origin, &fetched)?;
        lock.extensions.insert(offer.id.clone(), locked);
    }
    put(context, &offers, &lock)?;
    context.say(&report(context, &offers, &lock, &fetched))
}

/// What the lock says of an extension that is about to be put in its place.
pub(super) fn locked(offer: &Offer, origin: &Origin, fetched: &Fetched) -> Result<Locked> {
    let place = offer.place();
    let files = extensions::hashes(&offer.path, &place);
    Ok(Locked {
        source: origin.clone(),
        inner: offer.inner.clone(),
        commit: fetched.commit.clone(),
        files: files.map_err(ExtError::io("cannot read the new files"))?,
        place,
    })
}

/// The user's own extension `id`, as a file or a folder.
pub(super) fn own(context: &Context, id: &str) -> Option<PathBuf> {
    if id.is_empty() || id.starts_with('.') || id.contains('/') {
        return None;
    }
    let places = [id.to_owned(), format!("{id}.lua")].map(|place| context.extensions().join(place));
    places.into_iter().find(|path| fs::symlink_metadata(path).is_ok())
}

fn refuse_taken(context: &Context, lock: &Lock, id: &str) -> Result<()> {
    let installed = lock.extensions.contains_key(id);
    let text = match own(context, id) {
        Some(path) if installed => format!(
            "`{id}` is installed already at `{}`; `zi ext update {id}` brings it up to date, \
             `zi ext remove {id}` deletes it",
            path.display()
        ),
        Some(path) => format!(
            "`{}` is there already; `zi ext remove {id}` deletes it, `--name` installs under \
             another name",
            path.display()
        ),
        None if installed => format!(
            "`{id}` is installed and its files are gone; `zi ext update {id} --force` brings them \
             back, `zi ext remove {id}` forgets it"
        ),
        None => return Ok(()),
    };
    Err(ExtError::Failed(text))
}

/// Moves all offers to their places and writes the lock; when one of these fails, none is done.
fn put(context: &Context, offers: &[Offer], lock: &Lock) -> Result<()> {
    let mut moved: Vec<(&Path, PathBuf)> = Vec::new();
    let mut put_all = || {
        for offer in offers {
            let to = context.extensions().join(offer.place());
            place::move_new(&offer.path, &to)
                .map_err(ExtError::io(format!("cannot install to `{}`", to.display())))?;
            moved.push((&offer.path, to));
        }
        lock.write(&context.dirs.config).map_err(ExtError::from)
    };
    let result = put_all();
    if result.is_err() {
        for (from, to) in moved {
            // The error that counts is the first one; what is moved back goes with its folder.
            fs::rename(to, from).ok();
        }
    }
    result
}

fn report(context: &Context, offers: &[Offer], lock: &Lock, fetched: &Fetched) -> String {
    let mut text = String::new();
    let disabled = context.disabled().unwrap_or_default().disabled;
    for offer in offers {
        // The offer itself is gone from where it was.
        let path = context.extensions().join(&lock.extensions[&offer.id].place);
        text.push_str(&format!("installed `{}` to {}\n", offer.id, path.display()));
        if context.bundle.has_extension(&offer.id) {
            text.push_str(&format!("  it replaces the bundled `{}`\n", offer.id));
        }
        if disabled.contains(&offer.id) {
            let id = &offer.id;
            text.push_str(&format!("  it is disabled: `zi ext enable {id}` has it loaded\n"));
        }
    }
    if fetched.has_shared_modules() && offers.iter().any(|offer| offer.inner.is_some()) {
        text.push_str(
            "the source has a `lua/` of its own beside its extensions; it was left out\n",
        );
    }
    text
}
