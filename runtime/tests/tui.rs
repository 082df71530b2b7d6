//! The terminal interface from the outside: the real program in a terminal.

mod screen;

use std::{fs, time::Duration};

use screen::{
    above, against, call, checked, command, demo, draft, escape, halting, has, heard, idle, leave,
    long_command, open, png, quit, ready, row, row_with, rows, runs, say, terminal, text,
    wait_for_draft, wait_gone, wait_until,
};
use serde_json::json;
use zi_testkit::{Reply, Server, Zi, openai};

// Beginning and ending ----------------------------------------------------------------------------

#[test]
fn it_opens_without_a_key_and_says_what_to_do() {
    let zi = Zi::new(env!("CARGO_BIN_EXE_zi"));
    let run = open(&zi);
    say(&run, "hello");
    run.wait_for_text("/login");
    // What could not be said is not lost.
    wait_for_draft(&run, "hello");
    escape(&run);
    leave(run);
}

#[test]
fn ctrl_c_clears_and_twice_ends_with_the_way_back() {
    let zi = demo();
    let run = open(&zi);
    say(&run, "list");
    run.wait_for_text("rules, not a language model");
    run.send("half a thought");
    wait_for_draft(&run, "half a thought");
    run.key("ctrl+c");
    run.wait_for_text("ctrl+c again ends zi");
    run.wait_for("an empty draft", |screen| draft(screen).is_empty());
    let ended = checked(run.end_with("ctrl+c"), 0);
    let id = ended.screen.split("zi --session ").nth(1).expect("the way back");
    let id = id.split('`').next().expect("an id").to_owned();
    let again = terminal(&zi.another().args(["--model", "demo", "--session", &id])).start();
    again.wait_for_text("rules, not a language model");
    leave(again);
}

#[test]
fn ctrl_d_deletes_to_the_right_and_ends_an_empty_draft() {
    let run = open(&demo());
    run.send("ab");
    run.key("home");
    run.key("ctrl+d");
    wait_for_draft(&run, "b");
    run.key("ctrl+d");
    run.wait_for("an empty draft", |screen| !has(screen, "› b"));
    let ended = leave(run);
    assert!(!ended.screen.contains("zi --session"), "nothing was kept: {}", ended.screen);
}

#[test]
fn commands_end_it() {
    for (name, code) in [("/exit", 0), ("/quit", 0)] {
        let run = open(&demo());
        command(&run, name);
        checked(run.end(), code);
    }
}

#[test]
fn a_signal_to_end_gives_the_terminal_back() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(halting("first words", &gate, "never said"));
    let zi = against(&server);
    let run = open(&zi);
    say(&run, "go");
    run.wait_for_text("first words");
    run.signal(zi_testkit::Signal::TERM);
    checked(run.end(), 143);
    gate.open();
}

#[test]
fn a_terminal_that_closes_ends_it_soon_with_all_that_was_said() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(halting("first words", &gate, "never said"));
    let zi = against(&server);
    let run = open(&zi);
    say(&run, "keep this");
    run.wait_for_text("first words");
    let start = std::time::Instant::now();
    let ended = run.hang_up();
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert_eq!(ended.status.code(), Some(129));
    let journal = journal(&zi);
    assert!(journal.contains("keep this") && journal.contains("first words"), "{journal}");
    for line in journal.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect("a whole line");
    }
    gate.open();
}

