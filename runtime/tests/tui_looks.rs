//! The terminal interface from the outside: colours, pictures, the wheel, and what handlers leave of
//! an answer.

mod screen;

use std::fs;

use screen::{against, command, demo, draft, has, leave, open, png, say, text, wait_for_draft};
use serde_json::json;
use zi_testkit::{Reply, Server, openai, vt100};

/// The colour of the mark before the draft.
fn mark_color(screen: &vt100::Screen) -> Option<vt100::Color> {
    let (rows, columns) = (screen::rows(screen), screen.size().1.get());
    let y = rows.iter().rposition(|row| row.starts_with('›'))?;
    let y = u16::try_from(y).ok().filter(|_| columns > 0)?;
    screen.cell(y, 0).map(vt100::Cell::fgcolor)
}

#[test]
fn a_theme_of_the_user_is_chosen_remembered_and_follows_its_file() {
    let red = json!({ "name": "mine", "base": "dark", "colors": { "accent": "#ff0000" } });
    let zi = demo().home_file("themes/mine.json", red.to_string());
    let run = open(&zi);
    command(&run, "/theme mine");
    // In true colour, or the same of the 256.
    let is = |r, g, b, index| {
        move |screen: &vt100::Screen| {
            let color = mark_color(screen);
            color == Some(vt100::Color::Rgb(r, g, b)) || color == Some(vt100::Color::Idx(index))
        }
    };
    run.wait_for("a red mark", is(255, 0, 0, 196));
    let file = zi.home().join("themes/mine.json");
    fs::write(&file, red.to_string().replace("#ff0000", "#00ff00")).expect("it is written");
    run.wait_for("a green mark", is(0, 255, 0, 46));
    fs::write(&file, red.to_string().replace("accent", "acent")).expect("it is written");
    run.wait_for_text("unknown token `acent`");
    fs::write(&file, red.to_string().replace("#ff0000", "#0000ff")).expect("it is written");
    run.wait_for("a blue mark", is(0, 0, 255, 21));
    leave(run);
    let again = open(&zi.another().args(["--model", "demo"]));
    again.wait_for("a blue mark", is(0, 0, 255, 21));
    leave(again);
}

#[test]
fn without_colours_there_are_none() {
    let run = open(&demo().env("NO_COLOR", "1"));
    say(&run, "tour");
    run.wait_for_text("rules, not a language model");
    run.wait_for("no colour anywhere", |screen| {
        let (rows, columns) = screen.size();
        (0..rows.get()).all(|y| {
            (0..columns.get()).all(|x| {
                let cell = screen.cell(y, x);
                cell.is_none_or(|cell| {
                    cell.fgcolor() == vt100::Color::Default
                        && cell.bgcolor() == vt100::Color::Default
                })
            })
        })
    });
    leave(run);
}

#[test]
fn the_wheel_scrolls_and_leaves_the_draft() {
    let run = open(&demo());
    say(&run, "count to 60");
    run.wait_for_text("rules, not a language model");
    run.send("a draft");
    wait_for_draft(&run, "a draft");
    // A terminal turns one step of the wheel into three arrows.
    for _ in 0..5 {
        run.send("\x1b[A\x1b[A\x1b[A");
    }
    run.wait_for("the lines above", |screen| {
        !has(screen, "rules, not a language model") && draft(screen) == "a draft"
    });
    for _ in 0..5 {
        run.send("\x1b[B\x1b[B\x1b[B");
    }
    run.wait_for_text("rules, not a language model");
    wait_for_draft(&run, "a draft");
    run.key("ctrl+u");
    run.wait_for("an empty draft", |screen| draft(screen).is_empty());
    leave(run);
}

#[test]
fn the_mouse_is_taken_only_when_it_is_asked_for() {
    let ended = leave(open(&demo()));
    assert!(
        ended.modes.count("?1000").0 == 0 && ended.modes.count("1000").0 == 0,
        "{:?}",
        ended.modes
    );
    let run = open(&demo().settings(&json!({ "mouse": true })));
    say(&run, "count to 60");
    run.wait_for_text("rules, not a language model");
    for _ in 0..6 {
        run.send("\x1b[<64;5;5M");
    }
    run.wait_for("the lines above", |screen| !has(screen, "rules, not a language model"));
    leave(run);
}

#[test]
fn handlers_decide_what_is_seen_of_an_answer_and_nothing_shows_before() {
    let server = Server::start();
    server.reply(text("the SECRET word"));
    server.reply(text("nothing to see"));
    let zi = against(&server).home_file(
        "extensions/censor.lua",
        r#"zi.on("before_assistant_message", function(event)
             if event.text:find("nothing") then return { suppress = true } end
             return { text = (event.text:gsub("SECRET", "******")) }
           end)"#,
    );
    let run = open(&zi);
    say(&run, "tell me");
    run.wait_for_text("the ****** word");
    say(&run, "and now");
    run.wait_for("the second question", |screen| has(screen, "› and now"));
    screen::idle(&run);
    let ended = leave(run);
    let output = String::from_utf8_lossy(&ended.output).into_owned();
    assert!(!output.contains("SECRET") && !output.contains("nothing to see"));
}

#[test]
fn images_are_drawn_by_the_protocol_of_the_terminal_or_of_half_blocks() {
    for (kind, mark) in [("kitty", "\x1b_G"), ("iterm2", "\x1b]1337;File="), ("off", "▀")] {
        let server = Server::start();
        server.reply(Reply::sse(openai::text("nice")));
        let zi = against(&server).env("ZI_INLINE_IMAGES", kind).file("shot.png", png(40, 40));
        let run = open(&zi);
        run.paste(&format!("'{}'", zi.cwd().join("shot.png").display()));
        run.wait_for_text("[image 1");
        run.key("enter");
        run.wait_for_text("nice");
        run.wait_for_output(0, mark);
        run.end_with("ctrl+d");
    }
}
