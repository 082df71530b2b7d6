//! `zi.system`: running a program to its end.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use mlua::{Function, Lua, Result, Table, Value};
use tokio::sync::mpsc;
use zi_kernel::{
    job::{self, Captured, Exit, Input, Keep, LogFile, News, Run, Spec},
    scheduler::offload,
};

use super::{
    Bind, Entry, VmData,
    fields::{Fields, kind_of, misuse},
    path, waiting,
};
use crate::host::{Host, lock};

const DEFAULT_BYTES: u64 = 1 << 20;
const MAX_BYTES: u64 = 16 << 20;
/// Most of the running output that `on_output` gets at once.
const NEWS_BYTES: usize = 16 * 1024;

/// What scripts find in `zi`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "system",
    doc: "Runs a program to its end, without a shell and without a terminal. Options: `cwd`, `stdin` \
          (text), `env` (added), `clear_env`, `timeout_ms`, `max_stdout_bytes` and \
          `max_stderr_bytes` (1 MiB; at most 16), `text` (true: CRLF becomes LF and bytes that are \
          no UTF-8 are replaced), `merge` (stderr goes into stdout, in order), `tail` (keeps the end \
          of a long output as well as its start), `log` (keeps the whole output, up to 50 MiB, in a \
          file), `log_over` (an output of up to so many bytes needs no file), \
          `stdio` (`terminal` gives the program the user's terminal until it ends; it prints there and \
          not here), `on_output(text)` (the newest part of stdout, at most ten times a second). Answers \
          `{status = \"completed\", code, signal, stdout, stderr, stdout_bytes, stdout_omitted, \
          stderr_bytes, stderr_omitted, log, log_bytes, log_error}` whatever the code, with \
          `stdout_head` and `stdout_tail` when text was left out between them; `{status = \"timeout\", error, stdout, stderr}` with what came so \
          far; `{status = \"error\", error, stdout, stderr}` when it did not start. The program and \
          everything it started end with it, with the time limit and with the call.",
    meta: "---@async\n---@param argv string[]\n---@param opts? zi.SystemOptions\n---@return zi.SystemResult",
    bind: Bind::Zi(|lua| waiting(lua, system)),
}];

/// Reads an argument list.
pub(super) fn read_argv(who: &str, argv: &Value) -> Result<Vec<String>> {
    let Value::Table(table) = argv else {
        let kind = kind_of(argv);
        return Err(misuse(who, format_args!("argv must be an array of strings, not {kind}")));
    };
    let mut words = Vec::new();
    for word in table.sequence_values::<Value>() {
        match word? {
            Value::String(word) => words.push(word.to_string_lossy()),
            Value::Integer(number) => words.push(number.to_string()),
            other => {
                let kind = other.type_name();
                return Err(misuse(
                    who,
                    format_args!("argv[{}] must be a string, not {kind}", words.len() + 1),
                ));
            }
        }
    }
    match words.first() {
        None => Err(misuse(who, "argv is empty")),
        Some(program) if program.is_empty() => Err(misuse(who, "argv[1] is empty")),
        Some(_) => Ok(words),
    }
}

/// What every child gets and does not get.
pub(super) fn child_spec(host: &Host, argv: Vec<String>, cwd: PathBuf) -> Spec {
    Spec {
        argv,
        cwd: Some(cwd),
        env: host.child_env(),
        without_env: host.secret_variables(),
        ..Spec::default()
    }
}

/// Runs a program with the user's terminal.
async fn in_terminal(lua: &Lua, host: &Arc<Host>, spec: Spec) -> Result<Table> {
    let Some(ended) = host.front.foreground(spec) else {
        return failed(lua, "error", "`stdio = \"terminal\"` needs the terminal interface");
    };
    match offload(ended).await? {
        Ok(Ok(exit)) => {
            let table = lua.create_table()?;
            table.raw_set("status", "completed")?;
            table.raw_set("code", exit.code)?;
            table.raw_set("signal", exit.signal)?;
            table.raw_set("stdout", "")?;
            table.raw_set("stderr", "")?;
            Ok(table)
        }
        Ok(Err(err)) => failed(lua, "error", &err.to_string()),
        Err(_) => failed(lua, "error", "zi is ending"),
    }
}

