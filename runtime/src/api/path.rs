//! `zi.path`: paths as text. Nothing here looks at the disk.

use std::path::{Component, Path, PathBuf};

use mlua::{Lua, Result, Value, Variadic};

use super::{Bind, Entry, VmData, fields::string_argument, plain};

/// What scripts find in `zi.path`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "join",
        doc: "Joins parts; an absolute part starts over.",
        meta: "---@param ... string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, parts: Variadic<String>| {
                let joined: PathBuf = parts.iter().collect();
                Ok(joined.to_string_lossy().into_owned())
            })
        }),
    },
    Entry {
        name: "dirname",
        doc: "Everything before the last part; `.` when there is nothing.",
        meta: "---@param path string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, path: Value| {
                let path = string_argument("zi.path.dirname", "path", &path)?;
                Ok(match Path::new(&path).parent() {
                    Some(parent) if parent.as_os_str().is_empty() => ".".to_owned(),
                    Some(parent) => parent.to_string_lossy().into_owned(),
                    None => path,
                })
            })
        }),
    },
    Entry {
        name: "basename",
        doc: "The last part.",
        meta: "---@param path string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, path: Value| {
                let path = string_argument("zi.path.basename", "path", &path)?;
                let name = Path::new(&path).file_name().unwrap_or_default();
                Ok(name.to_string_lossy().into_owned())
            })
        }),
    },
    Entry {
        name: "ext",
        doc: "What follows the last dot of the last part, without the dot; empty when there is none.",
        meta: "---@param path string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, path: Value| {
                let path = string_argument("zi.path.ext", "path", &path)?;
                let ext = Path::new(&path).extension().unwrap_or_default();
                Ok(ext.to_string_lossy().into_owned())
            })
        }),
    },
    Entry {
        name: "normalize",
        doc: "Takes `.` and `..` out, as text: links are not followed.",
        meta: "---@param path string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, path: Value| {
                let path = string_argument("zi.path.normalize", "path", &path)?;
                Ok(normalize(Path::new(&path)).to_string_lossy().into_owned())
            })
        }),
    },
    Entry {
        name: "relative",
        doc: "`path` as seen from `base` (the working directory), when it lies below it; otherwise \
              `path` itself.",
        meta: "---@param path string\n---@param base? string\n---@return string",
        bind: Bind::Zi(|lua| plain(lua, relative)),
    },
    Entry {
        name: "expand",
        doc: "Makes a path absolute: `~` is home, and what is relative starts at the working \
              directory.",
        meta: "---@param path string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |lua, path: Value| {
                let path = string_argument("zi.path.expand", "path", &path)?;
                Ok(expand(lua, &path)?.to_string_lossy().into_owned())
            })
        }),
    },
];

/// Takes `.` and `..` out of a path.
pub fn normalize(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match out.components().next_back() {
                Some(Component::Normal(_)) => {
                    out.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => out.push(".."),
            },
            other => out.push(other),
        }
    }
    if out.as_os_str().is_empty() { PathBuf::from(".") } else { out }
}

/// Makes a path of a script absolute.
pub(super) fn expand(lua: &Lua, path: &str) -> Result<PathBuf> {
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let path = match path {
        "~" => home(),
        _ => path.strip_prefix("~/").map_or_else(|| PathBuf::from(path), |rest| home().join(rest)),
    };
    if path.is_absolute() {
        return Ok(normalize(&path));
    }
    let host = VmData::of(lua)?.host()?;
    Ok(normalize(&host.cwd.join(path)))
}

fn relative(lua: &Lua, (path, base): (Value, Option<String>)) -> Result<String> {
    let text = string_argument("zi.path.relative", "path", &path)?;
    let path = expand(lua, &text)?;
    let base = expand(lua, base.as_deref().unwrap_or("."))?;
    Ok(match path.strip_prefix(&base) {
        Ok(inner) if inner.as_os_str().is_empty() => ".".to_owned(),
        Ok(inner) => inner.to_string_lossy().into_owned(),
        Err(_) => path.to_string_lossy().into_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalize_never_climbs_above_the_root() {
        for (path, wanted) in
            [("/a/./b/../c", "/a/c"), ("/../../x", "/x"), ("a/../..", ".."), ("", "."), ("./", ".")]
        {
            assert_eq!(normalize(Path::new(path)), Path::new(wanted), "{path}");
        }
    }
}
