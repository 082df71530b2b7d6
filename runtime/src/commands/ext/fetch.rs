//! From what the user names to a folder with the files of it, and the extensions in there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{
    ExtError, Result,
    archive::{self, Packing},
    context::{Context, unknown},
    git,
    intake::Intake,
};
use crate::extensions::{self, Origin};

/// The files of a source, in a temporary folder that goes with this.
pub(super) struct Fetched {
    _staging: tempfile::TempDir,
    /// Where the source's own files begin.
    base: PathBuf,
    pub commit: Option<String>,
}

/// An extension that a source holds.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub id: String,
    pub path: PathBuf,
    /// Where it is inside its source, when that holds several.
    pub inner: Option<String>,
}

impl Offer {
    /// Its file or folder below `extensions/`.
    pub fn place(&self) -> String {
        if self.path.is_dir() { self.id.clone() } else { format!("{}.lua", self.id) }
    }
}

// What the user means -----------------------------------------------------------------------------

/// What `text` names: a file, a folder, an archive, or a git repository with or without `@rev`.
pub(super) fn origin(context: &Context, text: &str) -> Result<Origin> {
    let path = context.cwd.join(text);
    if path.exists() {
        let path = fs::canonicalize(&path).map_err(ExtError::io(format!("cannot use `{text}`")))?;
        return local(path);
    }
    let (place, rev) = match text.rfind('@') {
        Some(at) if !text[at..].contains(['/', ':']) && at > 0 => {
            (&text[..at], Some(&text[at + 1..]))
        }
        _ => (text, None),
    };
    if rev.is_some_and(|rev| rev.is_empty() || rev.starts_with('-') || rev.contains(':')) {
        return Err(ExtError::Usage(format!("`{text}` does not end in a git revision")));
    }
    let rev = rev.map(str::to_owned);
    let path = context.cwd.join(place);
    if path.is_dir() {
        let path = fs::canonicalize(&path).map_err(ExtError::io(format!("cannot use `{text}`")))?;
        return Ok(Origin::Git { url: path.display().to_string(), rev });
    }
    if !is_address(place) {
        return Err(ExtError::Usage(format!(
            "there is no file or folder `{place}`, and it is no git address \
             (`https://…`, `ssh://…`, `git://…`, `file://…`, `user@host:path`)"
        )));
    }
    if has_password(place) {
        let text = "the address holds a password, which zi would have to keep; leave it to a git \
                    credential helper";
        return Err(ExtError::Usage(text.into()));
    }
    Ok(Origin::Git { url: place.to_owned(), rev })
}

fn local(path: PathBuf) -> Result<Origin> {
    if path.is_dir() {
        let is_bare = path.join("HEAD").is_file() && path.join("objects").is_dir();
        return Ok(if is_bare {
            Origin::Git { url: path.display().to_string(), rev: None }
        } else {
            Origin::Folder { path }
        });
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if name.ends_with(".lua") {
        return Ok(Origin::File { path });
    }
    if Packing::of(&name).is_some() {
        return Ok(Origin::Archive { path });
    }
    Err(ExtError::Usage(format!(
        "`{}` is no `.lua` file, folder, `.tar`, `.tar.gz` or `.zip`",
        path.display()
    )))
}

fn is_address(text: &str) -> bool {
    let schemes = ["https://", "http://", "ssh://", "git://", "file://"];
    if schemes.iter().any(|scheme| text.starts_with(scheme) && text.len() > scheme.len()) {
        return true;
    }
    // The form of scp: a user, a host, a path.
    let host = text.split_once(':').filter(|(_, path)| !path.is_empty() && !path.starts_with(':'));
    host.is_some_and(|(host, _)| {
        host.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty())
            && !host.starts_with('-')
            && !host.contains('/')
    })
}

fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

/// The id that an extension gets when the user says nothing.
fn default_id(origin: &Origin) -> String {
    let name = match origin {
        Origin::File { path } | Origin::Folder { path } | Origin::Archive { path } => {
            path.file_name().unwrap_or_default().to_string_lossy().into_owned()
        }
        Origin::Git { url, .. } => {
            let url = url.trim_end_matches('/');
            url.rsplit(['/', ':']).next().unwrap_or(url).to_owned()
        }
    };
    let stem = match origin {
        Origin::File { .. } => name.strip_suffix(".lua"),
        Origin::Archive { .. } => Packing::of(&name).map(|(_, stem)| stem),
        Origin::Git { .. } => name.strip_suffix(".git"),
        Origin::Folder { .. } => None,
    };
    stem.map(str::to_owned).unwrap_or(name)
}

