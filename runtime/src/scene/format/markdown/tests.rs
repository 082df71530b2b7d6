use std::time::Duration;

use zi_kernel::term::Modifier;

use super::*;
use crate::scene::format::tests::{Random, samples};

const LIMIT: Duration = Duration::from_secs(60);

fn texts(lines: &[Line]) -> Vec<String> {
    lines.iter().map(|line| line.text().trim_end().to_owned()).collect()
}

fn shown(text: &str, width: usize) -> String {
    texts(&layout(text, width, &Theme::dark())).join("\n")
}

#[test]
fn blocks_look_like_what_they_are() {
    let text = "# Title\n\nSome *light* and **bold** `code`.\nNext line.\n\n- one\n- two\n  1. in\n  2. more\n- [x] done\n\n> quoted\n> text\n\n---\n";
    assert_eq!(
        shown(text, 30),
        "\
Title

Some light and bold code. Next
line.

• one
• two
  1. in
  2. more
• [x] done

│ quoted text

──────────────────────────────"
    );
}

#[test]
fn items_stand_apart_where_the_text_has_them_apart() {
    assert_eq!(shown("- a\n\n  b\n- c\n\n- d\n", 20), "• a\n\n  b\n• c\n\n• d");
    assert_eq!(shown("7. a\n1. b\n   - c\n\n     d\n", 20), "7. a\n8. b\n   ◦ c\n\n     d");
    assert_eq!(shown("-\n- x", 20), "•\n• x");
}

#[test]
fn styles_follow_the_text() {
    let theme = Theme::dark();
    let lines = layout("a *b **c*** `d`", 40, &theme);
    let find = |text: &str| {
        let span = lines[0].spans.iter().find(|span| span.text == text);
        span.unwrap_or_else(|| panic!("{text}: {lines:?}")).style
    };
    assert_eq!(find("b ").add_modifier, Modifier::ITALIC);
    assert_eq!(find("c").add_modifier, Modifier::ITALIC | Modifier::BOLD);
    assert_eq!(find("d").fg, theme.color("code"));
}

#[test]
fn code_keeps_its_shape_and_gets_its_colours() {
    let theme = Theme::dark();
    let text = "```rust\nfn main() {\n    x();\n}\n```\nafter";
    assert_eq!(shown(text, 30), "  fn main() {\n      x();\n  }\n\nafter");
    assert!(highlight::settle(LIMIT));
    let lines = layout(text, 30, &theme);
    assert_eq!(lines[0].spans[1].text, "fn");
    assert_eq!(lines[0].spans[1].style.fg, theme.color("syntax_keyword"));
    assert_eq!(lines[0].fill.bg, theme.color("code_background"));
    assert_eq!(shown("```\nabcdefgh\n```", 6), "  abcd\n  efgh");
}

#[test]
fn a_fence_that_is_not_closed_is_code() {
    assert_eq!(shown("a\n```py\nx = *1*\n  y", 20), "a\n\n  x = *1*\n    y");
    assert_eq!(shown("```py", 20), "");
    assert_eq!(shown("- a\n  ```\n  *b*", 20), "• a\n    *b*");
}

#[test]
fn tables_fit_their_columns() {
    let text = "| Name | Count |\n|:-----|------:|\n| a | 1 |\n| longer name | 22 |\n";
    assert_eq!(
        shown(text, 40),
        "\
Name        │ Count
────────────┼──────
a           │     1
longer name │    22"
    );
    assert_eq!(
        shown(text, 16),
        "\
Name     │ Count
─────────┼──────
a        │     1
longer   │    22
name     │"
    );
    assert_eq!(shown(text, 8), "Name: a\nCount: 1\n\nName:\nlonger\nname\nCount:\n22");
}

#[test]
fn what_is_not_drawn_is_said() {
    assert_eq!(
        shown("![a *b*](x.png) <b>x</b> [^1]\n\n[^1]: note\n", 60),
        "[image: a b] <b>x</b> [^1]\n\n[^1]: note"
    );
    assert_eq!(shown("<div>\n<p>x\n</div>\n", 60), "<div>\n<p>x\n</div>");
    assert_eq!(shown("&#27;[31mx &#x202E;y", 60), "x \u{202E}y\u{202C}");
}

#[test]
fn labels_are_looked_up_in_the_whole_text() {
    let text = "see [the docs][d]\n\n# h\n\n[d]: https://example.com/x\n";
    assert_eq!(shown(text, 60), "see the docs (example.com)\n\nh");
}

#[test]
fn a_stream_shows_what_a_whole_text_shows() {
    let mut random = Random::default();
    let theme = Theme::dark();
    for _ in 0..Random::rounds(1500) {
        let text = samples::markdown(&mut random, 30);
        let width = 1 + random.below(40);
        let mut stream = Stream::new();
        let mut end = 0;
        while end < text.len() {
            end = (end + 1 + random.below(12)).min(text.len());
            while !text.is_char_boundary(end) {
                end += 1;
            }
            let part = stream.update(&text[..end], width, &theme);
            for line in part {
                assert!(line.width() <= width, "{text:?} {width} {line:?}");
            }
        }
        assert!(highlight::settle(LIMIT));
        let streamed = texts(stream.update(&text, width, &theme));
        let mut fresh = Stream::new();
        let whole = texts(fresh.update(&text, width, &theme));
        assert_eq!(streamed, whole, "{text:?} at {width}");
        assert!(highlight::settle(LIMIT));
        fresh.update(&text, width, &theme);
        if fresh.fence.is_none() {
            assert_eq!(fresh.lines, layout(&text, width, &theme), "{text:?} at {width}");
        }
        let fresh = fresh.lines();
        assert_eq!(stream.update(&text, width, &theme), fresh, "{text:?} at {width}");
        assert!(!stream.is_pending());
    }
}

#[test]
fn another_text_width_or_theme_is_laid_out_anew() {
    let mut stream = Stream::new();
    let theme = Theme::dark();
    for (text, width) in
        [("a b c\n\nd", 10), ("a b c\n\nd", 3), ("x\n\ny\n\nz", 3), ("x\n\ny\n\nw", 3), ("", 3)]
    {
        assert_eq!(stream.update(text, width, &theme), layout(text, width, &theme));
    }
    let light = Theme::light();
    assert_eq!(stream.update("`a`", 9, &light), layout("`a`", 9, &light));
}
