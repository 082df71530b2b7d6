//! The example extensions, where a Lua spec does not reach: against a server, and as a user starts
//! them.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use zi_testkit::{Reply, Server, Zi, anthropic, openai};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
}

// custom-provider ---------------------------------------------------------------------------------

/// The gateway, whose models and whose authority are `server`, installed for good.
fn gateway(server: &Server) -> Zi {
    let base = zi().settings(&json!({
        "extensions": { "custom-provider": {
            "base_url": format!("{}/v1", server.url()),
            "authority": server.url(),
            "client_id": "me & you",
        } },
        "retry": { "max_attempts": 1 },
    }));
    let source = example("custom-provider").display().to_string();
    let done = base.another().args(["ext", "install", &source]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    base
}

fn device(server: &Server) {
    server.reply(Reply::json(
        200,
        &json!({
            "device_code": "d1", "user_code": "ABCD", "verification_uri": "http://go.test",
            "interval": 0,
        }),
    ));
}

fn kept(base: &Zi) -> Value {
    let text = fs::read(base.home().join("state/auth.json")).expect("the login is kept");
    serde_json::from_slice(&text).expect("it is JSON")
}

#[test]
fn the_gateway_is_logged_in_at_asked_with_the_token_and_renewed() {
    let server = Server::start();
    device(&server);
    server.reply(Reply::json(400, &json!({ "error": "authorization_pending" })));
    let token = json!({ "access_token": "access-1", "refresh_token": "r1", "expires_in": 1 });
    server.reply(Reply::json(200, &token));
    let base = gateway(&server);
    let done = base.another().args(["login", "gateway"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "logged in to gateway\n"), "{done:?}");
    for told in ["http://go.test", "enter this code there: ABCD"] {
        assert!(done.stderr.contains(told), "{}", done.stderr);
    }
    assert_eq!(kept(&base)["gateway"]["access"], "access-1");

    // It ends within a minute, so it is renewed before it is used; the refresh token stays.
    server.reply(Reply::json(200, &json!({ "access_token": "access-2", "expires_in": 3600 })));
    server.otherwise(Reply::sse(openai::text("hello")));
    for _ in 0..2 {
        let done = base.another().args(["--model", "gateway/small", "-p", "hi"]).run();
        assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("hello\n", ""));
    }
    let login = kept(&base)["gateway"].clone();
    assert_eq!((&login["access"], &login["refresh"]), (&json!("access-2"), &json!("r1")));
    let requests = server.requests();
    let sent: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    let chat = "/v1/chat/completions";
    assert_eq!(sent, ["/device", "/token", "/token", "/token", chat, chat]);
    assert_eq!(requests[0].body, b"client_id=me%20%26%20you");
    for (request, says) in [
        (1, "device_code=d1"),
        (2, "device_code=d1"),
        (3, "grant_type=refresh_token"),
        (3, "refresh_token=r1"),
    ] {
        let asked = String::from_utf8_lossy(&requests[request].body).into_owned();
        assert!(asked.contains(says), "{asked}");
    }
    assert_eq!(requests[5].header("authorization"), "Bearer access-2");
}

#[test]
fn a_refused_login_is_told_and_keeps_nothing() {
    let server = Server::start();
    device(&server);
    server.reply(Reply::json(400, &json!({ "error": "access_denied" })));
    let base = gateway(&server);
    let done = base.another().args(["login", "gateway"]).run();
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("the login failed: access_denied"), "{}", done.stderr);
    assert!(!base.home().join("state/auth.json").exists());
    let ask = base.another().args(["--model", "gateway/small", "-p", "hi"]).run();
    assert_eq!(ask.code, Some(3));
    assert!(ask.stderr.contains("log in with `zi login gateway`"), "{}", ask.stderr);
}

// As a user starts them ---------------------------------------------------------------------------

fn with_server(zi: Zi, server: &Server) -> Zi {
    zi.args(["--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
}

#[test]
fn permission_gate_is_opened_by_its_flag_on_the_command_line() {
    for (flag, outcome) in [(None, "blocked"), (Some("--allow-destructive"), "ok")] {
        let server = Server::start();
        let call = json!({ "command": "rm -rf nothing-there" });
        server.reply(Reply::sse(anthropic::tool_call("a", "bash", &call)));
        server.reply(Reply::sse(anthropic::text("done")));
        let zi = with_server(zi(), &server).arg("-e").arg(example("permission-gate.lua"));
        let done = zi.args(flag).args(["--json", "clean up"]).run();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        assert_eq!(done.events("tool_execution_end")[0]["outcome"], outcome);
    }
}

#[test]
fn structured_output_writes_an_answer_that_fits_the_schema() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "final_answer", &json!({ "n": 3 }))));
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let zi = with_server(zi(), &server).arg("-e").arg(example("structured-output.lua"));
    let zi = zi.file("schema.json", schema.to_string());
    let (keep, cwd) = (zi.another(), zi.cwd().to_owned());
    let done =
        zi.args(["--answer-schema=schema.json", "--answer-file=n.json", "-p", "count"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(fs::read_to_string(cwd.join("n.json")).expect("it was written"), "{\"n\":3}\n");
    assert_eq!(server.requests().len(), 1);
    drop(keep);
}

#[test]
fn event_tracer_knows_every_event_but_those_of_one_owner() {
    let done = zi().args(["api", "--json"]).run();
    let api: Value = serde_json::from_str(&done.stdout).expect("it is JSON");
    let tracer = fs::read_to_string(example("event-tracer.lua")).expect("it reads");
    let words: Vec<&str> = tracer.split_whitespace().collect();
    let events = api["events"].as_array().expect("a list");
    assert!(events.len() > 40, "{events:?}");
    for event in events.iter().filter_map(Value::as_str) {
        let is_owners = event == "ui" || event.starts_with("job_");
        assert!(is_owners || words.contains(&event), "it does not trace `{event}`");
    }
}
