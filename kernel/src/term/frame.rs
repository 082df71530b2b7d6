//! A frame: the cells of a screen, before they are on it.

use std::sync::Arc;

use ratatui_core::{buffer::Buffer, layout::Rect, style::Style};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// The cells that `text` takes in a [`Frame`]. Control characters take none: they cannot be drawn.
pub fn width(text: &str) -> usize {
    text.graphemes(true).filter_map(drawable).map(|(_, width)| width).sum()
}

/// A grapheme as it is drawn, and its cells; nothing for control characters.
fn drawable(grapheme: &str) -> Option<(&str, usize)> {
    if grapheme.chars().any(char::is_control) {
        return None;
    }
    Some((grapheme, grapheme.width()))
}

/// Cells of a screen. What is put into it cannot hold a control character, and lands inside it.
#[derive(Clone, Debug)]
pub struct Frame {
    cells: Buffer,
    cursor: Option<(u16, u16)>,
}

impl Frame {
    /// A blank frame.
    pub fn new(width: u16, height: u16) -> Self {
        Self { cells: Buffer::empty(Rect::new(0, 0, width, height)), cursor: None }
    }

    pub fn area(&self) -> Rect {
        self.cells.area
    }

    /// Writes `text` from `(x, y)` on, over what is there, up to the column `end` (not included). A
    /// wide character that does not fit whole is left out. Answers the column after the text.
    /// `style` is patched onto the cells' own; `link` makes them a link to that address.
    pub fn put(
        &mut self,
        x: u16,
        y: u16,
        end: u16,
        text: &str,
        style: Style,
        link: Option<&Arc<str>>,
    ) -> u16 {
        let _ = link;
        let mut column = x;
        let end = end.min(self.cells.area.width);
        if y >= self.cells.area.height {
            return column;
        }
        for (symbol, width) in text.graphemes(true).filter_map(drawable) {
            let width = u16::try_from(width).unwrap_or(u16::MAX);
            if width == 0 {
                continue;
            }
            if column.saturating_add(width) > end {
                break;
            }
            self.cells[(column, y)].set_symbol(symbol).set_style(style);
            for covered in column + 1..column + width {
                self.cells[(covered, y)].reset();
            }
            column += width;
        }
        column
    }

    /// Blanks the cells of `area` and gives them `style`.
    pub fn fill(&mut self, area: Rect, style: Style) {
        let area = area.intersection(self.cells.area);
        for position in area.positions() {
            self.cells[position].reset();
            self.cells[position].set_style(style);
        }
    }

    /// Patches the style of the cells of `area`, and leaves what they show.
    pub fn restyle(&mut self, area: Rect, style: Style) {
        self.cells.set_style(area.intersection(self.cells.area), style);
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

    /// The text of the rows, without the blanks at their ends.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for y in 0..self.cells.area.height {
            let mut row = String::new();
            let mut x = 0;
            while x < self.cells.area.width {
                let symbol = self.cells[(x, y)].symbol();
                row.push_str(symbol);
                x += u16::try_from(symbol.width()).unwrap_or(1).max(1);
            }
            text.push_str(row.trim_end());
            text.push('\n');
        }
        text
    }
}
