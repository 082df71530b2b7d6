//! Messages: the neutral transcript that every provider adapter translates from.
//!
//! A message is data (`{role, content, …}`), shared and never changed once it is made.

use serde_json::{Map, Value, json};

/// Which side of a tool call a result took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Ok,
    Error,
    Blocked,
    Aborted,
}

impl Outcome {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Blocked => "blocked",
            Self::Aborted => "aborted",
        }
    }
}

/// A call that the model asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    pub id: String,
    pub name: String,
    pub arguments: Value,
    /// Why the arguments cannot be used: cut off, or not JSON.
    pub fault: Option<String>,
}

impl ToolCall {
    /// The call as a content block.
    pub fn to_value(&self) -> Value {
        json!({ "id": self.id, "name": self.name, "arguments": self.arguments })
    }
}

/// Text as the only content of a message or a result.
pub fn text_block(text: impl Into<String>) -> Value {
    json!({ "type": "text", "text": text.into() })
}

/// A user message.
pub fn user(text: &str, images: &[Value]) -> Value {
    if images.is_empty() {
        return json!({ "role": "user", "content": text });
    }
    let mut blocks = vec![text_block(text)];
    blocks.extend(images.iter().cloned());
    json!({ "role": "user", "content": blocks })
}

/// The result of `call`, as the model will see it.
pub fn tool_result(call: &ToolCall, content: Vec<Value>, outcome: Outcome) -> Map<String, Value> {
    let mut message = Map::new();
    message.insert("role".into(), "tool_result".into());
    message.insert("tool_call_id".into(), call.id.clone().into());
    message.insert("tool_name".into(), call.name.clone().into());
    message.insert("content".into(), content.into());
    message.insert("is_error".into(), (outcome != Outcome::Ok).into());
    message.insert("outcome".into(), outcome.name().into());
    message
}

pub fn role(message: &Value) -> &str {
    message.get("role").and_then(Value::as_str).unwrap_or_default()
}

/// The content as blocks; a plain string is one text block.
pub fn blocks(message: &Value) -> Vec<Value> {
    match message.get("content") {
        Some(Value::String(text)) => vec![text_block(text.as_str())],
        Some(Value::Array(blocks)) => blocks.clone(),
        _ => Vec::new(),
    }
}

pub fn block_type(block: &Value) -> &str {
    block.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// All text blocks, joined.
pub fn text(message: &Value) -> String {
    let mut text = String::new();
    match message.get("content") {
        Some(Value::String(whole)) => text.push_str(whole),
        Some(Value::Array(blocks)) => {
            for block in blocks.iter().filter(|block| block_type(block) == "text") {
                text.push_str(block.get("text").and_then(Value::as_str).unwrap_or_default());
            }
        }
        _ => {}
    }
    text
}

/// Whether there is any content.
pub fn is_empty(message: &Value) -> bool {
    match message.get("content") {
        Some(Value::String(_)) => false,
        Some(Value::Array(blocks)) => blocks.is_empty(),
        _ => true,
    }
}

/// The ids of the calls of an assistant message, in order.
pub fn call_ids(message: &Value) -> impl Iterator<Item = &str> {
    let blocks = message.get("content").and_then(Value::as_array).into_iter().flatten();
    blocks
        .filter(|block| block_type(block) == "tool_call")
        .filter_map(|block| block.get("id").and_then(Value::as_str))
}

/// The calls of an assistant message, in order.
pub fn tool_calls(message: &Value) -> Vec<ToolCall> {
    let Some(Value::Array(blocks)) = message.get("content") else { return Vec::new() };
    let text = |block: &Value, name: &str| {
        block.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    blocks
        .iter()
        .filter(|block| block_type(block) == "tool_call")
        .map(|block| ToolCall {
            id: text(block, "id"),
            name: text(block, "name"),
            arguments: block.get("arguments").cloned().unwrap_or_else(|| json!({})),
            fault: block.get("fault").and_then(Value::as_str).map(str::to_owned),
        })
        .collect()
}