async fn system(lua: Lua, (argv, opts): (Value, Value)) -> Result<Table> {
    const WHO: &str = "zi.system";
    let host = VmData::of(&lua)?.host()?;
    let argv = read_argv(WHO, &argv)?;
    let fields = Fields::or_empty(&lua, WHO, opts)?;
    let cwd = fields.opt_string("cwd")?.map(|cwd| path::expand(&lua, &cwd)).transpose()?;
    let mut spec = child_spec(&host, argv, cwd.unwrap_or_else(|| host.cwd.clone()));
    spec.env.extend(fields.opt_string_map("env")?.unwrap_or_default());
    spec.clear_env = fields.flag("clear_env")?;
    spec.merge = fields.flag("merge")?;
    if let Some(input) = fields.opt_bytes("stdin")? {
        spec.input = Input::Bytes(input);
    }
    if fields.opt_choice("stdio", &["capture", "terminal"])? == Some("terminal") {
        drop(fields);
        return in_terminal(&lua, &host, spec).await;
    }
    let bytes = |name: &'static str| -> Result<usize> {
        let bytes = fields.opt_count(name, MAX_BYTES)?.unwrap_or(DEFAULT_BYTES);
        Ok(usize::try_from(bytes).unwrap_or(usize::MAX))
    };
    let tail = fields.flag("tail")?;
    let keep = |bytes: usize| match tail {
        true => Keep { head: bytes / 2, tail: bytes - bytes / 2 },
        false => Keep { head: bytes, tail: 0 },
    };
    let (out_bytes, err_bytes) = (bytes("max_stdout_bytes")?, bytes("max_stderr_bytes")?);
    let (stdout, stderr) = (keep(out_bytes), keep(err_bytes));
    let owner = VmData::of(&lua)?.owner().clone();
    let as_text = fields.opt_bool("text")?.unwrap_or(true);
    let timeout = fields.opt_count("timeout_ms", 86_400_000)?.map(Duration::from_millis);
    let on_output = fields.opt_function("on_output")?;
    let log = fields.flag("log")?;
    let over = fields.opt_count("log_over", MAX_BYTES)?.unwrap_or(0);
    let unclaimed = Unclaimed::default();
    let file = log.then(|| {
        let (host, made) = (host.clone(), unclaimed.0.clone());
        let make = Box::new(move || {
            let (file, path) = host.output_file("log")?;
            lock(&made).replace(path.clone());
            Ok((file, path))
        });
        LogFile { make, over }
    });
    drop(fields);
    let (sender, mut reports) = mpsc::channel(1);
    let news = on_output.is_some().then_some(News { sender, bytes: NEWS_BYTES });
    let run = Run { spec, stdout, stderr, file, timeout, news };
    let running = offload(async move {
        let _room = owner.room((out_bytes + err_bytes) as u64).await;
        job::run(run).await
    });
    let finished = match on_output {
        None => running.await?,
        Some(on_output) => {
            let mut running = std::pin::pin!(running);
            loop {
                tokio::select! {
                    finished = &mut running => break finished?,
                    Some(report) = reports.recv() => {
                        let text = String::from_utf8_lossy(&report).into_owned();
                        tell(&on_output, text)?;
                    }
                }
            }
        }
    };
    match finished {
        Err(err) => failed(&lua, "error", &err.to_string()),
        Ok(outcome) => {
            let table = lua.create_table()?;
            match outcome.exit {
                Some(Exit { code, signal }) => {
                    table.raw_set("status", "completed")?;
                    table.raw_set("code", code)?;
                    table.raw_set("signal", signal)?;
                }
                None => {
                    let ms = timeout.unwrap_or_default().as_millis();
                    table.raw_set("status", "timeout")?;
                    table.raw_set("error", format!("timed out after {ms} ms"))?;
                }
            }
            set_output(&lua, &table, "stdout", &outcome.stdout, as_text)?;
            set_output(&lua, &table, "stderr", &outcome.stderr, as_text)?;
            if let Some((path, bytes)) = &outcome.stdout.file {
                table.raw_set("log", path.display().to_string())?;
                table.raw_set("log_bytes", *bytes)?;
            }
            table.raw_set("log_error", outcome.stdout.file_error.clone())?;
            lock(&unclaimed.0).take();
            Ok(table)
        }
    }
}

/// A log that nobody was told of: it goes when the program did not start or the call was cancelled.
#[derive(Default)]
struct Unclaimed(Arc<Mutex<Option<PathBuf>>>);

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(path) = lock(&self.0).take() {
            // One that is not there is gone already.
            std::fs::remove_file(path).ok();
        }
    }
}

/// `on_output` must not wait, and its errors are the caller's.
fn tell(on_output: &Function, text: String) -> Result<()> {
    on_output.call::<()>(text)
}

fn failed(lua: &Lua, status: &str, error: &str) -> Result<Table> {
    let fields = [("status", status), ("error", error), ("stdout", ""), ("stderr", "")];
    lua.create_table_from(fields)
}

fn set_output(
    lua: &Lua,
    table: &Table,
    name: &str,
    output: &Captured,
    as_text: bool,
) -> Result<()> {
    let mut bytes = output.head.clone();
    bytes.extend_from_slice(&output.tail);
    if as_text {
        // Cut inside a character, a part begins or ends with half of one; that is not the program's.
        let text = if output.omitted > 0 {
            let head = trim_cut_end(&output.head);
            let tail = trim_cut_start(&output.tail);
            table.raw_set(format!("{name}_head"), plain_text(head))?;
            table.raw_set(format!("{name}_tail"), plain_text(tail))?;
            plain_text(head) + &plain_text(tail)
        } else {
            plain_text(&bytes)
        };
        table.raw_set(name, text)?;
    } else {
        table.raw_set(name, lua.create_string(bytes)?)?;
    }
    table.raw_set(format!("{name}_bytes"), output.total)?;
    table.raw_set(format!("{name}_omitted"), output.omitted)
}

fn plain_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).replace("\r\n", "\n")
}

fn trim_cut_end(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Err(err) if err.error_len().is_none() => &bytes[..err.valid_up_to()],
        _ => bytes,
    }
}

fn trim_cut_start(bytes: &[u8]) -> &[u8] {
    let skip = bytes.iter().take(3).take_while(|byte| (**byte & 0xC0) == 0x80).count();
    &bytes[skip..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_inside_a_character_leave_no_half_of_it() {
        let text = "aé".as_bytes();
        assert_eq!(trim_cut_end(&text[..2]), b"a");
        assert_eq!(trim_cut_end(text), text);
        assert_eq!(trim_cut_start(&"éb".as_bytes()[1..]), b"b");
        assert_eq!(trim_cut_end(b"a\xff"), b"a\xff", "what is wrong anyway stays");
    }
}
