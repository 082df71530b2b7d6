//! The brush: writes rows of cells as bytes, and knows where the terminal's cursor is meanwhile.

use std::sync::Arc;

use ratatui_core::{buffer::Cell, style::Color};
use unicode_width::UnicodeWidthChar as _;

use super::{
    frame::{Frame, HALF_BLOCK, symbol_width},
    pen::{ColorDepth, Pen, number},
};

/// Unchanged cells that are written again rather than jumped over.
const SHORT_GAP: u16 = 3;
/// Blank cells at the end of a row that are worth an erase.
const LONG_BLANK: usize = 4;

/// How the cursor is told where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moves {
    /// To a row and a column of the screen.
    Absolute,
    /// Up and down from where it is, which is in a region that may be anywhere on the screen.
    Relative,
}

/// Writes cells. Rows are those of the screen, or of the region for relative moves.
#[derive(Debug)]
pub(super) struct Brush {
    pub(super) out: Vec<u8>,
    pub(super) depth: ColorDepth,
    pub(super) links: bool,
    moves: Moves,
    pen: Pen,
    link: Option<Arc<str>>,
    /// Where the cursor is. Unknown is a row only for absolute moves.
    row: Option<u16>,
    column: Option<u16>,
}

impl Brush {
    pub(super) fn new(moves: Moves) -> Self {
        Self {
            out: Vec::new(),
            depth: ColorDepth::default(),
            links: false,
            moves,
            pen: Pen::PLAIN,
            link: None,
            row: None,
            column: None,
        }
    }

    pub(super) fn row(&self) -> u16 {
        self.row.unwrap_or(0)
    }

    pub(super) fn place(&self) -> (Option<u16>, Option<u16>) {
        (self.row, self.column)
    }

    /// Says where the cursor is now.
    pub(super) fn set_place(&mut self, row: Option<u16>, column: Option<u16>) {
        (self.row, self.column) = (row, column);
    }

    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Writes a control sequence of one number, which is left out when it is one.
    fn step(&mut self, count: u16, last: u8) {
        self.write(b"\x1b[");
        if count != 1 {
            number(count, &mut self.out);
        }
        self.out.push(last);
    }

    pub(super) fn move_to(&mut self, x: u16, y: u16) {
        if self.row != Some(y) {
            match (self.moves, self.row) {
                (Moves::Absolute, Some(row)) if x == 0 && y == row + 1 => {
                    self.write(b"\r\n");
                    self.column = Some(0);
                }
                (Moves::Absolute, _) => {
                    self.write(b"\x1b[");
                    number(y + 1, &mut self.out);
                    if x > 0 {
                        self.out.push(b';');
                        number(x + 1, &mut self.out);
                    }
                    self.out.push(b'H');
                    self.column = Some(x);
                }
                (Moves::Relative, row) => {
                    let row = row.unwrap_or(0);
                    if y > row {
                        self.step(y - row, b'B');
                    } else if y < row {
                        self.step(row - y, b'A');
                    }
                }
            }
            self.row = Some(y);
        }
        match self.column {
            Some(column) if column == x => {}
            _ if x == 0 => self.out.push(b'\r'),
            Some(column) if column < x => self.step(x - column, b'C'),
            _ => self.step(x + 1, b'G'),
        }
        self.column = Some(x);
    }

    /// Puts pen and link back to nothing.
    pub(super) fn plain(&mut self) {
        self.pen.change(Pen::PLAIN, &mut self.out);
        self.set_link(None);
    }

    /// Goes `count` rows down; the screen scrolls where there are none.
    pub(super) fn feed(&mut self, count: u16) {
        for _ in 0..count {
            self.out.push(b'\n');
        }
        self.row = self.row.map(|row| row.saturating_add(count));
    }

    /// Writes what differs between a row of two frames of one width.
    pub(super) fn draw_row(&mut self, y: u16, new: &Frame, old: &Frame) {
        let (row, before) = (new.row(y), old.row(y));
        let has_links = self.links && (new.has_links() || old.has_links());
        if row == before && !has_links {
            return;
        }
        let same_link = |x: u16| !has_links || new.link(x, y) == old.link(x, y);
        let is_blank =
            |cell: &Cell| cell.symbol() == " " && Pen::of(cell, ColorDepth::True) == Pen::PLAIN;
        // Up to here it is drawn; the rest is blank and erased at once, if that pays.
        let last = row.iter().rposition(|cell| !is_blank(cell));
        let mut end = last.map_or(0, |last| last + usize::from(symbol_width(row[last].symbol())));
        let stale = before.iter().rposition(|cell| !is_blank(cell)).map_or(0, |last| last + 1);
        let is_erased = stale > end + LONG_BLANK;
        if !is_erased {
            end = row.len();
        }
        let end = end as u16;
        let mut x = 0;
        let mut forced = 0;
        while x < end {
            let (cell, was) = (&row[usize::from(x)], &before[usize::from(x)]);
            let width = symbol_width(cell.symbol()).min(end - x);
            if x >= forced && cell == was && same_link(x) {
                x += width;
                continue;
            }
            self.close_gap(x, y, new, row);
            let link = if self.links { new.link(x, y) } else { None };
            let reach = self.draw_cell(x, y, cell, width, link, row.len());
            // A wide character that loses a half loses the other.
            let covered = (x..x + width).map(|x| x + symbol_width(before[usize::from(x)].symbol()));
            forced = covered.fold(forced.max(x + reach), u16::max);
            x += width;
            if usize::from(x) >= row.len() {
                self.column = None;
            }
        }
        if is_erased {
            self.move_to(end, y);
            self.plain();
            self.write(b"\x1b[K");
        }
    }

