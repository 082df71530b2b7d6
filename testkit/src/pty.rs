//! A program in a terminal of its own, and what the terminal shows.
//!
//! ```no_run
//! use zi_testkit::{Answers, Pty};
//!
//! let run = Pty::new("target/debug/zi").size(80, 24).answers(Answers::Kitty).start();
//! run.wait_for_text("what");
//! run.send("hello");
//! run.key("enter");
//! run.wait_for("an answer", |screen| screen.contents().contains("hello"));
//! let done = run.end_with("ctrl+d");
//! assert_eq!(done.status.code(), Some(0));
//! assert!(done.modes.on().is_empty(), "{:?}", done.modes);
//! done.check_output();
//! ```
//!
//! The terminal is an emulator (`vt100`); it is fed with all that the program writes, as it comes.
//! What is waited for and does not happen within half a minute fails the test, and the panic shows
//! the last screen.

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io::{Read as _, Write as _},
    num::NonZeroU16,
    os::{
        fd::{AsFd as _, BorrowedFd, OwnedFd},
        unix::{net::UnixStream, process::ExitStatusExt as _},
    },
    path::PathBuf,
    process::ExitStatus,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use rustix::{
    event::{PollFd, PollFlags, poll},
    process::{Pid, Signal, WaitOptions, kill_process, waitpid},
    termios::{Termios, tcgetattr},
};

use crate::{
    PATIENCE,
    keys::key_bytes,
    sequences::{self, Modes, Piece, Pieces},
};

/// What the terminal says when it is asked about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answers {
    /// Nothing.
    #[default]
    None,
    /// What it is like and its background; nothing modern.
    Xterm,
    /// The same, and that it shows whole frames only. Then a test sees whole frames only, as well.
    Frames,
    /// All that kitty says, with a background of `#102030`.
    Kitty,
}

/// A program that is to run in a terminal. It sees no variable of whoever runs the tests but `PATH`,
/// and `TERM` is `xterm-256color`.
pub struct Pty {
    program: OsString,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    cwd: Option<PathBuf>,
    size: (u16, u16),
    answers: Answers,
    kept: Option<Kept>,
}

impl std::fmt::Debug for Pty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pty").field("program", &self.program).finish_non_exhaustive()
    }
}

/// What has to last as long as a run.
type Kept = Arc<dyn std::any::Any + Send + Sync>;

impl Pty {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            env: vec![("TERM".to_owned(), "xterm-256color".into())],
            cwd: None,
            size: (80, 24),
            answers: Answers::default(),
            kept: None,
        }
    }

    /// Keeps a value until the run is over.
    #[must_use]
    pub fn keeping(mut self, kept: Kept) -> Self {
        self.kept = Some(kept);
        self
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    #[must_use]
    pub fn cwd(mut self, cwd: impl Into<PathBuf>) -> Self {
        self.cwd = Some(cwd.into());
        self
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(mut self, columns: u16, rows: u16) -> Self {
        self.size = (columns, rows);
        self
    }

    #[must_use]
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }

    /// Starts it.
    pub fn start(self) -> PtyRun {
        let (columns, rows) = self.size;
        let pair = native_pty_system().openpty(pty_size(columns, rows)).expect("a terminal");
        let mut command = CommandBuilder::new(&self.program);
        command.args(&self.args);
        command.env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (name, value) in &self.env {
            command.env(name, value);
        }
        if let Some(cwd) = &self.cwd {
            command.cwd(cwd);
        }
        let tty = owned(&*pair.master);
        let before = tcgetattr(&tty).expect("it is a terminal");
        let child = pair.slave.spawn_command(command).expect("the program starts");
        let id = child.process_id().expect("it runs");
        drop(pair.slave);
        let parser = vt100::Parser::new(side(rows), side(columns), 1000);
        let shared = Arc::new(Shared {
            seen: Mutex::new(Seen {
                parser,
                raw: Vec::new(),
                pieces: Pieces::default(),
                modes: Modes::default(),
                is_held: false,
                is_over: false,
            }),
            changed: Condvar::new(),
        });
        let (wake, woken) = UnixStream::pair().expect("a pair of sockets");
        let (reading, answers) = (shared.clone(), self.answers);
        let from = tty.try_clone().expect("it can be copied");
        let reader = thread::spawn(move || read(&reading, from, &woken, answers));
        PtyRun {
            shared,
            master: Some(pair.master),
            tty: Some(File::from(tty)),
            id,
            is_ended: false,
            before,
            wake,
            reader: Some(reader),
            _kept: self.kept,
        }
    }
}

