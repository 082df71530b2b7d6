//! What the terminal interface costs: the program in a terminal, against a server on loopback.
//!
//! `cargo bench --bench tui` prints each figure with the bound that zi sets itself, and
//! `cargo bench --bench tui -- NAME` only those whose name has NAME in it. The terminal is an emulator
//! in this process, so what it takes counts against the machine, though not against zi: on two cores
//! the times to an echo are more than a terminal that draws with a card of its own would see.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    collections::HashMap,
    env,
    ffi::OsString,
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use serde_json::json;
use zi_testkit::{Answers, Pty, PtyRun, Zi};

type Figure = fn();

const FIGURES: &[(&str, Figure)] = &[
    ("start", start),
    ("idle", idle),
    ("streaming", streaming),
    ("echo floor", echo_floor),
    ("echo idle", echo_idle),
    ("echo streaming", echo_streaming),
    ("echo long", echo_long),
    ("echo spinning", echo_spinning),
    ("surface", surface),
    ("resume", resume),
];
const STARTS: usize = 15;
const KEYS: u32 = 300;
const MEASURED: Duration = Duration::from_secs(8);
const DELTAS_PER_SECOND: u32 = 1000;

fn main() {
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    println!("{:<46} {:>10} {:<12} bound", "figure", "measured", "");
    for (name, figure) in FIGURES {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            figure();
        }
    }
}

fn row(name: &str, value: f64, unit: &str, bound: &str) {
    println!("{name:<46} {value:>10.2} {unit:<12} {bound}");
}

// zi in a terminal ----------------------------------------------------------------------------------

fn demo() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).args(["--model", "demo"]).env("ZI_DEMO_DELAY_MS", "0")
}

fn terminal(zi: &Zi) -> Pty {
    zi.terminal().size(120, 40).answers(Answers::Frames).env("COLORTERM", "truecolor")
}

fn open(pty: Pty) -> PtyRun {
    let run = pty.start();
    run.wait_for_text("›");
    run
}

/// What a process has used up to now.
struct Used {
    at: Instant,
    cpu: Duration,
    /// Voluntary switches by thread; those of threads that ended are not known any more.
    switches: HashMap<OsString, u64>,
}

const TICKS_PER_SECOND: u64 = 100;

fn used(run: &PtyRun) -> Used {
    let process = PathBuf::from(format!("/proc/{}", run.id()));
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let stat = read(process.join("stat"));
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // The time in the program and the time in the system.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let tasks = fs::read_dir(process.join("task")).expect("the process is there");
    let switches = tasks.flatten().map(|task| {
        let status = read(task.path().join("status"));
        (task.file_name(), status_field(&status, "voluntary_ctxt_switches:"))
    });
    let cpu = Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND);
    Used { at: Instant::now(), cpu, switches: switches.collect() }
}

/// Wake-ups between two looks.
fn wake_ups(from: &Used, to: &Used) -> u64 {
    let count = |(task, count): (&OsString, &u64)| {
        count - from.switches.get(task).copied().unwrap_or(0).min(*count)
    };
    to.switches.iter().map(count).sum()
}

fn status_field(status: &str, name: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// MiB of a field of the process's status.
fn memory(run: &PtyRun, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", run.id())).unwrap_or_default();
    status_field(&status, name) as f64 / 1024.0
}

/// Percent of a core between two looks.
fn share(from: &Used, to: &Used) -> f64 {
    100.0 * (to.cpu - from.cpu).as_secs_f64() / (to.at - from.at).as_secs_f64()
}

/// Frames in what was written since `from`, and the bytes of it.
fn frames(run: &PtyRun, from: usize) -> (f64, f64) {
    let output = run.output();
    let written = &output[from.min(output.len())..];
    let mark = b"\x1b[?2026h";
    let count = written.windows(mark.len()).filter(|window| window == mark).count();
    (count as f64, written.len() as f64)
}

// Starting and doing nothing ------------------------------------------------------------------------

fn start() {
    let zi = demo();
    let mut times: Vec<f64> = (0..STARTS)
        .map(|_| {
            let began = Instant::now();
            let run = terminal(&zi).start();
            run.wait_for_text("›");
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    row("start to the editor, median", times[STARTS / 2], "ms", "60");
}

fn idle() {
    let run = open(terminal(&demo()));
    run.send("list\r");
    run.wait_for_text("not a language model");
    // Notices and spinners of the start go first.
    thread::sleep(Duration::from_secs(4));
    let before = used(&run);
    thread::sleep(MEASURED);
    let after = used(&run);
    let seconds = (after.at - before.at).as_secs_f64();
    row("idle: CPU", share(&before, &after), "% of a core", "0.5");
    row("idle: wake-ups", wake_ups(&before, &after) as f64 / seconds, "per second", "10");
    row("idle: memory", memory(&run, "VmRSS:"), "MiB", "45");
}

// Streaming ---------------------------------------------------------------------------------------

/// A server that says Markdown at a steady pace, for as long as anybody listens.
fn steady_server() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || speak(stream));
        }
    });
    format!("http://{address}")
}

