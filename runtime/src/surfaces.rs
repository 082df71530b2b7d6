//! Surfaces of extensions: the newest frame for each surface node, until something draws it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use tokio::sync::Notify;
use zi_kernel::surface::Slot;

use crate::{extensions::Extension, host::lock};

/// Surfaces of one extension that may have a frame.
pub const MAX_SURFACES: usize = 64;

/// The slots of all extensions.
#[derive(Debug, Default)]
pub struct Surfaces {
    slots: Mutex<HashMap<Place, Arc<Slot>>>,
    changed: Arc<Notify>,
}

/// A surface node: the build of the extension that owns it, its view, its id.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Place {
    generation: u64,
    view: String,
    node: String,
}

impl Place {
    fn new(owner: &Extension, view: &str, node: &str) -> Self {
        Self { generation: owner.generation, view: view.to_owned(), node: node.to_owned() }
    }
}

impl Surfaces {
    /// The slot of a surface, if anything was published to it.
    pub fn slot(&self, owner: &Extension, view: &str, node: &str) -> Option<Arc<Slot>> {
        lock(&self.slots).get(&Place::new(owner, view, node)).cloned()
    }

    /// The slot of a surface, to publish to; `None` when the extension has too many.
    pub fn open(&self, owner: &Extension, view: &str, node: &str) -> Option<Arc<Slot>> {
        let mut slots = lock(&self.slots);
        let place = Place::new(owner, view, node);
        if let Some(slot) = slots.get(&place) {
            return Some(slot.clone());
        }
        let own = slots.keys().filter(|place| place.generation == owner.generation).count();
        (own < MAX_SURFACES).then(|| {
            slots.entry(place).or_insert(Arc::new(Slot::new(self.changed.clone()))).clone()
        })
    }

    /// Forgets the frames of an extension.
    pub fn close_all_of(&self, owner: &Extension) {
        lock(&self.slots).retain(|place, _| place.generation != owner.generation);
    }

    /// Waits until a frame came to any slot. For one reader.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
