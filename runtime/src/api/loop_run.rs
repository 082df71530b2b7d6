//! `run`: what the turn loop works with.

use std::{sync::Arc, time::Duration};

use mlua::{Lua, MetaMethod, MultiValue, Result, Table, UserData, UserDataMethods, Value};
use serde_json::json;
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry, ctx,
    errors::fail,
    fields::{Fields, misuse},
};
use crate::{
    hooks::Event,
    host::Host,
    message::ToolCall,
    run::{CallMode, CompactOptions, RunState},
};

/// A run, as the loop holds it.
#[derive(Clone, Debug)]
pub struct RunHandle {
    pub host: Arc<Host>,
    pub run: Arc<RunState>,
}

/// What a loop finds in `run`, in the order of the manual. The members are methods of a value that
/// only a run makes, so there is nothing to bind here.
pub const ENTRIES: &[Entry] = &[
    row(
        "turn",
        "Asks the model once and commits its answer. Answers `{message, tool_calls, \
         stop_reason, usage, error}`; `stop_reason` is `stop`, `tool_use`, `length`, `refusal`, \
         `pause`, `error` or `aborted`.",
        "---@async\n---@return zi.Turn",
    ),
    row(
        "call_tools",
        "Runs calls and commits their results in the order of the calls. `mode`: `auto` \
         (neighbours whose tools declare `parallel` run together), `sequential`, `parallel`. With \
         `stop_for = \"steering\"` it stops between calls when the user has something to say. Answers \
         `{done, ends_turn}`.",
        "---@async\n---@param calls table[]\n---@param opts? {mode?: string, stop_for?: string}\n---@return {done: integer, ends_turn: boolean}",
    ),
    row(
        "skip",
        "Gives calls an error result with `reason`, without running them.",
        "---@param calls table[]\n---@param reason string",
    ),
    row(
        "take",
        "Takes queued messages (`steering` or `follow_up`) into the conversation, at most \
         `most` (all). Answers how many.",
        "---@param queue string\n---@param most? integer\n---@return integer",
    ),
    row(
        "compact",
        "Summarises the older part of the conversation. `reason`: `threshold`, `overflow` \
         or `manual`. Answers whether it did; nil and an error when it failed.",
        "---@async\n---@param opts? {reason?: string, instructions?: string}\n---@return boolean?, zi.Error?",
    ),
    row(
        "wait",
        "Waits, visibly: `label` says what for. Answers false when the run is aborted \
         meanwhile.",
        "---@async\n---@param ms number\n---@param label string\n---@return boolean",
    ),
    row(
        "context_usage",
        "How full the context is: `{tokens, context_window, percent}`.",
        "---@return {tokens: integer, context_window: integer, percent: number}?",
    ),
    row(
        "notice",
        "Tells the user something. `level`: `info` (default), `warn` or `error`.",
        "---@param text string\n---@param level? string",
    ),
    row("steps", "Model calls so far.", "---@type integer"),
    row("max_steps", "Model calls that this run may take.", "---@type integer"),
    row("aborted", "Whether the run was aborted.", "---@type boolean"),
    row("settings", "The settings that concern the loop: `retry`, `compaction`.", "---@type table"),
];

const fn row(name: &'static str, doc: &'static str, meta: &'static str) -> Entry {
    Entry { name, doc, meta, bind: Bind::Ctx(|_, _| Ok(Value::Nil)) }
}

impl UserData for RunHandle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method("turn", |lua, this, ()| {
            let this = this.clone();
            turn(lua, this)
        });
        methods.add_async_method("call_tools", |lua, this, args: (Value, Value)| {
            let this = this.clone();
            call_tools(lua, this, args)
        });
        methods.add_async_method("compact", |lua, this, opts: Value| {
            let this = this.clone();
            compact(lua, this, opts)
        });
        methods.add_async_method("wait", |_, this, args: (f64, Option<String>)| {
            let this = this.clone();
            wait(this, args)
        });
        methods.add_method("skip", |lua, this, (calls, reason): (Value, String)| {
            let calls = read_calls(lua, "run:skip", &calls)?;
            this.host.skip_calls(&this.run, &calls, &reason);
            Ok(())
        });
        methods.add_method("take", |_, this, (queue, most): (String, Option<usize>)| {
            if queue != "steering" && queue != "follow_up" {
                let text = format!("`{queue}` is no queue: `steering` and `follow_up` are");
                return Err(misuse("run:take", text));
            }
            Ok(this.host.take_queued(&this.run, &queue, most.unwrap_or(usize::MAX)))
        });
        methods.add_method("context_usage", |lua, this, ()| ctx::context_usage(lua, &this.host));
        methods.add_method("notice", |_, this, (text, level): (String, Option<String>)| {
            let level = match level.as_deref() {
                Some("error") => crate::host::Level::Error,
                Some("warn" | "warning") => crate::host::Level::Warn,
                _ => crate::host::Level::Info,
            };
            this.host.notice(level, &text);
            Ok(())
        });
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: String| {
            Ok(match key.as_str() {
                "steps" => Value::Integer(i64::try_from(this.run.steps()).unwrap_or(i64::MAX)),
                "max_steps" => {
                    Value::Integer(i64::try_from(this.run.max_steps).unwrap_or(i64::MAX))
                }
                "aborted" => Value::Boolean(this.run.abort.is_cancelled()),
                "settings" => scheduler::to_lua(lua, &settings(&this.host), Nulls::Nil)?,
                _ => Value::Nil,
            })
        });
    }
}

