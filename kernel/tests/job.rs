//! Jobs with real processes: what they print, and that nothing of them stays behind.

use std::{
    collections::HashSet,
    fs,
    time::{Duration, Instant},
};

use zi_kernel::job::{
    self, Chunk, Exit, Input, Job, JobError, Keep, LogFile, Outcome, Run, Spec, Stream,
};

const KEEP: Keep = Keep { head: 4096, tail: 4096 };

fn sh(script: &str) -> Spec {
    Spec { argv: ["sh", "-c", script].map(str::to_owned).to_vec(), ..Spec::default() }
}

fn whole(spec: Spec) -> Run {
    Run { spec, stdout: KEEP, stderr: KEEP, file: None, timeout: None, news: None }
}

async fn run(spec: Spec) -> Outcome {
    job::run(whole(spec)).await.expect("it runs")
}

/// A number that marks the processes of one test.
fn marker() -> String {
    format!("31{}.{}", std::process::id(), rand_suffix())
}

fn rand_suffix() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The living processes with `marker` among their arguments.
fn marked(marker: &str) -> HashSet<i32> {
    fs::read_dir("/proc")
        .expect("there is a process table")
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let stat = String::from_utf8_lossy(&read("stat")).into_owned();
            let dead =
                stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z'));
            !dead && String::from_utf8_lossy(&read("cmdline")).contains(marker)
        })
        .collect()
}

