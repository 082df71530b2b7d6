//! Standard output and standard error: the one place that writes them.
//!
//! What goes to a terminal is stripped of control sequences; what goes to a pipe stays as it is.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Mutex, PoisonError},
};

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    api::strip_ansi,
    hooks::Event,
    host::{Front, Level},
};

/// Prints the last answer at the end, and what the user should know on standard error.
#[derive(Debug, Default)]
pub struct TextFront;

impl Front for TextFront {
    fn mode(&self) -> &'static str {
        "print"
    }

    fn event(&self, event: &Event) {
        if event.name == "retry" {
            let text =
                |name: &str| event.fields.get(name).and_then(Value::as_str).unwrap_or_default();
            let ms = event.fields.get("wait_ms").and_then(Value::as_f64).unwrap_or(0.0);
            self.notice(
                Level::Warn,
                &format!("{}; trying again in {:.1} s", text("label"), ms / 1000.0),
            );
        }
    }

    fn notice(&self, level: Level, text: &str) {
        notice(level, text);
    }
}

/// Prints every event as a line of JSON.
#[derive(Debug, Default)]
pub struct JsonFront {
    out: Mutex<()>,
    gone: CancellationToken,
}

impl JsonFront {
    /// Notices that the reader of a pipe left even while there is nothing to write.
    pub fn watch_reader(&self) {
        let gone = self.gone.clone();
        // The thread ends with the process.
        let watch = std::thread::Builder::new().name("zi-reader".to_owned()).spawn(move || {
            use rustix::event::{PollFd, PollFlags, poll};
            let stdout = io::stdout();
            // No events are asked for: an error is what a pipe without a reader always tells.
            let mut fds = [PollFd::new(&stdout, PollFlags::empty())];
            let told = poll(&mut fds, None);
            if told.is_ok() && fds[0].revents().contains(PollFlags::ERR) {
                gone.cancel();
            }
        });
        if let Err(err) = watch {
            report_error(&format!("cannot watch standard output: {err}"));
        }
    }

    fn line(&self, value: &Value) {
        let mut line = value.to_string();
        line.push('\n');
        let _one_at_a_time = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let mut out = io::stdout().lock();
        if self.gone.is_cancelled() {
            return;
        }
        if let Err(err) = out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
            self.gone.cancel();
            // A reader that has seen enough is no mistake.
            if err.kind() != io::ErrorKind::BrokenPipe {
                report_error(&format!("cannot write to standard output: {err}"));
            }
        }
    }
}

impl Front for JsonFront {
    fn mode(&self) -> &'static str {
        "json"
    }

    fn event(&self, event: &Event) {
        if !self.gone.is_cancelled() {
            self.line(&event.to_value());
        }
    }

    fn notice(&self, level: Level, text: &str) {
        notice(level, text);
    }

    fn raw(&self, value: &Value) {
        self.line(value);
    }

    fn gone(&self) -> CancellationToken {
        self.gone.clone()
    }
}

fn notice(level: Level, text: &str) {
    if level == Level::Debug {
        return;
    }
    report(level.name(), text);
}

/// Says on standard error why zi cannot go on.
pub fn report_error(text: &str) {
    report("error", text);
}

/// Says on standard error what the user should know.
pub fn report_note(text: &str) {
    report(Level::Warn.name(), text);
}

fn report(level: &str, text: &str) {
    let text = strip_ansi(text);
    // Nobody is left to hear of a broken standard error.
    writeln!(io::stderr().lock(), "zi: {level}: {text}").ok();
}

/// Prints lines to standard output; a reader that left ends it quietly.
pub fn print_lines(text: &str) -> io::Result<()> {
    match print_more(text) {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// Prints lines of which more will come: a reader that left is an error.
pub fn print_more(text: &str) -> io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    let mut out = io::stdout().lock();
    let clean;
    let text = if out.is_terminal() {
        clean = strip_ansi(text);
        &clean
    } else {
        text
    };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    write!(out, "{text}{end}").and_then(|()| out.flush())
}

/// Prints a part of a line, as it comes.
pub fn print_piece(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{}", strip_ansi(text)).and_then(|()| out.flush())
}

/// Whether there is a terminal to read from and to write to.
pub fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks a question on the terminal; `None` when there is none to ask on.
pub fn ask(question: &str) -> io::Result<Option<String>> {
    let mut out = io::stdout().lock();
    if !io::stdin().is_terminal() || !out.is_terminal() {
        return Ok(None);
    }
    write!(out, "{} ", strip_ansi(question)).and_then(|()| out.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(Some(answer.trim().to_owned()))
}

/// Asks for a line: on the terminal, or from whatever standard input is.
pub fn ask_line(question: &str) -> io::Result<String> {
    let mut err = io::stderr().lock();
    write!(err, "{} ", strip_ansi(question)).and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().to_owned())
}

/// Asks for a line that does not show while it is typed.
pub fn ask_secret(question: &str) -> io::Result<String> {
    use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
    let stdin = io::stdin();
    let Ok(before) = tcgetattr(&stdin) else { return ask_line(question) };
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&stdin, OptionalActions::Flush, &hidden)?;
    let answer = ask_line(question);
    tcsetattr(&stdin, OptionalActions::Flush, &before)?;
    answer
}
