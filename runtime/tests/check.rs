//! `zi check`: mistakes in extensions are found where they are, and nothing else is.

use std::{fs, path::Path};

use serde_json::Value;
use zi_testkit::{Done, Zi};

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A mistake: its name, the text that has it, its line, its kind, and what is said.
type Seed = (&'static str, &'static str, u64, &'static str, &'static str);

const SEEDS: &[Seed] = &[
    // What does not load.
    ("syntax", "local a = 1\nlocal x = = 1", 2, "load", "unexpected symbol"),
    ("raises", "\n\nerror('no luck')", 3, "load", "no luck"),
    ("no-module", "local a = 1\nrequire('no.such.module')", 2, "load", "no.such.module"),
    ("returns", "return 5", 1, "load", "must return nothing, a function"),
    ("nil-call", "local t = {}\n\nt.x.y()", 3, "load", "nil value"),
    ("spins", "local n = 0\nwhile true do n = n + 1 end", 2, "load", "2000 ms"),
    ("executes", "-- c\nos.execute('true')", 2, "load", "os.execute: not available"),
    ("writes", "\nio.open('x', 'w')", 2, "load", "io.open: writing is not available"),
    ("waits", "\nlocal text = zi.fs.read('x')", 2, "load", "not available while loading"),
    (
        "waits-in-setup",
        "return function(zi)\n  local x = 1\n  zi.task.sleep(1)\nend",
        3,
        "load",
        "not available while loading",
    ),
    // Registrations that are refused.
    (
        "misspelt-required",
        "zi.tool({\n  name = 'x',\n  desciption = 'd',\n  parameters = {},\n  execute = print,\n})",
        3,
        "load",
        "field `description` is required",
    ),
    (
        "misspelt-handler",
        "zi.command({\n  name = 'x',\n  handlr = print,\n})",
        3,
        "load",
        "field `handler` is required",
    ),
    (
        "misspelt-url",
        "zi.provider('p', {\n  api = 'openai-chat',\n  base_ulr = 'http://x',\n})",
        3,
        "load",
        "field `base_url` is required",
    ),
    (
        "misspelt-stream",
        "zi.api('w', {\n  streem = function() end,\n})",
        2,
        "load",
        "field `stream` is required",
    ),
    (
        "type-of-name",
        "zi.tool({\n  name = 5,\n  description = 'd',\n})",
        2,
        "load",
        "`name` must be a string, not",
    ),
    (
        "type-of-execute",
        "zi.tool({\n  name = 'x', description = 'd', parameters = {},\n  execute = 'print',\n})",
        3,
        "load",
        "`execute` must be a function, not string",
    ),
    (
        "unknown-kind",
        "zi.tool({\n  name = 'x', description = 'd', parameters = {}, execute = print,\n\n  kind = 'reed',\n})",
        4,
        "load",
        "did you mean `read`",
    ),
    (
        "negative-time",
        "zi.tool({\n  name = 'x', description = 'd', parameters = {}, execute = print,\n  timeout_ms = -1,\n})",
        3,
        "load",
        "must be from 0",
    ),
    (
        "type-of-item",
        "zi.tool({\n  name = 'x', description = 'd', parameters = {}, execute = print,\n  prompt_guidelines = { 1 },\n})",
        3,
        "load",
        "prompt_guidelines[1]",
    ),
    (
        "no-parameters",
        "\nzi.tool({\n  name = 'x',\n  description = 'd',\n  execute = print,\n})",
        2,
        "load",
        "field `parameters`: is required",
    ),
    (
        "parameters-text",
        "zi.tool({\n  name = 'x',\n  description = 'd',\n  parameters = 'none',\n  execute = print,\n})",
        4,
        "load",
        "must be a JSON schema",
    ),
    (
        "command-slash",
        "zi.command({\n  name = '/x',\n  handler = print,\n})",
        2,
        "load",
        "without `/`",
    ),
    (
        "no-api",
        "\nzi.provider('p', { base_url = 'http://x' })",
        2,
        "load",
        "field `api`: is required",
    ),
    ("handler-text", "\nzi.on('agent_end', 'print')", 2, "load", "must be a function, not string"),
    ("unknown-event", "\n\nzi.on('tool_cal', print)", 3, "load", "did you mean `tool_call`"),
    // Fields that nobody reads.
    (
        "unknown-tool-field",
        "zi.tool({\n  name = 'x', description = 'd', parameters = {}, execute = print,\n\n  paralel = true,\n})",
        4,
        "field",
        "did you mean `parallel`",
    ),
    (
        "unknown-in-variable",
        "local spec = {\n  name = 'x',\n  handler = print,\n  alias = { 'y' },\n}\n\nzi.command(spec)",
        4,
        "field",
        "did you mean `aliases`",
    ),
    (
        "unknown-provider-field",
        "zi.provider('p', {\n  api = 'openai-chat', base_url = 'http://x',\n  header = {},\n})",
        3,
        "field",
        "did you mean `headers`",
    ),
    (
        "unknown-oauth-field",
        "zi.provider('p', {\n  api = 'a', base_url = 'http://x',\n  oauth = {\n    lgin = print,\n  },\n})",
        4,
        "field",
        "did you mean `login`",
    ),
    // Schemas.
    (
        "schema-type",
        "zi.tool({\n  name = 'x', description = 'd', execute = print,\n  parameters = {\n    type = 'object',\n    properties = {\n      a = { type = 'string' },\n      b = { type = 'integr' },\n    },\n  },\n})",
        7,
        "schema",
        "did you mean `integer`",
    ),
    (
        "schema-required",
        "zi.tool({\n  name = 'x', description = 'd', execute = print,\n  parameters = {\n    properties = { path = { type = 'string' } },\n    required = { 'pth' },\n  },\n})",
        5,
        "schema",
        "did you mean `path`",
    ),
    (
        "schema-word",
        "zi.tool({\n  name = 'x', description = 'd', execute = print,\n  parameters = {\n    properties = { path = {\n      type = 'string',\n      descripton = 'p',\n    } },\n  },\n})",
        6,
        "schema",
        "did you mean `description`",
    ),
    (
        "schema-minimum",
        "zi.tool({ name = 'x', description = 'd', execute = print, parameters = {\n  properties = { n = {\n    type = 'integer',\n    minimum = 'one',\n  } },\n} })",
        4,
        "schema",
        "one",
    ),
    // Members.
    (
        "zi-member",
        "zi.on('agent_end', function()\n  zi.emitt('a:b')\nend)",
        2,
        "member",
        "did you mean `emit`",
    ),
    (
        "zi-space",
        "local function f()\n\n  return zi.fss.read('x')\nend\nf = nil",
        3,
        "member",
        "did you mean `fs`",
    ),
    (
        "space-member",
        "local function f() return\n  zi.fs.raed('x') end\nf = nil",
        2,
        "member",
        "did you mean `read`",
    ),
    (
        "alias",
        "local fs = zi.fs\nlocal function f()\n  return fs.wriet('x')\nend\nf = nil",
        3,
        "member",
        "did you mean `write`",
    ),
    (
        "setup-member",
        "return function(zi)\n  zi.on('agent_end', function() zi.jsn.encode(1) end)\nend",
        2,
        "member",
        "did you mean `json`",
    ),
    (
        "setup-by-name",
        "local function setup(zi)\n  local f = function() zi.logg.info('x') end\nend\nreturn setup",
        2,
        "member",
        "did you mean `log`",
    ),
    (
        "ctx-member",
        "zi.on('agent_end', function(_, ctx)\n  print(ctx.sesion.name())\nend)",
        2,
        "member",
        "did you mean `session`",
    ),
    (
        "ctx-inner",
        "zi.on('agent_end', function(_, ctx)\n  print(ctx.session.naem())\nend)",
        2,
        "member",
        "did you mean `name`",
    ),
    (
        "ctx-by-place",
        "zi.on('agent_end', function(_, c)\n  c.abrot()\nend)",
        2,
        "member",
        "did you mean `abort`",
    ),
    (
        "event-field",
        "zi.on('tool_call', function(event)\n  print(event.tool_nme)\nend)",
        2,
        "member",
        "did you mean `tool_name`",
    ),
    (
        "event-by-name",
        "local function on_end(e)\n  print(e.elapsed)\nend\nzi.on('agent_end', on_end)",
        2,
        "member",
        "`agent_end` has no field `elapsed`",
    ),
    (
        "inner-event",
        "zi.on('agent_end', function()\n\n  zi.on('turn_strat', print)\nend)",
        3,
        "event",
        "did you mean `turn_start`",
    ),
    ("run-dot", "zi.loop(function(run)\n  run.turn()\nend)", 2, "member", "is called with `:`"),
    (
        "run-member",
        "local function go(run)\n  run:trun()\nend\nzi.loop(go)",
        2,
        "member",
        "did you mean `turn`",
    ),
    (
        "colon",
        "local function f()\n  return zi.fs:read('x')\nend\nf = nil",
        2,
        "member",
        "is called with `.`",
    ),
    // Globals.
    (
        "global",
        "zi.on('agent_end', function()\n  print(unknown_thing)\nend)",
        2,
        "global",
        "undefined global `unknown_thing`",
    ),
    (
        "global-near",
        "local function f(x)\n  return tosting(x)\nend\nf = nil",
        2,
        "global",
        "did you mean `tostring`",
    ),
    (
        "local-out-of-scope",
        "do local inner = 1 end\nlocal function f() return inner end\nf = nil",
        2,
        "global",
        "undefined global `inner`",
    ),
    (
        "library",
        "local function f(x)\n  return string.fromat('%s', x)\nend\nf = nil",
        2,
        "global",
        "did you mean `format`",
    ),
];

