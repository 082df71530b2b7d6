//! The bundled tools, as the binary runs them. No model is asked: a command of a test extension
//! calls the tools through the same dispatch that the model's calls take.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long something may take that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// `/call FILE` makes the calls in a file and writes their results to `results.json`, and what was
/// shown while they ran to `updates.json`; the newest of that is in `shown` meanwhile.
const HARNESS: &str = r#"
-- name: harness
-- description: Calls tools for a test.
-- api: 1
local updates, ended = {}, 0
zi.on("tool_execution_update", function(event)
  local text = event.partial_result.content[1].text
  updates[#updates + 1] = { tool = event.tool_name, text = text }
  zi.fs.write("shown", text)
end)
zi.on("tool_execution_end", function() ended = ended + 1 end)
zi.command({
  name = "call",
  description = "Calls tools.",
  handler = function(args, ctx)
    local calls = zi.json.decode(assert(zi.fs.read(args)))
    local results = {}
    for index, call in ipairs(calls) do
      results[index] = ctx.tools.call(call[1], call[2])
    end
    -- Observers run beside; what they saw is whole when they saw the last end.
    for _ = 1, 1000 do
      if ended == #calls then break end
      zi.task.sleep(5)
    end
    local dir = zi.path.dirname(args)
    assert(zi.fs.write(dir .. "/updates.json", zi.json.encode(zi.json.array(updates))))
    assert(zi.fs.write(dir .. "/results.json", zi.json.encode(zi.json.array(results))))
  end,
})
"#;

/// A folder to work in, and a zi that knows nothing else.
struct Bench {
    root: TempDir,
}

impl Bench {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a temporary folder can be made");
        fs::create_dir(root.path().join("work")).expect("it is new");
        fs::write(root.path().join("harness.lua"), HARNESS).expect("it is ours");
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join("work").join(name)
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below the root")).expect("it can be made");
        fs::write(path, bytes).expect("it can be written");
        self
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|err| panic!("{name}: {err}"))
    }

    /// Makes calls in one process and answers their results.
    fn calls(&self, calls: Value) -> Vec<Outcome> {
        let file = self.root.path().join("calls.json");
        fs::write(&file, calls.to_string()).expect("it is ours");
        let output = Command::new(env!("CARGO_BIN_EXE_zi"))
            .args(["-p", &format!("/call {}", file.display()), "--no-session", "-e"])
            .arg(self.root.path().join("harness.lua"))
            .arg("--cwd")
            .arg(self.path(""))
            .env("ZI_HOME", self.root.path().join("home"))
            .stdin(Stdio::null())
            .output()
            .expect("zi starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", output.status);
        let results = self.json("results.json");
        results.as_array().expect("it is a list").iter().cloned().map(Outcome).collect()
    }

    fn call(&self, tool: &str, params: Value) -> Outcome {
        self.calls(json!([[tool, params]])).remove(0)
    }

    fn bash(&self, command: &str) -> Outcome {
        self.call("bash", json!({ "command": command }))
    }

    fn updates(&self) -> Vec<String> {
        let updates = self.json("updates.json");
        let text = |update: &Value| update["text"].as_str().map(str::to_owned);
        updates.as_array().into_iter().flatten().filter_map(text).collect()
    }

    fn json(&self, name: &str) -> Value {
        let text = fs::read_to_string(self.root.path().join(name)).expect("zi wrote it");
        serde_json::from_str(&text).expect("it is JSON")
    }

    /// The logs that were left behind.
    fn logs(&self) -> Vec<PathBuf> {
        let dir = self.root.path().join("home/state/outputs");
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    }
}

/// The result of a call.
#[derive(Debug)]
struct Outcome(Value);

impl Outcome {
    fn text(&self) -> &str {
        self.0["content"][0]["text"].as_str().unwrap_or_default()
    }

    fn details(&self) -> &Value {
        &self.0["details"]
    }

    #[track_caller]
    fn ok(&self) -> &str {
        assert_eq!(self.0["outcome"], "ok", "{}", self.text());
        self.text()
    }

    #[track_caller]
    fn assert_ok(&self) {
        self.ok();
    }

    /// The text of an error that says all of `parts`.
    #[track_caller]
    fn error(&self, parts: &[&str]) -> &str {
        assert_eq!(self.0["outcome"], "error", "{}", self.text());
        for part in parts {
            assert!(self.text().contains(part), "no {part:?} in: {}", self.text());
        }
        self.text()
    }
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in: {text}");
}

