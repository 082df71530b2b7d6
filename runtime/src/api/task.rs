//! `zi.task`: several things at once.

use std::{cell::RefCell, rc::Rc, time::Duration};

use futures_util::future::{select_all, try_join_all};
use mlua::{Function, Lua, MultiValue, Result, Table, UserData, UserDataMethods, Value, Variadic};
use tokio::sync::{Notify, Semaphore};
use zi_kernel::scheduler::{self, Scope, offload};

use super::{
    Bind, Entry, VmData,
    fields::{kind_of, misuse},
    plain, waiting,
};

/// What scripts find in `zi.task`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "sleep",
        doc: "Waits.",
        meta: "---@async\n---@param ms number",
        bind: Bind::Zi(|lua| waiting(lua, sleep)),
    },
    Entry {
        name: "spawn",
        doc: "Runs `fn(...)` beside the caller; it goes on when the caller ends, and ends with the \
              extension. The task has `join()`, which waits and answers what `fn` returned or raises \
              what it raised, and `cancel()`.",
        meta: "---@param fn function\n---@param ... any\n---@return zi.Task",
        bind: Bind::Zi(|lua| plain(lua, spawn)),
    },
    Entry {
        name: "all",
        doc: "Runs functions side by side and waits for all; answers their first results in order. \
              When one raises, the others are cancelled and the error is raised.",
        meta: "---@async\n---@param functions function[]\n---@return any[]",
        bind: Bind::Zi(|lua| waiting(lua, all)),
    },
    Entry {
        name: "race",
        doc: "Runs functions side by side; the first to end counts and the others are cancelled. \
              Answers what it returned, after its number.",
        meta: "---@async\n---@param functions function[]\n---@return integer index\n---@return any ...",
        bind: Bind::Zi(|lua| waiting(lua, race)),
    },
    Entry {
        name: "every",
        doc: "Calls `fn()` every `ms` milliseconds (at least 10), never twice at once, until the \
              task's `cancel()` or the end of the extension.",
        meta: "---@param ms number\n---@param fn function\n---@return zi.Task",
        bind: Bind::Zi(|lua| plain(lua, every)),
    },
    Entry {
        name: "semaphore",
        doc: "Lets at most `n` do something at once: `with(fn)` waits for a place, calls `fn` and \
              answers what it returned.",
        meta: "---@param n integer\n---@return zi.Semaphore",
        bind: Bind::Zi(|lua| plain(lua, semaphore)),
    },
];

fn span(who: &str, ms: f64) -> Result<Duration> {
    if !(0.0..=1e12).contains(&ms) {
        return Err(misuse(who, format_args!("`ms` must be from 0 to 10^12, not {ms}")));
    }
    Ok(Duration::from_secs_f64(ms / 1000.0))
}

async fn sleep(lua: Lua, ms: f64) -> Result<()> {
    pause(&lua, span("zi.task.sleep", ms)?).await
}

/// Waits by the clock that the host goes by.
async fn pause(lua: &Lua, span: Duration) -> Result<()> {
    let frozen = VmData::of(lua)?.host()?.frozen_sleep(span);
    match frozen {
        Some(sleep) => {
            sleep.await;
            Ok(())
        }
        None => offload(tokio::time::sleep(span)).await,
    }
}

/// What a task is called: the function that started it, and the place in the script that called it.
fn label(lua: &Lua, who: &str) -> String {
    let place = (0..6).find_map(|level| {
        lua.inspect_stack(level, |frame| {
            let source = frame.source();
            let name = source.source.as_deref()?.strip_prefix('@')?.to_owned();
            let file = name.rsplit('/').next().unwrap_or(&name).to_owned();
            Some(format!("{file}:{}", frame.current_line()?))
        })
        .flatten()
    });
    place.map_or_else(|| who.to_owned(), |place| format!("{who} ({place})"))
}

/// A task that runs beside.
#[derive(Clone)]
struct Handle(Rc<Running>);

struct Running {
    scope: Scope,
    outcome: RefCell<Option<std::result::Result<MultiValue, Value>>>,
    ended: Notify,
}

impl UserData for Handle {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method("join", |_, this, ()| {
            let running = this.0.clone();
            async move {
                loop {
                    let ended = running.ended.notified();
                    if let Some(outcome) = running.outcome.borrow().clone() {
                        return match outcome {
                            Ok(values) => Ok(values),
                            Err(raised) => Err(mlua::Error::runtime(raised.to_string()?)),
                        };
                    }
                    if running.scope.token().is_cancelled() {
                        return Err(mlua::Error::runtime("the task was cancelled"));
                    }
                    tokio::select! {
                        () = ended => {}
                        () = running.scope.token().cancelled() => {}
                    }
                }
            }
        });
        methods.add_method("cancel", |_, this, ()| {
            this.0.scope.token().cancel();
            Ok(())
        });
    }
}

