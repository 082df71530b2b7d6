//! Streams of frames: good ones, bad ones, and any way that they may be cut.

use std::{panic::catch_unwind, sync::Arc, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use tokio::sync::Notify;
use zi_kernel::surface::{
    Cell, Decoder, Fault, Format, Frame, MAX_FRAME_BYTES, MAX_HEADER_BYTES, Record, Slot,
    scale_to_cells,
};

const FORMATS: [Format; 2] = [Format::HalfblockRgb, Format::Rgba];

fn record(format: Format, width: usize, height: usize, byte: u8) -> Vec<u8> {
    let data = vec![byte; format.byte_len(width as u64, height as u64).expect("small") as usize];
    let header = format!("{}{width} {height} {}\n", format.marker(), data.len());
    [header.into_bytes(), data].concat()
}

/// What comes out of a stream that arrives in these parts.
fn decode<'a>(format: Format, parts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Record> {
    let mut decoder = Decoder::new(format, MAX_FRAME_BYTES);
    let mut records: Vec<Record> = parts.into_iter().flat_map(|part| decoder.push(part)).collect();
    records.extend(decoder.finish());
    records
}

fn whole(format: Format, stream: &[u8]) -> Vec<Record> {
    decode(format, [stream])
}

/// The first bytes of the frames, and the places of what was given up.
fn told(records: &[Record]) -> Vec<String> {
    let tell = |record: &Record| match record {
        Record::Frame(frame) => format!("frame {}", frame.data()[0]),
        Record::Bad { at, .. } => format!("bad {at}"),
    };
    records.iter().map(tell).collect()
}

fn fault(records: &[Record]) -> Option<Fault> {
    records.iter().find_map(|record| match record {
        Record::Bad { fault, .. } => Some(fault.clone()),
        Record::Frame(_) => None,
    })
}

#[test]
fn a_stream_is_its_frames() {
    for format in FORMATS {
        let stream = [record(format, 2, 1, 7), record(format, 3, 5, 8)].concat();
        let records = whole(format, &stream);
        assert_eq!(told(&records), ["frame 7", "frame 8"]);
        let Record::Frame(last) = &records[1] else { panic!("{records:?}") };
        assert_eq!(last.size(), (3, 5));
        let high = if format == Format::HalfblockRgb { 10 } else { 5 };
        assert_eq!(last.pixels(), (3, high));
    }
}

#[test]
fn each_bad_header_has_its_fault_and_the_next_frame_is_found() {
    let marker = "HALFBLOCK ";
    let malformed = Fault::Header(marker);
    let large = |width, height| Fault::TooLarge { width, height, limit: MAX_FRAME_BYTES };
    let length = |width, height, wanted, bytes| Fault::Length { width, height, wanted, bytes };
    let rows: Vec<(String, Fault)> = vec![
        ("1 1".into(), malformed.clone()),
        ("".into(), malformed.clone()),
        ("1 1 6 6".into(), malformed.clone()),
        ("1 1 6 ".into(), malformed.clone()),
        (" 1 1 6".into(), malformed.clone()),
        ("1  1 6".into(), malformed.clone()),
        ("-1 1 6".into(), malformed.clone()),
        ("+1 1 6".into(), malformed.clone()),
        ("007 1 42".into(), malformed.clone()),
        ("1e3 1 6000".into(), malformed.clone()),
        ("0x1 1 6".into(), malformed.clone()),
        ("1.0 1 6".into(), malformed.clone()),
        ("1\t1 6".into(), malformed.clone()),
        ("1 1 6\r".into(), malformed.clone()),
        ("1 1 6\0".into(), malformed.clone()),
        ("１ 1 6".into(), malformed.clone()),
        ("٣ 1 18".into(), malformed),
        ("0 1 0".into(), Fault::Empty { width: 0, height: 1 }),
        ("1 0 0".into(), Fault::Empty { width: 1, height: 0 }),
        ("1 1 5".into(), length(1, 1, 6, 5)),
        ("1 1 7".into(), length(1, 1, 6, 7)),
        ("1 1 0".into(), length(1, 1, 6, 0)),
        ("1 1 4294967302".into(), length(1, 1, 6, 4_294_967_302)),
        ("1 1 99999999999999999999999".into(), length(1, 1, 6, u64::MAX)),
        ("2147483648 1 12884901888".into(), large(1 << 31, 1)),
        ("4294967296 4294967296 0".into(), large(1 << 32, 1 << 32)),
        // Twice as many cells as 64 bits count: the product would come out as 0, and as 6.
        ("6148914691236517206 2 8".into(), large(6_148_914_691_236_517_206, 2)),
        ("18446744073709551616 1 6".into(), large(u64::MAX, 1)),
        ("2796203 1 16777218".into(), large(2_796_203, 1)),
        ("1".repeat(64 * 1024), Fault::LongHeader),
    ];
    for (header, expected) in rows {
        let bad = format!("{marker}{header}\n").into_bytes();
        let good = record(Format::HalfblockRgb, 2, 2, 9);
        let records = whole(Format::HalfblockRgb, &[good.clone(), bad, good.clone()].concat());
        let places = ["frame 9".to_owned(), format!("bad {}", good.len()), "frame 9".to_owned()];
        assert_eq!(told(&records), places, "{header:.40}");
        assert_eq!(fault(&records), Some(expected), "{header:.40}");
    }
}

