//! From a frame to character cells: each shows two pixels, its halves.

use std::ops::Range;

use super::{Format, Frame};

/// A colour.
pub type Rgb = [u8; 3];

/// A cell that shows the upper half block: the upper pixel is its foreground, the lower one its
/// background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cell {
    pub fg: Rgb,
    pub bg: Rgb,
}

/// A picture of `cols` by `rows` cells, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cells {
    pub cols: u16,
    pub rows: u16,
    pub cells: Vec<Cell>,
}

/// Scales a frame to `cols` by `rows` cells: what becomes smaller is averaged, what becomes larger
/// repeats its pixels, and at its own size it stays as it is. Transparent pixels show `background`.
///
/// The answer has a cell for each place, so callers ask for no more than a screen.
pub fn scale_to_cells(frame: &Frame, cols: u16, rows: u16, background: Rgb) -> Cells {
    let (width, height) = frame.pixels();
    let across: Vec<Range<usize>> = spans(width, usize::from(cols)).collect();
    let down: Vec<Range<usize>> = spans(height, usize::from(rows) * 2).collect();
    let mut cells = Vec::with_capacity(across.len() * down.len() / 2);
    for halves in down.chunks_exact(2) {
        let pixel = |xs: &Range<usize>, ys: &Range<usize>| average(frame, xs, ys, background);
        let row =
            across.iter().map(|xs| Cell { fg: pixel(xs, &halves[0]), bg: pixel(xs, &halves[1]) });
        cells.extend(row);
    }
    Cells { cols, rows, cells }
}

/// Divides `from` pixels among `to`; each gets at least one.
fn spans(from: usize, to: usize) -> impl Iterator<Item = Range<usize>> {
    (0..to).map(move |index| {
        let start = index * from / to;
        start..((index + 1) * from / to).max(start + 1)
    })
}

/// The average colour of a box of pixels, over the background.
fn average(frame: &Frame, xs: &Range<usize>, ys: &Range<usize>, background: Rgb) -> Rgb {
    let mut sum = [0_u64; 3];
    let weight = match frame.format {
        Format::HalfblockRgb => {
            for y in ys.clone() {
                let row = y / 2 * frame.width;
                for cell in frame.data[(row + xs.start) * 6..(row + xs.end) * 6].chunks_exact(6) {
                    let half = y % 2 * 3;
                    add(&mut sum, |channel| u64::from(cell[half + channel]));
                }
            }
            1
        }
        Format::Rgba => {
            for y in ys.clone() {
                let row = y * frame.width;
                for pixel in frame.data[(row + xs.start) * 4..(row + xs.end) * 4].chunks_exact(4) {
                    let alpha = u64::from(pixel[3]);
                    add(&mut sum, |channel| {
                        u64::from(pixel[channel]) * alpha
                            + u64::from(background[channel]) * (255 - alpha)
                    });
                }
            }
            255
        }
    };
    let count = (xs.len() * ys.len()) as u64 * weight;
    // An average of bytes is a byte.
    sum.map(|sum| ((sum + count / 2) / count) as u8)
}

fn add(sum: &mut [u64; 3], value: impl Fn(usize) -> u64) {
    for (channel, sum) in sum.iter_mut().enumerate() {
        *sum += value(channel);
    }
}
