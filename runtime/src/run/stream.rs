//! Asking a model: the request, the adapter that sends it, and the answer that comes back.

use std::{
    collections::{HashMap, HashSet},
    ops::ControlFlow,
    sync::{Arc, Mutex},
};

use mlua::{Lua, MultiValue, Table, Value as LuaValue};
use serde_json::{Map, Value, json};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use zi_kernel::scheduler::{self, Nulls};

use super::{
    assembler::{Assembler, Emit, EmitKind, Update},
    turn::UPDATE_EVERY,
    wire::ADAPTER_LABEL,
};
use crate::{
    api::{self, Call, Failure},
    auth::Credential,
    extensions::{Invocation, budgets},
    hooks::Event,
    host::{Host, lock},
    message,
    models::{Model, Usage},
    near,
    registry::{ProviderSpec, ToolSpec},
    session::ContextMessage,
};

/// What is asked, before an adapter puts it on the wire.
#[derive(Clone, Debug)]
pub struct ProviderRequest {
    pub model: Model,
    pub system_prompt: String,
    pub messages: Vec<ContextMessage>,
    pub tools: Vec<Value>,
    pub reasoning: Option<String>,
    pub max_tokens: Option<u64>,
    pub options: Value,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The assistant message, whole or marked as not.
    pub message: Value,
    pub stop_reason: String,
    pub usage: Usage,
    pub error: Option<Failure>,
}

impl Answer {
    /// No answer: the question could not be asked.
    pub fn failed(failure: Failure) -> Self {
        failed_message(json!({ "role": "assistant", "content": [] }), failure)
    }
}

/// Sees an answer grow: the answer so far, and what is new.
pub(crate) type Watch<'a> = dyn FnMut(&Arc<Mutex<Assembler>>, Vec<Update>) + Send + 'a;

/// Tools as a model is told of them.
pub fn tool_values(tools: &[Arc<ToolSpec>]) -> Vec<Value> {
    tools
        .iter()
        .map(|tool| {
            json!({
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            })
        })
        .collect()
}

impl Host {
    /// Sends `request` and assembles the answer. `watch` sees the answer grow.
    pub(crate) async fn ask_model(
        self: &Arc<Self>,
        request: ProviderRequest,
        used_ids: &HashSet<String>,
        abort: &CancellationToken,
        watch: &mut Watch<'_>,
    ) -> Answer {
        let request = match self.rewrite_request(request).await {
            Ok(request) => request,
            Err((model, failure)) => return failed(&model, failure),
        };
        let assembler = Arc::new(Mutex::new(Assembler::default()));
        let called = self.call_adapter(&request, &assembler, abort, watch).await;
        let assembled = std::mem::take(&mut *lock(&assembler)).finish(used_ids);
        let (stop_reason, error) = match (called, assembled.stop_reason.clone()) {
            (Ended::Aborted, _) => ("aborted".to_owned(), None),
            (Ended::Failed(failure), _) => ("error".to_owned(), Some(failure)),
            (Ended::Done, Some(reason)) => (reason, None),
            (Ended::Done, None) => {
                let message = "the answer ended before its end marker";
                ("error".to_owned(), Some(Failure::new("stream_truncated", message)))
            }
        };
        let mut usage = assembled.usage.clone().unwrap_or_default();
        usage.cost = assembled.reported_cost.or_else(|| request.model.cost(&usage));
        let mut content = assembled.content;
        if stop_reason == "error" || stop_reason == "aborted" {
            mark_calls(&mut content);
        }
        let mut message = json!({
            "role": "assistant",
            "content": content,
            "provider": request.model.provider,
            "model": request.model.id,
            "api": self.api_of(&request.model),
            "stop_reason": stop_reason,
        });
        if assembled.usage.is_some() {
            message["usage"] = usage.to_value();
        }
        if !assembled.raw_stop_reason.is_null() {
            message["raw_stop_reason"] = assembled.raw_stop_reason;
        }
        for (name, value) in assembled.response {
            message[format!("response_{name}")] = value;
        }
        if let Some(failure) = &error {
            message["error"] = failure.to_value();
        }
        Answer { message, stop_reason, usage, error }
    }

    fn api_of(&self, model: &Model) -> Option<String> {
        let provider = self.registry.provider(&model.provider)?;
        Some(model.api().unwrap_or(&provider.api).to_owned())
    }

