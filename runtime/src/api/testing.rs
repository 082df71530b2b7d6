//! `zi.test`: what a spec works with. It is bound by `zi test` only.

use std::{
    path::{Component, Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use mlua::{Function, IntoLuaMulti, Lua, MultiValue, Result, Value};
use serde_json::{Map, Value as Data, json};
use tokio_util::sync::CancellationToken;
use zi_kernel::scheduler::{self, Nulls, offload};

use super::{
    Bind, Entry, VmData, binding_name,
    errors::Failure,
    fields::{Fields, misuse, string_argument},
    outcome, plain, trampoline, waiting,
};
use crate::{
    extensions,
    hooks::Event,
    host::{Host, lock},
    message::{self, ToolCall},
    run::{Prompt, Ran, UserCommand},
    testbed::{Case, TestBed},
};

/// How long handlers that observe may take before a spec goes on without them.
const OBSERVERS: Duration = Duration::from_secs(1);

/// What specs find in `zi.test`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "case",
        doc: "Adds a test; `it` does it. Without `run` it is only planned.",
        meta: "---@param spec {title: string, run?: fun(ctx: zi.Ctx)}",
        bind: Bind::Zi(|lua| plain(lua, add_case)),
    },
    Entry {
        name: "load",
        doc: "Loads the extension under test: a file, or a folder with `init.lua`. The path starts at \
              the spec's own folder. At the top of a spec it is loaded before the first test. \
              `settings` is what it finds in `zi.settings`, `flags` what `zi.flag` finds: true, or a \
              value.",
        meta: "---@param path string\n---@param opts? {settings?: table, flags?: table<string, any>}",
        bind: Bind::Zi(|lua| {
            let who = binding_name();
            let name = who.clone();
            let function = lua.create_async_function(move |lua, args: (Value, Value)| {
                let who = who.clone();
                async move {
                    let loaded = load(&lua, &who, args).await;
                    outcome(&lua, loaded)
                }
            })?;
            // Unlike other functions that wait it may be used while loading: it does not wait then.
            trampoline(lua, &name, function, false)
        }),
    },
    Entry {
        name: "model",
        doc: "Makes a model that says what the spec has it say, and chooses it. `facts` are those of \
              the model (`context_window`, …). Its `reply{…}` adds an answer, its `requests` are what \
              it was asked.",
        meta: "---@param facts? table\n---@return zi.spec.Model",
        bind: Bind::Zi(|lua| {
            let require: Function = lua.globals().get("require")?;
            require.call::<mlua::Table>("zi.spec.model")?.get("new")
        }),
    },
    Entry {
        name: "use_model",
        doc: "Chooses the model that `ref` means.",
        meta: "---@param ref string",
        bind: Bind::Zi(|lua| plain(lua, use_model)),
    },
    Entry {
        name: "prompt",
        doc: "Runs a prompt, and those that extensions submit meanwhile, through the loop. Answers \
              `{status, text, stop_reason, turns, error, messages, tool_results, events}` once the \
              handlers that observe have ended. `status`: `ok`, `error`, `aborted`, `limit`, or \
              `handled` when an `input` handler took it.",
        meta: "---@async\n---@param text string\n---@param opts? {images?: table[]}\n---@return zi.spec.Run",
        bind: Bind::Zi(|lua| waiting(lua, prompt)),
    },
    Entry {
        name: "command",
        doc: "Runs a slash command, and the prompts that it submits. Answers `{status, error, runs}`; \
              `status` is `ok`, `error` or `unknown`.",
        meta: "---@async\n---@param line string as `/name arguments`\n---@return {status: string, error?: string, runs: zi.spec.Run[]}",
        bind: Bind::Zi(|lua| waiting(lua, command)),
    },
    Entry {
        name: "shell",
        doc: "Runs `!command` or `!!command` as the user would type it: `user_bash` is fired. Answers \
              `{output, exit_code}`, or nil and why it was refused.",
        meta: "---@async\n---@param line string as `!command`\n---@return {output: string, exit_code?: integer}?, string?",
        bind: Bind::Zi(|lua| waiting(lua, shell)),
    },
    Entry {
        name: "tool",
        doc: "Calls a tool as the model would. Answers its result, with its `outcome` and its `text`.",
        meta: "---@async\n---@param name string\n---@param params? table\n---@return zi.ToolResult",
        bind: Bind::Zi(|lua| waiting(lua, tool)),
    },
    Entry {
        name: "emit",
        doc: "Fires an event with these fields and waits for its observers.",
        meta: "---@async\n---@param name string\n---@param fields? table",
        bind: Bind::Zi(|lua| waiting(lua, emit)),
    },
    Entry {
        name: "events",
        doc: "What was fired so far, as `--mode json` prints it; of one name only, if it is given.",
        meta: "---@param name? string\n---@return table[]",
        bind: Bind::Zi(|lua| plain(lua, events)),
    },
    Entry {
        name: "notices",
        doc: "What the user was told so far: `{level, text}`.",
        meta: "---@return {level: string, text: string}[]",
        bind: Bind::Zi(|lua| plain(lua, notices)),
    },
    Entry {
        name: "workspace",
        doc: "The working directory of the test: a new, empty folder.",
        meta: "---@type string",
        bind: Bind::Zi(|lua| {
            lua.create_string(bed(lua)?.workspace.to_string_lossy().as_bytes()).map(Value::String)
        }),
    },
    Entry {
        name: "file",
        doc: "Writes a file of the workspace, with the folders it is in. Answers its whole path.",
        meta: "---@param name string\n---@param text string\n---@return string",
        bind: Bind::Zi(|lua| plain(lua, write_file)),
    },
    Entry {
        name: "read",
        doc: "What a file of the workspace holds; nil when there is none.",
        meta: "---@param name string\n---@return string?",
        bind: Bind::Zi(|lua| plain(lua, read_file)),
    },
];

