//! `ctx`: what a handler, a tool or a command learns of the call that it is in.

use std::{
    rc::Rc,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use mlua::{
    IntoLuaMulti, Lua, MetaMethod, MultiValue, Result, Table, UserData, UserDataMethods, Value,
};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry, bind,
    errors::fail,
    fields::{Fields, misuse},
    find, function_of, sub_space, waiting_of,
};
use crate::{
    extensions::Extension,
    hooks::{Event, Patience},
    host::{Host, Level, lock},
    message::ToolCall,
    registry::ToolSpec,
    run::{Prompt, ToolResult},
    session,
};

/// How often a tool's progress is passed on.
const UPDATE_EVERY: Duration = Duration::from_millis(33);

/// One call into an extension. It crosses to the extension's thread with the call.
#[derive(Clone, Debug)]
pub struct Call {
    pub host: Arc<Host>,
    pub owner: Arc<Extension>,
    /// Cancelled when what the call is for is aborted.
    pub signal: CancellationToken,
    tool: Option<ToolContext>,
    epoch: u64,
    /// Tells calls apart.
    pub(super) number: u64,
    /// The edit of a view that the call was told of.
    pub(super) seen: Option<u64>,
    /// The time that the call has, if somebody waits for its answer.
    pub(super) patience: Patience,
    /// Whether it is for something that the user did, or has heard of such a thing since.
    by_user: Arc<AtomicBool>,
}

/// What a call of a tool knows besides.
#[derive(Clone, Debug)]
struct ToolContext {
    call: ToolCall,
    spec: Arc<ToolSpec>,
    progress: Arc<Progress>,
}

/// How far a tool has come. The newest counts.
#[derive(Debug, Default)]
pub struct Progress(Mutex<ProgressState>);

#[derive(Debug, Default)]
struct ProgressState {
    newest: Option<ToolResult>,
    told_at: Option<Instant>,
    /// Whether somebody waits to tell of the newest.
    is_due: bool,
}

impl Progress {
    /// What the tool showed last.
    pub fn newest(&self) -> Option<ToolResult> {
        lock(&self.0).newest.clone()
    }
}

/// Counts calls.
static CALLS: AtomicU64 = AtomicU64::new(0);

impl Call {
    pub fn new(host: &Arc<Host>, owner: &Arc<Extension>) -> Self {
        let signal = host.current_run().map(|run| run.abort.clone()).unwrap_or_default();
        let (host, owner) = (host.clone(), owner.clone());
        let epoch = host.epoch.load(Ordering::Acquire);
        let (seen, patience, by_user) = (None, Patience::default(), Arc::default());
        let number = CALLS.fetch_add(1, Ordering::Relaxed);
        Self { host, owner, signal, tool: None, epoch, number, seen, patience, by_user }
    }

    /// The call is for something that the user did: a command, a key.
    pub fn for_user(self) -> Self {
        self.heard_user();
        self
    }

    /// The user did something that the call was told of.
    pub(super) fn heard_user(&self) {
        self.by_user.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_by_user(&self) -> bool {
        self.by_user.load(Ordering::Relaxed)
    }

    /// Whether the session that the call was made for is no longer the present one.
    pub(super) fn is_stale(&self) -> bool {
        self.epoch != self.host.epoch.load(Ordering::Acquire)
    }

    pub fn with_seen(mut self, edit: Option<u64>) -> Self {
        self.seen = edit;
        self
    }

    pub fn with_patience(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    pub fn with_signal(mut self, signal: CancellationToken) -> Self {
        self.signal = signal;
        self
    }

    pub fn with_tool(
        mut self,
        call: &ToolCall,
        tool: &Arc<ToolSpec>,
        progress: &Arc<Progress>,
    ) -> Self {
        self.tool = Some(ToolContext {
            call: call.clone(),
            spec: tool.clone(),
            progress: progress.clone(),
        });
        self
    }
}

/// `ctx`, or one of its inner tables.
struct Ctx {
    call: Rc<Call>,
    space: &'static str,
}

impl UserData for Ctx {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: Value| {
            let Value::String(key) = &key else { return Ok(Value::Nil) };
            let key = key.to_string_lossy();
            if let Some(entry) = find(this.space, &key) {
                return bind(lua, this.space, entry, Some(&this.call));
            }
            match sub_space(this.space, &key) {
                Some("ctx.ui" | "ctx.editor") if !this.call.host.front.has_screen() => {
                    Ok(Value::Nil)
                }
                Some(space) => lua
                    .create_userdata(Self { call: this.call.clone(), space })
                    .map(Value::UserData),
                None => Ok(Value::Nil),
            }
        });
    }
}