fn pty_size(cols: u16, rows: u16) -> PtySize {
    PtySize { rows, cols, pixel_width: 0, pixel_height: 0 }
}

/// The emulator has at least one cell.
fn side(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap_or(NonZeroU16::MIN)
}

fn owned(master: &dyn MasterPty) -> OwnedFd {
    let fd = master.as_raw_fd().expect("a terminal is a file");
    #[expect(unsafe_code, reason = "the library gives the number only")]
    // SAFETY: the master owns the file, and lives until after it was copied.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    borrowed.try_clone_to_owned().expect("it can be copied")
}

#[derive(Debug)]
struct Shared {
    seen: Mutex<Seen>,
    changed: Condvar,
}

struct Seen {
    parser: vt100::Parser,
    raw: Vec<u8>,
    pieces: Pieces,
    modes: Modes,
    is_held: bool,
    is_over: bool,
}

impl std::fmt::Debug for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seen").field("bytes", &self.raw.len()).finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads what the program writes until it is gone, or the terminal closes.
fn read(shared: &Shared, from: OwnedFd, woken: &UnixStream, answers: Answers) {
    let mut from = File::from(from);
    let mut piece = vec![0; 64 << 10];
    loop {
        let is_held = shared.lock().is_held;
        let fd = from.as_fd();
        let mut places = [PollFd::new(woken, PollFlags::IN), PollFd::new(&fd, PollFlags::IN)];
        let places = if is_held { &mut places[..1] } else { &mut places[..] };
        if poll(places, None).is_err() {
            continue;
        }
        if !places[0].revents().is_empty() {
            let mut told = [0];
            // A byte is news about being held; an end is the end.
            if !matches!((&*woken).read(&mut told), Ok(1)) {
                break;
            }
            continue;
        }
        let count = match from.read(&mut piece) {
            Ok(count) if count > 0 => count,
            Err(err) if err.kind() == std::io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => break,
        };
        let mut seen = shared.lock();
        let bytes = &piece[..count];
        seen.raw.extend_from_slice(bytes);
        seen.parser.process(bytes);
        for piece in seen.pieces.push(bytes) {
            seen.modes.note(&piece);
            if let Some(answer) = answer(&piece, answers) {
                from.write_all(answer.as_bytes()).ok();
            }
        }
        drop(seen);
        shared.changed.notify_all();
    }
    shared.lock().is_over = true;
    shared.changed.notify_all();
}

/// What the terminal says to a question.
fn answer(piece: &Piece, answers: Answers) -> Option<&'static str> {
    let is_kitty = match answers {
        Answers::None => return None,
        Answers::Xterm | Answers::Frames => false,
        Answers::Kitty => true,
    };
    let has_frames = answers != Answers::Xterm;
    match piece {
        Piece::Csi(body, 'c') if body.is_empty() => Some("\x1b[?62;22c"),
        Piece::String(']', body) if body == b"11;?" => Some("\x1b]11;rgb:1010/2020/3030\x1b\\"),
        Piece::Csi(body, 'p') if body == "?2026$" => {
            Some(if has_frames { "\x1b[?2026;2$y" } else { "\x1b[?2026;0$y" })
        }
        Piece::Csi(body, 'u') if body == "?" && is_kitty => Some("\x1b[?0u"),
        Piece::Csi(body, 'q') if body == ">" && is_kitty => Some("\x1bP>|kitty(0.40)\x1b\\"),
        Piece::Csi(body, 't') if body == "16" && is_kitty => Some("\x1b[6;20;10t"),
        Piece::String('_', body) if body.starts_with(b"Gi=31,") && is_kitty => {
            Some("\x1b_Gi=31;OK\x1b\\")
        }
        _ => None,
    }
}