/// Whether the namespace is there.
pub(super) fn is_bound(lua: &Lua) -> Result<bool> {
    Ok(VmData::of(lua)?.host()?.front.testbed().is_some())
}

pub(super) fn bed(lua: &Lua) -> Result<Arc<TestBed>> {
    let host = VmData::of(lua)?.host()?;
    host.front.testbed().cloned().ok_or_else(|| mlua::Error::runtime("this is no test"))
}

fn add_case(lua: &Lua, spec: Value) -> Result<()> {
    let data = VmData::of(lua)?;
    if !data.is_loading() {
        return Err(misuse("zi.test.case", "tests are added while the spec loads, not in a test"));
    }
    let fields = Fields::new(lua, "zi.test.case", spec)?;
    let run = fields.opt_function("run")?.map(|function| data.keep(function));
    bed(lua)?.add_case(Case { title: fields.string("title")?, run });
    Ok(())
}

async fn load(lua: &Lua, who: &str, (path, opts): (Value, Value)) -> Result<()> {
    let data = VmData::of(lua)?;
    let path = string_argument(who, "path", &path)?;
    let folder = data.owner().entry.parent().unwrap_or(Path::new("/"));
    let path = super::path::normalize(&folder.join(path));
    give(lua, who, &path, opts)?;
    if data.is_loading() {
        bed(lua)?.wish_extension(path);
        return Ok(());
    }
    let host = data.host()?;
    let loaded = offload(async move { host.load_under_test(&[path], Vec::new()).await }).await?;
    loaded.map_err(|problem| misuse(who, problem))
}

