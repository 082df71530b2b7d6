//! Compaction: replacing the older part of the context by a summary.
//!
//! Who writes the summary is a matter of extensions (`session_before_compact`). Here is what must
//! hold: the cut never parts a call from its result, and a failure changes nothing.

use std::{ops::ControlFlow, sync::Arc};

use serde_json::{Value, json};

use super::RunState;
use crate::{
    hooks::{self, Event},
    host::{Host, Level, lock},
    message,
    session::{ContextMessage, estimate_tokens},
};

/// Messages that are kept as they are, however large.
const KEEP_AT_LEAST: usize = 4;

/// Why and how to compact.
#[derive(Clone, Debug, Default)]
pub struct CompactOptions {
    /// `manual`, `threshold` or `overflow`.
    pub reason: &'static str,
    pub instructions: Option<String>,
}

impl Host {
    /// Compacts the session; `Ok(false)` when there is nothing to compact or a handler declined.
    pub(crate) async fn compact(
        self: &Arc<Self>,
        run: Option<&RunState>,
        options: CompactOptions,
    ) -> Result<bool, String> {
        let tokens_before = self.session.context_tokens();
        let Some((messages, first_kept)) = self.compaction_cut() else { return Ok(false) };
        let event = Event::new(
            "session_before_compact",
            json!({
                "preparation": {
                    "messages": messages,
                    "tokens_before": tokens_before,
                    "first_kept_entry_id": first_kept,
                },
                "reason": options.reason,
                "instructions": options.instructions,
            }),
        );
        let mut compaction = None;
        let mut refused = None;
        self.intercept(event, |_, answer| {
            let extension = answer.extension;
            let Some(mut fields) = answer.value else { return ControlFlow::Continue(()) };
            if let Some(reason) = hooks::refusal(&fields) {
                refused = Some(reason);
                return ControlFlow::Break(());
            }
            match fields.remove("compaction") {
                Some(Value::Object(fields)) => {
                    compaction = Some((extension, fields));
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        })
        .await;
        if let Some(reason) = refused {
            self.notice(Level::Info, &format!("compaction declined: {reason}"));
            return Ok(false);
        }
        if run.is_some_and(|run| run.abort.is_cancelled()) {
            return Ok(false);
        }
        let Some((extension, fields)) = compaction else {
            return Err("no extension wrote a summary".into());
        };
        let field = |snake: &str, camel: &str| fields.get(snake).or_else(|| fields.get(camel));
        let summary = field("summary", "summary").and_then(Value::as_str).unwrap_or_default();
        if summary.trim().is_empty() {
            return Err(format!("extension `{extension}` gave an empty summary"));
        }
        let wanted = field("first_kept_entry_id", "firstKeptEntryId").and_then(Value::as_str);
        let first_kept = wanted.filter(|id| self.is_safe_cut(id)).map_or(first_kept, str::to_owned);
        let mut data = json!({
            "summary": summary,
            "first_kept_entry_id": first_kept,
            "tokens_before": tokens_before,
        });
        if let Some(details) = field("details", "details") {
            data["details"] = details.clone();
        }
        let appended = self.session.append("compaction", data);
        if let (Some(run), Some(err)) = (run, &appended.problem) {
            self.journal_problem(run, err);
        }
        if let Some(run) = run {
            // What `before_agent_start` added belongs to what is summarised now.
            lock(&run.progress).extra.clear();
        }
        self.emit(Event::new("session_compact", json!({
            "compaction_entry": appended.entry.to_value(),
            "from_extension": extension,
            "reason": options.reason,
            "tokens_before": tokens_before,
            "tokens_after": self.session.context().iter().map(|m| estimate_tokens(m)).sum::<u64>(),
        })));
        Ok(true)
    }

    /// What would be summarised, and the first entry that stays. The newest messages stay: at least
    /// [`KEEP_AT_LEAST`], and as many as fit the setting.
    fn compaction_cut(&self) -> Option<(Vec<Value>, String)> {
        let context = self.session.context();
        let window = self.model().map_or(128_000, |model| model.context_window());
        let total: u64 = context.iter().map(|message| estimate_tokens(message)).sum();
        // At least half goes: a provider may call something too long that we took for short.
        let keep = self.settings.compaction.keep_recent_tokens.min(window * 3 / 10).min(total / 2);
        let mut kept_tokens = 0;
        let mut cut = context.len();
        for (index, message) in context.iter().enumerate().rev() {
            kept_tokens += estimate_tokens(message);
            let enough = context.len() - index > KEEP_AT_LEAST && kept_tokens > keep;
            if enough {
                break;
            }
            if starts_exchange(message) {
                cut = index;
            }
        }
        if cut == context.len() {
            // Nothing recent can stand alone: the last exchange stays, whatever its size.
            cut = context.iter().rposition(starts_exchange)?;
        }
        let first_kept = match &context[cut] {
            ContextMessage::Entry(entry) => entry.id.clone(),
            ContextMessage::Made(_) => return None,
        };
        let summarised: Vec<Value> = context[..cut].iter().map(|m| (**m).clone()).collect();
        if summarised.is_empty() { None } else { Some((summarised, first_kept)) }
    }

    /// Whether the context may start at the entry `id`.
    fn is_safe_cut(&self, id: &str) -> bool {
        let path = self.session.journal().path();
        path.iter().any(|entry| entry.id == id && entry.message().is_some_and(may_start))
    }
}

fn starts_exchange(message: &ContextMessage) -> bool {
    matches!(message, ContextMessage::Entry(_)) && may_start(message)
}

/// Whether the context may start with this message: not with a result, whose call would be missing.
fn may_start(message: &Value) -> bool {
    matches!(message::role(message), "user" | "assistant")
}
