use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde_json::{Value, json};
use zi_kernel::term::Color;

use super::*;

struct World {
    theme: Theme,
    surfaces: Surfaces,
    pictures: Pictures,
    _io: tokio::runtime::Runtime,
}

impl World {
    fn new() -> Self {
        let io = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let theme = Theme::new("test", [("accent".to_owned(), Color::Cyan)]);
        let pictures = Pictures::new(io.handle().clone(), "/".into());
        Self { theme, surfaces: Surfaces::default(), pictures, _io: io }
    }

    fn context(&self) -> DrawContext<'_> {
        let (theme, surfaces, pictures) = (&self.theme, &self.surfaces, &self.pictures);
        DrawContext { theme, now: Duration::ZERO, surfaces, pictures }
    }

    fn draw(&self, width: u16, height: u16, node: Value) -> String {
        let node = Node::read(&node).expect("it reads");
        let mut frame = Frame::new(width, height);
        let area = frame.area();
        draw_node(&mut frame, area, &node, self.context());
        frame.text().trim_end_matches('\n').to_owned()
    }
}

fn drawn(width: u16, height: u16, node: Value) -> String {
    World::new().draw(width, height, node)
}

fn text(text: &str) -> Value {
    json!({ "type": "text", "text": text })
}

#[test]
fn frames_have_titles_and_what_trails() {
    let view = json!({
        "type": "view",
        "style": { "chrome": { "kind": "frame", "title": "hello", "trailing": "1/2" } },
        "children": [text("hi")],
    });
    let framed = "╭ hello ───── 1/2 ╮\n│hi               │\n╰─────────────────╯";
    assert_eq!(drawn(19, 3, view.clone()), framed);
    assert_eq!(drawn(12, 3, view.clone()).lines().next(), Some("╭ hello ───╮"));
    assert_eq!(drawn(4, 2, view), "hi", "where a frame would leave nothing there is none");
}

#[test]
fn rows_and_columns_divide_their_room() {
    let row = json!({
        "type": "view",
        "style": { "flex_direction": "row", "gap": 1 },
        "children": [
            text("left"),
            { "type": "text", "text": "middle", "align": "center", "style": { "flex_grow": 1 } },
            { "type": "text", "text": "right" },
        ],
    });
    assert_eq!(drawn(24, 1, row), "left    middle     right");
    let column = json!({
        "type": "view",
        "style": { "justify": "between", "align": "end" },
        "children": [text("a"), text("b"), text("c")],
    });
    assert_eq!(drawn(4, 5, column), "   a\n\n   b\n\n   c");
    let halves = json!({
        "type": "view",
        "style": { "flex_direction": "row" },
        "children": [
            { "type": "text", "text": "one two", "style": { "width": "50%" } },
            { "type": "text", "text": "three", "style": { "width": "fill" } },
        ],
    });
    assert_eq!(drawn(12, 2, halves), "one   three\ntwo");
}

#[test]
fn text_is_wrapped_cut_and_scrolled() {
    let node = |more: Value| {
        let mut node = text("the quick brown fox\njumps");
        node.as_object_mut().expect("a node").extend(more.as_object().expect("fields").clone());
        node
    };
    assert_eq!(drawn(10, 5, node(json!({}))), "the quick\nbrown fox\njumps");
    assert_eq!(drawn(10, 5, node(json!({ "wrap": "char" }))), "the quick\nbrown fox\njumps");
    assert_eq!(drawn(10, 5, node(json!({ "wrap": "none" }))), "the quick\njumps");
    let cut = json!({ "wrap": "none", "overflow": "ellipsis" });
    assert_eq!(drawn(10, 5, node(cut)), "the quick…\njumps");
    let cut = json!({ "max_lines": 2, "overflow": "ellipsis" });
    assert_eq!(drawn(10, 5, node(cut)), "the quick\nbrown fox…");
    assert_eq!(drawn(10, 5, node(json!({ "scroll_y": 1 }))), "brown fox\njumps");
    assert_eq!(drawn(10, 5, node(json!({ "wrap": "none", "scroll_x": 4 }))), "quick brow\ns");
    assert_eq!(drawn(6, 1, text("a\u{1b}[31m\u{7}b")), "ab", "no control character is drawn");
    let exact = json!({ "type": "text", "text": "rm\u{202e} x", "format": "exact" });
    assert_eq!(drawn(20, 1, exact), "rm<U+202E> x");
}

