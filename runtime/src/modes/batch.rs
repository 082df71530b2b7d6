//! Batch modes: one prompt, its answer, and an exit code that says how it went.

use std::{process::ExitCode, sync::Arc, time::Duration};

use serde_json::{Value, json};
use zi_kernel::job;

use super::{input, interactive, out};
use crate::{
    api::Failure,
    cli::{Cli, OutputMode},
    host::{Front, Host, Level, lock},
    models,
    run::{Prompt, Ran, RunReport, Status},
    startup::{self, StartupError},
};

/// Exit codes, as documented.
mod exit {
    pub const RUN_FAILED: u8 = 1;
    pub const USAGE: u8 = 2;
    pub const AUTH: u8 = 3;
    pub const PROVIDER: u8 = 4;
    pub const REFUSED: u8 = 6;
    pub const LIMIT: u8 = 7;
    pub const INTERRUPTED: u8 = 130;
}

/// The signal of a file that grew past the process's limit (25 on every Linux and on macOS).
const SIGXFSZ: tokio::signal::unix::SignalKind = tokio::signal::unix::SignalKind::from_raw(25);
/// How long observers may still work after the run.
const OBSERVER_GRACE: Duration = Duration::from_secs(5);

/// How a batch run ended.
struct Ended {
    code: u8,
    report: Option<RunReport>,
    error: Option<Failure>,
}

impl Ended {
    fn error(code: u8, failure: Failure) -> Self {
        Self { code, report: None, error: Some(failure) }
    }

    /// Takes the code of what stopped the run. An extension that ends zi (0) makes no failure of a
    /// run that was whole by then.
    fn interrupt(&mut self, code: u8) {
        let was_cut = self.report.as_ref().is_some_and(|report| report.status == Status::Aborted);
        match code {
            0 if was_cut => self.code = exit::RUN_FAILED,
            0 => {}
            code => self.code = code,
        }
    }
}

/// Runs a batch mode from the command line to the exit code.
pub fn run(cli: &Cli) -> ExitCode {
    interactive::block_on(run_async(cli))
}

async fn run_async(cli: &Cli) -> u8 {
    // A file size limit then shows as a failed write, which is told; by default it kills.
    let _size_limit = tokio::signal::unix::signal(SIGXFSZ);
    let as_json = cli.json || cli.mode == Some(OutputMode::Json);
    let lists = cli.list_models.is_some() || cli.list_tools;
    let front: Box<dyn Front> = if as_json {
        let front = Box::<out::JsonFront>::default();
        front.watch_reader();
        front
    } else {
        Box::<out::TextFront>::default()
    };
    let (host, prompt) = match prepare(cli, front, lists).await {
        Ok(prepared) => prepared,
        Err(err) => {
            out::report_error(&err.to_string());
            return err.exit_code();
        }
    };
    if lists {
        let text = match &cli.list_models {
            Some(search) => model_table(&host, search),
            None => tool_table(&host),
        };
        let code = match out::print_lines(&text) {
            Ok(()) => 0,
            Err(err) => {
                out::report_error(&format!("cannot print the list: {err}"));
                exit::RUN_FAILED
            }
        };
        finish(&host).await;
        return code;
    }
    if as_json {
        let mut header = host.session.journal().header().to_value();
        tell_of_project(&host, &mut header);
        host.front.raw(&header);
    }
    let is_resumed = cli.continue_last || cli.session.is_some();
    host.emit(host.session_start(if is_resumed { "resume" } else { "startup" }));
    if cli.no_yolo {
        host.notice(Level::Warn, "--no-yolo has no effect without a terminal: tools run unasked");
    }
    let signal = tokio::spawn(watch_signals(host.clone()));
    let mut ended = drive(&host, prompt).await;
    if let Some(code) = lock(&host.interrupted).take() {
        ended.interrupt(code);
    }
    signal.abort();
    if !as_json && print_text(&host, &ended).is_err() && ended.code == 0 {
        ended.code = exit::RUN_FAILED;
    }
    finish(&host).await;
    if as_json {
        // The last line, whatever handlers had to say on the way out.
        let record = result_record(&host, &ended);
        host.front.raw(&record);
        if let Some(failure) = &ended.error {
            out::report_error(&failure.message);
        }
    }
    if host.front.gone().is_cancelled() { exit::RUN_FAILED } else { ended.code }
}

