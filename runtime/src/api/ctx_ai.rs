//! `ctx.ai`: asking a model outside of the conversation.

use std::rc::Rc;

use mlua::{Lua, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry,
    ctx::{Call, waiting_method},
    ctx_models,
    fields::Fields,
};
use crate::{message, run::Completion};

/// What scripts find in `ctx.ai`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "complete",
    doc: "Asks a model one thing, without tools and without a trace in the conversation. Takes a \
          prompt, or `{prompt?, messages?, system_prompt?, model?, max_tokens?, reasoning?}`. \
          Answers `{status = \"completed\", text, message, usage, model, stop_reason}`, \
          `{status = \"error\", error, message}` (what came before it failed) or `{status = \"cancelled\"}`.",
    meta: "---@async\n---@param request string|table\n---@return table",
    bind: Bind::Ctx(|lua, call| waiting_method(lua, call, complete)),
}];

async fn complete(lua: Lua, call: Rc<Call>, request: Value) -> Result<Value> {
    const WHO: &str = "ctx.ai.complete";
    let completion = match request {
        Value::String(text) => Completion {
            messages: vec![message::user(&text.to_string_lossy(), &[])],
            ..Completion::default()
        },
        other => read_request(&call, &Fields::new(&lua, WHO, other)?)?,
    };
    let (host, signal) = (call.host.clone(), call.signal.clone());
    let answer = offload(async move { host.complete(completion, &signal).await }).await?;
    let answer = match (answer.stop_reason.as_str(), &answer.error) {
        ("aborted", _) => json!({ "status": "cancelled" }),
        (_, Some(failure)) => json!({
            "status": "error",
            "error": failure.to_value(),
            "message": answer.message,
        }),
        (stop_reason, None) => json!({
            "status": "completed",
            "text": message::text(&answer.message),
            "usage": answer.usage.to_value(),
            "model": answer.message["model"],
            "stop_reason": stop_reason,
            "message": answer.message,
        }),
    };
    scheduler::to_lua(&lua, &answer, Nulls::Nil)
}

fn read_request(call: &Rc<Call>, fields: &Fields<'_>) -> Result<Completion> {
    let mut messages = match fields.opt_data("messages")? {
        Some(Data::Array(messages)) => messages,
        None => Vec::new(),
        Some(_) => return fields.invalid("messages", "must be an array"),
    };
    if let Some(prompt) = fields.opt_string("prompt")? {
        messages.push(message::user(&prompt, &[]));
    }
    if messages.is_empty() {
        return fields.invalid("prompt", "a prompt or messages are needed");
    }
    let model = match fields.get("model")? {
        Value::Nil => None,
        reference => match ctx_models::resolve(call, "ctx.ai.complete", &reference)? {
            Ok(model) => Some(model),
            Err(err) => return fields.invalid("model", err),
        },
    };
    Ok(Completion {
        model,
        system_prompt: fields.opt_string("system_prompt")?.unwrap_or_default(),
        messages,
        max_tokens: fields.opt_count("max_tokens", 10_000_000)?,
        reasoning: fields.opt_string("reasoning")?,
    })
}
