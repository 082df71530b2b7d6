//! Conversations beside the transcript: one question (`ctx.ai.complete`), or a session in memory with
//! its own tools (`ctx.ai.session`).

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::{
    MAX_STEPS,
    assembler::Update,
    stream::{Answer, ProviderRequest, tool_values},
};
use crate::{
    api::Failure,
    host::{Host, lock},
    message::{self, Outcome, ToolCall},
    models::{Model, Usage},
    session::ContextMessage,
};

/// Hears of what happens: text as it comes, calls and their results.
pub type Listener = Arc<dyn Fn(Value) + Send + Sync>;

/// How a conversation is led.
#[derive(Clone, Debug, Default)]
pub struct Guide {
    pub model: Option<Model>,
    pub system_prompt: String,
    pub reasoning: Option<String>,
    pub max_tokens: Option<u64>,
    /// Names of the tools that may be used; none by default.
    pub tools: Vec<String>,
}

/// What a prompt led to.
#[derive(Clone, Debug)]
pub struct Spoken {
    pub answer: Answer,
    pub usage: Usage,
    /// Model calls.
    pub turns: u64,
}

impl Host {
    /// Goes on with `messages`, which end with what the user says, until the model is done. What is
    /// said is appended to them. Calls pass the same gates as those of the main conversation.
    pub async fn converse(
        self: &Arc<Self>,
        guide: &Guide,
        messages: &Mutex<Vec<Value>>,
        abort: &CancellationToken,
        listener: Option<&Listener>,
    ) -> Spoken {
        let mut usage = Usage::default();
        let mut turns = 0;
        loop {
            turns += 1;
            let mut answer = self.ask_beside(guide, messages, abort, listener).await;
            usage.add(&answer.usage);
            let calls = match answer.stop_reason.as_str() {
                "tool_use" => message::tool_calls(&answer.message),
                _ => Vec::new(),
            };
            if !message::is_empty(&answer.message) && answer.error.is_none() {
                lock(messages).push(answer.message.clone());
            }
            if calls.is_empty() {
                return Spoken { answer, usage, turns };
            }
            for call in &calls {
                let result = self.call_beside(guide, call, abort, listener).await;
                lock(messages).push(result);
            }
            if turns >= MAX_STEPS {
                let text = format!("the limit of {MAX_STEPS} model calls was reached");
                answer.error = Some(Failure::new("invalid_request", text));
                answer.stop_reason = "error".into();
                return Spoken { answer, usage, turns };
            }
        }
    }

    async fn ask_beside(
        self: &Arc<Self>,
        guide: &Guide,
        messages: &Mutex<Vec<Value>>,
        abort: &CancellationToken,
        listener: Option<&Listener>,
    ) -> Answer {
        let Some(model) = guide.model.clone().or_else(|| self.model()) else {
            return Answer::failed(Failure::new("invalid_request", "no model is chosen"));
        };
        let allowed = |name: &String| guide.tools.contains(name);
        let mut tools = self.registry.tools();
        tools.retain(|tool| allowed(&tool.name));
        let messages = lock(messages).clone();
        let used: HashSet<String> =
            messages.iter().flat_map(message::call_ids).map(str::to_owned).collect();
        let request = ProviderRequest {
            model,
            system_prompt: guide.system_prompt.clone(),
            messages: messages.into_iter().map(ContextMessage::Made).collect(),
            tools: tool_values(&tools),
            reasoning: guide.reasoning.clone(),
            max_tokens: guide.max_tokens,
            options: json!({}),
        };
        self.ask_model(request, &used, abort, &mut |_, updates: Vec<Update>| {
            let Some(listener) = listener else { return };
            for update in updates {
                listener(json!({
                    "type": update.kind,
                    "content_index": update.content_index,
                    "delta": update.delta,
                }));
            }
        })
        .await
    }

    async fn call_beside(
        self: &Arc<Self>,
        guide: &Guide,
        call: &ToolCall,
        abort: &CancellationToken,
        listener: Option<&Listener>,
    ) -> Value {
        let tell = |kind: &str, more: Value| {
            if let Some(listener) = listener {
                let mut event = json!({
                    "type": kind, "tool_call_id": call.id, "tool_name": call.name,
                });
                event["args"] = call.arguments.clone();
                event["result"] = more;
                listener(event);
            }
        };
        tell("tool_call", Value::Null);
        let result = if guide.tools.contains(&call.name) {
            let outcome = self.dispatch(call, "extension", abort).await;
            message::tool_result(call, outcome.result.content, outcome.outcome)
        } else {
            let text = format!("the tool `{}` is not available here", call.name);
            message::tool_result(call, vec![message::text_block(text)], Outcome::Error)
        };
        let result = Value::Object(result);
        tell("tool_result", result.clone());
        result
    }
}
