use serde_json::json;

use super::*;

fn fault(spec: Value) -> String {
    View::parse(&spec).expect_err("it has a fault").to_string()
}

fn view(spec: Value) -> View {
    match View::parse(&spec) {
        Ok(Rendering::Show(view)) => *view,
        other => panic!("{other:?}"),
    }
}

fn of_root(root: Value) -> String {
    fault(json!({ "id": "v", "root": root }))
}

#[test]
fn the_hello_of_the_manual_is_read() {
    let view = view(json!({
        "id": "hello-command",
        "slot": { "kind": "overlay", "preset": "centered" },
        "focus": true,
        "keys": [{ "key": "Esc", "action": "close" }, { "key": "q", "action": "close" }],
        "root": {
            "type": "view",
            "style": {
                "chrome": { "kind": "frame", "title": "hello", "border": "rounded", "tone": "muted" },
                "padding": 1,
            },
            "children": [{ "type": "text", "text": "hello, zi" }],
        },
    }));
    assert!(view.focus);
    assert_eq!(view.keys[0].key, "escape");
    assert_eq!(view.slot.backdrop, Backdrop::Dim);
    assert_eq!(view.root.style.padding, (1, 1));
    assert_eq!(view.root.style.chrome.as_ref().map(|chrome| chrome.title.as_str()), Some("hello"));
    let Kind::View { children } = &view.root.kind else { panic!("a view") };
    assert_eq!(children[0].id, "#1");
}

#[test]
fn faults_say_where_they_are_and_what_was_meant() {
    let text = |style: Value| json!({ "type": "text", "text": "x", "style": style });
    let children = json!([text(json!({})), text(json!({ "tone": "sucess" }))]);
    assert_eq!(
        of_root(json!({ "type": "view", "children": children })),
        "`root.children[2].style.tone`: `sucess` is none of neutral, muted, info, success, warning, \
         danger, accent; did you mean `success`?"
    );
    assert_eq!(
        of_root(json!({ "type": "veiw" })),
        "`root.type`: `veiw` is none of view, text, input, chip, progress, separator, surface, list, \
         table, spinner, image, scroll; did you mean `view`?"
    );
    assert_eq!(
        of_root(json!({ "type": "text", "txt": "x" })),
        "`root.txt`: there is no such field; did you mean `text`?"
    );
    assert_eq!(
        of_root(json!({ "type": "text", "text": "x", "bold": true })),
        "`root.bold`: it belongs into `style`: style = {bold = …}"
    );
    assert_eq!(
        of_root(json!({ "type": "text", "text": true })),
        "`root.text`: must be a string, not a boolean"
    );
    assert_eq!(
        of_root(json!({ "type": "view", "children": [json!({ "type": "input" })] })),
        "`root.children[1].id`: is required (events and frames name it)"
    );
    assert_eq!(
        of_root(text(json!({ "chrome": {} }))),
        "`root.style.chrome`: only a `view` or a `scroll` has it"
    );
    assert_eq!(fault(json!({ "root": text(json!({})) })), "`id`: is required (a string)");
    assert_eq!(fault(json!({ "id": "v" })), "`root`: is required (a node)");
    assert_eq!(fault(json!("v")), "`spec`: must be a table, not a string");
    let spec = json!({ "id": "v", "title": "x", "root": text(json!({})) });
    assert!(fault(spec).starts_with("`title`: a frame belongs to a node: root = "));
    let spec = json!({ "id": "v", "keys": [{ "key": "hyper+x" }], "root": text(json!({})) });
    assert!(fault(spec).starts_with("`keys[1].key`: `hyper+x` is no key"));
    let spec = json!({ "id": "v", "slot": { "max_height": "140%" }, "root": text(json!({})) });
    assert!(fault(spec).starts_with("`slot.max_height`: must be a number of cells"));
    let spec = json!({ "id": "v", "slot": "overlai", "root": text(json!({})) });
    assert!(fault(spec).ends_with("did you mean `overlay`?"));
    assert!(of_root(text(json!({ "fg": "redd" }))).contains("did you mean `red`?"));
}

#[test]
fn fields_of_a_slot_win_over_its_preset() {
    let slot = |slot: Value| {
        view(json!({ "id": "v", "focus": true, "slot": slot, "root": { "type": "view" } }))
    };
    let ivy = slot(json!({ "kind": "overlay", "preset": "ivy", "max_height": "55%" }));
    assert_eq!(ivy.slot.width, Size::Fill);
    assert_eq!(ivy.slot.max_height, Some(Size::Percent(55)));
    assert_eq!(ivy.slot.anchor, (Side::End, Side::Center));
    let toast = slot(json!({ "preset": "top_toast", "anchor": "top_left", "margin": [0, 2] }));
    assert!(!toast.focus, "a toast never has the keyboard");
    assert_eq!(toast.slot.anchor, (Side::Start, Side::Start));
    assert_eq!(toast.slot.margin, (0, 2));
    assert_eq!(slot(json!("editor.border.top")).slot.kind, SlotKind::EditorBorderTop);
    assert!(slot(json!({ "lifetime": "until_input" })).slot.until_input);
}

