//! `zi`: registering tools, commands, handlers, wire adapters and the loop.

use mlua::{Lua, Result, Table, UserData, UserDataMethods, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry, VmData, errors,
    fields::{Fields, kind_of, misuse, string_argument},
    plain,
};
use crate::{
    extensions::Handoff,
    hooks::{EVENTS, Event},
    host::lock,
    near,
    registry::{AdapterSpec, Callback, CommandSpec, ToolSpec},
};

const TOOL_KINDS: &[&str] = &["read", "write", "edit", "shell", "search", "agent", "other"];
/// Longest tool name; the strictest provider sets it.
const MAX_TOOL_NAME: usize = 64;

/// What scripts find in `zi`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "tool",
        doc: "Registers a tool that the model can call. Answers false when another holds the name: \
              the first one in order of precedence counts.",
        meta: "---@param spec zi.ToolSpec\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, tool)),
    },
    Entry {
        name: "untool",
        doc: "Removes the extension's own tool `name`. Answers whether there was one.",
        meta: "---@param name string\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, untool)),
    },
    Entry {
        name: "command",
        doc: "Registers a slash command. `handler(args, ctx)` gets what follows the name, without \
              leading blanks.",
        meta: "---@param spec zi.CommandSpec",
        bind: Bind::Zi(|lua| plain(lua, command)),
    },
    Entry {
        name: "on",
        doc: "Has `handler(event, ctx)` called for an event. Names with a colon are the \
              extensions' own (`zi.emit`). The handle's `:off()` ends it.",
        meta: "---@param event string\n---@param handler async fun(event: table, ctx: zi.Ctx): table?\n---@return {off: fun(self)}",
        bind: Bind::Zi(|lua| plain(lua, on)),
    },
    Entry {
        name: "emit",
        doc: "Tells all extensions of an event of one's own; its name has a colon. `data` is copied \
              to them as `event.data`.",
        meta: "---@param name string\n---@param data? any",
        bind: Bind::Zi(|lua| plain(lua, emit)),
    },
    Entry {
        name: "api",
        doc: "Registers a wire adapter: `stream(request, emit, ctx)` sends a request and emits what \
              comes back. Providers name it in `api`. Answers false when another holds the name.",
        meta: "---@param name string\n---@param adapter {stream: async fun(request: zi.Request, emit: fun(item: table), ctx: zi.Ctx)}\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, api)),
    },
    Entry {
        name: "loop",
        doc: "Claims the turn loop: `fn(run)` is called for each prompt and ends the run by \
              returning (`\"limit\"` says that the step limit ended it). Answers false when another \
              holds it.",
        meta: "---@param fn async fun(run: zi.Run): string?\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, claim_loop)),
    },
    Entry {
        name: "handoff",
        doc: "Carries state over a reload: what `export()` of the old build returns (data, within \
              500 ms, without waiting) is given to `import(state)` of the new one, before it hears of \
              `session_start`. A file may return `{export, import}` instead.",
        meta: "---@param functions {export?: (fun(): any), import?: fun(state: any)}",
        bind: Bind::Zi(|lua| plain(lua, handoff)),
    },
    Entry {
        name: "failure",
        doc: "Makes the value that an adapter raises when a provider fails: `error(zi.failure{kind, \
              message, …})`. Kinds: `auth`, `quota`, `rate_limit`, `overloaded`, `server`, `timeout`, \
              `connection`, `invalid_request`, `context_overflow`, `not_found`, `content_policy`, \
              `tool_call_failed`, `stream_truncated`, `protocol`. `retryable` follows from the kind \
              unless it is given.",
        meta: "---@param spec {kind: string, message?: string, status?: integer, code?: string, retryable?: boolean, retry_after_ms?: number, request_id?: string}\n---@return zi.Failure",
        bind: Bind::Zi(|lua| plain(lua, failure)),
    },
];

pub(super) fn keep(lua: &Lua, function: mlua::Function) -> Result<Callback> {
    Ok(VmData::of(lua)?.keep(function))
}

fn keep_opt(lua: &Lua, function: Option<mlua::Function>) -> Result<Option<Callback>> {
    function.map(|function| keep(lua, function)).transpose()
}

