//! The guard: gives the terminal back as it was, whatever ends the program, and once.
//!
//! It is one for the process, since signals and panics are. What it does is done from signal handlers
//! too: it only reads and writes atomics and calls the kernel.

use std::{
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    panic,
    sync::{
        Once, OnceLock,
        atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{self, Errno},
    termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr},
};

use super::{
    modes::{self, Modes},
    signals, tty,
};

/// How long a terminal that takes no bytes is waited for.
const PATIENCE: Duration = Duration::from_millis(40);

/// The terminal as it was found when it was first opened.
#[derive(Debug)]
struct Found {
    tty: OwnedFd,
    termios: Termios,
}

static FOUND: OnceLock<Found> = OnceLock::new();
/// Odd while the terminal is ours. Counts up whenever that changes.
static ENTRY: AtomicU32 = AtomicU32::new(0);
static MODES: AtomicU32 = AtomicU32::new(0);
/// A thread is in the call that writes.
static IS_WRITING: AtomicBool = AtomicBool::new(false);
/// What was written last may be the first half of a sequence.
static IS_MIDWAY: AtomicBool = AtomicBool::new(false);
/// The rows of the region below the cursor.
static BELOW: AtomicU16 = AtomicU16::new(0);
/// The program is at its end: the terminal is not entered any more.
static IS_ENDING: AtomicBool = AtomicBool::new(false);
/// Panics whose text is being printed.
static PANICS: AtomicU32 = AtomicU32::new(0);

/// Opens the terminal, unless it was, and sees to it that it is given back.
pub(super) fn prepare() -> Result<(), Errno> {
    if FOUND.get().is_none() {
        let tty = tty::open()?;
        let termios = tcgetattr(&tty)?;
        FOUND.get_or_init(|| Found { tty, termios });
    }
    static HOOKS: Once = Once::new();
    HOOKS.call_once(|| {
        signals::at_exit();
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANICS.fetch_add(1, SeqCst);
            restore();
            before(info);
            PANICS.fetch_sub(1, SeqCst);
        }));
    });
    Ok(())
}

/// The terminal. Only after [`prepare`].
pub(super) fn tty() -> BorrowedFd<'static> {
    FOUND.get().expect("it was opened").tty.as_fd()
}

/// The terminal's settings, before any change of ours.
pub(super) fn termios() -> Termios {
    FOUND.get().expect("it was opened").termios.clone()
}

/// Takes the terminal: from now on it is given back. Answers the number of the entry.
pub(super) fn arm() -> Result<u32, Errno> {
    let mut raw = termios();
    raw.make_raw();
    let entry = ENTRY.load(SeqCst) | 1;
    ENTRY.store(entry, SeqCst);
    tcsetattr(tty(), OptionalActions::Now, &raw).inspect_err(|_| {
        restore();
    })?;
    Ok(entry)
}

/// Makes the settings ours again, after somebody stopped the program.
pub(super) fn arm_again() {
    if is_armed() {
        let mut raw = termios();
        raw.make_raw();
        tcsetattr(tty(), OptionalActions::Now, &raw).ok();
    }
}

pub(super) fn is_armed() -> bool {
    ENTRY.load(SeqCst) & 1 == 1
}

/// The number of the entry that the terminal is ours in.
pub(super) fn entry() -> u32 {
    ENTRY.load(SeqCst)
}

/// Whether the terminal, which was given back, may be taken again.
pub(super) fn may_enter() -> bool {
    !is_armed() && PANICS.load(SeqCst) == 0 && !IS_ENDING.load(SeqCst)
}

/// Notes modes that are about to be set.
pub(super) fn add_modes(modes: Modes) {
    MODES.fetch_or(modes, SeqCst);
}

/// Notes modes that were unset.
pub(super) fn remove_modes(modes: Modes) {
    MODES.fetch_and(!modes, SeqCst);
}

/// Notes how many rows of the region are below the cursor.
pub(super) fn set_below(rows: u16) {
    BELOW.store(rows, SeqCst);
}

pub(super) fn set_midway(is_midway: bool) {
    IS_MIDWAY.store(is_midway, SeqCst);
}

/// Writes some bytes, if the terminal is still ours in this entry; `None` when it is not.
pub(super) fn write(entry: u32, bytes: &[u8]) -> Option<Result<usize, Errno>> {
    IS_WRITING.store(true, SeqCst);
    let written = (self::entry() == entry).then(|| io::write(tty(), bytes));
    IS_WRITING.store(false, SeqCst);
    written
}

/// Gives the terminal back, if it is ours: unsets what was set, and its settings become what they
/// were. Of several callers one does it. Safe in signal handlers.
pub(super) fn restore() {
    let entry = ENTRY.load(SeqCst);
    if entry & 1 == 0 || ENTRY.compare_exchange(entry, entry + 1, SeqCst, SeqCst).is_err() {
        return;
    }
    let Some(found) = FOUND.get() else { return };
    // Whoever writes is in a call that does not block; unless it is this very thread, that a signal
    // stopped in it.
    let start = Instant::now();
    while IS_WRITING.load(SeqCst) && start.elapsed() < PATIENCE {
        thread::yield_now();
    }
    let is_midway = IS_MIDWAY.swap(false, SeqCst);
    let bytes = modes::leave(MODES.swap(0, SeqCst), is_midway, BELOW.swap(0, SeqCst));
    if let Some(rest) = write_all(found, bytes.as_slice()) {
        // The terminal takes nothing: what waits in front is given up for what is left.
        tcflush(&found.tty, QueueSelector::OFlush).ok();
        write_all(found, rest);
    }
    tcsetattr(&found.tty, OptionalActions::Now, &found.termios).ok();
}

/// Gives the terminal back for good.
pub(super) fn end() {
    IS_ENDING.store(true, SeqCst);
    restore();
}

/// Writes bytes for as long as the terminal takes them, and answers what it did not take.
fn write_all<'a>(found: &Found, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let mut rest = bytes;
    let start = Instant::now();
    while !rest.is_empty() {
        match io::write(&found.tty, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if start.elapsed() < PATIENCE => {
                let wait = Timespec { tv_sec: 0, tv_nsec: 10_000_000 };
                poll(&mut [PollFd::new(&found.tty, PollFlags::OUT)], Some(&wait)).ok();
            }
            Err(Errno::AGAIN) => return Some(rest),
            // It is gone.
            Err(_) => return None,
        }
    }
    None
}
