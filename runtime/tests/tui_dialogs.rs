//! Dialogs, views of extensions and hostile text in the terminal interface, from the outside.

mod screen;

use std::fs;

use screen::{
    above, against, call, command, demo, draft, escape, halting, has, heard, idle, leave, open,
    quit, ready, repository, row_with, rows, say, terminal, text, wait_for_draft, wait_gone,
    wait_until,
};
use serde_json::json;
use zi_testkit::{PtyRun, Reply, Server, Zi, openai, vt100};

// Dialogs -----------------------------------------------------------------------------------------

#[test]
fn help_and_keys_list_what_there_is() {
    let run = terminal(&demo()).size(120, 200).start();
    ready(&run);
    command(&run, "/help");
    run.wait_for("the commands", |screen| {
        [
            "/new",
            "/resume",
            "/model",
            "/theme",
            "/copy",
            "/extensions",
            "/compact",
            "/back",
            "/fork",
            "/name",
            "/export",
            "/exit",
            "/yolo",
        ]
        .iter()
        .all(|name| has(screen, name))
    });
    run.wait_for("the keys", |screen| has(screen, "ctrl+o") && has(screen, "alt+enter"));
    escape(&run);
    wait_gone(&run, "esc closes");
    command(&run, "/keys");
    run.wait_for_text("expand_all");
    run.key("q");
    wait_gone(&run, "expand_all");
    leave(run);
}

#[test]
fn escape_closes_every_dialog_and_changes_nothing() {
    let zi = demo();
    let run = open(&zi);
    say(&run, "list");
    run.wait_for_text("rules, not a language model");
    idle(&run);
    for (name, title) in [
        ("/model", "─ Model "),
        ("/reasoning", "─ Thinking "),
        ("/theme", "─ Theme "),
        ("/extensions", "─ Extensions "),
        ("/back", "─ Go back to "),
        ("/fork", "─ Fork from "),
        ("/help", "─ Help "),
    ] {
        let before = run.look(above);
        command(&run, name);
        run.wait_for(title, |screen| {
            has(screen, title.trim_start_matches('─').trim_end()) && draft(screen).is_empty()
        });
        escape(&run);
        run.wait_for(&format!("{name} gone"), |screen| above(screen) == before);
    }
    leave(run);
}

#[test]
fn a_new_session_begins_and_the_old_one_is_resumed() {
    let server = Server::start();
    server.reply(text("the first answer"));
    server.reply(text("the second answer"));
    let run = open(&against(&server));
    say(&run, "begin one");
    run.wait_for_text("the first answer");
    idle(&run);
    command(&run, "/new");
    wait_gone(&run, "the first answer");
    say(&run, "begin two");
    run.wait_for_text("the second answer");
    assert_eq!(heard(&server.requests()[1]), ["begin two"]);
    idle(&run);
    command(&run, "/resume");
    run.wait_for_text("begin one");
    run.key("enter");
    run.wait_for_text("the first answer");
    wait_gone(&run, "the second answer");
    leave(run);
}

#[test]
fn a_session_to_resume_is_chosen_from_the_command_line() {
    let zi = demo();
    let run = open(&zi);
    say(&run, "list");
    run.wait_for_text("rules, not a language model");
    leave(run);
    let again = terminal(&zi.another().args(["--model", "demo", "-r"])).start();
    again.wait_for_text("Resume a session");
    again.wait_for_text("list");
    again.key("enter");
    again.wait_for_text("rules, not a language model");
    leave(again);
}

#[test]
fn a_command_that_begins_anew_ends_the_run_first_and_one_that_shows_does_not() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(halting("being said", &gate, " still"));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("being said");
    command(&run, "/help");
    run.wait_for_text("esc closes");
    escape(&run);
    wait_gone(&run, "esc closes");
    run.wait_for_text("esc stops");
    command(&run, "/clear");
    wait_gone(&run, "being said");
    server.wait_for_hang_up(0);
    leave(run);
    gate.open();
}

