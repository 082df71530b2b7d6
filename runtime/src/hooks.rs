//! Events: who hears of what, in which order, and what they may change.
//!
//! Observers run beside, after the fact. Interceptors run one after the other, each seeing what the
//! one before left. Policy handlers fail closed: one that raises, times out or answers nonsense
//! blocks. All other interceptors fail soft: they are skipped with a notice.

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use mlua::{MultiValue, Value as LuaValue};
use serde_json::{Map, Value};
use tokio::sync::watch;
use zi_kernel::scheduler;

use crate::{
    api::{self, Call},
    extensions::{CallFailure, Extension, Invocation, budgets},
    host::{Host, Level, lock},
    near,
    registry::Callback,
    scene::{UiRequest, views::UiEvent},
};

/// Every event; a name with a colon is an extension's own.
pub use crate::api::event_rows::NAMES as EVENTS;

/// After so many failures in a row a handler is taken out.
const MAX_FAILURES: u32 = 20;

/// Something that happened, or is about to.
#[derive(Clone)]
pub struct Event {
    pub name: String,
    pub fields: Map<String, Value>,
    /// Large fields that are made when a handler reads them.
    pub lazy: Vec<(&'static str, LazyField)>,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Event").field("name", &self.name).field("fields", &self.fields).finish()
    }
}

/// Whether the user caused it: a key, a choice, a word in a view.
pub(crate) fn is_by_user(event: &Event) -> bool {
    let kind = event.fields.get("type").and_then(Value::as_str);
    event.name == "ui" && matches!(kind, Some("key" | "change" | "select" | "submit"))
}

/// Makes a field's value.
pub type LazyField = Arc<dyn Fn() -> Value + Send + Sync>;

impl Event {
    /// An event with the fields of `fields`, which is an object.
    pub fn new(name: impl Into<String>, fields: Value) -> Self {
        let fields = match fields {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        Self { name: name.into(), fields, lazy: Vec::new() }
    }

    /// The screen has another size.
    pub fn screen_resize((columns, rows): (u16, u16)) -> Self {
        Self::new("screen_resize", serde_json::json!({ "columns": columns, "rows": rows }))
    }

    pub fn with_lazy(mut self, name: &'static str, make: LazyField) -> Self {
        self.lazy.push((name, make));
        self
    }

    /// The event as one object, for the JSON stream. Lazy fields are left out: what grows with every
    /// delta would make the stream quadratic.
    pub fn to_value(&self) -> Value {
        let mut map = self.fields.clone();
        map.insert("type".into(), self.name.clone().into());
        Value::Object(map)
    }
}

/// What a handler answered.
#[derive(Debug)]
pub struct Answer {
    /// The extension that answered, for messages.
    pub extension: String,
    /// What it returned: nothing, or a table with snake_case keys.
    pub value: Option<Map<String, Value>>,
    /// The event's `input` after the handler, where the caller asked for it.
    pub input: Option<Value>,
}

/// How an interceptor failed.
#[derive(Debug)]
pub struct Fault {
    pub extension: String,
    pub message: String,
}

impl Host {
    /// Tells observers, and the mode that prints, that something happened.
    pub fn emit(self: &Arc<Self>, event: Event) {
        self.show(&event);
        for callback in self.registry.handlers(&event.name) {
            self.observe(&callback, event.clone());
        }
    }

    /// Tells one observer.
    pub fn observe(self: &Arc<Self>, callback: &Callback, event: Event) {
        let heard = self.hear(callback, event);
        self.observers.spawn_on(heard, &self.io);
    }

    /// Queues the call of one observer at once; the future ends with the call.
    pub(crate) fn hear(
        self: &Arc<Self>,
        callback: &Callback,
        event: Event,
    ) -> impl Future<Output = ()> + Send + 'static {
        let name = event.name.clone();
        let heard = call_handler(self, callback, event, false, Patience::default());
        let (host, callback) = (self.clone(), callback.clone());
        async move {
            match heard.await {
                Ok(_) => host.handler_worked(&callback),
                Err(failure) if failure.cancelled => {}
                Err(failure) => {
                    host.count_failure(&failure);
                    let text = format!("on {name}: {failure}");
                    host.handler_failed(&callback, &name, &text, &failure.traceback);
                }
            }
        }
    }

