//! A turn: one request to the model, and its answer in the journal.

use std::{
    collections::HashSet,
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    OpenTurn, RunState,
    assembler::{Assembler, Update},
    stream::{Answer, ProviderRequest, tool_values},
};
use crate::{
    api::Failure,
    hooks::{self, Event},
    host::{Host, lock},
    message::{self, ToolCall},
    models::Usage,
    session::ContextMessage,
};

/// How often handlers of `message_update` are told of news.
pub(super) const UPDATE_EVERY: Duration = Duration::from_millis(33);

/// What the loop learns of a turn.
#[derive(Clone, Debug)]
pub struct TurnResult {
    pub message: Value,
    pub tool_calls: Vec<ToolCall>,
    pub stop_reason: String,
    pub usage: Usage,
    pub error: Option<Failure>,
}

impl TurnResult {
    fn without_answer(stop_reason: &str, error: Option<Failure>) -> Self {
        Self {
            message: json!({ "role": "assistant", "content": [], "stop_reason": stop_reason }),
            tool_calls: Vec::new(),
            stop_reason: stop_reason.into(),
            usage: Usage::default(),
            error,
        }
    }
}

impl Host {
    /// Asks the model once and commits its answer.
    pub(crate) async fn turn(self: &Arc<Self>, run: &Arc<RunState>) -> TurnResult {
        self.close_turn(run);
        self.sync_behind(run);
        if run.abort.is_cancelled() {
            return TurnResult::without_answer("aborted", None);
        }
        if let Some(failure) = lock(&run.progress).broken.clone() {
            return TurnResult::without_answer("error", Some(failure));
        }
        let Some(model) = self.model() else {
            let failure = Failure::new("invalid_request", "no model is chosen");
            return self.end_early(run, failure);
        };
        let index = run.steps() + 1;
        if let Some(reason) = self.turn_refused(index).await {
            let failure = Failure {
                code: Some("refused".into()),
                ..Failure::new("content_policy", format!("the turn was refused: {reason}"))
            };
            return self.end_early(run, failure);
        }
        lock(&run.progress).steps = index;
        self.emit(Event::new("turn_start", json!({ "turn_index": index, "run_id": run.id })));
        let request = ProviderRequest {
            messages: self.turn_messages(run).await,
            system_prompt: run.system_prompt(),
            tools: tool_values(&self.active_tools()),
            reasoning: self
                .reasoning()
                .filter(|_| model.has_reasoning() || model.source == "unknown"),
            max_tokens: None,
            options: json!({}),
            model,
        };
        let used: HashSet<String> = request
            .messages
            .iter()
            .flat_map(|message| message::call_ids(message))
            .map(str::to_owned)
            .collect();
        let mut watcher = Watcher::new(self);
        let answer = self
            .ask_model(request, &used, &run.abort, &mut |assembler, updates| {
                watcher.see(assembler, updates);
            })
            .await;
        watcher.finish(&answer);
        self.commit_answer(run, index, answer).await
    }

    /// Brings a finished turn to disk while the next one is being asked for. What must be on disk
    /// before something happens is synced, and waited for, there.
    fn sync_behind(self: &Arc<Self>, run: &Arc<RunState>) {
        let (host, run) = (self.clone(), run.clone());
        self.observers.spawn_on(
            async move {
                if let Err(err) = host.session.sync().await {
                    host.journal_problem(&run, &err);
                }
            },
            &self.io,
        );
    }

    fn end_early(self: &Arc<Self>, run: &RunState, failure: Failure) -> TurnResult {
        let mut progress = lock(&run.progress);
        progress.last_error = Some(failure.clone());
        progress.last_stop = "error".into();
        drop(progress);
        TurnResult::without_answer("error", Some(failure))
    }