#[test]
fn going_back_puts_the_words_into_the_draft() {
    let server = Server::start();
    server.reply(text("the first answer"));
    server.reply(text("the second answer"));
    server.reply(text("the third answer"));
    let run = open(&against(&server));
    say(&run, "say one");
    run.wait_for_text("the first answer");
    idle(&run);
    say(&run, "say two");
    run.wait_for_text("the second answer");
    idle(&run);
    escape(&run);
    escape(&run);
    run.wait_for_text("Go back to");
    run.key("enter");
    wait_for_draft(&run, "say two");
    wait_gone(&run, "the second answer");
    run.send("!");
    run.key("enter");
    run.wait_for_text("the third answer");
    assert_eq!(heard(&server.requests()[2]), ["say one", "say two!"]);
    command(&run, "/fork");
    run.wait_for_text("Fork from");
    run.key("down");
    run.key("enter");
    wait_gone(&run, "the third answer");
    leave(run);
}

#[test]
fn a_session_is_named_compacted_and_exported() {
    let zi = demo();
    let run = open(&zi);
    say(&run, "list");
    run.wait_for_text("rules, not a language model");
    idle(&run);
    command(&run, "/name the roof");
    run.wait_for("the name in the status line", |screen| {
        rows(screen).last().is_some_and(|row| row.contains("the roof"))
    });
    command(&run, "/export out.md");
    run.wait_for_text("written to out.md");
    assert!(fs::read_to_string(zi.cwd().join("out.md")).expect("it is there").contains("list"));
    command(&run, "/export out.pdf");
    run.wait_for_text("takes a name that ends in");
    for name in ["one", "two", "three"] {
        say(&run, &format!("read {name}"));
        run.wait_for_text(&format!("I read {name}."));
        idle(&run);
    }
    command(&run, "/compact");
    run.wait_for_text("Summary of what was said before");
    leave(run);
}

#[test]
fn the_model_and_the_theme_are_chosen() {
    let zi = demo();
    let run = open(&zi);
    command(&run, "/model demo/demo");
    run.wait_for_text("the model is demo/demo");
    command(&run, "/model no-such");
    run.wait_for_text("no-such");
    let background = |run: &PtyRun| run.cell(50, 10).map(|cell| format!("{:?}", cell.bgcolor()));
    let accent = |run: &PtyRun| {
        let at = run.look(|screen| row_with(screen, "›")).expect("an editor");
        run.cell(0, at).map(|cell| format!("{:?}", cell.fgcolor()))
    };
    let before = (background(&run), accent(&run));
    command(&run, "/theme");
    run.wait_for_text("enter keeps it");
    run.send("light");
    run.wait_for("one theme", |screen| has(screen, "light") && !has(screen, "dark"));
    run.key("enter");
    wait_gone(&run, "enter keeps it");
    wait_until("other colours", || (background(&run), accent(&run)) != before);
    leave(run);
    let again = open(&zi.another().args(["--model", "demo"]));
    wait_until("the theme is remembered", || (background(&again), accent(&again)) != before);
    leave(again);
}

/// Presses a key until the screen says that it was heard: a question takes no keys that were on their
/// way when it appeared.
fn press_until(run: &PtyRun, key: &str, heard: impl Fn(&vt100::Screen) -> bool) {
    let start = std::time::Instant::now();
    while !run.look(&heard) {
        assert!(start.elapsed() < zi_testkit::PATIENCE, "{key} is not heard:\n{}", run.screen());
        run.key(key);
        std::thread::sleep(std::time::Duration::from_millis(350));
    }
}

