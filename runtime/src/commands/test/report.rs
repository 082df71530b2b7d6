//! What came of the tests, and how it is told: as text, TAP and JUnit.

use std::{path::Path, time::Duration};

use serde::{Deserialize, Serialize};

use super::CANNOT_LOAD;

/// A line that a worker writes.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Case(CaseReport),
    /// Why the file cannot go on.
    Broken {
        message: String,
    },
    End,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Passed,
    Failed,
    Skipped,
}

/// What came of one test.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct CaseReport {
    pub title: String,
    pub outcome: Outcome,
    pub seconds: f64,
    /// Why it failed.
    pub message: String,
    pub diff: Option<String>,
    /// `file:line` of the expectation.
    pub place: Option<String>,
    pub traceback: Vec<String>,
    /// What the user would have been told, and what the spec printed.
    pub notes: Vec<String>,
}

impl CaseReport {
    pub fn new(title: &str, outcome: Outcome) -> Self {
        Self {
            title: title.to_owned(),
            outcome,
            seconds: 0.0,
            message: String::new(),
            diff: None,
            place: None,
            traceback: Vec::new(),
            notes: Vec::new(),
        }
    }

    pub fn fail(&mut self, message: String) {
        self.outcome = Outcome::Failed;
        self.message = message;
    }

    /// Everything that is known of a failure, a line each.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.place.iter().map(|place| shown(place)).collect();
        lines.extend(self.message.lines().map(shown));
        lines
            .extend(self.diff.iter().flat_map(|diff| diff.lines()).map(|line| format!("  {line}")));
        lines.extend(self.traceback.iter().map(|frame| format!("at {}", shown(frame))));
        lines.extend(self.notes.iter().map(|note| shown(note)));
        lines
    }
}

/// What came of one file.
#[derive(Debug)]
pub(super) struct FileReport {
    /// As it is shown: from the current folder on, where it lies below that.
    pub name: String,
    pub cases: Vec<CaseReport>,
    /// Why the file could not be loaded, or not to its end.
    pub broken: Option<String>,
    /// Whether the worker said all that it had to.
    pub is_whole: bool,
    pub elapsed: Duration,
}

impl FileReport {
    pub fn new(file: &Path) -> Self {
        Self {
            name: shown(&file.display().to_string()),
            cases: Vec::new(),
            broken: None,
            is_whole: false,
            elapsed: Duration::ZERO,
        }
    }

    /// Reads what a worker wrote; a line that was cut off with it says nothing.
    pub fn read(&mut self, lines: &[u8]) {
        for line in lines.split(|byte| *byte == b'\n') {
            match serde_json::from_slice(line) {
                Ok(Line::Case(case)) => self.cases.push(case),
                Ok(Line::Broken { message }) => self.broken = Some(message),
                Ok(Line::End) => self.is_whole = true,
                Err(_) => {}
            }
        }
    }

    /// Whether there is nothing to tell of it.
    pub fn is_empty(&self) -> bool {
        self.cases.is_empty() && self.broken.is_none()
    }

    fn count(&self, outcome: Outcome) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome).count()
    }

    /// One line about the file.
    pub fn summary(&self) -> String {
        let counts = counts(std::slice::from_ref(self));
        let mark = match (&self.broken, self.count(Outcome::Failed)) {
            (Some(_), _) => "broken",
            (None, 0) => "ok",
            (None, _) => "failed",
        };
        format!("{mark:<7} {} ({counts}, {} ms)", self.name, self.elapsed.as_millis())
    }

    pub fn titles(&self) -> String {
        let titles = self.cases.iter().map(|case| format!("{}: {}", self.name, case.title));
        titles.collect::<Vec<_>>().join("\n")
    }
}

/// Paths below the current folder, as seen from there.
fn shown(text: &str) -> String {
    match std::env::current_dir().and_then(std::fs::canonicalize) {
        Ok(dir) if dir.parent().is_some() => text.replace(&format!("{}/", dir.display()), ""),
        _ => text.to_owned(),
    }
}

fn counts(reports: &[FileReport]) -> String {
    let sum = |outcome| reports.iter().map(|report| report.count(outcome)).sum::<usize>();
    let text = format!("{} passed, {} failed", sum(Outcome::Passed), sum(Outcome::Failed));
    match sum(Outcome::Skipped) {
        0 => text,
        skipped => format!("{text}, {skipped} skipped"),
    }
}

