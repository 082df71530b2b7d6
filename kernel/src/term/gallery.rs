//! The pictures that the terminal itself draws: which it holds, and which it shows where.

use ratatui_core::layout::Rect;

use super::{
    brush::Brush,
    caps::{Capabilities, Graphics},
    frame::Frame,
    graphics::{self, Pixels},
    picture::{Picture, Placement},
};

/// The size of a cell, where the terminal does not say.
const CELL: (u16, u16) = (10, 20);

/// A picture that kitty holds.
#[derive(Debug)]
struct Held {
    picture: Picture,
    whole: (u16, u16),
    /// The size in which it was sent.
    size: (usize, usize),
    id: u32,
    is_shown: bool,
}

/// A picture on the screen.
#[derive(Debug)]
struct Shown {
    placement: Placement,
    by: Graphics,
    /// The image of kitty, and the number of its placement.
    id: u32,
    number: u32,
}

/// What the terminal draws by itself.
#[derive(Debug, Default)]
pub(super) struct Gallery {
    held: Vec<Held>,
    shown: Vec<Shown>,
    count: u32,
}

impl Gallery {
    /// Whether the terminal holds pictures.
    pub(super) fn is_used(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes away what is not to be shown any more. Where pictures are in the cells, `old` says that
    /// those cells hold nothing known.
    pub(super) fn remove(&mut self, wanted: &[Placement], old: &mut Frame, out: &mut Vec<u8>) {
        self.shown.retain(|shown| {
            if wanted.contains(&shown.placement) {
                return true;
            }
            match shown.by {
                Graphics::Kitty => graphics::kitty_hide(shown.id, shown.number, out),
                _ => old.spoil(shown.placement.area),
            }
            false
        });
    }

    /// Shows what is not on the screen yet.
    pub(super) fn add(&mut self, wanted: &[Placement], with: &Capabilities, brush: &mut Brush) {
        for placement in wanted {
            if !self.shown.iter().any(|shown| shown.placement == *placement) {
                self.show(placement, with, brush);
            }
        }
        self.held.retain_mut(|held| {
            held.is_shown = self.shown.iter().any(|shown| shown.id == held.id);
            if !held.is_shown {
                graphics::kitty_drop(held.id, &mut brush.out);
            }
            held.is_shown
        });
    }

    /// Takes everything away: the screen is about to be cleared.
    pub(super) fn forget(&mut self, out: &mut Vec<u8>) {
        for held in self.held.drain(..) {
            graphics::kitty_drop(held.id, out);
        }
        self.shown.clear();
    }

    fn show(&mut self, placement: &Placement, with: &Capabilities, brush: &mut Brush) {
        let cell = with.cell.unwrap_or(CELL);
        let Rect { x, y, .. } = placement.area;
        let (mut id, mut number) = (0, 0);
        match with.graphics {
            Graphics::HalfBlocks => return,
            Graphics::Kitty => {
                let index = self.hold(placement, cell, &mut brush.out);
                self.count += 1;
                (id, number) = (self.held[index].id, self.count);
                let source = placement.source(self.held[index].size);
                brush.move_to(x, y);
                graphics::kitty_show(id, number, placement.area, source, &mut brush.out);
            }
            Graphics::Iterm2 => {
                let pixels = Pixels::part(placement, cell);
                brush.move_to(x, y);
                graphics::iterm2(&pixels, placement.area, &mut brush.out);
                brush.set_place(None, None);
            }
            Graphics::Sixel => {
                let pixels = Pixels::filling(placement, cell);
                brush.move_to(x, y);
                graphics::sixel(&pixels, with.background.unwrap_or_default(), &mut brush.out);
                brush.set_place(None, None);
            }
        }
        self.shown.push(Shown { placement: placement.clone(), by: with.graphics, id, number });
    }

    /// Sends a picture to kitty unless it has it.
    fn hold(&mut self, placement: &Placement, cell: (u16, u16), out: &mut Vec<u8>) -> usize {
        let Placement { picture, whole, .. } = placement;
        let same = |held: &Held| held.picture == *picture && held.whole == *whole;
        if let Some(index) = self.held.iter().position(same) {
            return index;
        }
        self.count += 1;
        // Ids are shared with whatever else runs in the window.
        let id = (std::process::id() & 0x7fff) << 16 | (self.count & 0xffff);
        let pixels = Pixels::whole(placement, cell);
        graphics::kitty_send(id, &pixels, out);
        let (picture, whole) = (picture.clone(), *whole);
        self.held.push(Held { picture, whole, size: pixels.size(), id, is_shown: true });
        self.held.len() - 1
    }
}
