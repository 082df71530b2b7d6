use std::time::Duration;

use serde_json::json;
use zi_kernel::term::{Frame, Rect, Style};

use super::*;
use crate::scene::{
    format::{
        highlight,
        testing::{Random, samples},
    },
    line::{Line, Span},
    theme::Theme,
};

const NOW: Duration = Duration::from_secs(100);

fn draw(view: &mut View, width: u16, height: u16) -> Frame {
    let mut frame = Frame::new(width, height);
    view.draw(&mut frame, Rect::new(0, 0, width, height), &Theme::dark(), NOW);
    frame
}

fn screen(view: &mut View, width: u16, height: u16) -> String {
    draw(view, width, height).text().trim_end().to_owned()
}

fn user(text: &str) -> Block {
    Block::User { text: text.into(), images: Vec::new() }
}

fn answer(text: &str) -> Block {
    Block::Answer { text: text.into(), is_streaming: false }
}

fn text(text: impl Into<String>) -> Vec<Content> {
    vec![Content::Text(text.into())]
}

fn tool(name: &str, kind: ToolKind, args: serde_json::Value) -> Tool {
    Tool { name: name.into(), kind, args, status: Status::Ok, ..Tool::default() }
}

fn push_tool(view: &mut View, id: &str, tool: Tool) {
    view.transcript.push(id, Block::Tool(Box::new(tool)));
}

/// A conversation of a few turns.
fn conversation() -> View {
    let mut view = View::new();
    view.transcript.push("u", user("fix the typo in main"));
    view.transcript.push(
        "think",
        Block::Thinking { text: "Let me look.\nThen fix.".into(), is_streaming: false },
    );
    let mut read = tool("read", ToolKind::Read, json!({"path": "src/main.rs"}));
    read.content = text("fn main() {}\n");
    read.details = json!({"first_line": 1, "last_line": 1, "total_lines": 1});
    push_tool(&mut view, "t1", read);
    let mut edit = tool("edit", ToolKind::Edit, json!({"path": "src/main.rs"}));
    edit.details =
        json!({"diff": "@@ -1,2 +1,2 @@\n a\n-helo\n+hello\n", "added": 1, "removed": 1});
    push_tool(&mut view, "t2", edit);
    let mut shell = tool("bash", ToolKind::Shell, json!({"command": "cargo test"}));
    shell.content = text("ok\n\u{1b}[32mpassed\u{1b}[0m\n");
    shell.elapsed = Some(Duration::from_secs(75));
    push_tool(&mut view, "t3", shell);
    view.transcript.push("a", answer("Done: **one** typo.\n\n- `main.rs`"));
    view
}

#[test]
fn a_conversation_looks_like_one() {
    let mut view = conversation();
    assert_eq!(
        screen(&mut view, 40, 24),
        "\
› fix the typo in main

∴ thought: Let me look.

● read src/main.rs · 1 line

● edit src/main.rs · +1 −1
  1   a
  2 - helo
  2 + hello

● bash $ cargo test · 1m 15s
  ok
  passed

  Done: one typo.

  • main.rs"
    );
    assert_eq!(screen(&mut view, 20, 6), "  ok\n  passed\n\n  Done: one typo.\n\n  • main.rs");
    assert_eq!(screen(&mut view, 8, 3), "\n• main.r\n  s");
    let frame = draw(&mut view, 40, 24);
    assert_eq!(
        frame.cell(2, 12).map(|(_, style)| style.fg),
        Some(Some(zi_kernel::term::Color::Rgb(0xb8, 0xbe, 0xc9)))
    );
    assert_eq!(
        frame.cell(2, 13).map(|(_, style)| style.fg),
        Some(Some(zi_kernel::term::Color::Indexed(2)))
    );
}

#[test]
fn the_other_blocks_say_what_they_are() {
    let mut view = View::new();
    let notice = |level, text: &str, hint: Option<&str>| Block::Notice {
        level,
        text: text.into(),
        hint: hint.map(str::to_owned),
    };
    view.transcript.push("q", Block::Queued { text: "and then?".into() });
    view.transcript.push("n", notice(Level::Warning, "slow network", Some("try again")));
    view.transcript
        .push("s", Block::Summary { title: "compacted".into(), text: "what was".into() });
    view.transcript.push(
        "c",
        Block::Custom(Custom { label: "todo".into(), text: "1 left".into(), drawn: None }),
    );
    view.transcript
        .push("e", Block::Error { text: "no key".into(), hint: Some("zi login".into()) });
    view.transcript.push("x", Block::Aborted);
    assert_eq!(
        screen(&mut view, 40, 30),
        "\
▲ slow network
  try again

≡ compacted (ctrl+o shows it)

◆ todo
  1 left

✗ no key
  zi login

■ aborted

› and then?
  queued"
    );
    view.toggle("s");
    assert!(!screen(&mut view, 40, 30).contains("ctrl+o"));
    assert!(screen(&mut view, 40, 30).contains("what was"));
}

