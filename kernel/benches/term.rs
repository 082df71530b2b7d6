//! What drawing costs: `cargo bench -p zi-kernel --bench term`.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{hint::black_box, time::Instant};

use zi_kernel::{
    surface::{Cell, Cells},
    term::{Capabilities, Color, ColorDepth, Decoder, Encoder, Frame, Input, Style},
};

const SIZE: (u16, u16) = (120, 40);
const FRAMES: u32 = 120;
const ROUNDS: usize = 9;

fn main() {
    println!("{:<44} {:>10} {:>10} {:>12}", "median of 9", "ms", "bytes", "core at 60/s");
    let plasma: Vec<Frame> = (0..FRAMES).map(plasma).collect();
    report("half blocks, each cell another", &plasma);
    let scrolled: Vec<Frame> = (0..FRAMES).map(text).collect();
    report("text scrolled by a row", &scrolled);
    let typed: Vec<Frame> = (0..FRAMES).map(typing).collect();
    report("a key typed", &typed);
    let seconds = median(|| drop(black_box(plasma[0].clone())));
    println!("{:<44} {:>10.3}", "a frame handed over", seconds * 1e3);
    let paste = format!("\x1b[200~{}\x1b[201~", "a line of text\r\n".repeat(1 << 16));
    let seconds = median(|| {
        let mut decoder = Decoder::default();
        let mut inputs: Vec<Input> =
            paste.as_bytes().chunks(4096).flat_map(|chunk| decoder.input(chunk)).collect();
        inputs.extend(decoder.expire());
        assert_eq!(black_box(inputs).len(), 1);
    });
    println!("{:<44} {:>10.3}", "a paste of 1 MiB", seconds * 1e3);
}

fn report(name: &str, frames: &[Frame]) {
    let mut bytes = 0;
    let seconds = median(|| {
        let mut capabilities = Capabilities::default();
        (capabilities.colors, capabilities.synchronized) = (ColorDepth::True, true);
        let mut encoder = Encoder::new(capabilities);
        let lengths = frames.iter().map(|frame| encoder.encode(frame.clone(), SIZE).len());
        bytes = black_box(lengths.sum::<usize>()) / frames.len();
    });
    let each = seconds / frames.len() as f64;
    let core = format!("{:.1} %", each * 60.0 * 100.0);
    println!("{name:<44} {:>10.3} {bytes:>10} {core:>12}", each * 1e3);
}

/// Colours that all change from frame to frame.
fn plasma(step: u32) -> Frame {
    let pixel = |x: u16, y: u16| {
        let wave = |factor: f64| {
            let place = f64::from(x) * factor + f64::from(y) / 7.0 + f64::from(step) / 5.0;
            (place.sin() * 127.0 + 128.0) as u8
        };
        [wave(0.1), wave(0.07), wave(0.21)]
    };
    let cell = |x, y| Cell { fg: pixel(x, y * 2), bg: pixel(x, y * 2 + 1) };
    let cells = (0..SIZE.1).flat_map(|y| (0..SIZE.0).map(move |x| cell(x, y))).collect();
    let mut frame = Frame::new(SIZE.0, SIZE.1);
    frame.put_pixels(frame.area(), &Cells { cols: SIZE.0, rows: SIZE.1, cells });
    frame
}

/// A page of text that starts one line further down each time.
fn text(step: u32) -> Frame {
    let mut frame = Frame::new(SIZE.0, SIZE.1);
    let colors = [Color::Green, Color::Rgb(200, 120, 40), Color::Reset];
    for y in 0..SIZE.1 {
        let line = step + u32::from(y);
        let style = Style::new().fg(colors[(line % 3) as usize]);
        let column = frame.put(0, y, SIZE.0, &format!("{line:>5} "), Style::new(), None);
        let words =
            "let words = of_a_line(with, some, code); // and more ".repeat(1 + (line % 2) as usize);
        frame.put(column, y, SIZE.0, &words, style, None);
    }
    frame.set_cursor(Some((0, SIZE.1 - 1)));
    frame
}

fn typing(step: u32) -> Frame {
    let mut frame = text(0);
    let typed = "x".repeat((step % 100) as usize);
    let column = frame.put(0, SIZE.1 - 1, SIZE.0, &typed, Style::new(), None);
    frame.set_cursor(Some((column, SIZE.1 - 1)));
    frame
}

fn median(mut work: impl FnMut()) -> f64 {
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
