//! Assembling an answer from what an adapter emits. The host does it, so an adapter can be small and
//! cannot break a transcript.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value, json};

use crate::models::Usage;

/// How an answer can end.
pub const STOP_REASONS: &[&str] = &["stop", "tool_use", "length", "refusal", "pause"];

/// One thing an adapter emitted.
#[derive(Debug, Default)]
pub struct Emit {
    pub kind: EmitKind,
    /// Which block it belongs to, where blocks interleave.
    pub block: Option<String>,
    /// Text, thinking, or a piece of a call's arguments; WTF-8.
    pub text: Option<Vec<u8>>,
    pub id: Option<String>,
    pub name: Option<String>,
    /// A call's arguments, whole.
    pub arguments: Option<Value>,
    /// Fields to keep on the block, or the numbers of a usage report.
    pub fields: Map<String, Value>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EmitKind {
    #[default]
    Response,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Stop,
}

impl EmitKind {
    pub const NAMES: &[(&str, Self)] = &[
        ("response", Self::Response),
        ("text", Self::Text),
        ("thinking", Self::Thinking),
        ("tool_call", Self::ToolCall),
        ("usage", Self::Usage),
        ("stop", Self::Stop),
    ];
}

/// A change of an answer, for those who watch it grow. Neighbours of one block are joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// `text_start`, `text_delta`, `thinking_start`, `thinking_delta`, `toolcall_start`,
    /// `toolcall_delta`.
    pub kind: &'static str,
    pub content_index: usize,
    pub delta: String,
}

#[derive(Debug)]
struct Block {
    kind: EmitKind,
    text: Vec<u8>,
    /// How much of `text` watchers have been told.
    told: usize,
    id: String,
    name: String,
    arguments: Option<Value>,
    fields: Map<String, Value>,
}

/// An answer that grows.
#[derive(Debug, Default)]
pub struct Assembler {
    blocks: Vec<Block>,
    by_key: HashMap<String, usize>,
    open: Option<usize>,
    response: Map<String, Value>,
    usage: Option<Map<String, Value>>,
    stop: Option<(String, Value)>,
    started: bool,
    updates: Vec<Update>,
}

/// What an answer came to.
#[derive(Debug)]
pub struct Assembled {
    pub content: Vec<Value>,
    pub usage: Option<Usage>,
    /// What the provider itself said it cost.
    pub reported_cost: Option<f64>,
    pub stop_reason: Option<String>,
    pub raw_stop_reason: Value,
    pub response: Map<String, Value>,
}

impl Assembler {
    /// Takes what an adapter emitted. The error says which rule it broke.
    pub fn push(&mut self, emit: Emit) -> Result<(), String> {
        self.started = true;
        if self.stop.is_some() && !matches!(emit.kind, EmitKind::Usage | EmitKind::Response) {
            return Err("nothing but usage may follow `stop`".into());
        }
        match emit.kind {
            EmitKind::Response => {
                for (key, value) in emit.fields {
                    self.response.insert(key, value);
                }
            }
            EmitKind::Usage => {
                let usage = self.usage.get_or_insert_with(Map::new);
                for (key, value) in emit.fields {
                    // A provider that reports nonsense has reported nothing.
                    if value.as_f64().is_some_and(|number| (0.0..1e15).contains(&number)) {
                        usage.insert(key, value);
                    }
                }
            }
            EmitKind::Stop => {
                let reason = emit.name.unwrap_or_default();
                if !STOP_REASONS.contains(&reason.as_str()) {
                    return Err(format!("`{reason}` is none of {}", STOP_REASONS.join(", ")));
                }
                let raw = emit.fields.get("raw").cloned().unwrap_or(Value::Null);
                self.stop = Some((reason, raw));
            }
            EmitKind::Text | EmitKind::Thinking | EmitKind::ToolCall => self.push_block(emit)?,
        }
        Ok(())
    }

    fn push_block(&mut self, emit: Emit) -> Result<(), String> {
        let known = match &emit.block {
            Some(key) => self.by_key.get(key).copied(),
            None => self.open.filter(|index| {
                let block = &self.blocks[*index];
                // Whole arguments end a call: whatever comes then begins another one.
                block.kind == emit.kind
                    && block.arguments.is_none()
                    && emit.id.as_ref().is_none_or(|id| block.id.is_empty() || *id == block.id)
            }),
        };
        let index = match known {
            Some(index) => {
                if self.blocks[index].kind != emit.kind {
                    return Err("a block cannot change its type".into());
                }
                index
            }
            None => self.open_block(emit.kind, emit.block),
        };
        self.open = Some(index);
        let block = &mut self.blocks[index];
        if let Some(id) = emit.id.filter(|id| !id.is_empty()) {
            block.id = id;
        }
        if let Some(name) = emit.name.filter(|name| !name.is_empty()) {
            block.name = name;
        }
        if emit.arguments.is_some() {
            block.arguments = emit.arguments;
        }
        for (key, value) in emit.fields {
            block.fields.insert(key, value);
        }
        if let Some(text) = emit.text {
            append_wtf8(&mut block.text, &text);
            self.note_growth(index);
        }
        Ok(())
    }

