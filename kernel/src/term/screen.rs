//! The terminal, from when it is opened until it is given back.

use std::{
    io,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use rustix::termios::{QueueSelector, SpecialCodeIndex, tcflush};

use super::{
    caps::{Capabilities, Keyboard, Multiplexer, Notices},
    encode::Encoder,
    frame::Frame,
    guard,
    input::Input,
    modes::{self, Modes},
    reader::{self, Shared, lock},
    region::Region,
    signals, tty,
    writer::{Canvas, Unit, Writer},
};

/// Most bytes that are copied at once.
const MAX_COPY: usize = 1 << 20;
/// Longest title or notice, in characters.
const MAX_TITLE: usize = 200;
/// How long what was shown last may take to be written.
const FLUSH: Duration = Duration::from_millis(60);
/// How long the terminal may take to answer what it was asked.
const ANSWERS: Duration = Duration::from_millis(60);
/// Most bytes of one string that GNU screen passes on.
const SCREEN_STRING: usize = 700;

/// One terminal is open at a time: the process has one.
static IS_OPEN: AtomicBool = AtomicBool::new(false);

/// Why there is no terminal to draw on.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    #[error(
        "there is no terminal: neither standard input, output nor error is one, and `/dev/tty` \
         cannot be opened"
    )]
    None(#[source] io::Error),
    #[error("the terminal is open already")]
    Open,
    #[error("the terminal cannot be set up")]
    Setup(#[source] io::Error),
    #[error("{bytes} bytes are too many for the clipboard: at most {MAX_COPY}")]
    TooLong { bytes: usize },
    #[error("the terminal is too far behind")]
    Behind,
}

/// How the terminal is used.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Draw in rows at the end of the normal screen instead of a screen of its own.
    pub inline: bool,
    /// Take the mouse; then text cannot be selected as usual.
    pub mouse: bool,
}

/// The terminal, as long as it is open. Dropping it gives it back as it was, and so does whatever
/// else ends the program. Only what gives it back waits for it, and for a fraction of a second.
#[derive(Debug)]
pub struct Terminal {
    shared: Arc<Shared>,
    options: Options,
    title: Mutex<Option<String>>,
    is_suspended: AtomicBool,
    is_closed: AtomicBool,
}

impl Terminal {
    /// Opens the terminal that the program was started on. `on_input` is called on a thread of its
    /// own with all that comes from it.
    pub fn open(
        options: Options,
        on_input: impl Fn(Input) + Send + 'static,
    ) -> Result<Self, TerminalError> {
        if IS_OPEN.swap(true, SeqCst) {
            return Err(TerminalError::Open);
        }
        Self::start(options, on_input).inspect_err(|_| IS_OPEN.store(false, SeqCst))
    }

    fn start(
        options: Options,
        on_input: impl Fn(Input) + Send + 'static,
    ) -> Result<Self, TerminalError> {
        guard::prepare().map_err(|err| TerminalError::None(err.into()))?;
        signals::install().map_err(TerminalError::Setup)?;
        let (size, cell) = tty::size(guard::tty());
        let mut capabilities = Capabilities::from_environment(|name| std::env::var(name).ok());
        capabilities.cell = cell;
        if capabilities.multiplexer == Some(Multiplexer::Tmux) {
            capabilities.keyboard = Keyboard::ModifyOtherKeys;
        }
        let wanted = wanted_modes(&options, &capabilities);
        let canvas = if options.inline {
            Canvas::Region(Box::new(Region::new(capabilities.clone())))
        } else {
            Canvas::Screen(Box::new(Encoder::new(capabilities.clone())))
        };
        let questions = capabilities.questions();
        let shared = Arc::new(Shared {
            writer: Writer::new(size),
            capabilities: Mutex::new(capabilities),
            size: Mutex::new(size),
            modes: Mutex::new(wanted),
            is_paused: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
        });
        let erase = guard::termios().special_codes[SpecialCodeIndex::VERASE];
        guard::arm().map_err(|err| TerminalError::Setup(err.into()))?;
        let terminal = Self {
            shared: shared.clone(),
            options,
            title: Mutex::new(None),
            is_suspended: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
        };
        let mut bytes = modes::set(wanted);
        bytes.extend_from_slice(&questions);
        shared.writer.queue(Unit { bytes, sets: wanted, unsets: 0 });
        let writing = shared.clone();
        spawn("terminal-out", move || writing.writer.run(canvas))?;
        spawn("terminal-in", move || reader::run(&shared, erase, &on_input))?;
        Ok(terminal)
    }

