//! What surfaces cost: `cargo bench -p zi-kernel --bench surface`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{hint::black_box, time::Instant};

use zi_kernel::surface::{Decoder, Format, Frame, MAX_FRAME_BYTES, Record, scale_to_cells};

/// What a pipe gives at once.
const CHUNK: usize = 64 * 1024;
const ROUNDS: usize = 9;

fn main() {
    println!("{:<44} {:>10}   bound", "median of 9", "");
    let halfblock = frame(Format::HalfblockRgb, 120, 40);
    let rgba = frame(Format::Rgba, 640, 400);
    for (name, frame, bound) in
        [("decode 120x40 half blocks", &halfblock, 1000.0), ("decode 640x400 RGBA", &rgba, 1000.0)]
    {
        let stream = record(frame).repeat((64 << 20) / frame.data().len());
        let seconds = median(|| decode(frame.format(), &stream));
        println!("{name:<44} {:>10.0} MB/s   {bound}", stream.len() as f64 / 1e6 / seconds);
    }
    for (name, frame) in [
        ("scale 120x40 half blocks to itself", &halfblock),
        ("scale 640x400 RGBA to 120x40", &rgba),
    ] {
        let seconds = median(|| drop(black_box(scale_to_cells(frame, 120, 40, [0; 3]))));
        println!("{name:<44} {:>10.3} ms     4.2", seconds * 1e3);
    }
}

fn frame(format: Format, width: u64, height: u64) -> Frame {
    let bytes = format.byte_len(width, height).expect("it is small") as usize;
    let data = (0..bytes).map(|index| (index * 31) as u8).collect();
    Frame::new(format, width, height, data).expect("the length fits")
}

fn record(frame: &Frame) -> Vec<u8> {
    let (width, height) = frame.size();
    let bytes = frame.data().len();
    let mut record = format!("{}{width} {height} {bytes}\n", frame.format().marker()).into_bytes();
    record.extend_from_slice(frame.data());
    record
}

fn decode(format: Format, stream: &[u8]) {
    let mut decoder = Decoder::new(format, MAX_FRAME_BYTES);
    for chunk in stream.chunks(CHUNK) {
        for record in decoder.push(chunk) {
            assert!(matches!(black_box(record), Record::Frame(_)));
        }
    }
    assert_eq!(decoder.finish(), None);
}

fn median(work: impl Fn()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            work();
            started.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}
