//! Pictures as half blocks, scaled once for as long as they are shown.

use std::sync::Arc;

use super::picture::{Picture, Placement};
use crate::surface::{Cells, Rgb, scale_to_cells};

#[derive(Debug)]
struct Entry {
    picture: Picture,
    whole: (u16, u16),
    background: Rgb,
    cells: Arc<Cells>,
    is_used: bool,
}

/// What the pictures of the last frame were scaled to.
#[derive(Debug, Default)]
pub(super) struct Scaled {
    entries: Vec<Entry>,
}

impl Scaled {
    /// The whole picture of a placement as cells.
    pub(super) fn cells(&mut self, placement: &Placement, background: Rgb) -> Arc<Cells> {
        let Placement { whole, picture, .. } = placement;
        let same = |entry: &&mut Entry| {
            entry.picture == *picture && entry.whole == *whole && entry.background == background
        };
        if let Some(entry) = self.entries.iter_mut().find(same) {
            entry.is_used = true;
            return entry.cells.clone();
        }
        let cells = Arc::new(scale_to_cells(picture.pixels(), whole.0, whole.1, background));
        self.entries.push(Entry {
            picture: picture.clone(),
            whole: *whole,
            background,
            cells: cells.clone(),
            is_used: true,
        });
        cells
    }

    /// Forgets what the frame did not show.
    pub(super) fn end_frame(&mut self) {
        self.entries.retain_mut(|entry| std::mem::take(&mut entry.is_used));
    }
}
