//! `zi trust`: shows what a project brings along, and decides whether it may act.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use serde_json::{Value, json};
use similar::TextDiff;

use crate::{
    modes,
    paths::Dirs,
    trust::{self, Change, ChangeKind, Decision, Project, Snapshot, Standing, Store, visible},
};

const REFUSED: u8 = 6;

/// Decide whether the .zi of a project may act
#[derive(Debug, Parser)]
#[command(name = "zi trust", no_binary_name = true)]
struct Options {
    /// The project's folder; the current one when left out
    dir: Option<PathBuf>,
    /// Trust it without asking
    #[arg(long, conflicts_with_all = ["show", "revoke"])]
    yes: bool,
    /// Show it and decide nothing
    #[arg(long, conflicts_with = "revoke")]
    show: bool,
    /// Trust it no longer
    #[arg(long)]
    revoke: bool,
    /// Print the files, their hashes and what changed as JSON; asks nothing
    #[arg(long)]
    json: bool,
}

/// Runs `zi trust`.
pub fn run(args: &[OsString]) -> ExitCode {
    let options = match Options::try_parse_from(args) {
        Ok(options) => options,
        Err(err) => {
            err.print().ok();
            return ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2));
        }
    };
    match decide(&options) {
        Ok(code) => ExitCode::from(code),
        Err((code, problem)) => {
            modes::report_error(&problem);
            ExitCode::from(code)
        }
    }
}

type Outcome = Result<u8, (u8, String)>;

fn decide(options: &Options) -> Outcome {
    let dirs = Dirs::from_env().map_err(|err| (5, err.to_string()))?;
    let store = Store::new(&dirs.state);
    let dir = options.dir.clone().unwrap_or_else(|| PathBuf::from("."));
    if !dir.is_dir() {
        return Err((2, format!("there is no folder `{}`", visible(&dir.to_string_lossy()))));
    }
    let project = Project::look(&dir, &dirs.config, &store);
    if options.revoke {
        return revoke(&project, &store, options);
    }
    if options.json {
        return as_json(&project, &store, options);
    }
    let name = visible(&project.dir.join(trust::FOLDER).to_string_lossy());
    let (snapshot, before) = match &project.standing {
        Standing::Nothing => {
            print(&format!("there is nothing to trust: `{name}` has no files"))?;
            return Ok(0);
        }
        Standing::Refused(err) => return Err((REFUSED, format!("cannot be trusted: {err}"))),
        Standing::Trusted(snapshot) => {
            print(&format!("{}\n`{name}` is trusted and unchanged", file_list(snapshot)))?;
            return Ok(0);
        }
        Standing::Untrusted { snapshot, before } => (snapshot, before.as_ref()),
    };
    if let Some(problem) = &project.store_problem {
        return Err((1, problem.to_string()));
    }
    print(&file_list(snapshot))?;
    if let Some(before) = before {
        print(&format!("\nChanged since {}:\n{}", before.at, diff(&store, before, snapshot)))?;
    }
    if options.show {
        print(&format!("`{name}` is not trusted"))?;
        return Ok(0);
    }
    if !options.yes && !ask(&name)? {
        print("not trusted")?;
        return Ok(REFUSED);
    }
    store.trust(&project.dir, snapshot).map_err(|err| (1, err.to_string()))?;
    print(&format!("`{name}` is trusted until something in it changes"))?;
    Ok(0)
}

/// Shows what the project in `dir` brings along, if it is not trusted, and asks whether it may act:
/// before a terminal interface starts. What was typed before the question is no answer to it.
pub fn offer(dir: &Path, dirs: &Dirs) {
    let store = Store::new(&dirs.state);
    let project = Project::look(dir, &dirs.config, &store);
    let Standing::Untrusted { snapshot, before } = &project.standing else { return };
    if project.store_problem.is_some() {
        return;
    }
    let name = visible(&project.dir.join(trust::FOLDER).to_string_lossy());
    let mut text =
        format!("This project brings files along that would act in zi:\n\n{}", file_list(snapshot));
    if let Some(before) = before {
        let changed = diff(&store, before, snapshot);
        text.push_str(&format!("\nChanged since you trusted it ({}):\n{changed}", before.at));
    }
    text.push_str("\nWithout your trust zi starts and leaves them out.\n");
    if modes::print_lines(&text).is_err() {
        return;
    }
    rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush).ok();
    if ask(&name).unwrap_or(false)
        && let Err(err) = store.trust(&project.dir, snapshot)
    {
        modes::report_error(&err.to_string());
    }
}