fn speak(mut stream: std::net::TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).ok()?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).ok()?;
    let words: Vec<&str> = MARKDOWN.split_inclusive(' ').collect();
    let began = Instant::now();
    for number in 0_u32.. {
        let due = began + Duration::from_secs(1) * number / DELTAS_PER_SECOND;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        let word = words[number as usize % words.len()];
        let chunk = json!({ "id": "x", "object": "chat.completion.chunk", "model": "m",
            "choices": [{ "index": 0, "delta": { "content": word }, "finish_reason": null }] });
        stream.write_all(format!("data: {chunk}\n\n").as_bytes()).ok()?;
    }
    Some(())
}

const MARKDOWN: &str = "## What was found\n\nThe first **paragraph** says a few words with `code` in \
    them, and goes on for a line or two so that it has to be wrapped somewhere in the middle.\n\n\
    - an item that says something\n- another one with a [link](https://example.org) in it\n\n\
    ```rust\nfn main() { let x = vec![1, 2, 3]; println!(\"{x:?}\"); }\n```\n\n\
    | name | count |\n|------|------:|\n| a | 1 |\n| b | 2 |\n\n";

fn listening(url: &str) -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).args([
        "--provider",
        "openai",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        url,
    ])
}

fn streaming() {
    let url = steady_server();
    let run = open(terminal(&listening(&url)));
    run.send("go\r");
    run.wait_for_text("What was found");
    thread::sleep(Duration::from_secs(1));
    let (before, written) = (used(&run), run.output_length());
    thread::sleep(MEASURED);
    let after = used(&run);
    let (count, bytes) = frames(&run, written);
    let seconds = (after.at - before.at).as_secs_f64();
    row("1,000 deltas/s: CPU", share(&before, &after), "% of a core", "25");
    row("1,000 deltas/s: frames", count / seconds, "per second", "60");
    row("1,000 deltas/s: bytes per frame", bytes / count.max(1.0), "bytes", "of 4,800 cells");
    row("1,000 deltas/s: memory", memory(&run, "VmRSS:"), "MiB", "");
}

// From a key to its echo ----------------------------------------------------------------------------

