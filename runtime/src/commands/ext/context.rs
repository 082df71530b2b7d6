//! What every action works with: the user's folders, the bundle, a way to wait and to ask.

use std::{
    fs,
    future::Future,
    io::{self, IsTerminal as _},
    path::PathBuf,
    time::Duration,
};

use tokio::{
    runtime::Handle,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{ExtError, Result};
use crate::{
    bundle::Bundle,
    cli::Cli,
    extensions::{Disabled, Found, Lock, Rules, Survey},
    modes, near,
    paths::{Dirs, make_private_dir},
    startup,
};

/// What temporary folders beside the extensions are called; hidden, so never loaded.
const STAGING: &str = ".zi-staging-";

pub(super) struct Context {
    pub dirs: Dirs,
    pub cwd: PathBuf,
    pub bundle: Bundle,
    pub io: Handle,
    interrupted: CancellationToken,
}

/// Runs an action on a thread of its own, so that a signal ends what it waits for and it still tidies
/// up.
pub(super) fn run(action: impl FnOnce(&Context) -> Result<()> + Send + 'static) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("zi-io")
        .enable_all()
        .build()
        .map_err(ExtError::io("cannot start"))?;
    let cli = Cli::default();
    let context = Context {
        dirs: Dirs::from_env().map_err(startup::StartupError::from)?,
        cwd: startup::working_dir(&cli)?,
        bundle: Bundle::from_env().0,
        io: runtime.handle().clone(),
        interrupted: CancellationToken::new(),
    };
    let interrupted = context.interrupted.clone();
    let result = runtime.block_on(async move {
        let mut done = tokio::task::spawn_blocking(move || action(&context));
        tokio::select! {
            result = &mut done => return joined(result),
            () = any_signal() => interrupted.cancel(),
        }
        let result = joined(done.await);
        zi_kernel::job::stop_all().await;
        result
    });
    // A read from the terminal cannot be ended; it must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    result
}

fn joined(result: std::result::Result<Result<()>, tokio::task::JoinError>) -> Result<()> {
    result.unwrap_or_else(|err| Err(ExtError::Failed(format!("a fault in zi: {err}"))))
}

async fn any_signal() {
    let (Ok(mut int), Ok(mut term), Ok(mut hup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
        _ = hup.recv() => {}
    }
}

impl Context {
    /// Waits for `future`, or for a signal.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> Result<T> {
        self.io.block_on(async {
            tokio::select! {
                value = future => Ok(value),
                () = self.interrupted.cancelled() => Err(ExtError::Interrupted),
            }
        })
    }

    /// The folder of the user's extensions.
    pub fn extensions(&self) -> PathBuf {
        self.dirs.config.join("extensions")
    }

    pub fn say(&self, text: &str) -> Result<()> {
        modes::print_lines(text).map_err(ExtError::io("cannot print"))
    }

    /// Asks for a yes; without a terminal there must have been `--yes` (as `given`).
    pub fn confirm(&self, question: &str, given: bool) -> Result<()> {
        if given {
            return Ok(());
        }
        if !io::stdin().is_terminal() {
            let text =
                format!("{question} Without a terminal `--yes` says so; nothing was changed");
            return Err(ExtError::Usage(text));
        }
        self.say(&format!("{question} [y/N]"))?;
        let line = self.wait(self.io.spawn_blocking(read_line))?.unwrap_or_default();
        match line.trim().to_lowercase().as_str() {
            "y" | "yes" => Ok(()),
            _ => Err(ExtError::Failed("nothing was changed".into())),
        }
    }

    /// Lets one process at a time change the extensions, and sweeps up after one that was killed.
    pub fn exclusive(&self) -> Result<fs::File> {
        let path = self.dirs.state.join("extensions.lock");
        let fail = || format!("cannot use `{}`", path.display());
        make_private_dir(&self.dirs.state).map_err(ExtError::io(fail()))?;
        let file = fs::OpenOptions::new().create(true).append(true).open(&path);
        let file = file.map_err(ExtError::io(fail()))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(fs::TryLockError::WouldBlock) => {
                let text = "another `zi ext` is changing the extensions; try again when it is done";
                return Err(ExtError::Failed(text.into()));
            }
            Err(fs::TryLockError::Error(err)) => return Err(ExtError::io(fail())(err)),
        }
        for entry in fs::read_dir(self.extensions()).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(STAGING) {
                // One that cannot be removed is hidden, and tried again next time.
                fs::remove_dir_all(entry.path()).ok();
            }
        }
        Ok(file)
    }

    /// A temporary folder on the file system of the extensions.
    pub fn staging(&self) -> Result<tempfile::TempDir> {
        let dir = self.extensions();
        let what = || format!("cannot write to `{}`", dir.display());
        make_private_dir(&dir).map_err(ExtError::io(what()))?;
        let made = tempfile::Builder::new().prefix(STAGING).tempdir_in(&dir);
        made.map_err(ExtError::io(what()))
    }

    pub fn lock(&self) -> Result<Lock> {
        Ok(Lock::read(&self.dirs.config)?)
    }

    pub fn disabled(&self) -> Result<Disabled> {
        Disabled::read(&self.dirs.state).map_err(ExtError::Invalid)
    }

    /// Every extension that could load here, those of the project included.
    pub fn survey(&self) -> Survey {
        let cli = Cli { trust: true, ..Cli::default() };
        let (roots, _) = startup::extension_roots(&cli, &self.dirs, &self.cwd);
        Survey::of(&roots, &[], self.bundle.extensions(), &Rules::read(&self.dirs))
    }

    /// The bundled extension `id`.
    pub fn bundled(&self, id: &str) -> Option<Found> {
        self.bundle.extensions().into_iter().find(|found| found.id == id)
    }
}

/// Says that `id` is none of `known`, and which it may have been meant to be.
pub(super) fn unknown(id: &str, what: &str, known: &[String]) -> ExtError {
    let names: Vec<&str> = known.iter().map(String::as_str).collect();
    ExtError::Usage(format!("there is no {what} `{id}`{}", near::hint(id, &names)))
}

fn read_line() -> String {
    let mut line = String::new();
    // A terminal that is gone says nothing, which is no yes.
    io::stdin().read_line(&mut line).ok();
    line
}
