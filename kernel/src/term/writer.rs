//! The writer: a thread that shows the newest frame, as fast as the terminal takes it.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
};

use super::{
    caps::Capabilities,
    encode::Encoder,
    frame::Frame,
    guard,
    modes::{self, Modes},
    region::Region,
};

/// Most bytes that wait beside the frames.
const MAX_WAITING: usize = 2 << 20;
/// Most cells of rows that wait to be printed.
const MAX_CELLS: usize = 256 << 10;
/// Most bytes of one call.
const PIECE: usize = 32 << 10;
/// How often a terminal that takes nothing is looked at again.
const STALLED: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };

/// Bytes that are written whole, and what they do to the modes.
#[derive(Debug, Default)]
pub(super) struct Unit {
    pub(super) bytes: Vec<u8>,
    pub(super) sets: Modes,
    pub(super) unsets: Modes,
}

/// What is on the screen, and how it gets there.
#[derive(Debug)]
pub(super) enum Canvas {
    Screen(Box<Encoder>),
    Region(Box<Region>),
}

#[derive(Debug)]
struct Work {
    units: VecDeque<Unit>,
    /// The bytes of the units.
    waiting: usize,
    above: Vec<Frame>,
    frame: Option<Arc<Frame>>,
    /// The last frame, shown or not.
    last: Option<Arc<Frame>>,
    capabilities: Option<Capabilities>,
    size: (u16, u16),
    is_invalid: bool,
    is_restarted: bool,
    /// Nothing is written.
    is_paused: bool,
    is_busy: bool,
    /// The terminal is gone, or the writer is to end.
    is_over: bool,
}

/// What the writer shares with those who have something to show.
#[derive(Debug)]
pub(super) struct Writer {
    work: Mutex<Work>,
    wake: Condvar,
    idle: Condvar,
}

impl Writer {
    pub(super) fn new(size: (u16, u16)) -> Self {
        let work = Work {
            units: VecDeque::new(),
            waiting: 0,
            above: Vec::new(),
            frame: None,
            last: None,
            capabilities: None,
            size,
            is_invalid: false,
            is_restarted: true,
            is_paused: false,
            is_busy: false,
            is_over: false,
        };
        Self { work: Mutex::new(work), wake: Condvar::new(), idle: Condvar::new() }
    }

    /// Queues bytes; false when the terminal is too far behind.
    pub(super) fn queue(&self, unit: Unit) -> bool {
        let mut work = self.lock();
        if work.is_over || work.waiting + unit.bytes.len() > MAX_WAITING {
            return false;
        }
        work.waiting += unit.bytes.len();
        work.units.push_back(unit);
        self.wake.notify_one();
        true
    }

    /// Shows a frame, in the place of one that was not shown yet.
    pub(super) fn present(&self, frame: Arc<Frame>) {
        let mut work = self.lock();
        work.last = Some(frame.clone());
        let old = work.frame.replace(frame);
        self.wake.notify_one();
        drop(work);
        drop(old);
    }

    /// Prints rows above the region; false when too many wait.
    pub(super) fn print(&self, lines: Frame) -> bool {
        let cells = |frame: &Frame| frame.area().area() as usize;
        let mut work = self.lock();
        let waiting: usize = work.above.iter().map(cells).sum();
        if work.is_over || (waiting > 0 && waiting + cells(&lines) > MAX_CELLS) {
            return false;
        }
        work.above.push(lines);
        self.wake.notify_one();
        true
    }

    /// Draws everything again, with what is known of the terminal now.
    pub(super) fn redraw(&self, size: Option<(u16, u16)>, capabilities: Option<Capabilities>) {
        let mut work = self.lock();
        if capabilities.is_some() {
            work.capabilities = capabilities;
        } else {
            work.is_invalid = true;
        }
        work.size = size.unwrap_or(work.size);
        // After a change of size the last frame is of the old one: another one is on its way.
        let fits = |frame: &Arc<Frame>| {
            let area = frame.area();
            size.is_none_or(|size| size == (area.width, area.height))
        };
        if work.frame.is_none() {
            work.frame = work.last.clone().filter(fits);
        }
        self.wake.notify_one();
    }

