//! Logging in: an authority on loopback, tokens that are renewed once, keys that are kept.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use serde_json::{Value, json};
use zi_testkit::{Pty, Reply, Server, Zi, anthropic};

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).env("ZI_DEMO_DELAY_MS", "0")
}

/// A provider whose authority and models are at `server`.
fn provider(server: &Server) -> String {
    format!(
        r#"
        local function tokens(grant)
          local answer, err = zi.http.request({{ url = "{url}/token", json = grant }})
          if not answer then error(err) end
          if answer.status ~= 200 then error(zi.failure({{ kind = "auth", message = "the authority said " .. answer.status }})) end
          local said = zi.json.decode(answer.body)
          return {{ access = said.access_token, refresh = said.refresh_token, expires = zi.hash.now_ms() + said.expires_in * 1000 }}
        end
        zi.provider("corp", {{
          api = "anthropic-messages", base_url = "{url}", models = {{ {{ id = "m" }} }},
          oauth = {{
            login = function(callbacks)
              local state = zi.hash.uuid()
              local listener = assert(zi.http.listen_once({{ path = "/back", state = state }}))
              callbacks.on_auth({{ url = listener.url .. "?code=c0de&state=" .. state }})
              -- A browser would be sent here by the authority; this test goes there itself.
              local stray = zi.http.request({{ url = listener.url .. "?code=evil&state=wrong" }})
              local other = zi.http.request({{ url = listener.url:gsub("/back", "/other") }})
              local back = zi.http.request({{ url = listener.url .. "?code=c0de&state=" .. state }})
              local query = listener:wait()
              callbacks.on_progress(("%d %d %d %s"):format(stray.status, other.status, back.status, query.code))
              return tokens({{ code = query.code, who = callbacks.on_prompt("Name?") }})
            end,
            refreshToken = function(credential) return tokens({{ refresh = credential.refresh }}) end,
            getApiKey = function(credential) return "tok-" .. credential.access end,
          }},
        }})"#,
        url = server.url()
    )
}

fn token(access: &str, expires_in: u64) -> Reply {
    Reply::json(
        200,
        &json!({ "access_token": access, "refresh_token": "r1", "expires_in": expires_in }),
    )
}

fn kept(home: &Path) -> Value {
    let text = std::fs::read(home.join("state/auth.json")).expect("it is kept");
    serde_json::from_slice(&text).expect("it is JSON")
}

#[test]
fn a_login_is_kept_used_renewed_and_forgotten() {
    let server = Server::start();
    let base = zi().home_file("extensions/corp.lua", provider(&server));
    let run = |zi: Zi, args: &[&str]| zi.env("ZI_DEMO_DELAY_MS", "0").args(args).run();
    let ask = ["--model", "corp/m", "-p", "hi"];
    let none = run(base.another(), &ask);
    assert_eq!(none.code, Some(3));
    assert!(none.stderr.contains("log in with `zi login corp`"), "{}", none.stderr);

    server.reply(token("one", 3600));
    let done = run(base.another().stdin("ann\n"), &["login", "corp"]);
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "logged in to corp\n"),
        "{}",
        done.stderr
    );
    assert!(
        done.stderr.contains("open this address to log in: http://127.0.0.1:"),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("404 404 200 c0de"), "{}", done.stderr);
    assert_eq!(server.requests()[0].json(), json!({ "code": "c0de", "who": "ann" }));
    let file = base.home().join("state/auth.json");
    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    server.reply(Reply::sse(anthropic::text("hello")));
    assert_eq!(run(base.another(), &ask).stdout, "hello\n");
    assert_eq!(server.requests()[1].header("authorization"), "Bearer tok-one");

    let mut old = kept(base.home());
    old["corp"]["expires"] = json!(5);
    std::fs::write(&file, old.to_string()).expect("it writes");
    server.reply(token("two", 3600));
    server.reply(Reply::sse(anthropic::text("again")));
    assert_eq!(run(base.another(), &ask).stdout, "again\n");
    assert_eq!(server.requests()[2].json(), json!({ "refresh": "r1" }));
    assert_eq!(server.requests()[3].header("authorization"), "Bearer tok-two");
    assert_eq!(kept(base.home())["corp"]["access"], "two");

    old["corp"]["expires"] = json!(5);
    std::fs::write(&file, old.to_string()).expect("it writes");
    server.reply(Reply::json(400, &json!({})));
    let refused = run(base.another(), &ask);
    assert_eq!(refused.code, Some(3));
    assert!(
        refused.stderr.contains("the authority said 400; `zi login corp` renews it"),
        "{}",
        refused.stderr
    );

    assert_eq!(run(base.another(), &["logout", "corp"]).code, Some(0));
    assert_eq!(kept(base.home()), json!({}));
    assert_eq!(run(base.another(), &["logout", "corp"]).code, Some(2));
}