// Getting it --------------------------------------------------------------------------------------

/// Brings the files of `origin` into a temporary folder beside the user's extensions.
pub(super) fn fetch(context: &Context, origin: &Origin) -> Result<Fetched> {
    let staging = context.staging()?;
    let base = staging.path().join("files");
    fs::create_dir(&base).map_err(ExtError::io("cannot make a temporary folder"))?;
    let mut intake = Intake::new(&base);
    let mut commit = None;
    let read = match origin {
        Origin::File { path } => {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            let mut file = fs::File::open(path)
                .map_err(ExtError::io(format!("cannot read `{}`", path.display())))?;
            intake.file(name, false, &mut file)
        }
        Origin::Folder { path } => {
            if !path.is_dir() {
                let text = format!("there is no folder `{}`", path.display());
                return Err(ExtError::Failed(text));
            }
            if staging.path().starts_with(path) {
                let text = format!("`{}` holds the installed extensions itself", path.display());
                return Err(ExtError::Usage(text));
            }
            archive::copy_folder(path, &mut intake)
        }
        Origin::Archive { path } => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let packing = Packing::of(&name).map_or(Packing::Tar, |(packing, _)| packing);
            archive::unpack(path, packing, &mut intake)
        }
        Origin::Git { url, rev } => {
            let wanted = git::Wanted { url, rev: rev.as_deref() };
            let (id, tar) = git::fetch(context, &wanted, staging.path())?;
            commit = Some(id);
            archive::unpack(&tar, Packing::Tar, &mut intake)
        }
    };
    read.and_then(|()| intake.finish()).map_err(|refusal| refusal.of(origin))?;
    let base = single_folder(&base).filter(|_| !matches!(origin, Origin::File { .. }));
    let base = base.unwrap_or_else(|| staging.path().join("files"));
    Ok(Fetched { _staging: staging, base, commit })
}

/// The only thing in `base`, when that is a folder and `base` itself is no extension: archives often
/// have one.
fn single_folder(base: &Path) -> Option<PathBuf> {
    let mut entries = fs::read_dir(base).ok()?.flatten();
    let (only, more) = (entries.next()?.path(), entries.next());
    (more.is_none() && only.is_dir() && only.file_name()? != "extensions").then_some(only)
}

// What is in it -----------------------------------------------------------------------------------

impl Fetched {
    /// The extensions to install: the one that the source is, or those in its `extensions/`. `name`
    /// is the id for the first, and picks one of the others.
    pub fn offers(&self, origin: &Origin, name: Option<&str>) -> Result<Vec<Offer>> {
        let several = self.several();
        if !self.is_one(origin) && !several.is_empty() {
            return pick(several, name);
        }
        let id = name.map_or_else(|| default_id(origin), str::to_owned);
        check_id(&id)?;
        let path = self.single(origin).ok_or_else(|| {
            ExtError::Invalid(format!(
                "`{origin}` was not taken: it has no `init.lua`, and no `extensions/` with some"
            ))
        })?;
        Ok(vec![Offer { id, path, inner: None }])
    }

    /// The extension `id` again, which was at `inner` when it was installed.
    pub fn offer(&self, origin: &Origin, id: &str, inner: Option<&str>) -> Result<Offer> {
        let path = match inner {
            None => self.single(origin),
            Some(inner) => {
                let several = self.several().into_iter();
                several
                    .map(|offer| (offer.inner, offer.path))
                    .find_map(|(at, path)| (at.as_deref() == Some(inner)).then_some(path))
            }
        };
        let path = path.ok_or_else(|| {
            ExtError::Invalid(format!("`{id}` is no longer in its source `{origin}`"))
        })?;
        Ok(Offer { id: id.to_owned(), path, inner: inner.map(str::to_owned) })
    }

    /// Whether the source has modules beside its extensions, which are not installed.
    pub fn has_shared_modules(&self) -> bool {
        self.base.join("lua").is_dir()
    }

    fn is_one(&self, origin: &Origin) -> bool {
        self.single(origin).is_some()
    }

    fn single(&self, origin: &Origin) -> Option<PathBuf> {
        match origin {
            Origin::File { path } => Some(self.base.join(path.file_name()?)),
            _ => self.base.join("init.lua").is_file().then(|| self.base.clone()),
        }
    }