fn findings(done: &Done) -> Vec<Value> {
    let value: Value = serde_json::from_str(&done.stdout)
        .unwrap_or_else(|err| panic!("{err}: {} {}", done.stdout, done.stderr));
    value["findings"].as_array().cloned().expect("a list")
}

#[test]
fn each_mistake_is_found_in_its_line_and_nothing_else() {
    assert!(SEEDS.len() >= 40);
    let mut zi = zi();
    for (name, text, ..) in SEEDS {
        zi = zi.file(&format!("seeds/{name}.lua"), text);
    }
    let done = zi.args(["check", "--json", "seeds"]).run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(5), ""));
    let all = findings(&done);
    let mut wrong = Vec::new();
    for (name, _, line, kind, says) in SEEDS {
        let file = format!("seeds/{name}.lua");
        let of_file: Vec<&Value> = all.iter().filter(|it| it["file"] == file.as_str()).collect();
        let is_right = |it: &Value| {
            it["line"] == *line
                && it["kind"] == *kind
                && it["message"].as_str().is_some_and(|message| message.contains(says))
        };
        if of_file.len() != 1 || !is_right(of_file[0]) {
            wrong.push(format!("{name}: wanted {kind} in {line}: {says}; found {of_file:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(all.len(), SEEDS.len());
}

/// Texts that look odd and are right.
const RIGHT: &[(&str, &str)] = &[
    (
        "shadow",
        "local zi = { tol = print, fs = { raed = print } }\nlocal function f() zi.tol() zi.fs.raed() end\nf()",
    ),
    ("parameter", "local function f(zi) return zi.nothing end\nf({})"),
    ("ctx", "local function f()\n  local ctx = {}\n  return ctx.anything\nend\nf()"),
    (
        "texts",
        "local a = 'zi.tol() ctx.x' -- zi.tol\nlocal b = [[\nzi.tol ]]\nlocal c = [==[ ]] zi.x ]==]\nreturn nil",
    ),
    (
        "camel",
        "zi.on('toolCall', function(event, ctx) return { input = event.toolName .. ctx.cwd } end)",
    ),
    (
        "own-event",
        "zi.on('mine:done', function(event) print(event.data, event.from, event.type) end)",
    ),
    ("ui", "zi.on('agent_end', function(_, ctx) if ctx.ui then ctx.ui.notify('x') end end)"),
    (
        "globals",
        "function helper() return other end\nother = 1\n_G.third = 2\nprint(helper(), third)",
    ),
    (
        "library",
        "function string.trim(s) return s end\nlocal function f(s) return string.trim(s) end\nf('')",
    ),
    ("environment", "local _ENV = { print = print }\nlocal function f() return anything end\nf()"),
    (
        "grammar",
        "local a <const>, b <close> = 1, nil\nfor i = 1, 2 do goto continue ::continue:: end\nfor k, v in pairs({ a, [1] = b; c = 2 }) do print(k, v // 1, ~1, #'x' .. 2) end\nrepeat local x = 1 until x == 1\nwhile false do end\nlocal t = { f = function(self, ...) return self, ... end }\nfunction t:m() return self end\nt:f(1) t.f { 1 } t.f 'x'\nif a then elseif b then else end",
    ),
    (
        "waiting-later",
        "zi.on('agent_end', function() zi.task.sleep(1) end)\nlocal wait = zi.task.sleep\nprint(wait)",
    ),
    ("reassigned", "local fs = zi.fs\nfs = { anything = print }\nfs.anything()"),
    (
        "two-events",
        "local function on(event) return event.tool_name or event.run_id end\nzi.on('tool_call', on)\nzi.on('agent_end', on)",
    ),
    ("pcall", "local ok, err = pcall(zi.fs.read, 'x')\nassert(not ok and err)"),
];

#[test]
fn what_is_right_is_left_alone() {
    let mut zi = zi().file(
        "right/grammar2.lua",
        "local n = 0x1p4 + .5 + 1e-3 local s = '\\'' .. \"\\\\\" print(n, s)",
    );
    for (name, text) in RIGHT {
        zi = zi.file(&format!("right/{name}.lua"), text);
    }
    let done = zi.args(["check", "right"]).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.contains("nothing found"), "{}", done.stdout);
}

#[test]
fn the_bundle_has_no_mistakes() {
    for folder in ["extensions", "lua", ".", "spec/extensions"] {
        let path = repository().join(folder);
        let done = zi().arg("check").arg(&path).run();
        assert_eq!(done.code, Some(0), "{folder}: {}{}", done.stdout, done.stderr);
    }
}

#[test]
fn extensions_in_folders_bring_their_modules() {
    let zi = zi()
        .file(
            "extensions/big/init.lua",
            "local m = require('inner')\nlocal s = require('shared')\nprint(m, s)",
        )
        .file(
            "extensions/big/lua/inner.lua",
            "local M = {}\nfunction M.f()\n  return tosting(1)\nend\nreturn M",
        )
        .file("lua/shared.lua", "return {\n  a = zi.bogus,\n}")
        .file("lua/broken.lua", "local x =\n\n= 1");
    let done = zi.another().args(["check", "."]).run();
    assert_eq!(done.code, Some(5), "{}", done.stderr);
    let lines: Vec<&str> = done.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", done.stdout);
    assert!(lines[0].starts_with("./extensions/big/lua/inner.lua:3: undefined global `tosting`"));
    assert!(lines[1].starts_with("./lua/broken.lua:3: "), "{}", done.stdout);
    assert!(lines[2].starts_with("./lua/shared.lua:2: there is no `zi.bogus`"), "{}", done.stdout);
    assert!(lines[3].contains("4 files checked, 3 found"), "{}", done.stdout);
    let done = zi.another().args(["check", "extensions/big"]).run();
    assert_eq!((done.code, done.stdout.lines().count()), (Some(1), 2), "{}", done.stdout);
    let manifest = zi.file("extensions/big/extension.json", "{");
    let done = manifest.args(["check", "extensions/big"]).run();
    assert!(done.code == Some(5) && done.stdout.contains("is not JSON"), "{}", done.stdout);
}

#[test]
fn an_error_in_a_module_is_told_where_it_is() {
    let zi = zi()
        .file("extensions/a.lua", "require('deep')")
        .file("lua/deep.lua", "local t\n\nprint(t.x)");
    let done = zi.args(["check", "--json", "extensions/a.lua"]).run();
    let found = findings(&done);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0]["file"].as_str().is_some_and(|file| file.ends_with("lua/deep.lua")));
    assert_eq!(found[0]["line"], 3);
}

