//! The script API: what Lua finds in `zi` and in `ctx`.
//!
//! One row ([`Entry`]) describes each member: its name, its documentation, its type and how it is
//! bound. Everything else that knows the API (`zi api`, the manual, type stubs, checks) reads the
//! rows. Members are bound when they are first read, so a VM costs only what it uses.

mod ctx;
mod ctx_ai;
mod ctx_dialogs;
mod ctx_editor;
mod ctx_extensions;
mod ctx_models;
mod ctx_screen;
mod ctx_session;
mod ctx_session_control;
mod ctx_session_keep;
mod ctx_tools;
mod ctx_ui;
mod env;
mod errors;
pub mod event_rows;
mod events;
mod fields;
mod fs;
mod grep;
mod hash;
mod http;
mod image;
mod job;
mod json;
mod listen;
mod log;
mod loop_run;
mod path;
mod register;
mod register_provider;
mod register_ui;
mod signature;
mod spawn;
mod standard;
mod system;
mod task;
mod testing;
mod testing_clock;
mod testing_screen;
mod testing_server;
mod text;
pub mod types;
mod watch;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    rc::Rc,
    sync::{Arc, Weak},
};

use mlua::{Function, Lua, Result, Table, Value};

use crate::{extensions::Extension, host::Host, registry::Callback};

pub use ctx::{Call, Progress, make_ctx};
pub use errors::{Failure, KINDS as FAILURE_KINDS, fail};
pub use events::event_argument;
pub use loop_run::RunHandle;
pub(crate) use path::normalize;
pub use signature::Signature;
pub use text::strip_ansi;

/// One member of the API.
#[derive(Debug)]
pub struct Entry {
    /// Its name within its namespace.
    pub name: &'static str,
    /// What it does, in sentences.
    pub doc: &'static str,
    /// Its LuaLS annotations, one a line. `---@async` marks a function that waits.
    pub meta: &'static str,
    pub bind: Bind,
}

/// How a member comes into a VM.
#[derive(Debug)]
pub enum Bind {
    /// The same for every call.
    Zi(fn(&Lua) -> Result<Value>),
    /// Bound to one call's `ctx`.
    Ctx(fn(&Lua, &Rc<Call>) -> Result<Value>),
}

/// A table of the API: `zi`, `zi.fs`, `ctx.session`, …
#[derive(Debug)]
pub struct Namespace {
    pub name: &'static str,
    pub doc: &'static str,
    pub entries: &'static [Entry],
}

/// The version that a member came with. One number for all until one is added later.
pub const SINCE: &str = "0.1";

