//! Runs from the outside: the real program against a scripted provider.

use std::time::Duration;

use serde_json::{Value, json};
use zi_testkit::{Reply, Server, Zi, anthropic};

/// zi in a home of its own, pointed at `server`, with quick retries.
fn zi(server: &Server) -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
        .settings(&json!({ "retry": { "base_ms": 1, "max_ms": 2 } }))
        .args(["--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
}

fn call(id: &str, name: &str, arguments: Value) -> Reply {
    Reply::sse(anthropic::tool_call(id, name, &arguments))
}

fn text(text: &str) -> Reply {
    Reply::sse(anthropic::text(text))
}

/// The results that request `index` carries: `(id, is_error, text)`.
fn results(server: &Server, index: usize) -> Vec<(String, bool, String)> {
    let body = server.requests()[index].json();
    let messages = body["messages"].as_array().expect("messages").clone();
    let blocks = messages.iter().flat_map(|message| match &message["content"] {
        Value::Array(blocks) => blocks.clone(),
        _ => Vec::new(),
    });
    blocks
        .filter(|block| block["type"] == "tool_result")
        .map(|block| {
            let text = match &block["content"] {
                Value::String(text) => text.clone(),
                Value::Array(parts) => {
                    parts.iter().filter_map(|part| part["text"].as_str()).collect()
                }
                _ => String::new(),
            };
            let id = block["tool_use_id"].as_str().unwrap_or_default().to_owned();
            (id, block["is_error"] == true, text)
        })
        .collect()
}

// The loop ----------------------------------------------------------------------------------------

#[test]
fn a_call_is_run_and_its_result_goes_back() {
    let server = Server::start();
    server.reply(call("a", "bash", json!({ "command": "echo $((3 + 4))" })));
    server.reply(text("done"));
    let done = zi(&server).args(["-p", "add"]).run();
    assert_eq!((done.code, done.stdout.as_str(), done.stderr.as_str()), (Some(0), "done\n", ""));
    let results = results(&server, 1);
    assert_eq!(results.len(), 1);
    assert!(results[0].2.starts_with("7\n") && !results[0].1, "{results:?}");
}

#[test]
fn bad_calls_are_error_results_and_the_run_goes_on() {
    let server = Server::start();
    let extension = r#"
        zi.tool({ name = "boom", description = "raises", parameters = {}, execute = function() error("it went boom") end })
        zi.tool({ name = "odd", description = "answers nonsense", parameters = {}, execute = function() return print end })
        zi.on("tool_call", function(event) if event.toolName == "ls" then return { block = true, reason = "not today" } end end)
    "#;
    let zi = zi(&server).home_file("extensions/e.lua", extension);
    let calls = [
        ("a", "read", json!({})),
        ("b", "nope", json!({})),
        ("c", "boom", json!({})),
        ("d", "ls", json!({ "path": "." })),
        ("e", "odd", json!({})),
        ("f", "read", json!({ "path": 5 })),
    ];
    let answer = calls.iter().fold(anthropic::Answer::new(), |answer, (id, name, arguments)| {
        answer.tool_call(id, name, &arguments.to_string())
    });
    server.reply(Reply::sse(answer.sse()));
    server.reply(text("ok"));
    let done = zi.args(["-p", "go"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "ok\n"), "{}", done.stderr);
    let results = results(&server, 1);
    let says = ["path", "nope", "it went boom", "not today", "function", "path"];
    assert_eq!(results.len(), says.len());
    for ((result, said), (id, ..)) in results.iter().zip(says).zip(calls) {
        assert_eq!(result.0, id, "results stand in the order of the calls");
        assert!(result.1 && result.2.contains(said), "{result:?} does not say {said}");
    }
}

#[test]
fn neighbours_that_declare_it_run_together_and_results_keep_their_order() {
    let server = Server::start();
    // Each waits until the other has begun: one after the other they would wait forever.
    let extension = r#"
        local begun = {}
        local function meet(name, other)
          zi.tool({ name = name, description = "waits for " .. other, parameters = {}, parallel = true,
            execute = function()
              begun[name] = true
              local tries = 0
              while not begun[other] and tries < 2000 do zi.task.sleep(5) tries = tries + 1 end
              return begun[other] and name .. " met " .. other or "alone"
            end })
        end
        meet("one", "two") meet("two", "one")
    "#;
    let answer = anthropic::Answer::new().tool_call("x", "one", "{}").tool_call("y", "two", "{}");
    server.reply(Reply::sse(answer.sse()));
    server.reply(text("ok"));
    let done = zi(&server).home_file("extensions/meet.lua", extension).args(["-p", "go"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let results = results(&server, 1);
    let texts: Vec<_> =
        results.iter().map(|result| (result.0.as_str(), result.2.as_str())).collect();
    assert_eq!(texts, [("x", "one met two"), ("y", "two met one")]);
}

#[test]
fn the_step_limit_ends_a_run_that_can_be_continued() {
    let server = Server::start();
    server.otherwise(call("a", "ls", json!({})));
    let first = zi(&server).args(["-p", "go", "--max-steps", "2"]);
    let again = first.another().args([
        "-c",
        "-p",
        "more",
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ]);
    let done = first.run();
    assert_eq!((done.code, server.requests().len()), (Some(7), 2));
    assert!(done.stderr.contains("limit of 2"), "{}", done.stderr);
    server.otherwise(text("fine"));
    let done = again.run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "fine\n"), "{}", done.stderr);
    assert_eq!(results(&server, 2).len(), 2, "each call has its one result");
}

#[test]
fn a_tool_that_ends_the_turn_ends_the_run() {
    let server = Server::start();
    let extension = r#"zi.tool({ name = "finish", description = "ends", parameters = {}, ends_turn = true,
        execute = function() return "over" end })"#;
    server.reply(call("a", "finish", json!({})));
    let done = zi(&server).home_file("extensions/f.lua", extension).args(["-p", "go"]).run();
    assert_eq!((done.code, server.requests().len()), (Some(0), 1), "{}", done.stderr);
}

