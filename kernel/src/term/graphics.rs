//! The bytes of pictures, in the protocols of the terminals that draw them.

use std::io::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use flate2::{Compression, Crc, write::ZlibEncoder};
use ratatui_core::layout::Rect;

use super::picture::Placement;
use crate::surface::{self, Format, Rgb};

/// Most pixels of a picture that are sent: larger ones are scaled down.
const MAX_PIXELS: usize = 384 * 1024;
/// Most bytes of base64 in one of kitty's commands.
const CHUNK: usize = 4096;

/// Pixels in RGBA, ready to be sent.
#[derive(Debug)]
pub(super) struct Pixels {
    width: usize,
    height: usize,
    rgba: Vec<u8>,
}

impl Pixels {
    /// The whole picture, as large as it is shown at most.
    pub(super) fn whole(placement: &Placement, cell: (u16, u16)) -> Self {
        let (width, height) = placement.picture.pixels().pixels();
        let (wide, high) = in_pixels(placement.whole, cell);
        let (wide, high) = bounded(wide.min(width), high.min(height));
        Self::scaled(placement.picture.pixels(), [0, 0, width, height], wide, high)
    }

    /// What is seen of the picture, as large as it is shown at most.
    pub(super) fn part(placement: &Placement, cell: (u16, u16)) -> Self {
        let source = placement.source(placement.picture.pixels().pixels());
        let (wide, high) = in_pixels((placement.area.width, placement.area.height), cell);
        let (wide, high) = bounded(wide.min(source[2]), high.min(source[3]));
        Self::scaled(placement.picture.pixels(), source, wide, high)
    }

    /// What is seen of the picture, exactly as large as its cells.
    pub(super) fn filling(placement: &Placement, cell: (u16, u16)) -> Self {
        let source = placement.source(placement.picture.pixels().pixels());
        let (wide, high) = in_pixels((placement.area.width, placement.area.height), cell);
        Self::scaled(placement.picture.pixels(), source, wide, high)
    }

    pub(super) fn size(&self) -> (usize, usize) {
        (self.width, self.height)
    }

    /// A part of a frame, scaled: what becomes smaller is averaged.
    fn scaled(frame: &surface::Frame, part: [usize; 4], width: usize, height: usize) -> Self {
        let [left, top, wide, high] = part;
        let mut rgba = Vec::with_capacity(width * height * 4);
        for y in 0..height {
            let rows = span(y, height, top, high);
            for x in 0..width {
                let columns = span(x, width, left, wide);
                rgba.extend_from_slice(&average(frame, columns, rows.clone()));
            }
        }
        Self { width, height, rgba }
    }
}

fn in_pixels((columns, rows): (u16, u16), (width, height): (u16, u16)) -> (usize, usize) {
    let size = |cells: u16, pixels: u16| (usize::from(cells) * usize::from(pixels)).max(1);
    (size(columns, width), size(rows, height))
}

/// The size, or one of the same shape that is not too large.
fn bounded(width: usize, height: usize) -> (usize, usize) {
    let pixels = width.saturating_mul(height);
    if pixels <= MAX_PIXELS {
        return (width.max(1), height.max(1));
    }
    let scale = (MAX_PIXELS as f64 / pixels as f64).sqrt();
    let scaled = |length: usize| ((length as f64 * scale) as usize).max(1);
    (scaled(width), scaled(height))
}

/// The pixels from `start` on, of `length`, that one of `count` shows.
fn span(index: usize, count: usize, start: usize, length: usize) -> std::ops::Range<usize> {
    let from = index * length / count;
    let to = ((index + 1) * length / count).max(from + 1);
    start + from..start + to
}

fn average(
    frame: &surface::Frame,
    columns: std::ops::Range<usize>,
    rows: std::ops::Range<usize>,
) -> [u8; 4] {
    let count = (columns.len() * rows.len()) as u64;
    if count == 1 {
        return pixel(frame, columns.start, rows.start);
    }
    let mut sum = [0_u64; 4];
    for y in rows {
        for x in columns.clone() {
            let [red, green, blue, alpha] = pixel(frame, x, y).map(u64::from);
            for (sum, channel) in sum.iter_mut().zip([red, green, blue]) {
                *sum += channel * alpha;
            }
            sum[3] += alpha;
        }
    }
    let weight = sum[3].max(1);
    let [red, green, blue, alpha] = sum;
    // Averages of bytes are bytes.
    [(red / weight) as u8, (green / weight) as u8, (blue / weight) as u8, (alpha / count) as u8]
}

fn pixel(frame: &surface::Frame, x: usize, y: usize) -> [u8; 4] {
    let (width, _) = frame.size();
    match frame.format() {
        Format::Rgba => {
            let at = (y * width + x) * 4;
            let bytes = &frame.data()[at..at + 4];
            [bytes[0], bytes[1], bytes[2], bytes[3]]
        }
        Format::HalfblockRgb => {
            let at = (y / 2 * width + x) * 6 + y % 2 * 3;
            let bytes = &frame.data()[at..at + 3];
            [bytes[0], bytes[1], bytes[2], 255]
        }
    }
}