    /// Goes to a cell: over a few unchanged ones by writing them again, if that needs nothing else.
    fn close_gap(&mut self, x: u16, y: u16, new: &Frame, row: &[Cell]) {
        if let (Some(here), Some(column)) = (self.row, self.column)
            && here == y
            && column < x
            && x - column <= SHORT_GAP
        {
            let gap = &row[usize::from(column)..usize::from(x)];
            let is_simple =
                |cell: &Cell| cell.symbol().len() == 1 && Pen::of(cell, self.depth) == self.pen;
            let has_link = self.links && (column..x).any(|x| new.link(x, y).is_some());
            // The cursor may have been put onto the second half of a wide character.
            let is_half = (0..column)
                .rev()
                .take(2)
                .any(|before| before + symbol_width(row[usize::from(before)].symbol()) > column);
            if !is_half && self.link.is_none() && !has_link && gap.iter().all(is_simple) {
                for cell in gap {
                    self.out.extend_from_slice(cell.symbol().as_bytes());
                }
                self.column = Some(x);
                return;
            }
        }
        self.move_to(x, y);
    }

    /// Writes one cell, and answers how many cells it may have changed. Where terminals disagree
    /// about a character's width, its cells are blanked before and the cursor is placed after it.
    fn draw_cell(
        &mut self,
        x: u16,
        y: u16,
        cell: &Cell,
        width: u16,
        link: Option<&Arc<str>>,
        columns: usize,
    ) -> u16 {
        self.move_to(x, y);
        self.pen.change(Pen::of(cell, self.depth), &mut self.out);
        self.set_link(link);
        let symbol = if self.depth == ColorDepth::None { shade(cell) } else { cell.symbol() };
        let symbol = if symbol.is_empty() { " " } else { symbol };
        let Some(apart) = disputed(symbol, width) else {
            self.out.extend_from_slice(symbol.as_bytes());
            self.column = Some(x + width);
            return width;
        };
        for _ in 0..width {
            self.out.push(b' ');
        }
        self.column = None;
        self.move_to(x, y);
        // At the edge, what some terminals draw apart would pile up or wrap.
        let first = symbol.chars().next().map_or(0, char::len_utf8);
        let is_cut = usize::from(x) + usize::from(apart) > columns;
        let symbol = if is_cut { &symbol[..first] } else { symbol };
        self.out.extend_from_slice(symbol.as_bytes());
        self.column = None;
        width.max(apart).min(u16::MAX - x)
    }

    fn set_link(&mut self, link: Option<&Arc<str>>) {
        if self.link.as_ref() == link {
            return;
        }
        match link {
            // The id keeps rows of one link together, however they are redrawn.
            Some(address) => {
                let id = address.bytes().fold(0xcbf2_9ce4_u32, |hash, byte| {
                    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
                });
                self.write(format!("\x1b]8;id={id:x};{address}\x1b\\").as_bytes());
            }
            None => self.write(b"\x1b]8;;\x1b\\"),
        }
        self.link = link.cloned();
    }
}

/// The cells that a terminal may take for a symbol at most, when terminals disagree about it: they
/// agree about single characters with nothing but accents.
fn disputed(symbol: &str, width: u16) -> Option<u16> {
    if symbol.len() == 1 {
        return None;
    }
    let is_odd = |c: char| matches!(c, '\u{200d}' | '\u{fe0e}' | '\u{fe0f}' | '\u{fffd}');
    // What asks for the wider form of a character may double it.
    let reach = |c: char| if c == '\u{fe0f}' { 1 } else { c.width().unwrap_or(0) };
    let mut widths = symbol.chars().map(reach);
    let first = widths.next().unwrap_or(0);
    let rest: usize = widths.sum();
    let is_plain = first == usize::from(width) && rest == 0;
    if is_plain && !symbol.chars().any(is_odd) {
        return None;
    }
    Some(u16::try_from(first + rest).unwrap_or(u16::MAX))
}

/// What shows a cell without colours: pixels become light or dark.
fn shade(cell: &Cell) -> &str {
    let is_light = |color: Color| match color {
        Color::Rgb(red, green, blue) => {
            Some(u32::from(red) * 3 + u32::from(green) * 6 + u32::from(blue) >= 1280)
        }
        _ => None,
    };
    if cell.symbol() != HALF_BLOCK {
        return cell.symbol();
    }
    match (is_light(cell.fg), is_light(cell.bg)) {
        (Some(true), Some(true)) => "█",
        (Some(false), Some(true)) => "▄",
        (Some(false), Some(false)) => " ",
        _ => HALF_BLOCK,
    }
}