/// The journal of the only session.
fn journal(zi: &Zi) -> String {
    let folders = fs::read_dir(zi.home().join("sessions"))
        .or_else(|_| fs::read_dir(zi.home().join("state/sessions")));
    let files = folders.expect("sessions").flatten().flat_map(|folder| {
        fs::read_dir(folder.path()).into_iter().flatten().flatten().map(|file| file.path())
    });
    let files: Vec<_> = files.collect();
    assert_eq!(files.len(), 1, "{files:?}");
    fs::read_to_string(&files[0]).expect("it is text")
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_until_fg() {
    let zi = demo();
    let program = env!("CARGO_BIN_EXE_zi");
    let script = format!(
        "PS1='$ '; set -m; {program} --model demo; echo stopped $?; echo typed:; read x; fg >/dev/null; echo ended $?"
    );
    let pty = zi_testkit::Pty::new("bash").args(["-c", &script]).cwd(zi.cwd());
    let home = zi.home();
    let run = pty
        .env("ZI_HOME", home)
        .env("HOME", home)
        .env("ZI_DEMO_DELAY_MS", "0")
        .size(100, 30)
        .start();
    ready(&run);
    run.send("before");
    wait_for_draft(&run, "before");
    run.key("ctrl+z");
    run.wait_for_text("typed:");
    assert!(run.modes().on().is_empty(), "{:?}", run.modes().on());
    run.send("x\n");
    run.wait_for("the draft again", |screen| draft(screen) == "before");
    run.key("ctrl+c");
    run.wait_for_text("ctrl+c again");
    run.key("ctrl+c");
    run.wait_for_text("ended 0");
    let ended = run.end();
    assert!(ended.is_restored && ended.modes.on().is_empty(), "{:?}", ended.modes.on());
    ended.check_output();
}

#[test]
fn a_project_that_brings_extensions_is_asked_about_first() {
    let extension = "-- name: theirs\n-- description: x\n-- api: 1\n\
        zi.command({ name = \"theirs\", description = \"From the project\", handler = function() end })\n";
    for (answer, is_trusted) in [("y\n", true), ("n\n", false), ("\n", false)] {
        let zi = demo().file(".zi/extensions/theirs.lua", extension);
        let run = terminal(&zi).start();
        run.wait_for_text("[y/N]");
        assert!(run.screen().contains("theirs.lua"), "{}", run.screen());
        run.send(answer);
        ready(&run);
        run.send("/thei");
        if is_trusted {
            run.wait_for_text("From the project");
        } else {
            run.wait_for("no such command", |screen| draft(screen) == "/thei");
            assert!(!run.screen().contains("From the project"), "{}", run.screen());
        }
        escape(&run);
        run.key("ctrl+u");
        run.wait_for("an empty draft", |screen| draft(screen).is_empty());
        leave(run);
    }
}

#[test]
fn the_command_line_can_say_something_or_only_draft_it() {
    let server = Server::start();
    server.reply(text("an answer"));
    let run = terminal(&against(&server).arg("say this")).start();
    run.wait_for_text("an answer");
    assert_eq!(heard(&server.requests()[0]), ["say this"]);
    leave(run);
    let run = terminal(&against(&server).args(["--draft", "only think"])).start();
    ready(&run);
    wait_for_draft(&run, "only think");
    assert_eq!(server.requests().len(), 1);
    run.key("ctrl+u");
    run.wait_for("an empty draft", |screen| !has(screen, "only think"));
    leave(run);
}

// Streaming, queueing, stopping ---------------------------------------------------------------------

#[test]
fn words_show_before_the_answer_is_whole_and_something_turns() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(halting("the **first** words", &gate, " and the last"));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("the first words");
    run.wait_for_text("writing");
    let spinner = |screen: &zi_testkit::vt100::Screen| {
        let y = row_with(screen, "writing")?;
        row(screen, y).trim_start().chars().next()
    };
    let before = run.look(spinner);
    run.wait_for("another spinner", |screen| spinner(screen) != before);
    gate.open();
    run.wait_for_text("the first words and the last");
    idle(&run);
    assert!(!run.screen().contains("**"), "{}", run.screen());
    leave(run);
}

#[test]
fn what_is_said_meanwhile_waits_in_sight_and_is_said_in_order() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(halting("one is", &gate, " done"));
    server.reply(text("two done"));
    server.reply(text("three done"));
    let run = open(&against(&server));
    say(&run, "first");
    run.wait_for_text("one is");
    say(&run, "second");
    run.wait_for_text("then: second");
    say(&run, "third");
    run.wait_for_text("then: third");
    assert_eq!(server.requests().len(), 1);
    gate.open();
    run.wait_for_text("three done");
    wait_gone(&run, "then:");
    let requests = server.wait_for_requests(3);
    assert_eq!(heard(&requests[1]), ["first", "second"]);
    assert_eq!(heard(&requests[2]), ["first", "second", "third"]);
    leave(run);
}

