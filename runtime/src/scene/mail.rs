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
    /// Whether somebody takes events from it.
    is_read: bool,
    /// Whether the view takes the keyboard: somebody is asked something.
    asks: bool,
}

/// What becomes of a view that is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    Shown,
    /// The user has closed it, and whoever reads its events has not come to that yet: it stays closed.
    Left,
    /// The extension shows too many.
    TooMany,
}

impl Mailboxes {
    /// A view is to be shown.
    pub fn open(&self, owner: &Extension, view: &str, asks: bool) -> Opened {
        let mut boxes = lock(&self.boxes);
        let place = (owner.generation, view.to_owned());
        if let Some(mailbox) = boxes.get_mut(&place) {
            if mailbox.is_closed && mailbox.is_read && !mailbox.waiting.is_empty() {
                return Opened::Left;
            }
            (mailbox.is_closed, mailbox.asks) = (false, asks);
            return Opened::Shown;
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
        Opened::Shown
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

    /// Keeps an event for whoever waits. Answers whether somebody waits, or did before.
    pub fn post(&self, event: &UiEvent) -> bool {
        let mut boxes = lock(&self.boxes);
        let place = (event.owner.generation, event.view.clone());
        let Some(mailbox) = boxes.get_mut(&place) else { return false };
        let news = event.event();
        if mailbox.waiting.back().is_some_and(|last| is_outdated(last, &news)) {
            mailbox.waiting.pop_back();
        }
        if mailbox.waiting.len() == MAX_WAITING {
            mailbox.waiting.pop_front();
        }
        mailbox.waiting.push_back(news);
        mailbox.is_closed |= event.closes;
        let is_read = mailbox.is_read;
        drop(boxes);
        self.news.notify_waiters();
        is_read
    }

    /// Waits for the next event of a view; `None` when the view is gone.
    pub async fn next(&self, generation: u64, view: &str) -> Option<Event> {
        let place = (generation, view.to_owned());
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // Listening before looking: what is posted in between is not missed.
            news.as_mut().enable();
            {
                let mut boxes = lock(&self.boxes);
                let mailbox = boxes.get_mut(&place)?;
                mailbox.is_read = true;
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