/// A program that runs in a terminal. It is killed when this is dropped.
pub struct PtyRun {
    shared: Arc<Shared>,
    master: Option<Box<dyn MasterPty + Send>>,
    tty: Option<File>,
    id: u32,
    is_ended: bool,
    before: Termios,
    wake: UnixStream,
    reader: Option<JoinHandle<()>>,
    _kept: Option<Kept>,
}

impl std::fmt::Debug for PtyRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PtyRun").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A program that ended, and what it left behind.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// All that it wrote.
    pub output: Vec<u8>,
    pub modes: Modes,
    /// What the screen shows at the end.
    pub screen: String,
    /// Whether the settings of the terminal are what they were before, to the byte.
    pub is_restored: bool,
}

impl PtyRun {
    fn pid(&self) -> Pid {
        Pid::from_raw(self.id.cast_signed()).expect("no process is zero")
    }

    pub fn id(&self) -> u32 {
        self.id
    }

    /// The text of the screen, without the blanks at the ends of its rows.
    pub fn screen(&self) -> String {
        self.look(text)
    }

    /// Looks at the screen of the emulator, between two frames where the terminal tells them apart.
    pub fn look<T>(&self, at: impl FnOnce(&vt100::Screen) -> T) -> T {
        self.wait_until(|_| true).ok();
        at(self.shared.lock().parser.screen())
    }

    /// A cell, with its colours.
    pub fn cell(&self, x: u16, y: u16) -> Option<vt100::Cell> {
        self.look(|screen| screen.cell(y, x).cloned())
    }

    /// The column and the row of the cursor.
    pub fn cursor(&self) -> (u16, u16) {
        let (row, column) = self.look(vt100::Screen::cursor_position);
        (column, row)
    }

    /// All that the program wrote up to now.
    pub fn output(&self) -> Vec<u8> {
        self.shared.lock().raw.clone()
    }

    /// How many bytes it wrote up to now.
    pub fn output_length(&self) -> usize {
        self.shared.lock().raw.len()
    }

    pub fn modes(&self) -> Modes {
        self.shared.lock().modes.clone()
    }

    /// Whether the settings of the terminal are what they were before the program started.
    pub fn is_restored(&self) -> bool {
        let now = self.tty.as_ref().and_then(|tty| tcgetattr(tty).ok());
        now.is_some_and(|now| format!("{now:?}") == format!("{:?}", self.before))
    }

    /// Types bytes, as they are.
    pub fn send(&self, bytes: impl AsRef<[u8]>) {
        let mut tty = self.tty.as_ref().expect("the terminal is there");
        tty.write_all(bytes.as_ref()).expect("the program takes input");
    }

    /// Presses a key by its name, as a terminal without any protocol for keys tells of it where it
    /// can: `a`, `enter`, `ctrl+c`, `alt+up`, `shift+tab`, `f5`.
    pub fn key(&self, name: &str) {
        self.send(key_bytes(name));
    }

    /// Pastes text into the program.
    pub fn paste(&self, text: &str) {
        self.send(format!("\x1b[200~{text}\x1b[201~"));
    }

    pub fn resize(&self, columns: u16, rows: u16) {
        self.shared.lock().parser.screen_mut().set_size(side(rows), side(columns));
        let master = self.master.as_ref().expect("the terminal is there");
        master.resize(pty_size(columns, rows)).expect("it can be resized");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the program is there");
    }

