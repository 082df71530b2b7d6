//! `zi ext new`: an extension to begin with.

use std::{fs, path::PathBuf};

use super::{ExtError, Result, context::Context, fetch, install::own, place};

/// Start an extension of your own: a tool, a command and a spec
#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// Its id: lower-case letters, digits, `-` and `_`
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The folder to make it in, instead of your extensions
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

const INIT: &str = include_str!("new_init.lua");
const SPEC: &str = include_str!("new_spec.lua");

pub(super) fn run(context: &Context, options: &Options) -> Result<()> {
    let name = &options.name;
    fetch::check_id(name)?;
    refuse_taken(context, options)?;
    let parent = match &options.dir {
        Some(dir) => crate::api::normalize(&context.cwd.join(dir)),
        None => context.extensions(),
    };
    let to = parent.join(name);
    let what = format!("cannot make `{}`", to.display());
    fs::create_dir_all(&parent).map_err(ExtError::io(&what))?;
    let staging = tempfile::Builder::new().prefix(".zi-staging-").tempdir_in(&parent);
    let staging = staging.map_err(ExtError::io(&what))?;
    let fresh = staging.path().join("new");
    let fill = |text: &str| {
        text.replace("NAME", name).replace("TOOL", &name.replace('-', "_")).into_bytes()
    };
    let spec = format!("spec/{name}_spec.lua");
    let make = || {
        fs::create_dir_all(fresh.join("spec"))?;
        fs::write(fresh.join("init.lua"), fill(INIT))?;
        fs::write(fresh.join(&spec), fill(SPEC))?;
        place::move_new(&fresh, &to)
    };
    make().map_err(ExtError::io(&what))?;
    let shown = to.display();
    let try_it = match &options.dir {
        Some(_) => format!("zi -e {shown} -p \"/{name} you\""),
        None => format!("zi -p \"/{name} you\""),
    };
    context.say(&format!(
        "made\n  {shown}/init.lua\n  {shown}/{spec}\n\nnext\n  {try_it}    # run its command\n  \
         zi ext logs {name}    # see what it said\n  zi test {shown}    # run its spec"
    ))
}

fn refuse_taken(context: &Context, options: &Options) -> Result<()> {
    let name = &options.name;
    let taken = match &options.dir {
        Some(dir) => Some(context.cwd.join(dir).join(name)).filter(|path| path.exists()),
        None => own(context, name),
    };
    if let Some(path) = taken {
        return Err(ExtError::Failed(format!("`{}` is there already", path.display())));
    }
    if context.bundle.has_extension(name) {
        return Err(ExtError::Usage(format!(
            "`{name}` is bundled, and a new one would replace it; `zi ext eject {name}` copies it"
        )));
    }
    Ok(())
}
