//! Extensions from the outside: loading, precedence, faults, and every event that a batch run fires.

use std::path::Path;

use serde_json::{Value, json};
use zi_testkit::{Reply, Server, Zi, anthropic};

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).env("ZI_DEMO_DELAY_MS", "0")
}

fn demo() -> Zi {
    zi().args(["--model", "demo"])
}

fn at(server: &Server) -> Zi {
    zi().args([
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ])
}

/// A tool that answers `says`, for tests of who wins.
fn tool(name: &str, says: &str) -> String {
    format!(
        "zi.tool({{ name = {name:?}, description = {says:?}, parameters = {{}}, execute = function() return {says:?} end }})"
    )
}

#[test]
fn ten_lines_in_the_user_directory_add_a_tool_that_the_model_calls() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md"));
    let readme = readme.expect("there is a readme");
    let block = readme.split("```lua\n").nth(1).and_then(|rest| rest.split("```").next());
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "wordcount", &json!({ "path": "t.txt" }))));
    server.reply(Reply::sse(anthropic::text("ok")));
    let zi = at(&server)
        .home_file("extensions/tool-wordcount.lua", block.expect("the readme has an extension"))
        .file("t.txt", "one two  three\n");
    assert_eq!(zi.args(["-p", "count"]).run().code, Some(0));
    assert!(server.requests()[1].json()["messages"].to_string().contains("3 words"));
}