#[test]
fn steering_skips_the_calls_that_have_not_begun() {
    let server = Server::start();
    let extension = r#"
        zi.tool({ name = "first", description = "is interrupted", parameters = {}, execute = function(_, ctx)
          ctx.send_user_message("stop that", { target = "steering" })
          ctx.send_user_message("and then this", { target = "follow_up" })
          return "ran"
        end })
        zi.tool({ name = "later", description = "never runs", parameters = {}, execute = function() return "ran" end })
    "#;
    let answer = anthropic::Answer::new()
        .tool_call("a", "first", "{}")
        .tool_call("b", "later", "{}")
        .tool_call("c", "later", "{}");
    server.reply(Reply::sse(answer.sse()));
    server.reply(text("stopped"));
    server.reply(text("that too"));
    let done = zi(&server).home_file("extensions/s.lua", extension).args(["-p", "go"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "that too\n"), "{}", done.stderr);
    let ran: Vec<bool> = results(&server, 1).iter().map(|result| result.2 == "ran").collect();
    assert_eq!(ran, [true, false, false]);
    let last = |index: usize| {
        let body = server.requests()[index].json();
        body["messages"].as_array().expect("messages").last().expect("one").to_string()
    };
    assert!(last(1).contains("stop that") && last(2).contains("and then this"));
}

// Failures of the provider ------------------------------------------------------------------------

#[test]
fn what_may_pass_is_tried_again_and_does_not_repeat_text() {
    for status in [429, 500, 502, 503, 504, 529] {
        let server = Server::start();
        server.reply(Reply::json(status, &json!({ "error": { "message": "busy" } })));
        server.reply(text("fine"));
        let done = zi(&server).args(["-p", "go"]).run();
        assert_eq!(
            (done.code, done.stdout.as_str()),
            (Some(0), "fine\n"),
            "{status}: {}",
            done.stderr
        );
        assert!(done.stderr.contains("trying again"), "the wait is shown: {}", done.stderr);
        assert_eq!(server.requests().len(), 2, "{status}");
    }
}

#[test]
fn a_stream_without_its_end_is_no_answer_and_runs_nothing() {
    let server = Server::start();
    let body = anthropic::Answer::new()
        .text("half an answer")
        .tool_call("a", "bash", r#"{"command":"touch made"}"#)
        .sse();
    // Everything but the last event.
    let end = String::from_utf8_lossy(&body).rfind("event: message_stop").expect("it ends");
    server.reply(Reply::sse(body[..end].to_vec()));
    server.reply(text("whole"));
    let zi = zi(&server).args(["-p", "go"]);
    let (made, again) = (zi.cwd().join("made"), zi.another());
    let sessions = zi.home().join("state/sessions");
    let done = zi.run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "whole\n"), "{}", done.stderr);
    assert!(!made.exists(), "a tool of an unfinished message ran");
    let second = server.requests()[1].json().to_string();
    assert!(!second.contains("half an answer"), "the retry starts over");
    let kept = all_text(&sessions);
    assert!(kept.contains("half an answer") && kept.contains("stream_truncated"), "{kept}");
    drop(again);
}