#[test]
fn markdown_and_terminal_text_have_their_styles() {
    let markdown =
        json!({ "type": "text", "text": "# Title\n\nsome **bold** words", "format": "markdown" });
    let shown = drawn(20, 6, markdown);
    assert!(shown.contains("Title") && shown.contains("some bold words") && !shown.contains("**"));
    let ansi = json!({ "type": "text", "text": "\u{1b}[31mred\u{1b}[0m \u{1b}]52;c;eA==\u{7}plain", "format": "ansi" });
    let world = World::new();
    let node = Node::read(&ansi).expect("it reads");
    let mut frame = Frame::new(20, 1);
    let area = frame.area();
    draw_node(&mut frame, area, &node, world.context());
    assert_eq!(frame.text(), "red plain\n");
    let fg = |x| frame.cell(x, 0).and_then(|(_, style)| style.fg);
    assert_eq!((fg(0), fg(4)), (Some(Color::Indexed(1)), Some(Color::Reset)));
}

#[test]
fn every_kind_of_node_is_drawn() {
    assert_eq!(drawn(10, 1, json!({ "type": "chip", "label": "new" })), " new");
    assert_eq!(drawn(6, 1, json!({ "type": "separator" })), "──────");
    assert_eq!(drawn(12, 1, json!({ "type": "separator", "label": "or" })), "── or ──────");
    assert_eq!(drawn(12, 1, json!({ "type": "spinner", "label": "busy" })), "⠋ busy");
    let progress = json!({ "type": "progress", "value": 0.5, "label": "load" });
    assert_eq!(drawn(25, 1, progress), "load ███████▌───────  50%");
    assert_eq!(drawn(8, 1, json!({ "type": "progress" })), "━━──────");
    let list = json!({
        "type": "list",
        "items": ["one", { "label": "two", "detail": "the second" }, "three", "four"],
        "selected": 2,
        "marked": [1],
    });
    assert_eq!(drawn(24, 2, list), "  ◉ one                ┃\n› ○ two  the second    │");
    let table = json!({
        "type": "table",
        "columns": ["name", { "title": "size", "align": "right" }],
        "rows": [["a", 1], ["bcdef", { "text": "1000", "style": { "bold": true } }]],
    });
    assert_eq!(drawn(20, 3, table), "name   size\na         1\nbcdef  1000");
    let input = json!({ "type": "input", "id": "i", "value": "typed" });
    assert_eq!(drawn(10, 1, input), "typed");
    let scroll = json!({ "type": "scroll", "children": [text("1\n2\n3\n4")], "scroll_y": 2 });
    assert_eq!(drawn(5, 2, scroll), "3\n4");
    let image = json!({ "type": "image", "path": "nowhere.png" });
    assert_eq!(drawn(5, 1, image), "…");
}

#[test]
fn lists_give_way_before_the_rest_is_hidden() {
    let items: Vec<String> = (1..100).map(|number| format!("item {number}")).collect();
    let dialog = json!({
        "type": "view",
        "style": { "chrome": { "title": "pick" } },
        "children": [
            text("which one?"),
            { "type": "list", "items": items },
            { "type": "input", "id": "i", "value": "typed" },
        ],
    });
    let shown = drawn(20, 6, dialog);
    assert!(shown.contains("which one?") && shown.contains("item 1") && shown.contains("typed"));
}

fn random_text(random: &mut StdRng) -> String {
    let parts = [
        "word ",
        "漢字",
        "👨‍👩‍👧",
        "e\u{301}",
        "\t",
        "\n",
        "x",
        "אב",
        "\u{200d}",
        "\u{1b}[0m",
        "🇩🇪",
        "a\u{301}\u{302}\u{303}",
        " ",
        "\u{fffd}",
        "long-unbroken-word-that-wraps",
    ];
    (0..random.random_range(0..12)).map(|_| parts[random.random_range(0..parts.len())]).collect()
}

fn pick<'t>(random: &mut StdRng, words: &[&'t str]) -> &'t str {
    words[random.random_range(0..words.len())]
}

fn random_size(random: &mut StdRng) -> Value {
    match random.random_range(0..5) {
        0 => json!(random.random_range(0..30)),
        1 => json!(format!("{}%", random.random_range(0..=100))),
        2 => json!("fill"),
        _ => json!("auto"),
    }
}