    fn open_block(&mut self, kind: EmitKind, key: Option<String>) -> usize {
        let index = self.blocks.len();
        self.blocks.push(Block {
            kind,
            text: Vec::new(),
            told: 0,
            id: String::new(),
            name: String::new(),
            arguments: None,
            fields: Map::new(),
        });
        if let Some(key) = key {
            self.by_key.insert(key, index);
        }
        let name = match kind {
            EmitKind::Thinking => "thinking_start",
            EmitKind::ToolCall => "toolcall_start",
            _ => "text_start",
        };
        self.updates.push(Update { kind: name, content_index: index, delta: String::new() });
        index
    }

    /// Notes what is new in a block, up to its last whole character.
    fn note_growth(&mut self, index: usize) {
        let block = &mut self.blocks[index];
        let new = &block.text[block.told..];
        let whole = match std::str::from_utf8(new) {
            Ok(text) => text,
            // Half of a surrogate pair waits for the other half; anything else is replaced at once.
            Err(err) if err.valid_up_to() + 3 >= new.len() => {
                std::str::from_utf8(&new[..err.valid_up_to()]).unwrap_or_default()
            }
            Err(_) => {
                let text = String::from_utf8_lossy(new).into_owned();
                block.told = block.text.len();
                self.updates.push(delta(block.kind, index, text));
                return;
            }
        };
        if whole.is_empty() {
            return;
        }
        block.told += whole.len();
        let update = delta(block.kind, index, whole.to_owned());
        match self.updates.last_mut() {
            Some(last) if last.kind == update.kind && last.content_index == index => {
                last.delta.push_str(&update.delta);
            }
            _ => self.updates.push(update),
        }
    }

    /// Whether anything came yet.
    pub fn has_started(&self) -> bool {
        self.started
    }

    /// Whether text, thinking or a call came.
    pub fn has_content(&self) -> bool {
        !self.blocks.is_empty()
    }

    /// What is new since the last time.
    pub fn take_updates(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.updates)
    }

    /// The content so far, for display.
    pub fn snapshot(&self) -> Value {
        let blocks: Vec<Value> = self.blocks.iter().map(Block::display).collect();
        json!({ "role": "assistant", "content": blocks })
    }

    /// Ends the answer. Calls get an id that is not in `used`; those that may not run say why.
    pub fn finish(self, used: &HashSet<String>) -> Assembled {
        let stop_reason = self.stop.as_ref().map(|(reason, _)| reason.clone());
        let whole = matches!(stop_reason.as_deref(), Some("stop" | "tool_use"));
        let mut ids = used.clone();
        let mut content = Vec::new();
        let mut has_calls = false;
        for block in self.blocks {
            match block.kind {
                EmitKind::ToolCall => {
                    has_calls = true;
                    content.push(block.finish_call(whole, &mut ids));
                }
                _ => content.extend(block.finish_text()),
            }
        }
        let stop_reason = match stop_reason.as_deref() {
            Some("stop") if has_calls => Some("tool_use".to_owned()),
            Some("tool_use") if !has_calls => Some("stop".to_owned()),
            _ => stop_reason,
        };
        let number = |usage: &Map<String, Value>, name: &str| {
            usage.get(name).and_then(Value::as_f64).unwrap_or(0.0) as u64
        };
        let reported_cost =
            self.usage.as_ref().and_then(|usage| usage.get("cost")).and_then(Value::as_f64);
        let usage = self.usage.map(|usage| Usage {
            input: number(&usage, "input"),
            output: number(&usage, "output"),
            cache_read: number(&usage, "cache_read"),
            cache_write: number(&usage, "cache_write"),
            reasoning: number(&usage, "reasoning"),
            cost: None,
        });
        Assembled {
            content,
            usage,
            reported_cost,
            stop_reason,
            raw_stop_reason: self.stop.map_or(Value::Null, |(_, raw)| raw),
            response: self.response,
        }
    }
}

fn delta(kind: EmitKind, content_index: usize, delta: String) -> Update {
    let kind = match kind {
        EmitKind::Thinking => "thinking_delta",
        EmitKind::ToolCall => "toolcall_delta",
        _ => "text_delta",
    };
    Update { kind, content_index, delta }
}

