//! Images: what they are, and other ones made of them. Sizes are bounded before anything is decoded;
//! of an animation the first picture is taken.

use std::{
    fs,
    io::{self, Cursor},
    path::Path,
};

use image::{
    DynamicImage, Frame, GenericImageView as _, ImageDecoder, ImageError, ImageFormat, ImageReader,
    Limits, Rgb, RgbImage,
    codecs::{gif::GifEncoder, jpeg::JpegEncoder},
    imageops::FilterType,
    metadata::Orientation,
};

/// Most pixels of an image, read or made.
pub const MAX_PIXELS: u64 = 64_000_000;
/// Most bytes of an image's pixels, and of what its decoder needs beside them.
const MAX_DECODED_BYTES: u64 = 256 << 20;
/// Most bytes of an image file.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Most bytes that smooth scaling may need in between; beyond that images are scaled by averaging.
const MAX_SCRATCH_BYTES: u64 = 128 << 20;
const JPEG_QUALITY: u8 = 85;
/// How thoroughly the colours of a GIF are chosen: from 1, the best and slowest, to 30.
const GIF_SPEED: i32 = 10;

/// The formats, by the names that scripts use.
pub const FORMATS: [(&str, ImageFormat); 4] = [
    ("png", ImageFormat::Png),
    ("jpeg", ImageFormat::Jpeg),
    ("gif", ImageFormat::Gif),
    ("webp", ImageFormat::WebP),
];

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error("these bytes are no PNG, JPEG, GIF or WebP image")]
    Format,
    #[error("cannot read the image: {0}")]
    Decode(ImageError),
    #[error("cannot make the image: {0}")]
    Encode(ImageError),
    #[error("an image of {0} by {1} pixels is too large: at most {MAX_PIXELS} pixels")]
    Pixels(u64, u64),
    #[error("the image takes {0} bytes of memory: at most {MAX_DECODED_BYTES}")]
    Memory(u64),
    #[error("cannot read `{path}`: {source}")]
    Read { path: String, source: io::Error },
    #[error("`{0}` is no file")]
    NoFile(String),
    #[error("`{0}` is too large: at most {MAX_FILE_BYTES} bytes")]
    File(String),
    #[error("the image cannot be worked on: its decoder failed")]
    Panicked,
}

impl Problem {
    /// What kind of failure it is, for scripts.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Read { .. } | Self::NoFile(_) => "io",
            Self::Pixels(..)
            | Self::Memory(_)
            | Self::File(_)
            | Self::Decode(ImageError::Limits(_)) => "too_large",
            _ => "image",
        }
    }
}

/// What an image is, as it is shown upright.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probed {
    pub format: &'static str,
    pub width: u32,
    pub height: u32,
}

/// A size to scale to; what is absent follows from the proportions.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    pub width: Option<u64>,
    pub height: Option<u64>,
    pub fit: Fit,
}

/// What happens to the proportions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// They stay, and all of the image is within the size.
    Contain,
    /// They stay, the image fills the size, and what is over is cut off.
    Cover,
    /// They give way.
    Fill,
    /// As `Contain`, and an image that is within the size stays as it is.
    ScaleDown,
}

impl Fit {
    pub const NAMES: [(&'static str, Self); 4] = [
        ("contain", Self::Contain),
        ("cover", Self::Cover),
        ("fill", Self::Fill),
        ("scale_down", Self::ScaleDown),
    ];
}

/// The bytes of an image file.
pub fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    let name = path.display().to_string();
    let failed = |source| Problem::Read { path: name.clone(), source };
    let meta = fs::metadata(path).map_err(failed)?;
    if !meta.is_file() {
        return Err(Problem::NoFile(name));
    }
    if meta.len() > MAX_FILE_BYTES {
        return Err(Problem::File(name));
    }
    fs::read(path).map_err(failed)
}

/// Whether the bytes start as an image does.
pub fn is_image(bytes: &[u8]) -> bool {
    format_of(bytes).is_some()
}

/// Reads what an image is, and none of its pixels.
pub fn probe(bytes: &[u8]) -> Result<Probed, Problem> {
    let (format, mut decoder) = open(bytes)?;
    let (width, height) = upright_size(&mut decoder);
    let name = FORMATS.iter().find(|(_, known)| *known == format).map(|(name, _)| *name);
    Ok(Probed { format: name.ok_or(Problem::Format)?, width, height })
}

/// Scales an image; the format stays.
pub fn resize(bytes: &[u8], size: Size) -> Result<Vec<u8>, Problem> {
    let (format, mut decoder) = open(bytes)?;
    let Some(new) = new_size(upright_size(&mut decoder), size)? else {
        return Ok(bytes.to_vec());
    };
    let mut image = decode(decoder)?;
    if size.fit == Fit::Cover {
        image = middle(&image, new);
    }
    encode(to_size(image, new), format)
}

/// Makes another format of an image.
pub fn convert(bytes: &[u8], format: ImageFormat) -> Result<Vec<u8>, Problem> {
    let (_, decoder) = open(bytes)?;
    encode(decode(decoder)?, format)
}

