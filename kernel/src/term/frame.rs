//! A frame: the cells of a screen, before they are on it.

use std::sync::Arc;

use ratatui_core::{
    buffer::{Buffer, Cell},
    layout::Rect,
    style::{Color, Style},
};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr as _};

use super::picture::{Picture, Placement};
use crate::surface::{Cells, Rgb};

/// Most code points of one cell: what is stacked higher is left out.
const MAX_CODE_POINTS: usize = 16;
/// Most addresses of one frame; the text of further links is drawn without them.
const MAX_LINKS: usize = 4096;
/// Longest address of a link.
const MAX_ADDRESS_BYTES: usize = 2048;
/// Most pictures of one frame; there is no place for more.
const MAX_PICTURES: usize = 4096;
/// Most cells that a picture may take, seen or not; no screen shows a larger one.
const MAX_PICTURE_CELLS: u32 = 1 << 20;
/// What addresses of links may start with.
const SCHEMES: &[&str] = &["http://", "https://", "file://", "mailto:"];
/// Shows two pixels: its foreground is the upper one, its background the lower one.
pub(super) const HALF_BLOCK: &str = "▀";

/// The cells that `text` takes in a [`Frame`]. Control characters take none: they cannot be drawn.
pub fn width(text: &str) -> usize {
    if text.is_ascii() {
        return text.bytes().filter(|byte| !byte.is_ascii_control()).count();
    }
    text.graphemes(true).filter_map(drawable).map(|(_, width)| width).sum()
}

/// A grapheme as it is drawn, and its cells; nothing for what cannot be drawn.
fn drawable(grapheme: &str) -> Option<(&str, usize)> {
    let breaks_lines = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
    if grapheme.chars().any(|c| c.is_control() || breaks_lines(c)) {
        return None;
    }
    let cut = grapheme.char_indices().nth(MAX_CODE_POINTS).map_or(grapheme.len(), |(at, _)| at);
    let grapheme = &grapheme[..cut];
    Some((grapheme, cells_of(grapheme)))
}

/// The cells of a grapheme: two at most. What asks for a narrower form of a wide character is
/// ignored, as most terminals do.
fn cells_of(grapheme: &str) -> usize {
    let first = grapheme.chars().next().and_then(UnicodeWidthChar::width);
    grapheme.width().max(first.unwrap_or(0)).min(2)
}

/// The cells that a symbol of a [`Frame`] takes: at least one.
pub(super) fn symbol_width(symbol: &str) -> u16 {
    if symbol.len() == 1 { 1 } else { u16::try_from(cells_of(symbol)).unwrap_or(1).max(1) }
}

/// What belongs to a cell beside its text. Both count from one; zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Mark {
    link: u16,
    picture: u16,
}

/// Cells of a screen. What is put into it cannot hold a control character, and lands inside it.
#[derive(Clone, Debug)]
pub struct Frame {
    cells: Buffer,
    cursor: Option<(u16, u16)>,
    /// One for each cell, once any cell has one.
    marks: Vec<Mark>,
    links: Vec<Arc<str>>,
    pictures: Vec<Placement>,
}

impl Frame {
    /// A blank frame.
    pub fn new(width: u16, height: u16) -> Self {
        Self {
            cells: Buffer::empty(Rect::new(0, 0, width, height)),
            cursor: None,
            marks: Vec::new(),
            links: Vec::new(),
            pictures: Vec::new(),
        }
    }

    pub fn area(&self) -> Rect {
        self.cells.area
    }

