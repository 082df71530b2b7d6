//! `zi.fs`: files. Paths of scripts start at the working directory; `~` is home.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry, VmData,
    errors::fail,
    fields::{Fields, kind_of, misuse, string_argument},
    path::expand,
    waiting,
};

/// Most bytes that one `read` gives.
const MAX_READ_BYTES: u64 = 64 << 20;

/// What scripts find in `zi.fs`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "read",
        doc: "Reads a file, at most 64 MiB; with `offset` and `limit` (bytes) a part of it.",
        meta: "---@async\n---@param path string\n---@param opts? {offset?: integer, limit?: integer}\n---@return string?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, read)),
    },
    Entry {
        name: "write",
        doc: "Writes a file whole, or not at all: it is made beside its place and moved there. Its \
              permissions stay, and a link keeps pointing at it. Missing folders are made. With \
              `private` only its owner may read it.",
        meta: "---@async\n---@param path string\n---@param text string\n---@param opts? {private?: boolean}\n---@return true?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, write)),
    },
    Entry {
        name: "append",
        doc: "Appends to a file; makes it when there is none.",
        meta: "---@async\n---@param path string\n---@param text string\n---@return true?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, append)),
    },
    Entry {
        name: "stat",
        doc: "What is at a path: `{type = \"file\"|\"dir\"|\"link\"|\"other\", size, mtime_ms, mode}`; \
              links are followed unless `follow` is false.",
        meta: "---@async\n---@param path string\n---@param opts? {follow?: boolean}\n---@return zi.Stat?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, stat)),
    },
    Entry {
        name: "exists",
        doc: "Whether something is at a path.",
        meta: "---@async\n---@param path string\n---@return boolean",
        bind: Bind::Zi(|lua| waiting(lua, exists)),
    },
    Entry {
        name: "list",
        doc: "What is in a folder, sorted by name: `{name, type, size}`.",
        meta: "---@async\n---@param path string\n---@return {name: string, type: string, size: integer}[]?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, list)),
    },
    Entry {
        name: "mkdir",
        doc: "Makes a folder and those above it.",
        meta: "---@async\n---@param path string\n---@return true?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, mkdir)),
    },
    Entry {
        name: "remove",
        doc: "Removes a file, a link or an empty folder; with `recursive`, a folder and all in it.",
        meta: "---@async\n---@param path string\n---@param opts? {recursive?: boolean}\n---@return true?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, remove)),
    },
    Entry {
        name: "rename",
        doc: "Moves a file or a folder; what is at the new place is replaced.",
        meta: "---@async\n---@param from string\n---@param to string\n---@return true?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, rename)),
    },
    Entry {
        name: "copy",
        doc: "Copies a file with its permissions.",
        meta: "---@async\n---@param from string\n---@param to string\n---@return true?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, copy)),
    },
    Entry {
        name: "realpath",
        doc: "The path with every link followed.",
        meta: "---@async\n---@param path string\n---@return string?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, realpath)),
    },
    Entry {
        name: "temp",
        doc: "Makes an empty private file and answers its path.",
        meta: "---@async\n---@return string?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, temp)),
    },
];

/// Runs `work` where it may block.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let done = offload(async move { tokio::task::spawn_blocking(work).await }).await?;
    done.map_err(mlua::Error::external)
}

/// An error of the file system: `not_found`, `exists`, `permission`, `is_directory`, `io`.
fn io_kind(err: &io::Error) -> &'static str {
    match err.kind() {
        io::ErrorKind::NotFound => "not_found",
        io::ErrorKind::AlreadyExists => "exists",
        io::ErrorKind::PermissionDenied => "permission",
        io::ErrorKind::IsADirectory => "is_directory",
        io::ErrorKind::NotADirectory => "not_a_directory",
        _ => "io",
    }
}

/// `nil, err` for a path that could not be used.
fn io_fail(lua: &Lua, verb: &str, path: &Path, err: &io::Error) -> Result<MultiValue> {
    let what = match err.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "it is a folder".to_owned(),
        io::ErrorKind::NotADirectory => "a part of the path is not a folder".to_owned(),
        _ => err.to_string(),
    };
    fail(lua, io_kind(err), format_args!("cannot {verb} `{}`: {what}", path.display()))
}

fn done(lua: &Lua, verb: &str, path: &Path, result: io::Result<()>) -> Result<MultiValue> {
    match result {
        Ok(()) => true.into_lua_multi(lua),
        Err(err) => io_fail(lua, verb, path, &err),
    }
}

fn path_argument(lua: &Lua, who: &str, path: &Value) -> Result<PathBuf> {
    expand(lua, &string_argument(who, "path", path)?)
}

