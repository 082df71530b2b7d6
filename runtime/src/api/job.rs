//! `zi.job`: programs that run beside, and talk through events.

use std::time::Duration;

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table, Value};
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use zi_kernel::{
    job::Input,
    scheduler::{self, offload},
    surface::{Format, MAX_FRAME_BYTES},
};

use super::{
    Bind, Entry, VmData,
    errors::fail,
    event_argument,
    fields::{Fields, kind_of, misuse},
    path, plain, system, waiting,
};
use crate::{
    extensions::Extension,
    host::{Host, lock},
    jobs::{MAX_LINE_BYTES, Output, Start},
    run::TOOL_LABEL,
    surfaces::MAX_SURFACES,
};

/// The record streams that a job may print, by the names that scripts give them.
const PROTOCOLS: [(&str, Format); 2] =
    [("zi-halfblock-rgb-v1", Format::HalfblockRgb), ("zi-rgba-frame-v1", Format::Rgba)];
const MAX_WAIT_MS: u64 = 1_000_000_000_000;

/// What scripts find in `zi.job`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "start",
        doc: "Starts a program; answers `{id}`. What it prints comes as `job_stdout` and \
              `job_stderr` (`{id, data}`, at most 64 KiB), its end as `job_exit` (`{id, code, \
              signal}`), to this extension only: to its handlers, or to `zi.job.next`. With \
              `stdout.mode` `json_lines` each line comes as `job_json` (`{id, value}`, or `{id, \
              is_error, error}` for a bad line); with `ui_frame` the output is frames for the \
              surface `node` of `view`, and none of it comes to Lua. A job that a tool starts ends \
              with the tool's call, unless `detach` is set.",
        meta: "---@param spec {argv: string[], cwd?: string, env?: table<string, string>, detach?: boolean, stdout?: {mode: \"chunks\"}|{mode: \"json_lines\", max_line_bytes?: integer}|{mode: \"ui_frame\", view: string, node: string, protocol: \"zi-halfblock-rgb-v1\"|\"zi-rgba-frame-v1\", max_frame_bytes?: integer}}\n---@return {id: integer}?, zi.Error?",
        bind: Bind::Zi(|lua| plain(lua, start)),
    },
    Entry {
        name: "next",
        doc: "Waits for the next event of a job and answers it: `{type, id, …}`, as handlers get \
              it. Nil alone after `timeout_ms`; nil and an error when there is no such job or its \
              `job_exit` was taken. From the first call on, all events of the job come from here \
              and none goes to handlers. Called before anything else that waits, it gets every \
              event from the first.",
        meta: "---@async\n---@param job integer|{id: integer}\n---@param opts? {timeout_ms?: integer}\n---@return table?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, next)),
    },
    Entry {
        name: "write",
        doc: "Writes to a job's standard input. Answers false when the job has ended.",
        meta: "---@async\n---@param job integer|{id: integer}\n---@param data string\n---@return boolean",
        bind: Bind::Zi(|lua| waiting(lua, write)),
    },
    Entry {
        name: "stop",
        doc: "Ends a job and everything it started: TERM, then KILL after 2 s. Answers whether \
              there was one.",
        meta: "---@param job integer|{id: integer}\n---@return boolean",
        bind: Bind::Zi(|lua| {
            plain(lua, |lua, job: Value| {
                let data = VmData::of(lua)?;
                let id = job_id("zi.job.stop", &job)?;
                Ok(data.host()?.stop_job(data.owner(), id))
            })
        }),
    },
    Entry {
        name: "list",
        doc: "The extension's own jobs: `{id, argv}`.",
        meta: "---@return {id: integer, argv: string[]}[]",
        bind: Bind::Zi(|lua| plain(lua, list)),
    },
];

fn start(lua: &Lua, spec: Value) -> Result<MultiValue> {
    const WHO: &str = "zi.job.start";
    let data = VmData::of(lua)?;
    if data.is_loading() {
        return Err(misuse(WHO, "not available while loading"));
    }
    let host = data.host()?;
    let fields = Fields::new(lua, WHO, spec)?;
    let argv = system::read_argv(WHO, &fields.get("argv")?)?;
    let cwd = fields.opt_string("cwd")?.map(|cwd| path::expand(lua, &cwd)).transpose()?;
    let mut spec = system::child_spec(&host, argv, cwd.unwrap_or_else(|| host.cwd.clone()));
    spec.env.extend(fields.opt_string_map("env")?.unwrap_or_default());
    spec.input = Input::Open;
    let detach = fields.flag("detach")?;
    let output = match fields.opt_table("stdout")? {
        None => Output::Chunks,
        Some(stdout) => {
            let stdout = Fields::new(lua, "zi.job.start: stdout", Value::Table(stdout))?;
            match read_output(&host, data.owner(), &stdout)? {
                Some(output) => output,
                None => {
                    let problem = format!("frames go to {MAX_SURFACES} surfaces already");
                    return fail(lua, "job", problem);
                }
            }
        }
    };
    let within = ends_with(data.owner(), detach);
    let start = Start { spec, output, started: first_wait()?, within };
    match host.start_job(data.owner(), start) {
        Ok(id) => {
            let job = lua.create_table_from([("id", id)])?;
            Ok(MultiValue::from_iter([Value::Table(job)]))
        }
        Err(err) => fail(lua, "job", err),
    }
}

