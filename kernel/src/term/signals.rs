//! Signals: which of them become input, and which end the program after the terminal is given back.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use libc::{
    SIGABRT, SIGBUS, SIGCONT, SIGFPE, SIGHUP, SIGILL, SIGINT, SIGQUIT, SIGSEGV, SIGTERM, SIGTSTP,
    SIGWINCH, c_int, c_void, sigaction, siginfo_t,
};
use rustix::process::{Signal, getpid, kill_current_process_group, kill_process};

use super::guard;

/// Those that mean the program is broken.
const FATAL: [c_int; 5] = [SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE];
/// Those that ask it to end.
const ENDING: [c_int; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
/// Those that tell of the terminal.
const OTHER: [c_int; 3] = [SIGWINCH, SIGCONT, SIGTSTP];

/// A terminal that closes may say so twice.
const SAME_HANG_UP: u64 = 1000;
/// How long a stop takes to come into effect, at most.
const STOP: Duration = Duration::from_millis(100);

/// What signals were for before, by their numbers.
static BEFORE: [OnceLock<sigaction>; 32] = [const { OnceLock::new() }; 32];
/// Carries the numbers of signals to the reader; zero only wakes it.
static PIPE: OnceLock<(UnixStream, UnixStream)> = OnceLock::new();
/// Whether signals are ours at the moment.
static IS_ON: AtomicBool = AtomicBool::new(false);
static ASKED_TO_END: AtomicU32 = AtomicU32::new(0);
static ASKED_AT: AtomicU64 = AtomicU64::new(0);
/// The program stops by its own will, and needs not be told when it goes on.
static IS_STOPPING: AtomicBool = AtomicBool::new(false);
static CONTINUED: AtomicU32 = AtomicU32::new(0);
static START: OnceLock<Instant> = OnceLock::new();

/// Takes the signals over. What others ignore stays ignored.
pub(super) fn install() -> std::io::Result<()> {
    START.get_or_init(Instant::now);
    if PIPE.get().is_none() {
        let (from, to) = UnixStream::pair()?;
        from.set_nonblocking(true)?;
        to.set_nonblocking(true)?;
        PIPE.get_or_init(|| (from, to));
    }
    ASKED_TO_END.store(0, SeqCst);
    IS_ON.store(true, SeqCst);
    for signal in FATAL.into_iter().chain(ENDING).chain(OTHER) {
        let Some(current) = exchange(signal, None) else { continue };
        let may_be_ignored = ENDING.contains(&signal) || signal == SIGTSTP;
        let is_ignored = may_be_ignored && current.sa_sigaction == libc::SIG_IGN;
        if is_ignored || current.sa_sigaction == ours() {
            continue;
        }
        BEFORE[signal as usize].get_or_init(|| current);
        let mut action = current;
        action.sa_sigaction = ours();
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        exchange(signal, Some(&action));
    }
    Ok(())
}

/// Gives the signals back to whoever had them, unless somebody took them since.
pub(super) fn uninstall() {
    IS_ON.store(false, SeqCst);
    for signal in FATAL.into_iter().chain(ENDING).chain(OTHER) {
        let is_ours = exchange(signal, None).is_some_and(|now| now.sa_sigaction == ours());
        if let Some(before) = BEFORE[signal as usize].get().filter(|_| is_ours) {
            exchange(signal, Some(before));
        }
    }
}

/// Where the numbers of signals come from.
pub(super) fn pipe() -> &'static UnixStream {
    &PIPE.get().expect("signals were installed").0
}

/// Takes the numbers that came.
pub(super) fn take() -> Vec<c_int> {
    let mut numbers = [0; 64];
    let count = pipe().read(&mut numbers).unwrap_or(0);
    numbers[..count]
        .iter()
        .map(|number| c_int::from(*number))
        .filter(|number| *number != 0)
        .collect()
}

/// Wakes whoever waits for signals.
pub(super) fn wake() {
    tell(0);
}

/// Has the reader look at the size again.
pub(super) fn resized() {
    tell(SIGWINCH);
}