fn numbered(count: usize) -> String {
    (1..=count).map(|number| format!("{number}\n")).collect()
}

// read --------------------------------------------------------------------------------------------

#[test]
fn read_gives_the_text_as_it_is() {
    let bench = Bench::new();
    bench.file("a.txt", "one\n\ttwo\n").file("open.txt", "a\nb").file("empty", "");
    bench.file("dressed.txt", "\u{FEFF}one\r\ntwo\r\n").file("latin.txt", b"caf\xe9\n");
    let read = |path: &str| json!(["read", { "path": path }]);
    let done = bench.calls(json!([
        read("a.txt"),
        read("open.txt"),
        read("empty"),
        read("dressed.txt"),
        read("latin.txt"),
        ["read", { "file_path": "a.txt", "limit": null }],
    ]));
    assert_eq!(done[0].ok(), "one\n\ttwo\n");
    assert_eq!(done[1].ok(), "a\nb");
    assert_eq!(done[2].ok(), "`empty` is empty.");
    assert_eq!(done[3].ok(), "one\ntwo\n\n[Lines end in CRLF; edit keeps that, write does not.]");
    has(done[4].ok(), "caf\u{FFFD}\n");
    assert_eq!(done[5].ok(), "one\n\ttwo\n", "other names and nulls are understood");
}

#[test]
fn read_stops_at_its_limits_and_says_how_to_go_on() {
    let bench = Bench::new();
    bench
        .file("big.txt", numbered(3000))
        .file("wide.txt", format!("{}\n", "w".repeat(99)).repeat(1000));
    let done = bench.calls(json!([
        ["read", { "path": "big.txt" }],
        ["read", { "path": "big.txt", "offset": 2001 }],
        ["read", { "path": "big.txt", "offset": 5, "limit": 2 }],
        ["read", { "path": "wide.txt" }],
        ["read", { "path": "big.txt", "offset": 3001 }],
    ]));
    let first = done[0].ok();
    assert!(first.starts_with("1\n2\n"), "{first}");
    assert!(
        first.ends_with("\n2000\n\n[Lines 1-2000 of 3000. Go on with offset=2001.]"),
        "{first}"
    );
    assert_eq!(done[0].details()["total_lines"], 3000);
    let rest: String = (2001..=3000).map(|number| format!("{number}\n")).collect();
    assert_eq!(done[1].ok(), rest);
    assert_eq!(done[2].ok(), "5\n6\n\n[Lines 5-6 of 3000. Go on with offset=7.]");
    has(done[3].ok(), "[Lines 1-512 of 1000. Go on with offset=513.]");
    done[4].error(&["big.txt", "3000 lines", "offset=3001"]);
}

#[test]
fn read_finds_its_place_in_files_that_are_read_in_parts() {
    let bench = Bench::new();
    // Larger than what is read at once, and with a line across the border.
    bench.file("log.txt", numbered(400_000));
    let done = bench.calls(json!([
        ["read", { "path": "log.txt", "offset": 399_999 }],
        ["read", { "path": "log.txt", "offset": 180_000, "limit": 1 }],
        ["read", { "path": "log.txt", "offset": 400_001 }],
    ]));
    assert_eq!(done[0].ok(), "399999\n400000\n");
    has(done[1].ok(), "180000\n\n[Lines 180000-180000 of 400000.");
    done[2].error(&["400000 lines"]);
}

#[test]
fn read_cuts_a_line_that_is_too_long_by_itself() {
    let bench = Bench::new();
    bench.file("long.txt", format!("short\n{}\nthird\n", "é".repeat(60_000)));
    let done = bench.calls(json!([
        ["read", { "path": "long.txt" }],
        ["read", { "path": "long.txt", "offset": 2 }],
        ["read", { "path": "long.txt", "offset": 3 }],
    ]));
    assert_eq!(done[0].ok(), "short\n\n[Lines 1-1 of 3. Go on with offset=2.]");
    let long = done[1].ok();
    assert!(long.starts_with(&"é".repeat(25_600)) && long.len() < 52_000, "{}", long.len());
    has(long, "sed -n 2p FILE | cut -b 51201-102400. The next line is offset=3.]");
    assert_eq!(done[2].ok(), "third\n");
}