#[test]
fn escape_stops_a_run_and_gives_back_what_waited() {
    let command = long_command();
    let server = Server::start();
    server.reply(call("a", "bash", &json!({ "command": command })));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for("the command running", |_| runs(&command));
    say(&run, "afterwards");
    run.wait_for_text("then: afterwards");
    escape(&run);
    wait_for_draft(&run, "afterwards");
    wait_gone(&run, "esc stops");
    assert!(!run.screen().contains("then:"), "{}", run.screen());
    wait_until("the end of the command", || !runs(&command));
    escape(&run);
    run.wait_for("an empty draft", |screen| draft(screen).is_empty());
    assert_eq!(server.requests().len(), 1);
    leave(run);
}

// Saying ------------------------------------------------------------------------------------------

#[test]
fn a_new_line_is_part_of_what_is_said() {
    for key in ["alt+enter", "ctrl+j", "shift+enter"] {
        let server = Server::start();
        server.reply(text("heard"));
        let run = open(&against(&server));
        run.send("a");
        run.key(key);
        run.send("b");
        wait_for_draft(&run, "a\nb");
        run.key("enter");
        run.wait_for_text("heard");
        assert_eq!(heard(&server.requests()[0]), ["a\nb"], "{key}");
        leave(run);
    }
}

#[test]
fn lines_are_edited_with_the_usual_keys() {
    let run = open(&demo());
    run.send("foo bar");
    run.key("alt+backspace");
    run.wait_for("a word less", |screen| draft(screen) == "foo");
    run.send("baz");
    wait_for_draft(&run, "foo baz");
    run.key("ctrl+a");
    run.send("x");
    run.key("alt+right");
    run.send("y");
    wait_for_draft(&run, "xfooy baz");
    run.key("ctrl+k");
    wait_for_draft(&run, "xfooy");
    run.key("ctrl+u");
    run.send("漢字");
    run.wait_for("wide letters", |screen| {
        draft(screen) == "漢字" && screen.cursor_position().1 == 6
    });
    run.key("left");
    run.wait_for("two cells back", |screen| screen.cursor_position().1 == 4);
    run.key("ctrl+c");
    leave(run);
}

#[test]
fn earlier_words_come_back_by_their_start_in_this_session_and_the_next() {
    let zi = demo();
    let run = open(&zi);
    for words in ["fix the roof", "look around", "fix the door"] {
        say(&run, words);
        run.wait_for(words, |screen| above(screen).contains(words) && !has(screen, "esc stops"));
    }
    leave(run);
    let run = open(&zi);
    run.send("fix");
    run.key("up");
    wait_for_draft(&run, "fix the door");
    run.key("up");
    wait_for_draft(&run, "fix the roof");
    run.key("down");
    wait_for_draft(&run, "fix the door");
    run.key("down");
    wait_for_draft(&run, "fix");
    run.key("ctrl+u");
    leave(run);
}

#[test]
fn a_slash_offers_commands_and_a_slip_is_told_before_it_is_said() {
    let server = Server::start();
    server.reply(text("heard"));
    let run = open(&against(&server));
    run.send("/mo");
    run.wait_for_text("Choose the model");
    run.key("tab");
    wait_for_draft(&run, "/model");
    run.key("ctrl+u");
    wait_gone(&run, "Choose the model");
    run.send("/zzz now");
    run.key("enter");
    run.wait_for_text("`/zzz` is no command");
    assert_eq!(server.requests().len(), 0);
    run.key("enter");
    run.wait_for_text("heard");
    assert_eq!(heard(&server.requests()[0]), ["/zzz now"]);
    leave(run);
}

#[test]
fn a_path_is_said_as_it_is() {
    let server = Server::start();
    server.reply(text("heard"));
    let run = open(&against(&server));
    say(&run, "/usr/bin is a folder");
    run.wait_for_text("heard");
    assert_eq!(heard(&server.requests()[0]), ["/usr/bin is a folder"]);
    leave(run);
}

