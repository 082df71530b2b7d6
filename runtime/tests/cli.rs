//! The command line in batch mode: how prompts are put together, what is printed, which codes end it.

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

/// The text blocks of the last message of a request.
fn last_content(server: &Server) -> Value {
    let body = server.requests().last().expect("a request").json();
    body["messages"].as_array().expect("messages").last().expect("one")["content"].clone()
}

#[test]
fn version_and_help_start_nothing() {
    for flag in ["-V", "-v", "--version"] {
        let done = zi().arg(flag).run();
        assert_eq!(
            (done.code, done.stdout.trim()),
            (Some(0), concat!("zi ", env!("CARGO_PKG_VERSION")))
        );
    }
    let zi = zi().arg("--help");
    let home = zi.home().to_owned();
    let keep = zi.another();
    let done = zi.run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    for flag in [
        "--print",
        "--mode",
        "--model",
        "--base-url",
        "--max-steps",
        "--continue",
        "--ext",
        "--trust",
    ] {
        assert!(done.stdout.contains(flag), "{flag} is not in the help");
    }
    assert!(std::fs::read_dir(home).expect("it lists").next().is_none(), "something was written");
    drop(keep);
}

#[test]
fn the_manual_lists_the_exit_codes_of_the_help() {
    let help = zi().arg("--help").run().stdout;
    let codes: Vec<&str> =
        help.lines().skip_while(|line| !line.starts_with("Exit codes")).collect();
    let manual = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/manual.md"))
        .expect("there is a manual");
    let documented =
        |code: &str| manual.lines().any(|line| line.starts_with(&format!("| {code} |")));
    for code in ["0", "1", "2", "3", "4", "5", "6", "7", "130"] {
        assert!(
            codes.iter().any(|line| line.contains(code)) && documented(code),
            "exit code {code}"
        );
    }
}

#[test]
fn wrong_usage_is_one_clear_complaint_and_code_2() {
    let cases: &[(&[&str], &str)] = &[
        (&["-p", "x", "--bogus"], "--bogus"),
        (&["-p"], "prompt is required"),
        (&["-p", "x", "--model"], "--model"),
        (&["-p", "x", "--max-steps", "0"], "--max-steps"),
        (&["-p", "x", "--reasoning", "foo"], "foo"),
        (&["-p", "x", "--cwd", "/no/such/dir"], "/no/such/dir"),
        (&["-p", "@missing.txt"], "missing.txt"),
        (&["-p", "x", "--provider", "nope"], "nope"),
        (&["-p", "x", "--model", "no-such-model"], "no-such-model"),
        (&["-p", "x", "--session", "no-such-session"], "no-such-session"),
        (&["-p", "x", "--session", "dir/none.jsonl"], "none.jsonl"),
        (&["-p", "x", "--session", ""], "--session"),
        (&["-p", "x", "-e", "."], "init.lua"),
        (&["-p", "@/dev/zero"], "larger than 10 MiB"),
        (&["-p", "x", "-e", "none.lua"], "none.lua"),
        (&["-p", "x", "--base-url", "ftp://x"], "ftp://x"),
        (&["-p", "x", "-c", "--no-session"], "--no-session"),
    ];
    for (args, says) in cases {
        let done = zi().args(*args).run();
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{args:?}: {}", done.stderr);
        assert!(
            done.stderr.contains(says) && !done.stderr.contains("panicked"),
            "{args:?}: {}",
            done.stderr
        );
    }
    let done = zi().args(["-p", "x", "--provider", "antropic"]).run();
    assert!(done.stderr.contains("did you mean `anthropic`"), "{}", done.stderr);
}

#[test]
fn a_home_that_depends_on_where_one_stands_is_refused() {
    let done = demo().env("ZI_HOME", "here").args(["-p", "hi"]).run();
    assert_eq!(done.code, Some(5));
    assert!(done.stderr.contains("`ZI_HOME=here` must be an absolute path"), "{}", done.stderr);
}

#[test]
fn a_prompt_that_no_session_can_keep_is_refused_at_once() {
    let done = demo().arg("-p").stdin("x".repeat(11 << 20)).run();
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("standard input is larger"), "{}", done.stderr);
}

