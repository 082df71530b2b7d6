//! `zi.text`: text as people and models see it.

use mlua::{Lua, MultiValue, Result, Value};
use serde_json::json;
use similar::{Algorithm, TextDiff};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry,
    fields::{Fields, kind_of, misuse, string_argument},
    plain,
};
use crate::{fuzzy, run::head_and_tail};

/// Longest needle of a search: nobody types more, and the time grows with it.
const MAX_NEEDLE_BYTES: usize = 1024;

/// What scripts find in `zi.text`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "width",
        doc: "How many terminal cells a text takes.",
        meta: "---@param text string\n---@return integer",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, text: Value| Ok(string("zi.text.width", &text)?.width()))
        }),
    },
    Entry {
        name: "truncate",
        doc: "Cuts a text to `width` cells, with `…` at the end of what was cut.",
        meta: "---@param text string\n---@param width integer\n---@return string",
        bind: Bind::Zi(|lua| plain(lua, truncate)),
    },
    Entry {
        name: "wrap",
        doc: "Breaks a text into lines of at most `width` cells, at blanks where it can.",
        meta: "---@param text string\n---@param width integer\n---@return string[]",
        bind: Bind::Zi(|lua| plain(lua, wrap)),
    },
    Entry {
        name: "clip",
        doc: "Keeps the start and the end of a text of more than `max_bytes` bytes. Answers the \
              start, the end and how many bytes are missing between them; the end is empty when \
              nothing is.",
        meta: "---@param text string\n---@param max_bytes integer\n---@return string head\n---@return string tail\n---@return integer omitted",
        bind: Bind::Zi(|lua| plain(lua, clip)),
    },
    Entry {
        name: "diff",
        doc: "The unified diff from `a` to `b`, without file names; empty when they are the same. \
              `context` is the number of lines around a change (3). Also answers how many lines \
              were added and removed.",
        meta: "---@param a string\n---@param b string\n---@param opts? {context?: integer}\n---@return string diff\n---@return {added: integer, removed: integer}",
        bind: Bind::Zi(|lua| plain(lua, diff)),
    },
    Entry {
        name: "similarity",
        doc: "How alike two texts are, from 0 to 1: by the letters that differ for short ones, by \
              the pairs of letters that they share for those over 256 bytes.",
        meta: "---@param a string\n---@param b string\n---@return number",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, (a, b): (Value, Value)| {
                const WHO: &str = "zi.text.similarity";
                let (a, b) = (string(WHO, &a)?, string(WHO, &b)?);
                Ok(if a.len().max(b.len()) <= 256 {
                    strsim::normalized_damerau_levenshtein(&a, &b)
                        .max(strsim::sorensen_dice(&a, &b))
                } else {
                    strsim::sorensen_dice(&a, &b)
                })
            })
        }),
    },
    Entry {
        name: "lines",
        doc: "The lines of a text, without their ends (LF or CRLF).",
        meta: "---@param text string\n---@return string[]",
        bind: Bind::Zi(|lua| {
            plain(lua, |lua, text: mlua::LuaString| {
                let bytes = text.as_bytes();
                let mut lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').collect();
                if lines.last().is_some_and(|last| last.is_empty()) {
                    lines.pop();
                }
                let table = lua.create_table_with_capacity(lines.len(), 0)?;
                for (index, line) in lines.iter().enumerate() {
                    let line = line.strip_suffix(b"\r").unwrap_or(line);
                    table.raw_set(index + 1, lua.create_string(line)?)?;
                }
                Ok(table)
            })
        }),
    },
    Entry {
        name: "is_utf8",
        doc: "Whether the bytes of a string are UTF-8.",
        meta: "---@param text string\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, |_, text: mlua::LuaString| Ok(text.to_str().is_ok()))),
    },
    Entry {
        name: "to_utf8",
        doc: "The string with everything that is no UTF-8 replaced by U+FFFD.",
        meta: "---@param text string\n---@return string",
        bind: Bind::Zi(|lua| plain(lua, |_, text: mlua::LuaString| Ok(text.to_string_lossy()))),
    },
    Entry {
        name: "strip_ansi",
        doc: "The text without terminal control sequences and control characters, but for line feeds \
              and tabs.",
        meta: "---@param text string\n---@return string",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, text: Value| Ok(strip_ansi(&string("zi.text.strip_ansi", &text)?)))
        }),
    },
    Entry {
        name: "fuzzy",
        doc: "Finds `needle` in `items`, its letters in order with gaps allowed, the best first: \
              `{index, score, text}`. Words of the needle must all fit; `'word` must be there as it is, \
              `^word` begins, `word$` ends, `!word` must not fit. `limit` (100). An empty needle keeps \
              the order.",
        meta: "---@param needle string\n---@param items string[]\n---@param opts? {limit?: integer}\n---@return {index: integer, score: integer, text: string}[]",
        bind: Bind::Zi(|lua| plain(lua, fuzzy)),
    },
    Entry {
        name: "tokens",
        doc: "About how many tokens a text is: four bytes each.",
        meta: "---@param text string\n---@return integer",
        bind: Bind::Zi(|lua| {
            plain(lua, |_, text: mlua::LuaString| Ok(text.as_bytes().len().div_ceil(4)))
        }),
    },
];

