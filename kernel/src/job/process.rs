//! One child: starting it, feeding it, reading it, and hearing of its end.

use std::{
    io,
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::unix::pipe,
    process::{Child, ChildStdin, Command},
    sync::{mpsc, oneshot},
    time,
};

use super::{
    capture::{Capture, Captured, Keep, LogFile},
    tree::{self, MARK, Tree},
};

/// How long output is still read after the child's end, when something else holds its pipes open.
const DRAIN: Duration = Duration::from_millis(200);
/// How often a reader of running output is told of news.
const NEWS_EVERY: Duration = Duration::from_millis(100);
const READ_BYTES: usize = 64 * 1024;
/// Chunks of a [`Job`] that may wait for their reader; past that the child is not read.
const QUEUED_CHUNKS: usize = 64;

/// Why a program could not be run.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error("cannot start `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("cannot start `{program}`: the folder `{cwd}` does not exist")]
    NoFolder { program: String, cwd: String },
    #[error("no program to start: the argument list is empty")]
    Empty,
    #[error("cannot read from `{program}`: {source}")]
    Pipe { program: String, source: io::Error },
}

/// What a child reads.
#[derive(Clone, Debug, Default)]
pub enum Input {
    /// Nothing: it sees the end at once.
    #[default]
    Nothing,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
    /// What [`Job::write`] gives it.
    Open,
}

/// What to run.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// The program and its arguments; no shell is involved.
    pub argv: Vec<String>,
    pub cwd: Option<PathBuf>,
    /// Variables to add.
    pub env: Vec<(String, String)>,
    /// Variables to take away first.
    pub without_env: Vec<String>,
    /// Whether to start from an empty environment.
    pub clear_env: bool,
    pub input: Input,
    /// Whether both outputs share one pipe, in the order they were written.
    pub merge: bool,
}

/// How a program ended: with a code, or by a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    pub code: Option<i32>,
    pub signal: Option<i32>,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}

/// Which output a chunk came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A child with its pipes, before somebody reads them.
struct Started {
    child: Child,
    tree: Tree,
    stdin: Option<ChildStdin>,
    stdout: pipe::Receiver,
    /// Absent when both outputs share a pipe.
    stderr: Option<pipe::Receiver>,
}

/// Has the kernel kill the child when this process is killed, which leaves nobody to do it.
fn end_with_parent() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    Ok(())
}

fn start(spec: &Spec) -> Result<Started, JobError> {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let program = spec.argv.first().filter(|name| !name.is_empty()).ok_or(JobError::Empty)?;
    tree::adopt_orphans();
    let mark = format!("{}.{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let pipe_error = |source| JobError::Pipe { program: program.clone(), source };
    let (stdout, out_writer) = io::pipe().map_err(pipe_error)?;
    let (stderr, err_writer) = if spec.merge {
        (None, out_writer.try_clone().map_err(pipe_error)?)
    } else {
        let (reader, writer) = io::pipe().map_err(pipe_error)?;
        (Some(reader), writer)
    };
    let mut command = Command::new(program);
    command.args(&spec.argv[1..]).stdout(out_writer).stderr(err_writer);
    command.stdin(match spec.input {
        Input::Nothing => Stdio::null(),
        Input::Bytes(_) | Input::Open => Stdio::piped(),
    });
    if spec.clear_env {
        command.env_clear();
    }
    for name in &spec.without_env {
        command.env_remove(name);
    }
    command.envs(spec.env.iter().map(|(name, value)| (name, value))).env(MARK, &mark);
    if let Some(cwd) = &spec.cwd {
        command.current_dir(cwd);
    }
    // SAFETY: `setsid` and `prctl` are async-signal-safe, and nothing else runs between fork and exec.
    #[allow(unsafe_code, reason = "the standard library has no stable way to start a session")]
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            end_with_parent()
        });
    }
    let (mut child, tree) = Tree::start(mark, || command.spawn())
        .map_err(|source| start_error(program, spec, source))?;
    // The command holds our copies of the writers; readers only see the end without them.
    drop(command);
    let readable =
        |reader: io::PipeReader| pipe::Receiver::from_owned_fd(reader.into()).map_err(pipe_error);
    Ok(Started {
        stdin: child.stdin.take(),
        child,
        tree,
        stdout: readable(stdout)?,
        stderr: stderr.map(readable).transpose()?,
    })
}

