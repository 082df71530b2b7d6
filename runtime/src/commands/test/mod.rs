//! `zi test`: Lua specs, run in the real runtime.
//!
//! Each spec file runs in a process of its own (`worker`), with a home and a temporary folder that go
//! with it; files run side by side. What the workers report is put together and printed here.

mod find;
mod report;
mod watch;
mod worker;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser as _;
use futures_util::{StreamExt as _, stream};
use zi_kernel::job::{self, Chunk, Job, Spec, Stream};

use crate::modes;
use report::FileReport;

/// Exit code of a spec file that cannot be loaded.
const CANNOT_LOAD: u8 = 5;
const USAGE: u8 = 2;
/// Files that run at once.
const MOST_AT_ONCE: usize = 8;

/// Run Lua specs: every *_spec.lua below the paths, each test in a zi of its own.
#[derive(Clone, Debug, clap::Parser)]
#[command(name = "zi test")]
struct Options {
    /// Files, or folders to look through (./spec, or the current folder without one)
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Run only the tests with TEXT in their titles
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Show the tests and run none
    #[arg(long)]
    list: bool,
    /// Print the outcome in the Test Anything Protocol
    #[arg(long)]
    tap: bool,
    /// Write the outcome to FILE as JUnit XML, too
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Run again whenever a Lua file below the paths changes
    #[arg(long)]
    watch: bool,
    /// How long a test may take
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = seconds)]
    timeout: f64,
    /// Run one file and write what comes of it to another
    #[arg(long, hide = true, num_args = 2, value_names = ["FILE", "REPORT"])]
    worker: Option<Vec<PathBuf>>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "it must be a number".to_owned())?;
    if (0.01..=86_400.0).contains(&seconds) {
        Ok(seconds)
    } else {
        Err("it must be from 0.01 to 86400".to_owned())
    }
}