fn settings(host: &Host) -> serde_json::Value {
    let (retry, compaction) = (&host.settings.retry, &host.settings.compaction);
    json!({
        "retry": {
            "max_attempts": retry.max_attempts,
            "base_ms": retry.base_ms,
            "max_ms": retry.max_ms,
            "max_server_ms": retry.max_server_ms,
            "max_total_ms": retry.max_total_ms,
        },
        "compaction": {
            "enabled": compaction.enabled,
            "threshold_percent": compaction.threshold_percent,
        },
    })
}

async fn turn(lua: Lua, this: RunHandle) -> Result<Value> {
    let turn = offload(async move { this.host.turn(&this.run).await }).await?;
    let calls: Vec<_> = turn.tool_calls.iter().map(call_value).collect();
    let value = json!({
        "message": turn.message,
        "tool_calls": calls,
        "stop_reason": turn.stop_reason,
        "usage": turn.usage.to_value(),
        "error": turn.error.map(|failure| failure.to_value()),
    });
    scheduler::to_lua(&lua, &value, Nulls::Nil)
}

fn call_value(call: &ToolCall) -> serde_json::Value {
    let mut value = call.to_value();
    if let Some(fault) = &call.fault {
        value["fault"] = fault.clone().into();
    }
    value
}

fn read_calls(lua: &Lua, who: &str, calls: &Value) -> Result<Vec<ToolCall>> {
    let data = scheduler::from_lua(lua, calls).map_err(|err| misuse(who, err))?;
    let items = match data {
        serde_json::Value::Array(items) => items,
        serde_json::Value::Object(map) if map.is_empty() => Vec::new(),
        _ => return Err(misuse(who, "expected an array of calls")),
    };
    items
        .into_iter()
        .map(|item| {
            let text = |name: &str| item.get(name).and_then(|v| v.as_str()).map(str::to_owned);
            let (Some(id), Some(name)) = (text("id"), text("name")) else {
                return Err(misuse(who, "a call needs `id` and `name`"));
            };
            let arguments = match item.get("arguments") {
                Some(serde_json::Value::Array(none)) if none.is_empty() => json!({}),
                Some(arguments) => arguments.clone(),
                None => json!({}),
            };
            Ok(ToolCall { id, name, arguments, fault: text("fault") })
        })
        .collect()
}

async fn call_tools(lua: Lua, this: RunHandle, (calls, opts): (Value, Value)) -> Result<Table> {
    const WHO: &str = "run:call_tools";
    let calls = read_calls(&lua, WHO, &calls)?;
    let opts = Fields::or_empty(&lua, WHO, opts)?;
    let mode = match opts.opt_choice("mode", &["auto", "sequential", "parallel"])? {
        Some("sequential") => CallMode::Sequential,
        Some("parallel") => CallMode::Parallel,
        _ => CallMode::Auto,
    };
    let stop = opts.opt_choice("stop_for", &["steering"])?.is_some();
    drop(opts);
    let done =
        offload(async move { this.host.call_tools(&this.run, &calls, mode, stop).await }).await?;
    let table = lua.create_table()?;
    table.raw_set("done", done.done)?;
    table.raw_set("ends_turn", done.ends_turn)?;
    Ok(table)
}

async fn compact(lua: Lua, this: RunHandle, opts: Value) -> Result<MultiValue> {
    let opts = Fields::or_empty(&lua, "run:compact", opts)?;
    let reason = opts.opt_choice("reason", &["threshold", "overflow", "manual"])?;
    let options = CompactOptions {
        reason: reason.unwrap_or("manual"),
        instructions: opts.opt_string("instructions")?,
    };
    drop(opts);
    let done = offload(async move { this.host.compact(Some(&this.run), options).await }).await?;
    match done {
        Ok(done) => Ok(MultiValue::from_iter([Value::Boolean(done)])),
        Err(problem) => fail(&lua, "compaction", problem),
    }
}

async fn wait(this: RunHandle, (ms, label): (f64, Option<String>)) -> Result<bool> {
    // NaN and negative numbers are no time at all.
    let ms = if ms > 0.0 { ms.min(86_400_000.0) } else { 0.0 };
    let label = label.unwrap_or_else(|| "waiting".into());
    this.host.emit(Event::new("retry", json!({ "label": label, "wait_ms": ms.round() })));
    let abort = this.run.abort.clone();
    let span = Duration::from_secs_f64(ms / 1000.0);
    if let Some(sleep) = this.host.frozen_sleep(span) {
        return Ok(abort.run_until_cancelled(sleep).await.is_some());
    }
    offload(async move { abort.run_until_cancelled(tokio::time::sleep(span)).await.is_some() })
        .await
}