impl Block {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }

    fn display(&self) -> Value {
        match self.kind {
            EmitKind::ToolCall => json!({
                "type": "tool_call", "id": self.id, "name": self.name, "raw_arguments": self.text(),
            }),
            EmitKind::Thinking => json!({ "type": "thinking", "text": self.text() }),
            _ => json!({ "type": "text", "text": self.text() }),
        }
    }

    fn finish_text(self) -> Option<Value> {
        let text = self.text();
        if self.kind == EmitKind::Text && text.is_empty() && self.fields.is_empty() {
            return None;
        }
        let mut map = self.fields;
        map.insert(
            "type".into(),
            if self.kind == EmitKind::Thinking { "thinking" } else { "text" }.into(),
        );
        map.insert("text".into(), text.into());
        Some(Value::Object(map))
    }

    fn finish_call(self, whole: bool, ids: &mut HashSet<String>) -> Value {
        let raw = self.text();
        let parsed = match self.arguments {
            Some(arguments) => Ok(arguments),
            None if raw.trim().is_empty() => Ok(json!({})),
            None => parse_arguments(&raw),
        };
        let parsed = match parsed {
            // An empty Lua table has no kind of its own; arguments are always an object.
            Ok(Value::Array(items)) if items.is_empty() => Ok(json!({})),
            other => other,
        };
        let mut map = self.fields;
        let fault = match &parsed {
            _ if !whole => Some("the answer ended before the call was complete".to_owned()),
            _ if self.name.is_empty() => Some("the call names no tool".to_owned()),
            Ok(Value::Object(_)) => None,
            Ok(_) => Some("the arguments are not a JSON object".to_owned()),
            Err(err) => Some(format!("the arguments are not JSON: {err}")),
        };
        let arguments = match parsed {
            Ok(arguments @ Value::Object(_)) => arguments,
            _ => json!({}),
        };
        if let Some(fault) = fault {
            map.insert("incomplete".into(), true.into());
            map.insert("fault".into(), fault.into());
            map.insert("raw_arguments".into(), raw.into());
        } else if !raw.is_empty() && is_other_text(&raw, &arguments) {
            // Kept as it came: replaying other bytes would miss the provider's cache.
            map.insert("raw_arguments".into(), raw.into());
        }
        map.insert("type".into(), "tool_call".into());
        map.insert("id".into(), unique_id(self.id, ids).into());
        map.insert("name".into(), self.name.into());
        map.insert("arguments".into(), arguments);
        Value::Object(map)
    }
}

/// Whether the model wrote its arguments otherwise than we would encode them.
fn is_other_text(raw: &str, arguments: &Value) -> bool {
    let ours = arguments.to_string();
    raw != ours
}

fn unique_id(id: String, ids: &mut HashSet<String>) -> String {
    let base = if id.is_empty() { format!("call_{}", crate::journal::new_id()) } else { id };
    let mut id = base.clone();
    let mut number = 2;
    while !ids.insert(id.clone()) {
        id = format!("{base}_{number}");
        number += 1;
    }
    id
}

/// Parses arguments; control characters inside strings, and backslashes that escape nothing, are
/// the two faults that models make and that have only one reading.
fn parse_arguments(raw: &str) -> Result<Value, serde_json::Error> {
    let first = match serde_json::from_str(raw) {
        Ok(value) => return Ok(value),
        Err(err) => err,
    };
    let mut fixed = String::with_capacity(raw.len() + 16);
    let mut in_string = false;
    let mut chars = raw.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                in_string = !in_string;
                fixed.push(c);
            }
            '\\' if in_string => match chars.peek() {
                Some('"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' | 'u') => {
                    fixed.push(c);
                    fixed.extend(chars.next());
                }
                _ => fixed.push_str("\\\\"),
            },
            c if in_string && c < ' ' => fixed.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => fixed.push(c),
        }
    }
    serde_json::from_str(&fixed).map_err(|_| first)
}

