//! A run: one prompt, until the loop says that it is done.
//!
//! The loop is Lua and decides what happens next. What holds whatever it decides is here: every call
//! gets exactly one result, requests derive from the journal, an abort leaves a whole transcript.

mod assembler;
mod compact;
mod converse;
mod dispatch;
mod result;
mod slash;
mod stream;
mod turn;
mod user_bash;
mod wire;

use std::{
    collections::VecDeque,
    ops::ControlFlow,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use mlua::{MultiValue, Value as LuaValue};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub use assembler::{Assembled, Assembler, Emit, EmitKind, STOP_REASONS, Update};
pub use compact::CompactOptions;
pub use converse::{Guide, Listener, Spoken};
pub use dispatch::{CallsDone, Mode as CallMode, ToolOutcome};
pub(crate) use dispatch::{TOOL_LABEL, start_tool, validate};
pub use result::ToolResult;
pub use result::head_and_tail;
pub(crate) use result::read_lua as read_result;
pub use slash::Ran;
pub use stream::{Answer, ProviderRequest};
pub use turn::TurnResult;
pub use user_bash::{CUSTOM_TYPE as USER_BASH, UserCommand, UserCommandResult};
pub use wire::ADAPTER_LABEL;

use crate::{
    api::{Failure, RunHandle},
    extensions::{Invocation, budgets},
    hooks::{self, Event},
    host::{Host, Level, lock},
    journal::JournalError,
    message,
    models::Usage,
    session,
    sessions::Change,
};

/// How long a loop may take to end after an abort, before it is dropped.
const ABORT_GRACE: Duration = Duration::from_secs(3);
/// Model calls that one prompt may take, unless somebody says otherwise.
pub const MAX_STEPS: u64 = 50;

/// What a user (or an extension) says.
#[derive(Clone, Debug, Default)]
pub struct Prompt {
    pub text: String,
    pub images: Vec<Value>,
    /// `user`, `extension` or `rpc`.
    pub source: &'static str,
}

/// Messages that wait for their turn.
#[derive(Debug, Default)]
pub struct Queues {
    pub steering: VecDeque<Prompt>,
    pub follow_up: VecDeque<Prompt>,
    /// Prompts of extensions that start a run of their own when the present one is over.
    pub prompts: VecDeque<Prompt>,
    /// Changes of the session that wait for the end of the run.
    pub changes: VecDeque<Change>,
}

impl Queues {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        let queues = [&self.prompts, &self.steering, &self.follow_up];
        queues.into_iter().all(VecDeque::is_empty) && self.changes.is_empty()
    }

    /// What to run when nothing runs: a prompt, or what came too late for the run that it was for.
    pub fn next_prompt(&mut self) -> Option<Prompt> {
        let queues = [&mut self.prompts, &mut self.steering, &mut self.follow_up];
        queues.into_iter().find_map(VecDeque::pop_front)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Ok,
    Error,
    Aborted,
    /// The step limit was reached.
    Limit,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Aborted => "aborted",
            Self::Limit => "limit",
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct RunReport {
    pub status: Status,
    pub stop_reason: String,
    /// The text of the last answer, as the user is to see it.
    pub text: String,
    pub turns: u64,
    pub usage: Usage,
    pub error: Option<Failure>,
}

/// Why a run did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("a run is already going on")]
    Busy,
    #[error("no loop is registered: the bundle's `loop` extension is missing")]
    NoLoop,
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// A run while it goes on.
#[derive(Debug)]
pub struct RunState {
    pub id: String,
    pub abort: CancellationToken,
    /// Cancelled when the run is over.
    pub ended: CancellationToken,
    pub max_steps: u64,
    started: Instant,
    progress: Mutex<Progress>,
}

#[derive(Debug, Default)]
struct Progress {
    steps: u64,
    usage: Usage,
    system_prompt: String,
    /// Messages of `before_agent_start`, and the entry that they follow.
    extra: Vec<Value>,
    extra_after: Option<String>,
    turn: Option<OpenTurn>,
    last_text: String,
    last_stop: String,
    last_error: Option<Failure>,
    /// Why the run cannot go on, whatever the loop thinks.
    broken: Option<Failure>,
}

/// A turn whose calls may still be running.
#[derive(Debug)]
struct OpenTurn {
    index: u64,
    message: Value,
    tool_results: Vec<Value>,
    stop_reason: String,
}

impl RunState {
    fn new(max_steps: u64) -> Self {
        Self {
            id: crate::journal::new_id(),
            abort: CancellationToken::new(),
            ended: CancellationToken::new(),
            max_steps,
            started: Instant::now(),
            progress: Mutex::default(),
        }
    }

    pub fn steps(&self) -> u64 {
        lock(&self.progress).steps
    }

    pub fn system_prompt(&self) -> String {
        lock(&self.progress).system_prompt.clone()
    }

    fn break_off(&self, failure: Failure) {
        lock(&self.progress).broken.get_or_insert(failure);
    }
}

impl Host {
    /// Runs a prompt to its end. `Ok(None)` means that an `input` handler took care of it.
    pub async fn prompt(self: &Arc<Self>, prompt: Prompt) -> Result<Option<RunReport>, StartError> {
        let Some(prompt) = self.filter_input(prompt).await else { return Ok(None) };
        let max_steps = self.flags.max_steps.or(self.settings.max_steps).unwrap_or(MAX_STEPS);
        let run = Arc::new(RunState::new(max_steps));
        {
            let mut slot = lock(&self.run);
            if slot.is_some() {
                return Err(StartError::Busy);
            }
            *slot = Some(run.clone());
        }
        if lock(&self.interrupted).is_some() {
            // It came while nothing ran yet.
            run.abort.cancel();
        }
        let report = self.drive(&run, prompt).await;
        *lock(&self.run) = None;
        run.ended.cancel();
        if report.is_ok() {
            self.emit(Event::new("agent_settled", json!({ "run_id": run.id })));
        }
        report.map(Some)
    }

    async fn filter_input(self: &Arc<Self>, prompt: Prompt) -> Option<Prompt> {
        let event = Event::new(
            "input",
            json!({
                "text": prompt.text,
                "raw_text": prompt.text,
                "images": prompt.images,
                "source": prompt.source,
                "queued": false,
            }),
        );
        let mut handled = false;
        let event = self
            .intercept(event, |event, answer| {
                let Some(answer) = answer.value else { return ControlFlow::Continue(()) };
                let action = answer.get("action").and_then(Value::as_str);
                if action == Some("handled") || hooks::refusal(&answer).is_some() {
                    handled = true;
                    return ControlFlow::Break(());
                }
                if action == Some("transform") || action.is_none() {
                    for name in ["text", "images"] {
                        if let Some(value) = answer.get(name) {
                            event.fields.insert(name.to_owned(), value.clone());
                        }
                    }
                }
                ControlFlow::Continue(())
            })
            .await;
        if handled {
            return None;
        }
        let text = event.fields.get("text").and_then(Value::as_str).unwrap_or(&prompt.text);
        let images = match event.fields.get("images") {
            Some(Value::Array(images)) => images.clone(),
            _ => prompt.images.clone(),
        };
        Some(Prompt { text: text.to_owned(), images, source: prompt.source })
    }

    async fn drive(
        self: &Arc<Self>,
        run: &Arc<RunState>,
        prompt: Prompt,
    ) -> Result<RunReport, StartError> {
        let claimed = self.registry.run_loop().ok_or(StartError::NoLoop)?;
        self.repair_open_calls()?;
        self.session.journal().keep()?;
        let entry = self.commit_message(message::user(&prompt.text, &prompt.images))?;
        self.session.sync().await?;
        self.prepare_run(run, &prompt, entry).await;
        self.emit(Event::new("agent_start", json!({ "run_id": run.id })));
        let outcome = self.run_loop(run, &claimed).await;
        Ok(self.finish_run(run, outcome).await)
    }

    /// Gives the calls that an earlier process left open their results.
    fn repair_open_calls(self: &Arc<Self>) -> Result<(), JournalError> {
        for call in self.session.open_calls() {
            self.commit_message(Value::Object(session::interrupted(&call)))?;
        }
        Ok(())
    }

    /// Appends a message and tells everybody; answers the entry's id.
    pub(crate) fn commit_message(self: &Arc<Self>, message: Value) -> Result<String, JournalError> {
        let is_assistant = message::role(&message) == "assistant";
        if !is_assistant {
            self.emit(Event::new("message_start", json!({ "message": message })));
            self.emit(Event::new("message_end", json!({ "message": message })));
        }
        let appended = self.session.append_message(message);
        self.emit(message_event(&appended.entry));
        match appended.problem {
            None => Ok(appended.entry.id.clone()),
            Some(problem) => Err(problem),
        }
    }

    /// Asks for the system prompt and for what else the run is to start with.
    async fn prepare_run(self: &Arc<Self>, run: &RunState, prompt: &Prompt, entry: String) {
        let options = self.system_prompt_options().await;
        let system_prompt = self.assemble_system_prompt(&options).await;
        let event = Event::new(
            "before_agent_start",
            json!({
                "prompt": prompt.text,
                "images": prompt.images,
                "system_prompt": system_prompt,
                "system_prompt_options": options,
            }),
        );
        let mut extra = Vec::new();
        let event = self
            .intercept(event, |event, answer| {
                let Some(mut answer) = answer.value else { return ControlFlow::Continue(()) };
                if let Some(text @ Value::String(_)) = answer.remove("system_prompt") {
                    event.fields.insert("system_prompt".into(), text);
                }
                match (answer.remove("message"), answer.remove("messages")) {
                    (_, Some(Value::Array(messages))) => extra.extend(messages),
                    (Some(message @ Value::Object(_)), _) => extra.push(message),
                    _ => {}
                }
                ControlFlow::Continue(())
            })
            .await;
        let mut progress = lock(&run.progress);
        progress.system_prompt = event
            .fields
            .get("system_prompt")
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned();
        progress.extra = extra.into_iter().filter_map(custom_message).collect();
        progress.extra_after = Some(entry);
    }

    /// What the system prompt can be made of: the host's part, and what `system_prompt_options`
    /// handlers add (arrays are joined, other fields replaced).
    async fn system_prompt_options(self: &Arc<Self>) -> Value {
        let tools = self.active_tools();
        let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
        let snippets: serde_json::Map<String, Value> = tools
            .iter()
            .filter_map(|tool| Some((tool.name.clone(), tool.prompt_snippet.clone()?.into())))
            .collect();
        let mut guidelines: Vec<&str> = Vec::new();
        for guideline in tools.iter().flat_map(|tool| &tool.prompt_guidelines) {
            if !guidelines.contains(&guideline.as_str()) {
                guidelines.push(guideline);
            }
        }
        let event = Event::new(
            "system_prompt_options",
            json!({
                "cwd": self.cwd,
                "config_dir": self.dirs.config,
                "tools": names,
                "selected_tools": names,
                "tool_snippets": snippets,
                "guidelines": guidelines,
                "custom_prompt": self.flags.system_prompt,
                "append_system_prompt": self.flags.append_system_prompt,
                "context_files": [],
                "skills": [],
            }),
        );
        let event = self
            .intercept(event, |event, answer| {
                for (name, value) in answer.value.into_iter().flatten() {
                    match (event.fields.get_mut(&name), value) {
                        (Some(Value::Array(have)), Value::Array(more)) => have.extend(more),
                        // An empty Lua table says nothing.
                        (Some(Value::Array(_)), Value::Object(more)) if more.is_empty() => {}
                        (_, value) => {
                            event.fields.insert(name, value);
                        }
                    }
                }
                ControlFlow::Continue(())
            })
            .await;
        Value::Object(event.fields)
    }

    /// The first answer to `system_prompt` is the base prompt.
    async fn assemble_system_prompt(self: &Arc<Self>, options: &Value) -> String {
        let event = Event::new("system_prompt", json!({ "options": options }));
        let mut prompt = None;
        self.intercept(event, |_, answer| {
            prompt = answer.value.and_then(|answer| {
                answer.get("system_prompt").and_then(Value::as_str).map(str::to_owned)
            });
            if prompt.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await;
        prompt.or_else(|| self.flags.system_prompt.clone()).unwrap_or_default()
    }

    /// Calls the loop and waits for it; after an abort only for [`ABORT_GRACE`].
    async fn run_loop(
        self: &Arc<Self>,
        run: &Arc<RunState>,
        claimed: &crate::registry::Callback,
    ) -> Result<Option<String>, Failure> {
        let handle = RunHandle { host: self.clone(), run: run.clone() };
        let invocation = Invocation::new(claimed, "the loop", budgets::WORK);
        let looping = invocation.start(
            move |lua| {
                let run = lua.create_userdata(handle)?;
                Ok(MultiValue::from_iter([LuaValue::UserData(run)]))
            },
            |_, values| {
                Ok(match values.into_iter().next() {
                    Some(LuaValue::String(status)) => Some(status.to_string_lossy()),
                    _ => None,
                })
            },
        );
        let give_up = async {
            run.abort.cancelled().await;
            tokio::time::sleep(ABORT_GRACE).await;
        };
        tokio::select! {
            outcome = looping => outcome.map_err(|failure| {
                self.report(&failure, "the loop");
                Failure::new("protocol", format!("the loop failed: {failure}"))
            }),
            () = give_up => Ok(None),
        }
    }

    /// Mends the transcript, closes the turn and tells everybody how it went.
    async fn finish_run(
        self: &Arc<Self>,
        run: &Arc<RunState>,
        outcome: Result<Option<String>, Failure>,
    ) -> RunReport {
        let aborted = run.abort.is_cancelled();
        let reason = if aborted {
            "The run was aborted before the call ran."
        } else {
            "The run ended before the call ran."
        };
        self.skip_calls(run, &self.session.open_calls(), reason);
        self.close_turn(run);
        if let Err(err) = self.session.sync().await {
            run.break_off(journal_failure(&err));
        }
        let (mut report, broken) = {
            let mut progress = lock(&run.progress);
            let report = RunReport {
                status: Status::Ok,
                stop_reason: std::mem::take(&mut progress.last_stop),
                text: std::mem::take(&mut progress.last_text),
                turns: progress.steps,
                usage: progress.usage.clone(),
                error: progress.last_error.take(),
            };
            (report, progress.broken.take())
        };
        let (loop_status, loop_failure) = match outcome {
            Ok(status) => (status, None),
            Err(failure) => (None, Some(failure)),
        };
        if aborted {
            report.status = Status::Aborted;
            report.stop_reason = "aborted".into();
            report.error = None;
        } else if let Some(failure) = broken.or(loop_failure) {
            report.status = Status::Error;
            report.stop_reason = "error".into();
            report.error = Some(failure);
        } else if loop_status.as_deref() == Some("limit") {
            report.status = Status::Limit;
        } else if report.error.is_some() {
            report.status = Status::Error;
            report.stop_reason = "error".into();
        }
        if aborted {
            self.emit(Event::new("agent_abort", json!({ "run_id": run.id })));
        }
        let status = match report.status {
            Status::Ok => "completed",
            Status::Aborted => "aborted",
            Status::Error | Status::Limit => "error",
        };
        let elapsed_ms = u64::try_from(run.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut event = Event::new(
            "agent_end",
            json!({
                "run_id": run.id,
                "status": status,
                "stop_reason": report.stop_reason,
                "usage": report.usage.to_value(),
                "turns": report.turns,
                "elapsed_ms": elapsed_ms,
                "error": report.error.as_ref().map(Failure::to_value),
            }),
        );
        let host = self.clone();
        event = event.with_lazy(
            "messages",
            Arc::new(move || {
                host.session.context().iter().map(|message| (**message).clone()).collect()
            }),
        );
        self.emit(event);
        report
    }

    /// Ends the running run, if there is one.
    pub fn abort(&self) {
        if let Some(run) = self.current_run() {
            run.abort.cancel();
        }
    }

    /// Takes queued messages into the transcript; answers how many.
    pub fn take_queued(self: &Arc<Self>, run: &RunState, queue: &str, most: usize) -> usize {
        let mut taken = 0;
        while taken < most {
            let next = {
                let mut queues = lock(&self.queues);
                match queue {
                    "steering" => queues.steering.pop_front(),
                    _ => queues.follow_up.pop_front(),
                }
            };
            let Some(prompt) = next else { break };
            taken += 1;
            self.emit(Event::new("steer_inject", json!({ "text": prompt.text, "queue": queue })));
            self.emit_queues();
            if let Err(err) = self.commit_message(message::user(&prompt.text, &prompt.images)) {
                self.journal_problem(run, &err);
            }
        }
        taken
    }

    pub(crate) fn emit_queues(self: &Arc<Self>) {
        let (steering, follow_up) = {
            let queues = lock(&self.queues);
            let texts = |queue: &VecDeque<Prompt>| {
                queue.iter().map(|prompt| prompt.text.clone()).collect::<Vec<_>>()
            };
            (texts(&queues.steering), texts(&queues.follow_up))
        };
        self.emit(Event::new(
            "queue_update",
            json!({ "steering": steering, "follow_up": follow_up }),
        ));
    }

    /// The journal cannot be written: says so, and ends the run.
    fn journal_problem(self: &Arc<Self>, run: &RunState, err: &JournalError) {
        self.notice(Level::Error, &err.to_string());
        run.break_off(journal_failure(err));
    }
}

fn journal_failure(err: &JournalError) -> Failure {
    Failure { code: Some("journal".into()), ..Failure::new("protocol", err.to_string()) }
}

/// The `message` event of an entry.
fn message_event(entry: &Arc<crate::journal::Entry>) -> Event {
    let mut message = entry.message().cloned().unwrap_or(Value::Null);
    let text = message::text(&message);
    message["entry_id"] = entry.id.clone().into();
    message["text"] = text.into();
    Event::new("message", json!({ "message": message }))
}

/// A message that a handler adds: what it says goes to the model as the user's.
fn custom_message(value: Value) -> Option<Value> {
    let content = value.get("content").cloned()?;
    let mut message = json!({ "role": "custom", "content": content });
    for name in ["custom_type", "display", "details"] {
        if let Some(field) = value.get(name) {
            message[name] = field.clone();
        }
    }
    Some(message)
}
