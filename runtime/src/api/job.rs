//! `zi.job`: programs that run beside, and talk through events.

use mlua::{Lua, MultiValue, Result, Table, Value};
use zi_kernel::{job::Input, scheduler::offload};

use super::{
    Bind, Entry, VmData,
    errors::fail,
    fields::{Fields, kind_of, misuse},
    path, plain, system, waiting,
};
use crate::{
    host::lock,
    jobs::{MAX_LINE_BYTES, Output},
};

/// What scripts find in `zi.job`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "start",
        doc: "Starts a program; answers `{id}`. What it prints comes as `job_stdout` and \
              `job_stderr` (`{id, data}`), its end as `job_exit` (`{id, code, signal}`), to this \
              extension only. With `stdout = {mode = \"json_lines\", max_line_bytes?}` each line \
              comes as `job_json` (`{id, value}`, or `{id, is_error, error}` for a bad line).",
        meta: "---@param spec {argv: string[], cwd?: string, env?: table<string, string>, stdout?: table}\n---@return {id: integer}?, zi.Error?",
        bind: Bind::Zi(|lua| plain(lua, start)),
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
    let output = match fields.opt_table("stdout")? {
        None => Output::Chunks,
        Some(stdout) => {
            let stdout = Fields::new(lua, "zi.job.start: stdout", Value::Table(stdout))?;
            match stdout.opt_choice("mode", &["chunks", "json_lines"])? {
                Some("json_lines") => {
                    let most = stdout.opt_count("max_line_bytes", 16 << 20)?;
                    let most = most.and_then(|most| usize::try_from(most).ok());
                    Output::JsonLines { max_line_bytes: most.unwrap_or(MAX_LINE_BYTES) }
                }
                _ => Output::Chunks,
            }
        }
    };
    match host.start_job(data.owner(), spec, output) {
        Ok(id) => {
            let job = lua.create_table_from([("id", id)])?;
            Ok(MultiValue::from_iter([Value::Table(job)]))
        }
        Err(err) => fail(lua, "job", err),
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