fn start_error(program: &str, spec: &Spec, source: io::Error) -> JobError {
    match &spec.cwd {
        Some(cwd) if !cwd.is_dir() => {
            JobError::NoFolder { program: program.to_owned(), cwd: cwd.display().to_string() }
        }
        _ => JobError::Start { program: program.to_owned(), source },
    }
}

async fn feed(stdin: Option<ChildStdin>, input: Input) {
    if let (Some(mut stdin), Input::Bytes(bytes)) = (stdin, input) {
        // A child that does not want its input closes the pipe; that is its right.
        stdin.write_all(&bytes).await.ok();
    }
}

// Running to the end ------------------------------------------------------------------------------

/// How to run a program to its end.
#[derive(Debug)]
pub struct Run {
    pub spec: Spec,
    pub stdout: Keep,
    pub stderr: Keep,
    /// Where the whole of stdout goes as well, up to [`super::SPILL_LIMIT`].
    pub file: Option<LogFile>,
    pub timeout: Option<Duration>,
    /// Gets the last bytes of stdout while it grows, at most ten times a second.
    pub news: Option<News>,
}

/// Where the running output is reported to.
#[derive(Debug)]
pub struct News {
    pub sender: mpsc::Sender<Vec<u8>>,
    /// How many of the last bytes a report holds.
    pub bytes: usize,
}

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// How it ended; `None` when it ran out of time and was killed.
    pub exit: Option<Exit>,
    pub stdout: Captured,
    pub stderr: Captured,
}

/// Runs a program to its end, or to the end of its time, and returns what it printed.
pub async fn run(run: Run) -> Result<Outcome, JobError> {
    let program = run.spec.argv.first().cloned().unwrap_or_default();
    let Started { mut child, tree, stdin, stdout: out_pipe, stderr: err_pipe } = start(&run.spec)?;
    let mut stdout = Capture::new(run.stdout);
    if let Some(file) = run.file {
        stdout = stdout.with_file(file);
    }
    let mut stderr = Capture::new(run.stderr);
    let exit = {
        let mut reading = std::pin::pin!(async {
            tokio::join!(
                read_all(Some(out_pipe), &mut stdout, run.news),
                read_all(err_pipe, &mut stderr, None),
                feed(stdin, run.spec.input),
            );
        });
        let mut all_read = false;
        let ended = async {
            loop {
                tokio::select! {
                    status = child.wait() => break status,
                    () = &mut reading, if !all_read => all_read = true,
                }
            }
        };
        let ended = match run.timeout {
            Some(limit) => time::timeout(limit, ended).await.ok(),
            None => Some(ended.await),
        };
        match ended {
            Some(status) => {
                tree.end();
                if !all_read {
                    time::timeout(DRAIN, &mut reading).await.ok();
                }
                let status = status.map_err(|source| JobError::Pipe { program, source })?;
                Some(status.into())
            }
            None => {
                let kill = async {
                    tokio::join!(tree.kill(), child.wait()).1.ok();
                };
                if all_read {
                    kill.await;
                } else {
                    tokio::join!(kill, async { time::timeout(DRAIN, &mut reading).await.ok() });
                }
                tree.end();
                None
            }
        }
    };
    Ok(Outcome { exit, stdout: stdout.finish(), stderr: stderr.finish() })
}

async fn read_all(pipe: Option<pipe::Receiver>, into: &mut Capture, news: Option<News>) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; READ_BYTES];
    let mut next_news = time::Instant::now();
    let mut told = 0;
    loop {
        let due = news.is_some() && into.total() > told;
        tokio::select! {
            read = pipe.read(&mut buffer) => match read {
                Ok(0) | Err(_) => return,
                Ok(count) => into.push(&buffer[..count]),
            },
            () = time::sleep_until(next_news), if due => {
                if let Some(news) = &news {
                    told = into.total();
                    next_news = time::Instant::now() + NEWS_EVERY;
                    // A report that finds the last one still unread is left out.
                    news.sender.try_send(into.recent(news.bytes)).ok();
                }
            }
        }
    }
}