    /// A handler failed: the first time in a row is told, the others are logged, and after too many
    /// it is taken out. Policy handlers do not come here: they block for as long as they fail.
    fn handler_failed(&self, callback: &Callback, event: &str, text: &str, traceback: &str) {
        let key = (callback.owner.generation, callback.id);
        let count = {
            let mut failures = lock(&self.handler_failures);
            let count = failures.entry(key).or_default();
            *count += 1;
            *count
        };
        let logged = format!("{text}\n{traceback}");
        crate::logs::write(self, &callback.owner.id, "error", logged.trim_end());
        match count {
            1 => self.notice(Level::Warn, text),
            2..MAX_FAILURES => {}
            _ => {
                self.registry.drop_handler(event, callback);
                let id = &callback.owner.id;
                let text = format!(
                    "{text}; the handler failed {count} times in a row and was taken out \
                     (`/reload-ext {id}` brings it back)"
                );
                self.notice(Level::Warn, &text);
            }
        }
    }

    fn handler_worked(&self, callback: &Callback) {
        let mut failures = lock(&self.handler_failures);
        if !failures.is_empty() {
            failures.remove(&(callback.owner.generation, callback.id));
        }
    }

    /// Brings what happened in a view to its owner: to its handlers, and to who waits for it. The
    /// screen hears when the handlers have dealt with it. Where nobody listens, the action `close` of
    /// a key means what it says: a view that has the keyboard would never go away.
    pub fn tell_ui(self: &Arc<Self>, mut event: UiEvent) {
        let handlers = self.registry.handlers_of(&event.owner, "ui");
        let is_heard = !handlers.is_empty() || self.mailboxes.is_read(&event.owner, &event.view);
        let has_to_go = !is_heard && !event.closes && event.is_close();
        event.closes |= has_to_go;
        self.mailboxes.post(&event);
        if handlers.is_empty() {
            if has_to_go {
                self.front.ui(UiRequest::Remove { owner: event.owner, id: event.view });
            }
            return;
        }
        let calls: Vec<_> =
            handlers.iter().map(|handler| self.hear(handler, event.event())).collect();
        let host = self.clone();
        let told = async move {
            futures_util::future::join_all(calls).await;
            if let Some(edit) = event.edit {
                let (generation, view) = (event.owner.generation, event.view);
                host.front.ui(UiRequest::Seen { generation, view, edit });
            }
        };
        self.observers.spawn_on(told, &self.io);
    }

    /// Takes away all that an extension shows.
    pub(crate) fn take_off_screen(&self, owner: &Extension) {
        self.mailboxes.close_all_of(owner);
        self.front.ui(UiRequest::Dropped { generation: owner.generation });
    }

    /// Whether anybody listens for `name`.
    pub fn is_heard(&self, name: &str) -> bool {
        self.registry.has_handlers(name)
    }

    /// Asks the interceptors of `event` one after the other. `apply` sees each answer, may change
    /// the event for the next one, and may end the round. A handler that fails is skipped with a
    /// notice.
    pub async fn intercept(
        self: &Arc<Self>,
        mut event: Event,
        mut apply: impl FnMut(&mut Event, Answer) -> ControlFlow<()>,
    ) -> Event {
        for callback in self.registry.handlers(&event.name) {
            match self.ask(&callback, &event, false).await {
                Ok(answer) => {
                    self.handler_worked(&callback);
                    if apply(&mut event, answer).is_break() {
                        break;
                    }
                }
                Err(Fault { extension, message }) => {
                    let text =
                        format!("{} skipped: extension `{extension}`: {message}", event.name);
                    self.handler_failed(&callback, &event.name, &text, "");
                }
            }
        }
        event
    }

    /// Asks the policy handlers of `event`; the first fault ends the round and is the caller's to
    /// act on: it must block.
    pub async fn intercept_closed(
        self: &Arc<Self>,
        mut event: Event,
        mut apply: impl FnMut(&mut Event, Answer) -> ControlFlow<()>,
    ) -> Result<Event, Fault> {
        for callback in self.registry.handlers(&event.name) {
            let answer = self.ask(&callback, &event, true).await?;
            if apply(&mut event, answer).is_break() {
                break;
            }
        }
        Ok(event)
    }

