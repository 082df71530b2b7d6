//! Views: all that extensions show, who has the keyboard, and where keys go.
//!
//! Owns: the last good tree of each view, what was typed and chosen in it, and their order. Leaves to
//! callers: when to draw, and bringing events to their owners ([`crate::host::Host::tell_ui`]).

mod mounted;
mod route;
mod show;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use serde_json::{Map, Value};

use self::mounted::Mounted;
use super::{
    UiRequest,
    draw::is_animated,
    notify::next_turn,
    tree::{SlotKind, View},
};
use crate::{extensions::Extension, hooks::Event};

/// Something that happened in a view, for its owner.
#[derive(Clone, Debug)]
pub struct UiEvent {
    pub owner: Arc<Extension>,
    pub view: String,
    /// The number of the edit that it tells of.
    pub edit: Option<u64>,
    /// Whether the view went with it.
    pub closes: bool,
    fields: Map<String, Value>,
}

impl UiEvent {
    /// The event that handlers get.
    pub fn event(&self) -> Event {
        Event { name: "ui".to_owned(), fields: self.fields.clone(), lazy: Vec::new() }
    }

    /// Whether it tells of a key that is bound to the action `close`.
    pub fn is_close(&self) -> bool {
        self.fields.get("action").and_then(Value::as_str) == Some("close")
    }
}

/// What became of a key.
#[derive(Debug)]
pub enum Routed {
    /// A view took it; nobody else may have it. The events are for its owner.
    Consumed(Vec<UiEvent>),
    /// No view wants it.
    Pass,
}

/// All views of all extensions.
#[derive(Debug, Default)]
pub struct Views {
    /// From the bottom to the top.
    mounted: Vec<Mounted>,
    /// Events that drawing brought about.
    waiting: Vec<UiEvent>,
}

impl Views {
    /// Does what an extension asks. Answers the request back when it is not about views.
    pub fn apply(&mut self, request: UiRequest) -> Option<UiRequest> {
        match request {
            UiRequest::Render { owner, view, seen, is_update } => {
                if !is_update || self.find(owner.generation, &view.id).is_some() {
                    self.render(owner, *view, seen);
                }
            }
            UiRequest::Remove { owner, id } => self.remove(owner.generation, &id),
            UiRequest::Dropped { generation } => self.remove_owner(generation),
            UiRequest::Seen { generation, view, edit } => {
                if let Some(mounted) = self.find(generation, &view) {
                    mounted.see(edit);
                }
            }
            other => return Some(other),
        }
        None
    }

    /// Shows `view`, in place of the one of the same id.
    pub fn render(&mut self, owner: Arc<Extension>, view: View, seen: Option<u64>) {
        if !owner.is_active() {
            // A call on a build that was replaced meanwhile: nobody would take the view away.
            return;
        }
        match self.find(owner.generation, &view.id) {
            Some(mounted) => mounted.replace(view, seen),
            None => self.mounted.push(Mounted::new(owner, view)),
        }
        self.mounted.sort_by(|a, b| a.rank().cmp(&b.rank()));
    }

    pub fn remove(&mut self, generation: u64, id: &str) {
        self.mounted.retain(|it| !it.is(generation, id));
    }

    /// Takes away what a build of an extension shows.
    pub fn remove_owner(&mut self, generation: u64) {
        self.mounted.retain(|it| it.owner.generation != generation);
    }

    /// Takes everything away: the session was left.
    pub fn clear(&mut self) {
        self.mounted.clear();
    }

    /// Has everything drawn from its tree again: the theme is another one under the same name.
    pub fn forget_drawn(&mut self) {
        self.mounted.iter_mut().for_each(Mounted::forget_drawn);
    }

    /// Whether an overlay has the keyboard.
    pub fn has_capture(&self) -> bool {
        self.captured().is_some()
    }

    /// Whether anything is in a slot.
    pub fn is_shown(&self, slot: SlotKind) -> bool {
        self.mounted.iter().any(|it| it.view.slot.kind == slot)
    }

    /// What drawing brought about: new sizes of surfaces.
    pub fn take_events(&mut self) -> Vec<UiEvent> {
        std::mem::take(&mut self.waiting)
    }

    /// When something is to be drawn anew without news.
    pub fn next_deadline(&self, now: Duration) -> Option<Duration> {
        self.mounted.iter().any(|it| is_animated(&it.view)).then(|| next_turn(now))
    }

    /// Pastes into the input that has the keyboard.
    pub fn paste(&mut self, text: &str) -> Routed {
        match self.captured() {
            Some(at) => self.route(at, |mounted| mounted.paste(text)),
            None => Routed::Pass,
        }
    }

    /// The overlay that has the keyboard: the top one of those that want it.
    fn captured(&self) -> Option<usize> {
        self.mounted.iter().rposition(|it| it.is_overlay() && it.view.focus)
    }

    fn find(&mut self, generation: u64, id: &str) -> Option<&mut Mounted> {
        self.mounted.iter_mut().find(|it| it.is(generation, id))
    }
}