    /// Waits until all is written, as long as `patience` lasts. Then nothing is written any more.
    pub(super) fn pause(&self, patience: Duration) {
        let mut work = self.lock();
        let end = Instant::now() + patience;
        while (work.is_busy || work.has_some()) && !work.is_over {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.idle.wait_timeout(work, left);
            work = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        work.is_paused = true;
    }

    /// Goes on, on a terminal that has been somebody else's: first `unit` is written.
    pub(super) fn restart(&self, unit: Unit, size: (u16, u16)) {
        let mut work = self.lock();
        work.is_paused = false;
        work.is_restarted = true;
        work.size = size;
        work.units.clear();
        work.waiting = unit.bytes.len();
        work.units.push_back(unit);
        if work.frame.is_none() {
            work.frame = work.last.clone();
        }
        self.wake.notify_one();
    }

    /// Ends the thread.
    pub(super) fn end(&self) {
        self.lock().is_over = true;
        self.wake.notify_one();
        self.idle.notify_all();
    }

    /// Writes what is queued until the end.
    pub(super) fn run(&self, mut canvas: Canvas) {
        while let Some((entry, units, above, frame, size)) = self.next(&mut canvas) {
            let written = units.into_iter().all(|unit| self.write(entry, &unit))
                && self.draw(entry, &mut canvas, above, frame, size);
            let mut work = self.lock();
            work.is_busy = false;
            if !written {
                work.is_restarted = true;
            }
            self.idle.notify_all();
        }
    }

    #[expect(clippy::type_complexity, reason = "it is taken apart where it is used")]
    fn next(
        &self,
        canvas: &mut Canvas,
    ) -> Option<(u32, Vec<Unit>, Vec<Frame>, Option<Arc<Frame>>, (u16, u16))> {
        let mut work = self.lock();
        while !work.is_over && (work.is_paused || !work.has_some()) {
            work = self.wake.wait(work).unwrap_or_else(PoisonError::into_inner);
        }
        if work.is_over {
            return None;
        }
        if std::mem::take(&mut work.is_restarted) {
            canvas.restart();
        }
        if std::mem::take(&mut work.is_invalid) {
            canvas.invalidate();
        }
        if let Some(capabilities) = work.capabilities.take() {
            canvas.set_capabilities(capabilities);
        }
        work.is_busy = true;
        work.waiting = 0;
        let units = work.units.drain(..).collect();
        let mut frame = work.frame.take();
        let above = std::mem::take(&mut work.above);
        if !above.is_empty() && frame.is_none() {
            frame = work.last.clone();
        }
        Some((guard::entry(), units, above, frame, work.size))
    }

    fn draw(
        &self,
        entry: u32,
        canvas: &mut Canvas,
        above: Vec<Frame>,
        frame: Option<Arc<Frame>>,
        size: (u16, u16),
    ) -> bool {
        let frame = match frame {
            Some(frame) => Frame::clone(&frame),
            None if above.is_empty() => return true,
            None => Frame::new(size.0, 0),
        };
        let bytes = canvas.encode(above, frame, size);
        if bytes.is_empty() {
            return true;
        }
        let sets = canvas.modes();
        let all = modes::SYNC | modes::HIDDEN_CURSOR | modes::PICTURES | modes::REGION;
        // While it is drawn anything may be on.
        guard::add_modes(sets | modes::HIDDEN_CURSOR | canvas.modes_meanwhile());
        let written = self.write(entry, &Unit { bytes, sets: 0, unsets: all & !sets });
        if written && let Some(below) = canvas.below() {
            guard::set_below(below);
        }
        written
    }

    /// Writes a unit whole; false when the terminal is not ours any more.
    fn write(&self, entry: u32, unit: &Unit) -> bool {
        if guard::entry() != entry || entry & 1 == 0 {
            return false;
        }
        guard::add_modes(unit.sets);
        let mut rest = &unit.bytes[..];
        while !rest.is_empty() {
            guard::set_midway(true);
            match guard::write(entry, &rest[..rest.len().min(PIECE)]) {
                Some(Ok(count)) => rest = &rest[count..],
                Some(Err(Errno::INTR)) => {}
                Some(Err(Errno::AGAIN)) => {
                    poll(&mut [PollFd::new(&guard::tty(), PollFlags::OUT)], Some(&STALLED)).ok();
                    if self.lock().is_over {
                        return false;
                    }
                }
                Some(Err(_)) => {
                    // It is gone. Who reads from it tells.
                    self.lock().is_over = true;
                    return false;
                }
                None => return false,
            }
        }
        guard::set_midway(false);
        guard::remove_modes(unit.unsets);
        true
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn has_some(&self) -> bool {
        self.frame.is_some() || !self.units.is_empty() || !self.above.is_empty()
    }
}

impl Canvas {
    fn encode(&mut self, above: Vec<Frame>, frame: Frame, size: (u16, u16)) -> Vec<u8> {
        match self {
            Self::Screen(encoder) => encoder.encode(frame, size),
            Self::Region(region) => region.encode(above, frame, size),
        }
    }

    fn restart(&mut self) {
        match self {
            Self::Screen(encoder) => encoder.restart(),
            Self::Region(region) => region.restart(),
        }
    }

    fn invalidate(&mut self) {
        match self {
            Self::Screen(encoder) => encoder.invalidate(),
            Self::Region(region) => region.invalidate(),
        }
    }

    fn set_capabilities(&mut self, capabilities: Capabilities) {
        match self {
            Self::Screen(encoder) => encoder.set_capabilities(capabilities),
            Self::Region(region) => region.set_capabilities(capabilities),
        }
    }

    /// The modes that are on once the frame is drawn.
    fn modes(&mut self) -> Modes {
        let (is_cursor_shown, pictures, region) = match self {
            Self::Screen(encoder) => (encoder.is_cursor_shown, encoder.keeps_pictures(), false),
            Self::Region(region) => (region.is_cursor_shown(), false, region.below().is_some()),
        };
        let mode = |is_on, mode| if is_on { mode } else { 0 };
        mode(!is_cursor_shown, modes::HIDDEN_CURSOR)
            | mode(pictures, modes::PICTURES)
            | mode(region, modes::REGION)
    }

    /// What is on while a frame is drawn only.
    fn modes_meanwhile(&self) -> Modes {
        match self {
            Self::Screen(encoder) if encoder.is_synchronized() => modes::SYNC,
            Self::Region(region) if region.is_synchronized() => modes::SYNC,
            _ => 0,
        }
    }

    fn below(&mut self) -> Option<u16> {
        match self {
            Self::Screen(_) => None,
            Self::Region(region) => region.below(),
        }
    }
}
