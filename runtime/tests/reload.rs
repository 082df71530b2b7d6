//! Reloading extensions: beside a run, with failures, with state, a thousand times.

use serde_json::json;
use zi_testkit::{Reply, Server, Zi, anthropic};

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).env("ZI_DEMO_DELAY_MS", "0")
}

fn demo() -> Zi {
    zi().args(["--model", "demo"])
}

/// A tool `write` files and reloads: `path`, `text`, `id`. It answers what the reload did.
const DRIVER: &str = r#"
zi.tool({
  name = "change", description = "d",
  parameters = { type = "object", properties = {} },
  execute = function(params, ctx)
    if params.text then
      zi.fs.write(params.path, params.text)
    elseif params.path then
      zi.fs.remove(params.path)
    end
    return zi.json.encode(ctx.extensions.reload(params.id))
  end,
})
"#;

fn versioned(says: &str) -> String {
    format!(
        "zi.tool({{ name = 'v', description = 'd', parameters = {{}}, execute = function() return '{says}' end }})"
    )
}

#[test]
fn a_run_goes_on_with_new_code_and_a_broken_build_changes_nothing() {
    let server = Server::start();
    let zi = zi()
        .args(["--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
        .home_file("extensions/driver.lua", DRIVER)
        .home_file("extensions/v.lua", versioned("one"));
    let path = zi.home().join("extensions/v.lua");
    let call = |id: &str, name: &str, arguments: serde_json::Value| {
        server.reply(Reply::sse(anthropic::tool_call(id, name, &arguments)));
    };
    call("1", "v", json!({}));
    call("2", "change", json!({ "path": path, "text": versioned("two"), "id": "v" }));
    call("3", "v", json!({}));
    call("4", "change", json!({ "path": path, "text": "zi.tool(\n  nonsense", "id": "v" }));
    call("5", "v", json!({}));
    call("6", "change", json!({ "path": path, "id": "v" }));
    call("7", "v", json!({}));
    server.reply(Reply::sse(anthropic::text("done")));
    let done = zi.args(["--json", "go"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let results: Vec<String> = done
        .messages("tool_result")
        .iter()
        .map(|message| message["content"][0]["text"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(results[0], "one");
    assert_eq!(results[1], r#"{"failed":[],"loaded":["v"],"removed":[]}"#);
    assert_eq!(results[2], "two");
    assert!(
        results[3].contains("v.lua:2:") && results[3].contains(r#""loaded":[]"#),
        "{results:?}"
    );
    assert_eq!(results[4], "two", "the old build goes on");
    assert_eq!(results[5], r#"{"failed":[],"loaded":[],"removed":["v"]}"#);
    assert!(results[6].contains("no tool"), "{}", results[6]);
}

#[test]
fn state_is_handed_over_and_the_old_build_is_told() {
    let stateful = |version: u32| {
        format!(
            r#"
            local count, from = 0, "nobody"
            zi.on("session_shutdown", function(event) print("{version} ends for " .. event.reason) end)
            zi.on("session_start", function(event)
              print(("{version} starts for %s with %d from %s"):format(event.reason, count, from))
            end)
            zi.command({{ name = "count", handler = function() count = count + 1 end }})
            zi.on("session_start", function()
              zi.task.spawn(function() while true do zi.task.sleep(1) print("{version} ticks") end end)
            end)
            return {{
              export = function() return {{ count = count + 41, from = "{version}" }} end,
              import = function(state) count, from = state.count, state.from end,
            }}"#
        )
    };
    let driver = r#"
        zi.command({ name = "go", handler = function(path, ctx)
          local log = path:gsub("extensions/s.lua$", "state/logs/s.log")
          while not (zi.fs.read(log) or ""):find("ticks") do zi.task.sleep(1) end
          zi.fs.write(path, zi.fs.read(path .. ".new"))
          ctx.extensions.reload("s")
          -- What the old build's task may still have under way shows itself within this time.
          zi.task.sleep(30)
        end })"#;
    let zi = demo()
        .home_file("extensions/s.lua", stateful(1))
        .home_file("extensions/s.lua.new", stateful(2))
        .home_file("extensions/driver.lua", driver);
    let (home, keep) = (zi.home().to_owned(), zi.another());
    let path = home.join("extensions/s.lua");
    let done = zi.args(["-p", &format!("/go {}", path.display())]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let log = std::fs::read_to_string(home.join("state/logs/s.log")).expect("there is a log");
    let place = |what: &str| log.find(what).unwrap_or_else(|| panic!("no {what:?} in {log}"));
    assert!(place("1 ends for reload") < place("2 starts for reload with 41 from 1"), "{log}");
    place("1 ticks");
    place("2 ends for exit");
    assert!(!log[place("2 starts")..].contains("1 ticks"), "the old build's task goes on: {log}");
    drop(keep);
}

#[test]
fn a_call_ends_on_the_build_that_it_began_on() {
    let slow = |version: u32| {
        format!(
            r#"zi.tool({{ name = "slow", description = "d", parameters = {{}}, parallel = true, execute = function(_, ctx)
              zi.fs.write(ctx.cwd .. "/started", "")
              local inner = zi.task.spawn(function()
                while not zi.fs.exists(ctx.cwd .. "/go") do zi.task.sleep(1) end
                return "inner {version}"
              end)
              return inner:join()
            end }})"#
        )
    };
    let driver = r#"
        zi.tool({ name = "change", description = "d", parameters = {}, parallel = true, execute = function(params, ctx)
          while not zi.fs.exists(ctx.cwd .. "/started") do zi.task.sleep(1) end
          zi.fs.write(params.path, params.text)
          ctx.extensions.reload("slow")
          zi.fs.write(ctx.cwd .. "/go", "")
          return "changed"
        end })"#;
    let server = Server::start();
    let zi = zi()
        .args(["--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
        .home_file("extensions/slow.lua", slow(1))
        .home_file("extensions/driver.lua", driver);
    let path = zi.home().join("extensions/slow.lua");
    server.reply(Reply::sse(
        anthropic::Answer::new()
            .tool_call("a", "slow", "{}")
            .tool_call("b", "change", &json!({ "path": path, "text": slow(2) }).to_string())
            .sse(),
    ));
    server.reply(Reply::sse(anthropic::tool_call("c", "slow", &json!({}))));
    server.reply(Reply::sse(anthropic::text("done")));
    let done = zi.args(["--json", "go"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let results = done.messages("tool_result");
    let text = |index: usize| results[index]["content"][0]["text"].as_str().unwrap_or_default();
    assert_eq!([text(0), text(1), text(2)], ["inner 1", "changed", "inner 2"], "{}", done.stderr);
}

#[test]
fn the_command_reloads_what_changed_on_disk_and_says_what_came_of_it() {
    let done = demo().home_file("extensions/v.lua", versioned("one")).args(["-p", "/reload-ext v"]);
    let done = done.run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), "zi: info: reloaded v\n"));
    let done = demo().args(["-p", "/reload-ext tool-raed"]).run();
    assert!(
        done.stderr.contains("no extension `tool-raed`; did you mean `tool-read`?"),
        "{}",
        done.stderr
    );
    let done = demo().args(["-p", "/reload-ext"]).run();
    assert!(done.stderr.starts_with("zi: info: reloaded "), "{}", done.stderr);
}

#[test]
fn a_thousand_reloads_leave_nothing_behind() {
    let subject = r#"
        for _ = 1, 20 do zi.on("agent_start", function() end) end
        zi.tool({ name = "t", description = "d", parameters = {}, execute = function() end })
        zi.command({ name = "c", handler = function() end })
        local kept = {}
        for index = 1, 1000 do kept[index] = { index } end
        zi.on("session_start", function() zi.task.every(10, function() kept[1] = kept[1] end) end)"#;
    let driver = r#"
        local function pages()
          return tonumber(zi.fs.read("/proc/self/statm"):match("^%d+ (%d+)"))
        end
        local function subject(ctx)
          for _, one in ipairs(ctx.extensions.list()) do
            if one.id == "subject" then return one end
          end
        end
        zi.command({ name = "many", handler = function(_, ctx)
          for _ = 1, 200 do ctx.extensions.reload("subject") end
          local before, files = pages(), #zi.fs.list("/proc/self/fd")
          for _ = 1, 1000 do
            local done = ctx.extensions.reload("subject")
            assert(#done.loaded == 1, zi.json.encode(done))
          end
          local one = subject(ctx)
          zi.fs.write("figures.json", zi.json.encode({
            handlers = one.handlers, tools = one.tools, commands = one.commands,
            grown = (pages() - before) * 4096, files = #zi.fs.list("/proc/self/fd") - files,
          }))
        end })"#;
    let zi = demo()
        .home_file("extensions/subject.lua", subject)
        .home_file("extensions/driver.lua", driver);
    let (cwd, keep) = (zi.cwd().to_owned(), zi.another());
    let done = zi.args(["-p", "/many"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    let figures = std::fs::read_to_string(cwd.join("figures.json")).expect("it was written");
    let figures: serde_json::Value = serde_json::from_str(&figures).expect("it is JSON");
    assert_eq!((&figures["handlers"], &figures["tools"]), (&json!(21), &json!(1)), "{figures}");
    assert_eq!((&figures["commands"], &figures["files"]), (&json!(1), &json!(0)), "{figures}");
    let grown = figures["grown"].as_i64().expect("a number");
    assert!(grown < 1 << 20, "{grown} bytes more after a thousand reloads");
    drop(keep);
}

#[test]
fn watched_files_are_reloaded_when_they_change() {
    let server = Server::start();
    let gate = server.gate();
    let zi = zi()
        .args(["--provider", "anthropic", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url(), "-p", "go"])
        .settings(&json!({ "watch": true, "extensions": { "v": { "say": "one" } } }))
        .home_file("extensions/v.lua", versioned("one"));
    let path = zi.home().join("extensions/v.lua");
    let (home, keep) = (zi.home().to_owned(), zi.another());
    server.reply(Reply::sse(": hold on\n\n").wait(&gate).then(anthropic::tool_call(
        "1",
        "v",
        &json!({}),
    )));
    server.reply(Reply::sse(anthropic::text("done")));
    let running = zi.start();
    gate.wait_reached();
    // As `sed -i` does it: a file of another name, then that over the old one.
    let beside = path.with_file_name("sedX1");
    std::fs::write(&beside, versioned("two")).expect("it writes");
    std::fs::rename(&beside, &path).expect("it moves");
    running.wait_for_stderr("reloaded v");
    let by_settings = r#"local settings = zi.settings({ properties = { say = { type = "string" } } })
        zi.tool({ name = "v", description = "d", parameters = {}, execute = function() return settings.say end })"#;
    std::fs::write(&path, "zi.tool(").expect("it writes");
    running.wait_for_stderr("v.lua:1:");
    std::fs::write(&path, by_settings).expect("it writes");
    running.wait_for_stderr("reloaded v\nzi: error");
    running.wait_for_stderr("kept the old v\nzi: info: reloaded v");
    let settings = json!({ "watch": true, "extensions": { "v": { "say": "three" } } });
    std::fs::write(home.join("settings.json"), settings.to_string()).expect("it writes");
    running.wait_for_stderr("extensions\n");
    gate.open();
    let done = running.wait();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let result = server.requests()[1].json()["messages"].to_string();
    assert!(result.contains("three"), "{result}");
    assert!(!done.stderr.contains("there is no extension"), "{}", done.stderr);
    drop(keep);
}
