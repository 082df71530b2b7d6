//! The rows that an edited text takes on the screen.

use std::{borrow::Cow, ops::Range};

use unicode_segmentation::UnicodeSegmentation as _;
use zi_kernel::term;

/// Cells that a tab takes: a text that is typed has no columns to align to.
const TAB: usize = 4;
/// What a character of a password looks like.
const HIDDEN: &str = "•";

/// The rows of a text at some width, and the place of the caret in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    /// What each row shows, as bytes of the text; line feeds belong to no row.
    pub rows: Vec<Range<usize>>,
    /// The row and the column of the caret.
    pub caret: (usize, usize),
}

/// Breaks `text` into rows of at most `width` cells: at line feeds, after blanks where it can, and
/// between characters where it must. A caret after a full row stands on a row of its own.
pub(super) fn break_rows(text: &str, caret: usize, width: usize, hidden: bool) -> Rows {
    let width = width.max(1);
    let mut rows = Vec::new();
    let mut start = 0;
    for line in text.split('\n') {
        break_line(line, start, width, hidden, &mut rows);
        let end = start + line.len();
        if caret == end
            && let Some(last) = rows.last().cloned()
            && cells(&text[last.clone()], hidden) >= width
        {
            rows.push(end..end);
        }
        start = end + 1;
    }
    // The last row that begins at or before the caret; a caret at a soft break is on the later row.
    let row = rows.partition_point(|row| row.start <= caret).saturating_sub(1);
    let column = cells(&text[rows[row].start..caret.min(rows[row].end)], hidden);
    Rows { rows, caret: (row, column) }
}

fn break_line(line: &str, at: usize, width: usize, hidden: bool, rows: &mut Vec<Range<usize>>) {
    if line.len() <= width && is_plain(line) {
        rows.push(at..at + line.len());
        return;
    }
    let mut start = 0;
    let mut used = 0;
    // The end of the last blank of the row, and the cells up to there.
    let mut blank = None;
    for (offset, part) in line.grapheme_indices(true) {
        let size = grapheme_cells(part, hidden);
        while used + size > width && offset > start {
            let (end, kept) = blank.take().unwrap_or((offset, used));
            rows.push(at + start..at + end);
            start = end;
            used -= kept;
        }
        used += size;
        if !hidden && part.trim().is_empty() {
            blank = Some((offset + part.len(), used));
        }
    }
    rows.push(at + start..at + line.len());
}

/// The byte of `row` that is at `column`, or the nearest before it.
pub(super) fn at_column(text: &str, row: &Range<usize>, column: usize, hidden: bool) -> usize {
    let mut used = 0;
    for (offset, part) in text[row.clone()].grapheme_indices(true) {
        let size = grapheme_cells(part, hidden);
        if used + size > column {
            return row.start + offset;
        }
        used += size;
    }
    row.end
}

/// How a part of the text is shown.
pub(super) fn shown(text: &str, hidden: bool) -> Cow<'_, str> {
    if hidden {
        Cow::Owned(text.graphemes(true).map(|_| HIDDEN).collect())
    } else if text.contains('\t') {
        Cow::Owned(text.replace('\t', &" ".repeat(TAB)))
    } else {
        Cow::Borrowed(text)
    }
}

fn cells(text: &str, hidden: bool) -> usize {
    if !hidden && is_plain(text) {
        return text.len();
    }
    text.graphemes(true).map(|part| grapheme_cells(part, hidden)).sum()
}

fn grapheme_cells(part: &str, hidden: bool) -> usize {
    match part {
        _ if hidden => 1,
        "\t" => TAB,
        part => term::width(part),
    }
}

/// Whether each byte is a cell.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