    /// Lets `before_provider_request` handlers change the request.
    async fn rewrite_request(
        self: &Arc<Self>,
        request: ProviderRequest,
    ) -> Result<ProviderRequest, (Model, Failure)> {
        if !self.is_heard("before_provider_request") {
            return Ok(request);
        }
        let messages: Vec<Value> = request.messages.iter().map(|m| (**m).clone()).collect();
        let event = Event::new(
            "before_provider_request",
            json!({
                "provider": request.model.provider,
                "model": request.model.id,
                "request": {
                    "model": request.model.id,
                    "system_prompt": request.system_prompt,
                    "messages": messages,
                    "tools": request.tools,
                    "reasoning": request.reasoning,
                    "max_tokens": request.max_tokens,
                    "options": request.options,
                },
            }),
        );
        let event = self
            .intercept(event, |event, answer| {
                let changed = answer.value.and_then(|mut answer| answer.remove("request"));
                if let Some(Value::Object(changed)) = changed {
                    event.fields.insert("request".into(), Value::Object(changed));
                }
                ControlFlow::Continue(())
            })
            .await;
        let fields = match event.fields.get("request") {
            Some(Value::Object(fields)) => {
                fields.iter().map(|(key, value)| (near::snake(key), value.clone())).collect()
            }
            _ => Map::new(),
        };
        self.read_request(request, fields)
    }

    /// Takes over what handlers left of a request.
    fn read_request(
        &self,
        mut request: ProviderRequest,
        mut fields: Map<String, Value>,
    ) -> Result<ProviderRequest, (Model, Failure)> {
        let model_id = fields.get("model").and_then(Value::as_str).unwrap_or(&request.model.id);
        if model_id != request.model.id {
            let provider = Some(request.model.provider.as_str());
            match crate::models::resolve(&self.registry, provider, model_id) {
                Ok(model) => request.model = model,
                Err(err) => {
                    let failure = Failure::new("invalid_request", err.to_string());
                    return Err((request.model, failure));
                }
            }
        }
        if let Some(Value::String(text)) = fields.remove("system_prompt") {
            request.system_prompt = text;
        }
        if let Some(Value::Array(messages)) = fields.remove("messages") {
            request.messages = messages.into_iter().map(ContextMessage::Made).collect();
        }
        match fields.remove("tools") {
            Some(Value::Array(tools)) => request.tools = tools,
            Some(Value::Object(none)) if none.is_empty() => request.tools = Vec::new(),
            _ => {}
        }
        request.reasoning = fields
            .get("reasoning")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or(request.reasoning);
        request.max_tokens =
            fields.get("max_tokens").and_then(Value::as_u64).or(request.max_tokens);
        if let Some(options @ Value::Object(_)) = fields.remove("options") {
            request.options = options;
        }
        Ok(request)
    }

    async fn call_adapter(
        self: &Arc<Self>,
        request: &ProviderRequest,
        assembler: &Arc<Mutex<Assembler>>,
        abort: &CancellationToken,
        watch: &mut Watch<'_>,
    ) -> Ended {
        let Some(provider) = self.registry.provider(&request.model.provider) else {
            let text = format!("provider `{}` is gone", request.model.provider);
            return Ended::Failed(Failure::new("invalid_request", text));
        };
        let api = request.model.api().unwrap_or(&provider.api);
        let Some(adapter) = self.registry.adapter(api) else {
            let text = format!(
                "provider `{}` needs the wire `{api}`, which no extension speaks",
                provider.name
            );
            return Ended::Failed(Failure::new("invalid_request", text));
        };
        let credential = match self.credential(&provider).await {
            Ok(credential) => credential,
            Err(err) => return Ended::Failed(Failure::new("auth", err.to_string())),
        };
        let (data, messages) =
            (self.request_data(request, &provider, &credential), request.messages.clone());
        let news = Arc::new(Notify::new());
        let (sink, bell) = (assembler.clone(), news.clone());
        let call = Call::new(self, &adapter.stream.owner).with_signal(abort.clone());
        let label = format!("{ADAPTER_LABEL}{api}");
        let calling = Invocation::new(&adapter.stream, label, budgets::WORK).start(
            move |lua| {
                let request = request_table(lua, &data, &messages)?;
                let emit = emit_function(lua, sink, bell)?;
                let ctx = api::make_ctx(lua, call)?;
                Ok(MultiValue::from_iter([LuaValue::Table(request), LuaValue::Function(emit), ctx]))
            },
            |_, _| Ok(()),
        );
        let mut calling = std::pin::pin!(calling);
        let mut show = || {
            // A statement of its own: the lock must be free again before `watch` takes it.
            let updates = lock(assembler).take_updates();
            watch(assembler, updates);
        };
        let mut shown = true;
        let ended = loop {
            tokio::select! {
                biased;
                () = abort.cancelled() => break Ended::Aborted,
                result = &mut calling => break match result {
                    Ok(()) => Ended::Done,
                    Err(failure) => match failure.data.as_ref().and_then(Failure::from_data) {
                        Some(mut failure) => {
                            failure.message = credential.redact(&failure.message);
                            Ended::Failed(failure)
                        }
                        None => {
                            let mut failure = failure;
                            failure.message = credential.redact(&failure.message);
                            failure.traceback = credential.redact(&failure.traceback);
                            self.report(&failure, &format!("api {api}"));
                            Ended::Failed(Failure::new("protocol", failure.to_string()))
                        }
                    },
                },
                () = news.notified() => {
                    show();
                    shown = false;
                }
                // What was held back to be joined goes out when nothing more comes for a while.
                () = tokio::time::sleep(UPDATE_EVERY), if !shown => {
                    show();
                    shown = true;
                }
            }
        };
        show();
        ended
    }

