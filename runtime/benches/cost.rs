//! What zi costs: whole processes against a scripted provider on loopback.
//!
//! `cargo bench --bench cost` prints each figure with the bound that zi sets itself. Machines differ
//! and are noisy: compare two builds in one sitting (`cargo bench --bench cost -- --zi PATH` measures
//! another program), and read ratios.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::{
    env, fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use nix::sys::resource::{UsageWho, getrusage};
use serde_json::json;
use zi_testkit::{Reply, Server, anthropic};

/// One run of one figure.
struct Cost {
    wall: Duration,
    cpu: Duration,
    rss_mib: f64,
}

type Measure = fn(&str) -> Cost;

/// Name, how to measure it, and the bounds: wall ms, CPU ms, peak MiB.
const FIGURES: &[(&str, Measure, [f64; 3])] = &[
    ("true (the floor)", floor, [0.0, 0.0, 0.0]),
    ("--version", version, [10.0, 10.0, 0.0]),
    ("--help", help, [10.0, 10.0, 0.0]),
    ("loading the bundle (--list-tools)", bundle, [0.0, 15.0, 0.0]),
    ("one-shot hello", hello, [60.0, 40.0, 30.0]),
    ("20,000 deltas, print mode", deltas, [0.0, 250.0, 35.0]),
    ("20,000 deltas, JSON mode", deltas_json, [0.0, 0.0, 0.0]),
    ("100 turns with a tool, per turn", turns, [4.0, 3.0, 0.0]),
];
const RUNS: usize = 7;

fn main() {
    let args: Vec<String> = env::args().collect();
    let option = |name: &str| {
        let at = args.iter().position(|arg| arg == name)?;
        args.get(at + 1).cloned()
    };
    let zi = option("--zi").unwrap_or_else(|| env!("CARGO_BIN_EXE_zi").to_owned());
    if let Some(index) = option("--figure") {
        let index: usize = index.parse().expect("a number");
        let cost = FIGURES[index].1(&zi);
        println!("{} {} {}", cost.wall.as_secs_f64(), cost.cpu.as_secs_f64(), cost.rss_mib);
        return;
    }
    println!(
        "{:<36} {:>10} {:>10} {:>10}   bounds (wall, CPU, peak)",
        "median of 7", "wall ms", "CPU ms", "peak MiB"
    );
    for (index, (name, _, bounds)) in FIGURES.iter().enumerate() {
        // A process of its own for each run, so that its peak is not that of another.
        let runs: Vec<[f64; 3]> = (0..RUNS).map(|_| run_apart(index, &zi)).collect();
        let median = |column: usize| {
            let mut values: Vec<f64> = runs.iter().map(|run| run[column]).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let bound = |value: f64| if value > 0.0 { format!("{value}") } else { "-".into() };
        println!(
            "{name:<36} {:>10.1} {:>10.1} {:>10.1}   {}, {}, {}",
            median(0) * 1e3,
            median(1) * 1e3,
            median(2),
            bound(bounds[0]),
            bound(bounds[1]),
            bound(bounds[2])
        );
    }
    first_byte(&zi);
}

fn run_apart(index: usize, zi: &str) -> [f64; 3] {
    let own = env::current_exe().expect("the benchmark has a path");
    let args = ["--figure", &index.to_string(), "--zi", zi];
    let output = Command::new(own).args(args).stderr(Stdio::inherit()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|part| part.parse().ok()).collect();
    numbers.try_into().unwrap_or_else(|_| panic!("figure {index} failed: {text}"))
}

fn cpu_of_children() -> Duration {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("it is counted");
    let time = |value: nix::sys::time::TimeVal| {
        Duration::from_micros(
            u64::try_from(value.tv_sec() * 1_000_000 + value.tv_usec()).unwrap_or(0),
        )
    };
    time(usage.user_time()) + time(usage.system_time())
}

/// Runs a program to its end in a fresh home.
fn measure(program: &str, args: &[&str]) -> Cost {
    let home = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command
        .args(args)
        .env_remove("ANTHROPIC_API_KEY")
        .env("ZI_HOME", home.path())
        .env("ZI_DEMO_DELAY_MS", "0")
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let before = cpu_of_children();
    let started = Instant::now();
    let status = command.status().expect("it runs");
    let wall = started.elapsed();
    assert!(status.success(), "{program} {args:?}: {status}");
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).expect("it is counted");
    Cost { wall, cpu: cpu_of_children() - before, rss_mib: usage.max_rss() as f64 / 1024.0 }
}

