//! The binary, started as a user would, in a home of its own.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{Read, Write as _},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Condvar, Mutex, PoisonError, mpsc},
    thread::{self, JoinHandle},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{PATIENCE, Pty};

/// A run of the binary in the making. The home and the working directory are new, empty folders; no
/// key, proxy or setting of whoever runs the tests is seen.
#[derive(Debug)]
pub struct Zi {
    command: Command,
    folders: Arc<Folders>,
    stdin: Vec<u8>,
}

/// They go with the last run that uses them.
#[derive(Debug)]
struct Folders {
    home: TempDir,
    cwd: TempDir,
}

/// A run that ended.
#[derive(Debug)]
pub struct Done {
    pub status: ExitStatus,
    /// The exit code; a signal has none.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Zi {
    /// `binary` is `env!("CARGO_BIN_EXE_zi")` in the tests of the crate that makes it.
    pub fn new(binary: impl AsRef<OsStr>) -> Self {
        let home = tempfile::tempdir().expect("a folder for the home");
        let cwd = tempfile::tempdir().expect("a folder to work in");
        Self::inside(binary, Arc::new(Folders { home, cwd }))
    }

    /// Another run in the same folders, with nothing else in common.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::inside(self.command.get_program(), self.folders.clone())
    }

    fn inside(binary: impl AsRef<OsStr>, folders: Arc<Folders>) -> Self {
        let (home, cwd) = (folders.home.path(), folders.cwd.path());
        let mut command = Command::new(binary);
        for (name, _) in env::vars_os() {
            if is_personal(&name.to_string_lossy()) {
                command.env_remove(name);
            }
        }
        command.env("HOME", home).env("ZI_HOME", home).current_dir(cwd);
        Self { command, folders, stdin: Vec::new() }
    }

    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    #[must_use]
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = text.into();
        self
    }

    /// Writes `settings.json`.
    #[must_use]
    pub fn settings(self, settings: &Value) -> Self {
        self.home_file("settings.json", settings.to_string())
    }

    /// Writes a file below the home, which is the root of the user's `extensions/` and `lua/`.
    #[must_use]
    pub fn home_file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        write(self.home(), path, content.as_ref());
        self
    }

    /// Writes a file below the working directory.
    #[must_use]
    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        write(self.cwd(), path, content.as_ref());
        self
    }

    pub fn home(&self) -> &Path {
        self.folders.home.path()
    }

    pub fn cwd(&self) -> &Path {
        self.folders.cwd.path()
    }

    /// Starts it.
    pub fn start(mut self) -> Running {
        let piped = self.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stdout = Pipe::read(child.stdout.take().expect("it is piped"));
        let stderr = Pipe::read(child.stderr.take().expect("it is piped"));
        let mut input = child.stdin.take().expect("it is piped");
        // A program that does not read its input closes it; that is its own affair.
        input.write_all(&self.stdin).ok();
        drop(input);
        Running { child, stdout, stderr, _folders: self.folders }
    }

    /// Runs it to its end.
    pub fn run(self) -> Done {
        self.start().wait()
    }

    /// The same run in a terminal.
    pub fn terminal(&self) -> Pty {
        let cwd = self.command.get_current_dir().unwrap_or(self.cwd());
        let mut pty = Pty::new(self.command.get_program()).args(self.command.get_args()).cwd(cwd);
        pty = pty.keeping(self.folders.clone());
        for (name, value) in self.command.get_envs() {
            if let Some(value) = value {
                pty = pty.env(&name.to_string_lossy(), value);
            }
        }
        pty
    }
}

/// Whether a variable says something about whoever runs the tests.
fn is_personal(name: &str) -> bool {
    let name = name.to_uppercase();
    let is_key = ["_API_KEY", "_TOKEN", "_PROXY"].iter().any(|end| name.ends_with(end));
    is_key || name.starts_with("ZI_") || name.starts_with("XDG_")
}