#[test]
fn long_results_show_in_part() {
    let mut view = View::new();
    let lines: String = (1..=30).map(|line| format!("line {line}\n")).collect();
    let mut other = tool("fetch", ToolKind::Other, json!({"url": "x"}));
    other.content = text(lines.clone());
    push_tool(&mut view, "o", other);
    let shown = screen(&mut view, 40, 40);
    assert!(shown.starts_with("● fetch url=x\n  line 1\n"), "{shown}");
    assert!(shown.ends_with("  line 10\n  … 20 more lines (ctrl+o)"), "{shown}");
    view.toggle("o");
    assert!(screen(&mut view, 40, 40).ends_with("line 30"));
    view.toggle_all();
    view.toggle("o");
    assert!(screen(&mut view, 40, 40).ends_with("(ctrl+o)"));

    let mut view = View::new();
    let mut shell = tool("bash", ToolKind::Shell, json!({"command": "x"}));
    shell.content = text(lines);
    push_tool(&mut view, "s", shell);
    let shown = screen(&mut view, 40, 40);
    assert!(
        shown.starts_with("● bash $ x\n  … 20 more lines above (ctrl+o)\n  line 21\n"),
        "{shown}"
    );
}

#[test]
fn running_tools_move_and_say_how_long() {
    let mut view = View::new();
    let mut shell = tool("bash", ToolKind::Shell, json!({"command": "make"}));
    shell.status = Status::Running;
    shell.started = Some(NOW - Duration::from_secs(7));
    push_tool(&mut view, "s", shell);
    assert_eq!(screen(&mut view, 30, 3), "⠋ bash $ make 7s");
    assert!(view.is_animated());
    let mut frame = Frame::new(30, 3);
    let later = NOW + Duration::from_millis(80);
    view.draw(&mut frame, Rect::new(0, 0, 30, 3), &Theme::dark(), later);
    assert_eq!(frame.text().trim_end(), "⠙ bash $ make 7s");
    view.transcript.update("s", |block| {
        if let Block::Tool(tool) = block {
            tool.status = Status::of("aborted");
        }
    });
    assert_eq!(screen(&mut view, 30, 3), "■ bash $ make\n  aborted");
    assert!(!view.is_animated());
}

#[test]
fn what_others_draw_is_asked_for_once_for_each_shape() {
    let mut view = View::new();
    let mut other = tool("x", ToolKind::Other, json!({}));
    other.call = Some(Drawn::pending());
    push_tool(&mut view, "t", other);
    assert_eq!(screen(&mut view, 30, 3), "● x");
    let wanted = view.wanted().to_vec();
    assert_eq!(wanted.len(), 1);
    assert_eq!((wanted[0].part, wanted[0].shape.width), (Part::Call, 28));
    let line = Line::new(vec![Span::new("mine\u{7}\u{202e}", Style::new())]);
    view.transcript.set_drawn(&wanted[0], Some(vec![line]));
    assert_eq!(screen(&mut view, 30, 3), "● mine");
    assert!(view.wanted().is_empty());
    assert_eq!(screen(&mut view, 20, 3), "● mine", "the old lines do until new ones come");
    let wanted = view.wanted().to_vec();
    assert_eq!(wanted[0].shape.width, 18);
    view.transcript.set_drawn(&wanted[0], None);
    assert_eq!(screen(&mut view, 20, 3), "● x");
    assert!(view.wanted().is_empty());
}

#[test]
fn images_get_room_or_words() {
    let picture = Picture {
        id: "p".into(),
        media_type: "image/png".into(),
        pixels: Some((160, 160)),
        bytes: 2048,
    };
    let mut view = View::new();
    view.transcript.push("u", Block::User { text: "see".into(), images: vec![picture] });
    assert_eq!(screen(&mut view, 40, 20), "› see\n  [image: png 160×160, 2 KB]");
    view.has_pictures = true;
    assert_eq!(screen(&mut view, 40, 20), "› see");
    let placed = view.pictures().to_vec();
    assert_eq!(placed.len(), 1);
    assert_eq!((placed[0].area, placed[0].hidden_rows), (Rect::new(2, 1, 20, 10), 0));
    draw(&mut view, 40, 6);
    let placed = &view.pictures()[0];
    assert_eq!(
        (placed.area, placed.hidden_rows, placed.size),
        (Rect::new(2, 0, 20, 6), 4, (20, 10))
    );
}