/// Makes the `ctx` of a call.
pub fn make_ctx(lua: &Lua, call: Call) -> Result<Value> {
    lua.create_userdata(Ctx { call: Rc::new(call), space: "ctx" }).map(Value::UserData)
}

/// What scripts find in `ctx`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "cwd",
        doc: "The working directory, absolute.",
        meta: "---@type string",
        bind: Bind::Ctx(|lua, call| text(lua, &call.host.cwd.to_string_lossy())),
    },
    Entry {
        name: "mode",
        doc: "How zi runs: `tui`, `print`, `json`, `rpc`, `acp` or `test`.",
        meta: "---@type string",
        bind: Bind::Ctx(|lua, call| text(lua, call.host.front.mode())),
    },
    Entry {
        name: "has_ui",
        doc: "Whether there is a screen to draw on. Without one `ctx.ui` and `ctx.editor` are nil.",
        meta: "---@type boolean",
        bind: Bind::Ctx(|_, call| Ok(Value::Boolean(call.host.front.has_screen()))),
    },
    Entry {
        name: "binding",
        doc: "What the extension is bound to: `session_id`, `session_file` (nil until it is kept), \
              `workspace_id`, `generation_id`, `state_owner_id`, `namespace_id`, `runtime_root_id`.",
        meta: "---@type zi.Binding",
        bind: Bind::Ctx(binding),
    },
    Entry {
        name: "extension",
        doc: "The extension itself: `id`, `source`, `entry`, `root`, `data_dir`.",
        meta: "---@type zi.ExtensionInfo",
        bind: Bind::Ctx(|lua, call| {
            let owner = &call.owner;
            let info = json!({
                "id": owner.id,
                "source": owner.source().name(),
                "entry": owner.entry,
                "root": owner.root,
                "data_dir": call.host.dirs.data.join("extensions").join(&owner.id),
            });
            scheduler::to_lua(lua, &info, Nulls::Nil)
        }),
    },
    Entry {
        name: "signal",
        doc: "Tells whether the work was aborted: `aborted`, and `on_abort(fn)`, which calls `fn` \
              when it is. Work that waits is ended by itself.",
        meta: "---@type zi.Signal",
        bind: Bind::Ctx(|lua, call| {
            lua.create_userdata(Signal(call.signal.clone())).map(Value::UserData)
        }),
    },
    Entry {
        name: "is_idle",
        doc: "Whether no run is going on.",
        meta: "---@return boolean",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| Ok(call.host.current_run().is_none()))
        }),
    },
    Entry {
        name: "has_pending_messages",
        doc: "Whether messages wait to be taken into the conversation.",
        meta: "---@return boolean",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                let queues = lock(&call.host.queues);
                Ok(!queues.steering.is_empty() || !queues.follow_up.is_empty())
            })
        }),
    },
    Entry {
        name: "abort",
        doc: "Ends the running run, if there is one.",
        meta: "",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                call.host.abort();
                Ok(())
            })
        }),
    },
    Entry {
        name: "shutdown",
        doc: "Ends zi, in order, as soon as it can.",
        meta: "",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                call.host.shutdown.cancel();
                Ok(())
            })
        }),
    },
    Entry {
        name: "reload",
        doc: "Reads extensions from disk again: all, or the one called `id`. It happens beside; a \
              build that does not load leaves the old one in place, and the user is told either way.",
        meta: "---@param id? string",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, id: Option<String>| {
                let (host, id) = (call.host.clone(), id.filter(|id| !id.is_empty()));
                let reload = async move {
                    host.reload_and_tell(id.as_deref()).await;
                };
                call.host.observers.spawn_on(reload, &call.host.io);
                Ok(())
            })
        }),
    },
    Entry {
        name: "send_user_message",
        doc: "Says something in the user's place. `target`: `auto` (a prompt when idle, steering \
              otherwise), `prompt` (raises while a run goes on), `steering` (before the next model \
              call), `follow_up` (when the model is done). Answers `{status}`: `submitted` or `queued`.",
        meta: "---@param text string\n---@param opts? {target?: string, images?: table[]}\n---@return {status: string}",
        bind: Bind::Ctx(|lua, call| method(lua, call, send_user_message)),
    },
    Entry {
        name: "update",
        doc: "In a tool only: shows a result in the making. The newest counts; at most thirty a \
              second are passed on.",
        meta: "---@param partial zi.ToolResult|string",
        bind: Bind::Ctx(|lua, call| {
            if call.tool.is_none() {
                return Ok(Value::Nil);
            }
            method(lua, call, update)
        }),
    },
    Entry {
        name: "super",
        doc: "In a tool that shadows another of the same name only: runs the shadowed one with \
              `params` and answers its result.",
        meta: "---@async\n---@param params table\n---@return zi.ToolResult?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            let shadowed = call.tool.as_ref().and_then(|tool| {
                Some((tool.clone(), call.host.registry.shadowed_tool(&tool.spec)?))
            });
            let Some((tool, shadowed)) = shadowed else { return Ok(Value::Nil) };
            let call = call.clone();
            waiting_of(lua, move |lua, params: Value| {
                run_shadowed(lua, call.clone(), tool.clone(), shadowed.clone(), params)
            })
        }),
    },
    Entry {
        name: "notice",
        doc: "Tells the user something, with a screen or without: batch modes print it to standard \
              error. `level`: `info` (default), `warn` or `error`. It is no part of the session.",
        meta: "---@param text string\n---@param level? string",
        bind: Bind::Ctx(|lua, call| method(lua, call, notice)),
    },
    Entry {
        name: "context_usage",
        doc: "How full the model's context is: `{tokens, context_window, percent}`, or nil without \
              a model.",
        meta: "---@return {tokens: integer, context_window: integer, percent: number}?",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| context_usage(lua, &call.host))
        }),
    },
    Entry {
        name: "system_prompt",
        doc: "The system prompt of the running run; empty outside of one.",
        meta: "---@return string",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                Ok(call.host.current_run().map(|run| run.system_prompt()).unwrap_or_default())
            })
        }),
    },
];

