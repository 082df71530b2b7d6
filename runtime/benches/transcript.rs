//! What the transcript costs: laying out an answer while it arrives, and drawing a long conversation.
//!
//! `cargo bench --bench transcript` prints each figure with the bound that zi sets itself. Machines
//! differ and are noisy: compare two builds in one sitting.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::json;
use zi::scene::{
    format::{diff, highlight, markdown},
    theme::Theme,
    transcript::{Block, Content, Status, Tool, ToolKind, View},
};
use zi_kernel::term::{Frame, Rect};

const DELTAS: usize = 20_000;
const BLOCKS: usize = 10_000;
const SIZE: Rect = Rect::new(0, 0, 120, 40);

fn main() {
    println!("{:<52} {:>12} {:>12}   bound", "", "total ms", "each µs");
    let prose =
        "A paragraph with *some* `code`, a [link](https://example.com/x) and **more** of it.\n\n";
    let list = "- an item that says something\n- another one with `code` in it\n  1. nested\n";
    let code =
        "```rust\nfn main() {\n    let x = vec![1, 2, 3];\n    println!(\"{x:?}\");\n}\n```\n\n";
    let table = "| name | count |\n|------|------:|\n| a | 1 |\n| b | 2 |\n\n";
    let mixed = format!("# Head\n\n{prose}{list}\n{code}{prose}{table}> quoted\n\n");
    stream("streaming, mixed answer of 100 KB", &sized(&mixed, ""));
    stream("streaming, one list of 100 KB", &sized(list, ""));
    stream(
        "streaming, one block of code of 100 KB",
        &sized("let x = f(1, \"two\");\n", "```rust\n"),
    );
    stream(
        "streaming, paragraphs of 1 KB",
        &sized(&format!("{}\n\n", prose.trim().repeat(12)), ""),
    );
    whole(&sized(&mixed, ""));
    differences();
    conversation(&mixed);
    println!("{:<52} {:>12.1} MiB", "peak memory of all this", rss_mib());
}

/// `part`, often enough for 100 KB.
fn sized(part: &str, head: &str) -> String {
    format!("{head}{}", part.repeat(100_000 / part.len() + 1))
}

fn figure(name: &str, total: Duration, count: usize, bound: &str) {
    let each = total.as_secs_f64() * 1e6 / count as f64;
    println!("{name:<52} {:>12.1} {each:>12.1}   {bound}", total.as_secs_f64() * 1e3);
}

fn stream(name: &str, text: &str) {
    let theme = Theme::dark();
    let mut stream = markdown::Stream::new();
    let step = text.len().div_ceil(DELTAS);
    let started = Instant::now();
    let mut end = 0;
    while end < text.len() {
        end = (end + step).min(text.len());
        black_box(stream.update(&text[..end], 100, &theme).len());
    }
    figure(name, started.elapsed(), DELTAS, "1000 ms in all");
    highlight::settle(Duration::from_secs(60));
}

fn whole(text: &str) {
    let theme = Theme::dark();
    let started = Instant::now();
    for width in 80..90 {
        black_box(markdown::layout(text, width, &theme).len());
    }
    figure("laying out 100 KB at once", started.elapsed(), 10, "10,000 µs each");
}

fn differences() {
    let theme = Theme::dark();
    let before: String = (0..2000).map(|line| format!("let value_{line} = {line};\n")).collect();
    let after = before.replace("7 =", "seven =");
    let options = diff::Options { width: 100, context: 3, theme: &theme };
    let started = Instant::now();
    black_box(diff::between(&before, &after, options).len());
    figure("a difference of 2,000 lines", started.elapsed(), 1, "-");
}

fn conversation(answer: &str) {
    let theme = Theme::dark();
    let mut view = View::new();
    let started = Instant::now();
    for index in 0..BLOCKS {
        view.transcript.push(format!("b{index}"), block(index, answer));
    }
    figure("filling a transcript of 10,000 blocks", started.elapsed(), BLOCKS, "-");
    let mut frame = Frame::new(SIZE.width, SIZE.height);
    let mut draw = |view: &mut View, area: Rect| {
        let started = Instant::now();
        view.draw(&mut frame, area, &theme, Duration::ZERO);
        started.elapsed()
    };
    let opened = draw(&mut view, SIZE);
    figure("its first frame", opened, 1, "5000 µs");
    let mut measure =
        |name: &str, count: usize, bound: &str, step: &mut dyn FnMut(&mut View, usize) -> Rect| {
            let mut times: Vec<Duration> = (0..count)
                .map(|index| {
                    let started = Instant::now();
                    let area = step(&mut view, index);
                    let moved = started.elapsed();
                    moved + draw(&mut view, area)
                })
                .collect();
            times.sort();
            let slow = times[count * 99 / 100].as_secs_f64() * 1e6;
            figure(name, times.iter().sum(), count, &format!("{bound} (p99 {slow:.0} µs)"));
        };
    measure("a frame that changes nothing", 500, "1000 µs", &mut |_, _| SIZE);
    measure("a page up, new blocks", 500, "5000 µs", &mut |view, _| {
        view.page_up();
        SIZE
    });
    measure("a line up", 500, "5000 µs", &mut |view, _| {
        view.scroll(-1);
        SIZE
    });
    measure("to the top and back", 50, "5000 µs", &mut |view, index| {
        if index % 2 == 0 {
            view.to_top();
        } else {
            view.to_bottom();
        }
        SIZE
    });
    measure("a resize", 200, "5000 µs", &mut |_, index| Rect {
        width: 40 + u16::try_from(index % 80).unwrap_or(0),
        ..SIZE
    });
    measure("a delta to an answer at the end", 2000, "1000 µs", &mut |view, index| {
        if index == 0 {
            let block = Block::Answer { text: String::new(), is_streaming: true };
            view.transcript.push("stream", block);
            view.to_bottom();
        }
        view.transcript.append("stream", &answer[index * 5 % (answer.len() - 5)..][..5]);
        SIZE
    });
    measure("a search through everything", 5, "-", &mut |view, _| {
        view.search("paragraph with");
        SIZE
    });
}

fn block(index: usize, answer: &str) -> Block {
    match index % 4 {
        0 => Block::User { text: format!("do the thing number {index}"), images: Vec::new() },
        1 => Block::Thinking { text: "I will look at it.\n".repeat(20), is_streaming: false },
        2 => {
            let output: String = (0..40).map(|line| format!("line {line} of {index}\n")).collect();
            Block::Tool(Box::new(Tool {
                name: "bash".into(),
                kind: ToolKind::Shell,
                args: json!({ "command": format!("make {index}") }),
                status: Status::Ok,
                content: vec![Content::Text(output)],
                ..Tool::default()
            }))
        }
        _ => Block::Answer { text: format!("{index}\n\n{answer}"), is_streaming: false },
    }
}

fn rss_mib() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("it has a use");
    usage.max_rss() as f64 / 1024.0
}