#[test]
fn an_at_sign_completes_files() {
    let server = Server::start();
    server.reply(text("heard"));
    let zi = against(&server)
        .file("README.md", "x")
        .file("src/main.rs", "x")
        .file(".gitignore", "junk\n")
        .file("junk/a", "");
    let run = open(&zi);
    run.send("see @");
    run.wait_for("the files", |screen| {
        let shown = above(screen);
        shown.contains("src/") && shown.contains("README.md") && !shown.contains("junk")
    });
    run.send("mai");
    run.wait_for("one file", |screen| {
        above(screen).contains("src/main.rs") && !above(screen).contains("README.md")
    });
    run.key("enter");
    run.wait_for("the file in the draft", |screen| draft(screen).starts_with("see @src/main.rs"));
    run.key("enter");
    run.wait_for_text("heard");
    assert!(heard(&server.requests()[0])[0].contains("see @src/main.rs"));
    leave(run);
}

#[test]
fn a_command_of_the_user_is_seen_by_the_model_or_not() {
    let server = Server::start();
    server.reply(text("heard"));
    let zi = against(&server);
    let run = open(&zi);
    say(&run, "!echo seen-$((40 + 2))");
    run.wait_for_text("seen-42");
    say(&run, "!!echo hidden-$((50 + 2))");
    run.wait_for_text("hidden-52");
    say(&run, "!cat no-such-file");
    run.wait_for_text("[exit 1]");
    say(&run, "go");
    run.wait_for_text("heard");
    let heard = heard(&server.requests()[0]).join("\n");
    assert!(heard.contains("seen-42") && heard.contains("no-such-file"), "{heard}");
    assert!(!heard.contains("hidden"), "{heard}");
    idle(&run);
    let live = run.look(above);
    leave(run);
    // The session read from disk shows what it showed before.
    let again =
        terminal(&against(&server).arg("-c").env("ZI_HOME", zi.home()).env("HOME", zi.home()))
            .cwd(zi.cwd())
            .start();
    ready(&again);
    again.wait_for_text("heard");
    assert_eq!(again.look(above), live);
    leave(again);
}

#[test]
fn escape_ends_a_command_of_the_user() {
    let command = long_command();
    let run = open(&demo());
    say(&run, &format!("!{command}"));
    run.wait_for("the command running", |_| runs(&command));
    escape(&run);
    run.wait_for_text("it was ended");
    wait_until("the end of the command", || !runs(&command));
    leave(run);
}

#[test]
fn a_long_paste_is_a_chip_and_is_said_whole() {
    let server = Server::start();
    server.reply(text("heard"));
    let run = open(&against(&server));
    let lines: Vec<String> = (1..=20).map(|n| format!("line {n}")).collect();
    run.send("look: ");
    run.paste(&lines.join("\r"));
    run.wait_for("a chip", |screen| draft(screen).contains("20 lines"));
    assert!(!run.screen().contains("line 7"), "{}", run.screen());
    run.send(" end");
    run.key("enter");
    run.wait_for_text("heard");
    let said = heard(&server.requests()[0]).remove(0);
    assert!(said.starts_with("look: ") && said.ends_with(" end"), "{said}");
    assert!(said.contains(&lines.join("\n")), "{said}");
    leave(run);
}

#[test]
fn a_chip_goes_as_one() {
    let run = open(&demo());
    run.paste(&"x\n".repeat(30));
    run.wait_for("a chip", |screen| draft(screen).contains("lines"));
    run.key("backspace");
    run.wait_for("an empty draft", |screen| !draft(screen).contains('['));
    leave(run);
}

#[test]
fn a_megabyte_is_pasted_quickly_and_arrives_whole() {
    let server = Server::start();
    server.reply(text("heard"));
    let run = open(&against(&server));
    let megabyte = "0123456789abcde\n".repeat(65536);
    let start = std::time::Instant::now();
    run.paste(&megabyte);
    run.wait_for("a chip", |screen| draft(screen).contains("lines"));
    let took = start.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    run.key("enter");
    run.wait_for_text("heard");
    let said = heard(&server.requests()[0]).remove(0);
    assert_eq!(said.trim_end().len(), megabyte.trim_end().len());
    leave(run);
}