    /// Writes `text` from `(x, y)` on, over what is there, up to the column `end` (not included). A
    /// wide character that does not fit whole is left out, and one that is half covered is blanked.
    /// Control characters, tabs among them, take no cell. Answers the column after the text.
    /// `style` is patched onto the cells' own; `link` makes them a link to that address, if it is
    /// one of the web, of a file or of mail.
    pub fn put(
        &mut self,
        x: u16,
        y: u16,
        end: u16,
        text: &str,
        style: Style,
        link: Option<&Arc<str>>,
    ) -> u16 {
        let end = end.min(self.cells.area.width);
        if y >= self.cells.area.height || x >= end {
            return x;
        }
        let link = link.map_or(0, |link| self.link_number(link));
        let mut column = x;
        if text.is_ascii() {
            for byte in text.bytes().filter(|byte| !byte.is_ascii_control()) {
                if column >= end {
                    break;
                }
                self.claim(column, y, 1, link).set_char(char::from(byte)).set_style(style);
                column += 1;
            }
            return column;
        }
        for (symbol, width) in text.graphemes(true).filter_map(drawable) {
            let width = u16::try_from(width).unwrap_or(u16::MAX);
            if width == 0 {
                continue;
            }
            if width > end - column {
                break;
            }
            self.claim(column, y, width, link).set_symbol(symbol).set_style(style);
            for covered in column + 1..column + width {
                let cell = &mut self.cells[(covered, y)];
                cell.reset();
                cell.set_style(style);
            }
            column += width;
        }
        column
    }