/// Sends an image to kitty, to be shown later.
pub(super) fn kitty_send(id: u32, pixels: &Pixels, out: &mut Vec<u8>) {
    let data = STANDARD.encode(deflate(&pixels.rgba));
    let (width, height) = pixels.size();
    let mut chunks = data.as_bytes().chunks(CHUNK).peekable();
    let mut head = format!("a=t,f=32,o=z,s={width},v={height},i={id},q=2,");
    while let Some(chunk) = chunks.next() {
        let more = u8::from(chunks.peek().is_some());
        out.extend_from_slice(format!("\x1b_G{head}m={more};").as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\x1b\\");
        head = "q=2,".to_owned();
    }
}

/// Shows a part of an image at the cursor, which stays where it is.
pub(super) fn kitty_show(id: u32, number: u32, area: Rect, source: [usize; 4], out: &mut Vec<u8>) {
    let ([x, y, wide, high], Rect { width, height, .. }) = (source, area);
    let place = format!("x={x},y={y},w={wide},h={high},c={width},r={height}");
    out.extend_from_slice(format!("\x1b_Ga=p,i={id},p={number},{place},C=1,q=2\x1b\\").as_bytes());
}

/// Takes an image off the screen, and keeps it.
pub(super) fn kitty_hide(id: u32, number: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\x1b_Ga=d,d=i,i={id},p={number},q=2\x1b\\").as_bytes());
}

/// Takes an image off the screen and forgets it.
pub(super) fn kitty_drop(id: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\x1b_Ga=d,d=I,i={id},q=2\x1b\\").as_bytes());
}

/// Draws an image into the cells from the cursor on.
pub(super) fn iterm2(pixels: &Pixels, area: Rect, out: &mut Vec<u8>) {
    let data = png(pixels);
    let (width, height) = (area.width, area.height);
    let head = format!(
        "\x1b]1337;File=inline=1;size={};width={width};height={height};preserveAspectRatio=0;\
         doNotMoveCursor=1:",
        data.len()
    );
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(STANDARD.encode(&data).as_bytes());
    out.push(0x07);
}

/// The image as PNG.
fn png(pixels: &Pixels) -> Vec<u8> {
    let mut lines = Vec::with_capacity(pixels.rgba.len() + pixels.height);
    for line in pixels.rgba.chunks_exact(pixels.width * 4) {
        // Without a filter.
        lines.push(0);
        lines.extend_from_slice(line);
    }
    let mut header = Vec::new();
    for length in [pixels.width, pixels.height] {
        header.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
    }
    // Eight bits for each of red, green, blue and alpha; deflated, not interlaced.
    header.extend_from_slice(&[8, 6, 0, 0, 0]);
    let mut image = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, data) in [(b"IHDR", header), (b"IDAT", deflate(&lines)), (b"IEND", Vec::new())] {
        let mut crc = Crc::new();
        crc.update(kind);
        crc.update(&data);
        image.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        image.extend_from_slice(kind);
        image.extend_from_slice(&data);
        image.extend_from_slice(&crc.sum().to_be_bytes());
    }
    image
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory can be written to");
    encoder.finish().expect("memory can be written to")
}

/// Draws an image from the cursor on, in a cube of 6 by 6 by 6 colours.
pub(super) fn sixel(pixels: &Pixels, background: Rgb, out: &mut Vec<u8>) {
    let (width, height) = pixels.size();
    let levels: Vec<u8> = pixels.rgba.chunks_exact(4).map(|rgba| level(rgba, background)).collect();
    out.extend_from_slice(format!("\x1bP0;1;0q\"1;1;{width};{height}").as_bytes());
    for color in 0..216_u16 {
        let part = |of: u16| of % 6 * 20;
        let (red, green, blue) = (part(color / 36), part(color / 6), part(color));
        out.extend_from_slice(format!("#{color};2;{red};{green};{blue}").as_bytes());
    }
    for band in levels.chunks(width * 6) {
        let mut used = [false; 216];
        for color in band {
            used[usize::from(*color)] = true;
        }
        for color in (0..216_u8).filter(|color| used[usize::from(*color)]) {
            out.extend_from_slice(format!("#{color}").as_bytes());
            sixel_line(band, width, color, out);
            out.push(b'$');
        }
        out.push(b'-');
    }
    out.extend_from_slice(b"\x1b\\");
}

/// The pixels of one colour in six rows.
fn sixel_line(band: &[u8], width: usize, color: u8, out: &mut Vec<u8>) {
    let mut run = (0, 0_usize);
    let mut flush = |(bits, count): (u8, usize)| match count {
        0 => {}
        1..4 => out.extend(std::iter::repeat_n(b'?' + bits, count)),
        _ => {
            out.extend_from_slice(format!("!{count}").as_bytes());
            out.push(b'?' + bits);
        }
    };
    for x in 0..width {
        let rows = band.iter().skip(x).step_by(width).enumerate();
        let bits = rows.fold(0, |bits, (row, level)| bits | u8::from(*level == color) << row);
        if bits == run.0 {
            run.1 += 1;
        } else {
            flush(run);
            run = (bits, 1);
        }
    }
    flush(run);
}

/// The colour of the cube that is nearest, over the background.
fn level(rgba: &[u8], background: Rgb) -> u8 {
    let alpha = u16::from(rgba[3]);
    let steps = [0, 1, 2].map(|channel| {
        let (front, back) = (u16::from(rgba[channel]), u16::from(background[channel]));
        (front * alpha / 255 + back * (255 - alpha) / 255 + 25) / 51
    });
    let color = steps[0].min(5) * 36 + steps[1].min(5) * 6 + steps[2].min(5);
    u8::try_from(color).unwrap_or(0)
}