#[test]
fn tools_run_only_after_asking_if_that_is_wanted() {
    let server = Server::start();
    let run_of =
        |id: &str, words: &str| (id.to_owned(), json!({ "command": format!("echo {words}") }));
    let calls: Vec<_> = ["ran-one", "ran-two", "ran-three", "ran-four"]
        .iter()
        .enumerate()
        .map(|(n, words)| run_of(&format!("c{n}"), words))
        .collect();
    for (id, arguments) in &calls {
        server.reply(call(id, "bash", arguments));
    }
    server.reply(text("all done"));
    let run = open(&against(&server).arg("--no-yolo"));
    say(&run, "go");
    run.wait_for_text("Run bash?");
    run.wait_for_text("echo ran-one");
    press_until(&run, "enter", |screen| has(screen, "Run bash?") && has(screen, "echo ran-two"));
    press_until(&run, "escape", |screen| has(screen, "Run bash?") && has(screen, "echo ran-three"));
    press_until(&run, "down", |screen| has(screen, "› always bash"));
    run.key("down");
    run.key("down");
    run.wait_for_text("› no");
    run.key("enter");
    run.wait_for("the last question", |screen| {
        has(screen, "Run bash?") && has(screen, "echo ran-four")
    });
    press_until(&run, "down", |screen| has(screen, "› always bash"));
    run.key("enter");
    run.wait_for_text("all done");
    let last = server.wait_for_requests(5).pop().expect("a request").json();
    let results: Vec<String> = last["messages"]
        .as_array()
        .expect("messages")
        .iter()
        .filter(|message| message["role"] == "tool")
        .map(|message| message["content"].to_string())
        .collect();
    assert!(results[0].contains("ran-one"), "{results:?}");
    assert!(results[1].contains("refused") && !results[1].contains("ran-two"), "{results:?}");
    assert!(results[2].contains("refused"), "{results:?}");
    assert!(results[3].contains("ran-four"), "{results:?}");
    // Always for this tool means: not asked again.
    server.reply(call("d", "bash", &json!({ "command": "echo ran-five" })));
    server.reply(call("e", "ls", &json!({})));
    server.reply(text("finished"));
    idle(&run);
    say(&run, "more");
    run.wait_for_text("Run ls?");
    press_until(&run, "enter", |screen| has(screen, "finished"));
    idle(&run);
    command(&run, "/yolo");
    run.wait_for_text("without asking");
    server.reply(call("f", "ls", &json!({})));
    server.reply(text("the very end"));
    say(&run, "again");
    run.wait_for_text("the very end");
    leave(run);
}

#[test]
fn several_questions_wait_and_a_stop_takes_them_all_away() {
    let server = Server::start();
    let calls = openai::Answer::new()
        .tool_call("a", "ls", "{}")
        .tool_call("b", "ls", "{\"path\":\".\"}")
        .tool_call("c", "ls", "{\"path\":\"..\"}");
    server.reply(Reply::sse(calls.sse()));
    server.reply(text("heard"));
    let run = open(&against(&server).arg("--no-yolo"));
    say(&run, "go");
    run.wait_for_text("Run ls?");
    assert_eq!(rows_with(&run, "Run ls?"), 1);
    // The command ends the run; the questions go with it.
    run.key("ctrl+c");
    run.key("ctrl+c");
    let ended = run.end();
    assert_eq!(ended.status.code(), Some(0));
    assert!(ended.is_restored && ended.modes.on().is_empty());
    assert_eq!(server.requests().len(), 1);
}

fn rows_with(run: &PtyRun, text: &str) -> usize {
    run.look(|screen| rows(screen).iter().filter(|row| row.contains(text)).count())
}

#[test]
fn no_dialog_breaks_at_any_size() {
    let zi = demo();
    let run = terminal(&zi).start();
    ready(&run);
    say(&run, "list");
    run.wait_for_text("rules, not a language model");
    for name in ["/help", "/model", "/theme", "/back", "/extensions"] {
        run.resize(100, 30);
        ready(&run);
        command(&run, name);
        run.wait_for(&format!("{name} open"), |screen| has(screen, "╮"));
        for (columns, rows) in
            (1..=20).flat_map(|columns| (1..=10).map(move |rows| (columns, rows)))
        {
            let before = run.output_length();
            run.resize(columns, rows);
            // A frame for some of them: what comes while one is drawn is drawn with the next.
            if (columns + rows) % 5 == 0 {
                run.wait_for_output(before, "\x1b[?2026l");
            }
        }
        run.key("down");
        run.resize(100, 30);
        run.wait_for("the dialog again", |screen| has(screen, "╮"));
        escape(&run);
        wait_gone(&run, "╮");
    }
    say(&run, "list");
    run.wait_for("an answer", |screen| above(screen).matches("rules, not").count() >= 1);
    idle(&run);
    leave(run);
}

// Views of extensions -----------------------------------------------------------------------------

