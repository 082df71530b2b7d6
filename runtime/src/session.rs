//! The session of a run: its journal, and what the model is to see of it.

use std::{
    collections::{HashMap, HashSet},
    ops::Deref,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde_json::{Map, Value, json};

use crate::{
    journal::{Entry, Journal, JournalError},
    message::{self, Outcome, ToolCall},
    models::Usage,
};

/// A message of the model's context: one of the journal's, or one made from it.
#[derive(Clone, Debug)]
pub enum ContextMessage {
    Entry(Arc<Entry>),
    Made(Value),
}

impl Deref for ContextMessage {
    type Target = Value;
    fn deref(&self) -> &Value {
        match self {
            Self::Entry(entry) => entry.message().unwrap_or(&Value::Null),
            Self::Made(value) => value,
        }
    }
}

/// A journal that several threads read and one at a time appends to.
#[derive(Debug)]
pub struct Session {
    journal: Mutex<Journal>,
}

/// What an append came to.
#[derive(Debug)]
pub struct Appended {
    pub entry: Arc<Entry>,
    /// Why it is not in the file yet.
    pub problem: Option<JournalError>,
}

impl Session {
    pub fn new(journal: Journal) -> Self {
        Self { journal: Mutex::new(journal) }
    }

    pub fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with another journal.
    pub fn replace(&self, journal: Journal) {
        *self.journal() = journal;
    }

    pub fn id(&self) -> String {
        self.journal().header().id.clone()
    }

    pub fn file(&self) -> Option<PathBuf> {
        self.journal().file().map(PathBuf::from)
    }

    pub fn append(&self, kind: &str, data: Value) -> Appended {
        let data = match data {
            Value::Object(data) => data,
            other => Map::from_iter([("value".to_owned(), other)]),
        };
        let (entry, written) = self.journal().append(kind, data);
        Appended { entry, problem: written.err() }
    }

    pub fn append_message(&self, message: Value) -> Appended {
        self.append("message", json!({ "message": message }))
    }

    /// Brings everything appended to disk.
    pub async fn sync(&self) -> Result<(), JournalError> {
        let work = self.journal().sync()?;
        match work {
            None => Ok(()),
            Some(work) => match tokio::task::spawn_blocking(work).await {
                Ok(result) => result,
                // The blocking pool only goes away with the process.
                Err(_) => Ok(()),
            },
        }
    }

    /// The name that the user gave the session.
    pub fn name(&self) -> Option<String> {
        let journal = self.journal();
        let named = journal.path().into_iter().rev().find(|entry| entry.kind == "session_info")?;
        named.data.get("name").and_then(Value::as_str).map(str::to_owned)
    }

    /// What the requests of all branches used.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for entry in self.journal().entries() {
            if let Some(used) = entry.message().and_then(|message| message.get("usage")) {
                usage.add(&Usage::from_value(used));
            }
        }
        usage
    }

    /// The model that the session was last used with, as `provider`, `id`.
    pub fn last_model(&self) -> Option<(String, String)> {
        let path = self.journal().path();
        path.iter().rev().find_map(|entry| {
            let holder = match entry.kind.as_str() {
                "model_change" => &entry.data,
                "message" => entry.message()?.as_object()?,
                _ => return None,
            };
            let text = |name: &str| holder.get(name).and_then(Value::as_str).map(str::to_owned);
            Some((text("provider")?, text("model")?))
        })
    }

    /// The calls of the current branch that have no result, with the calls' order kept.
    pub fn open_calls(&self) -> Vec<ToolCall> {
        let path = self.journal().path();
        let answered: HashSet<&str> = path
            .iter()
            .filter_map(|entry| entry.message()?.get("tool_call_id")?.as_str())
            .collect();
        path.iter()
            .filter_map(|entry| entry.message())
            .filter(|message| is_replayed(message))
            .flat_map(message::tool_calls)
            .filter(|call| !answered.contains(call.id.as_str()))
            .collect()
    }

    /// What the model sees: the branch from its newest compaction on, as whole exchanges.
    pub fn context(&self) -> Vec<ContextMessage> {
        let path = self.journal().path();
        pair_calls(visible(&path))
    }

    /// About how many tokens the context takes: what the last answer reported, and an estimate of
    /// what came after it.
    pub fn context_tokens(&self) -> u64 {
        tokens_of(&self.context())
    }
}