fn random_node(random: &mut StdRng, depth: usize, count: &mut usize) -> Value {
    *count += 1;
    let id = format!("n{count}");
    let words = random_text(random);
    let mut style = json!({
        "width": random_size(random),
        "height": random_size(random),
        "flex_grow": random.random_range(0..3),
        "bg": random.random_range(0..255),
    });
    let kinds = if depth == 0 { 2..12 } else { 0..12 };
    let mut node = match random.random_range(kinds) {
        kind @ (0 | 1) => {
            let children: Vec<Value> = (0..random.random_range(0..4))
                .map(|_| random_node(random, depth - 1, count))
                .collect();
            let more = json!({
                "flex_direction": if random.random() { "row" } else { "column" },
                "gap": random.random_range(0..3),
                "padding": random.random_range(0..3),
                "align": pick(random, &["start", "center", "end", "stretch"]),
                "justify": pick(random, &["start", "center", "end", "between"]),
                "chrome": { "title": words, "trailing": "x", "kind": if random.random() { "frame" } else { "none" } },
            });
            style.as_object_mut().expect("a table").extend(more.as_object().expect("one").clone());
            json!({ "type": if kind == 0 { "view" } else { "scroll" }, "children": children })
        }
        2 => json!({ "type": "input", "value": words, "multiline": random.random::<bool>() }),
        3 => json!({ "type": "chip", "label": words }),
        4 => json!({ "type": "progress", "label": words, "value": 0.37 }),
        5 => json!({ "type": "separator", "label": words }),
        6 => json!({ "type": "list", "items": [words, "b", "c"], "selected": 2, "marked": [3] }),
        7 => {
            json!({ "type": "table", "columns": ["a", words], "rows": [["1", "2", "3"], [words]] })
        }
        8 => json!({ "type": "spinner", "label": words }),
        9 => json!({ "type": "surface" }),
        10 => json!({ "type": "progress" }),
        _ => json!({
            "type": "text",
            "text": words,
            "wrap": pick(random, &["word", "char", "none"]),
            "overflow": "ellipsis",
            "align": "right",
            "scroll_x": random.random_range(0..3),
        }),
    };
    node["id"] = id.into();
    node["style"] = style;
    node
}

#[test]
fn nothing_is_drawn_outside_of_its_area_at_any_size() {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(11);
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::new();
    for round in 0..1500 {
        let tree = random_node(&mut random, 4, &mut 0);
        let node = Node::read(&tree).unwrap_or_else(|fault| panic!("seed {seed}: {fault}"));
        let (width, height) = (random.random_range(0..40), random.random_range(0..16));
        let rect = Rect::new(2, 2, width, height);
        let mut frame = Frame::new(width + 4, height + 4);
        for y in 0..height + 4 {
            frame.put(0, y, width + 4, &"░".repeat((width + 4).into()), Style::new(), None);
        }
        draw_node(&mut frame, rect, &node, world.context());
        for y in 0..height + 4 {
            for x in 0..width + 4 {
                let inside = (2..2 + width).contains(&x) && (2..2 + height).contains(&y);
                let (symbol, style) = frame.cell(x, y).expect("it is in the frame");
                let is_blank = symbol == "░" && style.bg == Some(Color::Reset);
                assert!(
                    inside || is_blank,
                    "seed {seed} round {round}: ({x}, {y}) {symbol}\n{tree}"
                );
            }
        }
        height_of(&node, width, world.context());
    }
}

#[test]
fn a_deep_tree_is_measured_once_for_each_width() {
    let mut node = text("deep");
    for level in 0..44 {
        let direction = if level % 2 == 0 { "row" } else { "column" };
        let style = json!({ "flex_direction": direction, "align": "center" });
        node = json!({ "type": "view", "style": style, "children": [node, text("x")] });
    }
    assert!(drawn(200, 60, node).contains("deep"));
}

#[test]
fn what_scrolls_has_a_bar_where_there_is_more_and_tables_break_their_cells() {
    let scroll = json!({ "type": "scroll", "children": [text("one\ntwo\nthree\nfour")] });
    assert_eq!(drawn(12, 2, scroll.clone()), "one        ┃\ntwo        │");
    assert_eq!(drawn(12, 4, scroll), "one\ntwo\nthree\nfour");
    let table = json!({
        "type": "table",
        "columns": [{ "title": "key" }, { "title": "does", "width": "fill" }],
        "rows": [["a", "says what the draft holds"], ["b", "ends"]],
    });
    let rows = "key  does\na    says what\n     the draft\n     holds\nb    ends";
    assert_eq!(drawn(16, 5, table), rows);
}

#[test]
fn details_of_a_list_stand_below_each_other() {
    let list = json!({
        "type": "list",
        "items": [{ "label": "a", "detail": "first" }, { "label": "long", "detail": "second" }],
    });
    assert_eq!(drawn(20, 2, list.clone()), "  a     first\n  long  second");
    assert_eq!(drawn(9, 2, list), "  a\n  long");
}