fn string(who: &str, value: &Value) -> Result<String> {
    match value {
        Value::String(text) => Ok(text.to_string_lossy()),
        Value::Integer(number) => Ok(number.to_string()),
        other => Err(misuse(who, format_args!("`text` must be a string, not {}", kind_of(other)))),
    }
}

fn truncate(_: &Lua, (text, width): (Value, usize)) -> Result<String> {
    let text = string("zi.text.truncate", &text)?;
    if text.width() <= width {
        return Ok(text);
    }
    let mut out = String::new();
    let mut used = 0;
    for part in text.graphemes(true) {
        let cells = part.width();
        if used + cells + 1 > width {
            break;
        }
        used += cells;
        out.push_str(part);
    }
    if width > 0 {
        out.push('…');
    }
    Ok(out)
}

fn wrap(_: &Lua, (text, width): (Value, usize)) -> Result<Vec<String>> {
    let text = string("zi.text.wrap", &text)?;
    let width = width.max(1);
    let mut lines = Vec::new();
    for paragraph in text.split('\n') {
        let mut line = String::new();
        let mut used = 0;
        for word in paragraph.split_word_bounds() {
            let cells = word.width();
            if used + cells <= width {
                line.push_str(word);
                used += cells;
                continue;
            }
            if !line.trim_end().is_empty() {
                lines.push(line.trim_end().to_owned());
            }
            line.clear();
            used = 0;
            if word.trim().is_empty() {
                continue;
            }
            for part in word.graphemes(true) {
                let cells = part.width();
                if used + cells > width && !line.is_empty() {
                    lines.push(std::mem::take(&mut line));
                    used = 0;
                }
                line.push_str(part);
                used += cells;
            }
        }
        lines.push(line.trim_end().to_owned());
    }
    Ok(lines)
}

fn clip(_: &Lua, (text, most): (Value, usize)) -> Result<(String, String, usize)> {
    let text = string("zi.text.clip", &text)?;
    let (head, tail) = head_and_tail(&text, most);
    Ok((head.to_owned(), tail.to_owned(), text.len() - head.len() - tail.len()))
}