/// See [`Session::context_tokens`].
pub fn tokens_of(context: &[ContextMessage]) -> u64 {
    let last_report = context.iter().rposition(|message| {
        message::role(message) == "assistant"
            && message.get("usage").is_some_and(|usage| Usage::from_value(usage).total() > 0)
    });
    let (reported, after) = match last_report {
        Some(at) => {
            let usage = context[at].get("usage").map(Usage::from_value).unwrap_or_default();
            (usage.total(), &context[at + 1..])
        }
        None => (0, context),
    };
    reported + after.iter().map(|message| estimate_tokens(message)).sum::<u64>()
}

/// About four bytes of text are a token; an image is about 1,200.
pub fn estimate_tokens(message: &Value) -> u64 {
    let mut bytes = 0;
    let mut images = 0;
    match message.get("content") {
        Some(Value::String(text)) => bytes = text.len(),
        Some(Value::Array(blocks)) => {
            for block in blocks {
                match message::block_type(block) {
                    "image" => images += 1,
                    "tool_call" => bytes += block.to_string().len(),
                    _ => bytes += block.get("text").and_then(Value::as_str).map_or(0, str::len),
                }
            }
        }
        _ => {}
    }
    (bytes as u64).div_ceil(4) + images * 1200 + 4
}

/// Whether a message goes back to the model. An answer that ended in an error does not: what
/// followed it started over.
fn is_replayed(message: &Value) -> bool {
    let stop = message.get("stop_reason").and_then(Value::as_str);
    !(message::role(message) == "assistant" && stop == Some("error"))
}

/// The messages from the newest compaction of `path` on, its summary first.
fn visible(path: &[Arc<Entry>]) -> Vec<ContextMessage> {
    let compaction = path.iter().rposition(|entry| entry.kind == "compaction");
    let mut messages = Vec::new();
    let mut start = 0;
    if let Some(at) = compaction {
        let text = |name: &str| path[at].data.get(name).and_then(Value::as_str);
        messages.push(ContextMessage::Made(summary_message(text("summary").unwrap_or_default())));
        start = text("first_kept_entry_id")
            .and_then(|id| path.iter().position(|entry| entry.id == id))
            .unwrap_or(at);
    }
    for entry in &path[start..] {
        match entry.kind.as_str() {
            "message" => match entry.message() {
                Some(message) if is_replayed(message) => messages.extend(replayable(entry)),
                _ => {}
            },
            "branch_summary" => {
                let summary = entry.data.get("summary").and_then(Value::as_str).unwrap_or_default();
                messages.push(ContextMessage::Made(summary_message(summary)));
            }
            _ => {}
        }
    }
    messages
}

fn summary_message(summary: &str) -> Value {
    let text = format!(
        "The conversation so far was summarised to save space. The summary:\n\n<summary>\n{summary}\n</summary>"
    );
    message::user(&text, &[])
}

/// The entry's message as it is replayed: of an answer that was cut off, only its text.
fn replayable(entry: &Arc<Entry>) -> Option<ContextMessage> {
    let message = entry.message()?;
    let stop = message.get("stop_reason").and_then(Value::as_str);
    if message::role(message) != "assistant" || stop != Some("aborted") {
        return Some(ContextMessage::Entry(entry.clone()));
    }
    let text: Vec<Value> = message::blocks(message)
        .into_iter()
        .filter(|block| message::block_type(block) == "text")
        .filter(|block| {
            block.get("text").and_then(Value::as_str).is_some_and(|text| !text.trim().is_empty())
        })
        .collect();
    if text.is_empty() {
        return None;
    }
    let mut message = message.clone();
    message["content"] = text.into();
    Some(ContextMessage::Made(message))
}