/// Starts `work` as a task of its own; `build` makes the future from a handle on it.
fn start<F>(label: &str, build: impl FnOnce(Rc<Running>) -> F) -> Result<Handle>
where
    F: Future<Output = ()> + 'static,
{
    let slot: Rc<RefCell<Option<Rc<Running>>>> = Rc::default();
    let filled = slot.clone();
    scheduler::spawn_local(label, |scope| {
        let running = Rc::new(Running { scope, outcome: RefCell::new(None), ended: Notify::new() });
        filled.replace(Some(running.clone()));
        build(running)
    })?;
    let running = slot.take().ok_or_else(|| mlua::Error::runtime("the task did not start"))?;
    Ok(Handle(running))
}

fn not_while_loading(lua: &Lua, who: &str) -> Result<()> {
    if VmData::of(lua)?.is_loading() {
        return Err(misuse(who, "not available while loading"));
    }
    Ok(())
}

fn spawn(lua: &Lua, (function, args): (Value, Variadic<Value>)) -> Result<Handle> {
    const WHO: &str = "zi.task.spawn";
    not_while_loading(lua, WHO)?;
    let Value::Function(function) = function else {
        return Err(misuse(WHO, format_args!("expected a function, got {}", kind_of(&function))));
    };
    let lua = lua.clone();
    let label = label(&lua, WHO);
    start(&label, move |running| async move {
        let args: MultiValue = args.into_iter().collect();
        let outcome = match scheduler::invoke(&lua, &function, args).await {
            Ok(Ok(values)) => Ok(values),
            Ok(Err(failure)) => Err(failure.value),
            Err(err) => Err(Value::Error(Box::new(err))),
        };
        running.outcome.replace(Some(outcome));
        running.ended.notify_waiters();
    })
}

fn read_functions(who: &str, functions: &Value) -> Result<Vec<Function>> {
    let Value::Table(table) = functions else {
        let kind = kind_of(functions);
        return Err(misuse(who, format_args!("expected an array of functions, got {kind}")));
    };
    table
        .sequence_values::<Value>()
        .map(|item| match item? {
            Value::Function(function) => Ok(function),
            other => Err(misuse(who, format_args!("expected functions, got {}", kind_of(&other)))),
        })
        .collect()
}

async fn all(lua: Lua, functions: Value) -> Result<Table> {
    let functions = read_functions("zi.task.all", &functions)?;
    let calls = functions.iter().map(|function| function.call_async::<Value>(()));
    let results = try_join_all(calls).await?;
    lua.create_sequence_from(results)
}

async fn race(_: Lua, functions: Value) -> Result<MultiValue> {
    const WHO: &str = "zi.task.race";
    let functions = read_functions(WHO, &functions)?;
    if functions.is_empty() {
        return Err(misuse(WHO, "there is nothing to run"));
    }
    let calls = functions.iter().map(|function| Box::pin(function.call_async::<MultiValue>(())));
    let (first, index, _) = select_all(calls).await;
    let mut values = first?;
    values.push_front(Value::Integer(i64::try_from(index + 1).unwrap_or(i64::MAX)));
    Ok(values)
}

fn every(lua: &Lua, (ms, function): (f64, Value)) -> Result<Value> {
    const WHO: &str = "zi.task.every";
    not_while_loading(lua, WHO)?;
    let span = span(WHO, ms)?.max(Duration::from_millis(10));
    let Value::Function(function) = function else {
        return Err(misuse(WHO, format_args!("expected a function, got {}", kind_of(&function))));
    };
    repeat(lua, WHO, function, async move |lua: &Lua| pause(lua, span).await.map(|()| Value::Nil))
}

/// Starts a task that calls `function` with what `next` answers, again and again, until it is
/// cancelled or `next` fails. What `function` raises goes to the log.
pub(super) fn repeat(
    lua: &Lua,
    who: &'static str,
    function: Function,
    mut next: impl AsyncFnMut(&Lua) -> Result<Value> + 'static,
) -> Result<Value> {
    let lua = lua.clone();
    let label = label(&lua, who);
    let made = lua.clone();
    let task = start(&label, move |_| async move {
        while let Ok(argument) = next(&lua).await {
            let called = scheduler::invoke(&lua, &function, argument).await;
            if let (Ok(Err(failure)), Ok(data)) = (called, VmData::of(&lua))
                && let Ok(host) = data.host()
            {
                let text = format!("{who}: {}{}", failure.message, failure.traceback);
                crate::logs::write(&host, &data.owner().id, "error", &text);
            }
        }
    })?;
    made.create_userdata(task).map(Value::UserData)
}

/// Places for those who want to do something.
struct Places(Rc<Semaphore>);

impl UserData for Places {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_async_method("with", |_, this, function: Function| {
            let places = this.0.clone();
            async move {
                let _place = places.acquire().await.map_err(mlua::Error::external)?;
                function.call_async::<MultiValue>(()).await
            }
        });
    }
}

fn semaphore(_: &Lua, places: i64) -> Result<Places> {
    match usize::try_from(places) {
        Ok(places @ 1..=1_000_000) => Ok(Places(Rc::new(Semaphore::new(places)))),
        _ => Err(misuse("zi.task.semaphore", "`n` must be from 1 to 1,000,000")),
    }
}
