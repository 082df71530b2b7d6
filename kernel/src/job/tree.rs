//! Process trees: finding and ending everything that a child started.
//!
//! The process asks the system to be handed the orphans below it (a subreaper on Linux). So each
//! descendant of a child is in the child's group or session, or is reached from it by parent links,
//! or was orphaned and is now our own child; those carry the job's mark in their environment.

use std::{
    collections::{HashMap, HashSet},
    fmt::Display,
    fs, io,
    sync::{Mutex, Once, PoisonError},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, test_kill_process_group, waitpid};
use tokio::process::Child;

/// How long a tree may take to end after TERM before it gets KILL.
pub const TERM_GRACE: Duration = Duration::from_secs(2);
/// The variable that marks a job's processes.
pub(super) const MARK: &str = "ZI_JOB";

/// Children that are waited for by their own job, by process id, with the job's mark.
static LEADERS: Mutex<Option<HashMap<i32, String>>> = Mutex::new(None);

fn with_leaders<R>(act: impl FnOnce(&mut HashMap<i32, String>) -> R) -> R {
    let mut guard = LEADERS.lock().unwrap_or_else(PoisonError::into_inner);
    act(guard.get_or_insert_with(HashMap::new))
}

/// Makes this process the parent of its orphaned descendants. Once is enough.
pub(super) fn adopt_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        #[cfg(target_os = "linux")]
        // Where this is refused, descendants that leave group and session cannot be followed.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).ok();
    });
}

/// A child and all that it started. Dropping it without [`Tree::end`] kills the tree.
#[derive(Debug)]
pub(super) struct Tree {
    leader: i32,
    mark: String,
    ended: bool,
}

impl Tree {
    /// Starts a child and notes it in one step: in between, nobody may take it for an orphan and wait
    /// for it.
    pub(super) fn start(
        mark: String,
        spawn: impl FnOnce() -> io::Result<Child>,
    ) -> io::Result<(Child, Self)> {
        with_leaders(|leaders| {
            let child = spawn()?;
            // Process ids fit 31 bits on every Unix.
            let leader = i32::try_from(child.id().unwrap_or_default()).unwrap_or(i32::MAX);
            leaders.insert(leader, mark.clone());
            Ok((child, Self { leader, mark, ended: false }))
        })
    }

    /// Sends TERM to the tree, KILL to what is left of it after [`TERM_GRACE`], and returns when
    /// nothing is.
    pub(super) async fn kill(&self) {
        kill_tree(self.leader, &self.mark).await;
    }

    /// The leader was waited for: forgets it and kills what it left behind, in the background.
    pub(super) fn end(mut self) {
        self.ended = true;
        forget(self.leader, &self.mark);
        if left_something(self.leader) {
            spawn_kill(self.leader, self.mark.clone());
        }
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.ended {
            spawn_kill(self.leader, self.mark.clone());
        }
    }
}

/// From now on nobody waits for `leader` any more. Its id may have gone to another child meanwhile.
fn forget(leader: i32, mark: &str) {
    with_leaders(|leaders| {
        if leaders.get(&leader).is_some_and(|known| known == mark) {
            leaders.remove(&leader);
        }
    });
}

/// Kills a tree on the current runtime; without one, at once and without grace.
fn spawn_kill(leader: i32, mark: String) {
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => {
            runtime.spawn(async move {
                kill_tree(leader, &mark).await;
                forget(leader, &mark);
            });
        }
        Err(_) => {
            for pid in members(leader, &mark) {
                send(pid, Signal::KILL);
            }
        }
    }
}

/// Ends the trees of all jobs, for the end of the process.
pub async fn stop_all() {
    let all: Vec<_> =
        with_leaders(|leaders| leaders.iter().map(|(pid, mark)| (*pid, mark.clone())).collect());
    let kills = all.into_iter().map(|(leader, mark)| async move { kill_tree(leader, &mark).await });
    futures_util::future::join_all(kills).await;
}