fn numbered(count: usize) -> View {
    let mut view = View::new();
    for index in 0..count {
        view.transcript.push(format!("b{index}"), user(&format!("block {index}")));
    }
    view
}

fn first_line(view: &mut View, width: u16, height: u16) -> String {
    screen(view, width, height).lines().next().unwrap_or_default().to_owned()
}

#[test]
fn the_end_is_followed_until_it_is_left() {
    let mut view = numbered(20);
    assert!(screen(&mut view, 30, 5).ends_with("› block 19"));
    view.scroll(-3);
    assert!(!view.is_following());
    let top = first_line(&mut view, 30, 5);
    view.transcript.push("new", answer("one\n\ntwo"));
    let shown = screen(&mut view, 30, 5);
    assert_eq!(shown.lines().next(), Some(top.as_str()), "the top stays");
    assert!(shown.ends_with("↓ 4 new lines"), "{shown}");
    view.scroll(100);
    assert!(view.is_following());
    assert!(screen(&mut view, 30, 5).ends_with("  two"));
    view.page_up();
    view.to_bottom();
    assert!(view.is_following() && view.new_lines() == 0);
}

#[test]
fn pages_halves_and_ends() {
    let mut view = numbered(50);
    draw(&mut view, 30, 11);
    view.to_top();
    assert_eq!(first_line(&mut view, 30, 11), "› block 0");
    view.page_down();
    assert_eq!(first_line(&mut view, 30, 11), "› block 5");
    view.half_page_up();
    assert_eq!(view.position(), Position { block: 3, row: 0 });
    view.half_page_down();
    view.page_up();
    assert_eq!(first_line(&mut view, 30, 11), "› block 0");
    let (above, all) = view.progress();
    assert_eq!((above, all), (0, 99));
}

#[test]
fn a_resize_keeps_the_block_at_the_top() {
    let mut view = View::new();
    for index in 0..30 {
        view.transcript
            .push(format!("b{index}"), answer(&format!("{index} {}", "word ".repeat(30))));
    }
    draw(&mut view, 60, 10);
    view.scroll(-40);
    let block = view.position().block;
    for width in [20, 100, 33, 8, 60] {
        draw(&mut view, width, 10);
        assert_eq!(view.position().block, block, "at {width}");
    }
}

#[test]
fn the_cursor_goes_over_blocks_and_stays_in_sight() {
    let mut view = numbered(20);
    draw(&mut view, 30, 5);
    view.focus_next();
    assert_eq!(view.focus(), None);
    view.focus_prev();
    assert_eq!(view.focus().map(|id| &**id), Some("b19"));
    for _ in 0..10 {
        view.focus_prev();
    }
    assert_eq!(view.focus().map(|id| &**id), Some("b9"));
    assert!(screen(&mut view, 30, 5).contains("▌ block 9"));
    view.focus_next();
    assert!(screen(&mut view, 30, 5).contains("▌ block 10"));
    view.set_focus(Some("b0"));
    assert!(screen(&mut view, 30, 5).starts_with("▌ block 0"));
    view.transcript.remove("b0");
    assert_eq!(view.focus(), None);
}

#[test]
fn a_search_finds_what_is_out_of_sight() {
    let mut view = numbered(200);
    let mut hidden = tool("fetch", ToolKind::Other, json!({}));
    hidden.content =
        text((0..40).map(|line| format!("row {line} needle{line}\n")).collect::<String>());
    view.transcript.push("t", Block::Tool(Box::new(hidden)));
    draw(&mut view, 30, 9);
    assert_eq!(view.search("BLOCK 7"), 0, "capitals count");
    assert_eq!(view.search("block 7"), 11);
    assert_eq!(view.search_status(), Some((11, 11)));
    assert!(screen(&mut view, 30, 9).contains("block 79"));
    view.search_next();
    assert_eq!(view.search_status(), Some((1, 11)));
    let frame = draw(&mut view, 30, 9);
    let row = frame.text().lines().position(|line| line == "› block 7").expect("it is in sight");
    let row = u16::try_from(row).expect("a row");
    let marked = |x: u16| {
        frame.cell(x, row).map(|(_, style)| style.bg) == Some(Theme::dark().color("selection"))
    };
    assert!(marked(2) && marked(8) && !marked(9));
    view.search_prev();
    assert_eq!(view.search_status(), Some((11, 11)));
    view.to_bottom();
    assert_eq!(view.search("needle33"), 1);
    assert!(screen(&mut view, 30, 9).contains("row 33 needle33"), "its block is expanded");
    assert!(view.is_expanded("t"));
    view.search("");
    assert_eq!(view.search_status(), None);
}