/// The whole API, in the order of the manual.
pub const NAMESPACES: &[Namespace] = &[
    Namespace { name: "zi", doc: "Registering, and running programs.", entries: register::ENTRIES },
    Namespace { name: "zi", doc: "Models and their wires.", entries: register_provider::ENTRIES },
    Namespace {
        name: "zi",
        doc: "What the user sets, and what shows on a screen.",
        entries: register_ui::ENTRIES,
    },
    Namespace { name: "zi", doc: "Programs.", entries: system::ENTRIES },
    Namespace { name: "zi", doc: "Child agents.", entries: spawn::ENTRIES },
    Namespace { name: "zi", doc: "Surroundings.", entries: env::ENTRIES },
    Namespace { name: "zi.job", doc: "Programs that run beside.", entries: job::ENTRIES },
    Namespace { name: "zi.json", doc: "JSON.", entries: json::ENTRIES },
    Namespace { name: "zi.http", doc: "HTTP.", entries: http::ENTRIES },
    Namespace { name: "zi.http", doc: "A request to this machine.", entries: listen::ENTRIES },
    Namespace { name: "zi.fs", doc: "Files.", entries: fs::ENTRIES },
    Namespace { name: "zi.fs", doc: "Searching files.", entries: grep::ENTRIES },
    Namespace { name: "zi.fs", doc: "Hearing of changes.", entries: watch::ENTRIES },
    Namespace { name: "zi.path", doc: "Paths as text.", entries: path::ENTRIES },
    Namespace { name: "zi.task", doc: "Several things at once.", entries: task::ENTRIES },
    Namespace { name: "zi.text", doc: "Text.", entries: text::ENTRIES },
    Namespace { name: "zi.hash", doc: "Hashes and encodings.", entries: hash::ENTRIES },
    Namespace { name: "zi.image", doc: "Images.", entries: image::ENTRIES },
    Namespace { name: "zi.log", doc: "The extension's log.", entries: log::ENTRIES },
    Namespace { name: "zi.test", doc: "Specs; in `zi test` only.", entries: testing::ENTRIES },
    Namespace { name: "zi.test", doc: "The screen of a spec.", entries: testing_screen::ENTRIES },
    Namespace { name: "zi.test", doc: "A server of a spec.", entries: testing_server::ENTRIES },
    Namespace { name: "zi.test.clock", doc: "Time.", entries: testing_clock::ENTRIES },
    Namespace { name: "ctx", doc: "The call that is running.", entries: ctx::ENTRIES },
    Namespace { name: "ctx.session", doc: "The session.", entries: ctx_session::ENTRIES },
    Namespace {
        name: "ctx.session",
        doc: "What extensions keep in the session.",
        entries: ctx_session_keep::ENTRIES,
    },
    Namespace {
        name: "ctx.session",
        doc: "Other sessions, and moving within this one.",
        entries: ctx_session_control::ENTRIES,
    },
    Namespace {
        name: "ctx.ui",
        doc: "The screen; nil where there is none.",
        entries: ctx_ui::ENTRIES,
    },
    Namespace { name: "ctx.ui", doc: "The screen itself.", entries: ctx_screen::ENTRIES },
    Namespace { name: "ctx.ui", doc: "Asking the user.", entries: ctx_dialogs::ENTRIES },
    Namespace {
        name: "ctx.editor",
        doc: "The editor of prompts; nil where there is none.",
        entries: ctx_editor::ENTRIES,
    },
    Namespace { name: "ctx.models", doc: "Models.", entries: ctx_models::ENTRIES },
    Namespace { name: "ctx.ai", doc: "Asking a model.", entries: ctx_ai::ENTRIES },
    Namespace { name: "ctx.tools", doc: "Tools.", entries: ctx_tools::ENTRIES },
    Namespace {
        name: "ctx.extensions",
        doc: "The extensions themselves.",
        entries: ctx_extensions::ENTRIES,
    },
    Namespace { name: "run", doc: "A run, for `zi.loop`.", entries: loop_run::ENTRIES },
];

/// A member and the full name of its namespace.
pub fn rows() -> impl Iterator<Item = (&'static Namespace, &'static Entry)> {
    NAMESPACES.iter().flat_map(|space| space.entries.iter().map(move |entry| (space, entry)))
}

/// Whether the member is a function; the others are values.
pub fn is_function(space: &str, name: &str) -> bool {
    find(space, name).is_some_and(|entry| Signature::read(entry.meta).value.is_none())
}

fn find(space: &str, name: &str) -> Option<&'static Entry> {
    rows().find(|(row, entry)| row.name == space && entry.name == name).map(|(_, entry)| entry)
}

// What a VM knows ---------------------------------------------------------------------------------

/// What the host keeps in each VM.
pub(crate) struct VmData {
    host: Weak<Host>,
    owner: Arc<Extension>,
    functions: RefCell<HashMap<u64, Function>>,
    tables: RefCell<HashMap<u64, Table>>,
    next_id: Cell<u64>,
    loading: Cell<bool>,
}

impl VmData {
    pub fn of(lua: &Lua) -> Result<Rc<Self>> {
        lua.app_data_ref::<Rc<Self>>()
            .map(|data| data.clone())
            .ok_or_else(|| mlua::Error::runtime("this VM has no host"))
    }

    pub fn host(&self) -> Result<Arc<Host>> {
        self.host.upgrade().ok_or_else(|| mlua::Error::runtime("zi is shutting down"))
    }

    pub fn owner(&self) -> &Arc<Extension> {
        &self.owner
    }

    pub fn is_loading(&self) -> bool {
        self.loading.get()
    }

    /// Keeps `function` so that other threads can have it called.
    pub fn keep(&self, function: Function) -> Callback {
        let id = self.next_id();
        self.functions.borrow_mut().insert(id, function);
        Callback { owner: self.owner.clone(), id }
    }

    fn next_id(&self) -> u64 {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        id
    }

    pub fn forget(&self, callback: &Callback) {
        self.functions.borrow_mut().remove(&callback.id);
    }
}

/// The function that [`VmData::keep`] numbered `id`.
pub(crate) fn function(lua: &Lua, id: u64) -> Option<Function> {
    VmData::of(lua).ok()?.functions.borrow().get(&id).cloned()
}

/// Keeps a table between the two ends of a call; [`take_table`] gives it back once.
pub(crate) fn keep_table(lua: &Lua, table: Table) -> Result<u64> {
    let data = VmData::of(lua)?;
    let id = data.next_id();
    data.tables.borrow_mut().insert(id, table);
    Ok(id)
}