#[test]
fn without_a_path_it_checks_what_is_at_hand() {
    let zi = zi().home_file("extensions/mine.lua", "print(oops)");
    let done = zi.another().arg("check").run();
    assert!(done.code == Some(1) && done.stdout.contains("mine.lua:1:"), "{}", done.stdout);
    let zi = zi.file("init.lua", "\nprint(here)");
    let done = zi.another().arg("check").run();
    assert!(done.code == Some(1) && done.stdout.contains("init.lua:2:"), "{}", done.stdout);
    assert!(!done.stdout.contains("mine.lua"), "{}", done.stdout);
    let clean = self::zi().arg("check").run();
    assert_eq!((clean.code, clean.stdout.trim()), (Some(0), "0 files checked, nothing found"));
}

#[test]
fn wrong_usage_is_code_2_and_nothing_is_written() {
    for args in [&["nowhere.lua"][..], &["--bogus"], &["empty"]] {
        let zi = zi().file("empty/readme.txt", "");
        let (home, keep) = (zi.home().to_owned(), zi.another());
        let done = zi.arg("check").args(args).run();
        assert_eq!((done.code, done.stdout.as_str()), (Some(2), ""), "{args:?}: {}", done.stderr);
        assert!(fs::read_dir(home).expect("it lists").next().is_none());
        drop(keep);
    }
    let zi = zi().file("a.lua", "zi.log.info('x') print('y')");
    let (home, cwd, keep) = (zi.home().to_owned(), zi.cwd().to_owned(), zi.another());
    assert_eq!(zi.args(["check", "a.lua"]).run().code, Some(0));
    assert!(fs::read_dir(home).expect("it lists").next().is_none());
    assert_eq!(fs::read_dir(cwd).expect("it lists").count(), 1);
    drop(keep);
}

#[test]
fn mistakes_behind_the_first_are_found_too() {
    let text = "local a = zi.fs.read('a')\nlocal b = zi.system({ 'b' })\nzi.on('agent_ned', print)\n\
                local function later() return zi.fs.read('c') end\nprint(a, b, later, oops)\n";
    let done = zi().file("a.lua", text).args(["check", "--json", "a.lua"]).run();
    assert_eq!(done.code, Some(5));
    let found = findings(&done);
    let found: Vec<_> = found.iter().map(|it| (it["line"].as_u64(), it["kind"].as_str())).collect();
    let wanted = [(1, "load"), (2, "waits"), (3, "event"), (5, "global")];
    assert_eq!(found, wanted.map(|(line, kind)| (Some(line), Some(kind))));
}