#[test]
fn text_can_be_copied() {
    let mut view = conversation();
    view.transcript.push("u2", user("again"));
    view.transcript
        .push("a2", answer("Sure\u{1b}[1m:\n\n```rust\nfn x() {}\n```\n\n    indented\n"));
    let transcript = &view.transcript;
    assert_eq!(transcript.plain_text("t3").as_deref(), Some("bash cargo test\nok\npassed"));
    assert!(transcript.last_answer().is_some_and(|text| text.starts_with("Sure:\n\n```rust")));
    let code = |language: &str, text: &str| Code { language: language.into(), text: text.into() };
    assert_eq!(transcript.last_code(), [code("rust", "fn x() {}\n"), code("", "indented\n")]);
    assert!(transcript.last_turn().starts_with("> again\n\nSure:"));
    let whole = transcript.whole_text();
    assert!(whole.starts_with("> fix the typo in main\n\n(thinking) Let me look."), "{whole}");
    assert!(!whole.contains('\u{1b}') && whole.contains("bash cargo test\nok\npassed\n"));
}

#[test]
fn blocks_keep_their_ids() {
    let mut transcript = Transcript::new();
    transcript.push("a", answer("x"));
    transcript.push("q", Block::Queued { text: "later".into() });
    transcript.push("b", answer("y"));
    let ids = |transcript: &Transcript| -> Vec<String> {
        transcript.iter().map(|(id, _)| id.to_string()).collect()
    };
    assert_eq!(ids(&transcript), ["a", "b", "q"]);
    assert!(
        transcript.append("a", " z")
            && !transcript.append("q", "x")
            && !transcript.append("no", "")
    );
    assert_eq!(transcript.plain_text("a").as_deref(), Some("x z"));
    transcript.push("a", user("other"));
    assert_eq!(ids(&transcript), ["a", "b", "q"]);
    assert!(transcript.remove("a").is_some() && transcript.remove("a").is_none());
    assert_eq!(ids(&transcript), ["b", "q"]);
    assert_eq!(transcript.plain_text("q").as_deref(), Some("later"));
}

#[test]
fn far_blocks_are_forgotten() {
    let mut view = numbered(5000);
    draw(&mut view, 40, 20);
    for _ in 0..200 {
        view.page_up();
        draw(&mut view, 40, 20);
    }
    assert!(view.cached_blocks() <= 420, "{}", view.cached_blocks());
    view.to_top();
    assert_eq!(first_line(&mut view, 40, 20), "› block 0");
}

// What holds for everything --------------------------------------------------------------------------

const SINKS: &[&str] = &[
    "\u{1b}[2J\u{1b}]0;t\u{7}",
    "\u{1b}]52;c;aGk=\u{7}",
    "\u{9b}31m",
    "\u{1b}Pq\u{1b}\\",
    "\u{1b}kx\u{1b}\\",
    "\u{0}\u{8}\r",
    "\u{1b}]8;;http://x",
    "\u{1b}_G\u{1b}\\",
    "\u{7f}\u{85}",
];

fn random_block(random: &mut Random) -> Block {
    let say = |random: &mut Random| {
        let mut said = samples::text(random, 12) + random.pick(SINKS);
        said.push_str(&samples::markdown(random, 20));
        said
    };
    let said = say(random);
    match random.below(9) {
        0 => {
            let pixels = Some((1 + random.below(2000) as u32, 1 + random.below(2000) as u32));
            let picture = Picture { id: "p".into(), media_type: said.clone(), pixels, bytes: 9 };
            Block::User { text: said, images: vec![picture] }
        }
        1 | 2 => Block::Answer { text: said, is_streaming: random.below(2) == 0 },
        3 => Block::Thinking { text: said, is_streaming: random.below(2) == 0 },
        4 | 5 => {
            let kinds = [
                ToolKind::Read,
                ToolKind::Write,
                ToolKind::Edit,
                ToolKind::Shell,
                ToolKind::Search,
                ToolKind::Agent,
                ToolKind::Other,
            ];
            let states = [
                Status::Pending,
                Status::Running,
                Status::Ok,
                Status::Error,
                Status::Blocked,
                Status::Aborted,
            ];
            let more = say(random);
            let args = json!({"path": said, "command": more, "pattern": said, "content": more,
                              "old_text": said, "new_text": more});
            let mut tool = tool(&more, kinds[random.below(kinds.len())], args);
            tool.status = states[random.below(states.len())];
            tool.content = text(say(random).repeat(random.below(4)));
            tool.started = Some(Duration::from_secs(1));
            Block::Tool(Box::new(tool))
        }
        6 => Block::Notice { level: Level::Error, text: said.clone(), hint: Some(said) },
        7 => Block::Summary { title: said.clone(), text: said },
        _ => Block::Custom(Custom { label: said.clone(), text: said, drawn: None }),
    }
}