    async fn turn_refused(self: &Arc<Self>, index: u64) -> Option<String> {
        let mut refused = None;
        let event = Event::new("before_turn", json!({ "turn_index": index }));
        self.intercept(event, |_, answer| {
            refused = answer.value.as_ref().and_then(hooks::refusal);
            if refused.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await;
        refused
    }

    /// The journal's context, with what this run and `context` handlers add to it.
    async fn turn_messages(self: &Arc<Self>, run: &RunState) -> Vec<ContextMessage> {
        let mut messages = self.session.context();
        {
            let progress = lock(&run.progress);
            if !progress.extra.is_empty() {
                let after = messages.iter().position(|message| match message {
                    ContextMessage::Entry(entry) => {
                        Some(&entry.id) == progress.extra_after.as_ref()
                    }
                    ContextMessage::Made(_) => false,
                });
                let at = after.map_or(0, |at| at + 1);
                let extra = progress.extra.iter().cloned().map(ContextMessage::Made);
                messages.splice(at..at, extra);
            }
        }
        if !self.is_heard("context") {
            return messages;
        }
        let values: Vec<Value> = messages.iter().map(|message| (**message).clone()).collect();
        let mut changed = false;
        let event = self
            .intercept(Event::new("context", json!({ "messages": values })), |event, answer| {
                let answer = answer.value.and_then(|mut answer| answer.remove("messages"));
                if let Some(Value::Array(messages)) = answer {
                    changed = true;
                    event.fields.insert("messages".into(), messages.into());
                }
                ControlFlow::Continue(())
            })
            .await;
        match event.fields.get("messages") {
            Some(Value::Array(values)) if changed => {
                values.iter().cloned().map(ContextMessage::Made).collect()
            }
            _ => messages,
        }
    }

    /// Puts the answer into the journal and opens the turn that its calls belong to.
    async fn commit_answer(
        self: &Arc<Self>,
        run: &Arc<RunState>,
        index: u64,
        answer: Answer,
    ) -> TurnResult {
        let shown = self.shown_text(&answer.message).await;
        let worth_keeping =
            answer.stop_reason != "aborted" || !message::blocks(&answer.message).is_empty();
        if worth_keeping && let Err(err) = self.commit_message(answer.message.clone()) {
            self.journal_problem(run, &err);
        }
        let whole = answer.error.is_none() && answer.stop_reason != "aborted";
        let tool_calls = if whole { message::tool_calls(&answer.message) } else { Vec::new() };
        {
            let mut progress = lock(&run.progress);
            progress.usage.add(&answer.usage);
            progress.last_stop.clone_from(&answer.stop_reason);
            progress.last_error.clone_from(&answer.error);
            if let Some(text) = shown {
                progress.last_text = text;
            }
            progress.turn = Some(OpenTurn {
                index,
                message: answer.message.clone(),
                tool_results: Vec::new(),
                stop_reason: answer.stop_reason.clone(),
            });
        }
        TurnResult {
            message: answer.message,
            tool_calls,
            stop_reason: answer.stop_reason,
            usage: answer.usage,
            error: answer.error,
        }
    }

    /// What the user is to see of an answer: `before_assistant_message` handlers may change it. The
    /// journal keeps what the model said.
    async fn shown_text(self: &Arc<Self>, message: &Value) -> Option<String> {
        let text = message::text(message);
        if text.is_empty() || !self.is_heard("before_assistant_message") {
            return Some(text);
        }
        let mut suppressed = false;
        let event = self
            .intercept(
                Event::new("before_assistant_message", json!({ "text": text })),
                |event, answer| {
                    let Some(mut answer) = answer.value else { return ControlFlow::Continue(()) };
                    if answer.get("suppress").and_then(Value::as_bool) == Some(true) {
                        suppressed = true;
                        return ControlFlow::Break(());
                    }
                    if let Some(text @ Value::String(_)) = answer.remove("text") {
                        event.fields.insert("text".into(), text);
                    }
                    ControlFlow::Continue(())
                },
            )
            .await;
        let shown = match suppressed {
            true => Some(String::new()),
            false => event.fields.get("text").and_then(Value::as_str).map(str::to_owned),
        };
        if let Some(text) = &shown {
            self.front.shown(text);
        }
        shown
    }

    /// Ends the turn that is open, if one is.
    pub(crate) fn close_turn(self: &Arc<Self>, run: &RunState) {
        let Some(turn) = lock(&run.progress).turn.take() else { return };
        self.emit(Event::new(
            "turn_end",
            json!({
                "turn_index": turn.index,
                "message": turn.message,
                "tool_results": turn.tool_results,
                "usage": turn.message.get("usage"),
                "stop_reason": turn.stop_reason,
            }),
        ));
    }
}

/// Tells the front and the handlers how an answer grows: the front at once, handlers at most thirty
/// times a second with the deltas joined.
struct Watcher<'a> {
    host: &'a Arc<Host>,
    started: bool,
    waiting: Vec<Update>,
    last: Instant,
}

impl<'a> Watcher<'a> {
    fn new(host: &'a Arc<Host>) -> Self {
        Self { host, started: false, waiting: Vec::new(), last: Instant::now() }
    }

    fn start(&mut self) {
        if !std::mem::replace(&mut self.started, true) {
            let message = json!({ "role": "assistant", "content": [] });
            self.host.emit(Event::new("message_start", json!({ "message": message })));
        }
    }

    fn see(&mut self, assembler: &Arc<Mutex<Assembler>>, updates: Vec<Update>) {
        if !updates.is_empty() {
            self.start();
        }
        for update in updates {
            self.host.show(&update_event(&update));
            match self.waiting.last_mut() {
                Some(last)
                    if last.kind == update.kind && last.content_index == update.content_index =>
                {
                    last.delta.push_str(&update.delta);
                }
                _ => self.waiting.push(update),
            }
        }
        if !self.waiting.is_empty() && self.last.elapsed() >= UPDATE_EVERY {
            let snapshot = lock(assembler).snapshot();
            self.tell(snapshot);
        }
    }

    /// Tells handlers what waits; `snapshot` is the message as it is now.
    fn tell(&mut self, snapshot: Value) {
        self.last = Instant::now();
        let waiting = std::mem::take(&mut self.waiting);
        let handlers = self.host.registry.handlers("message_update");
        if handlers.is_empty() {
            return;
        }
        let snapshot = Arc::new(snapshot);
        for update in waiting {
            let snapshot = snapshot.clone();
            let partial = snapshot.clone();
            let event = update_event(&update)
                .with_lazy("message", Arc::new(move || (*snapshot).clone()))
                .with_lazy("assistantMessageEvent.partial", Arc::new(move || (*partial).clone()));
            for handler in &handlers {
                self.host.observe(handler, event.clone());
            }
        }
    }

    fn finish(&mut self, answer: &Answer) {
        self.start();
        self.tell(answer.message.clone());
        let last = match &answer.error {
            Some(failure) => json!({ "type": "error", "error": failure.to_value() }),
            None => json!({ "type": "done", "reason": answer.stop_reason }),
        };
        let last = json!({ "assistantMessageEvent": last, "message": answer.message });
        self.host.emit(Event::new("message_update", last));
        self.host.emit(Event::new("message_end", json!({ "message": answer.message })));
    }
}

fn update_event(update: &Update) -> Event {
    let mut inner = json!({ "type": update.kind, "content_index": update.content_index });
    if !update.delta.is_empty() {
        inner["delta"] = update.delta.clone().into();
    }
    Event::new("message_update", json!({ "assistantMessageEvent": inner }))
}