fn write(root: &Path, path: &str, content: &[u8]) {
    let path = root.join(path);
    let folder = path.parent().expect("a file is in a folder");
    fs::create_dir_all(folder).expect("the folder can be made");
    fs::write(path, content).expect("the file can be written");
}

/// What came out of a pipe, while it comes.
#[derive(Debug)]
struct Pipe {
    seen: Arc<(Mutex<Seen>, Condvar)>,
    reader: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    bytes: Vec<u8>,
    is_closed: bool,
}

impl Pipe {
    fn read(mut pipe: impl Read + Send + 'static) -> Self {
        let seen = Arc::new((Mutex::new(Seen::default()), Condvar::new()));
        let shared = seen.clone();
        let reader = thread::spawn(move || {
            let mut piece = [0; 8192];
            loop {
                let count = pipe.read(&mut piece).unwrap_or(0);
                let mut seen = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
                seen.bytes.extend_from_slice(&piece[..count]);
                seen.is_closed = count == 0;
                shared.1.notify_all();
                if seen.is_closed {
                    return;
                }
            }
        });
        Self { seen, reader }
    }

    /// Waits until `text` came; false when the pipe closed, or time is up, without it.
    fn wait_for(&self, text: &str) -> bool {
        let has_text = |seen: &Seen| String::from_utf8_lossy(&seen.bytes).contains(text);
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .seen
            .1
            .wait_timeout_while(seen, PATIENCE, |seen| !seen.is_closed && !has_text(seen));
        has_text(&waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    fn finish(self) -> String {
        self.reader.join().ok();
        let seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&seen.bytes).into_owned()
    }
}

/// A run that goes on.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: Pipe,
    stderr: Pipe,
    _folders: Arc<Folders>,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it printed `text`.
    pub fn wait_for_stdout(&self, text: &str) {
        assert!(self.stdout.wait_for(text), "it never printed {text:?}");
    }

    /// Waits until it said `text` on standard error.
    pub fn wait_for_stderr(&self, text: &str) {
        assert!(self.stderr.wait_for(text), "it never said {text:?}");
    }

    /// Sends a signal: `INT`, `TERM`, `KILL`, ….
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.id().to_string()).status();
        assert!(sent.is_ok_and(|status| status.success()), "the process takes signals");
    }

    /// Waits for its end; a run that does not end is killed and fails the test.
    pub fn wait(mut self) -> Done {
        let id = self.id().to_string();
        let (ended, end) = mpsc::channel::<()>();
        let watchdog = thread::spawn(move || {
            let is_late = end.recv_timeout(PATIENCE) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_late {
                Command::new("kill").args(["-KILL", &id]).status().ok();
            }
            is_late
        });
        let status = self.child.wait().expect("a child can be waited for");
        drop(ended);
        let is_late = watchdog.join().unwrap_or(false);
        let (stdout, stderr) = (self.stdout.finish(), self.stderr.finish());
        assert!(!is_late, "it did not end; stdout: {stdout}\nstderr: {stderr}");
        Done { code: status.code(), status, stdout, stderr }
    }
}

impl Done {
    /// The lines of `--mode json`.
    pub fn json_lines(&self) -> Vec<Value> {
        let lines = self.stdout.lines();
        lines
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|err| panic!("{err} in {line:?}"))
            })
            .collect()
    }

    /// The events of one type among them.
    pub fn events(&self, kind: &str) -> Vec<Value> {
        self.json_lines().into_iter().filter(|event| event["type"] == kind).collect()
    }

    /// The messages of one role, as they were committed.
    pub fn messages(&self, role: &str) -> Vec<Value> {
        let ends = self.events("message_end").into_iter();
        ends.map(|event| event["message"].clone()).filter(|it| it["role"] == role).collect()
    }

    /// Its last line, which says how the run went.
    pub fn result(&self) -> Value {
        self.json_lines().pop().unwrap_or_else(|| panic!("no output; stderr: {}", self.stderr))
    }
}