/// Types letters that nothing else shows, each once, and says how long they took to show.
fn echo(name: &str, run: &PtyRun) {
    let mut times = Vec::new();
    for number in 0..KEYS {
        let letter = char::from_u32(0x100 + number).expect("a letter").to_string();
        times.push(run.time_echo(&letter, &letter).as_secs_f64() * 1e3);
        // As a person types, and never in step with the frames.
        thread::sleep(Duration::from_millis(u64::from(5 + number * 7 % 23)));
        if number % 60 == 59 {
            run.key("ctrl+u");
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[times.len() * percent / 100];
    row(&format!("key to echo, {name}: p50"), at(50), "ms", "");
    row(&format!("key to echo, {name}: p99"), at(99), "ms", "16");
}

/// What the machine itself takes, with whatever else it does now.
fn echo_floor() {
    let run = Pty::new("sh").args(["-c", "stty raw -echo; echo ready; exec cat"]).start();
    run.wait_for_text("ready");
    echo("cat (the floor)", &run);
}

fn echo_idle() {
    echo("idle", &open(terminal(&demo())));
}

fn echo_streaming() {
    let url = steady_server();
    let run = open(terminal(&listening(&url)));
    run.send("go\r");
    run.wait_for_text("What was found");
    echo("while 1,000 deltas/s come", &run);
}

fn echo_long() {
    let zi = demo();
    let session = session(zi.cwd(), 10_000, 300);
    let run = terminal(&zi.arg("--session").arg(session)).start();
    run.wait_for_text("the end of answer 9999");
    echo("in a session of 10,000 entries", &run);
}

fn echo_spinning() {
    let spinning = "-- name: spinning\n-- description: x\n-- api: 1\n\
        zi.command({ name = \"spin\", description = \"x\", handler = function()\n\
          while true do pcall(function() while true do end end) end end })\n";
    let run = open(terminal(&demo().home_file("extensions/spinning.lua", spinning)));
    run.send("/spin");
    run.wait_for_text("/spin");
    run.key("enter");
    echo("beside an extension that spins", &run);
}

// Surfaces and long sessions ------------------------------------------------------------------------

fn surface() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/examples/animation");
    let run = open(
        demo()
            .arg("-e")
            .arg(example)
            .terminal()
            .size(124, 46)
            .answers(Answers::Frames)
            .env("COLORTERM", "truecolor"),
    );
    run.send("/animation");
    run.wait_for_text("/animation");
    run.key("enter");
    run.wait_for_text("▀▀▀▀▀▀▀▀");
    thread::sleep(Duration::from_secs(1));
    let (before, written) = (used(&run), run.output_length());
    thread::sleep(MEASURED);
    let after = used(&run);
    let (count, bytes) = frames(&run, written);
    let seconds = (after.at - before.at).as_secs_f64();
    row("surface 120×40 at 60/s: CPU", share(&before, &after), "% of a core", "25");
    row("surface 120×40 at 60/s: frames", count / seconds, "per second", "60");
    row("surface 120×40 at 60/s: bytes per frame", bytes / count.max(1.0), "bytes", "");
    run.key("q");
}

fn resume() {
    let zi = demo();
    let session = session(zi.cwd(), 83_000, 1000);
    let size = fs::metadata(&session).map_or(0, |meta| meta.len());
    let began = Instant::now();
    let run = terminal(&zi.arg("--session").arg(session)).start();
    run.wait_for_text("the end of answer 82999");
    let name = format!("resuming {:.0} MB: first frame", size as f64 / 1e6);
    row(&name, began.elapsed().as_secs_f64() * 1e3, "ms", "1,000");
    let took = run.time_echo("ł", "ł");
    row("resuming: the first key after it", took.as_secs_f64() * 1e3, "ms", "");
    row("resuming: peak memory", memory(&run, "VmHWM:"), "MiB", "200");
}

/// A session file with so many entries, each of about so many bytes.
fn session(dir: &Path, entries: u32, bytes: usize) -> PathBuf {
    let path = dir.join("long.jsonl");
    let file = fs::File::create(&path).expect("it can be written");
    let mut file = std::io::BufWriter::new(file);
    let header = json!({ "type": "session", "version": 1, "id": "01a1fdb3-4f45-7758-acff-dd104f4b79bf",
        "cwd": dir, "created_at": "2026-11-21T10:42:29.317Z", "zi": "0.1.0" });
    writeln!(file, "{header}").expect("it can be written");
    let words = "words of an answer that goes on for a while, with `code` and **weight**. ";
    let text = words.repeat(bytes / words.len() + 1);
    for number in 0..entries {
        let message = match number % 2 {
            0 => json!({ "role": "user", "content": format!("question {number}") }),
            _ => json!({ "role": "assistant", "provider": "demo", "model": "demo", "api": "demo",
                "content": [{ "type": "text", "text": format!("{text}{text}\n\nthe end of answer {number}") }],
                "stop_reason": "stop", "usage": { "input": 1, "output": 1 } }),
        };
        let parent = number.checked_sub(1).map(|before| format!("e{before}"));
        let entry = json!({ "type": "message", "id": format!("e{number}"), "parent_id": parent,
            "at": "2026-11-21T10:42:29.317Z", "message": message });
        writeln!(file, "{entry}").expect("it can be written");
    }
    file.flush().expect("it can be written");
    path
}