/// Appends WTF-8; a high surrogate at the end of one text and a low one at the start of the next
/// become the character they are halves of.
fn append_wtf8(text: &mut Vec<u8>, more: &[u8]) {
    if let [.., 0xED, high @ 0xA0..=0xAF, high_low] = *text.as_slice()
        && let [0xED, low @ 0xB0..=0xBF, low_low, ..] = *more
    {
        let unit = |second: u8, third: u8| {
            0xD000 | (u32::from(second & 0x3F) << 6) | u32::from(third & 0x3F)
        };
        let point =
            0x10000 + ((unit(high, high_low) - 0xD800) << 10) + (unit(low, low_low) - 0xDC00);
        if let Some(c) = char::from_u32(point) {
            text.truncate(text.len() - 3);
            text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            text.extend_from_slice(&more[3..]);
            return;
        }
    }
    text.extend_from_slice(more);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(assembler: &mut Assembler, kind: EmitKind, block: Option<&str>, text: &[u8]) {
        let emit = Emit {
            kind,
            block: block.map(str::to_owned),
            text: Some(text.to_vec()),
            ..Emit::default()
        };
        assembler.push(emit).expect("it fits");
    }

    fn stop(assembler: &mut Assembler, reason: &str) {
        let emit = Emit { kind: EmitKind::Stop, name: Some(reason.into()), ..Emit::default() };
        assembler.push(emit).expect("it fits");
    }

    fn call(assembler: &mut Assembler, block: &str, id: &str, arguments: &str) {
        assembler
            .push(Emit {
                kind: EmitKind::ToolCall,
                block: Some(block.into()),
                id: Some(id.into()),
                name: Some("t".into()),
                text: Some(arguments.into()),
                ..Emit::default()
            })
            .expect("it fits");
    }

    #[test]
    fn deltas_of_a_block_are_joined_and_kinds_open_new_blocks() {
        let mut assembler = Assembler::default();
        text(&mut assembler, EmitKind::Thinking, None, b"hm");
        text(&mut assembler, EmitKind::Text, None, b"a");
        text(&mut assembler, EmitKind::Text, None, b"b");
        let kinds: Vec<_> =
            assembler.take_updates().into_iter().map(|u| (u.kind, u.delta)).collect();
        let wanted = [
            ("thinking_start", ""),
            ("thinking_delta", "hm"),
            ("text_start", ""),
            ("text_delta", "ab"),
        ];
        assert_eq!(kinds, wanted.map(|(kind, delta)| (kind, delta.to_owned())));
        stop(&mut assembler, "stop");
        let assembled = assembler.finish(&HashSet::new());
        assert_eq!(assembled.content[1], json!({ "type": "text", "text": "ab" }));
    }

    #[test]
    fn halves_of_a_surrogate_pair_meet_across_deltas() {
        let mut assembler = Assembler::default();
        text(&mut assembler, EmitKind::Text, None, b"a\xED\xA0\xBD");
        text(&mut assembler, EmitKind::Text, None, b"\xED\xB8\x80b");
        let told: String = assembler.take_updates().into_iter().map(|u| u.delta).collect();
        assert_eq!(told, "a😀b");
        stop(&mut assembler, "stop");
        assert_eq!(assembler.finish(&HashSet::new()).content[0]["text"], "a😀b");
    }

    #[test]
    fn a_call_of_a_cut_answer_never_runs() {
        for reason in [None, Some("length"), Some("refusal")] {
            let mut assembler = Assembler::default();
            call(&mut assembler, "0", "a", r#"{"x":1}"#);
            if let Some(reason) = reason {
                stop(&mut assembler, reason);
            }
            let content = assembler.finish(&HashSet::new()).content;
            assert_eq!(content[0]["incomplete"], true, "{reason:?}");
        }
    }

    #[test]
    fn interleaved_calls_keep_their_bytes_apart_and_get_unique_ids() {
        let mut assembler = Assembler::default();
        call(&mut assembler, "0", "same", "{\"a\":");
        call(&mut assembler, "1", "same", "{\"b\":");
        call(&mut assembler, "0", "", "1}");
        call(&mut assembler, "1", "", "2}");
        call(&mut assembler, "2", "", "");
        stop(&mut assembler, "tool_use");
        let content = assembler.finish(&HashSet::from(["same".to_owned()])).content;
        assert_eq!(content[0]["arguments"], json!({ "a": 1 }));
        assert_eq!(content[1]["arguments"], json!({ "b": 2 }));
        assert_eq!(content[2]["arguments"], json!({}));
        let ids: HashSet<_> = content.iter().map(|call| call["id"].to_string()).collect();
        assert!(ids.len() == 3 && !ids.contains("\"same\""), "{ids:?}");
    }

    #[test]
    fn only_faults_with_one_reading_are_mended() {
        let mended = parse_arguments("{\"a\":\"x\n\\d\"}").expect("it is mended");
        assert_eq!(mended, json!({ "a": "x\n\\d" }));
        for broken in ["{\"a\":", "{a:1}", "{\"a\":1}}", "nope"] {
            assert!(parse_arguments(broken).is_err(), "{broken}");
        }
    }

    #[test]
    fn nonsense_usage_is_dropped_and_later_reports_replace() {
        let mut assembler = Assembler::default();
        for fields in [json!({ "input": 5, "output": 1 }), json!({ "output": -1, "input": 7 })] {
            let fields = fields.as_object().cloned().unwrap_or_default();
            assembler
                .push(Emit { kind: EmitKind::Usage, fields, ..Emit::default() })
                .expect("it fits");
        }
        let usage = assembler.finish(&HashSet::new()).usage.expect("usage came");
        assert_eq!((usage.input, usage.output), (7, 1));
    }
}
