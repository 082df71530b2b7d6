//! Extensions: what they are, where they are found, how they are loaded and called.

mod call;
mod discover;
mod load;
mod lock;
mod reload;
mod reload_watch;
mod rules;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zi_kernel::scheduler::Vm;

pub use call::{CallFailure, Invocation, budgets};
pub(crate) use discover::id_of;
pub use discover::{Found, Manifest, Root, Survey, Unusable, discover, inspect};
pub use load::{Activate, LoadProblem, check_syntax, load_all};
pub use lock::{Lock, LockError, Locked, Origin, hashes};
pub use reload::Reloaded;
pub use rules::{Disabled, Rules};

use crate::{host::lock, registry::Callback};

/// Where an extension comes from; earlier ones win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    Explicit,
    User,
    Project,
    System,
    Builtin,
}

impl Source {
    pub fn name(self) -> &'static str {
        match self {
            Self::Explicit => "explicit",
            Self::User => "user",
            Self::Project => "project",
            Self::System => "system",
            Self::Builtin => "builtin",
        }
    }
}

/// The place of an extension in the order of precedence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub source: Source,
    /// Its place among the others of its source.
    pub order: usize,
}

/// What carries state from one build of an extension to the next.
#[derive(Debug, Default)]
pub struct Handoff {
    pub export: Option<Callback>,
    pub import: Option<Callback>,
}

/// Most that is held for one extension outside of its VM at a time.
pub const BUFFER_BYTES: u64 = 128 << 20;
/// What is counted.
const BUFFER_UNIT: u64 = 1024;

/// One loaded (or loading) extension: one VM.
#[derive(Debug)]
pub struct Extension {
    pub id: String,
    pub rank: Rank,
    /// The file that was loaded; a name in the embedded bundle.
    pub entry: PathBuf,
    /// The root it was found in.
    pub root: PathBuf,
    pub manifest: Manifest,
    /// Which build of this id it is.
    pub generation: u64,
    bundled_id: bool,
    vm: Mutex<Option<Vm>>,
    pub(crate) handoff: Mutex<Handoff>,
    active: AtomicBool,
    errors: AtomicU64,
    load_time: OnceLock<Duration>,
    buffers: Arc<Semaphore>,
}

impl Extension {
    pub(crate) fn new(found: Found, generation: u64, bundled_id: bool) -> Self {
        Self {
            id: found.id,
            rank: found.rank,
            entry: found.entry,
            root: found.root,
            manifest: found.manifest,
            generation,
            bundled_id,
            vm: Mutex::new(None),
            handoff: Mutex::default(),
            active: AtomicBool::new(false),
            errors: AtomicU64::new(0),
            load_time: OnceLock::new(),
            buffers: Arc::new(Semaphore::new((BUFFER_BYTES / BUFFER_UNIT) as usize)),
        }
    }

    /// Waits until `bytes` more may be held for the extension outside of its VM, as what a file or a
    /// server says before it becomes a Lua string. They count until the answer is dropped. More than
    /// [`BUFFER_BYTES`] count as that many: they are held alone.
    pub(crate) async fn room(&self, bytes: u64) -> Option<OwnedSemaphorePermit> {
        let units = bytes.min(BUFFER_BYTES).div_ceil(BUFFER_UNIT);
        let units = u32::try_from(units).unwrap_or(u32::MAX);
        self.buffers.clone().acquire_many_owned(units).await.ok()
    }

    pub fn source(&self) -> Source {
        self.rank.source
    }

    /// Whether the bundle has an extension of this id: then it keeps the bundle's command names.
    pub fn is_bundled_id(&self) -> bool {
        self.bundled_id
    }

    /// Whether its registrations count.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    pub(crate) fn set_active(&self, active: bool) {
        self.active.store(active, Ordering::Release);
    }

    /// Its VM, while it is loaded.
    pub fn vm(&self) -> Option<Vm> {
        lock(&self.vm).clone()
    }

    fn set_vm(&self, vm: Vm) {
        *lock(&self.vm) = Some(vm);
    }

    /// Takes the VM away: no further call reaches it. It goes when the calls that run have ended.
    fn take_vm(&self) -> Option<Vm> {
        lock(&self.vm).take()
    }

    /// How long it took to make its VM and run its file; none while it loads.
    pub fn load_time(&self) -> Option<Duration> {
        self.load_time.get().copied()
    }

    /// How often its code failed.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }
}
