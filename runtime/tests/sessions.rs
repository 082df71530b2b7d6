//! Sessions from the inside: notes, artifacts, labels, branches, and going from one to another.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use zi_testkit::Zi;

fn demo() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).env("ZI_DEMO_DELAY_MS", "0").args(["--model", "demo"])
}

/// Runs a command whose body is `body`; `out(value)` says what the test should see.
fn probe(zi: Zi, body: &str) -> (Vec<Value>, zi_testkit::Done, Vec<PathBuf>) {
    let extension = format!(
        r#"
        local function out(value) zi.fs.append("out.jsonl", zi.json.encode(value) .. "\n") end
        zi.on("session_start", function(event) out({{ start = event.reason }}) end)
        zi.on("session_shutdown", function(event) print("shutdown", event.reason, event.next and event.next.session_id) end)
        {body}"#
    );
    let zi = zi.home_file("extensions/probe.lua", extension);
    let (cwd, home) = (zi.cwd().to_owned(), zi.home().to_owned());
    let keep = zi.another();
    let done = zi.run();
    let out = std::fs::read_to_string(cwd.join("out.jsonl")).unwrap_or_default();
    let kept = sessions(&home);
    drop(keep);
    let lines = out.lines().map(|line| serde_json::from_str(line).expect("it is JSON"));
    // Observers run beside: what they say of the start is put first.
    let mut lines: Vec<Value> = lines.collect();
    lines.sort_by_key(|line| line.get("start").is_none());
    (lines, done, kept)
}

fn sessions(home: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![home.join("state/sessions")];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entry.path().is_dir() { dirs.push(entry.path()) } else { files.push(entry.path()) }
        }
    }
    files.sort();
    files
}

