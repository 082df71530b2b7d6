use image::{Rgba, RgbaImage};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

use super::*;

const RED: [u8; 4] = [255, 0, 0, 255];
const BLUE: [u8; 4] = [0, 0, 255, 255];

/// An image whose left half is red and whose right half is blue.
fn halves(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let half = |x| if x < width / 2 { RED } else { BLUE };
    let image = RgbaImage::from_fn(width, height, |x, _| Rgba(half(x)));
    encode(image.into(), format).expect("it is an image")
}

fn pixels(bytes: &[u8]) -> RgbaImage {
    let (_, decoder) = open(bytes).expect("it opens");
    decode(decoder).expect("it decodes").into_rgba8()
}

fn size(width: u64, height: u64, fit: Fit) -> Size {
    Size { width: Some(width), height: Some(height), fit }
}

fn dimensions(bytes: &[u8]) -> (u32, u32) {
    let probed = probe(bytes).expect("it is an image");
    (probed.width, probed.height)
}

/// A PNG that claims a size and has no pixels.
fn claim(width: u32, height: u32, depth: u8) -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), &[depth, 6, 0, 0, 0]].concat();
    for (name, data) in [(b"IHDR", &header[..]), (b"IDAT", &[]), (b"IEND", &[])] {
        png.extend((data.len() as u32).to_be_bytes());
        let body = [&name[..], data].concat();
        let mut crc = flate2::Crc::new();
        crc.update(&body);
        png.extend(body);
        png.extend(crc.sum().to_be_bytes());
    }
    png
}

#[test]
fn every_format_becomes_every_other() {
    for (from, source) in FORMATS {
        let bytes = halves(8, 4, source);
        assert_eq!(probe(&bytes).expect("it is one"), Probed { format: from, width: 8, height: 4 });
        for (to, target) in FORMATS {
            let made =
                convert(&bytes, target).unwrap_or_else(|err| panic!("{from} to {to}: {err}"));
            assert_eq!(
                probe(&made).expect("it is one"),
                Probed { format: to, width: 8, height: 4 }
            );
            let image = pixels(&made);
            let near = |x, wanted: [u8; 4]| {
                let got = image.get_pixel(x, 1).0;
                got.iter().zip(wanted).all(|(got, wanted)| got.abs_diff(wanted) < 40)
            };
            assert!(near(0, RED) && near(7, BLUE), "{from} to {to}: {image:?}");
        }
    }
}

#[test]
fn each_fit_gives_its_size() {
    let wide = halves(40, 20, ImageFormat::Png);
    let scaled = |fit| dimensions(&resize(&wide, size(10, 10, fit)).expect("it scales"));
    assert_eq!(scaled(Fit::Contain), (10, 5));
    assert_eq!(scaled(Fit::Cover), (10, 10));
    assert_eq!(scaled(Fit::Fill), (10, 10));
    assert_eq!(scaled(Fit::ScaleDown), (10, 5));
    let one = Size { width: None, height: Some(60), fit: Fit::Contain };
    assert_eq!(dimensions(&resize(&wide, one).expect("it scales")), (120, 60));
    let same = resize(&wide, size(100, 100, Fit::ScaleDown)).expect("it stays");
    assert_eq!(same, wide);
    let thin = resize(&halves(1000, 2, ImageFormat::Png), size(10, 10, Fit::Contain));
    assert_eq!(dimensions(&thin.expect("it scales")), (10, 1));
}

#[test]
fn cover_takes_the_middle_and_fill_takes_all() {
    let image = RgbaImage::from_fn(40, 10, |x, _| Rgba(if x / 10 % 3 == 0 { RED } else { BLUE }));
    let bytes = encode(image.into(), ImageFormat::Png).expect("it is an image");
    let covered = resize(&bytes, size(8, 4, Fit::Cover)).expect("it scales");
    assert!(pixels(&covered).pixels().all(|pixel| pixel.0 == BLUE), "only the middle is left");
    let filled = pixels(&resize(&bytes, size(8, 4, Fit::Fill)).expect("it scales"));
    assert!(filled.get_pixel(0, 0).0[0] > 200 && filled.get_pixel(7, 0).0[0] > 200);
}

