//! `zi.spawn`: work for a child agent, a zi of its own in JSON mode.

use std::{path::Path, sync::Arc, time::Duration};

use mlua::{Lua, Result, Value};
use serde_json::{Value as Data, json};
use tokio::sync::mpsc;
use zi_kernel::{
    job::{Chunk, Job, Stream},
    scheduler::{self, Nulls, offload},
};

use super::{Bind, Entry, VmData, fields::Fields, path, system, waiting};
use crate::{hooks::Event, host::Host, models::Usage};

/// How deep children may have children.
pub const MAX_DEPTH: u64 = 3;
/// The variable that counts the depth.
pub const DEPTH_VARIABLE: &str = "ZI_DEPTH";
/// Most of a child's standard error that is kept.
const MAX_STDERR_BYTES: usize = 16 * 1024;

/// What scripts find in `zi`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "spawn",
    doc: "Gives `task` to a child agent and waits for what it says. Options: `model` (this one's), \
          `tools` (a list, or text with commas), `system_append`, `cwd`, `env`, `timeout_ms`, `on` \
          (called with each event of the child; must not wait). Answers a tool result with \
          `exit_code`, `final_text`, `stop_reason`, `model`, `error_message`, `cancelled`, `stderr` \
          and `usage`. A child at depth 3 has no children.",
    meta: "---@async\n---@param opts zi.SpawnOptions\n---@return zi.SpawnResult",
    bind: Bind::Zi(|lua| waiting(lua, spawn)),
}];

/// What a child said.
#[derive(Default)]
struct Said {
    result: Option<Data>,
    stderr: Vec<u8>,
    exit_code: Option<i32>,
}

async fn spawn(lua: Lua, opts: Value) -> Result<Value> {
    const WHO: &str = "zi.spawn";
    let host = VmData::of(&lua)?.host()?;
    let fields = Fields::new(&lua, WHO, opts)?;
    let task = fields.string("task")?;
    let depth = std::env::var(DEPTH_VARIABLE).ok().and_then(|depth| depth.parse().ok());
    let depth: u64 = depth.unwrap_or(0) + 1;
    if depth > MAX_DEPTH {
        let text = format!("a child agent at depth {MAX_DEPTH} cannot have children");
        let refused = result_value(&Said::default(), Some(&text));
        Told::start(&host, &VmData::of(&lua)?.owner().id, &task).end(&refused);
        return scheduler::to_lua(&lua, &refused, Nulls::Nil);
    }
    let cwd = fields.opt_string("cwd")?.map(|cwd| path::expand(&lua, &cwd)).transpose()?;
    let cwd = cwd.unwrap_or_else(|| host.cwd.clone());
    let argv = child_argv(&host, &fields, &cwd)?;
    let mut spec = system::child_spec(&host, argv, cwd);
    // The child speaks to the same provider: it gets the keys that other programs do not.
    spec.without_env.clear();
    spec.env.push((DEPTH_VARIABLE.into(), depth.to_string()));
    spec.env.extend(host.inherited_env());
    spec.env.extend(fields.opt_string_map("env")?.unwrap_or_default());
    let (owner_id, shown_task) = (VmData::of(&lua)?.owner().id.clone(), task.clone());
    spec.input = zi_kernel::job::Input::Bytes(task.into_bytes());
    let limit = fields.opt_count("timeout_ms", 86_400_000)?.map(Duration::from_millis);
    let on_event = fields.opt_function("on")?;
    drop(fields);
    let (sender, mut events) = mpsc::channel::<Data>(64);
    let wants_events = on_event.is_some();
    let told = Told::start(&host, &owner_id, &shown_task);
    let running = offload(async move {
        let listen = listen(spec, wants_events.then_some(sender));
        match limit {
            None => Some(listen.await),
            Some(limit) => tokio::time::timeout(limit, listen).await.ok(),
        }
    });
    let mut running = std::pin::pin!(running);
    let said = loop {
        tokio::select! {
            biased;
            Some(event) = events.recv() => {
                if let Some(on_event) = &on_event {
                    on_event.call::<()>(scheduler::to_lua(&lua, &event, Nulls::Nil)?)?;
                }
            }
            said = &mut running => break said?,
        }
    };
    let result = match said {
        Some(Ok(said)) => result_value(&said, None),
        Some(Err(problem)) => result_value(&Said::default(), Some(&problem)),
        None => {
            let ms = limit.unwrap_or_default().as_millis();
            result_value(&Said::default(), Some(&format!("timed out after {ms} ms")))
        }
    };
    told.end(&result);
    scheduler::to_lua(&lua, &result, Nulls::Nil)
}

/// Tells of a child's start and of its end, also when whoever waits for it is cancelled.
struct Told {
    host: Arc<Host>,
    fields: Data,
    ended: bool,
}

impl Told {
    fn start(host: &Arc<Host>, extension: &str, task: &str) -> Self {
        let id = crate::journal::new_id();
        let fields = json!({ "id": id, "extension": extension, "task": task });
        host.emit(Event::new("spawn_start", fields.clone()));
        Self { host: host.clone(), fields, ended: false }
    }