pub(crate) fn take_table(lua: &Lua, id: u64) -> Option<Table> {
    VmData::of(lua).ok()?.tables.borrow_mut().remove(&id)
}

/// `zi.handoff`, for a file that returns its functions.
pub(crate) fn handoff(lua: &Lua, functions: Value) -> Result<()> {
    register::handoff(lua, functions)
}

/// Marks the end of loading: from here on functions that wait may be used.
pub(crate) fn finish_loading(lua: &Lua) {
    if let Ok(data) = VmData::of(lua) {
        data.loading.set(false);
    }
}

/// Puts `zi` and `print` into a fresh VM.
pub(crate) fn install(lua: &Lua, host: Weak<Host>, owner: Arc<Extension>) -> Result<()> {
    lua.set_app_data(Rc::new(VmData {
        host,
        owner,
        functions: RefCell::default(),
        tables: RefCell::default(),
        next_id: Cell::new(1),
        loading: Cell::new(true),
    }));
    let globals = lua.globals();
    globals.set("zi", lazy_table(lua, "zi")?)?;
    globals.set("print", lua.create_function(log::print)?)?;
    standard::install(lua)
}

/// A table whose members are bound when they are first read.
fn lazy_table(lua: &Lua, space: &'static str) -> Result<Table> {
    let table = lua.create_table()?;
    let meta = lua.create_table()?;
    let index = lua.create_function(move |lua, (table, key): (Table, Value)| {
        let Value::String(key) = &key else { return Ok(Value::Nil) };
        let key = key.to_string_lossy();
        let value = match find(space, &key) {
            Some(entry) => bind(lua, space, entry, None)?,
            None => match sub_space(space, &key) {
                Some("zi.test") if !testing::is_bound(lua)? => return Ok(Value::Nil),
                Some(inner) => Value::Table(lazy_table(lua, inner)?),
                None => return Ok(Value::Nil),
            },
        };
        table.raw_set(key, value.clone())?;
        Ok(value)
    })?;
    meta.raw_set("__index", index)?;
    meta.raw_set("__name", space)?;
    table.set_metatable(Some(meta))?;
    Ok(table)
}

fn sub_space(space: &str, key: &str) -> Option<&'static str> {
    NAMESPACES
        .iter()
        .map(|inner| inner.name)
        .find(|name| name.strip_prefix(space).and_then(|rest| rest.strip_prefix('.')) == Some(key))
}

/// Binds a member.
fn bind(lua: &Lua, space: &str, entry: &Entry, call: Option<&Rc<Call>>) -> Result<Value> {
    BINDING.replace(format!("{space}.{}", entry.name).into());
    match (&entry.bind, call) {
        (Bind::Zi(bind), _) => bind(lua),
        (Bind::Ctx(bind), Some(call)) => bind(lua, call),
        (Bind::Ctx(_), None) => Ok(Value::Nil),
    }
}

/// Wraps a bound function in Lua: its failures become plain Lua errors, and one that waits says its
/// name when it is used where nothing can wait.
fn trampoline(lua: &Lua, name: &str, function: Function, waits: bool) -> Result<Value> {
    let make = match lua.app_data_ref::<Trampoline>() {
        Some(kept) => kept.0.clone(),
        None => make_trampoline(lua)?,
    };
    make.call((name, function, waits))
}

struct Trampoline(Function);

/// Marks a failure on its way from a host function to its trampoline. Nothing in Lua can make it.
fn failed_mark() -> Value {
    static MARK: u8 = 0;
    Value::LightUserData(mlua::LightUserData((&raw const MARK).cast_mut().cast()))
}

fn make_trampoline(lua: &Lua) -> Result<Function> {
    let why_not = lua.create_function(|lua, ()| {
        if VmData::of(lua)?.is_loading() {
            return Ok("not available while loading");
        }
        let may_wait = zi_kernel::scheduler::current().is_some_and(|task| task.may_wait());
        Ok(if may_wait {
            "cannot wait here (a comparator, gsub, __tostring or __gc callback is on the stack)"
        } else {
            "cannot wait here (renderers, `on` callbacks and session_shutdown must not wait)"
        })
    })?;
    let may = lua.create_function(|lua, ()| {
        Ok(!VmData::of(lua)?.is_loading()
            && zi_kernel::scheduler::current().is_some_and(|task| task.may_wait()))
    })?;
    let make: Function = lua
        .load(
            r#"
            local FAILED, why_not, may = ...
            local isyieldable, error = coroutine.isyieldable, error
            local function settle(first, ...)
              if first == FAILED then error((...), 0) end
              return first, ...
            end
            return function(name, f, waits)
              if not waits then
                return function(...) return settle(f(...)) end
              end
              return function(...)
                if not isyieldable() or not may() then error(name .. ": " .. why_not(), 0) end
                return settle(f(...))
              end
            end
            "#,
        )
        .set_name("=zi")
        .call((failed_mark(), why_not, may))?;
    lua.set_app_data(Trampoline(make.clone()));
    Ok(make)
}

