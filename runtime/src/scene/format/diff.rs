//! Differences: what was removed and what was added, down to the words.
//!
//! What is shown is text that counts to the letter: nothing in it is invisible.

use std::time::Duration;

use similar::{ChangeTag, TextDiff};
use zi_kernel::term::Style;

use super::{
    clean,
    wrap::{self, Mode},
};
use crate::scene::{
    line::{Line, Span},
    theme::Theme,
};

/// Larger texts are not compared.
const MAX_BYTES: usize = 2 << 20;
/// Rows that are drawn; the rest is counted.
const MAX_ROWS: usize = 5_000;
/// The words of longer lines are not compared.
const MAX_LINE: usize = 1_000;
/// Lines that have less in common are two lines, not a changed one.
const LEAST_IN_COMMON: f32 = 0.4;
const DEADLINE: Duration = Duration::from_millis(200);

/// How a difference is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    pub width: usize,
    /// The lines around a change, for [`between`].
    pub context: usize,
    pub theme: &'a Theme,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Context,
    Added,
    Removed,
    /// Lines that are left out, or a word about the files.
    Note,
}

#[derive(Debug)]
struct Row {
    kind: Kind,
    /// Its number in the old text where it was removed, in the new one otherwise.
    number: Option<usize>,
    /// Parts of the line, and whether they changed.
    parts: Vec<(bool, String)>,
}

impl Row {
    fn new(kind: Kind, number: Option<usize>, text: &str) -> Self {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        Self { kind, number, parts: vec![(false, text.to_owned())] }
    }

    fn text(&self) -> String {
        self.parts.iter().map(|(_, text)| text.as_str()).collect()
    }
}

/// Draws what changed from `before` to `after`.
pub fn between(before: &str, after: &str, options: Options<'_>) -> Vec<Line> {
    if before.len() + after.len() > MAX_BYTES {
        return vec![Line::plain("(too much to compare)", options.theme.fg("muted"))];
    }
    let diff = TextDiff::configure().timeout(DEADLINE).diff_lines(before, after);
    let mut rows = Vec::new();
    for group in diff.grouped_ops(options.context) {
        if !rows.is_empty() {
            rows.push(Row::new(Kind::Note, None, "⋯"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let (kind, index) = match change.tag() {
                ChangeTag::Equal => (Kind::Context, change.new_index()),
                ChangeTag::Delete => (Kind::Removed, change.old_index()),
                ChangeTag::Insert => (Kind::Added, change.new_index()),
            };
            rows.push(Row::new(kind, index.map(|index| index + 1), change.value()));
        }
    }
    draw(rows, options)
}

/// Draws a unified diff. What is no part of one is shown as it is.
pub fn unified(text: &str, options: Options<'_>) -> Vec<Line> {
    let mut rows: Vec<Row> = Vec::new();
    let (mut old, mut new) = (0, 0);
    // The lines that the hunk still has, of either text.
    let mut left = (0_usize, 0_usize);
    for line in text.lines() {
        let within = left != (0, 0);
        if let Some(hunk) = Hunk::of(line) {
            (old, new, left) = (hunk.old, hunk.new, hunk.lines);
            if !rows.is_empty() {
                rows.push(Row::new(Kind::Note, None, "⋯"));
            }
            continue;
        }
        let row = match (line.get(..1), within) {
            (Some("+"), true) => {
                new += 1;
                left.1 = left.1.saturating_sub(1);
                Row::new(Kind::Added, Some(new - 1), &line[1..])
            }
            (Some("-"), true) => {
                old += 1;
                left.0 = left.0.saturating_sub(1);
                Row::new(Kind::Removed, Some(old - 1), &line[1..])
            }
            (Some(" ") | None, true) => {
                (old, new) = (old + 1, new + 1);
                left = (left.0.saturating_sub(1), left.1.saturating_sub(1));
                Row::new(Kind::Context, Some(new - 1), line.get(1..).unwrap_or_default())
            }
            _ => Row::new(Kind::Note, None, line),
        };
        rows.push(row);
    }
    draw(rows, options)
}

/// `@@ -old,lines +new,lines @@`
struct Hunk {
    old: usize,
    new: usize,
    lines: (usize, usize),
}

impl Hunk {
    fn of(line: &str) -> Option<Self> {
        let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
        let (new, _) = rest.split_once(" @@")?;
        let range = |text: &str| {
            let (start, count) = text.split_once(',').unwrap_or((text, "1"));
            Some((start.parse::<u32>().ok()? as usize, count.parse::<u32>().ok()? as usize))
        };
        let ((old, removed), (new, added)) = (range(old)?, range(new)?);
        Some(Self { old, new, lines: (removed, added) })
    }
}

/// Marks the words that differ between lines that were removed and those that came for them.
fn mark_words(rows: &mut [Row]) {
    let mut start = 0;
    while start < rows.len() {
        let count =
            |from: usize, kind| rows[from..].iter().take_while(|row| row.kind == kind).count();
        let removed = count(start, Kind::Removed);
        let added = count(start + removed, Kind::Added);
        for pair in 0..removed.min(added) {
            let (before, after) = (start + pair, start + removed + pair);
            if let Some((old, new)) = words(&rows[before].text(), &rows[after].text()) {
                rows[before].parts = old;
                rows[after].parts = new;
            }
        }
        start += (removed + added).max(1);
    }
}

type Parts = Vec<(bool, String)>;

fn words(before: &str, after: &str) -> Option<(Parts, Parts)> {
    if before.len().max(after.len()) > MAX_LINE {
        return None;
    }
    let diff = TextDiff::configure().timeout(DEADLINE).diff_unicode_words(before, after);
    if diff.ratio() < LEAST_IN_COMMON {
        return None;
    }
    let (mut old, mut new) = (Parts::new(), Parts::new());
    let put = |parts: &mut Parts, changed: bool, text: &str| match parts.last_mut() {
        Some((same, last)) if *same == changed => last.push_str(text),
        _ => parts.push((changed, text.to_owned())),
    };
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                put(&mut old, false, change.value());
                put(&mut new, false, change.value());
            }
            ChangeTag::Delete => put(&mut old, true, change.value()),
            ChangeTag::Insert => put(&mut new, true, change.value()),
        }
    }
    Some((old, new))
}

