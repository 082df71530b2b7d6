//! `ctx.ai`: asking a model outside of the conversation.

use std::{
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use mlua::{Function, Lua, MultiValue, Result, UserData, UserDataMethods, Value};
use serde_json::{Value as Data, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry,
    ctx::{Call, method, waiting_method},
    ctx_models,
    errors::fail,
    fields::{Fields, misuse},
};
use crate::{
    cli::REASONING_LEVELS,
    host::lock,
    message,
    run::{Guide, Listener, Spoken},
};

/// What scripts find in `ctx.ai`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "complete",
        doc: "Asks a model one thing, without tools and without a trace in the conversation. Takes a \
              prompt, or `{prompt?, messages?, system_prompt?, model?, max_tokens?, reasoning?, schema?, \
              on?}`. `on(event)` hears the answer grow (`text_delta`, `thinking_delta`, with `delta`) and \
              must not wait. With `schema` (JSON Schema) the answer is asked for, read and checked as \
              JSON, once more if need be, and given as `value`. Answers `{status = \"completed\", text, \
              value, message, usage, model, stop_reason}`, `{status = \"error\", error, message}` (what \
              came before it failed) or `{status = \"cancelled\"}`.",
        meta: "---@async\n---@param request string|zi.AiRequest\n---@return zi.AiAnswer",
        bind: Bind::Ctx(|lua, call| waiting_method(lua, call, complete)),
    },
    Entry {
        name: "session",
        doc: "Makes a conversation in memory: `{model?, system_prompt?, reasoning?, max_tokens?, tools?, \
              context?, messages?, on?}`. `tools` lists those that it may use (none by default); their \
              calls pass the same gates as all others. `context` starts it with a copy of the main \
              conversation: true, or how many of its newest messages. It has `prompt(text | {prompt, \
              images?, on?})`, which waits and answers as `ctx.ai.complete` does, and `abort()`, \
              `clear()`, `dispose()`, `is_busy()`, `info()`, `messages()`. It ends with the extension.",
        meta: "---@param options? table\n---@return zi.AiSession",
        bind: Bind::Ctx(|lua, call| method(lua, call, session)),
    },
];

async fn complete(lua: Lua, call: Rc<Call>, request: Value) -> Result<Value> {
    const WHO: &str = "ctx.ai.complete";
    let request = match request {
        Value::String(text) => Value::Table(lua.create_table_from([("prompt", text)])?),
        other => other,
    };
    let fields = Fields::new(&lua, WHO, request)?;
    let guide = read_guide(&call, &fields, WHO)?;
    let mut messages = read_messages(&fields)?;
    if let Some(prompt) = fields.opt_string("prompt")? {
        messages.push(message::user(&prompt, &[]));
    }
    if messages.is_empty() {
        return fields.invalid("prompt", "a prompt or messages are needed");
    }
    let schema =
        fields.opt_data("schema")?.map(|schema| Schema::new(&fields, schema)).transpose()?;
    let on = fields.opt_function("on")?;
    drop(fields);
    let mut guide = guide;
    if let Some(schema) = &schema {
        guide.system_prompt = schema.ask(&guide.system_prompt);
    }
    let side = Side { guide, messages: Arc::new(Mutex::new(messages)), abort: call.signal.clone() };
    let mut spoken = speak(&lua, &call, &side, on.clone()).await?;
    let Some(schema) = schema else { return answer(&lua, &spoken, None) };
    let mut read = schema.read(&spoken);
    if let Err(problem) = &read
        && spoken.answer.error.is_none()
        && spoken.answer.stop_reason != "aborted"
    {
        let again =
            format!("That is not what was asked for: {problem}. Answer with the JSON only.");
        lock(&side.messages).push(message::user(&again, &[]));
        spoken = speak(&lua, &call, &side, on).await?;
        read = schema.read(&spoken);
    }
    answer(&lua, &spoken, Some(read))
}

/// What an answer must look like.
struct Schema {
    schema: Data,
    validator: jsonschema::Validator,
}

impl Schema {
    fn new(fields: &Fields<'_>, schema: Data) -> Result<Self> {
        match jsonschema::options().build(&schema) {
            Ok(validator) => Ok(Self { schema, validator }),
            Err(err) => fields.invalid("schema", err),
        }
    }

    fn ask(&self, system_prompt: &str) -> String {
        let rule = format!(
            "Answer with one JSON value and nothing else. It must fit this JSON Schema:\n{}",
            self.schema
        );
        if system_prompt.is_empty() { rule } else { format!("{system_prompt}\n\n{rule}") }
    }

