//! Tool calls: the one way that a call takes, whoever made it.
//!
//! validation → `tool_execution_start` → `tool_call` → execute → `tool_result` →
//! `tool_execution_end` → commit. Every call comes out of it with exactly one outcome.

use std::{
    ops::ControlFlow,
    sync::Arc,
    time::{Duration, Instant},
};

use mlua::{MultiValue, Value as LuaValue};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use zi_kernel::scheduler::{self, Nulls};

use super::{
    RunState,
    result::{self, ToolResult},
};
use crate::{
    api::{self, Call, Progress},
    extensions::{CallFailure, Invocation, budgets},
    hooks::{self, Event},
    host::{Host, lock},
    message::{self, Outcome, ToolCall},
    near,
    registry::{Callback, ToolSpec},
};

/// How the tasks of tool calls are labelled; the tool's name follows.
pub(crate) const TOOL_LABEL: &str = "tool ";

/// How a batch of calls is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Neighbours whose tools allow it run together.
    Auto,
    Sequential,
    /// All run together.
    Parallel,
}

/// What came of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallsDone {
    /// How many of the calls have a result now, from the first on.
    pub done: usize,
    /// Whether a tool that ends the turn ran.
    pub ends_turn: bool,
}

/// What came of a call.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolOutcome {
    pub result: ToolResult,
    pub outcome: Outcome,
}

impl ToolOutcome {
    fn error(text: impl Into<String>) -> Self {
        Self { result: ToolResult::error(text), outcome: Outcome::Error }
    }
    fn blocked(text: impl Into<String>) -> Self {
        Self { result: ToolResult::error(text), outcome: Outcome::Blocked }
    }
    fn aborted(text: impl Into<String>) -> Self {
        Self { result: ToolResult::error(text), outcome: Outcome::Aborted }
    }
}

impl Host {
    /// Runs calls and commits their results in the order of the calls. Stops early for steering
    /// messages, if asked to, and after an abort.
    pub(crate) async fn call_tools(
        self: &Arc<Self>,
        run: &Arc<RunState>,
        calls: &[ToolCall],
        mode: Mode,
        stop_for_steering: bool,
    ) -> CallsDone {
        let mut done = 0;
        let mut ends_turn = false;
        while done < calls.len() {
            let stop = stop_for_steering && done > 0 && !lock(&self.queues).steering.is_empty();
            if run.abort.is_cancelled() || stop {
                break;
            }
            let group = &calls[done..done + self.group_length(&calls[done..], mode)];
            let tools: Vec<_> = group.iter().map(|call| self.registry.tool(&call.name)).collect();
            let pure = |tool: &Option<Arc<ToolSpec>>| {
                tool.as_ref().is_none_or(|tool| matches!(tool.kind.as_str(), "read" | "search"))
            };
            if !tools.iter().all(pure)
                && let Err(err) = self.session.sync().await
            {
                // What is about to happen could not be told afterwards: it does not happen.
                self.journal_problem(run, &err);
                self.skip_calls(
                    run,
                    &calls[done..],
                    "The session cannot be saved, so nothing was run.",
                );
                return CallsDone { done: calls.len(), ends_turn };
            }
            let running = group.iter().map(|call| self.dispatch(call, "model", &run.abort));
            let outcomes = futures_util::future::join_all(running).await;
            for ((call, outcome), tool) in group.iter().zip(outcomes).zip(tools) {
                ends_turn |=
                    outcome.outcome == Outcome::Ok && tool.is_some_and(|tool| tool.ends_turn);
                self.commit_result(run, call, outcome);
            }
            done += group.len();
        }
        CallsDone { done, ends_turn }
    }

    fn group_length(&self, calls: &[ToolCall], mode: Mode) -> usize {
        match mode {
            Mode::Sequential => 1,
            Mode::Parallel => calls.len(),
            Mode::Auto => {
                let parallel = |call: &&ToolCall| {
                    self.registry.tool(&call.name).is_some_and(|tool| tool.parallel)
                };
                calls.iter().take_while(parallel).count().max(1)
            }
        }
    }