    /// Width and height in cells.
    pub fn size(&self) -> (u16, u16) {
        *lock(&self.shared.size)
    }

    /// What is known of the terminal by now.
    pub fn capabilities(&self) -> Capabilities {
        lock(&self.shared.capabilities).clone()
    }

    /// Shows a frame. Of several that come faster than the terminal takes them the last one is
    /// shown. Inline it is the region: as many rows as the frame has, up to the screen's.
    pub fn present(&self, frame: &Frame) {
        self.reenter();
        self.shared.writer.present(Arc::new(frame.clone()));
    }

    /// Inline, prints rows above the region, for good: they leave into what the terminal scrolls
    /// back to. False when the terminal is too far behind: they are to be printed later. Elsewhere
    /// there is no such place, and nothing is printed.
    pub fn insert_above(&self, lines: &Frame) -> bool {
        self.reenter();
        !self.options.inline || self.shared.writer.print(lines.clone())
    }

    /// Draws everything anew, as if somebody else had drawn over it.
    pub fn invalidate(&self) {
        self.shared.writer.redraw(None, None);
    }

    /// Takes the mouse, or leaves it to the terminal.
    pub fn set_mouse(&self, is_on: bool) {
        self.shared.set_mode(modes::MOUSE, is_on);
    }

    /// Names the window, until the terminal is given back.
    pub fn set_title(&self, title: &str) {
        let title = plain(title);
        let mut known = lock(&self.title);
        if known.as_ref() != Some(&title) {
            self.shared.set_mode(modes::TITLE, true);
            self.send(title_bytes(&title));
            *known = Some(title);
        }
    }

    /// Puts text into the clipboard.
    pub fn copy(&self, text: &str) -> Result<(), TerminalError> {
        if text.len() > MAX_COPY {
            return Err(TerminalError::TooLong { bytes: text.len() });
        }
        let text = STANDARD.encode(text);
        let bytes = self.passed_on(&format!("\x1b]52;c;{text}\x1b\\"));
        if self.send(bytes) { Ok(()) } else { Err(TerminalError::Behind) }
    }

    /// Shows a desktop notice, or rings the bell where there are none.
    pub fn notify(&self, title: &str, text: &str) {
        let (title, text) = (plain(title), plain(text));
        let notices = self.capabilities().notices;
        match notices {
            Notices::Osc9 => {
                let both = if text.is_empty() { title } else { format!("{title}: {text}") };
                // With a number in front it would mean something else.
                let both = if both.starts_with(|c: char| c.is_ascii_digit()) {
                    format!(" {both}")
                } else {
                    both
                };
                self.send(self.passed_on(&format!("\x1b]9;{both}\x1b\\")));
            }
            Notices::Osc777 => {
                let title = title.replace(';', ",");
                self.send(self.passed_on(&format!("\x1b]777;notify;{title};{text}\x1b\\")));
            }
            Notices::Bell => self.bell(),
        }
    }

    pub fn bell(&self) {
        self.send(b"\x07".to_vec());
    }

    /// Gives the terminal to somebody else, until [`Terminal::resume`]: it is as it was before it was
    /// opened, and nothing is read from it.
    pub fn suspend(&self) {
        if self.is_closed.load(SeqCst) || self.is_suspended.swap(true, SeqCst) {
            return;
        }
        self.leave();
        guard::restore();
    }

    /// Takes the terminal again, as large as it is now, and draws everything anew.
    pub fn resume(&self) -> Result<(), TerminalError> {
        if self.is_closed.load(SeqCst) || !self.is_suspended.swap(false, SeqCst) {
            return Ok(());
        }
        self.enter()
    }

    /// Stops the program as ctrl+z does, and returns when it goes on.
    pub fn stop(&self) -> Result<(), TerminalError> {
        self.suspend();
        signals::stop();
        self.resume()
    }