#[test]
fn both_shapes_and_both_spellings_work() {
    let returned = r#"return function(zi) zi.tool({ name = "returned", description = "d", parameters = {}, execute = function() end }) end"#;
    let camel = r#"
        zi.on("beforeAgentStart", function(event)
          return { systemPrompt = event.systemPrompt .. " CAMEL " .. tostring(event.system_prompt == event.systemPrompt) }
        end)"#;
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let zi =
        at(&server).home_file("extensions/a.lua", returned).home_file("extensions/b.lua", camel);
    let done = zi.args(["-p", "x"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let body = server.requests()[0].json();
    assert!(body["tools"].to_string().contains("returned"));
    assert!(body["system"].to_string().contains("CAMEL true"));
}

#[test]
fn the_first_in_order_of_precedence_wins() {
    let describe = |zi: Zi| {
        let done = zi.arg("--list-tools").run();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stdout.lines().find(|line| line.starts_with("read ")).unwrap_or_default().to_owned()
    };
    assert!(describe(zi()).contains("tool-read"));
    let user = |zi: Zi| zi.home_file("extensions/mine.lua", tool("read", "user tool"));
    assert!(describe(user(zi())).contains("user tool"), "a user's tool wins over the bundled one");
    let replaced = zi().home_file("extensions/tool-read.lua", tool("read", "replaced"));
    assert!(describe(replaced).contains("replaced"), "a user's file replaces the bundled one");
    let explicit = user(zi()).file("x.lua", tool("read", "explicit tool")).args(["-e", "x.lua"]);
    assert!(describe(explicit).contains("explicit tool"));
    assert!(describe(user(zi()).arg("--no-ext")).contains("tool-read"));
    let both = zi().file("x.lua", tool("read", "explicit tool"));
    assert!(describe(both.args(["-e", "x.lua", "--no-ext"])).contains("explicit tool"));
    let safe = user(zi()).file("x.lua", tool("read", "explicit tool"));
    assert!(describe(safe.args(["-e", "x.lua", "--safe-mode"])).contains("tool-read"));
}

#[test]
fn a_project_acts_only_when_it_is_trusted() {
    let project =
        || demo().file(".zi/extensions/p.lua", "zi.fs = nil io.open('touched', 'w'):close()");
    let zi = project().args(["-p", "hi"]);
    let (touched, keep) = (zi.cwd().join("touched"), zi.another());
    let done = zi.run();
    assert_eq!(done.code, Some(0));
    assert!(!touched.exists() && done.stderr.contains("not trusted"), "{}", done.stderr);
    drop(keep);
    let zi = project().args(["-p", "hi", "--trust"]);
    let (touched, keep) = (zi.cwd().join("touched"), zi.another());
    assert_eq!(zi.run().code, Some(0));
    assert!(touched.exists());
    drop(keep);
}

#[test]
fn broken_extensions_are_reported_once_with_their_place_and_the_rest_works() {
    let broken = [
        ("syntax", "local x = = 1", "syntax.lua:1:"),
        ("raises", "\nerror('at load')", "raises.lua:2: at load"),
        ("table", "error({ code = 1 })", "table"),
        ("returns", "return 5", "must return nothing, a function"),
        ("requires", "require('no.such.module')", "no.such.module"),
        ("unknown", "zi.on('tool_cal', print)", "did you mean `tool_call`"),
        ("field", "zi.tool({ name = 'x', desciption = 'd' })", "field `description` is required"),
        ("waits", "zi.task.sleep(1)", "zi.task.sleep: not available while loading"),
        ("huge", "error(('x'):rep(50000000))", "xxx"),
    ];
    let mut zi = demo();
    for (name, text, _) in broken {
        zi = zi.home_file(&format!("extensions/{name}.lua"), text);
    }
    for index in 0..20 {
        zi = zi.home_file(
            &format!("extensions/good{index}.lua"),
            tool(&format!("good{index}"), "fine"),
        );
    }
    let done = zi.another().arg("--list-tools").run();
    assert_eq!(done.code, Some(0));
    for index in 0..20 {
        assert!(done.stdout.contains(&format!("good{index} ")), "{}", done.stdout);
    }
    for (name, _, says) in broken {
        let lines: Vec<&str> =
            done.stderr.lines().filter(|line| line.contains(&format!("`{name}`"))).collect();
        assert_eq!(lines.len(), 1, "{name}: {lines:?}");
        assert!(lines[0].contains(says) && lines[0].len() < 5000, "{name}: {}", lines[0]);
    }
}

#[test]
fn what_a_broken_extension_registered_is_taken_back() {
    let text = format!("{} error('late')", tool("ghost", "never"));
    let done = demo().home_file("extensions/g.lua", text).arg("--list-tools").run();
    assert!(!done.stdout.contains("ghost") && done.stderr.contains("late"));
}

#[test]
fn an_extension_that_spins_while_loading_is_left_out() {
    let done = demo()
        .home_file("extensions/spin.lua", "while true do pcall(function() end) end")
        .args(["-p", "hi"])
        .run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stderr.contains("`spin`") && done.stderr.contains("2000 ms"), "{}", done.stderr);
}

#[test]
fn bytecode_is_refused() {
    let done = demo().home_file("extensions/b.lua", b"\x1bLua\x54\x00").args(["-p", "hi"]).run();
    assert_eq!(done.code, Some(0));
    assert!(done.stderr.contains("`b`") && done.stderr.contains("binary"), "{}", done.stderr);
}

#[test]
fn a_policy_that_fails_blocks() {
    let faults = [
        "error('broken')",
        "return true",
        "return 'yes'",
        "return { [1] = 'x' }",
        "return { input = { command = 5 } }",
        "zi.task.sleep(60000)",
        "while true do end",
        "event.input.command = 7",
    ];
    std::thread::scope(|scope| {
        for fault in faults {
            scope.spawn(move || {
                let server = Server::start();
                let call = anthropic::tool_call("a", "bash", &json!({ "command": "touch made" }));
                server.reply(Reply::sse(call));
                server.reply(Reply::sse(anthropic::text("ok")));
                let policy = format!("zi.on('tool_call', function(event) {fault} end)");
                let zi = at(&server).home_file("extensions/policy.lua", policy).args(["-p", "go"]);
                let (made, keep) = (zi.cwd().join("made"), zi.another());
                let done = zi.run();
                assert_eq!(done.code, Some(0), "{fault}: {}", done.stderr);
                assert!(!made.exists(), "{fault}: the tool ran");
                let sent = server.requests()[1].json()["messages"].to_string();
                assert!(sent.contains("Blocked"), "{fault}: {sent}");
                drop(keep);
            });
        }
    });
}

#[test]
fn inputs_and_results_can_be_rewritten_in_a_chain() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "bash", &json!({ "command": "echo 0" }))));
    server.reply(Reply::sse(anthropic::text("ok")));
    let one = "zi.on('tool_call', function(event) return { input = { command = event.input.command .. '; echo 1' } } end)";
    let two = "zi.on('tool_call', function(event) event.input.command = event.input.command .. '; echo 2' end)";
    let last = "zi.on('tool_result', function(event) return { content = 'RESULT ' .. event.content[1].text } end)";
    let zi = at(&server)
        .home_file("extensions/a.lua", one)
        .home_file("extensions/b.lua", two)
        .home_file("extensions/c.lua", last);
    assert_eq!(zi.args(["-p", "go"]).run().code, Some(0));
    let messages = server.requests()[1].json()["messages"].to_string();
    assert!(messages.contains("RESULT 0\\n1\\n2\\n"), "{messages}");
    assert!(messages.contains(r#"{"command":"echo 0"}"#), "the model's own call stays: {messages}");
}

#[test]
fn a_run_can_be_changed_at_every_step() {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("the SECRET answer")));
    let extension = r#"
        zi.on("input", function(event) return { action = "transform", text = event.text:upper() } end)
        zi.on("before_agent_start", function() return { message = { custom_type = "note", content = "EXTRA" } } end)
        zi.on("context", function(event)
          event.messages[#event.messages + 1] = { role = "user", content = "ONLY NOW" }
          return { messages = event.messages }
        end)
        zi.on("before_provider_request", function(event)
          event.request.max_tokens = 77
          return { request = event.request }
        end)
        zi.on("before_provider_send", function(event)
          assert(event.headers["x-api-key"] == "[redacted]")
          event.headers["x-extra"] = "yes"
          return { headers = event.headers }
        end)
        zi.on("before_assistant_message", function(event) return { text = event.text:gsub("SECRET", "***") } end)
    "#;
    let zi = at(&server).home_file("extensions/e.lua", extension).args(["-p", "shout"]);
    let (home, keep) = (zi.home().to_owned(), zi.another());
    let done = zi.run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "the *** answer\n"), "{}", done.stderr);
    let request = &server.requests()[0];
    let body = request.json();
    let messages = body["messages"].to_string();
    for part in ["SHOUT", "EXTRA", "ONLY NOW"] {
        assert!(messages.contains(part), "{part}: {messages}");
    }
    assert_eq!(
        (&body["max_tokens"], request.header("x-extra"), request.header("x-api-key")),
        (&json!(77), "yes", "k")
    );
    let session = read_session(&home);
    assert!(
        session.contains("the SECRET answer")
            && !session.contains("ONLY NOW")
            && !session.contains("EXTRA")
    );
    drop(keep);
}

