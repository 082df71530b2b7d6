//! `ctx.ai`: questions and conversations beside the session.

use serde_json::{Value, json};
use zi_testkit::{Reply, Server, Zi, anthropic};

/// Runs a command whose body is `body`; `out(value)` says what the test should see.
fn probe(server: &Server, body: &str) -> Vec<Value> {
    let extension = format!(
        r#"
        local function out(value) zi.fs.append("out.jsonl", zi.json.encode(value) .. "\n") end
        zi.command({{ name = "go", handler = function(_, ctx) {body} end }})"#
    );
    let zi = Zi::new(env!("CARGO_BIN_EXE_zi"))
        .args(["--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
        .settings(&json!({ "retry": { "max_attempts": 1 } }))
        .home_file("extensions/probe.lua", extension)
        .file("a.txt", "hello\n");
    let (cwd, keep) = (zi.cwd().to_owned(), zi.another());
    let done = zi.args(["-p", "/go"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let out = std::fs::read_to_string(cwd.join("out.jsonl")).expect("it said something");
    drop(keep);
    out.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect()
}

#[test]
fn a_question_streams_and_leaves_no_trace() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::text("the answer")));
    server.reply(Reply::json(500, &json!({})));
    let out = probe(
        &server,
        r#"
        local heard = ""
        local answer = ctx.ai.complete({ prompt = "why", system_prompt = "be short", max_tokens = 99,
          on = function(event) if event.type == "text_delta" then heard = heard .. event.delta end end })
        out({ answer.status, answer.text, heard, #ctx.session.messages(), answer.usage.output > 0 })
        answer = ctx.ai.complete("why")
        out({ answer.status, answer.error.kind })"#,
    );
    assert_eq!(out[0], json!(["completed", "the answer", "the answer", 0, true]));
    assert_eq!(out[1], json!(["error", "server"]));
    let body = server.requests()[0].json();
    assert_eq!((&body["max_tokens"], body.get("tools")), (&json!(99), None));
    assert!(body["system"].to_string().contains("be short"));
}

#[test]
fn structured_answers_are_checked_and_asked_for_once_more() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::text("It is {\"n\": 1}")));
    server.reply(Reply::sse(anthropic::text("```json\n{\"n\": 2}\n```")));
    server.reply(Reply::sse(anthropic::text("{\"n\": \"x\"}")));
    server.reply(Reply::sse(anthropic::text("{}")));
    let out = probe(
        &server,
        r#"
        local schema = { type = "object", properties = { n = { type = "integer" } }, required = { "n" } }
        local answer = ctx.ai.complete({ prompt = "count", schema = schema })
        out({ answer.status, answer.value })
        answer = ctx.ai.complete({ prompt = "count", schema = schema })
        out({ answer.status, answer.error.message })"#,
    );
    assert_eq!(out[0], json!(["completed", { "n": 2 }]));
    assert_eq!(out[1][0], "error");
    assert!(out[1][1].as_str().is_some_and(|text| text.contains("\"n\" is a required")), "{out:?}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn a_session_remembers_and_uses_only_its_tools() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "read", &json!({ "path": "a.txt" }))));
    server.reply(Reply::sse(anthropic::tool_call("b", "bash", &json!({ "command": "true" }))));
    server.reply(Reply::sse(anthropic::text("it says hello")));
    server.reply(Reply::sse(anthropic::text("again")));
    let out = probe(
        &server,
        r#"
        local events = {}
        local side = ctx.ai.session({ tools = { "read" }, on = function(event)
          if event.type:find("^tool_") then events[#events + 1] = event.type .. " " .. event.tool_name end
        end })
        local answer = side:prompt("what does it say?")
        out({ answer.status, answer.text, answer.turns, events })
        answer = side:prompt({ prompt = "and now?" })
        out({ answer.text, #side:messages(), #side:messages(2), side:is_busy(), side:info().messages })
        side:clear()
        out({ #side:messages(), #ctx.session.messages() })
        side:dispose()
        local nothing, err = side:prompt("x")
        out({ nothing == nil, err.kind })
        local ok, problem = pcall(ctx.ai.session, { tools = { "raed" } })
        out({ ok, tostring(problem) })"#,
    );
    assert_eq!(
        out[0],
        json!([
            "completed",
            "it says hello",
            3,
            ["tool_call read", "tool_result read", "tool_call bash", "tool_result bash"]
        ])
    );
    assert_eq!(out[1], json!(["again", 8, 2, false, 8]));
    assert_eq!((&out[2], &out[3]), (&json!([0, 0]), &json!([true, "disposed"])));
    assert_eq!(
        out[4][1],
        "ctx.ai.session: field `tools`: there is no tool `raed`; did you mean `read`?"
    );
    let requests = server.requests();
    let tools = requests[0].json()["tools"].as_array().map(Vec::len);
    assert_eq!(tools, Some(1));
    assert!(requests[1].json()["messages"].to_string().contains("hello"));
    assert!(requests[2].json()["messages"].to_string().contains("not available here"));
}

#[test]
fn a_session_can_be_aborted_and_takes_one_prompt_at_a_time() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(Reply::sse(": wait\n\n").wait(&gate).then(anthropic::text("never read")));
    let out = probe(
        &server,
        r#"
        local side = ctx.ai.session()
        local first = zi.task.spawn(function() return side:prompt("one").status end)
        while not side:is_busy() do zi.task.sleep(1) end
        local _, err = side:prompt("two")
        out(err.kind)
        side:abort()
        out(first:join())"#,
    );
    assert_eq!(out, [json!("busy"), json!("cancelled")]);
}
