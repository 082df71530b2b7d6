//! `zi types`: tells LuaLS, and editors that use it, what the script API is.

mod stubs;

use std::{
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{modes, paths::Dirs};

/// Write type stubs for editors that use LuaLS
#[derive(Debug, Parser)]
#[command(name = "zi types", no_binary_name = true)]
struct Options {
    /// The folder that the editor opens; the current one if it holds extensions, else yours
    dir: Option<PathBuf>,
    /// Write `.luarc.json` even if it is somebody else's
    #[arg(long)]
    force: bool,
}

/// Where the stubs are, below the folder.
const STUBS: &str = ".zi-types";
const LUARC: &str = ".luarc.json";
/// Keeps the hash of the `.luarc.json` that was written last: one that differs is not ours.
const MARK: &str = "luarc.sha256";

/// Runs `zi types`.
pub fn run(args: &[OsString]) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(err) => {
            err.print().ok();
            return ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2));
        }
    };
    match write(&options) {
        Ok(text) => match modes::print_lines(&text) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        },
        Err((code, problem)) => {
            modes::report_error(&problem);
            ExitCode::from(code)
        }
    }
}

fn write(options: &Options) -> Result<String, (u8, String)> {
    let dir = folder(options)?;
    let luarc = dir.join(LUARC);
    let stubs = dir.join(STUBS);
    let settings = format!("{:#}\n", luarc_settings());
    if !options.force && !may_write(&luarc, &stubs.join(MARK), &settings) {
        let text = format!(
            "`{}` is not from `zi types`, or was changed since; `--force` replaces it, or add \
             `{STUBS}` to its `workspace.library` yourself",
            luarc.display()
        );
        return Err((1, text));
    }
    let mut files: Vec<(PathBuf, String)> =
        stubs::files().into_iter().map(|(name, text)| (stubs.join(name), text)).collect();
    files.push((stubs.join(MARK), hash(&settings)));
    files.push((luarc, settings));
    let mut lines = Vec::new();
    for (path, text) in &files {
        let failed = |err: io::Error| (1, format!("cannot write `{}`: {err}", path.display()));
        if let Some(word) = put(path, text).map_err(failed)? {
            lines.push(format!("{word} {}", path.display()));
        }
    }
    if lines.is_empty() {
        lines.push(format!("everything in `{}` is up to date", stubs.display()));
    }
    Ok(lines.join("\n"))
}

fn folder(options: &Options) -> Result<PathBuf, (u8, String)> {
    if let Some(dir) = &options.dir {
        return if dir.is_dir() {
            Ok(dir.clone())
        } else {
            Err((2, format!("there is no folder `{}`", dir.display())))
        };
    }
    let holds = |name: &str| Path::new(name).exists();
    if holds("init.lua") || holds("extensions") {
        return Ok(PathBuf::from("."));
    }
    let dirs = Dirs::from_env().map_err(|err| (5, err.to_string()))?;
    Ok(dirs.config)
}

/// Whether the `.luarc.json` that is there is what zi wrote, or would write.
fn may_write(luarc: &Path, mark: &Path, settings: &str) -> bool {
    match fs::read_to_string(luarc) {
        Ok(text) => {
            text == settings || fs::read_to_string(mark).is_ok_and(|written| written == hash(&text))
        }
        Err(err) => err.kind() == io::ErrorKind::NotFound,
    }
}

/// Writes a file that is not as it should be; says what it did.
fn put(path: &Path, text: &str) -> io::Result<Option<&'static str>> {
    let word = match fs::read_to_string(path) {
        Ok(old) if old == text => return Ok(None),
        Ok(_) => "replaced",
        Err(_) => "made",
    };
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    fs::write(path, text)?;
    Ok(Some(word))
}

fn luarc_settings() -> serde_json::Value {
    json!({
        "runtime.version": "Lua 5.4",
        "runtime.path": ["lua/?.lua", "lua/?/init.lua"],
        "workspace.library": [STUBS],
        "diagnostics.globals": stubs::GLOBALS,
    })
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