/// Sets what the extension at `path` is told by the user.
fn give(lua: &Lua, who: &str, path: &Path, opts: Value) -> Result<()> {
    let fields = Fields::or_empty(lua, who, opts)?;
    if let Some(settings) = fields.opt_data("settings")? {
        let host = VmData::of(lua)?.host()?;
        lock(&host.extension_settings).insert(extensions::id_of(path), settings);
    }
    let flags = match fields.opt_data("flags")? {
        Some(Data::Object(flags)) => flags,
        _ => Map::new(),
    };
    for (name, value) in flags {
        let value = match value {
            Data::Bool(true) => None,
            Data::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        bed(lua)?.set_flag(name, value);
    }
    Ok(())
}

fn use_model(lua: &Lua, reference: Value) -> Result<()> {
    const WHO: &str = "zi.test.use_model";
    let reference = string_argument(WHO, "ref", &reference)?;
    let data = VmData::of(lua)?;
    if data.is_loading() {
        bed(lua)?.wish_model(reference);
        return Ok(());
    }
    data.host()?.use_model(&reference).map_err(|problem| misuse(WHO, problem))
}

// Running -----------------------------------------------------------------------------------------

async fn prompt(lua: Lua, (text, opts): (Value, Value)) -> Result<Value> {
    const WHO: &str = "zi.test.prompt";
    let host = VmData::of(&lua)?.host()?;
    let text = string_argument(WHO, "text", &text)?;
    let images = match Fields::or_empty(&lua, WHO, opts)?.opt_data("images")? {
        Some(Data::Array(images)) => images,
        _ => Vec::new(),
    };
    if host.model().is_none() {
        return Err(misuse(WHO, "there is no model; make one with zi.test.model()"));
    }
    let prompt = Prompt { text, images, source: "user" };
    let mut runs = offload(async move {
        host.apply_changes().await;
        let mut runs = vec![run_prompt(&host, prompt).await];
        runs.extend(run_queued(&host).await);
        runs
    })
    .await?;
    let mut last = runs.pop().unwrap_or_default();
    if !runs.is_empty() {
        last["before"] = runs.into();
    }
    scheduler::to_lua(&lua, &last, Nulls::Nil)
}

/// What extensions asked for: prompts, and changes of the session.
async fn run_queued(host: &Arc<Host>) -> Vec<Data> {
    let mut runs = Vec::new();
    while let Some(prompt) = host.next_prompt(OBSERVERS).await {
        runs.push(run_prompt(host, prompt).await);
    }
    runs
}

async fn run_prompt(host: &Arc<Host>, prompt: Prompt) -> Data {
    let events_before = host.front.testbed().map_or(0, |bed| bed.events().len());
    let entries_before = host.session.journal().entries().len();
    let ran = host.prompt(prompt).await;
    host.settle(OBSERVERS).await;
    let messages: Vec<Data> = {
        let journal = host.session.journal();
        let new = journal.entries().iter().skip(entries_before);
        new.filter_map(|entry| entry.message().cloned()).collect()
    };
    let results = messages.iter().filter(|message| message::role(message) == "tool_result");
    let results: Vec<Data> = results.cloned().map(with_text).collect();
    let events = host.front.testbed().map(|bed| bed.events()).unwrap_or_default();
    let mut run = match ran {
        Ok(Some(report)) => json!({
            "status": report.status.name(),
            "stop_reason": report.stop_reason,
            "text": report.text,
            "turns": report.turns,
            "usage": report.usage.to_value(),
            "error": report.error.as_ref().map(Failure::to_value),
        }),
        Ok(None) => json!({ "status": "handled", "text": "", "turns": 0 }),
        Err(err) => json!({
            "status": "error",
            "text": "",
            "turns": 0,
            "error": Failure::new("protocol", err.to_string()).to_value(),
        }),
    };
    run["tool_results"] = results.into();
    run["messages"] = messages.into_iter().map(with_text).collect();
    run["events"] = events.into_iter().skip(events_before).collect();
    run
}

fn with_text(mut message: Data) -> Data {
    message["text"] = message::text(&message).into();
    message
}

async fn command(lua: Lua, line: Value) -> Result<Value> {
    const WHO: &str = "zi.test.command";
    let host = VmData::of(&lua)?.host()?;
    let line = string_argument(WHO, "line", &line)?;
    if !line.starts_with('/') {
        return Err(misuse(WHO, format_args!("`{line}` does not start with `/`")));
    }
    let done = offload(async move {
        host.apply_changes().await;
        let ran = host.run_command(&line).await;
        let runs = run_queued(&host).await;
        let (status, error) = match ran {
            Ran::Done => ("ok", None),
            Ran::Failed(failure) => ("error", Some(failure.message)),
            Ran::NoCommand => ("unknown", None),
        };
        json!({ "status": status, "error": error, "runs": runs })
    })
    .await?;
    scheduler::to_lua(&lua, &done, Nulls::Nil)
}

async fn shell(lua: Lua, line: Value) -> Result<MultiValue> {
    const WHO: &str = "zi.test.shell";
    let host = VmData::of(&lua)?.host()?;
    let line = string_argument(WHO, "line", &line)?;
    let Some(command) = UserCommand::read(&line) else {
        return Err(misuse(WHO, format_args!("`{line}` does not start with `!` and a command")));
    };
    let done = offload(async move { host.user_bash(&command).await }).await?;
    match done {
        Ok(result) => {
            let value = json!({ "output": result.output, "exit_code": result.exit_code });
            scheduler::to_lua(&lua, &value, Nulls::Nil)?.into_lua_multi(&lua)
        }
        Err(why) => (Value::Nil, why).into_lua_multi(&lua),
    }
}

async fn tool(lua: Lua, (name, params): (Value, Value)) -> Result<Value> {
    const WHO: &str = "zi.test.tool";
    let host = VmData::of(&lua)?.host()?;
    let name = string_argument(WHO, "name", &name)?;
    let arguments = match &params {
        Value::Nil => json!({}),
        params => scheduler::from_lua(&lua, params)
            .map_err(|err| misuse(WHO, format_args!("`params`: {err}")))?,
    };
    let id = format!("test_{}", crate::journal::new_id());
    let call = ToolCall { id, name, arguments, fault: None };
    let result = offload(async move {
        let outcome = host.dispatch(&call, "model", &CancellationToken::new()).await;
        host.settle(OBSERVERS).await;
        let mut result = outcome.result.to_value();
        result["outcome"] = outcome.outcome.name().into();
        with_text(result)
    })
    .await?;
    scheduler::to_lua(&lua, &result, Nulls::Nil)
}

async fn emit(lua: Lua, (name, fields): (Value, Value)) -> Result<()> {
    const WHO: &str = "zi.test.emit";
    let host = VmData::of(&lua)?.host()?;
    let name = string_argument(WHO, "name", &name)?;
    let fields = match &fields {
        Value::Nil => json!({}),
        fields => scheduler::from_lua(&lua, fields)
            .map_err(|err| misuse(WHO, format_args!("`fields`: {err}")))?,
    };
    offload(async move {
        host.emit(Event::new(name, fields));
        host.settle(OBSERVERS).await;
    })
    .await
}

// Looking -----------------------------------------------------------------------------------------

fn events(lua: &Lua, name: Option<String>) -> Result<Value> {
    let wanted = |event: &Data| {
        name.as_deref().is_none_or(|name| event.get("type").and_then(Data::as_str) == Some(name))
    };
    let events = bed(lua)?.events().into_iter().filter(wanted).collect();
    scheduler::to_lua(lua, &events, Nulls::Nil)
}

fn notices(lua: &Lua, _: ()) -> Result<Value> {
    let notices = bed(lua)?.notices();
    let list = notices.iter().map(|(level, text)| json!({ "level": level.name(), "text": text }));
    scheduler::to_lua(lua, &list.collect(), Nulls::Nil)
}

/// A path of the workspace; what leads out of it is misuse.
fn inside(lua: &Lua, who: &str, name: &Value) -> Result<PathBuf> {
    let name = string_argument(who, "name", name)?;
    let path = super::path::normalize(Path::new(&name));
    match path.components().next() {
        Some(Component::Normal(_)) => Ok(bed(lua)?.workspace.join(path)),
        _ => Err(misuse(who, format_args!("`{name}` is no path inside of the workspace"))),
    }
}

fn write_file(lua: &Lua, (name, text): (Value, mlua::LuaString)) -> Result<String> {
    const WHO: &str = "zi.test.file";
    let path = inside(lua, WHO, &name)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written =
        std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, &text.as_bytes()[..]));
    written.map_err(|err| misuse(WHO, format_args!("cannot write `{}`: {err}", path.display())))?;
    Ok(path.to_string_lossy().into_owned())
}

fn read_file(lua: &Lua, name: Value) -> Result<Option<mlua::LuaString>> {
    const WHO: &str = "zi.test.read";
    let path = inside(lua, WHO, &name)?;
    match std::fs::read(&path) {
        Ok(bytes) => lua.create_string(bytes).map(Some),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(misuse(WHO, format_args!("cannot read `{}`: {err}", path.display()))),
    }
}
