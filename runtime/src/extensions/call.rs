//! Calling what an extension registered: on its thread, within a budget, with its errors kept whole.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use mlua::{Lua, MultiValue};
use serde_json::Value;
use zi_kernel::scheduler::{self, Budget, CallError};

use super::Extension;
use crate::{api, registry::Callback};

/// What kinds of calls may use.
pub mod budgets {
    use super::{Budget, Duration};

    /// Wall time for an interceptor, waiting for the user not counted.
    pub const INTERCEPTOR: Duration = Duration::from_secs(5);
    /// Handlers, tools, commands, adapters, the loop: as long as they like while they wait.
    pub const WORK: Budget = Budget { burst: Duration::from_secs(5), may_wait: true };
    /// Loading a file.
    pub const LOADING: Budget = Budget { burst: Duration::from_secs(2), may_wait: false };
    /// Renderers.
    pub const RENDER: Budget = Budget { burst: Duration::from_millis(50), may_wait: false };
    /// `session_shutdown` handlers.
    pub const SHUTDOWN: Budget = Budget { burst: Duration::from_millis(500), may_wait: false };
}

/// Why a call into an extension gave no value.
#[derive(Debug, Clone)]
pub struct CallFailure {
    /// Which extension.
    pub extension: String,
    /// What happened, with file and line where Lua knows them.
    pub message: String,
    pub traceback: String,
    /// What a table that was raised held: `zi.failure{…}` comes through here.
    pub data: Option<Value>,
    /// Whether the call was ended from outside.
    pub cancelled: bool,
    /// Whether the VM was lost.
    pub lost: bool,
}

impl fmt::Display for CallFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "extension `{}`: {}", self.extension, self.message)
    }
}

impl std::error::Error for CallFailure {}

/// Longest error text that is kept of an extension.
const MAX_MESSAGE_BYTES: usize = 4096;

impl CallFailure {
    fn new(extension: &str, message: String) -> Self {
        Self {
            extension: extension.to_owned(),
            message: clip(message),
            traceback: String::new(),
            data: None,
            cancelled: false,
            lost: false,
        }
    }

    pub(super) fn from_error(extension: &str, err: CallError) -> Self {
        let cancelled = matches!(err, CallError::Cancelled { .. });
        // After a panic in the host's own code nothing that the VM holds can be relied on.
        let lost = matches!(
            err,
            CallError::Abandoned { .. } | CallError::Gone { .. } | CallError::Panicked { .. }
        );
        let message = match err {
            CallError::Lua(err) => {
                let text = err.to_string();
                text.split("\nstack traceback:").next().unwrap_or(&text).to_owned()
            }
            other => other.to_string(),
        };
        Self { cancelled, lost, ..Self::new(extension, message) }
    }
}

fn clip(mut message: String) -> String {
    if message.len() > MAX_MESSAGE_BYTES {
        let mut end = MAX_MESSAGE_BYTES;
        while !message.is_char_boundary(end) {
            end -= 1;
        }
        message.truncate(end);
        message.push_str(" […]");
    }
    message
}

/// One call, described.
#[derive(Debug)]
pub struct Invocation {
    pub callback: Callback,
    /// What it is, for messages: `tool read`.
    pub label: String,
    pub budget: Budget,
}

impl Invocation {
    pub fn new(callback: &Callback, label: impl Into<String>, budget: Budget) -> Self {
        Self { callback: callback.clone(), label: label.into(), budget }
    }

    /// Queues the call at once. `prepare` makes the arguments and `finish` reads the results, both on
    /// the VM's thread. Dropping the future cancels the call.
    pub fn start<T: Send + 'static>(
        self,
        prepare: impl FnOnce(&Lua) -> mlua::Result<MultiValue> + Send + 'static,
        finish: impl FnOnce(&Lua, MultiValue) -> mlua::Result<T> + Send + 'static,
    ) -> impl Future<Output = Result<T, CallFailure>> + Send + 'static {
        let owner = self.callback.owner.clone();
        let id = self.callback.id;
        let call = owner.vm().map(|vm| {
            vm.run(&self.label, self.budget, move |lua| {
                Box::pin(async move {
                    let Some(function) = api::function(&lua, id) else {
                        let gone = mlua::Error::runtime("the function was removed");
                        return Ok(Err((gone.to_string(), String::new(), None)));
                    };
                    let args = prepare(&lua)?;
                    match scheduler::invoke(&lua, &function, args).await? {
                        Ok(values) => finish(&lua, values).map(Ok),
                        Err(failure) => {
                            let data = match &failure.value {
                                table @ mlua::Value::Table(_) => {
                                    scheduler::from_lua(&lua, table).ok()
                                }
                                _ => None,
                            };
                            Ok(Err((failure.message, failure.traceback, data)))
                        }
                    }
                })
            })
        });
        async move {
            let failed = |failure: CallFailure| {
                owner.errors.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                failure
            };
            let Some(call) = call else {
                return Err(CallFailure::new(&owner.id, "it is not loaded".into()));
            };
            match call.await {
                Ok(Ok(value)) => Ok(value),
                Ok(Err((message, traceback, data))) => Err(failed(CallFailure {
                    traceback: clip(traceback),
                    data,
                    ..CallFailure::new(&owner.id, message)
                })),
                Err(err) => {
                    let failure = CallFailure::from_error(&owner.id, err);
                    Err(if failure.cancelled { failure } else { failed(failure) })
                }
            }
        }
    }
}

impl Extension {
    /// Makes an error about this extension that did not come from a call.
    pub fn failure(self: &Arc<Self>, message: impl Into<String>) -> CallFailure {
        CallFailure::new(&self.id, message.into())
    }
}
