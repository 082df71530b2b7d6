//! Answers of OpenAI's Chat Completions, whole and with usage.

use serde_json::{Value, json};

use crate::{anthropic::halves, sse::plain};

/// An answer in the making.
#[derive(Debug, Default)]
pub struct Answer {
    deltas: Vec<Value>,
    calls: usize,
}

impl Answer {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let (head, tail) = halves(text);
        self.delta(json!({ "content": head })).delta(json!({ "content": tail }))
    }

    /// Thinking, in the field that the server has for it.
    #[must_use]
    pub fn thinking(self, field: &str, text: &str) -> Self {
        self.delta(json!({ field: text }))
    }

    /// A call; its arguments arrive in pieces, in the words of `arguments`.
    #[must_use]
    pub fn tool_call(mut self, id: &str, name: &str, arguments: &str) -> Self {
        let index = self.calls;
        self.calls += 1;
        let (head, tail) = halves(arguments);
        let piece = |text: &str| json!({ "index": index, "function": { "arguments": text } });
        let start = json!({
            "index": index, "id": id, "type": "function",
            "function": { "name": name, "arguments": "" },
        });
        [start, piece(head), piece(tail)]
            .into_iter()
            .fold(self, |answer, call| answer.delta(json!({ "tool_calls": [call] })))
    }

    /// Any delta at all.
    #[must_use]
    pub fn delta(mut self, delta: Value) -> Self {
        self.deltas.push(delta);
        self
    }

    /// The body, ended as fits its content.
    pub fn sse(self) -> Vec<u8> {
        let reason = if self.calls > 0 { "tool_calls" } else { "stop" };
        self.sse_ended_by(reason)
    }

    /// The body, with this `finish_reason`.
    pub fn sse_ended_by(self, reason: &str) -> Vec<u8> {
        let chunk = |choices: Value, usage: Value| {
            plain(&json!({
                "id": "chatcmpl-test", "object": "chat.completion.chunk", "created": 1_795_000_000,
                "model": "gpt-test", "choices": choices, "usage": usage,
            }))
        };
        let choice = |delta: &Value, reason: Option<&str>| {
            let choice = json!({ "index": 0, "delta": delta, "finish_reason": reason });
            chunk(json!([choice]), Value::Null)
        };
        let mut body =
            choice(&json!({ "role": "assistant", "content": "", "refusal": null }), None);
        for delta in &self.deltas {
            body.push_str(&choice(delta, None));
        }
        body.push_str(&choice(&json!({}), Some(reason)));
        let usage = json!({
            "prompt_tokens": 12, "completion_tokens": 7, "total_tokens": 19,
            "prompt_tokens_details": { "cached_tokens": 0 },
        });
        body.push_str(&chunk(json!([]), usage));
        body.push_str("data: [DONE]\n\n");
        body.into_bytes()
    }
}

/// An answer that is one text.
pub fn text(text: &str) -> Vec<u8> {
    Answer::new().text(text).sse()
}

/// An answer that is one call.
pub fn tool_call(id: &str, name: &str, arguments: &Value) -> Vec<u8> {
    Answer::new().tool_call(id, name, &arguments.to_string()).sse()
}