    /// Reads the answer: the JSON in it, past the fence that many models put around it.
    fn read(&self, spoken: &Spoken) -> std::result::Result<Data, String> {
        let text = message::text(&spoken.answer.message);
        let mut json = text.trim();
        if let Some(fenced) = json.strip_prefix("```") {
            let body = fenced.split_once('\n').map_or(fenced, |(_, body)| body);
            json = body.trim_end().strip_suffix("```").unwrap_or(body);
        }
        let value: Data =
            serde_json::from_str(json).map_err(|err| format!("it is not JSON ({err})"))?;
        let problems: Vec<String> = self
            .validator
            .iter_errors(&value)
            .take(5)
            .map(|problem| format!("{}: {problem}", problem.instance_path()))
            .collect();
        if problems.is_empty() { Ok(value) } else { Err(problems.join("; ")) }
    }
}

fn read_messages(fields: &Fields<'_>) -> Result<Vec<Data>> {
    match fields.opt_data("messages")? {
        Some(Data::Array(messages)) => Ok(messages),
        Some(Data::Object(none)) if none.is_empty() => Ok(Vec::new()),
        None => Ok(Vec::new()),
        Some(_) => fields.invalid("messages", "must be an array"),
    }
}

fn read_guide(call: &Rc<Call>, fields: &Fields<'_>, who: &str) -> Result<Guide> {
    let model = match fields.get("model")? {
        Value::Nil => None,
        reference => match ctx_models::resolve(call, who, &reference)? {
            Ok(model) => Some(model),
            Err(err) => return fields.invalid("model", err),
        },
    };
    let reasoning = fields.opt_choice("reasoning", REASONING_LEVELS)?;
    Ok(Guide {
        model,
        system_prompt: fields.opt_string("system_prompt")?.unwrap_or_default(),
        max_tokens: fields.opt_count("max_tokens", 10_000_000)?,
        reasoning: reasoning.map(str::to_owned),
        tools: Vec::new(),
    })
}

/// One side of a conversation in memory.
#[derive(Clone)]
struct Side {
    guide: Guide,
    messages: Arc<Mutex<Vec<Data>>>,
    abort: CancellationToken,
}

/// Lets the model answer; `on` hears of it.
async fn speak(lua: &Lua, call: &Rc<Call>, side: &Side, on: Option<Function>) -> Result<Spoken> {
    let (sender, mut events) = mpsc::unbounded_channel::<Data>();
    let listener: Option<Listener> = on.is_some().then(|| {
        let tell: Listener = Arc::new(move |event| {
            // Nobody listens any more when the call was cancelled.
            sender.send(event).ok();
        });
        tell
    });
    let (host, side) = (call.host.clone(), side.clone());
    let work = offload(async move {
        host.converse(&side.guide, &side.messages, &side.abort, listener.as_ref()).await
    });
    let mut work = std::pin::pin!(work);
    let hear = |event: Data| match &on {
        Some(on) => on.call::<()>(scheduler::to_lua(lua, &event, Nulls::Nil)?),
        None => Ok(()),
    };
    let spoken = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => hear(event)?,
            spoken = &mut work => break spoken?,
        }
    };
    while let Ok(event) = events.try_recv() {
        hear(event)?;
    }
    Ok(spoken)
}

fn answer(
    lua: &Lua,
    spoken: &Spoken,
    value: Option<std::result::Result<Data, String>>,
) -> Result<Value> {
    let Spoken { answer, usage, turns } = spoken;
    let mut data = match (answer.stop_reason.as_str(), &answer.error, &value) {
        ("aborted", ..) => json!({ "status": "cancelled" }),
        (_, Some(failure), _) => json!({ "status": "error", "error": failure.to_value() }),
        (_, None, Some(Err(problem))) => json!({
            "status": "error",
            "error": { "kind": "protocol", "message": format!("the answer does not fit: {problem}") },
        }),
        (stop_reason, None, _) => json!({
            "status": "completed",
            "model": answer.message["model"],
            "stop_reason": stop_reason,
        }),
    };
    data["text"] = message::text(&answer.message).into();
    data["usage"] = usage.to_value();
    data["turns"] = (*turns).into();
    data["message"] = answer.message.clone();
    if let Some(Ok(value)) = value {
        data["value"] = value;
    }
    scheduler::to_lua(lua, &data, Nulls::Nil)
}

// Sessions ----------------------------------------------------------------------------------------

/// A conversation in memory.
struct Session {
    call: Rc<Call>,
    guide: Guide,
    messages: Arc<Mutex<Vec<Data>>>,
    on: Option<Function>,
    busy: Arc<AtomicBool>,
    abort: Mutex<CancellationToken>,
    disposed: AtomicBool,
}