/// 0, 1 when a test failed, 5 when a file could not be loaded.
pub(super) fn exit_code(reports: &[FileReport]) -> u8 {
    if reports.iter().any(|report| report.broken.is_some()) {
        return CANNOT_LOAD;
    }
    u8::from(reports.iter().any(|report| report.count(Outcome::Failed) > 0))
}

fn block(head: &str, lines: &[String]) -> String {
    let body: String = lines.iter().map(|line| format!("    {line}\n")).collect();
    format!("\n{head}\n{body}")
}

/// The files that could not be loaded.
pub(super) fn problems(reports: &[FileReport]) -> String {
    let broken = reports.iter().filter_map(|report| Some((report, report.broken.as_ref()?)));
    broken
        .map(|(report, problem)| {
            let lines: Vec<String> = problem.lines().map(shown).collect();
            block(&format!("{} cannot be run:", report.name), &lines)
        })
        .collect()
}

/// A block for each failure.
pub(super) fn failures(reports: &[FileReport]) -> String {
    let mut text = problems(reports);
    for report in reports {
        for case in report.cases.iter().filter(|case| case.outcome == Outcome::Failed) {
            text += &block(&format!("FAILED  {}: {}", report.name, case.title), &case.lines());
        }
    }
    text
}

/// The last line.
pub(super) fn totals(reports: &[FileReport]) -> String {
    let broken = reports.iter().filter(|report| report.broken.is_some()).count();
    let more = match broken {
        0 => String::new(),
        1 => "1 file cannot be run\n".to_owned(),
        several => format!("{several} files cannot be run\n"),
    };
    format!("\n{more}{}", counts(reports))
}

/// The Test Anything Protocol, version 14.
pub(super) fn tap(reports: &[FileReport]) -> String {
    let mut text = String::from("TAP version 14\n");
    let mut number = 0;
    let mut point = |ok: bool, title: String, directive: &str, lines: Vec<String>| {
        number += 1;
        let word = if ok { "ok" } else { "not ok" };
        let title = title.replace('\\', "\\\\").replace('#', "\\#").replace('\n', " ");
        text += &format!("{word} {number} - {title}{directive}\n");
        if !lines.is_empty() {
            text += "  ---\n  message: |\n";
            text.extend(lines.iter().map(|line| format!("    {line}\n")));
            text += "  ...\n";
        }
    };
    for report in reports {
        for case in &report.cases {
            let title = format!("{}: {}", report.name, case.title);
            match case.outcome {
                Outcome::Passed => point(true, title, "", Vec::new()),
                Outcome::Skipped => point(true, title, " # SKIP", Vec::new()),
                Outcome::Failed => point(false, title, "", case.lines()),
            }
        }
        if let Some(problem) = &report.broken {
            let lines = problem.lines().map(shown).collect();
            point(false, format!("{} can be run", report.name), "", lines);
        }
    }
    text + &format!("1..{number}\n")
}

/// JUnit XML: a suite for each file.
pub(super) fn junit(reports: &[FileReport]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        let broken = usize::from(report.broken.is_some());
        text += &format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{broken}\" \
             skipped=\"{}\" time=\"{:.3}\">\n",
            xml(&report.name),
            report.cases.len() + broken,
            report.count(Outcome::Failed),
            report.count(Outcome::Skipped),
            report.elapsed.as_secs_f64(),
        );
        for case in &report.cases {
            text += &format!(
                "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\">",
                xml(&report.name),
                xml(&case.title),
                case.seconds,
            );
            match case.outcome {
                Outcome::Passed => {}
                Outcome::Skipped => text += "<skipped/>",
                Outcome::Failed => {
                    let (message, lines) = (xml(&case.message), xml(&case.lines().join("\n")));
                    text += &format!("<failure message=\"{message}\">{lines}</failure>");
                }
            }
            text += "</testcase>\n";
        }
        if let Some(problem) = &report.broken {
            let (name, problem) = (xml(&report.name), xml(problem));
            text += &format!(
                "    <testcase classname=\"{name}\" name=\"{name}\" time=\"0\"><error \
                 message=\"{problem}\"/></testcase>\n"
            );
        }
        text += "  </testsuite>\n";
    }
    text + "</testsuites>\n"
}

/// Text for XML; characters that it cannot hold are replaced.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}