async fn prepare(
    cli: &Cli,
    front: Box<dyn Front>,
    lists: bool,
) -> Result<(Arc<Host>, Prompt), StartupError> {
    let cwd = startup::working_dir(cli)?;
    let prompt = if lists {
        Prompt::default()
    } else {
        let assembled = input::assemble(&cli.words, cli.prompt.as_deref(), &cwd)
            .map_err(|err| StartupError::Usage(err.to_string()))?;
        Prompt { text: assembled.text, images: assembled.images, source: "user" }
    };
    let host = startup::start(cli, cwd, front).await?;
    Ok((host, prompt))
}

/// Runs the prompt and what it leads to.
async fn drive(host: &Arc<Host>, prompt: Prompt) -> Ended {
    let mut ended = match host.run_command(&prompt.text).await {
        Ran::NoCommand => run_prompt(host, prompt).await,
        Ran::Done => Ended { code: 0, report: None, error: None },
        Ran::Failed(failure) => Ended::error(exit::RUN_FAILED, failure),
    };
    while ended.code == 0
        && let Some(prompt) = host.next_prompt(OBSERVER_GRACE).await
    {
        ended = run_prompt(host, prompt).await;
    }
    ended
}

async fn run_prompt(host: &Arc<Host>, prompt: Prompt) -> Ended {
    if let Err(err) = host.choose_model() {
        return Ended::error(exit::USAGE, Failure::new("invalid_request", err.to_string()));
    }
    if let Err(failure) = check_credential(host).await {
        return Ended::error(exit::AUTH, failure);
    }
    match host.prompt(prompt).await {
        Ok(Some(report)) => {
            let code = exit_code(&report);
            let error = report.error.clone().or_else(|| limit_failure(&report));
            Ended { code, report: Some(report), error }
        }
        Ok(None) => Ended { code: 0, report: None, error: None },
        Err(err) => Ended::error(exit::RUN_FAILED, Failure::new("protocol", err.to_string())),
    }
}

async fn check_credential(host: &Arc<Host>) -> Result<(), Failure> {
    let model = host.model().ok_or_else(|| Failure::new("invalid_request", "no model"))?;
    let Some(provider) = host.registry.provider(&model.provider) else { return Ok(()) };
    let credential = host.credential(&provider).await;
    credential.map(drop).map_err(|err| Failure::new("auth", err.to_string()))
}

fn limit_failure(report: &RunReport) -> Option<Failure> {
    (report.status == Status::Limit).then(|| {
        let text = format!(
            "the limit of {} model calls was reached; `zi -c -p \"go on\"` continues, \
             `--max-steps` raises it",
            report.turns
        );
        Failure { code: Some("max_steps".into()), ..Failure::new("invalid_request", text) }
    })
}

fn exit_code(report: &RunReport) -> u8 {
    match report.status {
        Status::Ok => 0,
        Status::Aborted => exit::INTERRUPTED,
        Status::Limit => exit::LIMIT,
        Status::Error => match &report.error {
            None => exit::RUN_FAILED,
            Some(failure) => match (failure.kind.as_str(), failure.code.as_deref()) {
                ("auth", _) => exit::AUTH,
                ("content_policy", Some("refused")) => exit::REFUSED,
                ("protocol", Some("journal")) => exit::RUN_FAILED,
                ("protocol", _) if failure.message.starts_with("the loop failed") => {
                    exit::RUN_FAILED
                }
                _ => exit::PROVIDER,
            },
        },
    }
}

/// Turns signals into an orderly end. A second one ends the process at once.
async fn watch_signals(host: Arc<Host>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term), Ok(mut hup), Ok(mut quit)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
        signal(SignalKind::quit()),
    ) else {
        return;
    };
    let gone = host.front.gone();
    loop {
        let code = tokio::select! {
            _ = int.recv() => exit::INTERRUPTED,
            _ = term.recv() => 143,
            _ = hup.recv() => 129,
            _ = quit.recv() => 131,
            () = host.shutdown.cancelled() => 0,
            () = gone.cancelled() => {
                lock(&host.interrupted).get_or_insert(exit::RUN_FAILED);
                host.abort();
                return;
            }
        };
        let again = lock(&host.interrupted).replace(code).is_some();
        if again {
            job::stop_all().await;
            std::process::exit(i32::from(code));
        }
        host.abort();
        if code == 0 {
            return;
        }
    }
}

