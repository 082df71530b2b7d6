//! What happened in views and nobody has waited for yet.
//!
//! Each view that is shown has a box; `ctx.ui.wait` takes from it. A box holds [`MAX_WAITING`]
//! events, the newest: of edits in a row of one node only the last one counts.

use std::{
    collections::{HashMap, VecDeque},
    sync::Mutex,
};

use serde_json::Value;
use tokio::sync::Notify;

use super::views::UiEvent;
use crate::{extensions::Extension, hooks::Event, host::lock};

/// Events of one view that may wait.
pub const MAX_WAITING: usize = 256;
/// Views that one extension may show.
pub const MAX_VIEWS: usize = 256;

/// The boxes of all views, by the build of the extension and the view.
#[derive(Debug, Default)]
pub struct Mailboxes {
    boxes: Mutex<HashMap<(u64, String), Mailbox>>,
    news: Notify,
}

#[derive(Debug, Default)]
struct Mailbox {
    waiting: VecDeque<Event>,
    is_closed: bool,
    /// The number of the edit with which the user closed the view.
    closed_by: u64,
    /// Whether the view takes the keyboard: somebody is asked something.
    asks: bool,
    /// The call that waited last for what happens in the view.
    reader: Option<u64>,
}

/// What rendering a view means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The view is shown from now on.
    Anew,
    /// It is the next picture of a view that is shown, or of one that the user has closed and who
    /// renders does not know yet: that one stays closed.
    Still,
    /// The extension shows too many.
    TooMany,
}

/// Who renders a view: which call, and which edit it was told of.
#[derive(Clone, Copy, Debug, Default)]
pub struct Renderer {
    pub call: u64,
    pub seen: Option<u64>,
}

impl Mailboxes {
    /// An extension renders a view.
    pub fn open(&self, owner: &Extension, view: &str, asks: bool, by: Renderer) -> Opened {
        let mut boxes = lock(&self.boxes);
        let place = (owner.generation, view.to_owned());
        if let Some(mailbox) = boxes.get_mut(&place) {
            let reads_on = mailbox.reader == Some(by.call) && !mailbox.waiting.is_empty();
            let is_behind = reads_on || by.seen.is_some_and(|seen| seen < mailbox.closed_by);
            if !mailbox.is_closed || is_behind {
                mailbox.asks = asks;
                return Opened::Still;
            }
            boxes.remove(&place);
        }
        let count = |boxes: &HashMap<(u64, String), Mailbox>| {
            boxes.keys().filter(|(generation, _)| *generation == owner.generation).count()
        };
        if count(&boxes) >= MAX_VIEWS {
            boxes.retain(|_, mailbox| !mailbox.is_closed);
        }
        if count(&boxes) >= MAX_VIEWS {
            return Opened::TooMany;
        }
        boxes.insert(place, Mailbox { asks, ..Mailbox::default() });
        Opened::Anew
    }

    /// Whether the view is shown.
    pub fn is_open(&self, owner: &Extension, view: &str) -> bool {
        let boxes = lock(&self.boxes);
        boxes.get(&(owner.generation, view.to_owned())).is_some_and(|it| !it.is_closed)
    }

    /// Whether the view is shown and has somebody answer.
    pub fn asks(&self, owner: &Extension, view: &str) -> bool {
        let boxes = lock(&self.boxes);
        boxes.get(&(owner.generation, view.to_owned())).is_some_and(|it| it.asks)
    }

    /// The extension took the view away: nobody wants to know what happened in it.
    pub fn close(&self, owner: &Extension, view: &str) {
        lock(&self.boxes).remove(&(owner.generation, view.to_owned()));
        self.news.notify_waiters();
    }

    pub fn close_all_of(&self, owner: &Extension) {
        lock(&self.boxes).retain(|(generation, _), _| *generation != owner.generation);
        self.news.notify_waiters();
    }

    /// Whether somebody waits for what happens in the view, or did before.
    pub fn is_read(&self, owner: &Extension, view: &str) -> bool {
        let boxes = lock(&self.boxes);
        let mailbox = boxes.get(&(owner.generation, view.to_owned()));
        mailbox.is_some_and(|mailbox| mailbox.reader.is_some())
    }

    /// Keeps an event for whoever waits.
    pub fn post(&self, event: &UiEvent) {
        let mut boxes = lock(&self.boxes);
        let place = (event.owner.generation, event.view.clone());
        let Some(mailbox) = boxes.get_mut(&place) else { return };
        let news = event.event();
        if mailbox.waiting.back().is_some_and(|last| is_outdated(last, &news)) {
            mailbox.waiting.pop_back();
        }
        if mailbox.waiting.len() == MAX_WAITING {
            mailbox.waiting.pop_front();
        }
        mailbox.waiting.push_back(news);
        if event.closes {
            mailbox.is_closed = true;
            mailbox.closed_by = event.edit.unwrap_or(0);
        }
        drop(boxes);
        self.news.notify_waiters();
    }

    /// Waits for the next event of a view, for the call of that number; `None` when the view is gone.
    pub async fn next(&self, generation: u64, view: &str, call: u64) -> Option<Event> {
        let place = (generation, view.to_owned());
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // Listening before looking: what is posted in between is not missed.
            news.as_mut().enable();
            {
                let mut boxes = lock(&self.boxes);
                let mailbox = boxes.get_mut(&place)?;
                mailbox.reader = Some(call);
                if let Some(event) = mailbox.waiting.pop_front() {
                    return Some(event);
                }
                if mailbox.is_closed {
                    boxes.remove(&place);
                    return None;
                }
            }
            news.await;
        }
    }
}

/// Whether `last` is an edit that `next` says all of.
fn is_outdated(last: &Event, next: &Event) -> bool {
    let text = |event: &Event, name: &str| event.fields.get(name).cloned();
    let is_change = |event: &Event| text(event, "type") == Some(Value::from("change"));
    is_change(last) && is_change(next) && text(last, "node") == text(next, "node")
}
