//! The reader: a thread that sleeps until the terminal or a signal has something to tell.

use std::{
    os::fd::AsFd,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use libc::{SIGCONT, SIGINT, SIGQUIT, SIGTSTP, SIGWINCH};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{self, Errno},
};

use super::{
    caps::{Capabilities, Keyboard},
    decode::{Decoder, Event},
    guard,
    input::Input,
    modes::{self, Modes},
    signals, tty,
    writer::{Unit, Writer},
};

/// What the reader shares with the terminal.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) writer: Writer,
    pub(super) capabilities: Mutex<Capabilities>,
    pub(super) size: Mutex<(u16, u16)>,
    /// The modes that are to be on while the terminal is ours.
    pub(super) modes: Mutex<Modes>,
    /// Somebody else reads from the terminal.
    pub(super) is_paused: AtomicBool,
    pub(super) is_over: AtomicBool,
    pub(super) has_ended: AtomicBool,
}

impl Shared {
    /// Asks for the size. Answers it if it changed.
    pub(super) fn measure(&self) -> Option<(u16, u16)> {
        let (size, cell) = tty::size(guard::tty());
        if cell.is_some() {
            lock(&self.capabilities).cell = cell;
        }
        let mut known = lock(&self.size);
        let changed = *known != size;
        *known = size;
        changed.then_some(size)
    }

    /// Turns a mode on or off, from now on.
    pub(super) fn set_mode(&self, mode: Modes, is_on: bool) {
        let mut wanted = lock(&self.modes);
        let was_on = *wanted & mode == mode;
        if is_on == was_on {
            return;
        }
        *wanted ^= mode;
        let unit = if is_on {
            Unit { bytes: modes::set(mode), sets: mode, unsets: 0 }
        } else {
            Unit { bytes: modes::unset(mode), sets: 0, unsets: mode }
        };
        self.writer.queue(unit);
    }

    fn learn(&self, replies: Vec<super::caps::Reply>) -> Option<Capabilities> {
        let mut changed = false;
        let capabilities = {
            let mut capabilities = lock(&self.capabilities);
            for reply in replies {
                changed |= capabilities.refine(reply);
            }
            capabilities.clone()
        };
        if !changed {
            return None;
        }
        match capabilities.keyboard {
            Keyboard::Kitty => self.set_mode(modes::KITTY_KEYS, true),
            Keyboard::ModifyOtherKeys => self.set_mode(modes::OTHER_KEYS, true),
            Keyboard::Legacy => {}
        }
        self.writer.redraw(None, Some(capabilities.clone()));
        Some(capabilities)
    }
}

pub(super) fn lock<T>(of: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads until the terminal is closed.
pub(super) fn run(shared: &Shared, erase: u8, on_input: &impl Fn(Input)) {
    let mut decoder = Decoder::new(erase);
    let mut is_gone = false;
    let mut buffer = vec![0; 64 << 10];
    while !shared.is_over.load(SeqCst) {
        let is_read = !is_gone && !shared.is_paused.load(SeqCst);
        match wait(is_read, decoder.patience()) {
            Woken::Late => {
                let mut events = Vec::new();
                decoder.time_out(&mut events);
                deliver(events, shared, on_input);
            }
            Woken::By { signals, terminal, is_readable } => {
                if signals {
                    handle_signals(shared, on_input);
                }
                // Meanwhile it may have become somebody else's.
                let is_ours = !shared.is_paused.load(SeqCst) && !shared.is_over.load(SeqCst);
                if terminal && is_ours {
                    match io::read(guard::tty(), &mut buffer[..]) {
                        Ok(0) => is_gone = true,
                        Ok(count) => {
                            let mut events = Vec::new();
                            decoder.push(&buffer[..count], &mut events);
                            deliver(events, shared, on_input);
                        }
                        // There is news that is nothing to read: it broke.
                        Err(Errno::AGAIN) => is_gone = !is_readable,
                        Err(Errno::INTR) => {}
                        Err(_) => is_gone = true,
                    }
                    if is_gone {
                        on_input(Input::HangUp);
                    }
                }
            }
        }
    }
    shared.has_ended.store(true, SeqCst);
}

enum Woken {
    Late,
    By { signals: bool, terminal: bool, is_readable: bool },
}

fn wait(is_read: bool, patience: Option<std::time::Duration>) -> Woken {
    let tty = guard::tty();
    let pipe = signals::pipe().as_fd();
    let mut places = [PollFd::new(&pipe, PollFlags::IN), PollFd::new(&tty, PollFlags::IN)];
    let places = if is_read { &mut places[..] } else { &mut places[..1] };
    let timeout = patience.filter(|_| is_read).and_then(|time| Timespec::try_from(time).ok());
    match poll(places, timeout.as_ref()) {
        Ok(0) => Woken::Late,
        Ok(_) => Woken::By {
            signals: !places[0].revents().is_empty(),
            terminal: places.get(1).is_some_and(|place| !place.revents().is_empty()),
            is_readable: places.get(1).is_some_and(|place| place.revents().contains(PollFlags::IN)),
        },
        Err(_) => Woken::By { signals: true, terminal: false, is_readable: false },
    }
}

fn deliver(events: Vec<Event>, shared: &Shared, on_input: &impl Fn(Input)) {
    let mut replies = Vec::new();
    for event in events {
        match event {
            Event::Input(input) => on_input(input),
            Event::Reply(reply) => replies.push(reply),
        }
    }
    if !replies.is_empty()
        && let Some(capabilities) = shared.learn(replies)
    {
        on_input(Input::Capabilities(capabilities));
    }
}

fn handle_signals(shared: &Shared, on_input: &impl Fn(Input)) {
    let signals = signals::take();
    let is_paused = shared.is_paused.load(SeqCst);
    if !is_paused && signals.contains(&SIGCONT) {
        // Whoever stopped the program had the terminal meanwhile.
        guard::arm_again();
        let wanted = *lock(&shared.modes);
        shared.writer.queue(Unit { bytes: modes::set_again(wanted), sets: wanted, unsets: 0 });
        shared.measure();
        shared.writer.redraw(None, None);
    }
    if !is_paused && signals.iter().any(|signal| matches!(*signal, SIGWINCH | SIGCONT)) {
        shared.measure();
        let size = *lock(&shared.size);
        shared.writer.redraw(Some(size), None);
        on_input(Input::Resize(size.0, size.1));
    }
    for signal in signals {
        match signal {
            SIGWINCH | SIGCONT => {}
            // While somebody else has the terminal, they are for them.
            SIGINT | SIGQUIT | SIGTSTP if is_paused => {}
            signal => on_input(Input::Signal(signal)),
        }
    }
}