#[test]
fn several_at_once_renew_a_login_once() {
    let server = Server::start();
    let base = zi().home_file("extensions/corp.lua", provider(&server));
    let file = base.home().join("state/auth.json");
    std::fs::create_dir_all(base.home().join("state")).expect("it is made");
    let old =
        json!({ "corp": { "type": "oauth", "access": "old", "refresh": "r0", "expires": 5 } });
    std::fs::write(&file, old.to_string()).expect("it writes");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is set");
    let gate = server.gate();
    server.reply(Reply::new(200).header("content-type", "application/json").wait(&gate).then(
        json!({ "access_token": "new", "refresh_token": "r1", "expires_in": 3600 }).to_string(),
    ));
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let runs: Vec<_> = (0..4)
        .map(|_| base.another().args(["--no-session", "--model", "corp/m", "-p", "hi"]).start())
        .collect();
    gate.wait_reached();
    gate.open();
    for run in runs {
        let done = run.wait();
        assert_eq!((done.code, done.stdout.as_str()), (Some(0), "ok\n"), "{}", done.stderr);
    }
    let requests = server.requests();
    let renewals = requests.iter().filter(|request| request.path.ends_with("/token")).count();
    assert_eq!((renewals, requests.len()), (1, 5));
    let tokens =
        requests.iter().filter(|request| request.header("authorization") == "Bearer tok-new");
    assert_eq!(tokens.count(), 4);
}

#[test]
fn a_renewal_is_kept_although_who_asked_for_it_went_away() {
    let server = Server::start();
    let leaver = r#"zi.command({ name = "leave", description = "d", handler = function(_, ctx)
        local function ask() return ctx.ai.complete({ prompt = "hi", model = "corp/m" }).text end
        local first = zi.task.spawn(ask)
        while not zi.fs.stat("leave") do zi.task.sleep(5) end
        first:cancel()
        pcall(first.join, first)
        ctx.notice("the first one left")
        ctx.notice("the second one heard " .. ask())
    end })"#;
    let base = zi()
        .home_file("extensions/corp.lua", provider(&server))
        .home_file("extensions/leaver.lua", leaver);
    let file = base.home().join("state/auth.json");
    std::fs::create_dir_all(base.home().join("state")).expect("it is made");
    let old =
        json!({ "corp": { "type": "oauth", "access": "old", "refresh": "r0", "expires": 5 } });
    std::fs::write(&file, old.to_string()).expect("it writes");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).expect("it is set");
    let gate = server.gate();
    // Each refresh token is taken once.
    server.reply(Reply::new(200).header("content-type", "application/json").wait(&gate).then(
        json!({ "access_token": "new", "refresh_token": "r1", "expires_in": 3600 }).to_string(),
    ));
    server.reply(Reply::sse(anthropic::text("hello")));
    let running = base.another().args(["--model", "demo", "-p", "/leave"]).start();
    gate.wait_reached();
    std::fs::write(base.cwd().join("leave"), "").expect("it writes");
    running.wait_for_stderr("the first one left");
    gate.open();
    let done = running.wait();
    assert!(done.stderr.contains("the second one heard hello"), "{}", done.stderr);
    assert_eq!(kept(base.home())["corp"]["refresh"], "r1");
    let paths: Vec<String> = server.requests().iter().map(|it| it.path.clone()).collect();
    assert_eq!(paths, ["/token", "/v1/messages"]);
}

#[test]
fn a_session_logs_in_to_a_provider_that_is_there_for_it_alone() {
    let base = zi()
        .file(
            "corp/init.lua",
            r#"zi.provider("corp", { api = "openai-chat", base_url = "http://127.0.0.1:9",
                models = { { id = "m" } }, oauth = { login = require("corp_login") } })"#,
        )
        .file("corp/lua/corp_login.lua", "return function() return { access = 'a1' } end");
    let run = Pty::new(env!("CARGO_BIN_EXE_zi"))
        .env("ZI_HOME", base.home())
        .cwd(base.cwd())
        .args(["--model", "demo", "-e", "corp"])
        .start();
    run.wait_for_text("demo");
    run.send("/login corp\r");
    run.wait_for_text("zi login corp`: done");
    assert_eq!(kept(base.home())["corp"]["access"], "a1");
    run.send("\x04");
    run.end();
}

#[test]
fn a_key_is_asked_for_and_kept() {
    let base = zi();
    let done = base.another().stdin("sk-mine\n").args(["login", "anthropic"]).run();
    assert_eq!(
        (done.code, done.stdout.as_str()),
        (Some(0), "logged in to anthropic\n"),
        "{}",
        done.stderr
    );
    let expected = json!({ "anthropic": { "type": "api_key", "key": "sk-mine" } });
    assert_eq!(kept(base.home()), expected);
    let list = base.another().args(["login"]).run();
    assert!(
        list.stdout.lines().any(|line| line.starts_with("anthropic") && line.ends_with("key kept"))
    );
    for (args, says) in [
        (vec!["login", "antropic"], "did you mean `anthropic`"),
        (vec!["login", "openai"], "no key was given"),
        (vec!["login", "--bogus"], "--bogus"),
    ] {
        let done = base.another().args(args).run();
        assert!(done.code == Some(2) && done.stderr.contains(says), "{done:?}");
    }
}