#[test]
fn what_extensions_keep_is_theirs_and_follows_the_branch() {
    let body = r#"
        zi.command({ name = "go", handler = function(_, ctx)
          local session = ctx.session
          local first = session.append_note({ kind = "todo", body = "one", title = "t" })
          out(session.append_artifact({ kind = "state", key = "k", data = { list = { 1, 2 }, deep = { x = true } } }) ~= nil)
          session.append_note({ kind = "other", body = "two" })
          local notes = session.notes({ kind = "todo" })
          out({ #notes, notes[1].body, notes[1].title, notes[1].extension, notes[1].id == first })
          out(session.artifacts({ key = "k" })[1].data)
          out({ session.label(first, "here"), session.labels()[1].label, session.entries({ label = "here" })[1].id == first })
          session.label(first, nil)
          out(#session.labels())
          -- A branch without the second note does not show it.
          session.navigate(first)
        end })
        zi.on("session_tree", function(event, ctx)
          out({ left = #ctx.session.notes(), artifacts = #ctx.session.artifacts() })
        end)"#;
    let (out, done, _) = probe(demo().args(["-p", "/go"]), body);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(out[1], json!(true));
    assert_eq!(out[2], json!([1, "one", "t", "probe", true]));
    assert_eq!(out[3], json!({ "list": [1, 2], "deep": { "x": true } }));
    assert_eq!((&out[4], &out[5]), (&json!([true, "here", true]), &json!(0)));
    assert_eq!(out[6], json!({ "left": 1, "artifacts": 0 }));
}

#[test]
fn wrong_arguments_are_answers_and_no_errors() {
    let body = r#"
        zi.command({ name = "go", handler = function(_, ctx)
          local session = ctx.session
          for _, name in ipairs({ "append_note", "append_artifact", "label", "rename", "entry", "tool_results", "switch", "fork" }) do
            local answer, err = session[name](12)
            out({ name, answer == nil, err.kind, tostring(err) })
          end
          for _, name in ipairs({ "notes", "artifacts", "entries", "messages", "context", "compact" }) do
            local answer, err = session[name]("x")
            out({ name, answer == nil, err.kind, tostring(err) })
          end
          local answer, err = session.append_artifact({ kind = "k", data = ("x"):rep(1 << 20) })
          out({ "append_artifact", answer == nil, err.kind, tostring(err) })
          answer, err = session.fork("nope")
          out({ "fork", answer == nil, err.kind, tostring(err) })
        end })"#;
    let (out, done, _) = probe(demo().args(["-p", "/go"]), body);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert_eq!(out.len(), 1 + 8 + 6 + 2);
    for answer in &out[1..] {
        assert_eq!(answer[1], true, "{answer}");
        let kind =
            if answer[0] == "fork" && answer[3].as_str().is_some_and(|it| it.contains("nope")) {
                "not_found"
            } else {
                "argument"
            };
        assert_eq!(answer[2], kind, "{answer}");
        if kind == "argument" {
            let name = format!("ctx.session.{}", answer[0].as_str().expect("a name"));
            assert!(answer[3].as_str().is_some_and(|text| text.starts_with(&name)), "{answer}");
        }
    }
}

#[test]
fn a_new_session_gets_fresh_extensions_and_the_old_ctx_is_stale() {
    let body = r#"
        local uses = 0
        zi.on("session_start", function(event, ctx)
          uses = uses + 1
          out({ uses = uses, kept = kept ~= nil, previous = event.previous ~= nil, count = #ctx.session.messages() })
          if event.reason == "new" then ctx.send_user_message("hello again") end
        end)
        zi.command({ name = "go", handler = function(_, ctx)
          kept = ctx
          out({ status = ctx.session.new().status })
        end })
        zi.on("agent_end", function(_, ctx)
          local before = ctx.session.info().id
          if before ~= first_id and not asked then
            asked = true
            out({ second = #ctx.session.messages() })
          end
        end)"#;
    let (out, done, kept) = probe(demo().args(["--json", "/go"]), body);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{out:?}");
    assert!(out.contains(&json!({ "status": "queued" })), "{out:?}");
    let starts: Vec<_> = out.iter().filter(|line| line["uses"].is_number()).collect();
    let fresh = json!({ "uses": 1, "kept": false, "previous": true, "count": 0 });
    assert_eq!(starts[1], &fresh, "{out:?}");
    assert_eq!(done.events("session_start").len(), 2);
    assert_eq!(done.events("session_shutdown")[0]["reason"], "new");
    assert_eq!(kept.len(), 1, "a session without a message is not kept");
}

#[test]
fn a_ctx_of_the_session_that_was_left_reaches_nothing() {
    let body = r#"
        zi.on("session_start", function(event, ctx)
          if event.reason == "new" then return zi.fs.write("moved", "") end
          local note = ctx.session.append_note
          while not zi.fs.exists("moved") do zi.task.sleep(1) end
          local answer, err = note({ kind = "k", body = "b" })
          out({ answer = answer == nil, kind = err.kind })
          answer, err = ctx.ai.complete("hello")
          out({ answer = answer == nil, kind = err.kind })
          out({ cwd = ctx.cwd == zi.fs.realpath(".") })
        end)
        zi.command({ name = "go", handler = function(_, ctx) ctx.session.new() end })"#;
    let (out, done, _) = probe(demo().args(["-p", "/go"]), body);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{out:?}");
    let stale = json!({ "answer": true, "kind": "stale" });
    assert_eq!(out.iter().filter(|line| **line == stale).count(), 2, "{out:?}");
    assert!(out.contains(&json!({ "cwd": true })), "{out:?}");
}

#[test]
fn handlers_may_decline_and_branches_may_be_summarised() {
    let body = r#"
        zi.on("session_before_switch", function() return { cancel = true, reason = "not now" } end)
        zi.on("session_before_tree", function(event)
          return { summary = event.summarize and ("left " .. #event.messages) or nil, label = "back" }
        end)
        zi.on("session_tree", function(event, ctx)
          local roles = {}
          for _, message in ipairs(ctx.session.context()) do roles[#roles + 1] = message.role end
          out({ summary = event.summary_entry and event.summary_entry.summary, context = table.concat(roles, " "),
            label = ctx.session.labels()[1].label })
          ctx.session.new()
        end)
        zi.on("agent_end", function(event, ctx)
          if moved then return end
          moved = true
          ctx.session.navigate(ctx.session.messages()[1].entry_id, { summarize = true })
        end)"#;
    let (out, done, _) = probe(demo().args(["-p", "hello"]), body);
    assert_eq!(done.code, Some(0));
    assert_eq!(done.stderr, "zi: info: extension `probe` declined: not now\n");
    let tree = json!({ "summary": "left 1", "context": "user user", "label": "back" });
    assert_eq!(out.last(), Some(&tree), "{out:?}");
}

#[test]
fn sessions_are_listed_forked_and_gone_to() {
    let first = demo().args(["-p", "hello one"]);
    let second = first.another().env("ZI_DEMO_DELAY_MS", "0").args(["--model", "demo", "-p"]);
    assert_eq!(first.run().code, Some(0));
    let body = r#"
        zi.on("session_start", function(event, ctx)
          if event.reason == "startup" then return end
          local info = ctx.session.info()
          out({ reason = event.reason, messages = #ctx.session.messages(),
            parent = zi.json.decode(zi.fs.read(info.file):match("^[^\n]*")).parent_session ~= nil })
          if event.reason == "resume" then ctx.session.fork(ctx.session.messages()[1].entry_id) end
        end)
        zi.command({ name = "go", handler = function(_, ctx)
          local all = ctx.session.list()
          out({ #all, all[1].first_message, all[1].messages, #ctx.session.list({ query = "nothing like it" }) })
          ctx.session.switch(all[1].id)
        end })"#;
    let (out, done, kept) = probe(second.arg("/go"), body);
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""), "{out:?}");
    assert!(out.contains(&json!([1, "hello one", 2, 0])), "{out:?}");
    assert!(
        out.contains(&json!({ "reason": "resume", "messages": 2, "parent": false })),
        "{out:?}"
    );
    assert!(out.contains(&json!({ "reason": "fork", "messages": 1, "parent": true })), "{out:?}");
    assert_eq!(kept.len(), 2);
}