#[test]
fn read_refuses_what_is_no_text_and_says_what_it_is() {
    let bench = Bench::new();
    bench.file("config.toml", "").file("src/main.rs", "").file("binary", b"ab\0cd");
    bench
        .file("wide.txt", b"\xff\xfea\0")
        .file("late.txt", ["x".repeat(9000).as_bytes(), b"\0"].concat());
    let done = bench.calls(json!([
        ["read", { "path": "confg.toml" }],
        ["read", { "path": "source/main.rs" }],
        ["read", { "path": "src" }],
        ["read", { "path": "binary" }],
        ["read", { "path": "wide.txt" }],
        ["read", { "path": "/dev/zero" }],
        ["read", { "path": "binary", "offset": 0 }],
        ["read", { "path": "late.txt" }],
    ]));
    done[0].error(&["no file `confg.toml`", "Did you mean `config.toml`?"]);
    done[1].error(&["folder `source` does not exist", "`src/main.rs`"]);
    done[2].error(&["`src` is a folder", "ls"]);
    done[3].error(&["binary", "5 bytes"]);
    done[4].error(&["UTF-16", "iconv"]);
    done[5].error(&["`/dev/zero` is a device"]);
    done[6].error(&["minimum of 1", "/offset"]);
    has(done[7].ok(), "x\u{FFFD}");
}

#[test]
fn read_shows_images_by_their_content() {
    let bench = Bench::new();
    let heads: [(&str, &[u8]); 4] = [
        ("image/png", b"\x89PNG\r\n\x1a\n"),
        ("image/jpeg", b"\xff\xd8\xff\xe0"),
        ("image/gif", b"GIF89a"),
        ("image/webp", b"RIFF\x01\x0a\x03\x04WEBP"),
    ];
    let mut calls = Vec::new();
    for (number, (_, head)) in heads.iter().enumerate() {
        let name = format!("{number}.txt");
        bench.file(&name, [head, &[0; 9][..]].concat());
        calls.push(json!(["read", { "path": name }]));
    }
    bench.file("large.png", [heads[0].1, &vec![0; 10_000_000]].concat());
    calls.push(json!(["read", { "path": "large.png" }]));
    let done = bench.calls(calls.into());
    for (number, (media_type, head)) in heads.iter().enumerate() {
        has(done[number].ok(), media_type);
        let image = &done[number].0["content"][1];
        assert_eq!((&image["type"], &image["media_type"]), (&json!("image"), &json!(media_type)));
        let data = image["data"].as_str().expect("it is base64");
        assert_eq!(data.len(), (head.len() + 9).div_ceil(3) * 4);
    }
    done[4].error(&["large.png", "10000008 bytes", "10 MB"]);
}

// write -------------------------------------------------------------------------------------------

#[test]
fn pipes_and_devices_are_no_files() {
    let bench = Bench::new();
    let made = Command::new("mkfifo").arg(bench.path("pipe")).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe is made");
    for (tool, params) in [
        ("read", json!({ "path": "pipe" })),
        ("read", json!({ "path": "/dev/zero" })),
        ("write", json!({ "path": "pipe", "content": "x" })),
        ("write", json!({ "path": "/dev/null", "content": "x" })),
        ("edit", json!({ "path": "pipe", "edits": [{ "old_text": "a", "new_text": "b" }] })),
    ] {
        bench.call(tool, params).error(&["a device or a pipe, not a file"]);
    }
}

#[test]
fn write_makes_folders_and_tells_new_from_replaced() {
    let bench = Bench::new();
    bench.file("file", "");
    let done = bench.calls(json!([
        ["write", { "path": "a/b/c.txt", "content": "one\ntwo\n" }],
        ["write", { "path": "a/b/c.txt", "content": "one\n2é" }],
        ["write", { "path": "a/b/c.txt", "content": "one\n2é" }],
        ["write", { "path": "a/b", "content": "" }],
        ["write", { "path": "file/b", "content": "" }],
    ]));
    has(done[0].ok(), "new file `a/b/c.txt`: 8 bytes, 2 lines");
    assert_eq!(done[0].details()["is_new"], true);
    has(done[1].ok(), "7 bytes, 2 lines; what was there is replaced");
    let details = done[1].details();
    let diff = "@@ -1,2 +1,2 @@\n one\n-two\n+2é\n\\ No newline at end of file\n";
    assert_eq!(details["diff"], diff);
    assert_eq!((&details["added"], &details["is_new"]), (&json!(1), &json!(false)));
    has(done[2].ok(), "nothing changed");
    done[3].error(&["`a/b` is a folder"]);
    done[4].error(&["a part of the path is not a folder"]);
    assert_eq!(bench.bytes("a/b/c.txt"), "one\n2é".as_bytes());
}

