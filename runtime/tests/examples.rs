//! The example extensions, where a Lua spec does not reach: against a server, and as a user starts
//! them.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use serde_json::{Value, json};
use zi_testkit::{Reply, Server, Zi, anthropic, openai};

fn example(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples").join(name)
}

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
}

// custom-provider ---------------------------------------------------------------------------------

const CREDENTIAL: &str = "data/extensions/custom-provider/credential.json";

/// The gateway, whose models and whose authority are `server`.
fn gateway(zi: Zi, server: &Server) -> Zi {
    zi.arg("-e").arg(example("custom-provider")).settings(&json!({
        "extensions": { "custom-provider": {
            "base_url": format!("{}/v1", server.url()),
            "authority": server.url(),
            "client_id": "me & you",
        } },
        "retry": { "max_attempts": 1 },
    }))
}

fn token(access: &str, refresh: &str, expires_in: u64) -> Reply {
    let body =
        json!({ "access_token": access, "refresh_token": refresh, "expires_in": expires_in });
    Reply::json(200, &body)
}

#[test]
fn the_gateway_is_logged_in_at_and_asked_with_the_token() {
    let server = Server::start();
    server.reply(Reply::json(
        200,
        &json!({
            "device_code": "d1", "user_code": "ABCD", "verification_uri": "http://go.test",
            "interval": 0,
        }),
    ));
    server.reply(Reply::json(400, &json!({ "error": "authorization_pending" })));
    server.reply(token("access-1", "refresh-1", 3600));
    server.reply(Reply::sse(openai::text("hello")));

    let login = gateway(zi(), &server).args(["-p", "/login-gateway"]);
    let ask = login.another();
    let done = login.run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("Open http://go.test and enter ABCD"), "{}", done.stderr);
    assert!(done.stderr.contains("Logged in at the gateway."), "{}", done.stderr);
    let file = ask.home().join(CREDENTIAL);
    let mode = fs::metadata(&file).expect("the login is kept").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read it");

    let done = gateway(ask, &server).args(["--model", "gateway/small", "-p", "hi"]).run();
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("hello\n", ""));
    let requests = server.requests();
    let sent: Vec<_> = requests.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(sent, ["/device", "/token", "/token", "/v1/chat/completions"]);
    assert_eq!(requests[0].body, b"client_id=me%20%26%20you");
    let asked = String::from_utf8_lossy(&requests[2].body).into_owned();
    assert!(asked.contains("device_code=d1"), "{asked}");
    assert_eq!(requests[3].header("authorization"), "Bearer access-1");
}

#[test]
fn a_refused_login_is_told_and_keeps_nothing() {
    let server = Server::start();
    server.reply(Reply::json(
        200,
        &json!({
            "device_code": "d1", "user_code": "ABCD", "verification_uri": "http://go.test",
            "interval": 0,
        }),
    ));
    server.reply(Reply::json(400, &json!({ "error": "access_denied" })));
    let login = gateway(zi(), &server).args(["-p", "/login-gateway"]);
    let keep = login.another();
    let done = login.run();
    assert!(done.stderr.contains("Not logged in: access_denied"), "{}", done.stderr);
    assert!(!keep.home().join(CREDENTIAL).exists());
}

#[test]
fn a_stale_token_is_renewed_once_for_requests_at_the_same_time() {
    let server = Server::start();
    let gate = server.gate();
    let body = json!({ "access_token": "new", "expires_in": 3600 });
    server.reply(Reply::new(200).wait(&gate).then(body.to_string()).until_close());
    server.otherwise(Reply::sse(openai::text("hello")));
    let both = r#"zi.command({ name = "both", handler = function(_, ctx)
        local function ask() return ctx.ai.complete({ prompt = "hi", model = "gateway/small" }).text end
        ctx.notice(table.concat(zi.task.all({ ask, ask }), "+"))
    end })"#;
    let credential = json!({ "access": "old", "refresh": "r1", "expires": 0 });
    let zi = gateway(zi(), &server)
        .home_file(CREDENTIAL, credential.to_string())
        .home_file("extensions/both.lua", both)
        .args(["--model", "gateway/small", "-p", "/both"]);
    let keep = zi.another();
    let running = zi.start();
    gate.wait_reached();
    gate.open();
    let done = running.wait();
    assert!(done.stderr.contains("hello+hello"), "{}", done.stderr);
    let requests = server.requests();
    let renewals: Vec<_> = requests.iter().filter(|request| request.path == "/token").collect();
    assert_eq!(renewals.len(), 1);
    let asked = String::from_utf8_lossy(&renewals[0].body).into_owned();
    assert!(asked.contains("grant_type=refresh_token") && asked.contains("refresh_token=r1"));
    for request in requests.iter().filter(|request| request.path != "/token") {
        assert_eq!(request.header("authorization"), "Bearer new");
    }
    let kept = fs::read_to_string(keep.home().join(CREDENTIAL)).expect("the login is kept");
    let kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    assert_eq!((&kept["access"], &kept["refresh"]), (&json!("new"), &json!("r1")));
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