fn session(lua: &Lua, call: &Rc<Call>, options: Value) -> Result<mlua::AnyUserData> {
    const WHO: &str = "ctx.ai.session";
    let fields = Fields::or_empty(lua, WHO, options)?;
    let mut guide = read_guide(call, &fields, WHO)?;
    guide.tools = fields.opt_strings("tools")?.unwrap_or_default();
    let known = call.host.registry.tools();
    if let Some(missing) = guide.tools.iter().find(|name| !known.iter().any(|it| it.name == **name))
    {
        let names: Vec<&str> = known.iter().map(|tool| tool.name.as_str()).collect();
        let hint = crate::near::hint(missing, &names);
        return fields.invalid("tools", format_args!("there is no tool `{missing}`{hint}"));
    }
    let mut messages = match fields.get("context")? {
        Value::Nil | Value::Boolean(false) => Vec::new(),
        Value::Boolean(true) => copy_context(call, usize::MAX),
        _ => {
            let count = fields.opt_count("context", 500)?.unwrap_or_default();
            copy_context(call, usize::try_from(count).unwrap_or(usize::MAX))
        }
    };
    messages.extend(read_messages(&fields)?);
    lua.create_userdata(Session {
        call: call.clone(),
        guide,
        messages: Arc::new(Mutex::new(messages)),
        on: fields.opt_function("on")?,
        busy: Arc::default(),
        abort: Mutex::new(CancellationToken::new()),
        disposed: AtomicBool::new(false),
    })
}

/// The newest messages of the conversation, from one that can be the first.
fn copy_context(call: &Rc<Call>, most: usize) -> Vec<Data> {
    let context = call.host.session.context();
    let skip = context.len().saturating_sub(most);
    let recent = context[skip..].iter().map(|message| (**message).clone());
    recent.skip_while(|message| message::role(message) == "tool_result").collect()
}

/// Marks a session as busy until it is dropped.
struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl UserData for Session {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method("prompt", |lua, this, prompt: Value| {
            // What is needed is taken at once: the call may outlive the borrow.
            let started = this.start(&lua, prompt);
            async move {
                match started? {
                    Ok((call, side, on, _busy)) => {
                        let spoken = speak(&lua, &call, &side, on).await?;
                        Ok(MultiValue::from_iter([answer(&lua, &spoken, None)?]))
                    }
                    Err((kind, problem)) => fail(&lua, kind, problem),
                }
            }
        });
        methods.add_method("abort", |_, this, ()| {
            lock(&this.abort).cancel();
            Ok(())
        });
        methods.add_method("clear", |_, this, ()| {
            lock(&this.messages).clear();
            Ok(())
        });
        methods.add_method("dispose", |_, this, ()| {
            this.disposed.store(true, Ordering::Release);
            lock(&this.abort).cancel();
            lock(&this.messages).clear();
            Ok(())
        });
        methods.add_method("is_busy", |_, this, ()| Ok(this.busy.load(Ordering::Acquire)));
        methods.add_method("info", |lua, this, ()| {
            let model = this.guide.model.clone().or_else(|| this.call.host.model());
            let info = json!({
                "model": model.map(|model| model.to_value()),
                "tools": this.guide.tools,
                "messages": lock(&this.messages).len(),
                "busy": this.busy.load(Ordering::Acquire),
                "disposed": this.disposed.load(Ordering::Acquire),
            });
            scheduler::to_lua(lua, &info, Nulls::Nil)
        });
        methods.add_method("messages", |lua, this, limit: Option<usize>| {
            let messages = lock(&this.messages).clone();
            let skip = messages.len().saturating_sub(limit.unwrap_or(usize::MAX));
            scheduler::to_lua(lua, &messages.into_iter().skip(skip).collect(), Nulls::Nil)
        });
    }
}

type Started =
    std::result::Result<(Rc<Call>, Side, Option<Function>, Busy), (&'static str, String)>;

impl Session {
    /// Takes a prompt in; the error says why it cannot be answered now.
    fn start(&self, lua: &Lua, prompt: Value) -> Result<Started> {
        const WHO: &str = "session:prompt";
        let prompt = match prompt {
            Value::String(text) => Value::Table(lua.create_table_from([("prompt", text)])?),
            table @ Value::Table(_) => table,
            _ => return Err(misuse(WHO, "expected a text, or a table with `prompt`")),
        };
        let fields = Fields::new(lua, WHO, prompt)?;
        let text = fields.string("prompt")?;
        let images = match fields.opt_data("images")? {
            Some(Data::Array(images)) => images,
            _ => Vec::new(),
        };
        let on = fields.opt_function("on")?.or_else(|| self.on.clone());
        if self.call.is_stale() {
            return Ok(Err(("stale", "the session that this belongs to was left".into())));
        }
        if self.disposed.load(Ordering::Acquire) {
            return Ok(Err(("disposed", "the session was disposed of".into())));
        }
        if self.busy.swap(true, Ordering::AcqRel) {
            return Ok(Err(("busy", "the session is answering another prompt".into())));
        }
        let busy = Busy(self.busy.clone());
        let abort = CancellationToken::new();
        *lock(&self.abort) = abort.clone();
        lock(&self.messages).push(message::user(&text, &images));
        let side = Side { guide: self.guide.clone(), messages: self.messages.clone(), abort };
        Ok(Ok((self.call.clone(), side, on, busy)))
    }
}