/// The text of all files below a folder.
fn all_text(dir: &std::path::Path) -> String {
    let mut text = String::new();
    for entry in std::fs::read_dir(dir).expect("it lists").flatten() {
        let path = entry.path();
        text.push_str(&if path.is_dir() {
            all_text(&path)
        } else {
            std::fs::read_to_string(&path).expect("it reads")
        });
    }
    text
}

#[test]
fn what_cannot_pass_is_asked_once_and_said() {
    for (status, code) in [(400, 4), (401, 3), (403, 3), (404, 4), (422, 4)] {
        let server = Server::start();
        server.otherwise(Reply::json(status, &json!({ "error": { "message": "the reason why" } })));
        let done = zi(&server).args(["-p", "go"]).run();
        assert_eq!(
            (done.code, server.requests().len()),
            (Some(code), 1),
            "{status}: {}",
            done.stderr
        );
        assert!(
            done.stderr.contains("the reason why") && done.stdout.is_empty(),
            "{}",
            done.stderr
        );
    }
}

#[test]
fn a_server_that_names_a_delay_is_taken_at_its_word() {
    for (header, value, from, to) in
        [("retry-after-ms", "20", 20.0, 23.0), ("retry-after", "1", 1000.0, 1100.0)]
    {
        let server = Server::start();
        server.reply(Reply::json(429, &json!({})).header(header, value));
        server.reply(text("ok"));
        let done = zi(&server).args(["--mode", "json", "go"]).run();
        let waited = done.events("retry")[0]["wait_ms"].as_f64().expect("a number");
        assert!((from..=to).contains(&waited), "{header}: {waited}");
        assert_eq!((done.code, server.requests().len()), (Some(0), 2));
    }
}

#[test]
fn retries_end() {
    let server = Server::start();
    server.otherwise(Reply::json(503, &json!({})));
    let done = zi(&server)
        .settings(&json!({ "retry": { "base_ms": 1, "max_attempts": 3 } }))
        .args(["-p", "go"])
        .run();
    assert_eq!((done.code, server.requests().len()), (Some(4), 3), "{}", done.stderr);
}

#[test]
fn a_wait_that_is_too_long_is_not_waited_for() {
    let server = Server::start();
    server.reply(Reply::json(429, &json!({})).header("retry-after", "86400"));
    let done = zi(&server).args(["-p", "go"]).run();
    assert_eq!((done.code, server.requests().len()), (Some(4), 1), "{}", done.stderr);
}

#[test]
fn an_overflow_is_compacted_once() {
    let server = Server::start();
    let overflow = || {
        Reply::json(
            400,
            &json!({ "type": "error", "error": {
            "type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8 maximum",
        } }),
        )
    };
    // Some history, so that there is something to summarise.
    let seeded = zi(&server);
    for round in 0..4 {
        server.reply(text("noted"));
        let flags = if round == 0 { vec![] } else { vec!["-c"] };
        let run = seeded.another().args(flags).args([
            "--provider",
            "anthropic",
            "--model",
            "m",
            "--api-key",
            "k",
            "--base-url",
            server.url(),
        ]);
        let done = run.args(["-p", &format!("fact {round}: {}", "x".repeat(2000))]).run();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
    }
    server.reply(overflow());
    server.reply(text("SUMMARY OF IT"));
    server.reply(text("after"));
    let run = seeded.another().args([
        "-c",
        "-p",
        "next",
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ]);
    let done = run.run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "after\n"), "{}", done.stderr);
    let last = server.requests()[6].json()["messages"].to_string();
    assert!(last.contains("SUMMARY OF IT") && last.contains("next"), "{last}");
    assert!(!last.contains("fact 0"), "what was summarised is gone");
}

#[test]
fn a_full_context_is_compacted_by_itself() {
    let server = Server::start();
    let extension = format!(
        r#"zi.provider("small", {{ api = "anthropic-messages", base_url = "{}", api_key = "k",
             models = {{ {{ id = "s", context_window = 1000, max_tokens = 100 }} }} }})"#,
        server.url()
    );
    let base = Zi::new(env!("CARGO_BIN_EXE_zi")).home_file("extensions/p.lua", extension);
    let ask = |flags: &[&str], prompt: &str| {
        base.another().args(flags).args(["--model", "small/s", "-p", prompt]).run()
    };
    for round in 0..4 {
        server.reply(text("noted"));
        let flags: &[&str] = if round == 0 { &[] } else { &["-c"] };
        assert_eq!(ask(flags, &format!("old fact {round} {}", "y".repeat(300))).code, Some(0));
    }
    let full = String::from_utf8(anthropic::text("almost full")).expect("it is text");
    server.reply(Reply::sse(full.replace("\"input_tokens\":", "\"input_tokens\":9")));
    server.reply(text("THE GIST"));
    let done = ask(&["-c"], "one more");
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "almost full\n"), "{}", done.stderr);
    server.reply(text("ok"));
    assert_eq!(ask(&["-c"], "and on").code, Some(0));
    let last = server.requests().last().expect("requests").json()["messages"].to_string();
    assert!(last.contains("THE GIST") && !last.contains("old fact 0"), "{last}");
}

