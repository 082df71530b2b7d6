//! Surfaces: pictures that a program writes as records, and their way onto character cells.
//!
//! A record is a header line and the bytes of one frame:
//!
//! - `HALFBLOCK <columns> <rows> <bytes>`: for each cell six bytes, the RGB of its upper half and the
//!   RGB of its lower half
//! - `FRAME <width> <height> <bytes>`: for each pixel four bytes, RGBA
//!
//! Owns: the bytes of a record until it is whole, and the newest frame of a [`Slot`]. Leaves to
//! callers: where the bytes come from, and drawing. Cancel: nothing waits here. Fails: a bad record
//! is a [`Fault`] among the records; what follows it is found again.

mod decode;
mod scale;
mod slot;

pub use decode::{Decoder, Fault, MAX_FRAME_BYTES, MAX_HEADER_BYTES, Record};
pub use scale::{Cell, Cells, Rgb, scale_to_cells};
pub use slot::Slot;

/// How the bytes of a frame are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Cells of two pixels, one above the other, in RGB.
    HalfblockRgb,
    /// Pixels in RGBA; alpha is not multiplied in.
    Rgba,
}

impl Format {
    /// What the header of a record starts with.
    pub fn marker(self) -> &'static str {
        match self {
            Self::HalfblockRgb => "HALFBLOCK ",
            Self::Rgba => "FRAME ",
        }
    }

    /// The bytes that a frame of this size has; `None` when no number holds them.
    pub fn byte_len(self, width: u64, height: u64) -> Option<u64> {
        let unit = match self {
            Self::HalfblockRgb => 6,
            Self::Rgba => 4,
        };
        width.checked_mul(height)?.checked_mul(unit)
    }
}

/// A picture. Its bytes are exactly as many as its size takes, and there is at least one pixel.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    format: Format,
    width: usize,
    height: usize,
    data: Vec<u8>,
}

impl Frame {
    /// A frame of `width` by `height` units: cells or pixels, as the format counts.
    pub fn new(format: Format, width: u64, height: u64, data: Vec<u8>) -> Result<Self, Fault> {
        let bytes = decode::check_size(format, width, height, data.len() as u64, usize::MAX)?;
        debug_assert_eq!(bytes, data.len());
        // Both are at most as large as their product, which is the length of a vector.
        Ok(Self { format, width: width as usize, height: height as usize, data })
    }

    pub fn format(&self) -> Format {
        self.format
    }

    /// Width and height in the units of the format.
    pub fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// Width and height in pixels.
    pub fn pixels(&self) -> (usize, usize) {
        match self.format {
            Format::HalfblockRgb => (self.width, self.height * 2),
            Format::Rgba => (self.width, self.height),
        }
    }

    pub fn data(&self) -> &[u8] {
        &self.data
    }
}

impl std::fmt::Debug for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame({:?} {}x{})", self.format, self.width, self.height)
    }
}