#[test]
fn write_replaces_what_cannot_be_compared() {
    let bench = Bench::new();
    bench.file("binary", b"\0\xff").file("large", "x\n".repeat(400_000));
    let done = bench.calls(json!([
        ["write", { "path": "binary", "content": "text" }],
        ["write", { "path": "large", "content": "text" }],
    ]));
    for (outcome, name) in done.iter().zip(["binary", "large"]) {
        outcome.ok();
        assert!(outcome.details().get("diff").is_none(), "{name}");
        assert_eq!(bench.bytes(name), b"text");
    }
}

// edit --------------------------------------------------------------------------------------------

const SOURCE: &str =
    "fn main() {\n    let x = 1;\n    print(x);\n}\n\nfn other() {\n    let x = 1;\n}\n";

#[test]
fn edit_replaces_several_passages_of_the_text_as_it_was() {
    let bench = Bench::new();
    bench.file("m.rs", SOURCE);
    // One after the other, the second would hit the text that the first puts in.
    let edits = json!([
        { "old_text": "print(x);", "new_text": "fn other() {}" },
        {
            "old_text": "fn other() {\n    let x = 1;",
            "new_text": "fn another() {\n    let x = 2;",
        },
    ]);
    let done = bench.call("edit", json!({ "path": "m.rs", "edits": edits }));
    assert_eq!(done.ok(), "Edited `m.rs`: 2 places replaced (+3 -3 lines).");
    let expected = SOURCE.replace("fn other() {\n    let x = 1;", "fn another() {\n    let x = 2;");
    let expected = expected.replace("print(x);", "fn other() {}");
    assert_eq!(bench.bytes("m.rs"), expected.as_bytes());
    let details = done.details();
    assert_eq!((&details["first_line"], &details["added"]), (&json!(3), &json!(3)));
    let diff = details["diff"].as_str().expect("there is a diff");
    has(diff, "-    print(x);\n+    fn other() {}\n");
}

#[test]
fn edit_keeps_line_ends_and_the_byte_order_mark() {
    let bench = Bench::new();
    bench.file("dressed.txt", "\u{FEFF}one\r\ntwo\r\nthree\r\n");
    bench.file("mixed.txt", "a\nb\nc\r\nd\r\n").file("bytes.txt", b"caf\xe9\r\nx\r\n");
    let done = bench.calls(json!([
        ["edit", { "path": "dressed.txt", "old_text": "one\ntwo\n", "new_text": "1\n2\n2b\n" }],
        ["edit", { "path": "dressed.txt", "old_text": "three", "new_text": "3\r\n4" }],
        ["edit", { "path": "mixed.txt", "edits": [
            { "old_text": "a\nb", "new_text": "A\nB\nB" },
            { "old_text": "\nd\n", "new_text": "\nD\nE\n" },
        ] }],
        ["edit", { "path": "bytes.txt", "old_text": "\nx", "new_text": "\ny" }],
    ]));
    done.iter().for_each(Outcome::assert_ok);
    assert_eq!(bench.bytes("dressed.txt"), "\u{FEFF}1\r\n2\r\n2b\r\n3\r\n4\r\n".as_bytes());
    assert_eq!(bench.bytes("mixed.txt"), b"A\nB\nB\nc\r\nD\r\nE\r\n");
    assert_eq!(bench.bytes("bytes.txt"), b"caf\xe9\r\ny\r\n");
    let diff = done[0].details()["diff"].as_str().expect("there is a diff");
    assert_eq!(diff, "@@ -1,3 +1,4 @@\n-one\n-two\n+1\n+2\n+2b\n three\n");
}

