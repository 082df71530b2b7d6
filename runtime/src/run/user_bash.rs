//! Commands that the user runs: `!command`, which the model sees, and `!!command`, which it does not.

use std::{ops::ControlFlow, sync::Arc};

use serde_json::{Value, json};

use crate::{
    hooks::{self, Event},
    host::Host,
};

/// The type of the entries that keep such commands.
pub const CUSTOM_TYPE: &str = "user_bash";

/// A command line that the user typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCommand {
    pub command: String,
    /// Whether the model does not see it.
    pub is_hidden: bool,
}

impl UserCommand {
    /// Reads `!command` and `!!command`; nothing for other texts.
    pub fn read(text: &str) -> Option<Self> {
        let rest = text.strip_prefix('!')?;
        let (is_hidden, rest) = rest.strip_prefix('!').map_or((false, rest), |rest| (true, rest));
        let command = rest.trim().to_owned();
        (!command.is_empty()).then_some(Self { command, is_hidden })
    }
}

/// What a command of the user came to.
#[derive(Clone, Debug)]
pub struct UserCommandResult {
    pub output: String,
    pub exit_code: Option<i64>,
}

impl Host {
    /// Runs a command of the user: `user_bash` handlers may refuse it or answer in its place, the
    /// bundled one runs it. What it came to is kept in the session.
    ///
    /// Fails with the reason when it is refused, when a handler fails (which refuses it too), or when
    /// nobody runs commands.
    pub async fn user_bash(
        self: &Arc<Self>,
        command: &UserCommand,
    ) -> Result<UserCommandResult, String> {
        let event = Event::new(
            "user_bash",
            json!({
                "command": command.command,
                "exclude_from_context": command.is_hidden,
                "cwd": self.cwd,
            }),
        );
        let mut decided = None;
        let asked = self
            .intercept_closed(event, |_, answer| {
                let Some(fields) = answer.value else { return ControlFlow::Continue(()) };
                if let Some(reason) = hooks::refusal(&fields) {
                    let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
                    let text = format!("extension `{}` declined{why}", answer.extension);
                    decided = Some(Err(text));
                } else if let Some(result) = fields.get("result") {
                    decided = Some(Ok(read_result(result)));
                }
                if decided.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
            .await;
        if let Err(fault) = asked {
            return Err(format!("extension `{}`: {}", fault.extension, fault.message));
        }
        let result = decided.unwrap_or_else(|| {
            Err("no extension runs commands: the bundle's `user-bash` is missing".to_owned())
        })?;
        self.keep_command(command, &result)?;
        Ok(result)
    }

    fn keep_command(
        self: &Arc<Self>,
        command: &UserCommand,
        result: &UserCommandResult,
    ) -> Result<(), String> {
        let details = json!({
            "command": command.command,
            "output": result.output,
            "exit_code": result.exit_code,
            "exclude_from_context": command.is_hidden,
        });
        self.session.journal().keep().map_err(|err| err.to_string())?;
        if command.is_hidden {
            let data = json!({ "custom_type": CUSTOM_TYPE, "data": details });
            let appended = self.session.append("custom", data);
            return appended.problem.map_or(Ok(()), |problem| Err(problem.to_string()));
        }
        let code = result.exit_code.map_or_else(String::new, |code| format!("\n[exit {code}]"));
        let content = format!("I ran `{}`:\n{}{code}", command.command, result.output);
        let message = json!({
            "role": "custom",
            "custom_type": CUSTOM_TYPE,
            "content": content,
            "details": details,
        });
        self.commit_message(message).map(drop).map_err(|err| err.to_string())
    }
}

fn read_result(result: &Value) -> UserCommandResult {
    let output = match result {
        Value::String(text) => text.clone(),
        result => {
            result.get("output").and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
        }
    };
    UserCommandResult { output, exit_code: result.get("exit_code").and_then(Value::as_i64) }
}