fn read_session(home: &Path) -> String {
    let folder = std::fs::read_dir(home.join("state/sessions")).expect("sessions").flatten().next();
    let files = std::fs::read_dir(folder.expect("a folder").path()).expect("it lists").flatten();
    files.map(|file| std::fs::read_to_string(file.path()).expect("it reads")).collect()
}

#[test]
fn a_turn_can_be_refused_and_an_input_taken_over() {
    let server = Server::start();
    let refuse =
        "zi.on('before_turn', function() return { cancel = true, reason = 'office hours' } end)";
    let done = at(&server).home_file("extensions/r.lua", refuse).args(["-p", "go"]).run();
    assert_eq!((done.code, server.requests().len()), (Some(6), 0), "{}", done.stderr);
    assert!(done.stderr.contains("office hours"));
    let take = "zi.on('input', function() return { action = 'handled' } end)";
    let done = at(&server).home_file("extensions/t.lua", take).args(["-p", "go"]).run();
    assert_eq!((done.code, server.requests().len()), (Some(0), 0), "{}", done.stderr);
}

#[test]
fn events_come_in_their_order_with_their_payloads() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "bash", &json!({ "command": "false" }))));
    server.reply(Reply::sse(anthropic::text("two words")));
    let recorder = r#"
        local seen, deltas = {}, {}
        local function record(name, pick)
          zi.on(name, function(event) seen[#seen + 1] = name .. (pick and ":" .. tostring(pick(event)) or "") end)
        end
        record("session_start", function(e) return e.reason end)
        record("input", function(e) return e.source end)
        record("before_agent_start")
        record("agent_start")
        record("before_turn", function(e) return e.turn_index end)
        record("turn_start", function(e) return e.turnIndex end)
        record("context", function(e) return #e.messages end)
        record("before_provider_request", function(e) return e.model end)
        record("after_provider_response", function(e) return e.status end)
        record("message_start", function(e) return e.message.role end)
        record("message_end", function(e) return e.message.role end)
        record("tool_execution_start", function(e) return e.toolName end)
        record("tool_call", function(e) return e.input.command end)
        record("tool_result", function(e) return e.is_error end)
        record("tool_execution_end", function(e) return e.outcome end)
        record("turn_end", function(e) return #e.tool_results end)
        record("agent_end", function(e) return e.status .. e.turns .. #e.messages end)
        record("agent_settled")
        zi.on("message", function(event, ctx)
          assert(ctx.session.entry(event.message.entry_id).id == event.message.entry_id)
        end)
        zi.on("message_update", function(event)
          local delta = event.assistantMessageEvent
          if delta.type == "text_delta" then
            deltas[#deltas + 1] = delta.delta
            assert(#event.message.content[1].text >= #table.concat(deltas) and delta.partial.role == "assistant")
          end
        end)
        zi.on("session_shutdown", function(event)
          local file = io.open(os.getenv("REPORT"), "w")
          file:write(zi.json.encode({ seen = seen, text = table.concat(deltas), reason = event.reason }))
          file:close()
        end)
    "#;
    let zi = at(&server).home_file("extensions/r.lua", recorder);
    let (report, keep) = (zi.cwd().join("report.json"), zi.another());
    let done = zi.env("REPORT", &report).args(["-p", "go"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let report: Value =
        serde_json::from_slice(&std::fs::read(&report).expect("a report")).expect("it is JSON");
    let seen: Vec<&str> =
        report["seen"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    let wanted = [
        "session_start:startup",
        "input:user",
        "message_start:user",
        "message_end:user",
        "before_agent_start",
        "agent_start",
        "before_turn:1",
        "turn_start:1",
        "context:1",
        "before_provider_request:m",
        "after_provider_response:200",
        "message_start:assistant",
        "message_end:assistant",
        "tool_execution_start:bash",
        "tool_call:false",
        "tool_result:true",
        "tool_execution_end:error",
        "message_start:tool_result",
        "message_end:tool_result",
        "turn_end:1",
        "before_turn:2",
        "turn_start:2",
        "context:3",
        "before_provider_request:m",
        "after_provider_response:200",
        "message_start:assistant",
        "message_end:assistant",
        "turn_end:0",
        "agent_end:completed24",
        "agent_settled",
    ];
    assert_eq!(seen, wanted);
    assert_eq!((&report["text"], &report["reason"]), (&json!("two words"), &json!("exit")));
    drop(keep);
}

#[test]
fn a_handler_that_fails_costs_nobody_else_anything() {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let first = "zi.on('before_agent_start', function(e) return { system_prompt = e.system_prompt .. ' FIRST' } end)";
    let broken = "zi.on('before_agent_start', function() error('oops') end) zi.on('agent_end', function() error('late') end)";
    let last = "zi.on('before_agent_start', function(e) return { system_prompt = e.system_prompt .. ' LAST' } end)";
    let zi = at(&server)
        .home_file("extensions/a.lua", first)
        .home_file("extensions/b.lua", broken)
        .home_file("extensions/c.lua", last);
    let done = zi.args(["-p", "go"]).run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "ok\n"));
    assert!(
        done.stderr.contains("`b`") && done.stderr.contains("oops") && done.stderr.contains("late")
    );
    assert!(server.requests()[0].json()["system"].to_string().contains("FIRST LAST"));
}

#[test]
fn commands_run_without_a_model_and_may_start_a_run() {
    let extension = r#"
        zi.command({ name = "hello", aliases = { "hi" }, description = "greets", handler = function(args, ctx)
          zi.fs.write("out.txt", "hello " .. args)
        end })
        zi.command({ name = "ask", description = "asks", handler = function(args, ctx)
          assert(ctx.is_idle())
          return ctx.send_user_message("list .")
        end })
        zi.command({ name = "bad", description = "fails", handler = function() error("bad command") end })
    "#;
    let zi = demo().home_file("extensions/c.lua", extension);
    let out = || std::fs::read_to_string(zi.cwd().join("out.txt")).unwrap_or_default();
    let run = |line: &str| {
        zi.another().env("ZI_DEMO_DELAY_MS", "0").args(["--model", "demo", "-p", line]).run()
    };
    assert_eq!((run("/hello  bob  smith").code, out().as_str()), (Some(0), "hello bob  smith"));
    assert_eq!((run("/hi").code, out().as_str()), (Some(0), "hello "));
    let asked = run("/ask");
    assert!(
        asked.code == Some(0) && asked.stdout.contains("out.txt"),
        "{} {}",
        asked.stdout,
        asked.stderr
    );
    let bad = run("/bad");
    assert!(bad.code == Some(1) && bad.stderr.contains("bad command"), "{}", bad.stderr);
    assert!(run("/nothing here").stdout.contains("demo"), "what is no command is a prompt");
    let twice = zi
        .home_file("extensions/d.lua", "zi.command({ name = 'hello', handler = function() end })");
    let ambiguous = twice.another().args(["--model", "demo", "-p", "/hello"]).run();
    assert!(
        ambiguous.code == Some(1) && ambiguous.stderr.contains("/hello:1, /hello:2"),
        "{}",
        ambiguous.stderr
    );
}

#[test]
fn the_bundle_can_be_replaced_and_a_broken_file_gives_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let zi = demo();
    let bundle = zi.cwd().join("bundle");
    for folder in ["extensions", "lua/zi", "lua/zi/spec"] {
        std::fs::create_dir_all(bundle.join(folder)).expect("it is made");
        let entries = std::fs::read_dir(root.join(folder)).expect("it lists").flatten();
        for entry in entries.filter(|entry| entry.path().is_file()) {
            std::fs::copy(entry.path(), bundle.join(folder).join(entry.file_name()))
                .expect("it copies");
        }
    }
    let edit = |name: &str, from: &str, to: &str| {
        let path = bundle.join("extensions").join(name);
        let text = std::fs::read_to_string(&path).expect("it reads");
        assert!(text.contains(from), "{name} has no {from}");
        std::fs::write(&path, text.replace(from, to)).expect("it writes");
    };
    edit("tool-read.lua", "name = \"read\"", "name = \"perused\"");
    edit("tool-ls.lua", "zi.tool({", "zi.tool(((");
    let done = zi.env("ZI_BUNDLE_DIR", &bundle).arg("--list-tools").run();
    assert_eq!(done.code, Some(0));
    assert!(done.stdout.contains("perused") && done.stdout.contains("ls "), "{}", done.stdout);
    assert!(done.stderr.contains("tool-ls.lua:"), "{}", done.stderr);
    let missing = demo().env("ZI_BUNDLE_DIR", "/no/such/dir").args(["-p", "hi"]).run();
    assert!(
        missing.code == Some(0) && missing.stderr.contains("/no/such/dir"),
        "{}",
        missing.stderr
    );
    let none = demo().args(["--no-bundled", "-p", "hi"]).run();
    assert!(
        none.code == Some(2) && none.stderr.contains("no provider is registered"),
        "{}",
        none.stderr
    );
}

#[test]
fn parts_of_the_bundle_can_be_left_out() {
    let none = zi().args(["--list-tools", "--no-bundled"]).run();
    assert_eq!((none.code, none.stdout.as_str()), (Some(0), ""));
    let parts = zi().args(["--no-bundled", "tool-ls,tool-read", "--list-tools"]).run();
    assert!(parts.stdout.contains("grep ") && !parts.stdout.contains("ls "), "{}", parts.stdout);
    let wrong = zi().args(["--no-bundled=tool-rea", "--list-tools"]).run();
    assert_eq!(wrong.code, Some(2));
    assert!(wrong.stderr.contains("did you mean `tool-read`?"), "{}", wrong.stderr);
}

#[test]
fn an_adapter_of_ones_own_needs_no_network() {
    let manual =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/guide/providers.md"));
    let manual = manual.expect("there is a manual");
    let echo = manual.split("```lua\n").find(|block| block.contains("zi.api(\"echo\""));
    let echo = echo.and_then(|block| block.split("```").next()).expect("the manual has an echo");
    let done = zi()
        .home_file("extensions/echo.lua", echo)
        .args(["--provider", "echo", "--model", "echo", "-p", "hey"])
        .run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(0), "hey\n"), "{}", done.stderr);
}

#[test]
fn an_adapter_that_breaks_its_rules_fails_the_run_not_the_transcript() {
    for (body, says) in [
        ("emit({ type = 'txet', text = 'x' })", "no type"),
        ("emit({ type = 'text', text = 'x' })", "end marker"),
        ("emit({ type = 'stop', reason = 'whatever' })", "whatever"),
        ("error('adapter broke')", "adapter broke"),
        ("error(zi.failure({ kind = 'refused', message = 'no way' }))", "no way"),
        (
            "emit({ type = 'stop', reason = 'stop' }) emit({ type = 'text', text = 'x' })",
            "nothing but usage",
        ),
    ] {
        let extension = format!(
            "zi.api('x', {{ stream = function(request, emit) {body} end }})
             zi.provider('x', {{ api = 'x', base_url = 'none:', models = {{ {{ id = 'x' }} }} }})"
        );
        let zi = zi()
            .settings(&json!({ "retry": { "max_attempts": 1 } }))
            .home_file("extensions/x.lua", extension);
        let done = zi.args(["--model", "x/x", "-p", "hi"]).run();
        assert_eq!(done.code, Some(4), "{body}: {}", done.stderr);
        assert!(done.stderr.contains(says), "{body}: {}", done.stderr);
    }
}

#[test]
fn calls_with_one_id_stay_two_calls() {
    let extension = r#"
        local asked = false
        zi.api("x", { stream = function(request, emit)
          if asked then
            emit({ type = "text", text = "done" })
            return emit({ type = "stop", reason = "stop" })
          end
          asked = true
          emit({ type = "tool_call", id = "a", name = "bash", arguments = { command = "echo one" } })
          emit({ type = "tool_call", id = "a", name = "bash", arguments = { command = "echo two" } })
          emit({ type = "stop", reason = "tool_use" })
        end })
        zi.provider("x", { api = "x", base_url = "none:", models = { { id = "x" } } })"#;
    let zi = zi().home_file("extensions/x.lua", extension);
    let done = zi.args(["--model", "x/x", "--json", "hi"]).run();
    let results = done.messages("tool_result");
    assert_eq!(results.len(), 2, "{}", done.stderr);
    assert!(results[0].to_string().contains("one") && results[1].to_string().contains("two"));
    assert_ne!(results[0]["tool_call_id"], results[1]["tool_call_id"]);
}

#[test]
fn scripts_reach_neither_the_output_nor_the_keys() {
    let extension = r#"
        zi.command({ name = "probe", handler = function()
          io.write("one ", 2, "\n")
          io.stdout:write("stdout\n")
          io.stderr:write("stderr\n")
          print("printed")
          io.output():write("half"):flush()
          local ok = os.execute("echo executed; echo executed >&2; exit 0")
          local pipe = io.popen("echo key=$ANTHROPIC_API_KEY other=$OTHER; cat /dev/stdin")
          local said = pipe:read("a")
          pipe:close()
          local file = io.open("kept.txt", "w")
          io.output(file)
          io.write(said, tostring(os.getenv("ANTHROPIC_API_KEY")), " ", os.getenv("OTHER"), " ")
          io.write(tostring(ok), " ", tostring(io.read()), " ", io.type(io.stdout), " ", io.type(file))
          io.close()
        end })"#;
    let zi = demo().home_file("extensions/p.lua", extension).env("ANTHROPIC_API_KEY", "sk-secret");
    let (cwd, home) = (zi.cwd().to_owned(), zi.home().to_owned());
    let keep = zi.another();
    let done = zi.env("OTHER", "seen").args(["--json", "/probe"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    assert!(!done.json_lines().is_empty());
    let kept = std::fs::read_to_string(cwd.join("kept.txt")).expect("it was written");
    assert_eq!(kept, "key= other=seen\nnil seen true nil file file");
    let log = std::fs::read_to_string(home.join("state/logs/p.log")).expect("there is a log");
    for line in ["one 2", "stdout", "stderr", "printed", "half"] {
        assert!(log.contains(line), "{line} is not in {log}");
    }
    drop(keep);
}

#[test]
fn an_adapter_that_repeats_the_key_does_not_show_it() {
    let extension = r#"
        zi.api("x", { stream = function(request)
          error(zi.failure({ kind = "auth", message = "bad key " .. request.auth.token }))
        end })
        zi.provider("x", { api = "x", base_url = "none:", api_key = "$X_KEY", models = { { id = "x" } } })"#;
    let zi = zi().home_file("extensions/x.lua", extension).env("X_KEY", "sk-canary-123456");
    let (home, keep) = (zi.home().to_owned(), zi.another());
    let done = zi.args(["--model", "x/x", "--json", "hi"]).run();
    assert_eq!(done.code, Some(3));
    assert!(done.stderr.contains("bad key [redacted]"), "{}", done.stderr);
    assert!(!done.stdout.contains("sk-canary") && !read_session(&home).contains("sk-canary"));
    drop(keep);
}

#[test]
fn what_hears_of_the_end_may_go_on_and_may_end_zi() {
    let go_on = r#"
        local times = 0
        zi.on("agent_end", function(_, ctx)
          times = times + 1
          if times == 1 then ctx.send_user_message("again", { target = "follow_up" }) end
        end)"#;
    let done = demo().home_file("extensions/x.lua", go_on).args(["--json", "hi"]).run();
    assert_eq!((done.code, done.events("agent_end").len()), (Some(0), 2), "{}", done.stderr);
    let end = r#"zi.on("agent_end", function(_, ctx) ctx.shutdown() end)"#;
    let done = demo().home_file("extensions/x.lua", end).args(["--json", "hi"]).run();
    assert_eq!((done.code, &done.result()["status"]), (Some(0), &json!("ok")));
    let cut = r#"zi.on("tool_execution_start", function(_, ctx) ctx.shutdown() end)"#;
    let done = demo().home_file("extensions/x.lua", cut).args(["--json", "run `sleep 300`"]).run();
    assert_eq!((done.code, &done.result()["status"]), (Some(1), &json!("aborted")));
}

#[test]
fn settings_are_checked_and_have_defaults() {
    let extension = r#"
        local settings = zi.settings({ properties = {
          count = { type = "integer", minimum = 1, default = 3 },
          name = { type = "string", default = "nobody" },
          list = { type = "array", items = { type = "string" } },
        } })
        zi.command({ name = "go", handler = function() zi.fs.write("out.json", zi.json.encode(settings)) end })"#;
    let zi = demo()
        .home_file("extensions/mine.lua", extension)
        .settings(&json!({ "extensions": { "mine": { "count": 0, "list": ["a"], "nmae": 1 } } }));
    let (cwd, keep) = (zi.cwd().to_owned(), zi.another());
    let done = zi.args(["-p", "/go"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let out = std::fs::read_to_string(cwd.join("out.json")).expect("it was written");
    assert_eq!(out, r#"{"count":3,"list":["a"],"name":"nobody"}"#);
    assert!(done.stderr.contains("`extensions.mine.count`: 0 is less than"), "{}", done.stderr);
    let unknown = "unknown setting `extensions.mine.nmae`; did you mean `name`?";
    assert!(done.stderr.contains(unknown), "{}", done.stderr);
    drop(keep);
}

#[test]
fn extensions_add_flags_and_others_are_mistakes() {
    let extension = r#"
        local plan = zi.flag({ name = "plan", description = "d" })
        local depth = zi.flag({ name = "depth", type = "number", default = 2 })
        local who = zi.flag({ name = "who", type = "string" })
        zi.command({ name = "go", handler = function() zi.fs.write("out.json", zi.json.encode({ plan, depth, who or "-" })) end })"#;
    for (flags, code, says) in [
        (vec![], 0, "[false,2,\"-\"]"),
        (vec!["--plan", "--depth=7", "--who=me"], 0, "[true,7,\"me\"]"),
        (vec!["--plan=no", "--depth=1.5"], 0, "[false,1.5,\"-\"]"),
        (vec!["--depth=x"], 2, "`--depth` takes a number"),
        (vec!["--who"], 2, "`--who` takes a string, as `--who=VALUE`"),
        (vec!["--plna"], 2, "no flag `--plna`; did you mean `--plan`?"),
        (vec!["--max-step", "4"], 2, "no flag `--max-step`; did you mean `--max-steps`?"),
    ] {
        let zi = demo().home_file("extensions/mine.lua", extension);
        let (cwd, keep) = (zi.cwd().to_owned(), zi.another());
        let done = zi.args(&flags).args(["-p", "/go"]).run();
        assert_eq!(done.code, Some(code), "{flags:?}: {}", done.stderr);
        let out = std::fs::read_to_string(cwd.join("out.json")).unwrap_or(done.stderr);
        assert!(out.contains(says), "{flags:?}: {out}");
        drop(keep);
    }
}

#[test]
fn a_shadowing_tool_can_use_the_one_below() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "read", &json!({ "path": "t.txt" }))));
    server.reply(Reply::sse(anthropic::text("ok")));
    let extension = r#"
        zi.tool({ name = "read", description = "reads louder", parameters = { type = "object", properties = { path = { type = "string" } } },
          execute = function(params, ctx)
            local result = ctx.super(params)
            return result.content[1].text:upper()
          end })
    "#;
    let zi = at(&server).home_file("extensions/loud.lua", extension).file("t.txt", "quiet\n");
    assert_eq!(zi.args(["-p", "go"]).run().code, Some(0));
    assert!(server.requests()[1].json()["messages"].to_string().contains("QUIET"));
}

#[test]
fn children_and_jobs_report_to_their_owner() {
    let extension = r#"
        local heard = {}
        zi.on("job_stdout", function(event) heard[#heard + 1] = event.data end)
        zi.on("job_json", function(event) heard[#heard + 1] = event.is_error and "bad" or event.value.n end)
        local ended = 0
        zi.on("job_exit", function(event) ended = ended + 1 heard[#heard + 1] = "exit " .. tostring(event.code) end)
        zi.command({ name = "go", handler = function(args, ctx)
          local cat = zi.job.start({ argv = { "cat" } })
          zi.job.write(cat, "ping")
          while #heard < 1 do zi.task.sleep(2) end
          zi.job.stop(cat)
          while ended < 1 do zi.task.sleep(2) end
          zi.job.start({ argv = { "sh", "-c", "echo '{\"n\":1}'; echo nope; echo '{\"n\":2}'" }, stdout = { mode = "json_lines" } })
          while ended < 2 do zi.task.sleep(2) end
          local child = zi.spawn({ task = "list .", model = "demo", env = { ZI_DEMO_DELAY_MS = "0" } })
          zi.spawn({ task = "x", model = "demo", timeout_ms = 1 })
          zi.fs.write("report.json", zi.json.encode({ heard = heard, child = child.final_text, error = child.is_error, turns = child.usage.turns }))
        end })
    "#;
    let zi = demo()
        .home_file("extensions/j.lua", extension)
        .file("here.txt", "")
        .args(["--json", "/go"]);
    let (report, keep) = (zi.cwd().join("report.json"), zi.another());
    let done = zi.run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let report: Value =
        serde_json::from_slice(&std::fs::read(report).expect("a report")).expect("it is JSON");
    assert_eq!(report["heard"], json!(["ping", "exit nil", 1, "bad", 2, "exit 0"]));
    assert!(report["child"].as_str().is_some_and(|text| text.contains("here.txt")), "{report}");
    assert_eq!((&report["error"], &report["turns"]), (&json!(false), &json!(2)));
    let (starts, ends) = (done.events("spawn_start"), done.events("spawn_complete"));
    assert_eq!((&starts[0]["task"], &starts[0]["extension"]), (&json!("list ."), &json!("j")));
    assert_eq!((&starts[0]["id"], &ends[0]["usage"]["turns"]), (&ends[0]["id"], &json!(2)));
    let failed = done.events("spawn_error");
    assert!(
        failed[0]["error"].as_str().is_some_and(|text| text.contains("timed out")),
        "{failed:?}"
    );
    drop(keep);
}

#[test]
fn a_handler_that_always_fails_is_told_once_and_taken_out() {
    let extension = r#"
        local heard = 0
        zi.on("faults:tick", function(event)
          if event.data < 0 then return end
          error("tick " .. event.data)
        end)
        zi.on("faults:tick", function() heard = heard + 1 end)
        zi.command({ name = "go", handler = function(_, ctx)
          for index = 1, 10 do zi.emit("faults:tick", index) zi.task.sleep(1) end
          zi.emit("faults:tick", -1)
          zi.task.sleep(20)
          for index = 11, 40 do zi.emit("faults:tick", index) zi.task.sleep(1) end
          zi.task.sleep(20)
          print("heard " .. heard)
        end })"#;
    let zi = demo().home_file("extensions/faults.lua", extension);
    let (home, keep) = (zi.home().to_owned(), zi.another());
    let done = zi.args(["-p", "/go"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let told: Vec<&str> = done.stderr.lines().collect();
    assert_eq!(told.len(), 3, "{}", done.stderr);
    assert!(told[0].contains("faults.lua:5: tick 1"), "{}", told[0]);
    assert!(told[1].contains("tick 11"), "one that worked in between counts anew: {}", told[1]);
    assert!(told[2].contains("20 times in a row") && told[2].contains("/reload-ext faults"));
    let log = std::fs::read_to_string(home.join("state/logs/faults.log")).expect("there is a log");
    assert!(log.contains("tick 12") && log.contains("heard 41"), "{log}");
    drop(keep);
}

/// Programs that never end by themselves, each in its own way.
const RUNAWAYS: &[(&str, &str)] = &[
    ("loop", "while true do end"),
    ("coroutine", "coroutine.wrap(function() while true do end end)()"),
    ("pcall", "while true do pcall(function() while true do end end) end"),
    (
        "xpcall",
        "while true do xpcall(function() while true do end end, function() while true do end end) end",
    ),
    (
        "nested",
        "local function nest(n) if n == 0 then while true do end end coroutine.wrap(nest)(n - 1) end nest(20)",
    ),
    (
        "sort",
        "while true do local t = {} for i = 1, 100 do t[i] = -i end table.sort(t, function(a, b) return a < b end) end",
    ),
    ("gsub", "while true do (('x'):rep(1000)):gsub('.', function(c) return c end) end"),
    ("pattern", "(('a'):rep(30)):find(('.-'):rep(30) .. 'b')"),
    ("rep", "while true do local s = ('x'):rep(1 << 20) s = s .. s end"),
    (
        "finaliser",
        "while true do setmetatable({}, { __gc = function() for _ = 1, 1e6 do end end }) end",
    ),
    (
        "closing",
        "do local x <close> = setmetatable({}, { __close = function() while true do end end }) end",
    ),
    ("tostring", "tostring(setmetatable({}, { __tostring = function() while true do end end }))"),
    (
        "index",
        "local t = setmetatable({}, { __index = function(t, k) return t[k + 1] end }) while true do pcall(function() return t[1] end) end",
    ),
    ("json", "local t = {} for i = 1, 1000000 do t[i] = i end while true do zi.json.encode(t) end"),
    (
        "timers",
        "for _ = 1, 1000 do zi.task.every(10, function() for _ = 1, 1e5 do end end) end while true do end",
    ),
    ("waiting", "while true do zi.task.sleep(3600000) end"),
];

#[test]
fn sixteen_runaways_leave_a_run_and_its_journal_whole() {
    let server = Server::start();
    server.reply(Reply::sse(anthropic::tool_call("a", "bash", &json!({ "command": "echo fine" }))));
    server.reply(Reply::sse(anthropic::text("all is well")));
    let mut zi = at(&server);
    for (name, body) in RUNAWAYS {
        let text = format!("zi.on('agent_start', function() {body} end)\n");
        zi = zi.home_file(&format!("extensions/run-{name}.lua"), text);
    }
    let (home, again) = (zi.home().to_owned(), zi.another());
    let done = zi.args(["--json", "go"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.result()["text"], "all is well");
    for (name, _) in RUNAWAYS.iter().filter(|(name, _)| *name != "waiting") {
        assert!(
            done.stderr.contains(&format!("run-{name}")),
            "{name} is not named: {}",
            done.stderr
        );
    }
    let session = read_session(&home);
    let roles = ["\"user\"", "\"tool_result\"", "all is well", "fine"];
    assert!(roles.iter().all(|part| session.contains(part)), "{session}");
    server.reply(Reply::sse(anthropic::text("and again")));
    let flags = ["--provider", "anthropic", "--model", "m", "--api-key", "k", "--base-url"];
    let next = again.args(flags).arg(server.url()).args(["--no-ext", "-c", "-p", "next"]).run();
    assert_eq!((next.code, next.stdout.as_str()), (Some(0), "and again\n"), "{}", next.stderr);
}