#[test]
fn edit_refuses_what_does_not_fit_and_changes_nothing() {
    let bench = Bench::new();
    bench.file("m.rs", SOURCE);
    let edit = |edits: Value| json!(["edit", { "path": "m.rs", "edits": edits }]);
    let good = json!({ "old_text": "print(x);", "new_text": "" });
    let done = bench.calls(json!([
        edit(json!([good, { "old_text": "let x = 1;", "new_text": "let x = 2;" }])),
        edit(json!([{ "old_text": "1;\n    print", "new_text": "" }, good])),
        edit(json!([good, { "old_text": "", "new_text": "x" }])),
        edit(json!([good, { "old_text": "fn main", "new_text": "fn main" }])),
        edit(json!([
            { "old_text": "print(x);", "new_text": "show(y);" },
            { "old_text": "show(y)", "new_text": "" },
        ])),
        edit(json!([])),
        ["edit", { "path": "n.rs", "old_text": "a", "new_text": "b" }],
        ["edit", { "path": ".", "old_text": "a", "new_text": "b" }],
    ]));
    done[0].error(&["`m.rs` was not changed", "edits[1]", "2 times", "lines 2, 7", "replace_all"]);
    done[1].error(&["edits[0] and edits[1] overlap on line 3"]);
    done[2].error(&["edits[1]: old_text is empty"]);
    done[3].error(&["edits[1]: old_text and new_text are the same"]);
    done[4].error(&["edits[1]", "new_text of another edit"]);
    done[5].error(&["/edits"]);
    done[6].error(&["no file `n.rs`", "`m.rs`", "write"]);
    done[7].error(&["`.` is a folder"]);
    assert_eq!(bench.bytes("m.rs"), SOURCE.as_bytes());
}

#[test]
fn edit_shows_what_was_probably_meant() {
    let bench = Bench::new();
    bench.file("m.rs", SOURCE);
    let done = bench.calls(json!([
        ["edit", { "path": "m.rs", "old_text": "let x = 1;\n  print( x );\n}", "new_text": "" }],
        ["edit", { "path": "m.rs", "old_text": "  let x = 2;\n    println(x);", "new_text": "" }],
        ["edit", { "path": "m.rs", "old_text": "unlike anything", "new_text": "" }],
    ]));
    let blanks = done[0].error(&["Only blanks differ from lines 2-4"]);
    has(blanks, "\n2:     let x = 1;\n3:     print(x);\n4: }");
    done[1].error(&["Nearest is lines 2-3:\n2:     let x = 1;\n3:     print(x);"]);
    done[2].error(&["Nothing is like it", "Read the file again"]);
}

#[test]
fn edit_takes_other_names_and_replaces_everywhere_when_asked() {
    let bench = Bench::new();
    bench.file("m.rs", SOURCE);
    let as_text = json!([{ "old_text": "print", "new_text": "show" }]).to_string();
    let done = bench.calls(json!([
        ["edit", {
            "path": "m.rs",
            "edits": [{ "oldText": "x = 1", "newText": "x = 2", "replaceAll": true }],
        }],
        ["edit", { "file_path": "m.rs", "old_string": "fn main", "new_string": "fn start" }],
        ["edit", { "path": "m.rs", "edits": as_text }],
        ["edit", { "path": "m.rs", "edits": { "old_text": "other", "new_text": "next" } }],
    ]));
    done.iter().for_each(Outcome::assert_ok);
    has(done[0].text(), "2 places");
    let expected = SOURCE.replace("x = 1", "x = 2").replace("main", "start");
    let expected = expected.replace("print", "show").replace("other", "next");
    assert_eq!(String::from_utf8_lossy(&bench.bytes("m.rs")), expected);
}

// bash --------------------------------------------------------------------------------------------

#[test]
fn bash_gives_both_outputs_in_order_and_how_it_ended() {
    let bench = Bench::new();
    let bars = r"printf '10%%\r55%%\r100%%\r\033[K\n\033[31mred\033[0m\r\nplain\n'";
    let done = bench.calls(json!([
        ["bash", { "command": "echo a; echo b >&2; pwd; exit 3" }],
        ["bash", { "command": "printf x" }],
        ["bash", { "command": "true" }],
        ["bash", { "command": "kill -9 $$" }],
        ["bash", { "command": "sleep 1", "timeout": 601 }],
        ["bash", { "command": bars }],
    ]));
    let here = fs::canonicalize(bench.path("")).expect("it is there");
    let text = done[0].error(&["exit 3, "]);
    assert!(text.starts_with(&format!("a\nb\n{}\n[exit 3, ", here.display())), "{text}");
    let details = done[0].details();
    assert_eq!((&details["exit_code"], &details["truncated"]), (&json!(3), &json!(false)));
    assert!(details["duration_ms"].is_u64(), "{details}");
    assert!(done[1].ok().starts_with("x\n[exit 0, "), "{}", done[1].text());
    assert!(done[2].ok().starts_with("(no output)\n[exit 0, "), "{}", done[2].text());
    done[3].error(&["ended by SIGKILL"]);
    assert_eq!(done[3].details()["signal"], 9);
    done[4].error(&["maximum of 600", "/timeout"]);
    assert!(done[5].ok().starts_with("100%\nred\nplain\n[exit 0"), "{}", done[5].text());
    assert_eq!(
        bench.logs(),
        Vec::<PathBuf>::new(),
        "logs are only kept when something is left out"
    );
}