#[test]
fn a_paste_does_not_break_out_of_itself() {
    let server = Server::start();
    let run = open(&against(&server));
    run.send("\x1b[200~one\x1b[31m\x07two\r/exit\r\x1b[201~");
    run.wait_for("the paste", |screen| draft(screen).contains("two"));
    assert!(run.is_running());
    assert_eq!(server.requests().len(), 0);
    quit(run);
}

#[test]
fn an_image_that_is_dropped_goes_along() {
    let server = Server::start();
    server.reply(text("heard"));
    let zi = against(&server).file("a shot.png", png(8, 4));
    let run = open(&zi);
    run.paste(&format!("'{}'", zi.cwd().join("a shot.png").display()));
    run.wait_for("a chip", |screen| {
        draft(screen).contains("a shot.png, png 8×4") || draft(screen).contains("PNG 8×4")
    });
    run.send("what is it");
    run.key("enter");
    run.wait_for_text("heard");
    let body = server.requests()[0].json();
    let parts =
        body["messages"].as_array().and_then(|all| all.last()).expect("a message")["content"]
            .clone();
    let kinds: Vec<&str> =
        parts.as_array().expect("parts").iter().filter_map(|part| part["type"].as_str()).collect();
    assert!(kinds.contains(&"image_url"), "{parts}");
    leave(run);
}

// The conversation ----------------------------------------------------------------------------------

/// An answer of so many numbered lines.
fn numbered(count: usize) -> String {
    (1..=count).map(|n| format!("row {n:03}\n\n")).collect()
}

#[test]
fn scrolling_keeps_its_place_while_more_comes() {
    let server = Server::start();
    server.reply(text(&numbered(100)));
    let gate = server.gate();
    server.reply(halting("more to come", &gate, &numbered(40)));
    let run = open(&against(&server));
    say(&run, "first");
    run.wait_for_text("row 100");
    idle(&run);
    say(&run, "second");
    run.wait_for_text("more to come");
    run.key("pageup");
    run.wait_for("earlier rows", |screen| !has(screen, "more to come") && has(screen, "row 09"));
    run.key("pageup");
    run.wait_for("a page up", |screen| !has(screen, "row 09"));
    let top = run.look(|screen| row(screen, 0));
    gate.open();
    run.wait_for_text("new line");
    idle(&run);
    assert_eq!(run.look(|screen| row(screen, 0)), top);
    run.key("ctrl+end");
    run.wait_for_text("row 040");
    run.key("up");
    run.wait_for("three rows up", |screen| !has(screen, "row 040"));
    run.key("pagedown");
    run.wait_for_text("row 040");
    leave(run);
}

#[test]
fn a_long_result_is_folded_and_ctrl_o_opens_it() {
    let server = Server::start();
    server.reply(call("a", "bash", &json!({ "command": "seq 1001 1030" })));
    server.reply(text("done"));
    let run = terminal(&against(&server)).size(100, 50).start();
    ready(&run);
    say(&run, "go");
    run.wait_for_text("done");
    run.wait_for("a folded result", |screen| has(screen, "more line") || has(screen, "lines"));
    let count = |screen: &zi_testkit::vt100::Screen| {
        rows(screen).iter().filter(|row| row.contains("10")).count()
    };
    assert!(run.look(count) < 25, "{}", run.screen());
    run.key("ctrl+o");
    run.wait_for("all of it", |screen| (1001..=1030).all(|n| has(screen, &n.to_string())));
    run.key("ctrl+o");
    run.wait_for("folded again", |screen| !(1001..=1030).all(|n| has(screen, &n.to_string())));
    leave(run);
}

#[test]
fn the_conversation_is_searched() {
    let server = Server::start();
    server.reply(text(&format!("needle one\n\n{}needle two", numbered(60))));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("needle two");
    run.key("ctrl+f");
    run.send("needle");
    run.wait_for("where it is", |screen| has(screen, "/2"));
    run.key("up");
    run.key("up");
    run.wait_for("the other place", |screen| {
        has(screen, "needle one") || has(screen, "needle two")
    });
    escape(&run);
    wait_gone(&run, "/2");
    command(&run, "/jump needle one");
    run.wait_for_text("needle one");
    escape(&run);
    leave(run);
}