/// Reads `stdout`; `None` when there is no place for another surface.
fn read_output(host: &Host, owner: &Extension, stdout: &Fields) -> Result<Option<Output>> {
    Ok(Some(match stdout.opt_choice("mode", &["chunks", "json_lines", "ui_frame"])? {
        Some("json_lines") => {
            let most = stdout.opt_count("max_line_bytes", 16 << 20)?;
            Output::JsonLines { max_line_bytes: most.map_or(MAX_LINE_BYTES, |most| most as usize) }
        }
        Some("ui_frame") => {
            let (view, node) = (stdout.string("view")?, stdout.string("node")?);
            stdout.string("protocol")?;
            let names = PROTOCOLS.map(|(name, _)| name);
            let protocol = stdout.opt_choice("protocol", &names)?;
            let format = PROTOCOLS.iter().find(|(name, _)| Some(*name) == protocol);
            let format = format.map_or(Format::Rgba, |(_, format)| *format);
            let most = stdout.opt_count("max_frame_bytes", MAX_FRAME_BYTES as u64)?;
            let max_frame_bytes = most.map_or(MAX_FRAME_BYTES, |most| most as usize);
            let Some(slot) = host.surfaces.open(owner, &view, &node) else { return Ok(None) };
            Output::Frames { format, max_frame_bytes, slot }
        }
        _ => Output::Chunks,
    }))
}

/// The end of the call that a new job ends with. A build that was replaced has no other end for it.
fn ends_with(owner: &Extension, detach: bool) -> Option<CancellationToken> {
    let task = scheduler::current()?;
    let is_bound = !owner.is_active() || (!detach && task.label.starts_with(TOOL_LABEL));
    is_bound.then(|| task.scope().token().clone())
}

/// Resolves when the code that is running waits, or is done.
fn first_wait() -> Result<oneshot::Receiver<()>> {
    let (sender, receiver) = oneshot::channel();
    scheduler::spawn_local("zi.job.start", |_| async move {
        // The job may be over and gone.
        sender.send(()).ok();
    })?;
    Ok(receiver)
}

async fn next(lua: Lua, (job, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.job.next";
    let data = VmData::of(&lua)?;
    let id = job_id(WHO, &job)?;
    let limit = Fields::or_empty(&lua, WHO, opts)?.opt_count("timeout_ms", MAX_WAIT_MS)?;
    let host = data.host()?;
    let gone = format!("there is no job {id}, or its exit was taken");
    let Some(mail) = host.take_mail(data.owner(), id) else {
        return fail(&lua, "not_found", gone);
    };
    let event = offload(async move {
        let next = host.next_event(id, &mail);
        match limit {
            None => Some(next.await),
            Some(limit) => tokio::time::timeout(Duration::from_millis(limit), next).await.ok(),
        }
    });
    match event.await? {
        Some(Some(event)) => event_argument(&lua, &event)?.into_lua_multi(&lua),
        Some(None) => fail(&lua, "not_found", gone),
        None => Value::Nil.into_lua_multi(&lua),
    }
}

fn job_id(who: &str, job: &Value) -> Result<u64> {
    let id = match job {
        Value::Table(table) => table.get::<Value>("id")?,
        other => other.clone(),
    };
    match id {
        Value::Integer(id) => u64::try_from(id).map_err(|_| misuse(who, "no such job")),
        other => {
            Err(misuse(who, format_args!("expected a job or its id, got {}", kind_of(&other))))
        }
    }
}

async fn write(lua: Lua, (job, text): (Value, Value)) -> Result<bool> {
    const WHO: &str = "zi.job.write";
    let data = VmData::of(&lua)?;
    let id = job_id(WHO, &job)?;
    let Value::String(text) = text else {
        return Err(misuse(WHO, format_args!("`data` must be a string, not {}", kind_of(&text))));
    };
    let bytes = text.as_bytes().to_vec();
    let (host, owner) = (data.host()?, data.owner().clone());
    offload(async move { host.write_job(&owner, id, bytes).await }).await
}

fn list(lua: &Lua, _: ()) -> Result<Table> {
    let data = VmData::of(lua)?;
    let host = data.host()?;
    let mut own: Vec<(u64, Vec<String>)> = lock(&host.jobs)
        .running
        .iter()
        .filter(|(_, job)| job.owner.id == data.owner().id)
        .map(|(id, job)| (*id, job.argv.clone()))
        .collect();
    own.sort();
    let list = lua.create_table()?;
    for (id, argv) in own {
        let job = lua.create_table()?;
        job.raw_set("id", id)?;
        job.raw_set("argv", argv)?;
        list.raw_push(job)?;
    }
    Ok(list)
}