#[test]
fn transparency_is_white_in_a_jpeg() {
    let clear = RgbaImage::from_pixel(8, 8, Rgba([0, 0, 0, 0]));
    let png = encode(clear.into(), ImageFormat::Png).expect("it is an image");
    let jpeg = pixels(&convert(&png, ImageFormat::Jpeg).expect("it converts"));
    assert!(jpeg.pixels().all(|pixel| pixel.0.iter().all(|channel| *channel > 250)));
}

#[test]
fn a_photo_that_lies_on_its_side_is_stood_up() {
    let jpeg = halves(32, 16, ImageFormat::Jpeg);
    // What a camera says of its position: Exif with orientation 6, a quarter turn to the right.
    let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = u16::try_from(exif.len() + 2).expect("it is short").to_be_bytes();
    let turned = [&jpeg[..2], b"\xff\xe1", &length, exif, &jpeg[2..]].concat();
    assert_eq!(dimensions(&turned), (16, 32));
    let small = resize(&turned, size(8, 100, Fit::Contain)).expect("it scales");
    assert_eq!(dimensions(&small), (8, 16));
    let small = pixels(&small);
    assert!(small.get_pixel(4, 1).0[0] > 200, "the left has become the top");
    assert!(small.get_pixel(4, 14).0[2] > 200);
}

#[test]
fn what_is_too_large_is_refused_by_its_header() {
    let refused = |bytes: &[u8]| {
        for problem in [probe(bytes).err(), convert(bytes, ImageFormat::Png).err()] {
            let problem = problem.expect("it is refused");
            assert_eq!(problem.kind(), "too_large", "{problem}");
        }
    };
    refused(&claim(60_000, 60_000, 8));
    refused(&claim(i32::MAX as u32, i32::MAX as u32, 8));
    // Few enough pixels, but of eight bytes each.
    refused(&claim(7_900, 7_900, 16));
    let mut gif = halves(4, 4, ImageFormat::Gif);
    gif[6..10].fill(0xff);
    refused(&gif);
    assert_eq!(dimensions(&claim(8_000, 8_000, 8)), (8_000, 8_000));
}

#[test]
fn nothing_larger_than_the_limit_is_made() {
    let png = halves(4, 4, ImageFormat::Png);
    for size in [size(8_001, 8_001, Fit::Contain), size(1, MAX_PIXELS + 1, Fit::Fill)] {
        let made = resize(&png, size);
        assert!(matches!(made, Err(Problem::Pixels(..))), "{size:?}");
    }
    // One side follows from the other.
    let tall = Size { width: Some(60_000), height: None, fit: Fit::Contain };
    assert!(matches!(resize(&png, tall), Err(Problem::Pixels(60_000, 60_000))));
}

#[test]
fn large_images_are_scaled_in_little_memory() {
    let image = DynamicImage::from(RgbaImage::from_pixel(4_000, 2_500, Rgba(RED)));
    let scaled = to_size(image, (3_999, 2_499)).into_rgba8();
    assert_eq!(scaled.dimensions(), (3_999, 2_499));
    assert!(scaled.pixels().step_by(1_001).all(|pixel| pixel.0 == RED));
}

#[test]
fn broken_images_are_errors() {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("ZI_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let small = size(3, 3, Fit::Cover);
    let mut failed = 0;
    for (_, format) in FORMATS {
        let whole = halves(9, 7, format);
        for end in 0..whole.len() {
            failed += usize::from(resize(&whole[..end], small).is_err());
        }
        for _ in 0..300 {
            let mut bytes = whole.clone();
            for _ in 0..random.random_range(1..6) {
                let at = random.random_range(0..bytes.len());
                bytes[at] = random.random();
            }
            failed += usize::from(resize(&bytes, small).is_err());
        }
    }
    assert!(failed > 300, "only {failed}");
    assert!(matches!(probe(b""), Err(Problem::Format)));
    assert!(matches!(probe(b"BM is a bitmap"), Err(Problem::Format)));
}