    fn end(mut self, result: &Data) {
        self.ended = true;
        match result["error_message"].as_str() {
            None => {
                for name in ["final_text", "usage", "exit_code"] {
                    self.fields[name] = result[name].clone();
                }
                self.host.emit(Event::new("spawn_complete", self.fields.clone()));
            }
            Some(problem) => self.fail(problem),
        }
    }

    fn fail(&mut self, problem: &str) {
        self.fields["error"] = problem.into();
        self.host.emit(Event::new("spawn_error", self.fields.clone()));
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        if !self.ended {
            self.fail("it was cancelled");
        }
    }
}

fn child_argv(host: &Host, fields: &Fields<'_>, cwd: &Path) -> Result<Vec<String>> {
    let program = std::env::current_exe().map_err(mlua::Error::external)?;
    let mut argv = vec![program.display().to_string(), "--mode".into(), "json".into()];
    let mut inherited = host.inherited_flags();
    // Trust is for the project that the user saw, not for another one that the child works in.
    let is_elsewhere = std::fs::canonicalize(cwd).is_ok_and(|cwd| cwd != host.cwd);
    if is_elsewhere && let Some(at) = inherited.iter().position(|flag| flag == "--trust-hash") {
        inherited.drain(at..at + 2);
    }
    argv.extend(inherited);
    let model = match fields.opt_string("model")? {
        Some(model) => Some(model),
        None => host.model().map(|model| model.full_name()),
    };
    if let Some(model) = model {
        argv.extend(["--model".into(), model]);
    }
    let tools = match fields.get("tools")? {
        Value::Table(_) => fields.opt_strings("tools")?.map(|tools| tools.join(",")),
        _ => fields.opt_string("tools")?,
    };
    if let Some(tools) = tools {
        argv.extend(["--tools".into(), tools]);
    }
    if let Some(text) = fields.opt_string("system_append")? {
        argv.extend(["--append-system-prompt".into(), text]);
    }
    argv.push("--no-session".into());
    Ok(argv)
}

/// Runs the child and reads its events.
async fn listen(
    spec: zi_kernel::job::Spec,
    events: Option<mpsc::Sender<Data>>,
) -> std::result::Result<Said, String> {
    let mut job = Job::start(spec).map_err(|err| err.to_string())?;
    let mut said = Said::default();
    let mut line = Vec::new();
    while let Some(chunk) = job.next().await {
        match chunk {
            Chunk::Output(Stream::Stdout, bytes) => {
                for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                    line.extend_from_slice(part);
                    if line.ends_with(b"\n") {
                        hear(&mut said, &line, events.as_ref()).await;
                        line.clear();
                    }
                }
            }
            Chunk::Output(Stream::Stderr, bytes) => {
                let room = MAX_STDERR_BYTES.saturating_sub(said.stderr.len());
                said.stderr.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Chunk::Exit(exit) => said.exit_code = exit.code,
        }
    }
    Ok(said)
}

async fn hear(said: &mut Said, line: &[u8], events: Option<&mpsc::Sender<Data>>) {
    let Ok(event) = serde_json::from_slice::<Data>(line) else { return };
    if event.get("type").and_then(Data::as_str) == Some("result") {
        said.result = Some(event.clone());
    }
    if let Some(events) = events {
        // A listener that is gone wants nothing more.
        events.send(event).await.ok();
    }
}

fn result_value(said: &Said, problem: Option<&str>) -> Data {
    let empty = json!({});
    let result = said.result.as_ref().unwrap_or(&empty);
    let text = |name: &str| result.get(name).and_then(Data::as_str).unwrap_or_default();
    let stderr = String::from_utf8_lossy(&said.stderr).into_owned();
    let error = match (problem, said.result.is_some(), text("status")) {
        (Some(problem), ..) => Some(problem.to_owned()),
        (None, false, _) => Some(format!("the child said nothing: {}", stderr.trim())),
        (None, true, "ok") => None,
        (None, true, status) => {
            let message = result.pointer("/error/message").and_then(Data::as_str);
            Some(message.map_or_else(|| format!("the child ended with `{status}`"), str::to_owned))
        }
    };
    let shown = error.clone().unwrap_or_else(|| text("text").to_owned());
    let mut usage = Usage::from_value(&result["usage"]).to_value();
    usage["turns"] = result.get("turns").cloned().unwrap_or_else(|| 0.into());
    json!({
        "content": [{ "type": "text", "text": shown }],
        "details": { "exit_code": said.exit_code, "usage": usage },
        "is_error": error.is_some(),
        "exit_code": said.exit_code,
        "final_text": text("text"),
        "stop_reason": text("stop_reason"),
        "model": result.get("model"),
        "error_message": error,
        "cancelled": text("status") == "aborted",
        "stderr": stderr,
        "usage": usage,
    })
}
