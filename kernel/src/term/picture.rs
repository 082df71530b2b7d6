//! Pictures: pixels that a frame keeps a place for.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use ratatui_core::layout::Rect;

use crate::surface;

/// A picture to be shown in a [`super::Frame`]. Copies share the pixels.
///
/// Terminals that draw pixels are sent them once for each id and generation, and are told to draw
/// them again from then on.
#[derive(Clone)]
pub struct Picture {
    id: u64,
    generation: u64,
    pixels: Arc<surface::Frame>,
}

impl Picture {
    /// A picture of its own.
    pub fn new(pixels: Arc<surface::Frame>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self { id: NEXT.fetch_add(1, Ordering::Relaxed), generation: 0, pixels }
    }

    /// The same picture with other pixels: it takes the place of the last.
    #[must_use]
    pub fn next(&self, pixels: Arc<surface::Frame>) -> Self {
        Self { id: self.id, generation: self.generation + 1, pixels }
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    /// Counts how often the pixels were replaced.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    pub fn pixels(&self) -> &Arc<surface::Frame> {
        &self.pixels
    }

    /// The columns and rows that show the picture undistorted in at most `columns` by `rows`, given
    /// the width and height of a cell in pixels. Never larger than its pixels.
    pub fn fit(&self, columns: u16, rows: u16, cell: (u16, u16)) -> (u16, u16) {
        let (width, height) = self.pixels.pixels();
        let (cell_width, cell_height) = (f64::from(cell.0.max(1)), f64::from(cell.1.max(1)));
        let (wide, high) = (width as f64 / cell_width, height as f64 / cell_height);
        let scale = (f64::from(columns) / wide).min(f64::from(rows) / high).min(1.0);
        let fitted = |cells: f64, most: u16| ((cells * scale).round() as u16).max(1).min(most);
        (fitted(wide, columns), fitted(high, rows))
    }
}

impl PartialEq for Picture {
    fn eq(&self, other: &Self) -> bool {
        (self.id, self.generation) == (other.id, other.generation)
            && Arc::ptr_eq(&self.pixels, &other.pixels)
    }
}

impl Eq for Picture {}

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Picture({}.{} {:?})", self.id, self.generation, self.pixels)
    }
}

/// Where a picture is shown, and which part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The cells that show it: at least one.
    pub(super) area: Rect,
    /// The columns and rows of the whole picture.
    pub(super) whole: (u16, u16),
    /// The columns and rows of it that are left out before `area`.
    pub(super) skip: (u16, u16),
    pub(super) picture: Picture,
}

impl Placement {
    /// The pixels of the part, of a picture of that width and height: left, top, width, height. At
    /// least one, and within the picture.
    pub(super) fn source(&self, (width, height): (usize, usize)) -> [usize; 4] {
        let part = |pixels: usize, whole: u16, skip: u16, shown: u16| {
            let at = |cells: u16| pixels * usize::from(cells) / usize::from(whole.max(1));
            let start = at(skip).min(pixels - 1);
            (start, at(skip + shown).clamp(start + 1, pixels) - start)
        };
        let (x, wide) = part(width, self.whole.0, self.skip.0, self.area.width);
        let (y, high) = part(height, self.whole.1, self.skip.1, self.area.height);
        [x, y, wide, high]
    }
}