/// Stops the process and whatever it was started with, as ctrl+z does. Returns when it goes on, or
/// when there is nobody who could let it go on.
pub(super) fn stop() {
    let ours = exchange(SIGTSTP, None);
    if ours.is_none_or(|ours| ours.sa_sigaction == libc::SIG_IGN) {
        return;
    }
    IS_STOPPING.store(true, SeqCst);
    let before = CONTINUED.load(SeqCst);
    set_default(SIGTSTP);
    kill_current_process_group(Signal::TSTP).ok();
    let start = Instant::now();
    while CONTINUED.load(SeqCst) == before && start.elapsed() < STOP {
        thread::sleep(Duration::from_millis(5));
    }
    if let Some(ours) = ours {
        exchange(SIGTSTP, Some(&ours));
    }
    IS_STOPPING.store(false, SeqCst);
}

/// Gives the terminal back when the program exits, however it does.
pub(super) fn at_exit() {
    extern "C" fn leave() {
        guard::end();
    }
    #[expect(unsafe_code, reason = "only C can tell of an exit that runs no destructors")]
    // SAFETY: the function is there for as long as the program, takes nothing and does not unwind.
    unsafe {
        libc::atexit(leave);
    }
}

extern "C" fn on_signal(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    if FATAL.contains(&signal) {
        guard::end();
        die(signal, is_fault(info));
    } else if OTHER.contains(&signal) {
        if signal == SIGCONT {
            CONTINUED.fetch_add(1, SeqCst);
        }
        if signal != SIGCONT || !IS_STOPPING.load(SeqCst) {
            tell(signal);
        }
    } else if IS_ON.load(SeqCst) {
        let now = START.get().map_or(0, |start| start.elapsed().as_millis() as u64);
        let times = ASKED_TO_END.fetch_add(1, SeqCst);
        let is_same = signal == SIGHUP && now < ASKED_AT.load(SeqCst) + SAME_HANG_UP;
        if times == 0 {
            ASKED_AT.store(now, SeqCst);
            tell(signal);
        } else if !is_same {
            guard::end();
            die(signal, false);
        }
    }
}

/// Ends the process by this signal, once the handler returns. After a fault the instruction is run
/// again, and whoever handled such faults before sees it: Rust tells of stacks that overflow.
fn die(signal: c_int, is_fault: bool) {
    match BEFORE[signal as usize].get() {
        Some(before) if is_fault => {
            exchange(signal, Some(before));
        }
        _ => {
            set_default(signal);
            if let Some(signal) = Signal::from_named_raw(signal) {
                kill_process(getpid(), signal).ok();
            }
        }
    }
}

fn set_default(signal: c_int) {
    if let Some(mut action) = exchange(signal, None) {
        action.sa_sigaction = libc::SIG_DFL;
        action.sa_flags = 0;
        exchange(signal, Some(&action));
    }
}

fn tell(signal: c_int) {
    if let Some((_, to)) = PIPE.get() {
        // When it is full, the reader is about to look anyway.
        (&*to).write_all(&[signal as u8]).ok();
    }
}

fn ours() -> usize {
    on_signal as extern "C" fn(c_int, *mut siginfo_t, *mut c_void) as usize
}

/// What a signal does, and makes it do something else if asked to.
fn exchange(signal: c_int, new: Option<&sigaction>) -> Option<sigaction> {
    let mut old = std::mem::MaybeUninit::uninit();
    let new = new.map_or(std::ptr::null(), std::ptr::from_ref);
    #[expect(unsafe_code, reason = "the standard library does not handle signals")]
    // SAFETY: `new` is null or a whole action: one that the system gave, or one whose handler is
    // `on_signal`, which does only what handlers may. `old` is filled when the call succeeds.
    unsafe {
        (libc::sigaction(signal, new, old.as_mut_ptr()) == 0).then(|| old.assume_init())
    }
}

/// Whether the signal comes of what the program did, and not from somebody.
fn is_fault(info: *mut siginfo_t) -> bool {
    #[expect(unsafe_code, reason = "handlers are given a pointer")]
    // SAFETY: the system gives handlers with `SA_SIGINFO` a pointer that is good while they run.
    unsafe {
        info.as_ref().is_some_and(|info| info.si_code > 0)
    }
}