fn tool(lua: &Lua, spec: Value) -> Result<bool> {
    let data = VmData::of(lua)?;
    let host = data.host()?;
    let fields = Fields::new(lua, "zi.tool", spec)?;
    let name = fields.string("name")?;
    let fields = fields.renamed(format!("zi.tool `{name}`"));
    let valid = name.len() <= MAX_TOOL_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'));
    if !valid {
        return fields.invalid(
            "name",
            "providers take letters, digits, `_` and `-`, a letter or `_` first, at most 64",
        );
    }
    let description = fields.string("description")?;
    let parameters = match fields.opt_data("parameters")? {
        Some(Data::Object(parameters)) => object_schema(Data::Object(parameters)),
        Some(Data::Array(items)) if items.is_empty() => object_schema(json!({})),
        Some(_) => return fields.invalid("parameters", "must be a JSON schema, as a table"),
        None => {
            return fields.invalid(
                "parameters",
                "is required (a JSON schema; `{ type = \"object\" }` for none)",
            );
        }
    };
    let execute = fields.function("execute")?;
    let spec = ToolSpec {
        label: fields.opt_string("label")?.unwrap_or_else(|| name.clone()),
        description,
        parameters,
        prompt_snippet: fields.opt_string("prompt_snippet")?,
        prompt_guidelines: fields.opt_strings("prompt_guidelines")?.unwrap_or_default(),
        kind: fields.opt_choice("kind", TOOL_KINDS)?.unwrap_or("other").to_owned(),
        parallel: fields.flag("parallel")?,
        ends_turn: fields.flag("ends_turn")?,
        timeout_ms: fields.opt_count("timeout_ms", 86_400_000)?,
        execute: keep(lua, execute)?,
        prepare: keep_opt(lua, fields.opt_function("prepare")?)?,
        render_call: keep_opt(lua, fields.opt_function("render_call")?)?,
        render_result: keep_opt(lua, fields.opt_function("render_result")?)?,
        validator: std::sync::OnceLock::new(),
        name,
    };
    fields.doubt_others()?;
    let name = spec.name.clone();
    let first = host.registry.add_tool(data.owner(), spec);
    if !first {
        let text =
            format!("zi.tool: `{name}` is taken by another extension or was registered before");
        crate::logs::write(&host, &data.owner().id, "info", &text);
    }
    Ok(first)
}

/// Makes a schema say that it describes an object, and gives empty Lua tables their JSON kind.
fn object_schema(mut schema: Data) -> Data {
    if let Data::Object(map) = &mut schema {
        map.entry("type").or_insert_with(|| "object".into());
        map.entry("properties").or_insert_with(|| json!({}));
    }
    tidy_schema(&mut schema);
    schema
}

/// An empty Lua table is an object; where a schema wants an array, or the other way, it is turned.
fn tidy_schema(schema: &mut Data) {
    match schema {
        Data::Object(map) => {
            for (key, value) in map.iter_mut() {
                let is_empty = matches!(value, Data::Object(map) if map.is_empty())
                    || matches!(value, Data::Array(items) if items.is_empty());
                match key.as_str() {
                    "required" | "enum" | "anyOf" | "oneOf" | "allOf" if is_empty => {
                        *value = json!([]);
                    }
                    "properties" | "items" if is_empty => *value = json!({}),
                    _ => tidy_schema(value),
                }
            }
        }
        Data::Array(items) => items.iter_mut().for_each(tidy_schema),
        _ => {}
    }
}

fn untool(lua: &Lua, name: Value) -> Result<bool> {
    let data = VmData::of(lua)?;
    let name = string_argument("zi.untool", "name", &name)?;
    Ok(data.host()?.registry.remove_tool(data.owner(), &name))
}

fn command(lua: &Lua, spec: Value) -> Result<()> {
    let data = VmData::of(lua)?;
    let fields = Fields::new(lua, "zi.command", spec)?;
    let name = fields.string("name")?;
    let names = |name: &str| !name.starts_with('/') && !name.contains(char::is_whitespace);
    if !names(&name) {
        return fields.invalid("name", "is written without `/` and without blanks");
    }
    let aliases = fields.opt_strings("aliases")?.unwrap_or_default();
    if let Some(bad) = aliases.iter().find(|alias| !names(alias)) {
        return fields.invalid("aliases", format_args!("`{bad}` is no command name"));
    }
    let handler = fields.function("handler")?;
    let spec = CommandSpec {
        name,
        description: fields.opt_string("description")?.unwrap_or_default(),
        aliases,
        handler: keep(lua, handler)?,
        complete: keep_opt(lua, fields.opt_function("complete")?)?,
    };
    fields.doubt_others()?;
    data.host()?.registry.add_command(data.owner(), spec);
    Ok(())
}