/// Turns the outcome of a host function into what its trampoline takes.
fn outcome<R: mlua::IntoLuaMulti>(lua: &Lua, result: Result<R>) -> Result<mlua::MultiValue> {
    match result.and_then(|values| values.into_lua_multi(lua)) {
        Ok(values) => Ok(values),
        // Lua's own; it needs no words.
        Err(err @ mlua::Error::MemoryError(_)) => Err(err),
        Err(err) => {
            let text = lua.create_string(error_text(&err))?;
            Ok(mlua::MultiValue::from_iter([failed_mark(), Value::String(text)]))
        }
    }
}

/// What an error says, without the marks of how it travelled.
fn error_text(err: &mlua::Error) -> String {
    match err {
        mlua::Error::RuntimeError(text) => text.clone(),
        mlua::Error::CallbackError { cause, .. } => error_text(cause),
        other => {
            let text = other.to_string();
            text.split("\nstack traceback:").next().unwrap_or(&text).to_owned()
        }
    }
}

thread_local! {
    /// The full name of the member that is being bound, for the errors of its arguments.
    static BINDING: RefCell<Rc<str>> = RefCell::new(Rc::from("zi"));
}

fn binding_name() -> Rc<str> {
    BINDING.with_borrow(Rc::clone)
}

/// `bind` for a function that does not wait.
pub(crate) fn plain<A, R>(lua: &Lua, f: fn(&Lua, A) -> Result<R>) -> Result<Value>
where
    A: mlua::FromLuaMulti + 'static,
    R: mlua::IntoLuaMulti + 'static,
{
    function_of(lua, f)
}

/// `bind` for a function that waits.
pub(crate) fn waiting<A, F, R>(lua: &Lua, f: fn(Lua, A) -> F) -> Result<Value>
where
    A: mlua::FromLuaMulti + 'static,
    F: Future<Output = Result<R>> + 'static,
    R: mlua::IntoLuaMulti + 'static,
{
    waiting_of(lua, f)
}

/// Makes the member that is being bound from a closure.
fn function_of<A, R>(lua: &Lua, f: impl Fn(&Lua, A) -> Result<R> + 'static) -> Result<Value>
where
    A: mlua::FromLuaMulti + 'static,
    R: mlua::IntoLuaMulti + 'static,
{
    let who = binding_name();
    let name = who.clone();
    let function = lua.create_function(move |lua, args| {
        outcome(lua, arguments(lua, &who, args).and_then(|args| f(lua, args)))
    })?;
    trampoline(lua, &name, function, false)
}

/// Makes the member that is being bound from a closure whose future is waited for.
fn waiting_of<A, F, R>(lua: &Lua, f: impl Fn(Lua, A) -> F + 'static) -> Result<Value>
where
    A: mlua::FromLuaMulti + 'static,
    F: Future<Output = Result<R>> + 'static,
    R: mlua::IntoLuaMulti + 'static,
{
    let who = binding_name();
    let name = who.clone();
    let function = lua.create_async_function(move |lua, args| {
        let started = arguments(&lua, &who, args).map(|args| f(lua.clone(), args));
        async move {
            let result = match started {
                Ok(future) => future.await,
                Err(err) => Err(err),
            };
            outcome(&lua, result)
        }
    })?;
    trampoline(lua, &name, function, true)
}

/// Reads the arguments of `who`; what does not fit is misuse.
pub(crate) fn arguments<A: mlua::FromLuaMulti>(
    lua: &Lua,
    who: &str,
    args: mlua::MultiValue,
) -> Result<A> {
    A::from_lua_multi(args, lua).map_err(|err| match err {
        mlua::Error::FromLuaConversionError { from, to, message } => {
            let from = if from == "nil" { "nothing" } else { from };
            let more = message.map(|text| format!(" ({text})")).unwrap_or_default();
            fields::misuse(who, format_args!("expected {to}, got {from}{more}"))
        }
        other => fields::misuse(who, other),
    })
}