// Ending it ---------------------------------------------------------------------------------------

#[test]
fn an_interrupt_closes_the_stream_and_keeps_what_came() {
    let server = Server::start();
    let body = anthropic::text("the start of it, and more to come");
    let cut = String::from_utf8_lossy(&body).find("event: content_block_stop").expect("it stops");
    let gate = server.gate();
    server.reply(Reply::sse(body[..cut].to_vec()).wait(&gate).then(body[cut..].to_vec()));
    let zi = zi(&server).args(["--mode", "json", "go"]);
    let again = zi.another().args([
        "-c",
        "-p",
        "next",
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ]);
    let running = zi.start();
    running.wait_for_stdout("text_delta");
    running.signal("INT");
    let done = running.wait();
    server.wait_for_hang_up(0);
    gate.open();
    assert_eq!(done.code, Some(130), "{}", done.stderr);
    assert_eq!(done.result()["status"], "aborted");
    server.reply(text("ok"));
    assert_eq!(again.run().code, Some(0));
    let next = server.requests()[1].json()["messages"].to_string();
    assert!(next.contains("the start of it"), "{next}");
}

#[test]
fn a_signal_during_a_tool_ends_its_processes_and_leaves_one_result() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let server = Server::start();
        let marker = format!("29{}.{}", std::process::id(), code);
        server.reply(call("a", "bash", json!({ "command": format!("echo up; sleep {marker}") })));
        let zi = zi(&server).args(["--mode", "json", "go"]);
        let again = zi.another().args([
            "-c",
            "-p",
            "next",
            "--provider",
            "anthropic",
            "--model",
            "m",
            "--api-key",
            "k",
            "--base-url",
            server.url(),
        ]);
        let running = zi.start();
        wait_until("the tool runs", || processes(&marker) > 0);
        running.signal(signal);
        let done = running.wait();
        assert_eq!(done.code, Some(code), "{}", done.stderr);
        wait_until("its processes are gone", || processes(&marker) == 0);
        server.reply(text("ok"));
        let done = again.run();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        let results = results(&server, 1);
        assert_eq!((results.len(), results[0].1), (1, true), "{results:?}");
    }
}

#[test]
fn a_killed_run_resumes_with_one_result_per_call_and_runs_nothing_twice() {
    let server = Server::start();
    let marker = format!("28{}", std::process::id());
    let command = format!("echo ran >> log; sleep {marker}");
    let answer = anthropic::Answer::new()
        .tool_call("a", "bash", &json!({ "command": command }).to_string())
        .tool_call("b", "bash", &json!({ "command": "echo other >> log" }).to_string());
    server.reply(Reply::sse(answer.sse()));
    let zi = zi(&server).args(["-p", "go"]);
    let (log, _keep) = (zi.cwd().join("log"), zi.another());
    let again = zi.another().args([
        "-c",
        "-p",
        "next",
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ]);
    let running = zi.start();
    wait_until("the tool runs", || processes(&marker) > 0);
    running.signal("KILL");
    assert_eq!(running.wait().code, None);
    server.reply(text("ok"));
    let done = again.run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "ok\n"), "{}", done.stderr);
    let results = results(&server, 1);
    let ids: Vec<&str> = results.iter().map(|result| result.0.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert!(results.iter().all(|result| result.1 && result.2.contains("interrupted")));
    assert_eq!(std::fs::read_to_string(log).expect("it ran"), "ran\n");
    kill(&marker);
}

// The session on disk ------------------------------------------------------------------------------

