//! `zi check`: looks for mistakes in extensions, without running what they do.

pub(super) mod dry;
mod facts;
mod lexer;
mod names;
mod parser;
pub(super) mod places;
mod schema;
mod targets;
mod views;

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use serde_json::{Value, json};

use self::{
    dry::Seen,
    places::Text,
    targets::{Target, at, root_of},
};
use crate::{
    extensions::{Root, Source},
    modes,
    paths::Dirs,
};

/// Look for mistakes in extensions
#[derive(Debug, Parser)]
#[command(name = "zi check", no_binary_name = true)]
struct Options {
    /// Extensions, modules, or folders of them; the current folder if it is an extension, else yours
    paths: Vec<PathBuf>,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    pub file: PathBuf,
    pub line: usize,
    /// `load`, `event`, `field`, `schema`, `member`, `waits`, `global`, `view`.
    pub kind: &'static str,
    pub message: String,
}

impl Finding {
    /// One whose file is filled in later.
    fn new(kind: &'static str, line: usize, message: String) -> Self {
        Self { file: PathBuf::new(), line, kind, message }
    }
}

/// Runs `zi check`.
pub fn run(args: &[OsString]) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(err) => {
            err.print().ok();
            return ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2));
        }
    };
    match check(&options) {
        Ok(code) => ExitCode::from(code),
        Err((code, problem)) => {
            modes::report_error(&problem);
            ExitCode::from(code)
        }
    }
}

fn check(options: &Options) -> Result<u8, (u8, String)> {
    let dirs = Dirs::from_env().map_err(|err| (5, err.to_string()))?;
    let targets = all_targets(options, &dirs)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|err| (1, format!("cannot start: {err}")))?;
    let mut findings = Vec::new();
    for target in &targets {
        let found = runtime.block_on(check_one(target, &dirs));
        findings.extend(found.map_err(|problem| (1, problem))?);
    }
    findings.sort();
    findings.dedup();
    let text = if options.json {
        let rows: Vec<Value> = findings.iter().map(as_json).collect();
        json!({ "checked": targets.len(), "findings": rows }).to_string()
    } else {
        as_text(&findings, targets.len())
    };
    modes::print_lines(&text).map_err(|err| (1, format!("cannot print: {err}")))?;
    Ok(match findings.as_slice() {
        [] => 0,
        some if some.iter().any(|finding| finding.kind == "load") => 5,
        _ => 1,
    })
}

fn all_targets(options: &Options, dirs: &Dirs) -> Result<Vec<Target>, (u8, String)> {
    if options.paths.is_empty() {
        let is_extension = Path::new("init.lua").is_file();
        return Ok(at(if is_extension { Path::new(".") } else { &dirs.config }));
    }
    let mut targets = Vec::new();
    for path in &options.paths {
        let found = if path.exists() { at(path) } else { Vec::new() };
        if found.is_empty() {
            return Err((2, format!("there is no extension in `{}`", path.display())));
        }
        targets.extend(found);
    }
    Ok(targets)
}

/// What `zi test` adds to the globals.
const SPEC_GLOBALS: [&str; 7] =
    ["describe", "it", "before_each", "after_each", "pending", "expect", "fail"];

async fn check_one(target: &Target, dirs: &Dirs) -> Result<Vec<Finding>, String> {
    match target {
        Target::Extension(path) => {
            let entry = if path.is_dir() { path.join("init.lua") } else { path.clone() };
            let near = root_of(path).map(|dir| Root { source: Source::User, dir });
            let roots = near.into_iter().chain(roots_of(dirs)).collect();
            let seen = dry::load(path, roots).await?;
            Ok(of_extension(entry, &seen))
        }
        Target::Module(path) | Target::Spec(path) => {
            let text = match read(path) {
                Ok(text) => text,
                Err(finding) => return Ok(vec![finding]),
            };
            let mut seen = dry::read(path, &text).await?;
            if matches!(target, Target::Spec(_)) {
                seen.globals.extend(SPEC_GLOBALS.map(|name| (name.to_owned(), Default::default())));
            }
            let mut findings = of_loading(path, &Text::new(&text), &seen);
            if seen.is_lua {
                findings.extend(of_names(path, &text, false, &seen));
            }
            // Specs show what is wrong on purpose.
            if seen.is_lua && matches!(target, Target::Module(_)) {
                findings.extend(of_views(path, &text));
            }
            Ok(findings)
        }
    }
}