/// Runs the demo through a shell that says where standard output goes.
fn redirected(args: &str, end: &str) -> zi_testkit::Done {
    let line = format!("'{}' --model demo {args} {end}", env!("CARGO_BIN_EXE_zi"));
    Zi::new("bash").env("ZI_DEMO_DELAY_MS", "0").args(["-c", &line]).run()
}

#[test]
fn an_answer_that_cannot_be_printed_is_a_failure() {
    for args in ["-p hi", "--json hi", "--list-tools"] {
        let done = redirected(args, ">/dev/full");
        assert_eq!(done.code, Some(1), "{args}: {}", done.stderr);
        assert!(done.stderr.contains("No space left"), "{args}: {}", done.stderr);
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_run() {
    // The run would take minutes; without a reader it is stopped.
    let done = redirected("--json 'run `sleep 300`'", "| head -n 1; echo ${PIPESTATUS[0]}");
    assert!(done.stdout.ends_with("\n1\n") && done.stderr.is_empty(), "{done:?}");
}

#[test]
fn a_session_that_is_none_is_named() {
    let zi = demo().file("x.jsonl", "not a session\n").args(["-p", "hi", "--session", "x.jsonl"]);
    let done = zi.run();
    assert_eq!(done.code, Some(2));
    assert!(
        done.stderr.contains("x.jsonl") && done.stderr.contains("not a session"),
        "{}",
        done.stderr
    );
}

#[test]
fn without_credentials_it_says_what_to_set_and_keeps_nothing() {
    let zi = zi().args(["-p", "hi"]);
    let (home, keep) = (zi.home().to_owned(), zi.another());
    let done = zi.run();
    assert_eq!((done.code, done.stdout.as_str()), (Some(3), ""));
    assert!(
        done.stderr.contains("ANTHROPIC_API_KEY") && done.stderr.contains("demo"),
        "{}",
        done.stderr
    );
    assert!(!home.join("state/sessions").exists());
    drop(keep);
}

#[test]
fn keys_come_from_the_flag_then_the_environment_then_the_file() {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let base = zi();
    let path = base.home().join("state/auth.json");
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("it is made");
    std::fs::write(&path, r#"{"anthropic":{"type":"api_key","key":"from-file"}}"#)
        .expect("it writes");
    let common =
        ["--provider", "anthropic", "--model", "m", "--base-url", server.url(), "-p", "hi"];
    let key = |index: usize| server.requests()[index].header("x-api-key").to_owned();
    let refused = base.another().args(common).run();
    assert_eq!(refused.code, Some(3), "others may read the file: {}", refused.stderr);
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("it is set");
    assert_eq!(base.another().args(common).run().code, Some(0));
    assert_eq!(
        base.another().args(common).env("ANTHROPIC_API_KEY", "from-env").run().code,
        Some(0)
    );
    let all = base.another().args(common).args(["--api-key", "from-flag"]);
    assert_eq!(all.env("ANTHROPIC_API_KEY", "from-env").run().code, Some(0));
    assert_eq!([key(0), key(1), key(2)], ["from-file", "from-env", "from-flag"]);
}

#[test]
fn a_prompt_is_standard_input_then_files_then_words() {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let png = [0x89, b'P', b'N', b'G', 13, 10, 26, 10, 0, 0];
    let zi = at(&server).file("b.txt", "BBB").file("x.png", png).stdin("AAA\n");
    let done = zi.args(["-p", "CCC", "@b.txt", "@x.png", "DDD"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let content = last_content(&server).to_string();
    let place = |what: &str| content.find(what).unwrap_or_else(|| panic!("{what} in {content}"));
    assert!(place("AAA") < place("BBB") && place("BBB") < place("CCC DDD"));
    assert!(content.contains("image/png"), "{content}");
    let binary = at(&server).file("x.bin", [0, 1, 2]).args(["-p", "@x.bin"]).run();
    assert!(binary.code == Some(2) && binary.stderr.contains("x.bin"), "{}", binary.stderr);
}

#[test]
fn the_json_stream_is_a_header_events_and_a_result() {
    let done = demo().file("a.txt", "hello\n").args(["--json", "read a.txt"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert!(done.stdout.ends_with('\n') && !done.stdout.contains('\r'));
    let lines = done.json_lines();
    assert_eq!(lines[0]["type"], "session");
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["type"].as_str()).collect();
    let mut from = 0;
    for kind in [
        "session_start",
        "agent_start",
        "turn_start",
        "message_start",
        "message_update",
        "message_end",
        "tool_execution_start",
        "tool_execution_end",
        "turn_end",
        "turn_start",
        "turn_end",
        "agent_end",
        "agent_settled",
        "session_shutdown",
        "result",
    ] {
        let at = kinds[from..].iter().position(|found| *found == kind);
        from += at.unwrap_or_else(|| panic!("no {kind} in order: {kinds:?}"));
    }
    assert_eq!(kinds.last(), Some(&"result"));
    let deltas = |kind: &str| -> String {
        done.events("message_update")
            .iter()
            .filter(|event| event["assistantMessageEvent"]["type"] == kind)
            .filter_map(|event| event["assistantMessageEvent"]["delta"].as_str())
            .collect()
    };
    let result = done.result();
    assert_eq!(deltas("text_delta"), result["text"].as_str().expect("a text"));
    assert!(!deltas("thinking_delta").is_empty());
    let end = &done.events("tool_execution_end")[0];
    assert!(
        end["result"]["content"][0]["text"].as_str().is_some_and(|text| text.contains("hello"))
    );
    assert!(result["usage"]["total_tokens"].as_u64() > Some(0) && result["turns"] == 2, "{result}");
    assert!(std::path::Path::new(result["session_file"].as_str().expect("a file")).is_absolute());
}

#[test]
fn the_result_tells_how_it_ended() {
    let server = Server::start();
    server.otherwise(Reply::json(400, &json!({ "error": { "message": "no good" } })));
    let done = at(&server).args(["--mode", "json", "hi"]).run();
    let result = done.result();
    assert_eq!(
        (done.code, &result["status"], &result["exit_code"]),
        (Some(4), &json!("error"), &json!(4))
    );
    assert!(
        result["error"]["message"].as_str().is_some_and(|text| text.contains("no good")),
        "{result}"
    );
    let done = zi().args(["--mode", "json", "hi"]).run();
    assert_eq!((done.code, done.result()["error"]["kind"].as_str()), (Some(3), Some("auth")));
}

#[test]
fn no_session_keeps_nothing() {
    let zi = demo().args(["-p", "hi", "--no-session"]);
    let (home, keep) = (zi.home().to_owned(), zi.another());
    assert_eq!(zi.run().code, Some(0));
    assert!(!home.join("state/sessions").exists());
    drop(keep);
}

#[test]
fn state_is_for_the_user_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let zi = demo().args(["-p", "run seq 30000"]);
    let (state, keep) = (zi.home().join("state"), zi.another());
    assert_eq!(zi.run().code, Some(0));
    let mut waiting = vec![state];
    let mut seen = 0;
    while let Some(path) = waiting.pop() {
        let meta = std::fs::metadata(&path).expect("it is there");
        let mode = meta.permissions().mode() & 0o777;
        let wanted = if meta.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode, wanted, "{}: {mode:o}", path.display());
        seen += 1;
        if meta.is_dir() {
            waiting.extend(
                std::fs::read_dir(&path).expect("it lists").flatten().map(|entry| entry.path()),
            );
        }
    }
    assert!(seen >= 5, "only {seen} files");
    drop(keep);
}

#[test]
fn tools_can_be_chosen_and_left_out() {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let names = |index: usize| -> Vec<String> {
        let body = server.requests()[index].json();
        let tools = body["tools"].as_array().cloned().unwrap_or_default();
        tools.iter().map(|tool| tool["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    at(&server).args(["-p", "x"]).run();
    at(&server).args(["-p", "x", "--tools", "read,edit"]).run();
    at(&server).args(["-p", "x", "--no-tools"]).run();
    assert_eq!(names(0), ["bash", "edit", "find", "grep", "ls", "read", "write"]);
    assert_eq!(names(1), ["edit", "read"]);
    assert!(server.requests()[2].json().get("tools").is_none());
    let done = at(&server).args(["-p", "x", "--tools", "raed"]).run();
    assert!(done.stderr.contains("did you mean `read`"), "{}", done.stderr);
    let listed = zi().arg("--list-tools").run();
    assert!(listed.code == Some(0) && listed.stdout.lines().count() == 7, "{}", listed.stdout);
}

#[test]
fn models_are_listed_without_a_network() {
    let done = zi().arg("--list-models").run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let header = done.stdout.lines().next().expect("a header");
    for column in ["provider", "model", "context", "output", "source"] {
        assert!(header.contains(column), "{header}");
    }
    assert!(done.stdout.contains("catalog"));
    let some = zi().args(["--list-models", "haiku"]).run();
    assert!(
        some.stdout.lines().count() > 1
            && some.stdout.lines().count() < done.stdout.lines().count()
    );
}

#[test]
fn the_system_prompt_is_made_of_its_parts() {
    let server = Server::start();
    server.otherwise(Reply::sse(anthropic::text("ok")));
    let system = |index: usize| server.requests()[index].json()["system"].to_string();
    let base = at(&server)
        .file("AGENTS.md", "PROJECT RULES")
        .home_file("AGENTS.md", "USER RULES")
        .file("more.txt", "FROM A FILE");
    let flags = [
        "--provider",
        "anthropic",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
        "-p",
        "x",
    ];
    assert_eq!(base.another().args(flags).run().code, Some(0));
    let first = system(0);
    let place =
        |text: &str, what: &str| text.find(what).unwrap_or_else(|| panic!("{what} in {text}"));
    assert!(place(&first, "`read`") < place(&first, "USER RULES"));
    assert!(place(&first, "USER RULES") < place(&first, "PROJECT RULES"));
    let appended = ["--append-system-prompt", "ONE", "--append-system-prompt", "more.txt"];
    let own = ["--system-prompt", "ALL MINE"];
    assert_eq!(base.another().args(flags).args(appended).args(own).run().code, Some(0));
    let second = system(1);
    assert!(second.contains("ALL MINE") && !second.contains("You are zi"), "{second}");
    assert!(place(&second, "ONE") < place(&second, "FROM A FILE"));
    let own = base
        .another()
        .home_file("SYSTEM.md", "SYSTEM FILE")
        .home_file("APPEND_SYSTEM.md", "THE END");
    assert_eq!(own.args(flags).run().code, Some(0));
    assert!(place(&system(2), "SYSTEM FILE") < place(&system(2), "THE END"));
}

#[test]
fn broken_settings_are_told_and_do_no_harm() {
    let done = demo().home_file("settings.json", "{ nope").args(["-p", "hi"]).run();
    assert_eq!(done.code, Some(0));
    assert!(
        done.stderr.contains("settings.json") && done.stderr.contains("not JSON"),
        "{}",
        done.stderr
    );
}

#[test]
fn the_demo_drives_real_tools() {
    let base = demo().file("notes.txt", "hello world\n").file("src/main.rs", "fn main() {}\n");
    let ask = |prompt: &str| {
        let done = base
            .another()
            .env("ZI_DEMO_DELAY_MS", "0")
            .args(["--model", "demo", "-p", prompt])
            .run();
        assert_eq!(done.code, Some(0), "{prompt}: {}", done.stderr);
        assert!(done.stdout.contains("demo"), "it says what it is: {}", done.stdout);
        done.stdout
    };
    assert!(ask("list files in src").contains("main.rs"));
    assert!(ask("Read notes.txt").contains("hello world"));
    assert!(ask("search for fn main").contains("src/main.rs"));
    assert!(ask("run echo $((20 + 22))").contains("42"));
    ask("replace world by there in notes.txt");
    ask("create new.txt with some text");
    let read = |name: &str| std::fs::read_to_string(base.cwd().join(name)).expect("it reads");
    assert_eq!(
        (read("notes.txt").as_str(), read("new.txt").as_str()),
        ("hello there\n", "some text\n")
    );
    assert!(ask("summarise this directory").contains("notes.txt"));
    assert!(ask("what is love").contains("not a language model"));
}