#[test]
fn edits_show_what_was_taken_and_what_was_put() {
    let server = Server::start();
    let edit = json!({ "path": "a.txt", "edits": [{ "old_text": "two", "new_text": "deux" }] });
    server.reply(call("r", "read", &json!({ "path": "a.txt" })));
    server.reply(call("a", "edit", &edit));
    server.reply(text("done"));
    let run = open(&against(&server).file("a.txt", "one\ntwo\nthree\n"));
    say(&run, "go");
    run.wait_for_text("done");
    run.wait_for_text("deux");
    let (x, y) = run.look(|screen| {
        let y = row_with(screen, "deux").expect("it is there");
        let line = row(screen, y);
        let x = line.chars().position(|c| c == 'd').expect("it is there");
        (u16::try_from(x).expect("it fits"), y)
    });
    let cell = run.cell(x, y).expect("a cell");
    let colours = [cell.fgcolor(), cell.bgcolor()];
    let is_green = |colour: &zi_testkit::vt100::Color| match colour {
        zi_testkit::vt100::Color::Rgb(r, g, b) => g > r && g > b,
        zi_testkit::vt100::Color::Idx(index) => {
            matches!(index, 2 | 10 | 22 | 28 | 34 | 65 | 71 | 77 | 108 | 114)
        }
        zi_testkit::vt100::Color::Default => false,
    };
    assert!(colours.iter().any(is_green), "{colours:?}");
    leave(run);
}

#[test]
fn a_session_that_is_read_again_looks_as_it_did() {
    let server = Server::start();
    let answer = "# A title\n\n- a **list**\n- of `things`\n\n```rust\nfn main() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
    server.reply(call("a", "bash", &json!({ "command": "echo from the tool" })));
    let thinking =
        openai::Answer::new().thinking("reasoning_content", "a thought").text(answer).sse();
    server.reply(Reply::sse(thinking));
    let zi = against(&server);
    let run = open(&zi);
    say(&run, "go");
    run.wait_for_text("fn main");
    idle(&run);
    run.wait_for_text("from the tool");
    // The time that a call took is not kept.
    let shape = |screen: &zi_testkit::vt100::Screen| {
        let shown = above(screen);
        let lines: Vec<String> = shown
            .lines()
            .map(|line| line.split(" · ").next().unwrap_or_default().trim_end().to_owned())
            .collect();
        lines.join("\n")
    };
    let live = run.look(shape);
    leave(run);
    let again =
        terminal(&against(&server).arg("-c").env("ZI_HOME", zi.home()).env("HOME", zi.home()))
            .cwd(zi.cwd())
            .start();
    ready(&again);
    again.wait_for_text("fn main");
    assert_eq!(again.look(shape), live);
    leave(again);
}

#[test]
fn errors_of_the_provider_are_told_with_what_to_do() {
    let server = Server::start();
    server.reply(Reply::json(401, &json!({ "error": { "message": "no such key" } })));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("/login");
    idle(&run);
    leave(run);
}

// The screen --------------------------------------------------------------------------------------

#[test]
fn after_many_sizes_the_screen_is_what_a_fresh_one_would_be() {
    let server = Server::start();
    let paragraph = "words that are long enough to be wrapped at many widths, ".repeat(12);
    server.reply(text(&format!("# Title\n\n{paragraph}\n\n- one\n- two\n\n{}", numbered(20))));
    let zi = against(&server);
    let run = open(&zi);
    say(&run, "go");
    run.wait_for_text("row 020");
    idle(&run);
    run.send("a draft");
    wait_for_draft(&run, "a draft");
    for step in 0..60_u16 {
        run.resize(1 + (step * 37) % 180, 1 + (step * 23) % 60);
    }
    run.resize(72, 26);
    run.key("ctrl+l");
    run.wait_for("the last size", |screen| {
        // The status line is drawn by an extension, which hears of the size a little later.
        let status = row(screen, 25);
        let is_fitted = status.contains(&zi.cwd().display().to_string());
        let is_in_place = row(screen, 24) == "─".repeat(72) && is_fitted;
        is_in_place && has(screen, "row 020") && draft(screen) == "a draft"
    });
    let resized = run.screen();
    quit(run);
    let again = zi.another().args(["--draft", "a draft", "-c"]).args([
        "--provider",
        "openai",
        "--model",
        "m",
        "--api-key",
        "k",
        "--base-url",
        server.url(),
    ]);
    let fresh = terminal(&again).size(72, 26).start();
    fresh.wait_for("the same screen", |screen| {
        rows(screen).join("\n").trim_end_matches('\n') == resized
    });
}