#[test]
fn colours_have_names_numbers_and_digits() {
    let theme = crate::scene::theme::Theme::new(
        "t",
        [("success".to_owned(), zi_kernel::term::Color::Green)],
    );
    let fg = |fg: Value| {
        let style = json!({ "fg": fg });
        let node = Node::read(&json!({ "type": "text", "text": "x", "style": style }));
        node.expect("it reads").style.look.style(&theme).fg
    };
    use zi_kernel::term::Color;
    assert_eq!(fg(json!("red")), Some(Color::Indexed(1)));
    assert_eq!(fg(json!(200)), Some(Color::Indexed(200)));
    assert_eq!(fg(json!(200.0)), Some(Color::Indexed(200)));
    assert_eq!(fg(json!("#f80")), Some(Color::Rgb(255, 136, 0)));
    assert_eq!(fg(json!("#102030")), Some(Color::Rgb(16, 32, 48)));
    assert_eq!(fg(json!("success")), Some(Color::Green));
    assert_eq!(fg(json!("muted")), None, "what the theme leaves open");
    for bad in [json!(256), json!("#12"), json!("#ääx"), json!(1.5), json!([])] {
        let style = json!({ "fg": bad });
        assert!(Node::read(&json!({ "type": "text", "text": "x", "style": style })).is_err());
    }
}

#[test]
fn there_is_an_end_to_everything() {
    let mut deep = json!({ "type": "view" });
    for _ in 0..100 {
        deep = json!({ "type": "view", "children": [deep] });
    }
    assert!(of_root(deep).contains("levels deep"));
    let many = vec![json!({ "type": "separator" }); MAX_NODES];
    assert!(of_root(json!({ "type": "view", "children": many })).contains("at most 10000 nodes"));
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    assert!(
        of_root(json!({ "type": "text", "text": long })).starts_with("`root.text`: has 262145")
    );
    let texts = vec![json!({ "type": "text", "text": "x".repeat(MAX_TEXT_BYTES) }); 17];
    assert!(of_root(json!({ "type": "view", "children": texts })).contains("bytes of text"));
    let id = "x".repeat(MAX_ID_BYTES + 1);
    assert!(fault(json!({ "id": id, "remove": true })).contains("more than 256 bytes"));
    assert_eq!(
        View::parse(&json!({ "id": "v", "remove": true })),
        Ok(Rendering::Remove { id: "v".into() })
    );
}

#[test]
fn both_habits_of_writing_names_are_read() {
    let node = Node::read(&json!({
        "type": "view",
        "style": { "flexDirection": "row", "flexGrow": 2 },
        "children": {},
    }))
    .expect("it reads");
    assert_eq!((node.style.direction, node.style.grow), (Direction::Row, 2));
    let list = Node::read(&json!({
        "type": "list",
        "items": ["one", { "label": "two", "detail": "2", "value": 2 }],
        "selected": 2,
        "onSelect": "pick",
        "filter": { "input": "query" },
    }))
    .expect("it reads");
    let Kind::List(list) = list.kind else { panic!("a list") };
    assert_eq!(list.selected, Some(1));
    assert_eq!(list.items[1].value, json!(2));
    assert_eq!(list.filter, Some(Filter::Input("query".into())));
}

/// Any data, made of words that mean something in a view.
fn random_data(random: &mut rand::rngs::StdRng, depth: usize) -> Value {
    use rand::Rng as _;
    const WORDS: &[&str] = &[
        "id", "root", "type", "view", "text", "children", "style", "list", "items", "input",
        "keys", "key", "slot", "width", "50%", "fill", "x", "", "focus", "remove", "spans",
        "chrome", "image", "data", "table", "rows", "columns", "fg", "#12", "filter", "selected",
        "padding", "\u{0}",
    ];
    let word = |random: &mut rand::rngs::StdRng| WORDS[random.random_range(0..WORDS.len())];
    match random.random_range(0..if depth == 0 { 5 } else { 9 }) {
        0 => Value::Null,
        1 => json!(random.random::<bool>()),
        2 => json!(random.random_range(-3..300)),
        3 => json!(random.random::<f64>() * 1e20),
        4 => json!(word(random)),
        5 => (0..random.random_range(0..4)).map(|_| random_data(random, depth - 1)).collect(),
        _ => {
            let fields = (0..random.random_range(0..6))
                .map(|_| (word(random).to_owned(), random_data(random, depth - 1)));
            let mut fields: serde_json::Map<String, Value> = fields.collect();
            if random.random() {
                fields.insert("type".into(), word(random).into());
            }
            Value::Object(fields)
        }
    }
}

#[test]
fn any_data_is_read_or_refused() {
    use rand::SeedableRng as _;
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(5);
    let mut random = rand::rngs::StdRng::seed_from_u64(seed);
    for _ in 0..20_000 {
        let spec = json!({ "id": "v", "root": random_data(&mut random, 5) });
        if let Err(fault) = View::parse(&spec) {
            assert!(!fault.path.is_empty() && !fault.message.is_empty(), "seed {seed}: {spec}");
        }
        View::parse(&random_data(&mut random, 4)).ok();
    }
}