#[test]
fn the_longest_header_is_one_too_long_by_one() {
    let filled = |length: usize| {
        let numbers = "9".repeat(length - "FRAME  1 1\n".len());
        format!("FRAME {numbers} 1 1\n").into_bytes()
    };
    let fits = filled(MAX_HEADER_BYTES);
    assert_eq!(fits.len(), MAX_HEADER_BYTES);
    let too_large = Fault::TooLarge { width: u64::MAX, height: 1, limit: MAX_FRAME_BYTES };
    assert_eq!(fault(&whole(Format::Rgba, &fits)), Some(too_large));
    let over = filled(MAX_HEADER_BYTES + 1);
    assert_eq!(fault(&whole(Format::Rgba, &over)), Some(Fault::LongHeader));
}

#[test]
fn what_is_skipped_is_told_once() {
    let format = Format::Rgba;
    let good = record(format, 1, 1, 5);
    let noise =
        b"no record at all\nFRAME \nFRAME 1 1 9\nFRAMFRAME 0 0 0\nFRAFRAME FRAME x".to_vec();
    let second = noise.len() + good.len();
    let records = whole(format, &[noise, good.clone(), b"more noise".to_vec(), good].concat());
    assert_eq!(told(&records), ["bad 0", "frame 5", &format!("bad {second}"), "frame 5"]);
}

#[test]
fn a_smaller_limit_holds() {
    let mut decoder = Decoder::new(Format::Rgba, 16);
    let stream = [record(Format::Rgba, 2, 2, 1), record(Format::Rgba, 5, 1, 2)].concat();
    let records = decoder.push(&stream);
    assert_eq!(
        told(&records),
        ["frame 1", &format!("bad {}", record(Format::Rgba, 2, 2, 1).len())]
    );
    assert_eq!(fault(&records), Some(Fault::TooLarge { width: 5, height: 1, limit: 16 }));
}

#[test]
fn a_record_is_truncated_at_each_of_its_bytes() {
    for format in FORMATS {
        let stream = record(format, 3, 2, 4);
        for end in 0..=stream.len() {
            let mut decoder = Decoder::new(format, MAX_FRAME_BYTES);
            let records: Vec<Record> =
                stream[..end].chunks(1).flat_map(|byte| decoder.push(byte)).collect();
            assert_eq!(records.len(), usize::from(end == stream.len()), "{end}");
            let last = decoder.finish().map(|record| fault(&[record]));
            let cut = end > 0 && end < stream.len();
            assert_eq!(last, cut.then_some(Some(Fault::Truncated)), "{end}");
        }
    }
}