/// What `zi.on` answers.
struct Handle {
    event: String,
    id: u64,
    callback: Callback,
}

impl UserData for Handle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_method("off", |lua, this, ()| {
            let data = VmData::of(lua)?;
            let removed = data.host()?.registry.remove_handler(&this.event, this.id);
            data.forget(&this.callback);
            Ok(removed)
        });
    }
}

fn on(lua: &Lua, (event, handler): (Value, Value)) -> Result<mlua::AnyUserData> {
    const WHO: &str = "zi.on";
    let data = VmData::of(lua)?;
    let event = string_argument(WHO, "event", &event)?;
    let event = match EVENTS.iter().find(|known| **known == event || near::camel(known) == event) {
        Some(known) => (*known).to_owned(),
        None if event.contains(':') => event,
        None => {
            let hint = near::hint(&event, EVENTS);
            return Err(misuse(WHO, format_args!("there is no event `{event}`{hint}")));
        }
    };
    let Value::Function(handler) = handler else {
        let kind = kind_of(&handler);
        return Err(misuse(
            WHO,
            format_args!("the handler of `{event}` must be a function, not {kind}"),
        ));
    };
    let callback = keep(lua, handler)?;
    let id = data.host()?.registry.add_handler(data.owner(), &event, callback.clone());
    lua.create_userdata(Handle { event, id, callback })
}

fn emit(lua: &Lua, (name, value): (Value, Value)) -> Result<()> {
    const WHO: &str = "zi.emit";
    let data = VmData::of(lua)?;
    if data.is_loading() {
        return Err(misuse(WHO, "not available while loading"));
    }
    let name = string_argument(WHO, "name", &name)?;
    if !name.contains(':') {
        return Err(misuse(
            WHO,
            format_args!("`{name}` must have a colon, as `my-extension:thing`"),
        ));
    }
    let payload = scheduler::from_lua(lua, &value).map_err(|err| misuse(WHO, err))?;
    let from = data.owner().id.clone();
    data.host()?.emit(Event::new(name, json!({ "data": payload, "from": from })));
    Ok(())
}

fn api(lua: &Lua, (name, adapter): (Value, Value)) -> Result<bool> {
    let data = VmData::of(lua)?;
    let name = string_argument("zi.api", "name", &name)?;
    let fields = Fields::new(lua, format!("zi.api `{name}`"), adapter)?;
    let stream = keep(lua, fields.function("stream")?)?;
    fields.doubt_others()?;
    Ok(data.host()?.registry.add_adapter(data.owner(), AdapterSpec { name, stream }))
}

fn claim_loop(lua: &Lua, function: Value) -> Result<bool> {
    let data = VmData::of(lua)?;
    let Value::Function(function) = function else {
        let kind = kind_of(&function);
        return Err(misuse("zi.loop", format_args!("expected a function, got {kind}")));
    };
    let callback = keep(lua, function)?;
    Ok(data.host()?.registry.add_loop(data.owner(), callback))
}

pub(crate) fn handoff(lua: &Lua, functions: Value) -> Result<()> {
    let data = VmData::of(lua)?;
    let fields = Fields::new(lua, "zi.handoff", functions)?;
    let export = keep_opt(lua, fields.opt_function("export")?)?;
    let import = keep_opt(lua, fields.opt_function("import")?)?;
    if export.is_none() && import.is_none() {
        return Err(misuse("zi.handoff", "expected `export` or `import`, functions both"));
    }
    *lock(&data.owner().handoff) = Handoff { export, import };
    Ok(())
}

fn failure(lua: &Lua, spec: Value) -> Result<Table> {
    let fields = Fields::new(lua, "zi.failure", spec)?;
    let kind = fields.string("kind")?;
    let Some(kind) = errors::canonical(&kind) else {
        let hint = near::hint(&kind, errors::KINDS);
        return fields.invalid("kind", format_args!("`{kind}` is no kind of failure{hint}"));
    };
    let mut data = fields.opt_data_all()?;
    data["kind"] = kind.into();
    if data.get("message").is_none() {
        data["message"] = kind.into();
    }
    let Value::Table(table) = scheduler::to_lua(lua, &data, Nulls::Nil)? else {
        return Err(misuse("zi.failure", "expected a table"));
    };
    table.set_metatable(Some(errors::printable(lua)?))?;
    Ok(table)
}
