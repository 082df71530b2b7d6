//! Slash commands, and what an idle host does next.

use std::{sync::Arc, time::Duration};

use mlua::{MultiValue, Value as LuaValue};

use super::Prompt;
use crate::{
    api::{self, Call, Failure},
    extensions::{Invocation, budgets},
    host::{Host, lock},
};

/// What became of a text that may be a command.
#[derive(Debug)]
pub enum Ran {
    /// It is a prompt.
    NoCommand,
    Done,
    Failed(Failure),
}

impl Host {
    /// Runs `text` if it is a slash command: `/name args`.
    pub async fn run_command(self: &Arc<Self>, text: &str) -> Ran {
        let Some(line) = text.strip_prefix('/') else { return Ran::NoCommand };
        let (name, args) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let commands = self.registry.commands();
        let Some((_, spec)) = commands.iter().find(|(known, _)| known == name) else {
            let prefix = format!("{name}:");
            let holders = commands.iter().filter(|(known, _)| known.starts_with(&prefix));
            let choices: Vec<String> = holders.map(|(known, _)| format!("/{known}")).collect();
            if choices.is_empty() {
                return Ran::NoCommand;
            }
            let text = format!("`/{name}` could be {}; say which", choices.join(", "));
            return Ran::Failed(Failure::new("invalid_request", text));
        };
        // A command may look at the model; without one it sees none.
        if self.model().is_none() {
            self.choose_model().ok();
        }
        let call = Call::new(self, &spec.handler.owner).for_user();
        let args = args.trim_start().to_owned();
        let label = format!("/{name}");
        let done = Invocation::new(&spec.handler, label.clone(), budgets::WORK)
            .start(
                move |lua| {
                    let args = lua.create_string(args)?;
                    let ctx = api::make_ctx(lua, call)?;
                    Ok(MultiValue::from_iter([LuaValue::String(args), ctx]))
                },
                |_, _| Ok(()),
            )
            .await;
        match done {
            Ok(()) => Ran::Done,
            Err(failure) => Ran::Failed(Failure::new("protocol", format!("{label}: {failure}"))),
        }
    }

    /// What to run next, after the changes of session that wait; nothing when zi is to end. What
    /// hears of the end of a run may ask for more, so observers get `grace` to finish first.
    pub async fn next_prompt(self: &Arc<Self>, grace: Duration) -> Option<Prompt> {
        while lock(&self.interrupted).is_none() {
            self.apply_changes().await;
            if let Some(prompt) = lock(&self.queues).next_prompt() {
                return Some(prompt);
            }
            self.settle(grace).await;
            if lock(&self.queues).is_empty() {
                return None;
            }
        }
        None
    }

    /// Waits until the handlers that observe have ended, `most` at the longest; answers whether they
    /// did.
    pub async fn settle(&self, most: Duration) -> bool {
        self.observers.close();
        let ended = tokio::time::timeout(most, self.observers.wait()).await.is_ok();
        self.observers.reopen();
        ended
    }
}