    /// Gives calls a result that says why they did not run.
    pub(crate) fn skip_calls(self: &Arc<Self>, run: &RunState, calls: &[ToolCall], reason: &str) {
        for call in calls {
            self.commit_result(run, call, ToolOutcome::aborted(reason));
        }
    }

    fn commit_result(self: &Arc<Self>, run: &RunState, call: &ToolCall, outcome: ToolOutcome) {
        let mut message = message::tool_result(call, outcome.result.content, outcome.outcome);
        message.insert("is_error".into(), outcome.result.is_error.into());
        if let Some(details) = outcome.result.details {
            message.insert("details".into(), details);
        }
        if let Some(presentation) = outcome.result.presentation {
            message.insert("presentation".into(), presentation);
        }
        let message = Value::Object(message);
        if let Some(turn) = &mut lock(&run.progress).turn {
            turn.tool_results.push(message.clone());
        }
        if let Err(err) = self.commit_message(message) {
            self.journal_problem(run, &err);
        }
    }

    /// Takes one call all the way, except for the journal.
    pub async fn dispatch(
        self: &Arc<Self>,
        call: &ToolCall,
        source: &str,
        abort: &CancellationToken,
    ) -> ToolOutcome {
        let started = Instant::now();
        let prepared = self.check_call(call).await;
        let input = match &prepared {
            Ok((_, input)) => input.clone(),
            Err(_) => call.arguments.clone(),
        };
        self.emit(Event::new(
            "tool_execution_start",
            json!({
                "tool_call_id": call.id, "tool_name": call.name, "args": input,
            }),
        ));
        let outcome = match prepared {
            Ok((tool, input)) => self.gate_and_execute(call, tool, input, source, abort).await,
            Err(problem) => (call.arguments.clone(), ToolOutcome::error(problem)),
        };
        let (input, outcome) = outcome;
        let outcome = self.filter_result(call, &input, outcome).await;
        let mut fields = outcome.result.to_value();
        fields["outcome"] = outcome.outcome.name().into();
        self.emit(Event::new(
            "tool_execution_end",
            json!({
                "tool_call_id": call.id,
                "tool_name": call.name,
                "args": input,
                "result": fields,
                "is_error": outcome.result.is_error,
                "outcome": outcome.outcome.name(),
                "duration_ms": u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            }),
        ));
        outcome
    }

    /// Finds the tool and checks the arguments; the error is for the model.
    async fn check_call(
        self: &Arc<Self>,
        call: &ToolCall,
    ) -> Result<(Arc<ToolSpec>, Value), String> {
        let tools = self.active_tools();
        let Some(tool) = tools.iter().find(|tool| tool.name == call.name) else {
            let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
            let hint = near::hint(&call.name, &names);
            let known = names.join(", ");
            return Err(format!("There is no tool `{}`{hint} The tools are: {known}.", call.name));
        };
        if let Some(fault) = &call.fault {
            return Err(format!(
                "The call to `{}` was not run: {fault}. Send it again.",
                call.name
            ));
        }
        let mut input = call.arguments.clone();
        if let Some(prepare) = &tool.prepare {
            input = prepare_input(prepare, &tool.name, input).await.map_err(|failure| {
                format!("`{}` could not read its arguments: {failure}", tool.name)
            })?;
        }
        validate(tool, &input)?;
        Ok((tool.clone(), input))
    }

    async fn gate_and_execute(
        self: &Arc<Self>,
        call: &ToolCall,
        tool: Arc<ToolSpec>,
        input: Value,
        source: &str,
        abort: &CancellationToken,
    ) -> (Value, ToolOutcome) {
        // A question that nobody will answer any more keeps nothing waiting.
        let gated = tokio::select! {
            biased;
            () = abort.cancelled() => {
                return (input, ToolOutcome::aborted("The call was aborted before it ran."));
            }
            gated = self.gate(call, &tool, input.clone(), source) => gated,
        };
        let input = match gated {
            Ok(input) => input,
            Err(reason) => return (input, ToolOutcome::blocked(reason)),
        };
        let progress = Arc::new(Progress::default());
        // Cancelled with the call, so that what watches it does not outlive it.
        let signal = abort.child_token();
        let _over = signal.clone().drop_guard();
        let outcome = tokio::select! {
            biased;
            () = abort.cancelled() => {
                // What it had shown is all that anybody will learn of it.
                let mut result = progress.newest().unwrap_or_default();
                result.content.push(message::text_block("The call was aborted."));
                result.is_error = true;
                let result = self.bound_result(result, &tool.name, &call.id);
                ToolOutcome { result, outcome: Outcome::Aborted }
            }
            outcome = self.execute(call, &tool, input.clone(), &signal, &progress) => outcome,
        };
        (input, outcome)
    }

