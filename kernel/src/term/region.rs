//! A region of rows at the end of what the normal screen shows, and the rows that leave it upwards.

use ratatui_core::layout::Rect;

use super::{
    brush::Moves,
    caps::{Capabilities, Graphics},
    encode::Encoder,
    frame::Frame,
};

/// Erases from the cursor on to the end of the screen.
const ERASE_BELOW: &[u8] = b"\x1b[J";

/// Turns frames into the bytes that show them in the region.
#[derive(Debug)]
pub(super) struct Region {
    encoder: Encoder,
    /// The rows that the region has on the screen.
    rows: u16,
    /// The width of the screen when the region was drawn.
    width: u16,
    /// What is on the screen is not what was drawn.
    is_stale: bool,
}

impl Region {
    pub(super) fn new(capabilities: Capabilities) -> Self {
        let mut region = Self {
            encoder: Encoder::moving(Moves::Relative, Capabilities::default()),
            rows: 0,
            width: 0,
            is_stale: true,
        };
        region.set_capabilities(capabilities);
        region.restart();
        region
    }

    /// Rows move, and pictures that the terminal draws would have to: here they are half blocks.
    pub(super) fn set_capabilities(&mut self, mut capabilities: Capabilities) {
        capabilities.graphics = Graphics::HalfBlocks;
        self.encoder.set_capabilities(capabilities);
    }

    pub(super) fn invalidate(&mut self) {
        // What is shown is kept: it says how far up the region starts.
        self.is_stale = true;
    }

    /// The region starts anew at the cursor, which is hidden now.
    pub(super) fn restart(&mut self) {
        self.encoder.restart();
        self.encoder.brush().set_place(Some(0), None);
        self.rows = 0;
        self.width = 0;
    }

    /// Whether the encoder shows the cursor.
    pub(super) fn is_cursor_shown(&self) -> bool {
        self.encoder.is_cursor_shown
    }

    pub(super) fn is_synchronized(&self) -> bool {
        self.encoder.is_synchronized()
    }

    /// The rows of the region below the cursor; nothing when the region has no rows.
    pub(super) fn below(&mut self) -> Option<u16> {
        let row = self.encoder.brush().row();
        (self.rows > 0).then(|| self.rows - 1 - row.min(self.rows - 1))
    }

    /// The bytes that print `above` and show `frame` below it.
    pub(super) fn encode(&mut self, above: Vec<Frame>, frame: Frame, size: (u16, u16)) -> Vec<u8> {
        let mut frame = fitted(frame, size);
        self.encoder.resolve(&mut frame, Rect::new(0, 0, 0, 0));
        let start = self.encoder.brush().place();
        let is_resized = self.width != size.0;
        let is_new = is_resized || self.is_stale || self.encoder.shown().is_none();
        if is_new || !above.is_empty() {
            self.go_to_top(size.0);
            self.encoder.take_shown();
            self.print(above, size);
        }
        self.set_rows(frame.area().height);
        let blank = Frame::new(frame.area().width, frame.area().height);
        let old = self.encoder.take_shown().map_or(blank, |shown| fit_rows(shown, frame.area()));
        for y in 0..frame.area().height {
            self.encoder.brush().draw_row(y, &frame, &old);
        }
        self.encoder.brush().plain();
        (self.width, self.is_stale) = (size.0, false);
        let area = frame.area();
        let cursor = frame.cursor().filter(|(x, y)| *x < area.width && *y < area.height);
        self.encoder.set_shown(frame);
        self.encoder.finish(cursor, start)
    }

    /// Goes to the first row of the region and erases all from there on. Rows that are wider than
    /// the screen is now take several.
    fn go_to_top(&mut self, width: u16) {
        let (row, column) = self.encoder.brush().place();
        let row = row.unwrap_or(0);
        let mut up = row;
        if let Some(shown) = self.encoder.shown().filter(|_| width > 0 && width < self.width) {
            let wraps = |length: u16| length.saturating_sub(1) / width;
            let lengths = (0..row.min(shown.area().height)).map(|y| shown.row_length(y));
            up = up.saturating_add(lengths.map(wraps).sum());
            up = up.saturating_add(column.map_or(0, |column| column / width));
        }
        let brush = self.encoder.brush();
        brush.set_place(Some(up), None);
        brush.move_to(0, 0);
        brush.write(ERASE_BELOW);
        self.rows = 0;
    }

    /// Prints rows, each of which ends up above the region.
    fn print(&mut self, above: Vec<Frame>, size: (u16, u16)) {
        for lines in above {
            let area = Rect { width: lines.area().width.min(size.0), ..lines.area() };
            let mut lines = if area == lines.area() { lines } else { lines.part(area) };
            self.encoder.resolve(&mut lines, Rect::new(0, 0, 0, 0));
            let blank = Frame::new(area.width, area.height);
            for y in 0..area.height {
                let brush = self.encoder.brush();
                brush.set_place(Some(y), Some(0));
                brush.draw_row(y, &lines, &blank);
                brush.plain();
                brush.write(b"\r\n");
            }
            self.encoder.brush().set_place(Some(0), Some(0));
        }
    }

    /// Gives the region as many rows as it needs.
    fn set_rows(&mut self, rows: u16) {
        let had = self.rows;
        self.rows = rows;
        let brush = self.encoder.brush();
        if rows < had {
            brush.move_to(0, rows);
            brush.write(ERASE_BELOW);
            // The cursor may be in no row of the region: it is in its last one, or where it began.
            brush.move_to(0, rows.saturating_sub(1));
        } else if rows > had.max(1) {
            let last = had.max(1) - 1;
            brush.move_to(0, last);
            brush.feed(rows - 1 - last);
        }
    }
}

/// The last rows of a frame, as many as the screen has.
fn fitted(frame: Frame, (width, height): (u16, u16)) -> Frame {
    let area = frame.area();
    if area.height <= height && area.width <= width {
        return frame;
    }
    let rows = area.height.min(height);
    frame.part(Rect::new(0, area.height - rows, area.width.min(width), rows))
}

/// What was shown, with as many rows as are to be shown: new ones are blank.
fn fit_rows(shown: Frame, area: Rect) -> Frame {
    if shown.area() == area {
        return shown;
    }
    if shown.area().width != area.width {
        return Frame::new(area.width, area.height);
    }
    shown.part(area)
}