    /// Blanks the cells of `area` and gives them `style`.
    pub fn fill(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.cells.area);
        for position in area.positions() {
            let cell = self.claim(position.x, position.y, 1, 0);
            cell.reset();
            cell.set_style(style);
        }
    }

    /// Patches the style of the cells of `area`, and leaves what they show.
    pub fn restyle(&mut self, area: Rect, style: Style) {
        self.cells.set_style(area.intersection(self.cells.area), style);
    }

    /// Draws pixels from the upper left corner of `area` on; what is larger than `area` is cut.
    pub fn put_pixels(&mut self, area: Rect, pixels: &Cells) {
        self.put_pixels_from(area, pixels, (0, 0));
    }

    /// Draws the part of `pixels` that starts `skip` columns and rows into them.
    fn put_pixels_from(&mut self, area: Rect, pixels: &Cells, skip: (u16, u16)) {
        let shown = area.intersection(self.cells.area);
        let columns = shown.width.min(pixels.cols.saturating_sub(skip.0));
        let rows = shown.height.min(pixels.rows.saturating_sub(skip.1));
        for row in 0..rows {
            let start = usize::from(row + skip.1) * usize::from(pixels.cols) + usize::from(skip.0);
            let Some(line) = pixels.cells.get(start..start + usize::from(columns)) else { return };
            for (column, pixel) in (0..columns).zip(line) {
                let cell = self.claim(shown.x + column, shown.y + row, 1, 0);
                cell.reset();
                cell.set_symbol(HALF_BLOCK).set_fg(rgb(pixel.fg)).set_bg(rgb(pixel.bg));
            }
        }
    }

    /// Shows a picture in `area`, scaled to it. What is drawn over it later hides it.
    pub fn put_picture(&mut self, area: Rect, picture: &Picture) {
        self.put_picture_part(area, picture, (area.width, area.height), (0, 0));
    }

    /// Shows in `area` a part of a picture: of one that takes `whole` columns and rows, what starts
    /// `skip` columns and rows into it.
    pub fn put_picture_part(
        &mut self,
        area: Rect,
        picture: &Picture,
        whole: (u16, u16),
        skip: (u16, u16),
    ) {
        let shown = area.intersection(self.cells.area);
        let columns = shown.width.min(whole.0.saturating_sub(skip.0));
        let rows = shown.height.min(whole.1.saturating_sub(skip.1));
        let shown = Rect::new(shown.x, shown.y, columns, rows);
        self.fill(shown, Style::new());
        let cells = u32::from(whole.0) * u32::from(whole.1);
        if shown.is_empty() || cells > MAX_PICTURE_CELLS || self.pictures.len() >= MAX_PICTURES {
            return;
        }
        self.pictures.push(Placement { area: shown, whole, skip, picture: picture.clone() });
        let number = self.pictures.len() as u16;
        self.need_marks();
        for position in shown.positions() {
            let index = self.cells.index_of(position.x, position.y);
            self.marks[index] = Mark { link: 0, picture: number };
        }
    }

    /// Draws another frame into `area`, from the cell on that is `skip` columns and rows into it. Its
    /// cursor is left out.
    pub fn put_frame(&mut self, area: Rect, from: &Self, skip: (u16, u16)) {
        let shown = area.intersection(self.cells.area);
        let columns = shown.width.min(from.cells.area.width.saturating_sub(skip.0));
        let rows = shown.height.min(from.cells.area.height.saturating_sub(skip.1));
        let source = Rect::new(skip.0, skip.1, columns, rows);
        for placement in &from.pictures {
            let seen = placement.area.intersection(source);
            if seen.is_empty() {
                continue;
            }
            let within = (
                placement.skip.0 + seen.x - placement.area.x,
                placement.skip.1 + seen.y - placement.area.y,
            );
            let (x, y) = (shown.x + seen.x - skip.0, shown.y + seen.y - skip.1);
            let place = Rect::new(x, y, seen.width, seen.height);
            self.put_picture_part(place, &placement.picture, placement.whole, within);
        }
        for row in 0..rows {
            let mut column = 0;
            while column < columns {
                let (x, y) = (skip.0 + column, skip.1 + row);
                let index = from.cells.index_of(x, y);
                if from.marks.get(index).is_some_and(|mark| mark.picture != 0) {
                    // A picture that nothing hides here: it is there already.
                    column += 1;
                    continue;
                }
                let cell = &from.cells[(x, y)];
                let width = symbol_width(cell.symbol());
                let link = from.link(x, y).map_or(0, |link| self.link_number(link));
                let (to_x, to_y) = (shown.x + column, shown.y + row);
                if width > columns - column {
                    // Half of it would be past the edge.
                    self.claim(to_x, to_y, 1, link).set_char(' ').set_style(cell.style());
                } else {
                    *self.claim(to_x, to_y, width, link) = cell.clone();
                    for covered in 1..width {
                        let half = from.cells[(x + covered, y)].clone();
                        self.cells[(to_x + covered, to_y)] = half;
                    }
                }
                column += width;
            }
        }
    }

    /// Where the terminal's own cursor is to be; hidden when nowhere.
    pub fn set_cursor(&mut self, cursor: Option<(u16, u16)>) {
        self.cursor = cursor;
    }

    pub fn cursor(&self) -> Option<(u16, u16)> {
        self.cursor
    }

    /// What the cell at `(x, y)` shows and how; nothing outside of the frame.
    pub fn cell(&self, x: u16, y: u16) -> Option<(&str, Style)> {
        self.cells.cell((x, y)).map(|cell| (cell.symbol(), cell.style()))
    }

    /// The address that the cell at `(x, y)` leads to.
    pub fn link(&self, x: u16, y: u16) -> Option<&Arc<str>> {
        self.cells.cell((x, y))?;
        let mark = self.marks.get(self.cells.index_of(x, y))?;
        self.links.get(usize::from(mark.link).checked_sub(1)?)
    }

    /// The text of the rows, without the blanks at their ends.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for y in 0..self.cells.area.height {
            let mut row = String::new();
            let mut x = 0;
            while x < self.cells.area.width {
                let symbol = self.cells[(x, y)].symbol();
                row.push_str(symbol);
                x += symbol_width(symbol);
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }

    /// The cells of a row.
    pub(super) fn row(&self, y: u16) -> &[Cell] {
        let width = usize::from(self.cells.area.width);
        let start = usize::from(y) * width;
        &self.cells.content[start..start + width]
    }

    /// The columns of a row up to the last one that shows anything.
    pub(super) fn row_length(&self, y: u16) -> u16 {
        let blank = Cell::default();
        let row = self.row(y);
        let last = row.iter().rposition(|cell| *cell != blank);
        // A row has no more columns than that.
        last.map_or(0, |last| last as u16 + symbol_width(row[last].symbol()))
    }

    /// A part of the frame as a frame of its own; what is past its edges is blank.
    pub(super) fn part(&self, area: Rect) -> Self {
        let mut part = Self::new(area.width, area.height);
        part.put_frame(part.area(), self, (area.x, area.y));
        part.cursor = self.cursor.and_then(|(x, y)| {
            let is_inside = x >= area.x && y >= area.y;
            is_inside.then(|| (x - area.x, y - area.y))
        });
        part
    }

    /// Whether any cell may be a link.
    pub(super) fn has_links(&self) -> bool {
        !self.links.is_empty()
    }

    /// Makes the cells of `area` differ from all that can be drawn.
    pub(super) fn spoil(&mut self, area: Rect) {
        for position in area.intersection(self.cells.area).positions() {
            self.cells[position].set_symbol("");
        }
    }

    /// Takes out the pictures. Those that `is_native` are left to whoever draws them, on blank cells;
    /// the others, and those that are partly hidden, are drawn with half blocks.
    pub(super) fn take_pictures(
        &mut self,
        is_native: impl Fn(&Placement) -> bool,
        mut scale: impl FnMut(&Placement) -> Arc<Cells>,
    ) -> Vec<Placement> {
        let mut native = Vec::new();
        for (number, placement) in (1..).zip(std::mem::take(&mut self.pictures)) {
            let is_mine =
                |frame: &Self, x, y| frame.marks[frame.cells.index_of(x, y)].picture == number;
            let mut places = placement.area.positions();
            if is_native(&placement) && places.all(|place| is_mine(self, place.x, place.y)) {
                native.push(placement);
                continue;
            }
            let pixels = scale(&placement);
            for place in placement.area.positions() {
                if is_mine(self, place.x, place.y) {
                    let skip = (
                        placement.skip.0 + place.x - placement.area.x,
                        placement.skip.1 + place.y - placement.area.y,
                    );
                    self.put_pixels_from(Rect::new(place.x, place.y, 1, 1), &pixels, skip);
                }
            }
        }
        native
    }

    /// The cell at `(x, y)`, which with those right of it is about to show something `width` cells
    /// wide: wide characters that lose a half are blanked, and links and pictures end here.
    fn claim(&mut self, x: u16, y: u16, width: u16, link: u16) -> &mut Cell {
        self.split(x, y);
        let end = x.saturating_add(width);
        if end < self.cells.area.width {
            self.split(end, y);
        }
        if link != 0 || !self.marks.is_empty() {
            self.need_marks();
            let start = self.cells.index_of(x, y);
            self.marks[start..start + usize::from(width)].fill(Mark { link, picture: 0 });
        }
        &mut self.cells[(x, y)]
    }

    /// Blanks the wide character that has cells on both sides of the left edge of `(x, y)`.
    fn split(&mut self, x: u16, y: u16) {
        if x > 0 && symbol_width(self.cells[(x - 1, y)].symbol()) > 1 {
            self.cells[(x - 1, y)].set_char(' ');
            self.cells[(x, y)].set_char(' ');
        }
    }

    fn need_marks(&mut self) {
        if self.marks.is_empty() {
            self.marks = vec![Mark::default(); self.cells.content.len()];
        }
    }

    /// The number of an address; zero for one that is not to be a link.
    fn link_number(&mut self, address: &Arc<str>) -> u16 {
        let same = |known: &Arc<str>| Arc::ptr_eq(known, address) || known == address;
        let number = match self.links.iter().rposition(same) {
            Some(index) => index + 1,
            None if self.links.len() < MAX_LINKS && is_linkable(address) => {
                self.links.push(address.clone());
                self.links.len()
            }
            None => 0,
        };
        u16::try_from(number).unwrap_or(0)
    }
}

/// Whether an address may stand in a link: printable ASCII of a known scheme.
fn is_linkable(address: &str) -> bool {
    let is_known = |scheme: &&str| {
        address.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    address.len() <= MAX_ADDRESS_BYTES
        && address.bytes().all(|byte| byte.is_ascii_graphic())
        && SCHEMES.iter().any(is_known)
}

fn rgb([red, green, blue]: Rgb) -> Color {
    Color::Rgb(red, green, blue)
}