    fn several(&self) -> Vec<Offer> {
        let entries = fs::read_dir(self.base.join("extensions")).into_iter().flatten().flatten();
        let mut offers: Vec<Offer> = entries.filter_map(|entry| offer_of(entry.path())).collect();
        offers.sort_by(|a, b| a.inner.cmp(&b.inner));
        offers
    }
}

fn offer_of(path: PathBuf) -> Option<Offer> {
    let name = path.file_name()?.to_str()?.to_owned();
    let id = if path.join("init.lua").is_file() {
        name.clone()
    } else {
        name.strip_suffix(".lua").filter(|_| path.is_file())?.to_owned()
    };
    (!id.starts_with('.')).then(|| Offer { id, inner: Some(format!("extensions/{name}")), path })
}

fn pick(mut several: Vec<Offer>, name: Option<&str>) -> Result<Vec<Offer>> {
    if let Some(name) = name {
        let known: Vec<String> = several.iter().map(|offer| offer.id.clone()).collect();
        several.retain(|offer| offer.id == name);
        if several.is_empty() {
            return Err(unknown(name, "extension in the source called", &known));
        }
    }
    for offer in &several {
        check_id(&offer.id)?;
    }
    let twice = several.windows(2).find(|pair| pair[0].id == pair[1].id);
    match twice {
        Some(pair) => Err(ExtError::Invalid(format!(
            "the source has `{}` both as a file and as a folder",
            pair[0].id
        ))),
        None => Ok(several),
    }
}

/// Whether `id` can be the name of an extension that zi puts somewhere.
pub(super) fn check_id(id: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    let starts_well = id.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    // `init.lua` is the file of a folder, and `zi.log` is zi's own.
    if starts_well && id.len() <= 64 && id.chars().all(allowed) && id != "init" && id != "zi" {
        return Ok(());
    }
    Err(ExtError::Usage(format!(
        "`{id}` cannot be the name of an extension: it takes lower-case letters, digits, `-` and \
         `_`, begins with a letter or a digit, and is neither `init` nor `zi` (`--name` gives \
         another when installing)"
    )))
}

// Whether it can be used --------------------------------------------------------------------------

/// Reads an extension without running it: its entry, its manifest, its own modules.
pub(super) fn validate(offer: &Offer) -> Result<()> {
    let invalid = |problem: String| {
        let text = format!("`{}` cannot be installed: {problem}", offer.id);
        ExtError::Invalid(text)
    };
    let found = extensions::inspect(&offer.path).map_err(|problem| {
        // The temporary place means nothing to the user.
        let shown = offer.path.display().to_string();
        invalid(problem.replace(&shown, &offer.place()))
    })?;
    let entry = if offer.path.is_dir() { "init.lua".to_owned() } else { offer.place() };
    extensions::check_syntax(&found.text, &entry).map_err(invalid)?;
    let hashes = extensions::hashes(&offer.path, &offer.place());
    for name in hashes.map_err(ExtError::io("cannot read the new files"))?.keys() {
        if offer.path.is_dir() && name.starts_with("lua/") && name.ends_with(".lua") {
            let text = fs::read(offer.path.join(name)).map_err(ExtError::io(name))?;
            extensions::check_syntax(&text, name).map_err(invalid)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_told_from_paths() {
        for good in ["https://x.org/a.git", "ssh://git@x/a", "git@x.org:a/b.git", "file:///a"] {
            assert!(is_address(good), "{good}");
        }
        for bad in ["ext::sh -c x", "hello", "./a", "-u@h:x", "https://", "a:b", "fd::17"] {
            assert!(!is_address(bad), "{bad}");
        }
        assert!(has_password("https://me:secret@x.org/a"));
        assert!(!has_password("https://me@x.org/a:b@c") && !has_password("git@x.org:a"));
    }

    #[test]
    fn ids_come_from_the_source() {
        let path = |name: &str| PathBuf::from("/x").join(name);
        let git = |url: &str| Origin::Git { url: url.into(), rev: None };
        for (origin, id) in [
            (Origin::File { path: path("a.lua") }, "a"),
            (Origin::Folder { path: path("b") }, "b"),
            (Origin::Archive { path: path("c.tar.gz") }, "c"),
            (git("https://x.org/me/d.git"), "d"),
            (git("git@x.org:e"), "e"),
        ] {
            assert_eq!(default_id(&origin), id);
        }
        for bad in ["", "A", "-a", "a b", "a.b", "../a", "init", "ü", &"a".repeat(65)] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }
}