    /// Asks the `tool_call` handlers. Anything but a clear answer blocks.
    async fn gate(
        self: &Arc<Self>,
        call: &ToolCall,
        tool: &Arc<ToolSpec>,
        input: Value,
        source: &str,
    ) -> Result<Value, String> {
        let event = Event::new(
            "tool_call",
            json!({
                "tool_call": { "id": call.id, "name": call.name },
                "tool_call_id": call.id,
                "tool_name": call.name,
                "input": input,
                "source": source,
            }),
        );
        let mut refused = None;
        let asked = self
            .intercept_closed(event, |event, answer| {
                if let Some(fields) = &answer.value
                    && let Some(reason) = hooks::refusal(fields)
                {
                    let reason = if reason.is_empty() { "no reason given".into() } else { reason };
                    refused = Some(format!("Blocked: {reason}"));
                    return ControlFlow::Break(());
                }
                let changed = answer.value.and_then(|mut fields| fields.remove("input")).or(answer.input);
                if let Some(changed) = changed
                    && event.fields.get("input") != Some(&changed)
                {
                    let changed = empty_table_as_object(changed);
                    if let Err(problem) = validate(tool, &changed) {
                        refused = Some(format!(
                            "Blocked: extension `{}` changed the input to something invalid. {problem}",
                            answer.extension
                        ));
                        return ControlFlow::Break(());
                    }
                    event.fields.insert("input".into(), changed);
                }
                ControlFlow::Continue(())
            })
            .await;
        match (asked, refused) {
            (_, Some(reason)) => Err(reason),
            (Err(fault), None) => Err(format!(
                "Blocked: the check of extension `{}` failed: {}",
                fault.extension, fault.message
            )),
            (Ok(mut event), None) => Ok(event.fields.remove("input").unwrap_or_default()),
        }
    }

    /// Runs a tool's own function.
    async fn execute(
        self: &Arc<Self>,
        call: &ToolCall,
        tool: &Arc<ToolSpec>,
        input: Value,
        signal: &CancellationToken,
        progress: &Arc<Progress>,
    ) -> ToolOutcome {
        let context = Call::new(self, &tool.execute.owner)
            .with_signal(signal.clone())
            .with_tool(call, tool, progress);
        let executing = start_tool(tool, input, context);
        let executed = match tool.timeout_ms.map(Duration::from_millis) {
            None => executing.await,
            Some(limit) => match tokio::time::timeout(limit, executing).await {
                Ok(executed) => executed,
                Err(_) => {
                    let text = format!("The tool gave no result within {} ms.", limit.as_millis());
                    return ToolOutcome::error(text);
                }
            },
        };
        match executed {
            Ok(Ok(result)) => {
                let outcome = if result.is_error { Outcome::Error } else { Outcome::Ok };
                ToolOutcome { result: self.bound_result(result, &tool.name, &call.id), outcome }
            }
            Ok(Err(problem)) => {
                ToolOutcome::error(format!("The tool `{}` failed: {problem}", tool.name))
            }
            Err(failure) => {
                self.count_failure(&failure);
                if !failure.traceback.is_empty() {
                    let text = format!("{}{}", failure.message, failure.traceback);
                    crate::logs::write(self, &failure.extension, "error", &text);
                }
                ToolOutcome::error(failure.message)
            }
        }
    }

