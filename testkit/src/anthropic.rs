//! Answers of Anthropic's Messages API, whole and with usage.

use serde_json::{Value, json};

use crate::sse::named;

/// An answer in the making.
#[derive(Debug, Default)]
pub struct Answer {
    events: String,
    blocks: usize,
    calls: bool,
}

impl Answer {
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn text(self, text: &str) -> Self {
        let (head, tail) = halves(text);
        let delta = |text: &str| json!({ "type": "text_delta", "text": text });
        self.block(&json!({ "type": "text", "text": "" }), &[delta(head), delta(tail)])
    }

    #[must_use]
    pub fn thinking(self, text: &str, signature: &str) -> Self {
        let deltas = [
            json!({ "type": "thinking_delta", "thinking": text }),
            json!({ "type": "signature_delta", "signature": signature }),
        ];
        self.block(&json!({ "type": "thinking", "thinking": "", "signature": "" }), &deltas)
    }

    #[must_use]
    pub fn redacted_thinking(self, data: &str) -> Self {
        self.block(&json!({ "type": "redacted_thinking", "data": data }), &[])
    }

    /// A call; its arguments arrive in pieces, in the words of `arguments`.
    #[must_use]
    pub fn tool_call(mut self, id: &str, name: &str, arguments: &str) -> Self {
        self.calls = true;
        let (head, tail) = halves(arguments);
        let delta = |text: &str| json!({ "type": "input_json_delta", "partial_json": text });
        let start = json!({ "type": "tool_use", "id": id, "name": name, "input": {} });
        self.block(&start, &[delta(""), delta(head), delta(tail)])
    }

    fn block(mut self, start: &Value, deltas: &[Value]) -> Self {
        let index = self.blocks;
        self.blocks += 1;
        let mut event = |name: &str, mut data: Value| {
            data["type"] = name.into();
            data["index"] = index.into();
            self.events.push_str(&named(name, &data));
        };
        event("content_block_start", json!({ "content_block": start }));
        for delta in deltas {
            event("content_block_delta", json!({ "delta": delta }));
        }
        event("content_block_stop", json!({}));
        self
    }

    /// The body, ended as fits its content.
    pub fn sse(self) -> Vec<u8> {
        let reason = if self.calls { "tool_use" } else { "end_turn" };
        self.sse_ended_by(reason)
    }

    /// The body, with this `stop_reason`.
    pub fn sse_ended_by(self, reason: &str) -> Vec<u8> {
        let usage = json!({
            "input_tokens": 12, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0,
            "output_tokens": 1,
        });
        let message = json!({
            "id": "msg_test", "type": "message", "role": "assistant", "model": "claude-test",
            "content": [], "stop_reason": null, "stop_sequence": null, "usage": usage,
        });
        let start = json!({ "type": "message_start", "message": message });
        let end = json!({
            "type": "message_delta",
            "delta": { "stop_reason": reason, "stop_sequence": null },
            "usage": { "output_tokens": 7 },
        });
        let body = [
            named("message_start", &start),
            named("ping", &json!({ "type": "ping" })),
            self.events,
            named("message_delta", &end),
            named("message_stop", &json!({ "type": "message_stop" })),
        ];
        body.concat().into_bytes()
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

/// Two parts of a text, so that every answer is more than one delta.
pub(crate) fn halves(text: &str) -> (&str, &str) {
    let mut middle = text.len() / 2;
    while !text.is_char_boundary(middle) {
        middle += 1;
    }
    text.split_at(middle)
}