async fn wait_until(what: &str, limit: Duration, done: impl Fn() -> bool) {
    let deadline = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn output_code_and_signal_are_reported() {
    let outcome = run(sh("echo out; echo err >&2; exit 3")).await;
    assert_eq!(outcome.exit, Some(Exit { code: Some(3), signal: None }));
    assert_eq!(
        (outcome.stdout.head.as_slice(), outcome.stderr.head.as_slice()),
        (&b"out\n"[..], &b"err\n"[..])
    );
    let outcome = run(sh("kill -9 $$")).await;
    assert_eq!(outcome.exit, Some(Exit { code: None, signal: Some(9) }));
}

#[tokio::test]
async fn merged_output_keeps_its_order() {
    let outcome = run(Spec { merge: true, ..sh("echo 1; echo 2 >&2; echo 3") }).await;
    assert_eq!(outcome.stdout.head, b"1\n2\n3\n");
}

#[tokio::test]
async fn a_child_has_no_input_and_no_terminal() {
    let outcome = run(sh(
        "cat; cat </dev/tty 2>/dev/null || echo none; ps -o tty= -p $$ 2>/dev/null || echo '?'",
    ))
    .await;
    assert_eq!(String::from_utf8_lossy(&outcome.stdout.head), "none\n?\n");
    let fed = Spec { input: Input::Bytes(b"fed".to_vec()), ..sh("cat; echo .") };
    assert_eq!(run(fed).await.stdout.head, b"fed.\n");
}

#[tokio::test]
async fn what_cannot_start_is_named() {
    let missing = Spec { argv: vec!["/no/such/program".into()], ..Spec::default() };
    let err = job::run(whole(missing)).await.expect_err("it is missing");
    assert!(err.to_string().contains("/no/such/program"), "{err}");
    let nowhere = Spec { cwd: Some("/no/such/folder".into()), ..sh("true") };
    let err = job::run(whole(nowhere)).await.expect_err("it is missing");
    assert!(matches!(&err, JobError::NoFolder { cwd, .. } if cwd == "/no/such/folder"), "{err}");
    let empty = job::run(whole(Spec::default())).await;
    assert!(matches!(empty, Err(JobError::Empty)));
}

#[tokio::test]
async fn a_grandchild_that_keeps_the_pipe_does_not_hold_the_result() {
    let marker = marker();
    let started = Instant::now();
    let outcome = run(sh(&format!("sleep {marker} & echo done"))).await;
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!(outcome.stdout.head, b"done\n");
    wait_until("the sleeper is killed", Duration::from_secs(5), || marked(&marker).is_empty())
        .await;
}

/// Three levels, with a new session, an orphan and one that ignores TERM.
fn family(marker: &str) -> String {
    format!(
        "trap '' TERM
         setsid sh -c 'trap \"\" TERM; sleep {marker} & sleep {marker}' &
         (setsid sh -c 'sleep {marker}' >/dev/null 2>&1 &)
         nohup sleep {marker} >/dev/null 2>&1 &
         sh -c 'sleep {marker} & sleep {marker}' &
         echo up; sleep {marker}"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_ends_the_whole_tree() {
    let marker = marker();
    let limited = Run { timeout: Some(Duration::from_millis(500)), ..whole(sh(&family(&marker))) };
    let started = Instant::now();
    let outcome = job::run(limited).await.expect("it runs");
    assert_eq!((outcome.exit, outcome.stdout.head.as_slice()), (None, &b"up\n"[..]));
    assert!(started.elapsed() < Duration::from_secs(6), "{:?}", started.elapsed());
    wait_until("all are gone", Duration::from_secs(3), || marked(&marker).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_call_ends_the_whole_tree() {
    let marker = marker();
    let call = tokio::spawn(job::run(whole(sh(&family(&marker)))));
    wait_until("the tree stands", Duration::from_secs(10), || marked(&marker).len() >= 7).await;
    call.abort();
    wait_until("all are gone", Duration::from_secs(6), || marked(&marker).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trees_that_run_at_once_do_not_harm_each_other() {
    let (lives, dies) = (marker(), marker());
    let survivor = tokio::spawn(job::run(whole(sh(&family(&lives)))));
    let victim = tokio::spawn(job::run(whole(sh(&family(&dies)))));
    // Shells that are on their way to becoming a sleeper come and go; the sleepers stay.
    let sleepers = |marker: &str| -> HashSet<i32> {
        let is_sleep = |pid: &i32| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "sleep")
        };
        marked(marker).into_iter().filter(is_sleep).collect()
    };
    wait_until("both stand", Duration::from_secs(10), || {
        sleepers(&lives).len() == 7 && sleepers(&dies).len() == 7
    })
    .await;
    let before = sleepers(&lives);
    victim.abort();
    wait_until("one is gone", Duration::from_secs(6), || marked(&dies).is_empty()).await;
    assert_eq!(sleepers(&lives), before);
    survivor.abort();
    wait_until("both are gone", Duration::from_secs(6), || marked(&lives).is_empty()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_short_child_keeps_its_exit_while_what_others_left_is_tidied_up() {
    let one = |number: u32| async move {
        // Every other one leaves a process behind, which is looked for and ended meanwhile.
        let script = if number.is_multiple_of(2) { "exit 7" } else { "sleep 60 & exit 7" };
        run(sh(script)).await.exit
    };
    for round in 0..20 {
        let jobs = (0..16).map(|number| tokio::spawn(one(number)));
        for exit in futures_util::future::join_all(jobs).await {
            let exit = exit.expect("it runs to its end");
            assert_eq!(exit.and_then(|exit| exit.code), Some(7), "round {round}");
        }
    }
}

#[tokio::test]
async fn a_flood_is_bounded_and_counted() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("log");
    let place = path.clone();
    let make = Box::new(move || Ok((fs::File::create(&place)?, place)));
    let run = Run {
        file: Some(LogFile { make, over: 0 }),
        ..whole(sh("yes 0123456789abcde | head -c 104857600"))
    };
    let outcome = job::run(run).await.expect("it runs");
    assert_eq!(outcome.stdout.total, 104_857_600);
    assert_eq!(outcome.stdout.omitted, 104_857_600 - 8192);
    assert_eq!(fs::metadata(&path).expect("it is there").len(), job::SPILL_LIMIT);
}

#[tokio::test]
async fn jobs_talk_in_both_directions_and_end_when_told() {
    let mut echo = Job::start(Spec { input: Input::Open, ..sh("cat") }).expect("it starts");
    echo.input().expect("it reads").send("ping".into()).await.expect("it takes it");
    assert_eq!(echo.next().await, Some(Chunk::Output(Stream::Stdout, "ping".into())));
    echo.stop();
    assert!(matches!(echo.next().await, Some(Chunk::Exit(Exit { signal: Some(15), .. }))));
    assert_eq!(echo.next().await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_job_leaves_nothing() {
    let marker = marker();
    let job = Job::start(sh(&family(&marker))).expect("it starts");
    wait_until("the tree stands", Duration::from_secs(10), || marked(&marker).len() >= 7).await;
    drop(job);
    wait_until("all are gone", Duration::from_secs(6), || marked(&marker).is_empty()).await;
}
