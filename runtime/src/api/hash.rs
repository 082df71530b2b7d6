//! `zi.hash`: hashes, encodings, random ids and the time.

use base64::{Engine as _, engine::general_purpose as base64_engine};
use mlua::{Lua, LuaString, MultiValue, Result, Value};
use rand::RngCore as _;
use sha2::{Digest as _, Sha256};

use super::{Bind, Entry, errors::fail, fields::misuse, plain};

/// What scripts find in `zi.hash`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "sha256",
        doc: "The SHA-256 of a string, in hexadecimal.",
        meta: "---@param bytes string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, bytes: LuaString| Ok(hex(&Sha256::digest(&bytes.as_bytes()[..]))))
        }),
    },
    Entry {
        name: "base64",
        doc: "Encodes bytes as base64; with `url`, in the alphabet for addresses and without padding.",
        meta: "---@param bytes string\n---@param url? boolean\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, (bytes, url): (LuaString, Option<bool>)| {
                let bytes = bytes.as_bytes();
                Ok(match url {
                    Some(true) => base64_engine::URL_SAFE_NO_PAD.encode(&bytes[..]),
                    _ => base64_engine::STANDARD.encode(&bytes[..]),
                })
            })
        }),
    },
    Entry {
        name: "unbase64",
        doc: "Decodes base64, either alphabet.",
        meta: "---@param text string\n---@return string?, zi.Error?",
        bind: Bind::Zi(|lua| plain(lua, unbase64)),
    },
    Entry {
        name: "random",
        doc: "Random bytes from the system, at most 1 MiB.",
        meta: "---@param bytes integer\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |lua, count: usize| {
                if count > 1 << 20 {
                    return Err(misuse("zi.hash.random", "at most 1 MiB"));
                }
                let mut bytes = vec![0; count];
                rand::rng().fill_bytes(&mut bytes);
                lua.create_string(bytes)
            })
        }),
    },
    Entry {
        name: "uuid",
        doc: "A new UUID, version 7: later ones sort after earlier ones.",
        meta: "---@return string",
        bind: Bind::Zi(|lua| plain(lua, |_, ()| Ok(uuid::Uuid::now_v7().to_string()))),
    },
    Entry {
        name: "now_ms",
        doc: "Milliseconds since 1970, UTC.",
        meta: "---@return integer",
        bind: Bind::Zi(|lua| plain(lua, |_, ()| Ok(jiff::Timestamp::now().as_millisecond()))),
    },
    Entry {
        name: "parse_date",
        doc: "Reads an HTTP date (RFC 9110) or an RFC 3339 time as milliseconds since 1970; nil when \
              it is neither.",
        meta: "---@param text string\n---@return integer?",
        bind: Bind::Zi(|lua| plain(lua, |_, text: String| Ok(parse_date(&text)))),
    },
];

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unbase64(lua: &Lua, text: LuaString) -> Result<MultiValue> {
    let text: Vec<u8> =
        text.as_bytes().iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let trimmed: &[u8] = match text.iter().rposition(|byte| *byte != b'=') {
        Some(last) => &text[..=last],
        None => &[],
    };
    let decoded = base64_engine::STANDARD_NO_PAD
        .decode(trimmed)
        .or_else(|_| base64_engine::URL_SAFE_NO_PAD.decode(trimmed));
    match decoded {
        Ok(bytes) => Ok(MultiValue::from_iter([Value::String(lua.create_string(bytes)?)])),
        Err(err) => fail(lua, "base64", err),
    }
}

fn parse_date(text: &str) -> Option<i64> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_millisecond());
    }
    jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_and_internet_dates_are_read() {
        assert_eq!(parse_date("Fri, 20 Nov 2026 10:00:30 GMT"), Some(1_795_168_830_000));
        assert_eq!(parse_date("2026-11-20T10:00:30Z"), Some(1_795_168_830_000));
        assert_eq!(parse_date("soon"), None);
    }
}