const HELLO: &str = r#"
return function(zi)
zi.command({
name = "hello",
description = "Show a greeting.",
handler = function(args, ctx)
ctx.ui.render({
id = "hello-command",
slot = { kind = "overlay", preset = "centered" },
focus = true,
keys = { { key = "escape", action = "close" }, { key = "q", action = "close" } },
root = {
type = "view",
style = { chrome = { kind = "frame", title = "hello", border = "rounded", tone = "muted" }, padding = 1 },
children = { { type = "text", text = "hello, " .. (args or "zi") } },
},
})
end,
})
end
"#;

#[test]
fn the_greeting_has_the_keyboard_until_it_is_closed() {
    let zi = demo().home_file("extensions/hello.lua", HELLO);
    let run = open(&zi);
    for key in ["escape", "q"] {
        command(&run, "/hello you");
        run.wait_for_text("hello, you");
        run.wait_for_text("╭");
        run.send("zzz");
        run.key(key);
        wait_gone(&run, "hello, you");
        assert_eq!(run.look(draft), "", "typed letters do not reach the draft");
    }
    run.send("x");
    wait_for_draft(&run, "x");
    run.key("ctrl+u");
    leave(run);
}

/// Writes what happens in its views into the status line.
const VIEWS: &str = r##"
-- name: views
-- description: Views for a test.
-- api: 1
local seen = {}
local function show(ctx)
  ctx.ui.render({ id = "seen", slot = "editor.above", root = { type = "text", wrap = "none", text = "seen:" .. table.concat(seen, ",") } })