fn draw(mut rows: Vec<Row>, options: Options<'_>) -> Vec<Line> {
    let left_out = rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    mark_words(&mut rows);
    let last = rows.iter().filter_map(|row| row.number).max().unwrap_or(0);
    let digits = last.to_string().len();
    let mut lines: Vec<Line> = rows.iter().flat_map(|row| draw_row(row, digits, options)).collect();
    if left_out > 0 {
        let note = format!("… {left_out} more lines");
        lines.push(Line::plain(note, options.theme.fg("muted")));
    }
    lines
}

fn draw_row(row: &Row, digits: usize, options: Options<'_>) -> Vec<Line> {
    let theme = options.theme;
    let (mark, style, changed) = match row.kind {
        Kind::Added => ("+", theme.fg("diff_added"), theme.bg("diff_added_background")),
        Kind::Removed => ("-", theme.fg("diff_removed"), theme.bg("diff_removed_background")),
        Kind::Context => (" ", theme.fg("diff_context"), Style::new()),
        Kind::Note => (" ", theme.fg("muted"), Style::new()),
    };
    let number = row.number.map_or_else(String::new, |number| number.to_string());
    let first = vec![
        Span::new(format!("{number:>digits$} "), theme.fg("muted")),
        Span::new(format!("{mark} "), style),
    ];
    let rest = vec![Span::new(" ".repeat(digits + 3), Style::new())];
    let spans: Vec<Span> = row
        .parts
        .iter()
        .map(|(is_changed, text)| {
            let style = if *is_changed { style.patch(changed) } else { style };
            Span::new(clean::exact(text), style)
        })
        .collect();
    let wrapping = wrap::Options::new(options.width).mode(Mode::Char).prefix(first, rest);
    wrap::wrap(&spans, &wrapping)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::format::tests::{Random, samples};

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.text().trim_end().to_owned()).collect()
    }

    fn options(theme: &Theme, width: usize) -> Options<'_> {
        Options { width, context: 1, theme }
    }

    #[test]
    fn changes_show_with_their_context_and_numbers() {
        let theme = Theme::dark();
        let before = "a\nb\nlet one = 1;\nd\ne\nf\ng\nh\n";
        let after = "a\nb\nlet two = 1;\nd\ne\nf\ng\nH\nnew\n";
        let lines = between(before, after, options(&theme, 40));
        assert_eq!(
            texts(&lines),
            [
                "2   b",
                "3 - let one = 1;",
                "3 + let two = 1;",
                "4   d",
                "    ⋯",
                "7   g",
                "8 - h",
                "8 + H",
                "9 + new"
            ]
        );
        let marked: Vec<&str> = lines[1]
            .spans
            .iter()
            .filter(|span| span.style.bg == theme.color("diff_removed_background"))
            .map(|span| span.text.as_str())
            .collect();
        assert_eq!(marked, ["one"]);
        assert_eq!(lines[2].spans[1].style.fg, theme.color("diff_added"));
    }

    #[test]
    fn a_unified_diff_looks_like_the_texts_it_came_from() {
        let theme = Theme::dark();
        let text = "--- a\n+++ b\n@@ -2,3 +2,3 @@ fn x\n b\n-let one = 1;\n+let two = 1;\n d\n\\ No newline";
        let lines = unified(text, options(&theme, 40));
        assert_eq!(
            texts(&lines),
            [
                "    --- a",
                "    +++ b",
                "    ⋯",
                "2   b",
                "3 - let one = 1;",
                "3 + let two = 1;",
                "4   d",
                "    \\ No newline"
            ]
        );
        assert_eq!(texts(&unified("not\na diff", options(&theme, 40))), ["    not", "    a diff"]);
    }

    #[test]
    fn long_lines_wrap_below_themselves_and_nothing_is_invisible() {
        let theme = Theme::dark();
        let lines = between("", "abcdefghij\u{202E}\n", options(&theme, 12));
        assert_eq!(texts(&lines), ["1 + abcdefgh", "    ij<U+202", "    E>"]);
    }

    #[test]
    fn no_text_breaks_it_nor_its_width() {
        let theme = Theme::dark();
        let mut random = Random::default();
        for _ in 0..200 {
            let (a, b) = (samples::text(&mut random, 40), samples::text(&mut random, 40));
            let hunk =
                format!("@@ -{},2 +1,{} @@\n{a}\n-{b}\n+{a}", random.below(9), random.below(9));
            for width in [0, 1, 2, 7, 30] {
                let lines = between(&a, &b, options(&theme, width));
                let more = unified(&hunk, options(&theme, width));
                for line in lines.iter().chain(&more) {
                    assert!(line.width() <= width, "{line:?}");
                }
            }
        }
        let far = unified("@@ -4294967295,9 +4294967295,9 @@\n a\n+b", options(&theme, 40));
        assert!(texts(&far)[0].ends_with(" a"));
    }
}
