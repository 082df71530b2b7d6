//! A worker: the tests of one spec file, one after the other, each in a host of its own.
//!
//! The file is loaded anew for each test, so nothing that a test leaves behind - a variable, a
//! registration, a stuck thread - meets the next one.

use std::{
    fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use mlua::MultiValue;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Handle;
use zi_kernel::{job, scheduler::Budget};

use super::{
    Options, find,
    report::{CaseReport, Line, Outcome},
};
use crate::{
    api::{Call, make_ctx},
    bundle::Bundle,
    extensions::{self, CallFailure, Extension, Invocation, Rank, Source, budgets},
    hooks::Event,
    host::{Flags, Host, HostParts, Level, lock},
    journal::Journal,
    paths::{Dirs, slug},
    session::Session,
    settings::Settings,
    testbed::{Case, TestBed, TestFront},
};

/// Puts the names of specs into the file, on its first line so that its lines keep their numbers.
const PRELUDE: &str = "require(\"zi.spec\").install() ";
/// How long what ends by itself may take.
const GRACE: Duration = Duration::from_millis(500);

/// Runs the tests of `file` and writes what comes of them to `report`, a line each. Standard output
/// is not for that: scripts may write there.
pub(super) async fn run(file: &Path, report: &Path, options: &Options) -> u8 {
    let Ok(mut report) = fs::File::create(report) else { return 1 };
    let outcome = tests(file, &mut report, options).await;
    let told = match outcome {
        Ok(()) => Ok(()),
        Err(problem) => tell(&mut report, &Line::Broken { message: problem }),
    };
    u8::from(told.and_then(|()| tell(&mut report, &Line::End)).is_err())
}

fn tell(report: &mut fs::File, line: &Line) -> io::Result<()> {
    writeln!(report, "{}", serde_json::to_string(line)?)
}

async fn tests(file: &Path, out: &mut fs::File, options: &Options) -> Result<(), String> {
    let mut first = Some(Stage::set(file).await?);
    let cases = first.as_ref().map(|stage| stage.bed.cases()).unwrap_or_default();
    for (index, case) in cases.iter().enumerate() {
        if options.filter.as_ref().is_some_and(|filter| !case.title.contains(filter.as_str())) {
            continue;
        }
        let report = if case.run.is_none() || options.list {
            CaseReport::new(&case.title, Outcome::Skipped)
        } else {
            let stage = match first.take() {
                Some(stage) => stage,
                None => Stage::set(file).await?,
            };
            stage.play(index, case, Duration::from_secs_f64(options.timeout)).await?
        };
        tell(out, &Line::Case(report)).map_err(|err| err.to_string())?;
    }
    Ok(())
}

/// A host with the bundle, the extension under test and the spec.
struct Stage {
    host: Arc<Host>,
    bed: Arc<TestBed>,
    spec: Arc<Extension>,
    _folder: TempDir,
}

impl Stage {
    async fn set(file: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|err| format!("no temporary folder: {err}"))?;
        let (bed, host) = make_host(folder.path()).map_err(|err| err.to_string())?;
        let spec = load_spec(&host, file).await?;
        let about = find::extension_under_test(file);
        host.grant_wishes(&bed, about.into_iter().collect()).await?;
        host.add_extensions(vec![spec.clone()]);
        let start = json!({ "reason": "startup", "binding": host.binding_value() });
        host.emit(Event::new("session_start", start));
        host.settle(GRACE).await;
        Ok(Self { host, bed, spec, _folder: folder })
    }

    /// Runs the test that is the `index`th of the file.
    async fn play(self, index: usize, case: &Case, limit: Duration) -> Result<CaseReport, String> {
        let cases = self.bed.cases();
        let same = cases.get(index).filter(|same| same.title == case.title);
        let Some(run) = same.and_then(|same| same.run.clone()) else {
            return Err(format!("`{}` is not there when the file is loaded again", case.title));
        };
        let started = Instant::now();
        // Less than the whole time, so that code that spins is told from code that waits.
        let burst = limit.mul_f64(0.8).min(budgets::WORK.burst);
        let budget = Budget { burst, may_wait: true };
        // A spec does what users do.
        let call = Call::new(&self.host, &self.spec).for_user();
        let playing = Invocation::new(&run, case.title.as_str(), budget)
            .start(move |lua| Ok(MultiValue::from_iter([make_ctx(lua, call)?])), |_, _| Ok(()));
        let played = tokio::time::timeout(limit, playing).await;
        let mut report = CaseReport::new(&case.title, Outcome::Passed);
        match played {
            Ok(Ok(())) => {
                if let Some(leak) = self.find_leaks().await {
                    report.fail(leak);
                }
            }
            Ok(Err(failure)) => read_failure(&mut report, &failure),
            Err(_) => {
                let stuck =
                    if self.is_stuck().await { ", and does not give its thread back" } else { "" };
                report.fail(format!("it was not done within {} s{stuck}", limit.as_secs_f64()));
            }
        }
        report.seconds = started.elapsed().as_secs_f64();
        if report.outcome == Outcome::Failed {
            report.notes = self.notes();
        }
        self.strike().await;
        Ok(report)
    }

    /// Whether the spec's own thread is held by code that no budget can end.
    async fn is_stuck(&self) -> bool {
        let Some(vm) = self.spec.vm() else { return false };
        tokio::time::timeout(GRACE, vm.live_tasks()).await.is_err()
    }

    /// What is still there when everything had its chance to end.
    async fn find_leaks(&self) -> Option<String> {
        self.host.settle(GRACE).await;
        self.host.emit_shutdown("exit").await;
        let started = Instant::now();
        loop {
            let leaks = self.leaks().await;
            if leaks.is_empty() {
                return None;
            }
            if started.elapsed() > GRACE {
                return Some(format!("it left something running:\n{}", leaks.join("\n")));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn leaks(&self) -> Vec<String> {
        let mut leaks = Vec::new();
        for extension in self.host.all_extensions() {
            let Some(vm) = extension.vm() else { continue };
            match tokio::time::timeout(GRACE, vm.live_tasks()).await {
                Ok(tasks) => leaks.extend(
                    tasks
                        .into_iter()
                        .flatten()
                        .map(|task| format!("{}: task {task}", extension.id)),
                ),
                Err(_) => leaks.push(format!("{}: code that does not wait", extension.id)),
            }
        }
        let jobs = lock(&self.host.jobs);
        let mut running: Vec<_> = jobs.running.iter().collect();
        running.sort_by_key(|(id, _)| **id);
        leaks.extend(
            running.iter().map(|(_, job)| format!("{}: job {}", job.owner.id, job.argv.join(" "))),
        );
        leaks
    }

    /// What the user would have been told, and what the spec printed.
    fn notes(&self) -> Vec<String> {
        let notices = self.bed.notices();
        let told = notices.iter().filter(|(level, _)| *level >= Level::Warn);
        let mut notes: Vec<String> =
            told.map(|(level, text)| format!("{}: {text}", level.name())).collect();
        let log = self.host.dirs.state.join("logs").join(format!("{}.log", self.spec.id));
        let printed = fs::read_to_string(log).unwrap_or_default();
        notes.extend(printed.lines().filter_map(|line| {
            line.split_once(" print ").map(|(_, text)| format!("printed: {text}"))
        }));
        notes
    }

    /// Ends what still runs.
    async fn strike(self) {
        self.host.abort();
        self.host.shutdown.cancel();
        self.bed.close_servers();
        for extension in self.host.all_extensions() {
            if let Some(vm) = extension.vm() {
                vm.cancel_tasks();
            }
        }
        job::stop_all().await;
    }
}

fn make_host(folder: &Path) -> io::Result<(Arc<TestBed>, Arc<Host>)> {
    let folder = fs::canonicalize(folder)?;
    let (home, workspace) = (folder.join("home"), folder.join("workspace"));
    fs::create_dir(&home)?;
    fs::create_dir(&workspace)?;
    let dirs = Dirs {
        config: home.clone(),
        data: home.join("data"),
        state: home.join("state"),
        cache: home.join("cache"),
        system: Vec::new(),
    };
    let journal = Journal::create(
        &workspace,
        Some(&dirs.state.join("sessions").join(slug(&workspace))),
        None,
    );
    let bed = TestBed::new(workspace.clone());
    let (bundle, notice) = Bundle::from_env();
    let host = Host::new(HostParts {
        io: Handle::current(),
        dirs,
        cwd: workspace,
        settings: Settings::default(),
        flags: Flags::default(),
        bundle,
        roots: Vec::new(),
        session: Session::new(journal),
        front: Box::new(TestFront(bed.clone())),
        inherited_switches: vec!["--no-ext".to_owned()],
        explicit: Vec::new(),
        recheck_trust: false,
    });
    if let Some(notice) = notice {
        host.notice(Level::Warn, &notice);
    }
    Ok((bed, host))
}

/// Loads the spec as an extension: what it calls is the API that all extensions have.
async fn load_spec(host: &Arc<Host>, file: &Path) -> Result<Arc<Extension>, String> {
    let text = fs::read(file).map_err(|err| format!("cannot read it: {err}"))?;
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let folder = file.parent().unwrap_or(Path::new("/"));
    let rank = Rank { source: Source::Explicit, order: usize::MAX };
    let text = [PRELUDE.as_bytes(), &text].concat();
    let mut found =
        extensions::Found::from_text(name, rank, file.to_owned(), folder.to_owned(), text)?;
    found.private_lua = private_lua(file);
    let (loaded, problems) =
        extensions::load_all(host, vec![found], extensions::Activate::AtOnce).await;
    match (loaded.into_iter().next(), problems.into_iter().next()) {
        (Some(spec), _) => Ok(spec),
        (None, Some(problem)) => Err(problem.failure.message),
        (None, None) => Err("it did not load".to_owned()),
    }
}

/// The `lua/` folder of the extension that the spec is about: the spec may look at its modules.
fn private_lua(file: &Path) -> Option<PathBuf> {
    find::extension_under_test(file).filter(|path| path.is_dir()).map(|dir| dir.join("lua"))
}

fn read_failure(report: &mut CaseReport, failure: &CallFailure) {
    let field = |name: &str| {
        failure.data.as_ref().and_then(|data| data.get(name)?.as_str()).map(str::to_owned)
    };
    report.fail(field("message").unwrap_or_else(|| failure.message.clone()));
    report.place = field("place");
    report.diff = field("diff");
    let traceback = field("traceback").unwrap_or_else(|| failure.traceback.clone());
    if report.place.is_none() {
        report.traceback = own_frames(&traceback);
    }
}

/// The lines of a traceback that are about scripts, without zi's own around them.
fn own_frames(traceback: &str) -> Vec<String> {
    let ours = ["[C]:", "zi:", "lua/zi/spec/"];
    traceback
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(": in "))
        .filter(|line| {
            !ours.iter().any(|part| line.starts_with(part) || line.contains("lua/zi/spec/"))
        })
        .map(str::to_owned)
        .collect()
}