fn diff(lua: &Lua, (a, b, opts): (Value, Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.text.diff";
    let (a, b) = (string(WHO, &a)?, string(WHO, &b)?);
    let context = Fields::or_empty(lua, WHO, opts)?.opt_count("context", 1_000_000)?.unwrap_or(3);
    let diff = TextDiff::configure()
        .algorithm(Algorithm::Patience)
        .timeout(std::time::Duration::from_millis(500))
        .diff_lines(a.as_str(), b.as_str());
    let (mut added, mut removed) = (0, 0);
    for change in diff.iter_all_changes() {
        match change.tag() {
            similar::ChangeTag::Insert => added += 1,
            similar::ChangeTag::Delete => removed += 1,
            similar::ChangeTag::Equal => {}
        }
    }
    let mut unified = diff.unified_diff();
    let context = usize::try_from(context).unwrap_or(usize::MAX);
    let text = unified.context_radius(context).missing_newline_hint(true).to_string();
    let counts = json!({ "added": added, "removed": removed });
    let counts = scheduler::to_lua(lua, &counts, Nulls::Nil)?;
    Ok(MultiValue::from_iter([Value::String(lua.create_string(text)?), counts]))
}

/// Takes terminal control out of a text.
pub fn strip_ansi(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // No control string that starts before here ends, as an earlier look found out.
    let mut endless_to = 0;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' | '\t' => out.push(c),
            '\u{1b}' => {
                let Some(next) = rest.chars().next() else { break };
                let after = &rest[next.len_utf8()..];
                rest = match next {
                    '[' => skip_parameters(after),
                    ']' | 'P' | 'X' | '^' | '_' => skip_string(text, after, &mut endless_to),
                    ' '..='/' => after.get(1..).unwrap_or(after),
                    '\n' => rest,
                    _ => after,
                };
            }
            '\u{9b}' => rest = skip_parameters(rest),
            '\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}' => {
                rest = skip_string(text, rest, &mut endless_to);
            }
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

/// What follows the parameters and the final byte of a control sequence; what is no ASCII means that
/// it was cut off.
fn skip_parameters(text: &str) -> &str {
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'@'..=b'~' => return &text[at + 1..],
            b' '..=b'?' => {}
            _ => return &text[at..],
        }
    }
    ""
}

/// What follows a control string, whose body is the end of `text`. Without an end on its line nothing
/// is skipped: text that merely follows a stray introducer is not swallowed. Each line is looked
/// through once.
fn skip_string<'a>(text: &str, body: &'a str, endless_to: &mut usize) -> &'a str {
    let start = text.len() - body.len();
    if start < *endless_to {
        return body;
    }
    let mut before = '\0';
    for (offset, c) in body.char_indices() {
        match c {
            '\u{7}' | '\u{9c}' => return &body[offset + c.len_utf8()..],
            '\\' if before == '\u{1b}' => return &body[offset + 1..],
            '\n' => {
                *endless_to = start + offset;
                return body;
            }
            _ => before = c,
        }
    }
    *endless_to = text.len();
    body
}

fn fuzzy(lua: &Lua, (needle, items, opts): (Value, Value, Value)) -> Result<Value> {
    const WHO: &str = "zi.text.fuzzy";
    let needle = string_argument(WHO, "needle", &needle)?;
    if needle.len() > MAX_NEEDLE_BYTES {
        return Err(misuse(WHO, format_args!("`needle` has more than {MAX_NEEDLE_BYTES} bytes")));
    }
    let Value::Table(items) = items else {
        return Err(misuse(WHO, format_args!("`items` must be an array, not {}", kind_of(&items))));
    };
    let mut texts = Vec::with_capacity(items.raw_len());
    for item in items.sequence_values::<Value>() {
        texts.push(string_argument(WHO, "items[…]", &item?)?);
    }
    let limit = Fields::or_empty(lua, WHO, opts)?.opt_count("limit", 1_000_000)?.unwrap_or(100);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let found = fuzzy::rank(&needle, &texts, limit)
        .into_iter()
        .map(|(index, score)| json!({ "index": index + 1, "score": score, "text": texts[index] }));
    scheduler::to_lua(lua, &found.collect(), Nulls::Nil)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_without_an_end_take_linear_time() {
        let text = "\x1b]".repeat(2_000_000);
        assert_eq!(strip_ansi(&text), "");
    }

    #[test]
    fn control_sequences_go_and_text_stays() {
        for (dirty, clean) in [
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]8;;http://x\x07link\x1b]8;;\x1b\\!", "link!"),
            ("a\x1b]52;c;no end\nb", "a52;c;no end\nb"),
            ("\u{9b}2Jx\u{9d}0;t\u{9c}y", "xy"),
            ("a\rb\x00c\td\x7f", "abc\td"),
            ("\x1b(Bx\x1bMy", "xy"),
            ("\x1b]0;a\x1b]0;b\nc\x1b]0;d\x07e", "0;a0;b\nce"),
            ("\x1b", ""),
            ("\x1b[", ""),
            ("a\x1b\nb", "a\nb"),
        ] {
            assert_eq!(strip_ansi(dirty), clean, "{dirty:?}");
        }
    }
}