/// A stream of records, most of them good, with bytes changed, taken away and put in.
fn hostile(random: &mut StdRng, format: Format) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..random.random_range(0..6) {
        match random.random_range(0..8) {
            0 => {
                let noise = random.random_range(0..400);
                stream.extend((0..noise).map(|_| random.random::<u8>()));
            }
            1 => stream.extend(format.marker().repeat(random.random_range(1..30)).bytes()),
            2 => {
                let number = |random: &mut StdRng| match random.random_range(0..4) {
                    0 => random.random::<u64>(),
                    1 => 1 << random.random_range(0..64),
                    _ => random.random_range(0..5),
                };
                let [width, height, bytes] = [(); 3].map(|()| number(random));
                stream.extend(format!("{}{width} {height} {bytes}\n", format.marker()).bytes());
            }
            _ => {
                let (width, height) = (random.random_range(1..9), random.random_range(1..9));
                stream.extend(record(format, width, height, random.random()));
            }
        }
    }
    for _ in 0..random.random_range(0..3) {
        if stream.is_empty() {
            break;
        }
        let at = random.random_range(0..stream.len());
        match random.random_range(0..3) {
            0 => stream[at] = random.random(),
            1 => drop(stream.drain(at..(at + random.random_range(1..40)).min(stream.len()))),
            _ => stream.insert(at, b"HALFBLOCK FRAME 0123456789\n"[random.random_range(0..27)]),
        }
    }
    stream
}

