//! From frames to bytes: what differs between what is shown and what is to be shown.

use ratatui_core::layout::Rect;

use super::{
    brush::{Brush, Moves},
    caps::{Capabilities, Graphics},
    frame::Frame,
    gallery::Gallery,
    picture::Placement,
    scaled::Scaled,
};

/// Starts and ends what the terminal shows at once.
pub(super) const SYNC: (&[u8], &[u8]) = (b"\x1b[?2026h", b"\x1b[?2026l");
/// Shows and hides the cursor.
pub(super) const CURSOR: (&[u8], &[u8]) = (b"\x1b[?25h", b"\x1b[?25l");

/// Turns frames into bytes. Each is compared with the one before, which is taken to be on the screen
/// until [`Encoder::invalidate`].
#[derive(Debug)]
pub struct Encoder {
    brush: Brush,
    capabilities: Capabilities,
    /// What the screen shows, pictures apart; nothing when that is unknown.
    shown: Option<Frame>,
    pub(super) is_cursor_shown: bool,
    gallery: Gallery,
    scaled: Scaled,
}

impl Encoder {
    /// An encoder for a whole screen whose cursor is hidden.
    pub fn new(capabilities: Capabilities) -> Self {
        Self::moving(Moves::Absolute, capabilities)
    }

    pub(super) fn moving(moves: Moves, capabilities: Capabilities) -> Self {
        let mut encoder = Self {
            brush: Brush::new(moves),
            capabilities: Capabilities::default(),
            shown: None,
            is_cursor_shown: false,
            gallery: Gallery::default(),
            scaled: Scaled::default(),
        };
        encoder.set_capabilities(capabilities);
        encoder
    }

    /// From now on the terminal is taken to be capable of this.
    pub fn set_capabilities(&mut self, capabilities: Capabilities) {
        let how = |of: &Capabilities| (of.colors, of.graphics, of.links, of.background, of.cell);
        if how(&capabilities) != how(&self.capabilities) {
            self.shown = None;
        }
        self.brush.depth = capabilities.colors;
        self.brush.links = capabilities.links;
        self.capabilities = capabilities;
    }

    /// Forgets what is on the screen: the next frame is drawn whole.
    pub fn invalidate(&mut self) {
        self.shown = None;
    }

    /// Forgets everything about the terminal, which has been somebody else's: its cursor is hidden
    /// now, and it keeps no pictures.
    pub(super) fn restart(&mut self) {
        self.shown = None;
        self.is_cursor_shown = false;
        self.gallery = Gallery::default();
        self.brush.set_place(None, None);
    }

    /// The bytes that make a screen of `size` show `frame`: none when it does already. What does not
    /// fit is cut.
    pub fn encode(&mut self, frame: Frame, size: (u16, u16)) -> Vec<u8> {
        let area = Rect::new(0, 0, size.0, size.1).intersection(frame.area());
        let mut frame = frame;
        let natives = self.resolve(&mut frame, area);
        let is_known = self.shown.as_ref().is_some_and(|shown| shown.area() == frame.area());
        let start = self.brush.place();
        let mut old = match self.shown.take() {
            Some(shown) if is_known => shown,
            _ => {
                self.clear();
                Frame::new(frame.area().width, frame.area().height)
            }
        };
        self.gallery.remove(&natives, &mut old, &mut self.brush.out);
        for y in 0..area.height {
            self.brush.draw_row(y, &frame, &old);
        }
        self.gallery.add(&natives, &self.capabilities, &mut self.brush);
        self.brush.plain();
        let cursor = frame.cursor().filter(|(x, y)| *x < area.width && *y < area.height);
        self.shown = Some(frame);
        self.finish(cursor, start)
    }

    /// Draws with half blocks what the terminal cannot show otherwise, and answers the rest.
    pub(super) fn resolve(&mut self, frame: &mut Frame, area: Rect) -> Vec<Placement> {
        // Sixels are drawn in pixels, and scroll the screen at its end.
        let (can_draw, bottom) = match self.capabilities.graphics {
            Graphics::HalfBlocks => (false, 0),
            Graphics::Sixel => (self.capabilities.cell.is_some(), area.bottom().saturating_sub(1)),
            Graphics::Kitty | Graphics::Iterm2 => (true, area.bottom()),
        };
        let background = self.capabilities.background.unwrap_or_default();
        let scaled = &mut self.scaled;
        let natives = frame.take_pictures(
            |placement| {
                can_draw
                    && area.intersection(placement.area) == placement.area
                    && placement.area.bottom() <= bottom
            },
            |placement| scaled.cells(placement, background),
        );
        scaled.end_frame();
        natives
    }

    /// Starts from a blank screen.
    fn clear(&mut self) {
        self.gallery.forget(&mut self.brush.out);
        self.brush.write(b"\x1b[m\x1b[H\x1b[2J");
        self.brush.set_place(Some(0), Some(0));
    }

    /// Puts the cursor where it belongs, and wraps what was drawn. Answers the bytes.
    pub(super) fn finish(
        &mut self,
        cursor: Option<(u16, u16)>,
        start: (Option<u16>, Option<u16>),
    ) -> Vec<u8> {
        let drawn = std::mem::take(&mut self.brush.out);
        let mut bytes = Vec::with_capacity(drawn.len() + 64);
        let is_wrapped = !drawn.is_empty();
        if is_wrapped {
            if self.capabilities.synchronized {
                bytes.extend_from_slice(SYNC.0);
            }
            if self.is_cursor_shown {
                bytes.extend_from_slice(CURSOR.1);
                self.is_cursor_shown = false;
            }
            bytes.extend_from_slice(&drawn);
        } else {
            let (row, column) = start;
            self.brush.set_place(row, column);
        }
        if let Some((x, y)) = cursor {
            self.brush.move_to(x, y);
            bytes.append(&mut self.brush.out);
            if !self.is_cursor_shown {
                bytes.extend_from_slice(CURSOR.0);
            }
        } else if self.is_cursor_shown {
            bytes.extend_from_slice(CURSOR.1);
        }
        self.is_cursor_shown = cursor.is_some();
        if is_wrapped && self.capabilities.synchronized {
            bytes.extend_from_slice(SYNC.1);
        }
        // What was large once need not stay so.
        self.brush.out = drawn;
        self.brush.out.clear();
        self.brush.out.shrink_to(1 << 18);
        bytes
    }

    pub(super) fn is_synchronized(&self) -> bool {
        self.capabilities.synchronized
    }

    /// Whether the terminal itself keeps pictures, over the cells.
    pub(super) fn keeps_pictures(&self) -> bool {
        self.gallery.is_used()
    }

    pub(super) fn brush(&mut self) -> &mut Brush {
        &mut self.brush
    }

    pub(super) fn take_shown(&mut self) -> Option<Frame> {
        self.shown.take()
    }

    pub(super) fn shown(&self) -> Option<&Frame> {
        self.shown.as_ref()
    }

    pub(super) fn set_shown(&mut self, frame: Frame) {
        self.shown = Some(frame);
    }
}