    /// One interceptor, within its time.
    async fn ask(
        self: &Arc<Self>,
        callback: &Callback,
        event: &Event,
        with_input: bool,
    ) -> Result<Answer, Fault> {
        let patience = Patience::default();
        let call = call_handler(self, callback, event.clone(), with_input, patience.clone());
        let extension = callback.owner.id.clone();
        let limit = time_for(&event.name);
        match patience.within(limit, call).await {
            Some(Ok((value, input))) => match answer_table(value) {
                Ok(value) => Ok(Answer { extension, value, input }),
                Err(message) => Err(Fault { extension, message }),
            },
            Some(Err(failure)) => {
                self.count_failure(&failure);
                Err(Fault { extension, message: failure.message })
            }
            None => {
                let message = format!("gave no answer within {} s", limit.as_secs());
                Err(Fault { extension, message })
            }
        }
    }

    /// Runs the `session_shutdown` handlers of all, which must not wait.
    pub async fn emit_shutdown(self: &Arc<Self>, reason: &str) {
        self.emit_shutdown_event(self.shutdown_event(reason)).await;
    }

    pub(crate) async fn emit_shutdown_event(self: &Arc<Self>, event: Event) {
        self.show(&event);
        let handlers = self.registry.handlers(&event.name);
        self.run_shutdown(&handlers, event).await;
    }

    /// Runs the `session_shutdown` handlers of one extension.
    pub(crate) async fn tell_shutdown(self: &Arc<Self>, owner: &Arc<Extension>, reason: &str) {
        let event = self.shutdown_event(reason);
        let handlers = self.registry.handlers_of(owner, &event.name);
        self.run_shutdown(&handlers, event).await;
    }

    pub(crate) fn session_start(&self, reason: &str) -> Event {
        let fields = serde_json::json!({ "reason": reason, "binding": self.binding_value() });
        Event::new("session_start", fields)
    }

    pub(crate) fn shutdown_event(&self, reason: &str) -> Event {
        let fields = serde_json::json!({ "reason": reason, "binding": self.binding_value() });
        Event::new("session_shutdown", fields)
    }

    async fn run_shutdown(self: &Arc<Self>, handlers: &[Callback], event: Event) {
        let calls: Vec<_> = handlers
            .iter()
            .map(|callback| {
                let call = Call::new(self, &callback.owner);
                let event = event.clone();
                Invocation::new(callback, "on session_shutdown", budgets::SHUTDOWN).start(
                    move |lua| {
                        let argument = api::event_argument(lua, &event)?;
                        let ctx = api::make_ctx(lua, call)?;
                        Ok(MultiValue::from_iter([LuaValue::Table(argument), ctx]))
                    },
                    |_, _| Ok(()),
                )
            })
            .collect();
        let all = futures_util::future::join_all(calls);
        match tokio::time::timeout(Duration::from_secs(2), all).await {
            Ok(results) => {
                for failure in results.into_iter().filter_map(Result::err) {
                    self.report(&failure, "on session_shutdown");
                }
            }
            Err(_) => self.notice(Level::Warn, "session_shutdown handlers took too long"),
        }
    }
}

/// The time that an interceptor has. It stands still while the user is asked something.
#[derive(Clone, Debug, Default)]
pub struct Patience(Arc<watch::Sender<usize>>);

/// Holds the time of an interceptor.
#[derive(Debug)]
pub struct Held(Patience);

impl Patience {
    /// Has the time stand still until the answer is dropped.
    pub fn hold(&self) -> Held {
        self.0.send_modify(|held| *held += 1);
        Held(self.clone())
    }

    /// Waits for `work`, at most `limit` of the time that counts.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        let mut held = self.0.subscribe();
        let mut work = std::pin::pin!(work);
        let mut left = limit;
        loop {
            let is_held = *held.borrow_and_update() > 0;
            let started = Instant::now();
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                // This end keeps the sender, so it changes or nothing does.
                _ = held.changed() => {}
                () = tokio::time::sleep(left), if !is_held => return None,
            }
            if !is_held {
                left = left.saturating_sub(started.elapsed());
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.0.send_modify(|held| *held -= 1);
    }
}

