//! The blocks of a text: what can be laid out on its own.
//!
//! A list comes apart into its items. Once another block has begun on a complete line, no text that
//! follows can change the blocks before it.

use std::{borrow::Cow, ops::Range};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

use crate::scene::format::clean;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Block,
    /// Code between fences.
    Fence,
    Item {
        /// Whether its list begins with it.
        is_first: bool,
        /// What it is counted as, in an ordered list.
        number: Option<u64>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The bytes of the text, in whole lines, with the blank ones that follow.
    pub range: Range<usize>,
    pub kind: Kind,
}

/// An address that a label stands for, and where it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub label: String,
    pub address: String,
    pub at: usize,
}

#[derive(Debug, Default)]
pub(super) struct Blocks {
    pub blocks: Vec<Block>,
    pub definitions: Vec<Definition>,
}

pub(super) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
}

/// A label as it is compared.
pub(super) fn normal(label: &str) -> String {
    label.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Finds the blocks of `text`. `list` says that it begins within a list, and with which number.
pub(super) fn split(text: &str, list: Option<Option<u64>>) -> Blocks {
    let cleaned = clean::prose(text);
    let offsets = Offsets::new(text, &cleaned, matches!(cleaned, Cow::Owned(_)));
    let mut starts: Vec<(Range<usize>, Kind)> = Vec::new();
    let mut depth = 0;
    let mut number = None;
    let mut is_first = true;
    let parser = Parser::new_ext(&cleaned, options());
    let definitions = parser
        .reference_definitions()
        .iter()
        .map(|(label, definition)| Definition {
            label: normal(label),
            address: definition.dest.to_string(),
            at: offsets.line_start(definition.span.start),
        })
        .collect();
    for (event, range) in parser.into_offset_iter() {
        match event {
            Event::Start(Tag::List(first)) if depth == 0 => {
                let continues = starts.is_empty() && list.is_some();
                number = if continues { list.flatten() } else { first };
                is_first = !continues;
                depth += 1;
            }
            Event::Start(Tag::Item) if depth == 1 => {
                starts.push((range, Kind::Item { is_first, number }));
                number = number.map(|number| number.saturating_add(1));
                is_first = false;
                depth += 1;
            }
            Event::Start(tag) => {
                if depth == 0 {
                    starts.push((range, kind(&tag)));
                }
                depth += 1;
            }
            Event::End(TagEnd::List(_)) if depth == 1 => depth -= 1,
            Event::End(_) => depth -= 1,
            _ if depth == 0 => starts.push((range, Kind::Block)),
            _ => {}
        }
    }
    let mut before = 0;
    let lines: Vec<usize> = starts
        .iter()
        .map(|(range, kind)| {
            let start = match kind {
                Kind::Fence => range.start,
                _ => with_definitions(&cleaned, range.start, before),
            };
            before = range.end;
            offsets.line_start(start)
        })
        .collect();
    let ends = lines.iter().skip(1).copied().chain([text.len()]);
    let blocks = starts.iter().zip(&lines).zip(ends);
    let blocks = blocks.map(|(((_, kind), start), end)| Block { range: *start..end, kind: *kind });
    Blocks { blocks: blocks.collect(), definitions }
}

/// Where the text begins that decides what the block at `at` is: definitions right before it are
/// like the first lines of a paragraph. What ends at `end` is before it.
fn with_definitions(text: &str, at: usize, end: usize) -> usize {
    let line_start = |at: usize| text[..at].rfind('\n').map_or(0, |at| at + 1);
    let mut start = line_start(at);
    while start > end {
        let before = line_start(start - 1);
        if before < end || text[before..start].trim().is_empty() {
            break;
        }
        start = before;
    }
    start
}

fn kind(tag: &Tag<'_>) -> Kind {
    match tag {
        Tag::CodeBlock(CodeBlockKind::Fenced(_)) => Kind::Fence,
        _ => Kind::Block,
    }
}

/// From places in cleaned text to the starts of their lines in the text itself.
struct Offsets<'a> {
    cleaned: &'a str,
    /// The starts of the text's lines, where they are not those of the cleaned text.
    lines: Option<Vec<usize>>,
}

impl<'a> Offsets<'a> {
    fn new(text: &str, cleaned: &'a str, differs: bool) -> Self {
        let lines = differs.then(|| {
            let ends = text.match_indices('\n').map(|(at, _)| at + 1);
            [0].into_iter().chain(ends).collect()
        });
        Self { cleaned, lines }
    }

    fn line_start(&self, at: usize) -> usize {
        let before = &self.cleaned[..at.min(self.cleaned.len())];
        match &self.lines {
            None => before.rfind('\n').map_or(0, |at| at + 1),
            Some(lines) => {
                let line = before.bytes().filter(|byte| *byte == b'\n').count();
                lines.get(line).copied().unwrap_or(0)
            }
        }
    }
}

/// Whether a blank line comes before the one at `start`.
pub(super) fn follows_blank(text: &str, start: usize) -> bool {
    let Some(before) = text[..start].strip_suffix('\n') else { return false };
    let line = before.rsplit('\n').next().unwrap_or_default();
    line.chars().all(|c| c.is_whitespace() || c.is_control() || c == '>')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        split(text, None).blocks.iter().map(|block| &text[block.range.clone()]).collect()
    }

    #[test]
    fn blocks_are_whole_lines() {
        let text = "# head\npara\nmore\n\n    code\n\n---\n```\nx\n```\nend";
        assert_eq!(
            parts(text),
            ["# head\n", "para\nmore\n\n", "    code\n\n", "---\n", "```\nx\n```\n", "end"]
        );
    }

    #[test]
    fn definitions_stay_with_what_follows_them_at_once() {
        assert_eq!(parts("w\n\n[a]: b\n    e\n\nx"), ["w\n\n", "[a]: b\n    e\n\n", "x"]);
        assert_eq!(parts("w\n\n[a]: b\n\n    e\n"), ["w\n\n[a]: b\n\n", "    e\n"]);
    }

    #[test]
    fn lists_come_apart_into_items() {
        let text = "3. a\n   - b\n4. c\n\n   d\n";
        assert_eq!(parts(text), ["3. a\n   - b\n", "4. c\n\n   d\n"]);
        let kinds: Vec<Kind> = split(text, None).blocks.iter().map(|block| block.kind).collect();
        assert_eq!(kinds[1], Kind::Item { is_first: false, number: Some(4) });
        let rest = split("1. c\n", Some(Some(9)));
        assert_eq!(rest.blocks[0].kind, Kind::Item { is_first: false, number: Some(9) });
    }

    #[test]
    fn what_is_cleaned_away_does_not_move_the_lines() {
        let text = "a\u{1b}[1mb\u{7}\r\n\r\n- x\u{1b}[0m\n- y";
        assert_eq!(parts(text), ["a\u{1b}[1mb\u{7}\r\n\r\n", "- x\u{1b}[0m\n", "- y"]);
    }
}