#[test]
fn a_full_disk_ends_the_run_before_anything_else_happens() {
    let server = Server::start();
    let flood = json!({ "command": "head -c 30000 /dev/zero | tr '\\0' x" }).to_string();
    let answer = anthropic::Answer::new().tool_call("a", "bash", &flood).tool_call(
        "b",
        "bash",
        r#"{"command":"touch made"}"#,
    );
    server.reply(Reply::sse(answer.sse()));
    let zi = zi(&server).file("limited", "#!/bin/sh\nulimit -f 16\nexec \"$@\"\n");
    let keep = zi.another();
    // A limit on the size of files is the nearest thing to a full disk that needs no root.
    let output = std::process::Command::new("sh")
        .arg(zi.cwd().join("limited"))
        .arg(env!("CARGO_BIN_EXE_zi"))
        .args(["-p", "go", "--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
        .env("ZI_HOME", zi.home())
        .current_dir(zi.cwd())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot write session") && stderr.contains(".jsonl"), "{stderr}");
    assert!(!zi.cwd().join("made").exists(), "a tool ran that nobody could be told of");
    assert_eq!(server.requests().len(), 1);
    let kept = all_text(&zi.home().join("state/sessions"));
    assert!(kept.ends_with('\n') && kept.lines().all(|line| line.ends_with('}')), "a torn line");
    // With room again the session goes on, each call with its result.
    server.reply(text("ok"));
    let again = keep.args(["-c", "-p", "next", "--provider", "anthropic", "--model", "m"]);
    let done = again.args(["--api-key", "k", "--base-url", server.url()]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(results(&server, 1).len(), 2);
    drop(zi);
}

#[test]
fn one_process_writes_a_session_and_the_next_is_told_which() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(Reply::sse(anthropic::text("slow")).wait(&gate));
    let first = zi(&server).args(["-p", "go"]);
    let (second, keep) = (first.another(), first.another());
    let running = first.start();
    server.wait_for_requests(1);
    let done = second
        .args(["-c", "-p", "me too", "--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
        .run();
    let holder = format!("process {}", running.id());
    assert!(done.code == Some(1) && done.stderr.contains(&holder), "{}", done.stderr);
    gate.open();
    assert_eq!(running.wait().code, Some(0));
    drop(keep);
}

#[test]
fn syncs_are_where_they_count_and_nowhere_else() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        println!("NOT EXERCISED: there is no strace here");
        return;
    }
    let server = Server::start();
    server.reply(call("a", "bash", json!({ "command": "true" })));
    server.reply(text("ok"));
    let zi = zi(&server);
    let trace = zi.cwd().join("trace");
    let status = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=fdatasync,fsync,execve,write", "-s", "2000", "-o"])
        .arg(&trace)
        .arg(env!("CARGO_BIN_EXE_zi"))
        .args(["-p", "go", "--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
        .env("ZI_HOME", zi.home())
        .current_dir(zi.cwd())
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status()
        .expect("it runs");
    assert!(status.success());
    let trace = std::fs::read_to_string(trace).expect("a trace");
    let lines: Vec<&str> = trace.lines().collect();
    let at = |what: &dyn Fn(&str) -> bool| {
        lines.iter().position(|line| what(line)).expect("it is there")
    };
    let wrote_call = at(&|line| line.contains("write(") && line.contains("tool_call"));
    let ran = at(&|line| line.contains("execve(") && line.contains("\"true\""));
    // A call that another thread interrupted in the trace ends on a line of its own.
    let is_end = |line: &&&str| {
        (line.contains("sync(") && !line.contains("unfinished")) || line.contains("sync resumed")
    };
    let syncs = |from: usize, to: usize| lines[from..to].iter().filter(is_end).count();
    assert!(wrote_call < ran && syncs(wrote_call, ran) >= 1, "the call is on disk before it runs");
    assert!(syncs(0, wrote_call) >= 2, "the file and its folder, when the prompt is accepted");
    assert!(syncs(ran, lines.len()) >= 1, "the end of the run");
    assert!(syncs(0, lines.len()) <= 8, "{} syncs for two turns", syncs(0, lines.len()));
}

/// How many living processes have `marker` among their arguments.
fn processes(marker: &str) -> usize {
    pids(marker).len()
}

fn pids(marker: &str) -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("a process table").flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| {
            let read =
                |name: &str| std::fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let argv = String::from_utf8_lossy(&read("cmdline")).into_owned();
            argv.split('\0').nth(1) == Some(marker) && argv.starts_with("sleep")
        })
        .collect()
}

/// Ends the sleepers of a test whose zi was killed before it could.
fn kill(marker: &str) {
    for pid in pids(marker) {
        std::process::Command::new("kill").args(["-9", &pid]).status().expect("kill runs");
    }
}

fn wait_until(what: &str, done: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !done() {
        assert!(std::time::Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
