//! `zi ext eject` and `diff`: a bundled extension, made one's own.

use std::{fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{
    ExtError, Result,
    context::{Context, unknown},
    diff, fetch,
    install::own,
    manage::known_ids,
    place,
};
use crate::{
    extensions::{Found, Source},
    modes,
    paths::write_private,
};

/// Show how your extension differs from the bundled one that it replaces
#[derive(Debug, clap::Args)]
pub(super) struct DiffOptions {
    /// The id of a bundled extension
    #[arg(value_name = "ID")]
    pub id: String,
    /// Show instead how the bundled one changed since it was ejected
    #[arg(long)]
    pub since_eject: bool,
}

/// What was copied, kept in `<state>/ejected/<id>.json`.
#[derive(Serialize, Deserialize)]
struct Base {
    /// The version of zi that it came with.
    zi: String,
    sha256: String,
    text: String,
}

impl Base {
    fn path(context: &Context, id: &str) -> PathBuf {
        context.dirs.state.join("ejected").join(format!("{id}.json"))
    }

    fn of(text: &[u8]) -> Self {
        Self {
            zi: env!("CARGO_PKG_VERSION").to_owned(),
            sha256: hash(text),
            text: String::from_utf8_lossy(text).into_owned(),
        }
    }

    /// What `id` was copied from, if it was.
    fn read(context: &Context, id: &str) -> Option<Self> {
        let text = fs::read(Self::path(context, id)).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

fn hash(text: &[u8]) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bundled(context: &Context, id: &str) -> Result<Found> {
    context.bundled(id).ok_or_else(|| {
        let bundle: Vec<String> =
            context.bundle.extensions().into_iter().map(|found| found.id).collect();
        let is_other = known_ids(context).iter().any(|known| known == id);
        if is_other {
            ExtError::Usage(format!("`{id}` is not bundled: there is nothing to compare it with"))
        } else {
            unknown(id, "bundled extension", &bundle)
        }
    })
}

pub(super) fn eject(context: &Context, id: &str) -> Result<()> {
    let bundled = bundled(context, id)?;
    let _alone = context.exclusive()?;
    if let Some(path) = own(context, id) {
        let text = format!(
            "`{}` is there already; `zi ext diff {id}` shows how it differs from the bundled one",
            path.display()
        );
        return Err(ExtError::Failed(text));
    }
    fetch::check_id(id)?;
    let base = serde_json::to_string_pretty(&Base::of(&bundled.text))
        .map_err(|err| ExtError::Failed(format!("cannot keep what `{id}` was: {err}")))?;
    let staging = context.staging()?;
    let (fresh, to) = (staging.path().join("new"), context.extensions().join(format!("{id}.lua")));
    let what = format!("cannot write `{}`", to.display());
    fs::write(&fresh, &bundled.text).map_err(ExtError::io(&what))?;
    // First what it is compared with: a copy without it could not tell what changed.
    let kept = Base::path(context, id);
    write_private(&kept, base.as_bytes())
        .map_err(ExtError::io(format!("cannot write `{}`", kept.display())))?;
    place::move_new(&fresh, &to).map_err(ExtError::io(&what))?;
    context.say(&format!(
        "copied the bundled `{id}` to {}\n  it is loaded instead of the bundled one from now on\n  \
         `zi ext diff {id}` shows what you changed, `zi ext remove {id}` brings the bundled one back",
        to.display()
    ))
}

pub(super) fn diff(context: &Context, options: &DiffOptions) -> Result<()> {
    let id = &options.id;
    let bundled = bundled(context, id)?;
    let base = Base::read(context, id);
    let bundled_name = format!("bundled/{id}.lua");
    if options.since_eject {
        let base = base.ok_or_else(|| ExtError::Failed(format!("`{id}` was never ejected")))?;
        let name = format!("ejected/{id}.lua");
        return context.say(&diff::texts(
            base.text.as_bytes(),
            &bundled.text,
            &name,
            &bundled_name,
        ));
    }
    let survey = context.survey();
    let replacement =
        survey.found.iter().find(|found| found.id == *id && found.rank.source != Source::Builtin);
    let Some(replacement) = replacement else {
        let text = format!("nothing replaces the bundled `{id}`; `zi ext eject {id}` copies it");
        return Err(ExtError::Failed(text));
    };
    let name = replacement.entry.display().to_string();
    context.say(&diff::texts(&bundled.text, &replacement.text, &bundled_name, &name))?;
    if let Some(base) = base.filter(|base| base.sha256 != hash(&bundled.text)) {
        modes::report_note(&format!(
            "the bundled `{id}` changed since it was ejected (from zi {}); `zi ext diff {id} \
             --since-eject` shows how",
            base.zi
        ));
    }
    Ok(())
}