    /// The request as adapters get it, without its messages.
    fn request_data(
        &self,
        request: &ProviderRequest,
        provider: &ProviderSpec,
        credential: &Credential,
    ) -> Value {
        let base_url = self.flags.base_url.as_deref().unwrap_or(&provider.base_url);
        let auth = match credential {
            Credential::Key(token) => json!({ "kind": "api_key", "token": token }),
            Credential::Token(token) => json!({ "kind": "oauth", "token": token }),
            Credential::None => json!({ "kind": "none" }),
        };
        let reasoning = request.reasoning.as_deref().filter(|level| *level != "off");
        json!({
            "model": request.model.to_value(),
            "provider": {
                "name": provider.name,
                "base_url": base_url.trim_end_matches('/'),
                "headers": provider.headers,
                "compat": provider.compat,
                "is_default_url": self.flags.base_url.is_none(),
            },
            "auth": auth,
            "system_prompt": request.system_prompt,
            "tools": request.tools,
            "reasoning": reasoning,
            "reasoning_budget": reasoning.and_then(reasoning_budget),
            "max_tokens": request.max_tokens.unwrap_or_else(|| request.model.max_tokens().min(32_000)),
            "options": request.options,
            "session_id": self.session.id(),
        })
    }
}

enum Ended {
    Done,
    Failed(Failure),
    Aborted,
}

/// Thinking tokens that a level stands for.
fn reasoning_budget(level: &str) -> Option<u64> {
    Some(match level {
        "minimal" => 1_024,
        "low" => 4_096,
        "medium" => 10_240,
        "high" => 32_768,
        "xhigh" | "max" => 65_536,
        _ => return None,
    })
}

fn mark_calls(content: &mut [Value]) {
    for block in content.iter_mut().filter(|block| message::block_type(block) == "tool_call") {
        block["incomplete"] = true.into();
    }
}

fn failed(model: &Model, failure: Failure) -> Answer {
    let message = json!({
        "role": "assistant", "content": [], "provider": model.provider, "model": model.id,
    });
    failed_message(message, failure)
}

fn failed_message(mut message: Value, failure: Failure) -> Answer {
    message["stop_reason"] = "error".into();
    message["error"] = failure.to_value();
    Answer { message, stop_reason: "error".into(), usage: Usage::default(), error: Some(failure) }
}

/// The messages of an adapter's last request, by entry id. A conversation only grows at its end, so
/// the next request finds all but the newest here.
#[derive(Default)]
struct KnownMessages(HashMap<String, Table>);