fn text(lua: &Lua, text: &str) -> Result<Value> {
    lua.create_string(text).map(Value::String)
}

/// Binds a function that does not wait to a call.
pub(super) fn method<A, R>(
    lua: &Lua,
    call: &Rc<Call>,
    f: fn(&Lua, &Rc<Call>, A) -> Result<R>,
) -> Result<Value>
where
    A: mlua::FromLuaMulti + 'static,
    R: mlua::IntoLuaMulti + 'static,
{
    let call = call.clone();
    function_of(lua, move |lua, args| unless_stale(lua, &call, |call| f(lua, call, args)))
}

/// Does `work` unless the session was left; then it answers `nil, err`.
pub(super) fn unless_stale<R: IntoLuaMulti>(
    lua: &Lua,
    call: &Rc<Call>,
    work: impl FnOnce(&Rc<Call>) -> Result<R>,
) -> Result<MultiValue> {
    if call.is_stale() {
        return fail(lua, "stale", "the session that this ctx belongs to was left");
    }
    work(call)?.into_lua_multi(lua)
}

/// Binds a function that waits to a call.
pub(super) fn waiting_method<A, F, R>(
    lua: &Lua,
    call: &Rc<Call>,
    f: fn(Lua, Rc<Call>, A) -> F,
) -> Result<Value>
where
    A: mlua::FromLuaMulti + 'static,
    F: Future<Output = Result<R>> + 'static,
    R: mlua::IntoLuaMulti + 'static,
{
    let call = call.clone();
    waiting_of(lua, move |lua, args| {
        let started = (!call.is_stale()).then(|| f(lua.clone(), call.clone(), args));
        async move {
            match started {
                Some(work) => work.await?.into_lua_multi(&lua),
                None => fail(&lua, "stale", "the session that this ctx belongs to was left"),
            }
        }
    })
}