#[test]
fn bash_keeps_the_ends_of_a_long_output_and_all_of_it_in_a_file() {
    let bench = Bench::new();
    let done = bench.bash("seq 100000");
    let text = done.ok();
    has(text, "\n400\n[… 98000 lines, 577802 bytes, left out here; all of it is in ");
    has(text, " …]\n98401\n");
    has(text, "\n100000\n[exit 0, ");
    assert!(text.starts_with("1\n2\n") && text.len() <= 51 * 1024, "{}", text.len());
    let log = done.details()["log"].as_str().expect("there is a log");
    has(text, log);
    assert_eq!(fs::read_to_string(log).expect("it can be read"), numbered(100_000));
    assert_eq!(done.details()["truncated"], true);
}

#[test]
fn bash_bounds_any_output() {
    let bench = Bench::new();
    let done = bench.calls(json!([
        ["bash", { "command": "yes | head -c 200000000" }],
        ["bash", { "command": "head -c 100000000 /dev/zero | tr '\\0' x" }],
        ["bash", { "command": "head -c 3000000 /dev/urandom" }],
        ["bash", { "command": "head -c 300000 /dev/zero | tr '\\0' '\\377'" }],
        ["bash", { "command": "seq 100000 | sed 's/$/%/' | tr '\\n' '\\r'; echo; echo end" }],
    ]));
    for outcome in &done {
        let text = outcome.ok();
        assert!(text.len() < 52 * 1024, "{}", text.len());
        assert!(!text.contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    }
    has(done[0].text(), "[… 199996000 bytes left out here; the first 50 MiB of it are in ");
    has(done[1].text(), "[… 99948800 bytes left out here; ");
    has(done[3].text(), "[… 282934 bytes left out here; ");
    has(done[4].text(), "100000%\nend\n[exit 0, ");
    let log = Path::new(done[0].details()["log"].as_str().expect("there is a log"));
    assert_eq!(fs::metadata(log).expect("it is there").len(), 50 << 20);
}

#[test]
fn bash_is_not_held_up_by_control_strings_without_an_end() {
    let done = Bench::new().bash("yes $'\\033]' | tr -d '\\n' | head -c 200000");
    done.ok();
}

#[test]
fn bash_shows_its_output_while_it_runs() {
    let bench = Bench::new();
    // Each line waits until the one before was shown.
    let command = "for i in 1 2 3 4 5; do echo line $i; \
                   until grep -q \"line $i\" shown 2>/dev/null; do sleep 0.01; done; done";
    bench.call("bash", json!({ "command": command, "timeout": 20 })).ok();
    let updates = bench.updates();
    let lines: String = (1..=5).map(|number| format!("line {number}\n")).collect();
    let expected: Vec<&str> = (1..=5).map(|number| &lines[..number * 7]).collect();
    assert_eq!(updates, expected);
}

#[test]
fn bash_commands_have_no_input_and_no_terminal() {
    let bench = Bench::new();
    let commit = "git init -q . && git -c user.name=a -c user.email=b commit --allow-empty";
    let done = bench.calls(json!([
        ["bash", { "command": "cat; read line || echo no line", "timeout": 20 }],
        ["bash", { "command": "cat </dev/tty", "timeout": 20 }],
        ["bash", { "command": "test -t 0 || test -t 1 || echo none", "timeout": 20 }],
        ["bash", { "command": commit, "timeout": 20 }],
    ]));
    assert!(done[0].ok().starts_with("no line\n"), "{}", done[0].text());
    done[1].error(&["/dev/tty", "exit 1"]);
    has(done[2].ok(), "none\n");
    done[3].error(&["exit "]);
}

#[test]
fn bash_leaves_nothing_running_and_does_not_wait_for_it() {
    let bench = Bench::new();
    let marked = Marked::new("left");
    let sleeper = Marked { word: format!("300.{}", std::process::id()) };
    // Both keep the pipe open; one left the session as well.
    let command = format!(
        "sleep {} & setsid {} </dev/null & \
         while ! grep -q up flag 2>/dev/null; do sleep 0.01; done; echo done",
        sleeper.word,
        marked.command("echo up >flag; while :; do sleep 0.05; done"),
    );
    let done = bench.bash(&command);
    assert!(done.ok().starts_with("done\n"), "{}", done.text());
    let ms = done.details()["duration_ms"].as_u64().expect("it is a number");
    assert!(ms < 10_000, "{ms} ms");
    marked.wait_until_gone();
    sleeper.wait_until_gone();
}

#[test]
fn bash_timeouts_end_everything_that_was_started() {
    let bench = Bench::new();
    let marked = Marked::new("deaf");
    let deaf = marked.command("trap '' TERM HUP INT; echo up; while :; do sleep 0.05; done");
    let command = format!("setsid {deaf} & ({deaf} &) ; {deaf}");
    let done = bench.call("bash", json!({ "command": command, "timeout": 1 }));
    done.error(&["up\n", "timed out after 1 s"]);
    let details = done.details();
    assert_eq!((&details["timed_out"], details.get("exit_code")), (&json!(true), None));
    let ms = details["duration_ms"].as_u64().expect("it is a number");
    assert!(ms < 20_000, "{ms} ms");
    marked.wait_until_gone();
}

/// As in a container that runs zi without an init of its own.
#[test]
fn bash_works_where_the_session_began_outside_of_the_namespace() {
    let apart = ["--pid", "--fork", "--mount-proc"];
    let can = Command::new("unshare").args(apart).arg("true").output();
    if !can.is_ok_and(|done| done.status.success()) {
        eprintln!("not tested: this machine gives no process namespace");
        return;
    }
    let zi = zi_testkit::Zi::new("unshare").args(apart).arg(env!("CARGO_BIN_EXE_zi"));
    let done = zi
        .args([
            "--model",
            "demo",
            "--json",
            "-p",
            "run `(sleep 300 & setsid sleep 300 &) ; echo up`",
        ])
        .run();
    assert_eq!((done.code, done.stderr.as_str()), (Some(0), ""));
    has(&done.messages("tool_result")[0].to_string(), "up\\n");
}

/// Processes that carry a unique word as an argument. What is left of them ends with the test.
struct Marked {
    word: String,
}

impl Marked {
    fn new(name: &str) -> Self {
        Self { word: format!("zi-test-{name}-{}", std::process::id()) }
    }

    /// A shell that runs `script` under the word.
    fn command(&self, script: &str) -> String {
        format!("sh -c \"{script}\" {}", self.word)
    }

    fn alive(&self) -> Vec<String> {
        let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
        pids.filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
            .filter(|pid| {
                let args = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                // Only as an argument of its own: the shell that starts them has it in its text.
                args.split(|byte| *byte == 0).any(|arg| arg == self.word.as_bytes())
            })
            .collect()
    }

    #[track_caller]
    fn wait_until_gone(&self) {
        let started = Instant::now();
        while !self.alive().is_empty() {
            assert!(started.elapsed() < PATIENCE, "still there: {:?}", self.alive());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Marked {
    fn drop(&mut self) {
        for pid in self.alive() {
            Command::new("kill").args(["-9", &pid]).status().ok();
        }
    }
}

// grep, find, ls ----------------------------------------------------------------------------------

fn tree() -> Bench {
    let bench = Bench::new();
    bench.file(".gitignore", "ignored/\n*.log\n").file("ignored/a.rs", "needle\n");
    bench.file("src/main.rs", "one\nneedle 1\nthree\nfour\nNeedle 5\n").file("b.log", "needle\n");
    bench
        .file("src/inner/deep.py", "a needle\n")
        .file(".hidden", "needle\n")
        .file("z.txt", "a.b(\n");
    bench
}

#[test]
fn grep_gives_places_and_leaves_out_what_git_ignores() {
    let bench = tree();
    let done = bench.calls(json!([
        ["grep", { "pattern": "ne+dle" }],
        ["grep", { "pattern": "needle", "ignore_case": true, "path": "src", "glob": "*.rs" }],
        ["grep", { "pattern": "a.b(", "literal": true }],
        ["grep", { "pattern": "three", "context": 1 }],
        ["grep", { "pattern": "needle", "limit": 1 }],
        ["grep", { "pattern": "needle", "path": "ignored/a.rs" }],
        ["grep", { "pattern": "absent" }],
        ["grep", { "pattern": "three\\nfour" }],
    ]));
    assert_eq!(done[0].ok(), "src/inner/deep.py:1: a needle\nsrc/main.rs:2: needle 1");
    assert_eq!(done[1].ok(), "src/main.rs:2: needle 1\nsrc/main.rs:5: Needle 5");
    assert_eq!(done[2].ok(), "z.txt:1: a.b(");
    assert_eq!(done[3].ok(), "src/main.rs-2- needle 1\nsrc/main.rs:3: three\nsrc/main.rs-4- four");
    has(
        done[4].ok(),
        "src/inner/deep.py:1: a needle\n[There are more matches than these 1. Narrow",
    );
    assert_eq!(done[4].details()["truncated"], true);
    assert_eq!(done[5].ok(), "ignored/a.rs:1: needle", "what is named is searched");
    has(done[6].ok(), "No matches");
    assert_eq!(done[7].ok(), "src/main.rs:3: three\nfour");
}

#[test]
fn grep_groups_distant_matches_and_bounds_its_text() {
    let bench = Bench::new();
    bench
        .file("a.txt", "x\n1\n2\n3\nx\n")
        .file("wide.txt", format!("y{}\n", "é".repeat(600)).repeat(200));
    let done = bench.calls(json!([
        ["grep", { "pattern": "x", "context": 1 }],
        ["grep", { "pattern": "^y", "limit": 200 }],
    ]));
    assert_eq!(done[0].ok(), "a.txt:1: x\na.txt-2- 1\n--\na.txt-4- 3\na.txt:5: x");
    let text = done[1].ok();
    assert!(text.len() < 52 * 1024, "{}", text.len());
    has(text, "é…\n");
    has(text, "lines of 200. Narrow");
}

#[test]
fn grep_says_what_is_wrong_with_a_search() {
    let bench = tree();
    let done = bench.calls(json!([
        ["grep", { "pattern": "a(b" }],
        ["grep", { "pattern": "a", "glob": "x[" }],
        ["grep", { "pattern": "a", "path": "scr" }],
    ]));
    done[0].error(&["no regular expression", "literal", "unclosed group"]);
    let text = done[1].error(&["glob", "x[", "unclosed character class"]);
    assert!(!text.contains("zi.fs") && !text.contains("traceback"), "{text}");
    done[2].error(&["nothing at `scr`", "Did you mean `src`?"]);
}

#[test]
fn find_gives_sorted_paths_and_leaves_out_what_git_ignores() {
    let bench = tree();
    let here = bench.path("");
    let absolute = format!("{}/src/**/*.py", here.display());
    let done = bench.calls(json!([
        ["find", { "pattern": "*.{rs,py}" }],
        ["find", { "pattern": "**/*.rs", "path": "src" }],
        ["find", { "pattern": "*", "type": "dir" }],
        ["find", { "pattern": ".h*" }],
        ["find", { "pattern": absolute }],
        ["find", { "pattern": "*", "limit": 1 }],
        ["find", { "pattern": "*.c" }],
        ["find", { "pattern": "a[" }],
        ["find", { "pattern": "*", "path": "scr" }],
        ["find", { "pattern": "*", "path": "z.txt" }],
    ]));
    assert_eq!(done[0].ok(), "src/inner/deep.py\nsrc/main.rs");
    assert_eq!(done[1].ok(), "src/main.rs");
    assert_eq!(done[2].ok(), "src/\nsrc/inner/");
    assert_eq!(done[3].ok(), ".hidden");
    assert_eq!(done[4].ok(), "src/inner/deep.py");
    has(done[5].ok(), "src/inner/deep.py\n[There are more than these 1.");
    has(done[6].ok(), "Nothing fits `*.c`");
    done[7].error(&["`a[` is no pattern", "unclosed character class"]);
    done[8].error(&["no folder `scr`", "`src`"]);
    done[9].error(&["`z.txt` is not a folder"]);
}

#[test]
fn ls_marks_folders_and_gives_sizes() {
    let bench = tree();
    std::os::unix::fs::symlink("src", bench.path("link")).expect("it can be made");
    fs::create_dir(bench.path("void")).expect("it is new");
    let done = bench.calls(json!([
        ["ls", {}],
        ["ls", { "path": "void" }],
        ["ls", { "path": "none" }],
        ["ls", { "path": "z.txt" }],
        ["ls", { "limit": 2 }],
    ]));
    let expected = "ignored/\nsrc/\nvoid/\n.gitignore  15 bytes\n.hidden  7 bytes\nb.log  7 bytes\n\
                    link  link\nz.txt  5 bytes";
    assert_eq!(done[0].ok(), expected);
    assert_eq!(done[1].ok(), "`void` is empty.");
    done[2].error(&["no folder `none`"]);
    done[3].error(&["`z.txt` is a file"]);
    assert!(done[4].ok().starts_with("ignored/\nsrc/\n[These are 2 of 8 entries."));
}
