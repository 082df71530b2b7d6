//! What the events carry, as far as members of `event` are checked.

/// The fields of an event, besides `type`; `None` for one whose fields nobody knows yet.
pub fn fields(event: &str) -> Option<&'static [&'static str]> {
    if event.contains(':') {
        return Some(&["data", "from"]);
    }
    FIELDS.iter().find(|(name, _)| *name == event).map(|(_, fields)| *fields)
}

/// The fields of all events.
pub fn all() -> impl Iterator<Item = &'static str> {
    let own = ["type", "data", "from"].into_iter();
    own.chain(FIELDS.iter().flat_map(|(_, fields)| fields.iter().copied()))
}

const TOOL: &[&str] = &["tool_call_id", "tool_name", "args"];

/// By event, in the order of the manual.
const FIELDS: &[(&str, &[&str])] = &[
    ("session_directory", &["cwd"]),
    ("session_start", &["reason", "binding", "previous", "next"]),
    ("session_shutdown", &["reason", "binding", "previous", "next"]),
    ("input", &["text", "raw_text", "images", "source", "queued"]),
    (
        "system_prompt_options",
        &[
            "cwd",
            "config_dir",
            "tools",
            "selected_tools",
            "tool_snippets",
            "guidelines",
            "custom_prompt",
            "append_system_prompt",
            "context_files",
            "skills",
        ],
    ),
    ("system_prompt", &["options"]),
    ("before_agent_start", &["prompt", "images", "system_prompt", "system_prompt_options"]),
    ("agent_start", &["run_id"]),
    (
        "agent_end",
        &["run_id", "status", "stop_reason", "messages", "usage", "turns", "elapsed_ms", "error"],
    ),
    ("agent_abort", &["run_id", "reason"]),
    ("agent_settled", &["run_id"]),
    ("before_turn", &["turn_index"]),
    ("turn_start", &["turn_index", "run_id"]),
    ("turn_end", &["turn_index", "message", "tool_results", "usage", "stop_reason"]),
    ("context", &["messages"]),
    ("before_provider_request", &["provider", "model", "request"]),
    ("before_provider_send", &["url", "headers", "body"]),
    ("after_provider_response", &["status", "headers"]),
    ("message_start", &["message"]),
    ("message_end", &["message"]),
    ("message_update", &["message", "assistantMessageEvent"]),
    ("message", &["message"]),
    ("before_assistant_message", &["text"]),
    ("tool_execution_start", TOOL),
    ("tool_call", &["tool_call", "tool_call_id", "tool_name", "input", "source"]),
    ("tool_execution_update", &["tool_call_id", "tool_name", "args", "partial_result"]),
    (
        "tool_result",
        &["tool_call", "tool_call_id", "tool_name", "input", "content", "details", "is_error"],
    ),
    (
        "tool_execution_end",
        &["tool_call_id", "tool_name", "args", "result", "is_error", "outcome", "duration_ms"],
    ),
    ("session_before_compact", &["preparation", "reason", "instructions"]),
    (
        "session_compact",
        &["compaction_entry", "from_extension", "reason", "tokens_before", "tokens_after"],
    ),
    ("model_select", &["model", "previous_model", "source"]),
    ("reasoning_select", &["reasoning"]),
    ("retry", &["label", "wait_ms"]),
    ("session_rename", &["name"]),
    ("job_stdout", &["id", "data"]),
    ("job_stderr", &["id", "data"]),
    ("job_json", &["id", "value", "is_error", "error"]),
    ("job_exit", &["id", "code", "signal"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hooks::EVENTS;

    /// The words in backticks of `text`.
    fn quoted(text: &str) -> Vec<&str> {
        text.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn the_manual_and_the_list_agree() {
        let manual = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/extensions.md");
        let manual = std::fs::read_to_string(manual).expect("there is a manual");
        let rows =
            manual.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|'));
        let mut seen = 0;
        for cells in rows {
            let cells: Vec<&str> = cells.collect();
            for event in quoted(cells[1]).into_iter().filter(|name| EVENTS.contains(name)) {
                let Some(known) = fields(event) else { continue };
                // What stands in parentheses, or after `with`, is inside a field.
                let own = cells[3].split(" with ").next().unwrap_or_default();
                let outer: String =
                    own.split('(').filter_map(|part| part.rsplit(')').next()).collect();
                for field in quoted(&outer) {
                    let shared = cells[1].matches('`').count() > 2;
                    assert!(known.contains(&field) || shared, "{event}: {field}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 60, "only {seen} fields of the manual were seen");
        assert!(FIELDS.iter().all(|(event, _)| EVENTS.contains(event)));
    }
}