#[test]
fn a_small_screen_works_and_a_tiny_one_says_so() {
    let server = Server::start();
    server.reply(text("heard you well"));
    let run = terminal(&against(&server)).size(20, 6).start();
    run.wait_for("an editor", |screen| has(screen, "›"));
    run.send("hello");
    run.wait_for("what was typed", |screen| has(screen, "› hello"));
    run.key("enter");
    run.wait_for_text("heard you");
    run.resize(10, 3);
    run.wait_for_text("20×6");
    run.resize(1, 1);
    run.resize(20, 6);
    run.wait_for_text("heard you");
    run.wait_for("an editor", |screen| has(screen, "›"));
    leave(run);
}

#[test]
fn ctrl_l_draws_all_of_it_again() {
    let run = open(&demo());
    run.send("typed");
    wait_for_draft(&run, "typed");
    let before = run.output_length();
    run.key("ctrl+l");
    run.wait_for_output(before, "typed");
    run.key("ctrl+u");
    leave(run);
}

#[test]
fn nothing_is_cleared_while_an_answer_comes() {
    let server = Server::start();
    server.reply(text(&numbered(80)));
    let run = open(&against(&server));
    let before = run.output_length();
    say(&run, "go");
    run.wait_for_text("row 080");
    let output = run.output()[before..].to_vec();
    assert!(!String::from_utf8_lossy(&output).contains("\x1b[2J"));
    leave(run);
}

#[test]
fn an_editor_of_the_users_own_changes_the_draft() {
    let zi = demo().file(
        "edit.sh",
        "#!/bin/sh\nprintf 'edited: %s' \"$(cat \"$1\")\" > \"$1.new\" && mv \"$1.new\" \"$1\"\n",
    );
    let script = format!("sh {}", zi.cwd().join("edit.sh").display());
    let run = open(&zi.env("VISUAL", script));
    run.send("words");
    wait_for_draft(&run, "words");
    run.key("ctrl+g");
    wait_for_draft(&run, "edited: words");
    run.key("ctrl+u");
    leave(run);
}

#[test]
fn a_pager_gets_the_whole_conversation() {
    let server = Server::start();
    server.reply(text(&numbered(100)));
    let zi = against(&server).file("pager.sh", "cp \"$1\" paged\n");
    let copy = zi.cwd().join("paged");
    let run = open(&zi.env("PAGER", "sh pager.sh"));
    say(&run, "go");
    run.wait_for_text("row 100");
    run.key("alt+p");
    wait_until("the paged text", || {
        fs::read_to_string(&copy)
            .is_ok_and(|text| text.contains("row 001") && text.contains("row 100"))
    });
    ready(&run);
    leave(run);
}

#[test]
fn the_title_and_the_clipboard_are_left_alone_until_asked() {
    let server = Server::start();
    server.reply(text("copy this"));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("copy this");
    idle(&run);
    let has_clip =
        |run: &zi_testkit::PtyRun| String::from_utf8_lossy(&run.output()).contains("\x1b]52;");
    assert!(!has_clip(&run));
    command(&run, "/copy");
    run.wait_for_text("copied 9 characters");
    // "copy this" in base64.
    run.wait_for_output(0, "\x1b]52;c;Y29weSB0aGlz");
    leave(run);
}

#[test]
fn escape_ends_the_innermost_thing_first() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(halting("being said", &gate, " still"));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("being said");
    run.send("/mod");
    run.wait_for_text("Choose the model");
    escape(&run);
    wait_gone(&run, "Choose the model");
    wait_for_draft(&run, "/mod");
    run.wait_for_text("esc stops");
    escape(&run);
    run.wait_for_text("aborted");
    wait_gone(&run, "esc stops");
    wait_for_draft(&run, "/mod");
    escape(&run);
    run.wait_for("an empty draft", |screen| draft(screen).is_empty());
    gate.open();
    leave(run);
}

