//! What the tests of the terminal interface share: zi in a terminal, and ways to look at it.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::path::PathBuf;

use serde_json::{Value, json};
use zi_testkit::{Answers, Ended, Gate, Pty, PtyRun, Reply, Server, Zi, openai, vt100};

/// zi with the offline model, which answers at once.
pub fn demo() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).args(["--model", "demo"]).env("ZI_DEMO_DELAY_MS", "0")
}

/// zi with a model at `server`.
pub fn against(server: &Server) -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
        .settings(&json!({ "retry": { "base_ms": 1, "max_ms": 2 } }))
        .args(["--provider", "openai", "--model", "m", "--api-key", "k"])
        .args(["--base-url", server.url()])
}

/// A terminal of the size that most tests use.
pub fn terminal(zi: &Zi) -> Pty {
    zi.terminal().size(100, 30).answers(Answers::Frames)
}

/// Starts zi and waits until there is an editor.
pub fn open(zi: &Zi) -> PtyRun {
    let run = terminal(zi).start();
    ready(&run);
    run
}

/// Waits until the editor and the status line are there.
pub fn ready(run: &PtyRun) {
    run.wait_for("an editor", |screen| row_with(screen, "›").is_some());
    run.wait_for("a status line", |screen| {
        let rows = rows(screen);
        let rule = rows.iter().rposition(|row| is_rule(row));
        rule.and_then(|at| rows.get(at + 1)).is_some_and(|row| !row.is_empty())
    });
}

/// Says something.
pub fn say(run: &PtyRun, text: &str) {
    run.send(text);
    run.key("enter");
}

/// Runs a command by its name and its arguments; a completion that is on offer does not change it.
pub fn command(run: &PtyRun, text: &str) {
    run.send(text);
    run.wait_for(&format!("`{text}` in the draft"), |screen| {
        draft(screen).contains(text.trim_end())
    });
    run.key("enter");
}

/// Presses Escape as a terminal with the newer protocol tells of it: what is typed next cannot be taken
/// for the rest of a sequence.
pub fn escape(run: &PtyRun) {
    run.send("\x1b[27u");
}

/// Waits until nothing goes on any more. It has to have begun: an answer was seen.
pub fn idle(run: &PtyRun) {
    run.wait_for("the end of the run", |screen| {
        !has(screen, "esc stops") && !has(screen, "what you say now waits")
    });
}

/// Ends zi by Ctrl+C twice, whatever is in the draft.
pub fn quit(run: PtyRun) -> Ended {
    run.key("ctrl+c");
    run.wait_for_text("ctrl+c again");
    checked(run.end_with("ctrl+c"), 0)
}

/// Ends zi by Ctrl+D and checks what it leaves behind.
pub fn leave(run: PtyRun) -> Ended {
    checked(run.end_with("ctrl+d"), 0)
}

/// What has to be so however zi ends.
pub fn checked(ended: Ended, code: i32) -> Ended {
    assert_eq!(ended.status.code(), Some(code), "{}", ended.screen);
    assert!(ended.is_restored, "the terminal's settings are not what they were");
    assert!(ended.modes.on().is_empty(), "{:?}", ended.modes);
    ended.check_output();
    ended
}

// Answers -----------------------------------------------------------------------------------------

pub fn text(text: &str) -> Reply {
    Reply::sse(openai::text(text))
}

pub fn call(id: &str, name: &str, arguments: &Value) -> Reply {
    Reply::sse(openai::tool_call(id, name, arguments))
}

/// An answer that stands at a gate between two parts of its text.
pub fn halting(first: &str, gate: &Gate, second: &str) -> Reply {
    let body = openai::Answer::new()
        .delta(json!({ "content": first }))
        .delta(json!({ "content": second }))
        .sse();
    let body = String::from_utf8(body).expect("it is text");
    let events: Vec<&str> = body.split_inclusive("\n\n").collect();
    let (before, after) = events.split_at(2);
    Reply::sse(before.concat()).wait(gate).then(after.concat())
}

/// What the model heard from the user in a request, message by message.
pub fn heard(request: &zi_testkit::Request) -> Vec<String> {
    let body = request.json();
    let messages = body["messages"].as_array().cloned().unwrap_or_default();
    let of_user = messages.iter().filter(|message| message["role"] == "user");
    of_user.map(|message| content_text(&message["content"])).collect()
}

fn content_text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().filter_map(|part| part["text"].as_str()).collect(),
        _ => String::new(),
    }
}

// Looking -----------------------------------------------------------------------------------------

pub fn rows(screen: &vt100::Screen) -> Vec<String> {
    let (_, columns) = screen.size();
    screen.rows(0, columns.get()).map(|row| row.trim_end().to_owned()).collect()
}

pub fn row(screen: &vt100::Screen, y: u16) -> String {
    rows(screen).get(usize::from(y)).cloned().unwrap_or_default()
}

/// The first row that holds `text`.
pub fn row_with(screen: &vt100::Screen, text: &str) -> Option<u16> {
    let found = rows(screen).iter().position(|row| row.contains(text));
    found.and_then(|y| u16::try_from(y).ok())
}

pub fn has(screen: &vt100::Screen, text: &str) -> bool {
    row_with(screen, text).is_some()
}

/// The rules around the draft.
fn is_rule(row: &str) -> bool {
    row.starts_with("──")
}

/// What the editor says while nothing is in it.
const INVITATIONS: [&str; 2] = ["say what you want done", "what you say now waits"];

/// The rows of the draft: between the last two rules.
pub fn draft(screen: &vt100::Screen) -> String {
    let rows = rows(screen);
    let Some(bottom) = rows.iter().rposition(|row| is_rule(row)) else { return String::new() };
    let Some(top) = rows[..bottom].iter().rposition(|row| is_rule(row)) else {
        return String::new();
    };
    let marks = ['›', '!', ' '];
    let lines = rows[top + 1..bottom].iter().map(|row| row.trim_start_matches(marks));
    let text = lines.collect::<Vec<_>>().join("\n");
    if INVITATIONS.iter().any(|words| text.starts_with(words)) { String::new() } else { text }
}

/// What is above the draft.
pub fn above(screen: &vt100::Screen) -> String {
    let rows = rows(screen);
    let bottom = rows.iter().rposition(|row| is_rule(row)).unwrap_or(rows.len());
    let top = rows[..bottom].iter().rposition(|row| is_rule(row)).unwrap_or(bottom);
    rows[..top].join("\n")
}

pub fn wait_for_draft(run: &PtyRun, wanted: &str) {
    run.wait_for(&format!("a draft that is {wanted:?}"), |screen| draft(screen) == wanted);
}

pub fn wait_gone(run: &PtyRun, text: &str) {
    run.wait_for(&format!("a screen without `{text}`"), |screen| !has(screen, text));
}

/// Whether a process runs whose command line has `text` in it.
pub fn runs(text: &str) -> bool {
    let processes = std::fs::read_dir("/proc").expect("there are processes");
    processes.flatten().any(|process| {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).replace('\0', " ").contains(text)
    })
}

/// A command that goes on for long, and that no other run of the tests has.
pub fn long_command() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("sleep 45{count}.{}", std::process::id())
}

/// Waits until `condition` holds; for what no screen shows.
pub fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !condition() {
        assert!(start.elapsed() < zi_testkit::PATIENCE, "{what} did not come");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// A file of the repository.
pub fn repository(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// A PNG of so many pixels.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    use image::ImageEncoder as _;
    let pixels = vec![0x7f; (width * height * 3) as usize];
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&pixels, width, height, image::ExtendedColorType::Rgb8)
        .expect("it is encoded");
    bytes
}