async fn read(lua: Lua, (path, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.read";
    let path = path_argument(&lua, WHO, &path)?;
    let opts = Fields::or_empty(&lua, WHO, opts)?;
    let offset = opts.opt_count("offset", u64::MAX >> 1)?;
    let limit = opts.opt_count("limit", MAX_READ_BYTES)?;
    drop(opts);
    let target = path.clone();
    let owner = VmData::of(&lua)?.owner().clone();
    let bytes = offload(async move {
        let size = fs::metadata(&target).map_or(0, |meta| meta.len());
        let room = owner.room(size.min(limit.unwrap_or(MAX_READ_BYTES))).await;
        let work = move || read_part(&target, offset.unwrap_or(0), limit);
        let read = tokio::task::spawn_blocking(work).await;
        (read.unwrap_or_else(|_| Err(io::Error::other("the reader failed"))), room)
    })
    .await?;
    match bytes.0 {
        Ok(bytes) => lua.create_string(bytes)?.into_lua_multi(&lua),
        Err(err) => io_fail(&lua, "read", &path, &err),
    }
}

fn read_part(path: &Path, offset: u64, limit: Option<u64>) -> io::Result<Vec<u8>> {
    use std::io::Seek as _;
    let mut file = open_plain(fs::OpenOptions::new().read(true), path)?;
    if offset > 0 {
        file.seek(io::SeekFrom::Start(offset))?;
    }
    let most = limit.unwrap_or(MAX_READ_BYTES + 1);
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    if limit.is_none() && bytes.len() as u64 > MAX_READ_BYTES {
        return Err(io::Error::other("it is larger than 64 MiB; read it in parts"));
    }
    Ok(bytes)
}

/// Opens a plain file. A pipe or a device could block forever or never end, so neither is opened.
fn open_plain(options: &mut fs::OpenOptions, path: &Path) -> io::Result<fs::File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let no_waiting = rustix::fs::OFlags::NONBLOCK.bits() as i32;
    let file = match options.custom_flags(no_waiting).open(path) {
        // A pipe that nobody reads.
        Err(err) if err.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            return Err(special_file());
        }
        result => result?,
    };
    let kind = file.metadata()?.file_type();
    match kind {
        kind if kind.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        kind if kind.is_file() => Ok(file),
        _ => Err(special_file()),
    }
}

fn special_file() -> io::Error {
    io::Error::other("it is a device or a pipe, not a file")
}

fn text_argument(who: &str, text: &Value) -> Result<Vec<u8>> {
    match text {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        other => Err(misuse(who, format_args!("`text` must be a string, not {}", kind_of(other)))),
    }
}

async fn write(lua: Lua, (path, text, opts): (Value, Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.write";
    let path = path_argument(&lua, WHO, &path)?;
    let text = text_argument(WHO, &text)?;
    let is_private = Fields::or_empty(&lua, WHO, opts)?.flag("private")?;
    let target = path.clone();
    let result = blocking(move || write_atomic(&target, &text, is_private)).await?;
    done(&lua, "write", &path, result)
}

/// Writes beside the place of a file, then moves there.
fn write_atomic(path: &Path, text: &[u8], is_private: bool) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // A link stays a link: what it points at is written.
    let target = match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_symlink() => fs::canonicalize(path)?,
        _ => path.to_owned(),
    };
    let dir = target.parent().unwrap_or(Path::new("/"));
    make_dirs(dir)?;
    let before = match fs::metadata(&target) {
        Ok(meta) if meta.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(meta) if !meta.is_file() => return Err(special_file()),
        Ok(meta) => Some(meta.permissions()),
        Err(_) => None,
    };
    if before.as_ref().is_some_and(fs::Permissions::readonly) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut fresh = tempfile::Builder::new().prefix(".zi-").tempfile_in(dir)?;
    fresh.write_all(text)?;
    let permissions = match before {
        _ if is_private => fs::Permissions::from_mode(0o600),
        Some(permissions) => permissions,
        None => default_permissions(),
    };
    fresh.as_file().set_permissions(permissions)?;
    fresh.as_file().sync_data()?;
    fresh.persist(&target).map_err(|err| err.error)?;
    Ok(())
}

/// Makes folders; a file among them is told as what it is.
fn make_dirs(dir: &Path) -> io::Result<()> {
    match fs::create_dir_all(dir) {
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
            Err(io::ErrorKind::NotADirectory.into())
        }
        result => result,
    }
}

/// What a new file gets: what the user's mask leaves of 0666.
fn default_permissions() -> fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::OnceLock;
    static MASK: OnceLock<u32> = OnceLock::new();
    let mask = MASK.get_or_init(|| {
        // The mask can only be read by setting it; it is put back at once.
        let mask = rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        rustix::process::umask(mask);
        mask.as_raw_mode()
    });
    fs::Permissions::from_mode(0o666 & !mask)
}

async fn append(lua: Lua, (path, text): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.append";
    let path = path_argument(&lua, WHO, &path)?;
    let text = text_argument(WHO, &text)?;
    let target = path.clone();
    let result = blocking(move || {
        open_plain(fs::OpenOptions::new().append(true).create(true), &target)?.write_all(&text)
    })
    .await?;
    done(&lua, "append to", &path, result)
}