    /// Lets `tool_result` handlers change what the model gets.
    async fn filter_result(
        self: &Arc<Self>,
        call: &ToolCall,
        input: &Value,
        mut outcome: ToolOutcome,
    ) -> ToolOutcome {
        if !self.is_heard("tool_result") {
            return outcome;
        }
        let event = Event::new(
            "tool_result",
            json!({
                "tool_call": { "id": call.id, "name": call.name },
                "tool_call_id": call.id,
                "tool_name": call.name,
                "input": input,
                "content": outcome.result.content,
                "details": outcome.result.details,
                "is_error": outcome.result.is_error,
            }),
        );
        let host = self.clone();
        let mut patched = outcome.result.clone();
        self.intercept(event, |event, answer| {
            let Some(mut fields) = answer.value else { return ControlFlow::Continue(()) };
            if let Some(content) = fields.remove("content") {
                match result::read_content(content) {
                    Ok(content) => {
                        event.fields.insert("content".into(), content.clone().into());
                        patched.content = content;
                    }
                    Err(problem) => host.notice(
                        crate::host::Level::Warn,
                        &format!(
                            "tool_result of extension `{}` ignored: {problem}",
                            answer.extension
                        ),
                    ),
                }
            }
            if let Some(details) = fields.remove("details") {
                event.fields.insert("details".into(), details.clone());
                patched.details = Some(details);
            }
            if let Some(is_error) = fields.get("is_error").and_then(Value::as_bool) {
                event.fields.insert("is_error".into(), is_error.into());
                patched.is_error = is_error;
            }
            ControlFlow::Continue(())
        })
        .await;
        if patched != outcome.result {
            outcome.result = self.bound_result(patched, &call.name, &call.id);
        }
        outcome
    }
}

/// Queues a tool's `execute`.
pub(crate) fn start_tool(
    tool: &Arc<ToolSpec>,
    input: Value,
    context: Call,
) -> impl Future<Output = Result<Result<ToolResult, String>, CallFailure>> + Send + use<> {
    let label = format!("{TOOL_LABEL}{}", tool.name);
    Invocation::new(&tool.execute, label, budgets::WORK).start(
        move |lua| {
            let params = scheduler::to_lua(lua, &input, Nulls::Nil)?;
            let ctx = api::make_ctx(lua, context)?;
            Ok(MultiValue::from_iter([params, ctx]))
        },
        result::read_lua,
    )
}

async fn prepare_input(prepare: &Callback, tool: &str, input: Value) -> Result<Value, CallFailure> {
    let label = format!("prepare of tool {tool}");
    let fallback = input.clone();
    Invocation::new(prepare, label, budgets::RENDER)
        .start(
            move |lua| Ok(MultiValue::from_iter([scheduler::to_lua(lua, &input, Nulls::Nil)?])),
            |lua, values| match values.into_iter().next() {
                None | Some(LuaValue::Nil) => Ok(None),
                Some(value) => {
                    scheduler::from_lua(lua, &value).map(Some).map_err(mlua::Error::external)
                }
            },
        )
        .await
        .map(|changed| changed.map_or(fallback, empty_table_as_object))
}

/// An empty Lua table has no kind of its own; a tool's input is always an object.
fn empty_table_as_object(value: Value) -> Value {
    match value {
        Value::Array(items) if items.is_empty() => json!({}),
        value => value,
    }
}

/// Checks arguments against the tool's schema; the error says what to send instead.
pub(crate) fn validate(tool: &ToolSpec, input: &Value) -> Result<(), String> {
    const MOST: usize = 8;
    let validator = tool.validator.get_or_init(|| {
        jsonschema::options().build(&tool.parameters).map_err(|err| err.to_string())
    });
    let validator = match validator {
        Ok(validator) => validator,
        Err(err) => {
            return Err(format!("The schema of tool `{}` is not usable: {err}.", tool.name));
        }
    };
    let mut problems: Vec<String> = validator
        .iter_errors(input)
        .take(MOST)
        .map(|err| {
            let place = err.instance_path().to_string();
            if place.is_empty() { err.to_string() } else { format!("{err} (at {place})") }
        })
        .collect();
    if problems.is_empty() {
        return Ok(());
    }
    problems.dedup();
    let list = problems.join("\n- ");
    Err(format!("The arguments of `{}` are not valid:\n- {list}", tool.name))
}