/// Runs the sub-command.
pub fn run(args: &[OsString]) -> ExitCode {
    let words = std::iter::once(OsString::from("zi test")).chain(args.iter().cloned());
    let options = match Options::try_parse_from(words) {
        Ok(options) => options,
        Err(err) => {
            let code = u8::try_from(err.exit_code()).unwrap_or(USAGE);
            err.print().ok();
            return ExitCode::from(code);
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("zi-io")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(err) => {
            modes::report_error(&format!("cannot start: {err}"));
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        if let Some([file, report]) = options.worker.as_deref() {
            return worker::run(file, report, &options).await;
        }
        tokio::select! {
            code = run_all(&options) => code,
            _ = tokio::signal::ctrl_c() => 130,
        }
    });
    runtime.block_on(job::stop_all());
    // A spec that does not give its thread back must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    ExitCode::from(code)
}

async fn run_all(options: &Options) -> u8 {
    if !options.watch {
        return run_once(options).await;
    }
    loop {
        let before = watch::fingerprint(&options.paths);
        run_once(options).await;
        if modes::print_lines("waiting for a change…").is_err() {
            return 1;
        }
        watch::changed(&options.paths, &before).await;
    }
}

/// Finds the files, runs them, prints the outcome.
async fn run_once(options: &Options) -> u8 {
    let files = match find::spec_files(&options.paths) {
        Ok(files) => files,
        Err(problem) => {
            modes::report_error(&problem);
            return USAGE;
        }
    };
    let at_once = std::thread::available_parallelism().map_or(2, usize::from).min(MOST_AT_ONCE);
    let mut running =
        std::pin::pin!(stream::iter(&files).map(|file| run_file(file, options)).buffered(at_once));
    let mut reports = Vec::new();
    while let Some(report) = running.next().await {
        if !options.tap && !report.is_empty() {
            let text = if options.list { report.titles() } else { report.summary() };
            // A reader that left is no reason to leave the rest undone.
            modes::print_lines(&text).ok();
        }
        reports.push(report);
    }
    if let Some(filter) = &options.filter
        && reports.iter().all(FileReport::is_empty)
    {
        modes::report_error(&format!("no test has `{filter}` in its title"));
        return USAGE;
    }
    finish(options, &reports)
}

fn finish(options: &Options, reports: &[FileReport]) -> u8 {
    let text = match (options.list, options.tap) {
        (true, false) => report::problems(reports),
        (_, true) => report::tap(reports),
        (false, false) => report::failures(reports) + &report::totals(reports),
    };
    let mut code = report::exit_code(reports);
    if modes::print_lines(&text).is_err() {
        code = code.max(1);
    }
    if let Some(path) = &options.junit
        && let Err(err) = std::fs::write(path, report::junit(reports))
    {
        modes::report_error(&format!("cannot write `{}`: {err}", path.display()));
        code = code.max(1);
    }
    code
}

/// Runs one file in a worker and listens to it.
async fn run_file(file: &Path, options: &Options) -> FileReport {
    let started = Instant::now();
    let mut report = FileReport::new(file);
    let folder = match tempfile::Builder::new().prefix("zi-test-").tempdir() {
        Ok(folder) => folder,
        Err(err) => {
            report.broken = Some(format!("no temporary folder: {err}"));
            return report;
        }
    };
    let lines = folder.path().join("report.jsonl");
    let job = worker_spec(file, &lines, options, folder.path())
        .and_then(|spec| Job::start(spec).map_err(|err| err.to_string()));
    match job {
        Ok(job) => {
            let said = listen(job).await;
            let lines = std::fs::read(lines).unwrap_or_default();
            report.read(&lines);
            if !report.is_whole {
                report.broken = Some(format!("its process ended before its time\n{said}"));
            }
        }
        Err(problem) => report.broken = Some(problem),
    }
    report.elapsed = started.elapsed();
    report
}

/// Waits for the end of a worker; answers what it said on standard error, and how it ended.
async fn listen(mut job: Job) -> String {
    let mut said = Vec::new();
    let mut how = String::new();
    while let Some(chunk) = job.next().await {
        match chunk {
            Chunk::Output(Stream::Stdout, _) => {}
            Chunk::Output(Stream::Stderr, bytes) => said.extend_from_slice(&bytes),
            Chunk::Exit(exit) => {
                how = match (exit.code, exit.signal) {
                    (_, Some(signal)) => format!("signal {signal}"),
                    (code, None) => format!("exit {}", code.unwrap_or_default()),
                }
            }
        }
    }
    format!("{}\n({how})", String::from_utf8_lossy(&said).trim())
}

/// The call of a worker. It sees nothing of the user: no home, no key, no setting.
fn worker_spec(
    file: &Path,
    lines: &Path,
    options: &Options,
    folder: &Path,
) -> Result<Spec, String> {
    let program = std::env::current_exe().map_err(|err| err.to_string())?;
    let mut argv = vec![program.display().to_string(), "test".into(), "--worker".into()];
    argv.extend([file, lines].map(|path| path.display().to_string()));
    argv.extend(["--timeout".to_owned(), options.timeout.to_string()]);
    if let Some(filter) = &options.filter {
        argv.push(format!("--filter={filter}"));
    }
    if options.list {
        argv.push("--list".into());
    }
    let folder = std::fs::canonicalize(folder).map_err(|err| err.to_string())?;
    let path = folder.display().to_string();
    let names = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    Ok(Spec {
        argv,
        cwd: Some(folder),
        env: vec![
            ("HOME".into(), path.clone()),
            ("TMPDIR".into(), path),
            ("ZI_DEMO_DELAY_MS".into(), "0".into()),
        ],
        without_env: names.filter(|name| is_personal(name)).collect(),
        ..Spec::default()
    })
}

/// Whether a variable says something about whoever runs the specs.
fn is_personal(name: &str) -> bool {
    let name = name.to_uppercase();
    let is_secret = ["_API_KEY", "_TOKEN", "_PROXY"].iter().any(|end| name.ends_with(end));
    let is_ours = name.starts_with("ZI_") && name != "ZI_BUNDLE_DIR";
    is_secret || is_ours || name.starts_with("XDG_")
}
