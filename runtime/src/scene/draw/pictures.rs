//! Images of image nodes: read beside, kept small.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use tokio::{runtime::Handle, sync::Notify};
use zi_kernel::surface::{Format, Frame};

use crate::{host::lock, images, scene::tree::Source};

/// Pixels of an image's sides that are kept: more are not seen on cells.
const MAX_SIDE: u32 = 512;
/// Images that are kept.
const MAX_KEPT: usize = 64;

/// The images that are shown.
#[derive(Debug)]
pub struct Pictures {
    /// Where relative paths start.
    cwd: PathBuf,
    io: Handle,
    known: Arc<Mutex<Known>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Known {
    pictures: HashMap<Source, Picture>,
    /// Counts what was asked for.
    clock: u64,
}

#[derive(Debug)]
struct Picture {
    state: PictureState,
    asked_at: u64,
}

/// How far an image is.
#[derive(Clone, Debug)]
pub enum PictureState {
    Loading,
    Ready(Arc<Frame>),
    Failed(Arc<str>),
}

impl Pictures {
    pub fn new(io: Handle, cwd: PathBuf) -> Self {
        Self { cwd, io, known: Arc::default(), changed: Arc::default() }
    }

    /// Waits until an image is there that was not. For one reader.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The image of `source`; the first time that it is asked for it begins to be read.
    pub fn get(&self, source: &Source) -> PictureState {
        let mut known = lock(&self.known);
        known.clock += 1;
        let now = known.clock;
        if let Some(picture) = known.pictures.get_mut(source) {
            picture.asked_at = now;
            return picture.state.clone();
        }
        if known.pictures.len() >= MAX_KEPT {
            let oldest = known.pictures.iter().min_by_key(|(_, picture)| picture.asked_at);
            if let Some(oldest) = oldest.map(|(source, _)| source.clone()) {
                known.pictures.remove(&oldest);
            }
        }
        let picture = Picture { state: PictureState::Loading, asked_at: now };
        known.pictures.insert(source.clone(), picture);
        drop(known);
        self.load(source.clone());
        PictureState::Loading
    }

    /// Width and height in pixels, once they are known.
    pub(super) fn size(&self, source: &Source) -> Option<(u32, u32)> {
        match self.get(source) {
            PictureState::Ready(frame) => {
                let (width, height) = frame.pixels();
                Some((u32::try_from(width).ok()?, u32::try_from(height).ok()?))
            }
            _ => None,
        }
    }

    fn load(&self, source: Source) {
        let (known, changed, cwd) = (self.known.clone(), self.changed.clone(), self.cwd.clone());
        self.io.spawn_blocking(move || {
            let state = match read(&cwd, &source) {
                Ok(frame) => PictureState::Ready(Arc::new(frame)),
                Err(problem) => PictureState::Failed(problem.to_string().into()),
            };
            if let Some(picture) = lock(&known).pictures.get_mut(&source) {
                picture.state = state;
            }
            changed.notify_one();
        });
    }
}

fn read(cwd: &std::path::Path, source: &Source) -> Result<Frame, images::Problem> {
    let bytes = match source {
        Source::Path(path) => images::read(&cwd.join(path))?,
        Source::Bytes(bytes) => bytes.to_vec(),
    };
    let (width, height, pixels) = images::pixels(&bytes, MAX_SIDE)?;
    // Its length follows from its size.
    Frame::new(Format::Rgba, width.into(), height.into(), pixels)
        .map_err(|_| images::Problem::Format)
}