/// How long a handler of `event` may take in all. One that asks a model waits for it.
fn time_for(event: &str) -> Duration {
    match event {
        "session_before_compact" => Duration::from_secs(600),
        // The user waits for it, and can end it.
        "user_bash" => Duration::from_secs(24 * 3600),
        _ => budgets::INTERCEPTOR,
    }
}

type Heard = (LuaAnswer, Option<Value>);

/// What came out of a handler, read on its own thread.
enum LuaAnswer {
    Nothing,
    Table(Value),
    Wrong(String),
}

fn call_handler(
    host: &Arc<Host>,
    callback: &Callback,
    event: Event,
    with_input: bool,
    patience: Patience,
) -> impl Future<Output = Result<Heard, CallFailure>> + Send + 'static {
    let edit = event.fields.get("edit").and_then(Value::as_u64).filter(|_| event.name == "ui");
    let call = Call::new(host, &callback.owner).with_patience(patience).with_seen(edit);
    let call = if is_by_user(&event) { call.for_user() } else { call };
    let label = format!("on {}", event.name);
    // The table is kept between the two closures: a handler may change `event.input` in place.
    let kept = Arc::new(std::sync::Mutex::new(None::<u64>));
    let kept_later = kept.clone();
    Invocation::new(callback, label, budgets::WORK).start(
        move |lua| {
            let argument = api::event_argument(lua, &event)?;
            if with_input {
                let id = api::keep_table(lua, argument.clone())?;
                *kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(id);
            }
            let ctx = api::make_ctx(lua, call)?;
            Ok(MultiValue::from_iter([LuaValue::Table(argument), ctx]))
        },
        move |lua, values| {
            let answer = match values.into_iter().next() {
                None | Some(LuaValue::Nil) => LuaAnswer::Nothing,
                Some(table @ LuaValue::Table(_)) => match scheduler::from_lua(lua, &table) {
                    Ok(value) => LuaAnswer::Table(value),
                    Err(err) => LuaAnswer::Wrong(format!("its answer is not data: {err}")),
                },
                Some(other) => LuaAnswer::Wrong(format!(
                    "it must answer nil or a table, not a {}",
                    other.type_name()
                )),
            };
            let id = *kept_later.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let input = match id.and_then(|id| api::take_table(lua, id)) {
                Some(table) => {
                    let input: LuaValue = table.raw_get("input")?;
                    Some(scheduler::from_lua(lua, &input).map_err(mlua::Error::external)?)
                }
                None => None,
            };
            Ok((answer, input))
        },
    )
}

fn answer_table(answer: LuaAnswer) -> Result<Option<Map<String, Value>>, String> {
    match answer {
        LuaAnswer::Nothing => Ok(None),
        LuaAnswer::Wrong(problem) => Err(problem),
        LuaAnswer::Table(Value::Object(map)) => {
            Ok(Some(map.into_iter().map(|(key, value)| (near::snake(&key), value)).collect()))
        }
        // An empty Lua table that was marked as an array, or one with items: not an answer.
        LuaAnswer::Table(_) => Err("it must answer a table with named fields".to_owned()),
    }
}

/// Whether an answer stops what is about to happen, and why.
pub fn refusal(answer: &Map<String, Value>) -> Option<String> {
    let is_set = |name: &str| match answer.get(name) {
        None | Some(Value::Null | Value::Bool(false)) => false,
        Some(_) => true,
    };
    if !is_set("block") && !is_set("cancel") {
        return None;
    }
    let text = |name: &str| answer.get(name).and_then(Value::as_str).map(str::to_owned);
    Some(text("reason").or_else(|| text("message")).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn time_does_not_count_while_the_user_is_asked() {
        let patience = Patience::default();
        assert_eq!(patience.within(Duration::ZERO, std::future::pending::<()>()).await, None);
        let held = patience.hold();
        let (answer, asked) = tokio::sync::oneshot::channel();
        let waiting = {
            let patience = patience.clone();
            tokio::spawn(async move { patience.within(Duration::ZERO, asked).await })
        };
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        answer.send("yes").expect("it still waits");
        assert_eq!(waiting.await.expect("it ends"), Some(Ok("yes")));
        drop(held);
        assert_eq!(patience.within(Duration::ZERO, std::future::pending::<()>()).await, None);
    }
}