fn random_step(random: &mut Random, view: &mut View, count: &mut usize) {
    match random.below(14) {
        0 => view.scroll(-(random.below(9) as isize)),
        1 => view.scroll(random.below(9) as isize),
        2 => view.page_up(),
        3 => view.half_page_down(),
        4 => view.to_top(),
        5 => view.to_bottom(),
        6 => view.focus_prev(),
        7 => view.focus_next(),
        8 => view.toggle_all(),
        9 => {
            let id = format!("{}", random.below(*count));
            view.toggle(&id);
        }
        10 => {
            view.search(random.pick(&["a", "wor", "漢", "x y", "http", ""]));
        }
        11 => view.search_next(),
        12 => {
            view.transcript.push(count.to_string(), random_block(random));
            *count += 1;
        }
        _ => {
            let id = format!("{}", random.below(*count));
            let delta = samples::markdown(random, 5);
            view.transcript.append(&id, &delta);
        }
    }
}

#[test]
fn a_frame_is_what_a_fresh_view_draws() {
    let mut random = Random::default();
    for _ in 0..Random::rounds(40) {
        let mut view = View::new();
        let mut count = 1 + random.below(12);
        for index in 0..count {
            view.transcript.push(index.to_string(), random_block(&mut random));
        }
        for _ in 0..25 {
            view.has_pictures = random.below(2) == 0;
            let (width, height) = match random.below(4) {
                0 => (random.below(12), random.below(6)),
                1 => (random.below(501), random.below(201)),
                _ => (random.below(90), random.below(40)),
            };
            let (width, height) = (width as u16, height as u16);
            draw(&mut view, width, height);
            random_step(&mut random, &mut view, &mut count);
            draw(&mut view, width, height);
            assert!(highlight::settle(Duration::from_secs(60)));
            let drawn = draw(&mut view, width, height);
            let mut fresh = view.fresh();
            draw(&mut fresh, width, height);
            assert!(highlight::settle(Duration::from_secs(60)));
            let again = draw(&mut fresh, width, height);
            assert_eq!(drawn.text(), again.text(), "at {width}×{height}");
            for (x, y) in (0..width).flat_map(|x| (0..height).map(move |y| (x, y))) {
                let (symbol, style) = drawn.cell(x, y).expect("it is inside");
                assert!(!symbol.chars().any(char::is_control), "{symbol:?}");
                assert_eq!(
                    again.cell(x, y),
                    Some((symbol, style)),
                    "at {x},{y} of {width}×{height}"
                );
            }
            assert_eq!(view.pictures(), fresh.pictures());
            let area = Rect::new(0, 0, width, height);
            for placed in view.pictures() {
                assert_eq!(placed.area.intersection(area), placed.area);
            }
        }
    }
}

#[test]
fn a_view_draws_inside_its_area() {
    let mut random = Random::default();
    let mut view = conversation();
    for index in 0..10 {
        view.transcript.push(index.to_string(), random_block(&mut random));
    }
    for _ in 0..100 {
        let area = Rect::new(
            random.below(20) as u16,
            random.below(10) as u16,
            random.below(30) as u16,
            random.below(15) as u16,
        );
        let mut frame = Frame::new(40, 20);
        let all = frame.area();
        for y in 0..all.height {
            frame.put(0, y, all.width, &"#".repeat(40), Style::new(), None);
        }
        view.draw(&mut frame, area, &Theme::light(), NOW);
        for (x, y) in (0..40).flat_map(|x| (0..20).map(move |y| (x, y))) {
            if !area.contains((x, y).into()) {
                assert_eq!(frame.cell(x, y).map(|(symbol, _)| symbol), Some("#"), "{area} {x},{y}");
            }
        }
    }
}