fn type_name(kind: fs::FileType) -> &'static str {
    if kind.is_file() {
        "file"
    } else if kind.is_dir() {
        "dir"
    } else if kind.is_symlink() {
        "link"
    } else {
        "other"
    }
}

async fn stat(lua: Lua, (path, opts): (Value, Value)) -> Result<MultiValue> {
    use std::os::unix::fs::PermissionsExt as _;
    const WHO: &str = "zi.fs.stat";
    let path = path_argument(&lua, WHO, &path)?;
    let follow = Fields::or_empty(&lua, WHO, opts)?.opt_bool("follow")?.unwrap_or(true);
    let target = path.clone();
    let meta = blocking(
        move || {
            if follow { fs::metadata(&target) } else { fs::symlink_metadata(&target) }
        },
    )
    .await?;
    match meta {
        Ok(meta) => {
            let modified = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let mtime_ms = modified.and_then(|since| u64::try_from(since.as_millis()).ok());
            let stat = json!({
                "type": type_name(meta.file_type()),
                "size": meta.len(),
                "mtime_ms": mtime_ms,
                "mode": meta.permissions().mode() & 0o7777,
            });
            scheduler::to_lua(&lua, &stat, Nulls::Nil)?.into_lua_multi(&lua)
        }
        Err(err) => io_fail(&lua, "look at", &path, &err),
    }
}

async fn exists(lua: Lua, path: Value) -> Result<bool> {
    let path = path_argument(&lua, "zi.fs.exists", &path)?;
    blocking(move || fs::symlink_metadata(path).is_ok()).await
}

async fn list(lua: Lua, path: Value) -> Result<MultiValue> {
    let path = path_argument(&lua, "zi.fs.list", &path)?;
    let target = path.clone();
    let entries = blocking(move || -> io::Result<Vec<(String, &str, u64)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&target)? {
            let entry = entry?;
            let size = entry.metadata().map_or(0, |meta| meta.len());
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push((name, type_name(entry.file_type()?), size));
        }
        entries.sort();
        Ok(entries)
    })
    .await?;
    match entries {
        Ok(entries) => {
            let items: Vec<Data> = entries
                .into_iter()
                .map(|(name, kind, size)| json!({ "name": name, "type": kind, "size": size }))
                .collect();
            scheduler::to_lua(&lua, &items.into(), Nulls::Nil)?.into_lua_multi(&lua)
        }
        Err(err) => io_fail(&lua, "list", &path, &err),
    }
}

async fn mkdir(lua: Lua, path: Value) -> Result<MultiValue> {
    let path = path_argument(&lua, "zi.fs.mkdir", &path)?;
    let target = path.clone();
    let result = blocking(move || make_dirs(&target)).await?;
    done(&lua, "make", &path, result)
}

async fn remove(lua: Lua, (path, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.remove";
    let path = path_argument(&lua, WHO, &path)?;
    let recursive = Fields::or_empty(&lua, WHO, opts)?.flag("recursive")?;
    let target = path.clone();
    let result = blocking(move || match fs::symlink_metadata(&target)?.is_dir() {
        true if recursive => fs::remove_dir_all(&target),
        true => fs::remove_dir(&target),
        false => fs::remove_file(&target),
    })
    .await?;
    done(&lua, "remove", &path, result)
}

async fn rename(lua: Lua, (from, to): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.rename";
    let (from, to) = (path_argument(&lua, WHO, &from)?, path_argument(&lua, WHO, &to)?);
    let source = from.clone();
    let result = blocking(move || fs::rename(source, to)).await?;
    done(&lua, "move", &from, result)
}

async fn copy(lua: Lua, (from, to): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.copy";
    let (from, to) = (path_argument(&lua, WHO, &from)?, path_argument(&lua, WHO, &to)?);
    let source = from.clone();
    let result = blocking(move || {
        let mut plain = open_plain(fs::OpenOptions::new().read(true), &source)?;
        let mut copy = open_plain(fs::OpenOptions::new().write(true).create(true), &to)?;
        copy.set_len(0)?;
        io::copy(&mut plain, &mut copy)?;
        copy.set_permissions(plain.metadata()?.permissions())
    })
    .await?;
    done(&lua, "copy", &from, result)
}

async fn realpath(lua: Lua, path: Value) -> Result<MultiValue> {
    let path = path_argument(&lua, "zi.fs.realpath", &path)?;
    let target = path.clone();
    match blocking(move || fs::canonicalize(target)).await? {
        Ok(real) => real.to_string_lossy().into_owned().into_lua_multi(&lua),
        Err(err) => io_fail(&lua, "resolve", &path, &err),
    }
}

async fn temp(lua: Lua, _: ()) -> Result<MultiValue> {
    let made = blocking(|| {
        let file = tempfile::Builder::new().prefix("zi-").tempfile()?;
        file.keep().map(|(_, path)| path).map_err(|err| err.error)
    })
    .await?;
    match made {
        Ok(path) => path.to_string_lossy().into_owned().into_lua_multi(&lua),
        Err(err) => io_fail(&lua, "make a file in", &std::env::temp_dir(), &err),
    }
}