fn print_text(host: &Host, ended: &Ended) -> std::io::Result<()> {
    if let Some(failure) = &ended.error {
        host.front.notice(Level::Error, &failure.message);
    }
    let Some(report) = &ended.report else { return Ok(()) };
    if matches!(report.status, Status::Ok | Status::Limit)
        && let Err(err) = out::print_lines(&report.text)
    {
        let kept = host.session.file().map(|file| format!("; it is in `{}`", file.display()));
        let kept = kept.unwrap_or_default();
        out::report_error(&format!("cannot print the answer: {err}{kept}"));
        return Err(err);
    }
    if report.status == Status::Ok && report.stop_reason == "length" {
        host.front.notice(Level::Warn, "the answer was cut off at the model's output limit");
    }
    if report.status == Status::Ok && report.stop_reason == "refusal" {
        host.front.notice(Level::Warn, "the model declined to answer");
    }
    Ok(())
}

fn result_record(host: &Host, ended: &Ended) -> Value {
    let status = match (&ended.report, ended.code) {
        (_, exit::INTERRUPTED | 129 | 131 | 143) => "aborted",
        (Some(report), _) => report.status.name(),
        (None, 0) => "ok",
        (None, _) => "error",
    };
    let usage = ended.report.as_ref().map(|report| report.usage.clone()).unwrap_or_default();
    let mut record = json!({
        "type": "result",
        "status": status,
        "exit_code": ended.code,
        "stop_reason": ended.report.as_ref().map(|report| report.stop_reason.clone()),
        "text": ended.report.as_ref().map(|report| report.text.clone()).unwrap_or_default(),
        "turns": ended.report.as_ref().map_or(0, |report| report.turns),
        "usage": usage.to_value(),
        "session_id": host.session.id(),
    });
    if let Some(file) = host.session.file() {
        record["session_file"] = file.display().to_string().into();
    }
    if let Some(failure) = &ended.error {
        record["error"] = failure.to_value();
    }
    tell_of_project(host, &mut record);
    record
}

/// Whoever reads the stream can tell a run that left the project's part out.
fn tell_of_project(host: &Host, record: &mut Value) {
    if let Some(left_out) = host.untrusted_project.get() {
        record["untrusted_project"] = left_out.clone();
    }
}

/// Ends what still runs, in order.
async fn finish(host: &Arc<Host>) {
    if !host.settle(OBSERVER_GRACE).await {
        host.notice(Level::Warn, "some handlers were still working and were ended");
    }
    host.emit_shutdown("exit").await;
    if let Err(err) = host.session.sync().await {
        host.notice(Level::Error, &err.to_string());
    }
    job::stop_all().await;
}

fn model_table(host: &Host, search: &str) -> String {
    let search = search.to_lowercase();
    let mut rows = vec![
        ["provider", "model", "context", "output", "thinking", "source", "name"].map(str::to_owned),
    ];
    let mut all = models::all(&host.registry);
    all.sort_by(|a, b| (&a.provider, &a.id).cmp(&(&b.provider, &b.id)));
    for model in all {
        let text = format!("{} {}", model.full_name(), model.name()).to_lowercase();
        if text.contains(&search) {
            rows.push([
                model.provider.clone(),
                model.id.clone(),
                tokens(model.context_window()),
                tokens(model.max_tokens()),
                if model.has_reasoning() { "yes" } else { "no" }.into(),
                model.source.into(),
                model.name().into(),
            ]);
        }
    }
    table(&rows)
}

fn tool_table(host: &Host) -> String {
    let rows: Vec<[String; 3]> = host
        .active_tools()
        .iter()
        .map(|tool| {
            let first = tool.description.lines().next().unwrap_or_default().to_owned();
            [tool.name.clone(), tool.execute.owner.id.clone(), first]
        })
        .collect();
    table(&rows)
}

fn tokens(count: u64) -> String {
    match count {
        0..1_000 => count.to_string(),
        1_000..1_000_000 => format!("{}k", count / 1_000),
        _ => format!("{}M", (count as f64 / 100_000.0).round() / 10.0),
    }
}

pub(crate) fn table<const N: usize>(rows: &[[String; N]]) -> String {
    use unicode_width::UnicodeWidthStr as _;
    let mut text = String::new();
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