    /// Whether the program has not ended yet.
    pub fn is_running(&self) -> bool {
        // A process that ended and was not waited for says so.
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id)).unwrap_or_default();
        let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
        !matches!(state, None | Some('Z' | 'X'))
    }

    /// Takes no output from the program until [`PtyRun::release`]: the terminal is stopped.
    pub fn hold(&self) {
        self.set_held(true);
    }

    pub fn release(&self) {
        self.set_held(false);
    }

    fn set_held(&self, is_held: bool) {
        self.shared.lock().is_held = is_held;
        (&self.wake).write_all(b"!").expect("the reader is there");
    }

    /// Waits until the screen is as `condition` wants it. `what` is for the panic.
    pub fn wait_for(&self, what: &str, condition: impl Fn(&vt100::Screen) -> bool) {
        let is_met = |seen: &Seen| condition(seen.parser.screen());
        if let Err(seen) = self.wait_until(is_met) {
            panic!(
                "{what} did not come; the screen:\n{}\nthe last output: {}",
                text(seen.parser.screen()),
                String::from_utf8_lossy(&seen.raw[seen.raw.len().saturating_sub(400)..])
                    .escape_debug(),
            );
        }
    }

    /// Waits until the screen shows `wanted`.
    pub fn wait_for_text(&self, wanted: &str) {
        self.wait_for(&format!("`{wanted}`"), |screen| text(screen).contains(wanted));
    }

    /// Waits until the program wrote `wanted` after the first `from` bytes.
    pub fn wait_for_output(&self, from: usize, wanted: &str) {
        let has = |seen: &Seen| contains(&seen.raw[from.min(seen.raw.len())..], wanted.as_bytes());
        if let Err(seen) = self.wait_until(has) {
            let screen = text(seen.parser.screen());
            panic!("{wanted:?} was not written; the screen:\n{screen}");
        }
    }

    /// Types `keys` and answers how long it took until `echo` was written.
    pub fn time_echo(&self, keys: impl AsRef<[u8]>, echo: &str) -> Duration {
        let from = self.output_length();
        let start = Instant::now();
        self.send(keys);
        self.wait_for_output(from, echo);
        start.elapsed()
    }

    fn wait_until(&self, is_met: impl Fn(&Seen) -> bool) -> Result<(), MutexGuard<'_, Seen>> {
        let is_whole = |seen: &Seen| seen.is_held || !seen.modes.is_on("?2026");
        let is_met = |seen: &Seen| is_whole(seen) && is_met(seen);
        let seen = self.shared.lock();
        let waiting = |seen: &mut Seen| !seen.is_over && !is_met(seen);
        let waited = self.shared.changed.wait_timeout_while(seen, PATIENCE, waiting);
        let (seen, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_met(&seen) { Ok(()) } else { Err(seen) }
    }

    /// Closes the terminal, as a connection that breaks does, and waits for the program's end.
    pub fn hang_up(mut self) -> Ended {
        self.wake.shutdown(std::net::Shutdown::Both).ok();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
        self.master = None;
        self.tty = None;
        self.finish()
    }

    /// Presses a key and waits for the program's end.
    pub fn end_with(self, key: &str) -> Ended {
        self.key(key);
        self.end()
    }

    /// Waits for the program's end.
    pub fn end(mut self) -> Ended {
        // The end of the output comes with it, unless somebody else has the terminal as well.
        let waiting = |seen: &mut Seen| !seen.is_over;
        let shared = self.shared.clone();
        let over = shared.changed.wait_timeout_while(shared.lock(), PATIENCE, waiting);
        let is_late = over.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        assert!(!is_late, "the program did not end; the screen:\n{}", self.screen());
        self.finish()
    }

    fn finish(&mut self) -> Ended {
        let start = Instant::now();
        let status = loop {
            let waited = waitpid(Some(self.pid()), WaitOptions::NOHANG).expect("it is a child");
            if let Some((_, status)) = waited {
                self.is_ended = true;
                break ExitStatus::from_raw(status.as_raw());
            }
            assert!(start.elapsed() < PATIENCE, "the program did not end");
            thread::sleep(Duration::from_millis(1));
        };
        Ended {
            status,
            is_restored: self.is_restored(),
            output: self.output(),
            modes: self.modes(),
            screen: self.screen(),
        }
    }
}

impl Drop for PtyRun {
    fn drop(&mut self) {
        if !self.is_ended {
            kill_process(self.pid(), Signal::KILL).ok();
            waitpid(Some(self.pid()), WaitOptions::empty()).ok();
        }
        self.wake.shutdown(std::net::Shutdown::Both).ok();
        if let Some(reader) = self.reader.take() {
            reader.join().ok();
        }
    }
}

impl Ended {
    /// Fails if anything was written that zi does not write.
    pub fn check_output(&self) {
        if let Err(problem) = sequences::check(&self.output) {
            panic!("{problem}");
        }
    }
}

fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len().max(1)).any(|window| window == wanted)
}

/// The text of a screen, without the blanks at the ends of its rows and the empty rows at its end.
fn text(screen: &vt100::Screen) -> String {
    let (_, columns) = screen.size();
    let rows: Vec<String> =
        screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect();
    rows.join("\n").trim_end_matches('\n').to_owned()
}