fn binding(lua: &Lua, call: &Rc<Call>) -> Result<Value> {
    let mut binding = call.host.binding_value();
    let root = call.owner.root.display().to_string();
    binding["generation_id"] = call.owner.generation.into();
    binding["state_owner_id"] = format!("{root}::{}", call.owner.id).into();
    binding["namespace_id"] = call.owner.id.clone().into();
    binding["runtime_root_id"] = root.into();
    scheduler::to_lua(lua, &binding, Nulls::Nil)
}

/// `ctx.signal`
struct Signal(CancellationToken);

impl UserData for Signal {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: String| match key.as_str() {
            "aborted" => Ok(Value::Boolean(this.0.is_cancelled())),
            "reason" if this.0.is_cancelled() => text(lua, "aborted"),
            "on_abort" => {
                let token = this.0.clone();
                plain_closure(lua, move |args: MultiValue| on_abort(&token, args))
            }
            _ => Ok(Value::Nil),
        });
    }
}

fn plain_closure(lua: &Lua, f: impl Fn(MultiValue) -> Result<()> + 'static) -> Result<Value> {
    lua.create_function(move |_, args: MultiValue| f(args)).map(Value::Function)
}

/// Calls the last argument (so that `signal:on_abort(fn)` works as well) once, when the token is
/// cancelled while the task lives.
fn on_abort(token: &CancellationToken, args: MultiValue) -> Result<()> {
    let Some(Value::Function(function)) = args.into_iter().next_back() else {
        return Err(misuse("ctx.signal.on_abort", "expected a function"));
    };
    let token = token.clone();
    scheduler::spawn_local("on_abort", |_| async move {
        token.cancelled().await;
        // What it does on the way out is its own affair; there is nobody left to tell.
        function.call_async::<()>(()).await.ok();
    })?;
    Ok(())
}

fn send_user_message(lua: &Lua, call: &Rc<Call>, (text, opts): (Value, Value)) -> Result<Table> {
    const WHO: &str = "ctx.send_user_message";
    let text = super::fields::string_argument(WHO, "text", &text)?;
    let opts = Fields::or_empty(lua, WHO, opts)?;
    let targets = ["auto", "prompt", "steering", "follow_up"];
    let target = opts.opt_choice("target", &targets)?.unwrap_or("auto");
    let images = match opts.opt_data("images")? {
        Some(serde_json::Value::Array(images)) => images,
        _ => Vec::new(),
    };
    let prompt = Prompt { text, images, source: "extension" };
    let running = call.host.current_run().is_some();
    if target == "prompt" && running {
        return Err(misuse(WHO, "a run is going on; use `steering` or `follow_up`"));
    }
    let status = {
        let mut queues = lock(&call.host.queues);
        match (target, running) {
            ("steering", _) | ("auto", true) => {
                queues.steering.push_back(prompt);
                "queued"
            }
            ("follow_up", true) => {
                queues.follow_up.push_back(prompt);
                "queued"
            }
            _ => {
                queues.prompts.push_back(prompt);
                "submitted"
            }
        }
    };
    call.host.emit_queues();
    call.host.wake.notify_one();
    lua.create_table_from([("status", status)])
}