/// Gives every call exactly one result, right after the answer that made it: results without a call
/// are left out, second ones too, and missing ones are made.
fn pair_calls(messages: Vec<ContextMessage>) -> Vec<ContextMessage> {
    let mut results: HashMap<String, ContextMessage> = HashMap::new();
    for message in &messages {
        if let Some(id) = message.get("tool_call_id").and_then(Value::as_str)
            && !results.contains_key(id)
        {
            results.insert(id.to_owned(), message.clone());
        }
    }
    let mut paired = Vec::with_capacity(messages.len());
    for message in messages {
        match message::role(&message) {
            "tool_result" => {}
            "assistant" => {
                if message::is_empty(&message) {
                    continue;
                }
                let found: Vec<_> =
                    message::call_ids(&message).map(|id| results.remove(id)).collect();
                let missing = found.iter().any(Option::is_none);
                let calls = if missing { message::tool_calls(&message) } else { Vec::new() };
                paired.push(message);
                for (index, result) in found.into_iter().enumerate() {
                    paired.push(result.unwrap_or_else(|| {
                        ContextMessage::Made(Value::Object(interrupted(&calls[index])))
                    }));
                }
            }
            _ => paired.push(message),
        }
    }
    paired
}

/// The result of a call that nobody finished.
pub fn interrupted(call: &ToolCall) -> Map<String, Value> {
    let text = "The call was interrupted before it finished. It may have had effects; check before \
                you repeat it.";
    message::tool_result(call, vec![message::text_block(text)], Outcome::Aborted)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn session(messages: &[Value]) -> Session {
        let session = Session::new(Journal::create(Path::new("/"), None, None));
        for message in messages {
            session.append_message(message.clone());
        }
        session
    }

    fn assistant(stop: &str, content: Value) -> Value {
        json!({ "role": "assistant", "content": content, "stop_reason": stop })
    }

    fn call(id: &str) -> Value {
        json!({ "type": "tool_call", "id": id, "name": "bash", "arguments": {} })
    }

    fn result(id: &str) -> Value {
        json!({ "role": "tool_result", "tool_call_id": id, "content": [] })
    }

    /// `role`, or `role:id` for results.
    fn shape(session: &Session) -> Vec<String> {
        let context = session.context();
        context
            .iter()
            .map(|message| {
                let id = message.get("tool_call_id").and_then(Value::as_str);
                let role = message::role(message);
                id.map_or_else(|| role.to_owned(), |id| format!("{role}:{id}"))
            })
            .collect()
    }

    #[test]
    fn every_call_gets_exactly_one_result_right_after_it() {
        let session = session(&[
            message::user("go", &[]),
            assistant("tool_use", json!([call("a"), call("b")])),
            result("b"),
            result("b"),
            result("orphan"),
            message::user("next", &[]),
        ]);
        let shape = shape(&session);
        assert_eq!(shape, ["user", "assistant", "tool_result:a", "tool_result:b", "user"]);
        assert_eq!(session.context()[2]["outcome"], "aborted");
        assert_eq!(session.open_calls().len(), 1);
    }

    #[test]
    fn failed_answers_are_left_out_and_cut_ones_keep_their_text() {
        let session = session(&[
            message::user("go", &[]),
            assistant("error", json!([message::text_block("half")])),
            assistant("aborted", json!([message::text_block("kept"), call("x")])),
            assistant("aborted", json!([call("y")])),
        ]);
        assert_eq!(shape(&session), ["user", "assistant"]);
        assert_eq!(message::text(&session.context()[1]), "kept");
        assert!(message::tool_calls(&session.context()[1]).is_empty());
    }

    #[test]
    fn a_compaction_stands_for_what_came_before_it() {
        let session = session(&[message::user("old", &[]), message::user("kept", &[])]);
        let kept = session.journal().entries()[1].id.clone();
        session.append("compaction", json!({ "summary": "SUM", "first_kept_entry_id": kept }));
        session.append_message(message::user("new", &[]));
        let texts: Vec<String> = session.context().iter().map(|m| message::text(m)).collect();
        assert!(texts[0].contains("SUM"));
        assert_eq!(texts[1..], ["kept", "new"]);
    }
}
