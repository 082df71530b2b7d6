//! What a job has told and nobody has taken yet.
//!
//! There is one way out at a time: the extension's handlers, or [`Mail::next`] from the first time
//! that it is asked. Both hold [`MAX_WAITING`] events at most; what comes on top is counted, and the
//! next event that gets through says how many were lost. The exit always gets through.

use std::{collections::VecDeque, sync::Mutex};

use tokio::sync::Notify;

use crate::{hooks::Event, host::lock};

/// Events of one job that may wait.
pub const MAX_WAITING: usize = 256;
/// The event that is the last one of its job.
pub const EXIT: &str = "job_exit";

#[derive(Debug, Default)]
pub struct Mail {
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Event>,
    /// Events whose handlers have not returned.
    with_handlers: usize,
    /// Whether [`Mail::next`] is the way out.
    taken: bool,
    dropped: u64,
    ended: bool,
}

impl Mail {
    /// Takes the next event of the job, and answers it when it is for the handlers; then
    /// [`Mail::handled`] must follow.
    pub fn post(&self, event: Event, for_handlers: bool) -> Option<Event> {
        let mut state = lock(&self.state);
        let for_handlers = for_handlers && !state.taken;
        let held = if for_handlers { state.with_handlers } else { state.waiting.len() };
        let is_exit = event.name == EXIT;
        state.ended |= is_exit;
        if held >= MAX_WAITING && !is_exit {
            state.dropped += 1;
            return None;
        }
        let event = state.mark(event);
        if for_handlers {
            state.with_handlers += 1;
            return Some(event);
        }
        state.waiting.push_back(event);
        drop(state);
        self.news.notify_waiters();
        None
    }

    /// Takes what waits for handlers after all, unless [`Mail::next`] wants it.
    pub fn release(&self) -> Vec<Event> {
        let mut state = lock(&self.state);
        if state.taken {
            return Vec::new();
        }
        state.with_handlers += state.waiting.len();
        state.waiting.drain(..).collect()
    }

    /// The handlers of one event have returned.
    pub fn handled(&self) {
        lock(&self.state).with_handlers -= 1;
    }

    /// From now on events come out of [`Mail::next`] only.
    pub fn take_over(&self) {
        lock(&self.state).taken = true;
    }

    /// Waits for the next event; `None` after the last.
    pub async fn next(&self) -> Option<Event> {
        loop {
            let mut news = std::pin::pin!(self.news.notified());
            // Listening before looking: what is posted in between is not missed.
            news.as_mut().enable();
            {
                let mut state = lock(&self.state);
                match state.waiting.pop_front() {
                    Some(event) => return Some(event),
                    None if state.ended => return None,
                    None => {}
                }
            }
            news.await;
        }
    }

    /// Whether something waits to be read.
    pub fn is_unread(&self) -> bool {
        !lock(&self.state).waiting.is_empty()
    }
}

impl State {
    /// Notes on `event` how many were lost before it.
    fn mark(&mut self, mut event: Event) -> Event {
        if self.dropped > 0 {
            event.fields.insert("dropped".into(), std::mem::take(&mut self.dropped).into());
        }
        event
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(number: usize) -> Event {
        Event::new("job_stdout", json!({ "number": number }))
    }

    fn exit() -> Event {
        Event::new(EXIT, json!({}))
    }

    #[tokio::test]
    async fn a_full_queue_counts_what_it_drops_and_keeps_the_exit() {
        let mail = Mail::default();
        for number in 0..MAX_WAITING + 7 {
            assert!(mail.post(event(number), false).is_none());
        }
        assert_eq!(mail.next().await.expect("there are some").fields["number"], 0);
        mail.post(event(1000), false);
        mail.post(event(1001), false);
        mail.post(exit(), true);
        let mut rest = Vec::new();
        while let Some(event) = mail.next().await {
            rest.push(event);
        }
        assert_eq!(rest.len(), MAX_WAITING);
        let last = rest.last().expect("there are some");
        assert_eq!((&last.fields["number"], &last.fields["dropped"]), (&json!(1000), &json!(7)));
    }

    #[test]
    fn handlers_that_do_not_return_hold_the_queue_up() {
        let mail = Mail::default();
        let through = (0..MAX_WAITING + 2).filter_map(|number| mail.post(event(number), true));
        assert_eq!(through.count(), MAX_WAITING);
        mail.handled();
        let next = mail.post(event(9), true).expect("there is room again");
        assert_eq!(next.fields["dropped"], 2);
        let last = mail.post(exit(), true).expect("the exit gets through");
        assert_eq!(last.fields.get("dropped"), None);
    }

    #[tokio::test]
    async fn what_waited_goes_one_way_only() {
        let mail = Mail::default();
        mail.post(event(1), false);
        assert_eq!(mail.release().len(), 1);
        mail.handled();
        mail.post(event(2), false);
        mail.take_over();
        assert!(mail.release().is_empty());
        assert!(mail.post(event(3), true).is_none(), "handlers get nothing any more");
        mail.post(exit(), true);
        for expected in [json!(2), json!(3)] {
            assert_eq!(mail.next().await.expect("it is there").fields["number"], expected);
        }
        assert_eq!(mail.next().await.expect("the exit").name, EXIT);
        assert!(mail.next().await.is_none());
    }
}
