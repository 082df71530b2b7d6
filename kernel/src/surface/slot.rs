//! The newest frame of one surface.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use super::Frame;

/// Keeps one frame: a newer one takes the place of the last, so a slow reader misses frames and
/// costs no memory.
pub struct Slot {
    newest: Mutex<(u64, Option<Arc<Frame>>)>,
    wake: Arc<Notify>,
}

impl Slot {
    /// An empty slot. `wake` is notified of each frame; several slots may share it, for one reader
    /// that looks at all of them.
    pub fn new(wake: Arc<Notify>) -> Self {
        Self { newest: Mutex::new((0, None)), wake }
    }

    pub fn put(&self, frame: Frame) {
        let old = {
            let mut newest = self.lock();
            newest.0 += 1;
            newest.1.replace(Arc::new(frame))
        };
        // Given back outside of the lock: it may be 16 MiB.
        drop(old);
        self.wake.notify_one();
    }

    /// Counts the frames that came: 0 before the first.
    pub fn generation(&self) -> u64 {
        self.lock().0
    }

    /// The newest frame and its generation, unless the reader has `seen` it.
    pub fn newer_than(&self, seen: u64) -> Option<(u64, Arc<Frame>)> {
        let newest = self.lock();
        let frame = newest.1.clone().filter(|_| newest.0 > seen)?;
        Some((newest.0, frame))
    }

    fn lock(&self) -> MutexGuard<'_, (u64, Option<Arc<Frame>>)> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("generation", &self.generation()).finish_non_exhaustive()
    }
}