fn revoke(project: &Project, store: &Store, options: &Options) -> Outcome {
    let had = store.revoke(&project.dir).map_err(|err| (1, err.to_string()))?;
    if options.json {
        print(&json!({ "project": project.dir, "revoked": had }).to_string())?;
    } else {
        let name = visible(&project.dir.to_string_lossy());
        let was = if had { "is trusted no longer" } else { "was not trusted" };
        print(&format!("`{name}` {was}"))?;
    }
    Ok(0)
}

fn ask(name: &str) -> Result<bool, (u8, String)> {
    let question = format!("These files act with your permissions. Trust `{name}`? [y/N]");
    match modes::ask(&question).map_err(|err| (1, format!("cannot ask: {err}")))? {
        Some(answer) => Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes")),
        None => {
            let text = "nothing was decided: there is no terminal to ask on; `--yes` trusts what \
                        is shown";
            Err((2, text.to_owned()))
        }
    }
}

fn print(text: &str) -> Result<(), (u8, String)> {
    modes::print_lines(text).map_err(|err| (1, format!("cannot print: {err}")))
}

// What is shown -----------------------------------------------------------------------------------

fn file_list(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for file in &snapshot.files {
        let sha256 = file.sha256.as_deref().unwrap_or("-");
        let path = visible(&file.path.to_string_lossy());
        let link = match &file.link {
            Some(target) => format!(" -> {}", visible(&target.to_string_lossy())),
            None => String::new(),
        };
        text.push_str(&format!("{sha256:<64}  {path}{link}\n"));
    }
    text.push_str(&format!("{}  all of it\n", snapshot.hash));
    text
}

/// What changed since `before`, as a unified diff where the texts were kept.
fn diff(store: &Store, before: &Decision, snapshot: &Snapshot) -> String {
    let kept = store.kept_files(&before.hash);
    let mut text = String::new();
    for Change { path, kind } in trust::changes(&kept, snapshot) {
        let old = kept.iter().find(|file| file.path == path);
        let new = snapshot.files.iter().find(|file| trust::path_text(&file.path) == path);
        let old_text = match old {
            Some(file) => store.kept_text(&before.hash, file),
            None => Some(String::new()),
        };
        let new_text = match new {
            Some(file) => file.text.clone(),
            None => Some(String::new()),
        };
        let name = visible(&path);
        text.push_str(&format!("{} {name}\n", kind.name()));
        if let (Some(old), Some(new)) = (old_text, new_text)
            && old != new
        {
            let from = if kind == ChangeKind::Added { "/dev/null" } else { &name };
            let to = if kind == ChangeKind::Removed { "/dev/null" } else { &name };
            let diff = TextDiff::from_lines(&old, &new);
            let lines = diff.unified_diff().context_radius(3).header(from, to).to_string();
            text.extend(lines.lines().map(|line| visible(line) + "\n"));
        }
    }
    text
}

fn as_json(project: &Project, store: &Store, options: &Options) -> Outcome {
    let mut record = json!({ "project": project.dir });
    let mut code = 0;
    if let Some(problem) = &project.store_problem {
        record["problem"] = problem.to_string().into();
        code = 1;
    }
    match &project.standing {
        Standing::Nothing => record["status"] = "nothing".into(),
        Standing::Refused(err) => {
            record["status"] = "refused".into();
            record["problem"] = err.to_string().into();
            code = REFUSED;
        }
        Standing::Trusted(snapshot) => {
            record["status"] = "trusted".into();
            describe(&mut record, snapshot);
        }
        Standing::Untrusted { snapshot, before } => {
            describe(&mut record, snapshot);
            record["status"] = if before.is_some() { "changed" } else { "new" }.into();
            if let Some(before) = before {
                record["trusted_hash"] = before.hash.clone().into();
                let changes = trust::changes(&store.kept_files(&before.hash), snapshot);
                let change = |it: &Change| json!({ "path": it.path, "change": it.kind.name() });
                record["changes"] = changes.iter().map(change).collect();
            }
            if options.yes && code == 0 {
                store.trust(&project.dir, snapshot).map_err(|err| (1, err.to_string()))?;
                record["status"] = "trusted".into();
            }
        }
    }
    print(&record.to_string())?;
    Ok(code)
}

fn describe(record: &mut Value, snapshot: &Snapshot) {
    record["hash"] = snapshot.hash.clone().into();
    let files = snapshot.files.iter().map(|file| {
        let mut row = json!({
            "path": file.path.to_string_lossy(),
            "bytes": file.bytes,
            "sha256": file.sha256,
        });
        if let Some(link) = &file.link {
            row["link"] = link.to_string_lossy().into();
        }
        row
    });
    record["files"] = files.collect();
}