fn notice(_: &Lua, call: &Rc<Call>, (text, level): (Value, Value)) -> Result<()> {
    const WHO: &str = "ctx.notice";
    let text = super::fields::string_argument(WHO, "text", &text)?;
    let level = match &level {
        Value::Nil => "info".to_owned(),
        level => super::fields::string_argument(WHO, "level", level)?,
    };
    let level = match level.as_str() {
        "info" => Level::Info,
        "warn" => Level::Warn,
        "error" => Level::Error,
        other => {
            return Err(misuse(WHO, format_args!("`{other}` is none of info, warn, error")));
        }
    };
    call.host.notice(level, &text);
    Ok(())
}

fn update(lua: &Lua, call: &Rc<Call>, partial: MultiValue) -> Result<()> {
    let Some(tool) = &call.tool else { return Ok(()) };
    let partial =
        crate::run::read_result(lua, partial)?.map_err(|problem| misuse("ctx.update", problem))?;
    let wait = {
        let mut state = lock(&tool.progress.0);
        state.newest = Some(partial);
        if std::mem::replace(&mut state.is_due, true) {
            return Ok(());
        }
        state.told_at.map_or(Duration::ZERO, |at| UPDATE_EVERY.saturating_sub(at.elapsed()))
    };
    if wait.is_zero() {
        tell_progress(&call.host, tool);
        return Ok(());
    }
    let (host, tool, signal) = (call.host.clone(), tool.clone(), call.signal.clone());
    call.host.io.spawn(async move {
        tokio::select! {
            // After its end the result says more.
            () = signal.cancelled() => {}
            () = tokio::time::sleep(wait) => tell_progress(&host, &tool),
        }
    });
    Ok(())
}

fn tell_progress(host: &Arc<Host>, tool: &ToolContext) {
    let newest = {
        let mut state = lock(&tool.progress.0);
        state.is_due = false;
        state.told_at = Some(Instant::now());
        state.newest.clone()
    };
    let Some(newest) = newest else { return };
    host.emit(Event::new(
        "tool_execution_update",
        json!({
            "tool_call_id": tool.call.id,
            "tool_name": tool.call.name,
            "args": tool.call.arguments,
            "partial_result": newest.to_value(),
        }),
    ));
}

async fn run_shadowed(
    lua: Lua,
    call: Rc<Call>,
    tool: ToolContext,
    shadowed: Arc<ToolSpec>,
    params: Value,
) -> Result<MultiValue> {
    let input = scheduler::from_lua(&lua, &params)
        .map_err(|err| misuse("ctx.super", format_args!("`params`: {err}")))?;
    if let Err(problem) = crate::run::validate(&shadowed, &input) {
        return fail(&lua, "invalid", problem);
    }
    let context = Call::new(&call.host, &shadowed.execute.owner)
        .with_signal(call.signal.clone())
        .with_tool(&tool.call, &shadowed, &tool.progress);
    let running = crate::run::start_tool(&shadowed, input, context);
    match offload(running).await? {
        Ok(Ok(result)) => {
            let result = scheduler::to_lua(&lua, &result.to_value(), Nulls::Nil)?;
            Ok(MultiValue::from_iter([result]))
        }
        Ok(Err(problem)) => fail(&lua, "tool", problem),
        Err(failure) => fail(&lua, "tool", failure.message),
    }
}

/// How full the context is.
pub(super) fn context_usage(lua: &Lua, host: &Arc<Host>) -> Result<Value> {
    let Some(model) = host.model() else { return Ok(Value::Nil) };
    let system = host.current_run().map(|run| run.system_prompt()).unwrap_or_default();
    let context = host.session.context();
    let mut tokens = session::tokens_of(&context);
    if context.iter().all(|message| message.get("usage").is_none()) {
        tokens += session::estimate_tokens(&json!({ "content": system }));
    }
    let window = model.context_window();
    let usage = json!({
        "tokens": tokens,
        "context_window": window,
        "percent": tokens as f64 * 100.0 / window.max(1) as f64,
    });
    scheduler::to_lua(lua, &usage, Nulls::Nil)
}