fn request_table(lua: &Lua, data: &Value, messages: &[ContextMessage]) -> mlua::Result<Table> {
    let LuaValue::Table(request) = scheduler::to_lua(lua, data, Nulls::Nil)? else {
        return Err(mlua::Error::runtime("a request is a table"));
    };
    let list = lua.create_table_with_capacity(messages.len(), 0)?;
    let mut known = lua.remove_app_data::<KnownMessages>().unwrap_or_default();
    let mut kept = HashMap::with_capacity(messages.len());
    for (index, message) in messages.iter().enumerate() {
        let entry = match message {
            ContextMessage::Entry(entry) => Some(&entry.id),
            ContextMessage::Made(_) => None,
        };
        let value = match entry.and_then(|id| known.0.remove(id)) {
            Some(table) => LuaValue::Table(table),
            // A null inside of arguments is one: as nil it would leave a hole.
            None => scheduler::to_lua(lua, message, Nulls::Sentinel)?,
        };
        if let (Some(id), LuaValue::Table(table)) = (entry, &value) {
            kept.insert(id.clone(), table.clone());
        }
        list.raw_set(index + 1, value)?;
    }
    lua.set_app_data(KnownMessages(kept));
    request.raw_set("messages", list)?;
    request.raw_set("tools", scheduler::to_lua(lua, &data["tools"], Nulls::Sentinel)?)?;
    Ok(request)
}

/// The adapter's `emit`.
fn emit_function(
    lua: &Lua,
    sink: Arc<Mutex<Assembler>>,
    bell: Arc<Notify>,
) -> mlua::Result<mlua::Function> {
    lua.create_function(move |lua, table: Table| {
        let emit = read_emit(lua, &table)?;
        let problem = lock(&sink).push(emit);
        bell.notify_one();
        problem.map_err(|problem| mlua::Error::runtime(format!("emit: {problem}")))
    })
}

fn read_emit(lua: &Lua, table: &Table) -> mlua::Result<Emit> {
    let name: mlua::LuaString = table.raw_get("type")?;
    let name = name.as_bytes();
    let kind = EmitKind::NAMES.iter().find(|(known, _)| known.as_bytes() == &name[..]);
    let Some((_, kind)) = kind else {
        let name = String::from_utf8_lossy(&name).into_owned();
        let known: Vec<&str> = EmitKind::NAMES.iter().map(|(name, _)| *name).collect();
        let hint = near::hint(&name, &known);
        return Err(mlua::Error::runtime(format!("emit: `{name}` is no type{hint}")));
    };
    let mut emit = Emit { kind: *kind, ..Emit::default() };
    match kind {
        EmitKind::Text | EmitKind::Thinking => {
            emit.block = block_key(table)?;
            emit.text = bytes(table, "text")?;
        }
        EmitKind::ToolCall => {
            emit.block = block_key(table)?;
            emit.id = table.raw_get::<Option<String>>("id")?;
            emit.name = table.raw_get::<Option<String>>("name")?;
            match table.raw_get::<LuaValue>("arguments")? {
                LuaValue::String(text) => emit.text = Some(text.as_bytes().to_vec()),
                LuaValue::Nil => {}
                other => {
                    let data = scheduler::from_lua(lua, &other).map_err(mlua::Error::external)?;
                    emit.arguments = Some(data);
                }
            }
        }
        EmitKind::Stop => emit.name = Some(table.raw_get::<String>("reason")?),
        EmitKind::Usage | EmitKind::Response => {}
    }
    let own: &[&str] = match kind {
        EmitKind::Text | EmitKind::Thinking => &["type", "block", "text"],
        EmitKind::ToolCall => &["type", "block", "id", "name", "arguments"],
        EmitKind::Stop => &["type", "reason"],
        EmitKind::Usage | EmitKind::Response => &["type"],
    };
    for pair in table.pairs::<mlua::LuaString, LuaValue>() {
        let (key, value) = pair?;
        let key = key.to_string_lossy();
        if !own.contains(&key.as_str()) {
            let value = scheduler::from_lua(lua, &value).map_err(mlua::Error::external)?;
            emit.fields.insert(key, value);
        }
    }
    Ok(emit)
}

fn block_key(table: &Table) -> mlua::Result<Option<String>> {
    Ok(match table.raw_get::<LuaValue>("block")? {
        LuaValue::Integer(index) => Some(index.to_string()),
        LuaValue::String(key) => Some(key.to_string_lossy()),
        _ => None,
    })
}

fn bytes(table: &Table, name: &str) -> mlua::Result<Option<Vec<u8>>> {
    let text: Option<mlua::LuaString> = table.raw_get(name)?;
    Ok(text.map(|text| text.as_bytes().to_vec()))
}
