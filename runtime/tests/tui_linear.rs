//! The interfaces that draw no screen of their own: line by line, and in the terminal's scrollback.

mod screen;

use screen::{
    against, call, checked, command, demo, escape, halting, heard, idle, long_command, ready, runs,
    say, terminal, text, wait_gone, wait_until,
};
use serde_json::json;
use zi_testkit::{Ended, Pty, Server, Zi};

fn linear(zi: &Zi) -> Pty {
    zi.terminal().env("TERM", "dumb").size(100, 30)
}

/// Nothing but text and line ends was written.
fn assert_plain(ended: &Ended) {
    let strange =
        ended.output.iter().find(|byte| byte.is_ascii_control() && !matches!(byte, b'\r' | b'\n'));
    assert_eq!(strange, None, "{}", String::from_utf8_lossy(&ended.output).escape_debug());
}

#[test]
fn lines_are_all_that_a_dumb_terminal_gets() {
    let server = Server::start();
    server.reply(call("a", "bash", &json!({ "command": "echo $((40 + 2))" })));
    server.reply(text("an answer\x1b[31m\x07 with tricks"));
    for pty in [linear(&against(&server)), terminal(&against(&server).arg("--linear"))] {
        let server_replies = pty;
        let run = server_replies.start();
        run.send("go\n");
        run.wait_for_text("[done]");
        run.send("\x04");
        let ended = checked(run.end(), 0);
        assert_plain(&ended);
        server.reply(text("an answer\x1b]0;x\x07"));
    }
    assert_eq!(heard(&server.requests()[0]), ["go"]);
}

#[test]
fn what_handlers_take_out_of_an_answer_is_not_printed() {
    let server = Server::start();
    server.reply(text("the SECRET word"));
    let zi = against(&server).home_file(
        "extensions/censor.lua",
        r#"zi.on("before_assistant_message", function(event)
             return { text = (event.text:gsub("SECRET", "******")) }
           end)"#,
    );
    let run = linear(&zi).start();
    run.send("go\n");
    run.wait_for_text("the ****** word");
    run.wait_for_text("[done]");
    run.send("\x04");
    let ended = checked(run.end(), 0);
    assert!(!String::from_utf8_lossy(&ended.output).contains("SECRET"));
}

#[test]
fn a_dialog_is_answered_by_a_number() {
    let zi = demo();
    let run = linear(&zi).start();
    run.send("/reasoning\n");
    run.wait_for_text("[answer with a number");
    run.send("3\n");
    run.wait_for_text("the model thinks:");
    run.send("/model\n");
    run.wait_for_output(0, "demo/demo");
    run.wait_for_text("from 1 to 1");
    run.send("\n");
    run.send("list\n");
    run.wait_for_text("[done]");
    run.send("\x04");
    assert_plain(&checked(run.end(), 0));
}

#[test]
fn a_line_that_ends_with_a_backslash_goes_on() {
    let server = Server::start();
    server.reply(text("heard"));
    let run = linear(&against(&server)).start();
    run.send("one\\\n");
    run.send("two\n");
    run.wait_for_text("[done]");
    assert_eq!(heard(&server.requests()[0]), ["one\ntwo"]);
    run.send("\x04");
    assert_plain(&checked(run.end(), 0));
}

#[test]
fn ctrl_c_stops_a_run_and_then_ends_it() {
    let command = long_command();
    let server = Server::start();
    server.reply(call("a", "bash", &json!({ "command": command })));
    let run = linear(&against(&server)).start();
    run.send("go\n");
    wait_until("the command running", || runs(&command));
    run.key("ctrl+c");
    run.wait_for_text("[stopped]");
    wait_until("the end of the command", || !runs(&command));
    run.key("ctrl+c");
    let ended = run.end();
    assert_eq!(ended.status.code(), Some(130));
    assert!(ended.is_restored);
    assert_plain(&ended);
}

#[test]
fn inline_the_conversation_stays_in_the_scrollback() {
    let server = Server::start();
    let rows: String = (1..=60).map(|n| format!("row {n:03}\n\n")).collect();
    server.reply(text(&rows));
    let gate = server.gate();
    server.reply(halting("more words", &gate, " and the end"));
    let run = terminal(&against(&server).arg("--inline")).start();
    ready(&run);
    say(&run, "go");
    run.wait_for_text("row 060");
    idle(&run);
    say(&run, "more");
    run.wait_for_text("more words");
    gate.open();
    run.wait_for_text("and the end");
    idle(&run);
    let ended = checked(run.end_with("ctrl+d"), 0);
    assert_eq!(ended.modes.count("?1049"), (0, 0), "there is no other screen");
    let output = String::from_utf8_lossy(&ended.output);
    for n in 1..=60 {
        assert!(output.contains(&format!("{n:03}")), "row {n}");
    }
    assert!(ended.screen.contains("and the end"), "{}", ended.screen);
    assert!(ended.screen.contains("zi --session"), "{}", ended.screen);
}

#[test]
fn inline_dialogs_and_sizes_leave_the_conversation_whole() {
    let server = Server::start();
    server.reply(text("the first answer"));
    server.reply(text("the second answer"));
    let run = terminal(&against(&server).arg("--inline")).start();
    ready(&run);
    say(&run, "go");
    run.wait_for_text("the first answer");
    idle(&run);
    for _ in 0..3 {
        command(&run, "/reasoning");
        run.wait_for_text("Thinking");
        escape(&run);
        wait_gone(&run, "Thinking");
    }
    for (columns, rows) in [(60, 20), (1, 1), (120, 40), (100, 30)] {
        run.resize(columns, rows);
    }
    run.key("ctrl+l");
    say(&run, "more");
    run.wait_for_text("the second answer");
    idle(&run);
    let ended = checked(run.end_with("ctrl+d"), 0);
    assert!(ended.screen.contains("the second answer"), "{}", ended.screen);
}