#[test]
fn any_split_of_any_stream_decodes_as_the_whole() {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("ZI_SEED={seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let (mut frames, mut faults) = (0, 0);
    for round in 0..20_000 {
        let format = FORMATS[round % 2];
        let stream = hostile(&mut random, format);
        let expected = whole(format, &stream);
        let mut parts = Vec::new();
        let mut rest = &stream[..];
        while !rest.is_empty() {
            let most = if round % 3 == 0 { 2 } else { 300 };
            let (part, more) = rest.split_at(random.random_range(0..=most.min(rest.len())));
            parts.push(part);
            rest = more;
        }
        let records = decode(format, parts);
        assert_eq!(records, expected, "round {round}: {:?}", String::from_utf8_lossy(&stream));
        faults += records.iter().filter(|record| matches!(record, Record::Bad { .. })).count();
        frames += records.iter().filter(|record| matches!(record, Record::Frame(_))).count();
        // Two faults have a frame between them, except for the one at the end.
        let pairs = records.windows(2).filter(|pair| {
            matches!(pair, [Record::Bad { .. }, Record::Bad { fault, .. }] if *fault != Fault::Truncated)
        });
        assert_eq!(pairs.count(), 0, "round {round}");
    }
    assert!(frames > 10_000 && faults > 1_000, "{frames} frames, {faults} faults");
}

#[tokio::test]
async fn a_slot_keeps_the_newest_frame_and_wakes_its_reader() {
    let wake = Arc::new(Notify::new());
    let slot = Arc::new(Slot::new(wake.clone()));
    assert!(slot.newer_than(0).is_none());
    let writer = slot.clone();
    let writing = std::thread::spawn(move || {
        for byte in 1..=200 {
            let frame = Frame::new(Format::Rgba, 1, 1, vec![byte; 4]).expect("it fits");
            writer.put(frame);
        }
    });
    let mut seen = 0;
    while seen < 200 {
        tokio::time::timeout(Duration::from_secs(30), wake.notified()).await.expect("it wakes");
        let Some((generation, frame)) = slot.newer_than(seen) else { continue };
        assert!(generation > seen);
        assert_eq!(u64::from(frame.data()[0]), generation, "a frame goes with its number");
        seen = generation;
    }
    writing.join().expect("it ends");
    assert_eq!(slot.generation(), 200);
    assert!(slot.newer_than(200).is_none());
}

#[test]
fn a_frame_of_the_surface_s_size_is_shown_as_it_is() {
    let data: Vec<u8> = (0..4 * 2 * 6).collect();
    let frame = Frame::new(Format::HalfblockRgb, 4, 2, data).expect("it fits");
    let cells = scale_to_cells(&frame, 4, 2, [255; 3]);
    for (index, cell) in cells.cells.iter().enumerate() {
        let first = index as u8 * 6;
        let colour = |from: u8| [from, from + 1, from + 2];
        assert_eq!(*cell, Cell { fg: colour(first), bg: colour(first + 3) });
    }
    // Two rows of pixels are one row of cells.
    let red_over_green = [[255, 0, 0, 255], [255, 0, 0, 255], [0, 255, 0, 255], [0, 255, 0, 255]];
    let frame = Frame::new(Format::Rgba, 2, 2, red_over_green.concat()).expect("it fits");
    let expected = Cell { fg: [255, 0, 0], bg: [0, 255, 0] };
    assert_eq!(scale_to_cells(&frame, 2, 1, [0; 3]).cells, [expected; 2]);
}

#[test]
fn smaller_is_averaged_and_larger_repeats() {
    let pixels = [[0, 0, 0, 255], [100, 200, 40, 255], [10, 10, 10, 255], [30, 30, 31, 255]];
    let frame = Frame::new(Format::Rgba, 4, 1, pixels.concat()).expect("it fits");
    let small = scale_to_cells(&frame, 2, 1, [0; 3]);
    let colours: Vec<_> = small.cells.iter().map(|cell| cell.fg).collect();
    assert_eq!(colours, [[50, 100, 20], [20, 20, 21]]);
    let large = scale_to_cells(&frame, 8, 3, [0; 3]);
    assert_eq!(large.cells.len(), 24);
    for (index, cell) in large.cells.iter().enumerate() {
        let [r, g, b, _] = pixels[index % 8 / 2];
        assert_eq!(*cell, Cell { fg: [r, g, b], bg: [r, g, b] });
    }
}

#[test]
fn alpha_shows_the_background() {
    let pixels = [[200, 100, 0, 0], [200, 100, 0, 128], [200, 100, 0, 255]];
    let frame = Frame::new(Format::Rgba, 3, 1, pixels.concat()).expect("it fits");
    let cells = scale_to_cells(&frame, 3, 1, [0, 0, 100]).cells;
    let colours: Vec<_> = cells.iter().map(|cell| cell.fg).collect();
    assert_eq!(colours, [[0, 0, 100], [100, 50, 50], [200, 100, 0]]);
    // A transparent pixel has no colour of its own to mix in.
    let frame = Frame::new(Format::Rgba, 2, 1, [[255, 255, 255, 0], [0, 0, 0, 255]].concat());
    let cell = scale_to_cells(&frame.expect("it fits"), 1, 1, [0; 3]).cells[0];
    assert_eq!(cell.fg, [0; 3]);
}

#[test]
fn any_frame_fits_any_surface() {
    let sizes = [(1, 1), (1, 7), (3, 2), (64, 48), (300, 1), (1, 300), (161, 91)];
    let targets = [(0, 0), (0, 5), (5, 0), (1, 1), (2, 3), (80, 24), (300, 100), (7, 100)];
    for format in FORMATS {
        for (width, height) in sizes {
            let bytes = format.byte_len(width, height).expect("small") as usize;
            let frame = Frame::new(format, width, height, vec![77; bytes]).expect("it fits");
            for (cols, rows) in targets {
                let scaled = catch_unwind(|| scale_to_cells(&frame, cols, rows, [77; 3]));
                let scaled = scaled.unwrap_or_else(|_| panic!("{frame:?} to {cols}x{rows}"));
                assert_eq!(scaled.cells.len(), usize::from(cols) * usize::from(rows));
                let even = Cell { fg: [77; 3], bg: [77; 3] };
                assert!(scaled.cells.iter().all(|cell| *cell == even), "{frame:?}");
            }
        }
    }
}

#[test]
fn a_frame_has_the_bytes_of_its_size() {
    let made = Frame::new(Format::Rgba, 2, 2, vec![0; 15]);
    assert_eq!(made, Err(Fault::Length { width: 2, height: 2, wanted: 16, bytes: 15 }));
    let made = Frame::new(Format::HalfblockRgb, 0, 2, Vec::new());
    assert_eq!(made, Err(Fault::Empty { width: 0, height: 2 }));
}