fn floor(_: &str) -> Cost {
    measure("true", &[])
}

fn version(zi: &str) -> Cost {
    measure(zi, &["--version"])
}

fn help(zi: &str) -> Cost {
    measure(zi, &["--help"])
}

fn bundle(zi: &str) -> Cost {
    measure(zi, &["--list-tools"])
}

fn against(server: &Server, zi: &str, more: &[&str]) -> Cost {
    let mut args = vec![
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ];
    args.extend(more);
    measure(zi, &args)
}

fn hello(zi: &str) -> Cost {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("hello")));
    against(&server, zi, &["-p", "hello"])
}

/// A body whose text comes in `count` deltas.
fn body(count: usize) -> Vec<u8> {
    let whole = String::from_utf8(anthropic::text("@@")).expect("it is text");
    let is_delta = |event: &&str| event.contains("text_delta");
    let events: Vec<&str> = whole.split_inclusive("\n\n").collect();
    let delta = events.iter().copied().find(is_delta).expect("there is a delta");
    let deltas = (0..count).map(|index| delta.replace("\"@\"", &format!("\"word{index} \"")));
    let before =
        events.iter().take_while(|event| !is_delta(event)).map(|event| (*event).to_owned());
    let after = events.iter().rev().take_while(|event| !is_delta(event));
    let after: Vec<String> = after.map(|event| (*event).to_owned()).collect();
    before.chain(deltas).chain(after.into_iter().rev()).collect::<String>().into_bytes()
}

fn deltas(zi: &str) -> Cost {
    let server = Server::start();
    server.otherwise(Reply::sse(body(20_000)));
    against(&server, zi, &["-p", "go"])
}

fn deltas_json(zi: &str) -> Cost {
    let server = Server::start();
    server.otherwise(Reply::sse(body(20_000)));
    against(&server, zi, &["--mode", "json", "go"])
}

fn turns(zi: &str) -> Cost {
    const TURNS: u32 = 100;
    let server = Server::start();
    for index in 0..TURNS {
        let call =
            anthropic::tool_call(&format!("c{index}"), "bash", &json!({ "command": "true" }));
        server.reply(Reply::sse(call));
    }
    server.reply(Reply::sse(anthropic::text("done")));
    let cost = against(&server, zi, &["-p", "go", "--max-steps", "200"]);
    Cost { wall: cost.wall / TURNS, cpu: cost.cpu / TURNS, ..cost }
}

/// Time from the start of the process to the first request at the server.
fn first_byte(zi: &str) {
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let home = tempfile::tempdir().expect("a folder");
        let server = Server::start();
        server.otherwise(Reply::sse(anthropic::text("hello")));
        let started = Instant::now();
        let mut child = Command::new(zi)
            .args([
                "--provider",
                "anthropic",
                "--model",
                "m",
                "--api-key",
                "k",
                "-p",
                "hi",
                "--base-url",
                server.url(),
            ])
            .env("ZI_HOME", home.path())
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .expect("it starts");
        server.wait_for_requests(1);
        times.push(started.elapsed());
        child.wait().expect("it ends");
    }
    times.sort();
    println!(
        "{:<36} {:>10.1}   bound: 40",
        "start to first request",
        times[RUNS / 2].as_secs_f64() * 1e3
    );
    let size = fs::metadata(zi).map_or(0, |meta| meta.len());
    println!(
        "{:<36} {:>10.1} MiB   bound: 20",
        "the program itself",
        size as f64 / 1024.0 / 1024.0
    );
}