/// Where the user's extensions find shared modules.
pub(super) fn roots_of(dirs: &Dirs) -> impl Iterator<Item = Root> {
    let user = Root { source: Source::User, dir: dirs.config.clone() };
    let system = dirs.system.iter().cloned();
    std::iter::once(user).chain(system.map(|dir| Root { source: Source::System, dir }))
}

fn read(path: &Path) -> Result<String, Finding> {
    let fail = |message: String| Finding { file: path.to_owned(), line: 1, kind: "load", message };
    let bytes = fs::read(path).map_err(|err| fail(format!("cannot be read: {err}")))?;
    String::from_utf8(bytes).map_err(|_| fail("is no UTF-8 text".into()))
}

// What was found ----------------------------------------------------------------------------------

fn of_extension(entry: PathBuf, seen: &Seen) -> Vec<Finding> {
    let source = match read(&entry) {
        Ok(source) => source,
        Err(finding) => return vec![finding],
    };
    let text = Text::new(&source);
    let mut findings = of_loading(&entry, &text, seen);
    for doubt in &seen.doubts {
        let (file, line) = doubt.place.clone().unwrap_or_default();
        let file = PathBuf::from(file);
        let line = if file == entry { text.field(line, &doubt.fields) } else { line };
        findings.push(Finding { file, line, kind: "field", message: doubt.text.clone() });
    }
    for (name, parameters) in &seen.tools {
        for fault in schema::faults(parameters) {
            let mut path = vec!["parameters".to_owned()];
            path.extend(fault.path);
            let line = text.field(text.tool(name), &path);
            let message = format!("zi.tool `{name}`: {}: {}", path.join("."), fault.text);
            findings.push(Finding { file: entry.clone(), line, kind: "schema", message });
        }
    }
    if seen.is_lua {
        findings.extend(of_views(&entry, &source));
        let is_told = |it: &Finding, findings: &[Finding]| {
            let at = |old: &&Finding| (&old.file, old.line) == (&it.file, it.line);
            findings.iter().filter(|old| old.kind == "load").any(|old| at(&old))
        };
        for finding in of_names(&entry, &source, true, seen) {
            // Loading may have stopped at it: it is told once.
            if !is_told(&finding, &findings) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// Why it did not load.
fn of_loading(entry: &Path, text: &Text, seen: &Seen) -> Vec<Finding> {
    let load = |file: PathBuf, line: usize, message: &str| Finding {
        file,
        line,
        kind: "load",
        message: message.replace(['\n', '\t'], " "),
    };
    let problems = seen.problems.iter().map(|problem| load(entry.to_owned(), 1, problem));
    let failure = seen.failure.as_ref().map(|failure| {
        let (file, line, message) = places::of_failure(failure, entry);
        let line = if file == entry { text.named_field(line, &message) } else { line };
        load(file, line, &message)
    });
    problems.chain(failure).collect()
}

fn of_names(file: &Path, source: &str, is_entry: bool, seen: &Seen) -> Vec<Finding> {
    let found = names::check(&parser::read(source), is_entry, &seen.globals);
    found.into_iter().map(|finding| Finding { file: file.to_owned(), ..finding }).collect()
}

fn of_views(file: &Path, source: &str) -> Vec<Finding> {
    let found = views::check(source).into_iter();
    found.map(|finding| Finding { file: file.to_owned(), ..finding }).collect()
}

fn as_json(finding: &Finding) -> Value {
    json!({
        "file": finding.file,
        "line": finding.line,
        "kind": finding.kind,
        "message": finding.message,
    })
}

fn as_text(findings: &[Finding], checked: usize) -> String {
    let mut text = String::new();
    for finding in findings {
        let Finding { file, line, message, .. } = finding;
        text.push_str(&format!("{}:{line}: {message}\n", file.display()));
    }
    let files = if checked == 1 { "file" } else { "files" };
    match findings.len() {
        0 => text.push_str(&format!("{checked} {files} checked, nothing found\n")),
        count => text.push_str(&format!("{checked} {files} checked, {count} found\n")),
    }
    text
}