#[test]
fn keys_are_the_users_to_choose() {
    let server = Server::start();
    server.reply(text("heard"));
    let settings = json!({ "keys": { "submit": ["ctrl+t"], "newline": "enter", "no_such": "x" } });
    let run = open(&against(&server).settings(&settings));
    run.wait_for_text("`keys.no_such` is no action");
    run.send("a");
    run.key("enter");
    run.send("b");
    wait_for_draft(&run, "a\nb");
    run.key("ctrl+t");
    run.wait_for_text("heard");
    assert_eq!(heard(&server.requests()[0]), ["a\nb"]);
    leave(run);
}

#[test]
fn a_terminal_that_takes_nothing_costs_no_memory_and_catches_up() {
    let server = Server::start();
    let line = "words that fill a line of the terminal from one end to the other, and so on\n\n";
    let gate = server.gate();
    server.reply(halting(&line.repeat(40_000), &gate, "the very last line"));
    let run = open(&against(&server));
    say(&run, "go");
    run.wait_for_text("words that fill");
    run.hold();
    let before = run.output_length();
    gate.open();
    server.wait_for_requests(1);
    run.send("typed meanwhile");
    run.release();
    run.wait_for_text("the very last line");
    wait_for_draft(&run, "typed meanwhile");
    let written = run.output_length() - before;
    assert!(written < 2 << 20, "{written} bytes");
    quit(run);
}

#[test]
fn no_input_at_all_breaks_it() {
    use rand::{Rng as _, SeedableRng as _};
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("ZI_SEED={seed}");
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    // No letters that make words, and no key that ends it or puts it to sleep.
    let keys = [
        "a",
        "é",
        "漢",
        "👨‍👩‍👧",
        " ",
        "@",
        "enter",
        "tab",
        "shift+tab",
        "backspace",
        "delete",
        "up",
        "down",
        "left",
        "right",
        "home",
        "end",
        "pageup",
        "pagedown",
        "ctrl+a",
        "ctrl+b",
        "ctrl+e",
        "ctrl+f",
        "ctrl+j",
        "ctrl+k",
        "ctrl+l",
        "ctrl+n",
        "ctrl+o",
        "ctrl+p",
        "ctrl+r",
        "ctrl+t",
        "ctrl+u",
        "ctrl+w",
        "ctrl+y",
        "alt+up",
        "alt+down",
        "alt+left",
        "alt+right",
        "alt+b",
        "alt+f",
        "alt+d",
        "alt+y",
        "alt+enter",
        "shift+up",
        "ctrl+home",
        "ctrl+end",
        "ctrl+up",
        "f1",
        "f12",
        "insert",
    ];
    let server = Server::start();
    server.otherwise(text(&numbered(30)));
    let run = open(&against(&server).file("a漢.txt", "").file("dir/b.txt", ""));
    for _ in 0..1500 {
        match rng.random_range(0..40) {
            0 => escape(&run),
            1 => run.paste(&"a\u{301}b\r\n\x1b[2J".repeat(rng.random_range(0..30))),
            2 => {
                let bytes: Vec<u8> = (0..rng.random_range(1..20)).map(|_| rng.random()).collect();
                // What ends or stops it is left out.
                let harmless = |byte: &u8| {
                    !matches!(byte, 0x03 | 0x04 | 0x07 | 0x1a | b'!' | b'/' | b'p' | b'v')
                };
                run.send(bytes.into_iter().filter(harmless).collect::<Vec<_>>());
                run.send("\x1b\\");
            }
            3 => run.resize(rng.random_range(1..140), rng.random_range(1..50)),
            _ => {
                let key = keys[rng.random_range(0..keys.len())];
                if key.is_ascii() { run.key(key) } else { run.send(key) }
            }
        }
    }
    // Out of whatever is half done, and then it works as ever.
    run.send("\x1b[201~\x1b\\");
    run.resize(100, 30);
    for _ in 0..8 {
        escape(&run);
    }
    run.key("ctrl+u");
    run.key("ctrl+k");
    run.key("ctrl+l");
    quit(run);
}