    /// Gives the terminal back as it was.
    pub fn close(&self) {
        if self.is_closed.swap(true, SeqCst) {
            return;
        }
        if !self.is_suspended.load(SeqCst) {
            self.leave();
        }
        self.shared.is_over.store(true, SeqCst);
        self.shared.writer.end();
        guard::restore();
        signals::uninstall();
        signals::wake();
        let start = Instant::now();
        // It may be where input is taken, or this may be that very place.
        while !self.shared.has_ended.load(SeqCst) && start.elapsed() < Duration::from_millis(20) {
            thread::yield_now();
        }
        IS_OPEN.store(false, SeqCst);
    }

    /// Sees what there is to be seen, and stops reading and writing.
    fn leave(&self) {
        if !guard::is_armed() {
            self.shared.is_paused.store(true, SeqCst);
            signals::wake();
            return;
        }
        let is_answered = || lock(&self.shared.capabilities).is_settled;
        let start = Instant::now();
        let has_asked = !lock(&self.shared.capabilities).questions().is_empty();
        while has_asked && !is_answered() && start.elapsed() < ANSWERS {
            thread::sleep(Duration::from_millis(2));
        }
        self.shared.is_paused.store(true, SeqCst);
        signals::wake();
        self.shared.writer.pause(FLUSH);
        if has_asked && !is_answered() {
            // Answers that come now would be taken for what somebody typed.
            tcflush(guard::tty(), QueueSelector::IFlush).ok();
        }
    }

    fn enter(&self) -> Result<(), TerminalError> {
        guard::arm().map_err(|err| TerminalError::Setup(err.into()))?;
        self.shared.measure();
        let size = self.size();
        let wanted = *lock(&self.shared.modes);
        let mut bytes = modes::set(wanted);
        if let Some(title) = &*lock(&self.title) {
            bytes.extend_from_slice(&title_bytes(title));
        }
        self.shared.writer.restart(Unit { bytes, sets: wanted, unsets: 0 }, size);
        self.shared.is_paused.store(false, SeqCst);
        signals::resized();
        Ok(())
    }

    /// Takes the terminal again after a panic that did not end the program.
    fn reenter(&self) {
        let is_ours = !self.is_closed.load(SeqCst) && !self.is_suspended.load(SeqCst);
        if is_ours && guard::may_enter() {
            self.enter().ok();
        }
    }

    fn send(&self, bytes: Vec<u8>) -> bool {
        self.shared.writer.queue(Unit { bytes, sets: 0, unsets: 0 })
    }

    /// A string for the terminal, also wrapped so that what is in between passes it on.
    fn passed_on(&self, string: &str) -> Vec<u8> {
        let mut bytes = string.as_bytes().to_vec();
        match self.capabilities().multiplexer {
            Some(Multiplexer::Tmux) => {
                let doubled = string.replace('\x1b', "\x1b\x1b");
                bytes.extend_from_slice(format!("\x1bPtmux;{doubled}\x1b\\").as_bytes());
            }
            Some(Multiplexer::Screen) => {
                // Its own end would end the wrapping; the bell ends it as well.
                let string = string.replace("\x1b\\", "\x07");
                bytes.clear();
                for piece in string.as_bytes().chunks(SCREEN_STRING) {
                    bytes.extend_from_slice(b"\x1bP");
                    bytes.extend_from_slice(piece);
                    bytes.extend_from_slice(b"\x1b\\");
                }
            }
            None => {}
        }
        bytes
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

fn wanted_modes(options: &Options, capabilities: &Capabilities) -> Modes {
    let mut modes = modes::NO_WRAP | modes::HIDDEN_CURSOR | modes::BRACKETED_PASTE | modes::FOCUS;
    if !options.inline {
        modes |= modes::ALTERNATE_SCREEN | modes::ALTERNATE_SCROLL;
    }
    if options.mouse {
        modes |= modes::MOUSE;
    }
    if capabilities.keyboard == Keyboard::ModifyOtherKeys {
        modes |= modes::OTHER_KEYS;
    }
    modes
}

fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), TerminalError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(TerminalError::Setup)
}

fn title_bytes(title: &str) -> Vec<u8> {
    format!("\x1b]2;{title}\x1b\\").into_bytes()
}

/// Text without control characters, on one line.
fn plain(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
    plain.filter(|c| !c.is_control()).take(MAX_TITLE).collect()
}