async fn kill_tree(leader: i32, mark: &str) {
    let started = Instant::now();
    let mut warned = HashSet::new();
    let mut pause = Duration::from_millis(2);
    loop {
        let alive = members(leader, mark);
        if alive.is_empty() || started.elapsed() > TERM_GRACE * 3 {
            reap_orphans();
            return;
        }
        let time_is_up = started.elapsed() >= TERM_GRACE;
        if time_is_up {
            // A stopped process cannot fork while the others are being killed.
            alive.iter().for_each(|pid| send(*pid, Signal::STOP));
        }
        for pid in alive {
            if time_is_up {
                send(pid, Signal::KILL);
            } else if warned.insert(pid) {
                send(pid, Signal::TERM);
                // A stopped process only sees the signal when it goes on.
                send(pid, Signal::CONT);
            }
        }
        tokio::time::sleep(pause).await;
        reap_orphans();
        pause = (pause * 2).min(Duration::from_millis(50));
    }
}

fn send(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended since it was seen.
        kill_process(pid, signal).ok();
    }
}

/// Whether a leader that was waited for left processes behind. Cheap: most leave none.
fn left_something(leader: i32) -> bool {
    let group = Pid::from_raw(leader).is_some_and(|group| test_kill_process_group(group).is_ok());
    group || !orphans().is_empty()
}

/// Our children that no job waits for.
fn orphans() -> Vec<i32> {
    with_leaders(|leaders| orphans_beside(leaders))
}

/// The same, while no child can be started.
fn orphans_beside(leaders: &HashMap<i32, String>) -> Vec<i32> {
    let children = own_children();
    if children.is_empty() {
        return children;
    }
    let session = own_session();
    let unknown = children.into_iter().filter(|pid| !leaders.contains_key(pid));
    // What shares our session was started by somebody else in this process, who waits for it.
    unknown.filter(|pid| read_stat(*pid).is_some_and(|stat| stat.session != session)).collect()
}

/// Waits for orphans that have ended, so that they do not stay zombies.
fn reap_orphans() {
    with_leaders(|leaders| {
        for pid in orphans_beside(leaders) {
            if let Some(pid) = Pid::from_raw(pid) {
                waitpid(Some(pid), WaitOptions::NOHANG).ok();
            }
        }
    });
}

/// Zero where the session was started outside of this process's namespace, as in many containers.
fn own_session() -> i32 {
    read_stat("self").map_or(0, |stat| stat.session)
}

/// The processes whose parent we are, from the short list that Linux keeps per thread.
fn own_children() -> Vec<i32> {
    let Ok(threads) = fs::read_dir("/proc/self/task") else { return Vec::new() };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()
        })
        .collect()
}

struct Stat {
    pid: i32,
    state: u8,
    parent: i32,
    group: i32,
    session: i32,
}

fn read_stat(process: impl Display) -> Option<Stat> {
    let text = fs::read(format!("/proc/{process}/stat")).ok()?;
    // The name in parentheses may hold anything, so the fields are counted from its end.
    let after = text.iter().rposition(|byte| *byte == b')')?;
    let (head, rest) = text.split_at(after);
    let pid = std::str::from_utf8(head).ok()?.split(' ').next()?.parse().ok()?;
    let mut fields = std::str::from_utf8(rest.get(2..)?).ok()?.split_ascii_whitespace();
    let state = *fields.next()?.as_bytes().first()?;
    let mut number = || fields.next()?.parse().ok();
    Some(Stat { pid, state, parent: number()?, group: number()?, session: number()? })
}

/// Every living process of a tree. Empty when the system keeps no process table to read.
fn members(leader: i32, mark: &str) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else { return group_only(leader) };
    let all: Vec<Stat> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter_map(read_stat)
        .filter(|stat| !matches!(stat.state, b'Z' | b'X'))
        .collect();
    let own = rustix::process::getpid().as_raw_pid();
    let tagged = format!("{MARK}={mark}");
    let mut found: HashSet<i32> = all
        .iter()
        .filter(|stat| {
            stat.pid == leader
                || stat.group == leader
                || stat.session == leader
                || (stat.parent == own && has_variable(stat.pid, &tagged))
        })
        .map(|stat| stat.pid)
        .collect();
    loop {
        let before = found.len();
        for stat in &all {
            if found.contains(&stat.parent) {
                found.insert(stat.pid);
            }
        }
        if found.len() == before {
            return found.into_iter().collect();
        }
    }
}

fn group_only(leader: i32) -> Vec<i32> {
    let alive = Pid::from_raw(leader).is_some_and(|group| test_kill_process_group(group).is_ok());
    // A negative number addresses the whole group.
    if alive { vec![-leader] } else { Vec::new() }
}

fn has_variable(pid: i32, wanted: &str) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|all| all.split(|byte| *byte == 0).any(|pair| pair == wanted.as_bytes()))
}