// Running beside others ---------------------------------------------------------------------------

/// What a [`Job`] has to say, in order; `Exit` comes once and last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chunk {
    Output(Stream, Bytes),
    Exit(Exit),
}

/// A child that runs beside its owner. Dropping it kills its tree.
#[derive(Debug)]
pub struct Job {
    input: Option<mpsc::Sender<Bytes>>,
    chunks: mpsc::Receiver<Chunk>,
    stop: Option<oneshot::Sender<()>>,
}

impl Job {
    /// Starts a child. Runs on the current I/O runtime.
    pub fn start(spec: Spec) -> Result<Self, JobError> {
        let started = start(&spec)?;
        let (chunk_sender, chunks) = mpsc::channel(QUEUED_CHUNKS);
        let (stop, stopped) = oneshot::channel();
        let (input, inbox) = mpsc::channel(QUEUED_CHUNKS);
        let keeps_input = matches!(spec.input, Input::Open);
        tokio::spawn(attend(started, spec.input, inbox, chunk_sender, stopped));
        Ok(Self { input: keeps_input.then_some(input), chunks, stop: Some(stop) })
    }

    /// Waits for the next chunk; `None` after the exit.
    pub async fn next(&mut self) -> Option<Chunk> {
        self.chunks.recv().await
    }

    /// A handle that writes to the child's input; `None` when it has none.
    pub fn input(&self) -> Option<mpsc::Sender<Bytes>> {
        self.input.clone()
    }

    /// Asks the tree to end: TERM, then KILL. The exit still comes through [`Self::next`].
    pub fn stop(&mut self) {
        if let Some(stop) = self.stop.take() {
            stop.send(()).ok();
        }
    }

    /// Takes the means to stop the child away from the reader.
    pub fn take_stop(&mut self) -> Option<oneshot::Sender<()>> {
        self.stop.take()
    }
}

async fn attend(
    started: Started,
    input: Input,
    mut inbox: mpsc::Receiver<Bytes>,
    chunks: mpsc::Sender<Chunk>,
    stopped: oneshot::Receiver<()>,
) {
    let Started { mut child, tree, mut stdin, stdout, stderr } = started;
    let writing = async {
        match input {
            Input::Open => {
                while let (Some(pipe), Some(bytes)) = (stdin.as_mut(), inbox.recv().await) {
                    if pipe.write_all(&bytes).await.is_err() {
                        break;
                    }
                }
                drop(stdin);
            }
            other => feed(stdin, other).await,
        }
    };
    let reading = async {
        tokio::join!(
            forward(Some(stdout), Stream::Stdout, &chunks),
            forward(stderr, Stream::Stderr, &chunks),
        );
    };
    let exit = {
        let mut stopping = std::pin::pin!(async {
            // Told to stop, or nobody is left to read.
            tokio::select! {
                told = stopped => if told.is_err() { chunks.closed().await },
                () = chunks.closed() => {}
            }
            tree.kill().await;
        });
        let mut reading = std::pin::pin!(reading);
        let mut writing = std::pin::pin!(writing);
        let (mut all_read, mut all_written, mut killed) = (false, false, false);
        let status = loop {
            tokio::select! {
                status = child.wait() => break status,
                () = &mut reading, if !all_read => all_read = true,
                () = &mut writing, if !all_written => all_written = true,
                () = &mut stopping, if !killed => killed = true,
            }
        };
        if !all_read {
            time::timeout(DRAIN, &mut reading).await.ok();
        }
        status.map_or(Exit { code: None, signal: None }, Exit::from)
    };
    // Whatever of the tree is still there is killed now, asked for or not.
    tree.end();
    chunks.send(Chunk::Exit(exit)).await.ok();
}

async fn forward(
    pipe: Option<impl AsyncRead + Unpin>,
    stream: Stream,
    chunks: &mpsc::Sender<Chunk>,
) {
    let Some(mut pipe) = pipe else { return };
    let mut buffer = vec![0; READ_BYTES];
    while let Ok(count) = pipe.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        let bytes = Bytes::copy_from_slice(&buffer[..count]);
        if chunks.send(Chunk::Output(stream, bytes)).await.is_err() {
            return;
        }
    }
}