/// The pixels of an image in RGBA, no more than `side` across or down, with their width and height.
pub fn pixels(bytes: &[u8], side: u32) -> Result<(u32, u32, Vec<u8>), Problem> {
    let (_, mut decoder) = open(bytes)?;
    let limit = Some(side.into());
    let size = Size { width: limit, height: limit, fit: Fit::ScaleDown };
    let new = new_size(upright_size(&mut decoder), size)?;
    let mut image = decode(decoder)?;
    if let Some(new) = new {
        image = to_size(image, new);
    }
    let image = image.into_rgba8();
    Ok((image.width(), image.height(), image.into_raw()))
}

// Reading -----------------------------------------------------------------------------------------

fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    let guessed = image::guess_format(bytes).ok()?;
    FORMATS.iter().map(|(_, format)| *format).find(|format| *format == guessed)
}

/// Reads the header of an image, and refuses one that is too large.
fn open(bytes: &[u8]) -> Result<(ImageFormat, impl ImageDecoder + use<'_>), Problem> {
    let format = format_of(bytes).ok_or(Problem::Format)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(Problem::Decode)?;
    let (width, height) = decoder.dimensions();
    check_pixels(width.into(), height.into())?;
    let decoded = decoder.total_bytes();
    if decoded > MAX_DECODED_BYTES {
        return Err(Problem::Memory(decoded));
    }
    decoder.set_limits(limits).map_err(Problem::Decode)?;
    Ok((format, decoder))
}

fn check_pixels(width: u64, height: u64) -> Result<(), Problem> {
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
        _ => Err(Problem::Pixels(width, height)),
    }
}

/// How the image lies. That a file tells nonsense of it is no reason to refuse its pixels.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}

fn upright_size(decoder: &mut impl ImageDecoder) -> (u32, u32) {
    let (width, height) = decoder.dimensions();
    match orientation(decoder) {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        _ => (width, height),
    }
}

/// Reads the pixels and turns them upright.
fn decode(mut decoder: impl ImageDecoder) -> Result<DynamicImage, Problem> {
    let orientation = orientation(&mut decoder);
    let mut image = DynamicImage::from_decoder(decoder).map_err(Problem::Decode)?;
    image.apply_orientation(orientation);
    Ok(image)
}

// Scaling -----------------------------------------------------------------------------------------

/// The size that an image gets; `None` when it keeps the one it has.
fn new_size(old: (u32, u32), size: Size) -> Result<Option<(u32, u32)>, Problem> {
    let (old_width, old_height) = (f64::from(old.0), f64::from(old.1));
    let across = size.width.map(|width| width as f64 / old_width);
    let down = size.height.map(|height| height as f64 / old_height);
    let factor = match (across, down) {
        (Some(across), Some(down)) => across.min(down),
        (across, down) => across.or(down).unwrap_or(1.0),
    };
    if size.fit == Fit::ScaleDown && factor >= 1.0 {
        return Ok(None);
    }
    let side = |old: f64| ((old * factor).round() as u64).max(1);
    let (width, height) = (side(old_width), side(old_height));
    let (width, height) = match size.fit {
        Fit::Contain | Fit::ScaleDown => (width, height),
        Fit::Cover | Fit::Fill => (size.width.unwrap_or(width), size.height.unwrap_or(height)),
    };
    check_pixels(width, height)?;
    // Neither is larger than their product.
    Ok(Some((width as u32, height as u32)))
}

/// The largest part in the middle of the image that has the proportions of `width` to `height`.
fn middle(image: &DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    let (old_width, old_height) = image.dimensions();
    // `old` for as many `of` as there are `per`, at least one and no more than there are. The
    // product of two sides stays within 64 bits.
    let part = |old: u32, of: u32, per: u32, most: u32| {
        (u64::from(old) * u64::from(of) / u64::from(per)).clamp(1, u64::from(most)) as u32
    };
    let part_width = part(old_height, width, height, old_width);
    let part_height = part(old_width, height, width, old_height);
    let (x, y) = ((old_width - part_width) / 2, (old_height - part_height) / 2);
    image.crop_imm(x, y, part_width, part_height)
}

fn to_size(image: DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    if image.dimensions() == (width, height) {
        return image;
    }
    // Smooth scaling keeps four floats for each pixel of the widths by the new height.
    let widest = u64::from(image.width().max(width));
    if widest * u64::from(height) * 16 > MAX_SCRATCH_BYTES {
        image.thumbnail_exact(width, height)
    } else {
        image.resize_exact(width, height, FilterType::Lanczos3)
    }
}

// Writing -----------------------------------------------------------------------------------------

fn encode(image: DynamicImage, format: ImageFormat) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    let written =
        match format {
            ImageFormat::Jpeg => JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY)
                .encode_image(&on_white(image)),
            ImageFormat::Gif => GifEncoder::new_with_speed(&mut bytes, GIF_SPEED)
                .encode_frame(Frame::new(image.into_rgba8())),
            ImageFormat::WebP => DynamicImage::from(image.into_rgba8())
                .write_to(&mut Cursor::new(&mut bytes), format),
            _ => image.write_to(&mut Cursor::new(&mut bytes), format),
        };
    written.map_err(Problem::Encode)?;
    Ok(bytes)
}

/// Takes transparency away: a JPEG has none.
fn on_white(image: DynamicImage) -> RgbImage {
    if !image.color().has_alpha() {
        return image.into_rgb8();
    }
    let image = image.into_rgba8();
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue, alpha] = image.get_pixel(x, y).0.map(u32::from);
        let blend = |channel| ((channel * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        Rgb([red, green, blue].map(blend))
    })
}

#[cfg(test)]
mod tests;