end
zi.on("ui", function(event, ctx)
  local what = event.action or event.key or event.type
  if event.type == "change" or event.type == "submit" then what = event.type .. "=" .. event.value end
  seen[#seen + 1] = event.view .. "/" .. what
  show(ctx)
  if event.action == "close" then ctx.ui.render({ id = event.view, remove = true }) end
end)
local function box(ctx, id, spec)
  spec.id, spec.slot, spec.focus = id, spec.slot or { kind = "overlay" }, spec.focus ~= false
  spec.root = spec.root or { type = "text", text = "box " .. id }
  assert(ctx.ui.render(spec))
end
zi.command({ name = "two", description = "x", handler = function(_, ctx)
  box(ctx, "low", { order = 1, keys = { { key = "x", action = "low-x" }, { key = "escape", action = "close" } }, slot = { kind = "overlay", anchor = "top_left" } })
  box(ctx, "top", { order = 2, keys = { { key = "x", action = "top-x" } }, slot = { kind = "overlay", lifetime = "until_input", anchor = "bottom_right" } })
end })
zi.command({ name = "ask", description = "x", handler = function(_, ctx)
  box(ctx, "ask", { keys = { { key = "escape", action = "close" } }, root = { type = "input", id = "name", value = "", placeholder = "your name" } })
end })
zi.command({ name = "beside", description = "x", handler = function(_, ctx)
  box(ctx, "beside", { focus = false, slot = { kind = "overlay", preset = "top_toast" } })
end })
zi.command({ name = "sheet", description = "x", handler = function(_, ctx)
  box(ctx, "sheet", { keys = { { key = "escape", action = "close" } }, slot = { kind = "overlay", preset = "ivy", max_height = "55%" }, root = { type = "view", style = { chrome = { kind = "frame", title = "sheet" } }, children = { { type = "text", text = ("line\n"):rep(40) } } } })
end })
zi.command({ name = "tell", description = "x", handler = function(args, ctx)
  ctx.ui.notify(args, { id = "same", title = "Teller", level = "warn", ttl_ms = 60000 })
end })
zi.command({ name = "untell", description = "x", handler = function(_, ctx) ctx.ui.notify_clear("same") end })
zi.command({ name = "pixels", description = "x", handler = function(_, ctx)
  box(ctx, "pixels", { keys = { { key = "escape", action = "close" } }, root = { type = "surface", id = "s", style = { width = 4, height = 1 } } })
  local red, blue = "\xff\0\0\xff", "\0\0\xff\xff"
  assert(ctx.ui.frame({ view = "pixels", node = "s", width = 4, height = 2, format = "rgba8888", data = red:rep(4) .. blue:rep(4) }))
  local ok, err = ctx.ui.frame({ view = "pixels", node = "s", width = 4, height = 2, format = "rgba8888", data = "short" })
  ctx.ui.notify(ok and "taken" or "refused", { ttl_ms = 60000 })
end })
zi.command({ name = "edit-it", description = "x", handler = function(_, ctx)
  ctx.editor.set_text("set ")
  ctx.editor.insert_text("inserted")
end })
"##;

fn views() -> Zi {
    demo().home_file("extensions/views.lua", VIEWS)
}

fn seen(screen: &vt100::Screen) -> String {
    let y = row_with(screen, "seen:");
    y.map(|y| screen::row(screen, y).trim().to_owned()).unwrap_or_default()
}

#[test]
fn only_the_view_on_top_hears_keys_and_until_input_goes_with_the_first() {
    let run = open(&views());
    command(&run, "/two");
    run.wait_for("both boxes", |screen| has(screen, "box low") && has(screen, "box top"));
    run.send("x");
    run.wait_for("what the top heard", |screen| seen(screen) == "seen:top/top-x");
    wait_gone(&run, "box top");
    run.wait_for_text("box low");
    run.send("x");
    run.wait_for("what the other heard", |screen| seen(screen).ends_with("low/low-x"));
    assert!(run.look(draft).is_empty());
    escape(&run);
    wait_gone(&run, "box low");
    run.send("x");
    wait_for_draft(&run, "x");
    quit(run);
}

#[test]
fn an_input_is_edited_at_once_and_tells_every_edit() {
    let run = open(&views());
    command(&run, "/ask");
    run.wait_for_text("your name");
    run.send("ab");
    run.wait_for("the edits", |screen| seen(screen) == "seen:ask/change=a,ask/change=ab");
    run.key("enter");
    run.wait_for("the end", |screen| seen(screen).ends_with("ask/submit=ab"));
    escape(&run);
    run.wait_for("the editor", |screen| {
        draft(screen).is_empty() && seen(screen).ends_with("ask/close")
    });
    leave(run);
}

#[test]
fn a_view_beside_does_not_take_the_keyboard() {
    let run = open(&views());
    command(&run, "/beside");
    run.wait_for_text("box beside");
    run.send("typed");
    wait_for_draft(&run, "typed");
    run.key("ctrl+u");
    escape(&run);
    wait_gone(&run, "box beside");
    leave(run);
}

#[test]
fn a_sheet_is_at_the_bottom_and_keeps_to_its_height() {
    let run = open(&views());
    command(&run, "/sheet");
    run.wait_for_text("sheet");
    run.wait_for_text("line");
    let (top, bottom) = run.look(|screen| {
        let rows = rows(screen);
        let is_edge = |row: &String, c: char| row.starts_with(c);
        let top = rows.iter().position(|row| is_edge(row, '╭') || is_edge(row, '┌'));
        let bottom = rows.iter().rposition(|row| is_edge(row, '╰') || is_edge(row, '└'));
        (top.expect("a frame"), bottom.expect("a frame"))
    });
    assert_eq!(bottom, 29, "{}", run.screen());
    assert!(bottom - top < 17, "{}", run.screen());
    escape(&run);
    wait_gone(&run, "line");
    leave(run);
}

#[test]
fn news_of_the_same_name_shows_once_until_it_is_cleared() {
    let run = open(&views());
    command(&run, "/tell one");
    run.wait_for("the news", |screen| above(screen).contains("one"));
    command(&run, "/tell two");
    run.wait_for("the newer news", |screen| {
        above(screen).contains("two") && !above(screen).contains("one")
    });
    let x = run.look(|screen| {
        let y = row_with(screen, "two").expect("it is there");
        screen::row(screen, y).find("two").expect("it is there")
    });
    assert!(x > 50, "{}", run.screen());
    command(&run, "/untell");
    wait_gone(&run, "two");
    leave(run);
}

#[test]
fn pixels_are_half_blocks_in_their_colours() {
    let run = terminal(&views()).env("COLORTERM", "truecolor").start();
    ready(&run);
    command(&run, "/pixels");
    run.wait_for_text("▀▀▀▀");
    run.wait_for_text("refused");
    let (x, y) = run.look(|screen| {
        let y = row_with(screen, "▀▀▀▀").expect("it is there");
        let x = screen::row(screen, y).chars().position(|c| c == '▀').expect("it is there");
        (u16::try_from(x).expect("it fits"), y)
    });
    for at in x..x + 4 {
        let cell = run.cell(at, y).expect("a cell");
        assert_eq!(cell.fgcolor(), vt100::Color::Rgb(255, 0, 0));
        assert_eq!(cell.bgcolor(), vt100::Color::Rgb(0, 0, 255));
    }
    escape(&run);
    wait_gone(&run, "▀▀▀▀");
    leave(run);
}

#[test]
fn an_extension_writes_the_draft() {
    let run = open(&views());
    command(&run, "/edit-it");
    wait_for_draft(&run, "set inserted");
    run.key("ctrl+u");
    leave(run);
}

#[test]
fn the_animation_of_the_examples_plays_and_hears_keys() {
    let helper = repository("docs/examples/animation");
    let zi = demo().arg("-e").arg(helper);
    let run = terminal(&zi).size(130, 45).env("COLORTERM", "truecolor").start();
    ready(&run);
    command(&run, "/animation");
    run.wait_for_text("▀▀▀▀▀▀▀▀");
    let picture = |screen: &vt100::Screen| {
        (40..80)
            .filter_map(|x| {
                screen.cell(20, x).map(|cell| format!("{:?}{:?}", cell.fgcolor(), cell.bgcolor()))
            })
            .collect::<String>()
    };
    let before = run.look(picture);
    run.wait_for("another picture", |screen| picture(screen) != before);
    // Life is black and white, or nearly: few colours.
    run.send("3");
    run.wait_for("another scene", |screen| {
        let colours: std::collections::HashSet<String> = (5..110)
            .filter_map(|x| screen.cell(8, x).map(|cell| format!("{:?}", cell.fgcolor())))
            .collect();
        colours.len() < 8
    });
    run.key("q");
    wait_gone(&run, "▀▀▀▀▀▀▀▀");
    leave(run);
}

/// An extension that is slow to take in what the user does.
const SLOW: &str = r#"
-- name: slow
-- description: A view for a test.
-- api: 1
local function show(ctx, text)
  ctx.ui.render({ id = "slow", focus = true, slot = { kind = "overlay" },
    root = { type = "view", children = { { type = "text", text = "shows " .. text }, { type = "input", id = "i" } } } })
end
zi.command({ name = "slow", description = "x", handler = function(_, ctx)
  show(ctx, "nothing")
  while true do
    local event = ctx.ui.wait("slow")
    if not event or event.key == "escape" then break end
    -- It goes on only when the user has closed the view.
    while not zi.fs.exists("go-on") do zi.task.sleep(5) end
    show(ctx, event.value or event.key)
  end
  ctx.ui.notify("it is over", { ttl_ms = 60000 })
end })
"#;

#[test]
fn a_view_that_was_closed_is_not_brought_back_by_who_does_not_know_yet() {
    let zi = demo().home_file("extensions/slow.lua", SLOW);
    let run = open(&zi);
    for round in 0..2 {
        fs::remove_file(zi.cwd().join("go-on")).ok();
        command(&run, "/slow");
        run.wait_for_text("shows nothing");
        run.send("abc");
        escape(&run);
        wait_gone(&run, "shows nothing");
        fs::write(zi.cwd().join("go-on"), "").expect("it is written");
        run.wait_for("its end", |screen| {
            has(screen, "it is over") && (round == 0 || has(screen, "2×"))
        });
        assert!(!run.screen().contains("shows "), "{}", run.screen());
        run.send("x");
        wait_for_draft(&run, "x");
        run.key("ctrl+u");
        run.wait_for("an empty draft", |screen| draft(screen).is_empty());
    }
    leave(run);
}

#[test]
fn the_frames_of_a_job_are_shown_until_it_ends() {
    let zi = demo().arg("-e").arg(repository("docs/examples/frame-job.lua"));
    let run = terminal(&zi).env("COLORTERM", "truecolor").start();
    ready(&run);
    command(&run, "/plasma 6");
    run.wait_for_text("▀▀▀▀▀▀▀▀");
    let colours = run.look(|screen| {
        let y = row_with(screen, "▀▀▀▀▀▀▀▀").expect("it is there");
        (30..70)
            .filter_map(|x| screen.cell(y, x).map(|cell| format!("{:?}", cell.fgcolor())))
            .collect::<std::collections::HashSet<_>>()
    });
    assert!(colours.len() > 8, "{colours:?}");
    // It has no keyboard: what is typed meanwhile is typed.
    run.send("typed");
    wait_for_draft(&run, "typed");
    wait_gone(&run, "▀▀▀▀▀▀▀▀");
    quit(run);
}

#[test]
fn a_view_stays_in_order_when_its_extension_is_loaded_anew() {
    let zi = views().settings(&json!({ "watch": true }));
    let run = open(&zi);
    command(&run, "/ask");
    run.wait_for_text("your name");
    let changed = VIEWS.replace("your name", "another name");
    fs::write(zi.home().join("extensions/views.lua"), changed).expect("it is written");
    wait_gone(&run, "your name");
    run.send("free");
    wait_for_draft(&run, "free");
    run.key("ctrl+u");
    command(&run, "/ask");
    run.wait_for_text("another name");
    escape(&run);
    wait_gone(&run, "another name");
    leave(run);
}

#[test]
fn an_extension_that_spins_delays_no_key() {
    let spinning = "-- name: spinning\n-- description: x\n-- api: 1\n\
        zi.command({ name = \"spin\", description = \"x\", handler = function() while true do end end })\n";
    let run = open(&demo().home_file("extensions/spinning.lua", spinning));
    command(&run, "/spin");
    run.wait_for("an empty draft", |screen| draft(screen).is_empty());
    let mut slowest = std::time::Duration::ZERO;
    for letter in 'a'..='z' {
        slowest = slowest.max(run.time_echo(letter.to_string(), &letter.to_string()));
    }
    // Far above what it takes, and far below what a wait for the extension would take.
    assert!(slowest < std::time::Duration::from_millis(1000), "{slowest:?}");
    wait_for_draft(&run, "abcdefghijklmnopqrstuvwxyz");
    quit(run);
}

#[test]
fn calls_are_drawn_by_their_tool_and_a_fault_falls_back() {
    let tools = r#"
-- name: tools
-- description: Tools for a test.
-- api: 1
zi.tool({ name = "fine", description = "x", parameters = { type = "object" },
  render_call = function() return "drawn call" end,
  render_result = function(result) return "drawn " .. result.content[1].text end,
  execute = function() return "result" end })
zi.tool({ name = "broken", description = "x", parameters = { type = "object" },
  render_call = function() error("no drawing") end,
  execute = function() return "plain result" end })
"#;
    let server = Server::start();
    server.reply(call("a", "fine", &json!({})));
    server.reply(call("b", "broken", &json!({})));
    server.reply(text("done"));
    let run = open(&against(&server).home_file("extensions/tools.lua", tools));
    say(&run, "go");
    run.wait_for_text("done");
    run.wait_for_text("drawn call");
    run.wait_for_text("drawn result");
    run.wait_for_text("plain result");
    assert!(run.screen().contains("broken"), "{}", run.screen());
    leave(run);
}

// Hostile text ------------------------------------------------------------------------------------

/// What a model, a tool or a file could say to take over a terminal.
const HOSTILE: &[&str] = &[
    "\x07\x08\x0b\x0c\x0e\x0f\x7f",
    "\u{80}\u{84}\u{85}\u{8d}\u{90}\u{9b}31m\u{9c}\u{9d}0;x\u{9c}",
    "\x1b[2J\x1b[H\x1b[31mred\x1b[0m\x1b[?1049l\x1b[?25h\x1b[6n\x1b[c",
    "\x1b]0;title\x07\x1b]2;title\x1b\\\x1b]4;1;red\x07\x1b]7;file:///\x07",
    "\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\\x1b]9;note\x07\x1b]10;?\x07\x1b]11;?\x07",
    "\x1b]52;c;ZXZpbA==\x07\x1b]52;c;?\x07\x1b]133;A\x07\x1b]777;notify;a;b\x07\x1b]1337;File=:AA\x07",
    "\x1bP+q544e\x1b\\\x1bXsos\x1b\\\x1b^pm\x1b\\\x1b_Gf=24;AAAA\x1b\\\x1bPtmux;\x1b\x1b[2J\x1b\\",
    "\x1bkname\x1b\\\x1bc\x1b7\x1b8\x1bD\x1bM\x1b(0\x1b#8",
    "unterminated \x1b]0;for ever and ever",
    "unterminated \x1bP for ever",
    "unterminated \x1b[",
    "\u{202e}bidi\u{202c}\u{2066}isolate\u{200b}\u{feff}\u{e0041}",
];

#[test]
fn no_text_of_others_reaches_the_terminal_as_control() {
    let hostile = HOSTILE.concat();
    let server = Server::start();
    let arguments =
        json!({ "command": format!("printf '%s' 'result {hostile}'"), hostile.as_str(): 1 });
    let first = openai::Answer::new()
        .thinking("reasoning_content", &format!("thought {hostile}"))
        .text(&format!("said {hostile} [a]({hostile}) `{hostile}`\n\n```sh\n{hostile}\n```\n"))
        .tool_call("a", "bash", &arguments.to_string())
        .tool_call("b", "cat-hostile", "{}")
        .tool_call("c", &format!("name{hostile}"), "{}");
    server.reply(Reply::sse(first.sse()));
    server.reply(Reply::json(400, &json!({ "error": { "message": format!("error {hostile}") } })));
    let extension = r#"
-- name: hostile
-- description: Says what it is given.
-- api: 1
local function read() return assert(zi.fs.read("hostile.txt")) end
zi.tool({ name = "cat-hostile", description = "x", parameters = { type = "object" },
  render_call = function() return "call " .. read() end,
  render_result = function() return { lines = { { { text = "result " .. read() } } } } end,
  execute = function() return read() end })
zi.command({ name = "show", description = "x", handler = function(_, ctx)
  local text = read()
  ctx.ui.notify(text, { title = text, annote = text, ttl_ms = 60000 })
  ctx.notice("notice " .. text, "error")
  ctx.ui.title(text)
  zi.emit("statusline:segment", { id = "h", text = text })
  ctx.editor.set_text("set " .. text)
  for _, format in ipairs({ "plain", "ansi", "markdown" }) do
    ctx.ui.render({ id = format, focus = true, keys = { { key = "escape", action = text } }, slot = { kind = "overlay", preset = "centered" },
      root = { type = "view", style = { chrome = { kind = "frame", title = text, trailing = text } }, children = {
        { type = "text", text = "shown " .. text, format = format, link = "http://x/" .. text },
        { type = "input", id = "i", value = text, placeholder = text },
        { type = "chip", label = text }, { type = "progress", value = 0.5, label = text },
        { type = "list", id = "l", items = { { label = text, detail = text } } },
        { type = "table", columns = { { title = text } }, rows = { { text } } },
      } } })
  end
end })
"#;
    let zi = against(&server)
        .home_file("extensions/hostile.lua", extension)
        .file("hostile.txt", &hostile)
        .file(".git/HEAD", format!("ref: refs/heads/x{}\n", "\x1b]0;branch\x07"));
    let name = "file\x1b[2J\x1b]0;x\x07.txt";
    fs::write(zi.cwd().join(name), "x").expect("such names are allowed");
    let run = open(&zi);
    say(&run, "go");
    run.wait_for_text("said");
    run.wait_for_text("error");
    idle(&run);
    run.key("ctrl+o");
    run.send("see @file");
    run.wait_for("the file's name", |screen| above(screen).contains("file"));
    escape(&run);
    run.key("ctrl+u");
    run.paste(&hostile);
    run.key("ctrl+u");
    command(&run, "/show");
    run.wait_for_text("shown");
    for size in [(40, 12), (200, 60), (20, 6), (100, 30)] {
        run.resize(size.0, size.1);
        run.key("ctrl+l");
        run.wait_for("a frame", |screen| !rows(screen).concat().trim().is_empty());
    }
    let ended = quit(run);
    let output = String::from_utf8_lossy(&ended.output);
    assert!(!output.contains("\x1b]52;"), "the clipboard is the user's");
}
