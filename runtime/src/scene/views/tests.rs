use serde_json::{Value, json};
use tokio::runtime::Runtime;
use zi_kernel::term::{Frame, Rect};

use super::*;
use crate::{
    extensions::{Found, Rank, Source},
    scene::{
        draw::{DrawContext, Pictures},
        theme::Theme,
        tree::Rendering,
    },
    surfaces::Surfaces,
};

struct Stage {
    views: Views,
    theme: Theme,
    surfaces: Surfaces,
    pictures: Pictures,
    _io: Runtime,
}

impl Stage {
    fn new() -> Self {
        let io = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        Self {
            views: Views::default(),
            theme: Theme::default(),
            surfaces: Surfaces::default(),
            pictures: Pictures::new(io.handle().clone(), "/".into()),
            _io: io,
        }
    }

    fn draw(&mut self, width: u16, height: u16) -> Frame {
        let mut frame = Frame::new(width, height);
        let (theme, surfaces, pictures) = (&self.theme, &self.surfaces, &self.pictures);
        let context = DrawContext { theme, now: Duration::ZERO, surfaces, pictures };
        let area = frame.area();
        self.views.draw_overlays(&mut frame, area, context);
        frame
    }

    fn slot(&mut self, slot: SlotKind, width: u16, height: u16) -> String {
        let mut frame = Frame::new(width, height);
        let (theme, surfaces, pictures) = (&self.theme, &self.surfaces, &self.pictures);
        let context = DrawContext { theme, now: Duration::ZERO, surfaces, pictures };
        let area = frame.area();
        self.views.draw_slot(slot, &mut frame, area, context);
        frame.text().trim_end().to_owned()
    }

    fn render(&mut self, owner: &Arc<Extension>, spec: Value) {
        self.render_seen(owner, spec, None);
    }

    fn render_seen(&mut self, owner: &Arc<Extension>, spec: Value, seen: Option<u64>) {
        let Ok(Rendering::Show(view)) = View::parse(&spec) else { panic!("it does not read") };
        self.views.render(owner.clone(), *view, seen);
    }

    /// Presses keys with an empty editor, and answers the types and the fields of the events.
    fn keys(&mut self, keys: &[&str]) -> Vec<Value> {
        let mut events = Vec::new();
        for key in keys {
            if let Routed::Consumed(more) = self.views.key(key, true) {
                events.extend(more.into_iter().map(|event| Value::Object(event.fields)));
            }
        }
        events
    }

    fn is_passed(&mut self, key: &str, editor_is_empty: bool) -> bool {
        matches!(self.views.key(key, editor_is_empty), Routed::Pass)
    }
}

fn extension(id: &str, generation: u64) -> Arc<Extension> {
    let rank = Rank { source: Source::User, order: 0 };
    let found = Found::from_text(id.into(), rank, "x.lua".into(), "/".into(), Vec::new());
    let extension = Extension::new(found.expect("it is an extension"), generation, false);
    extension.set_active(true);
    Arc::new(extension)
}

fn overlay(id: &str, focus: bool, more: Value) -> Value {
    let mut spec = json!({
        "id": id,
        "focus": focus,
        "root": { "type": "text", "text": format!("view {id}") },
    });
    spec.as_object_mut().expect("a table").extend(more.as_object().expect("one").clone());
    spec
}

#[test]
fn only_the_top_overlay_that_wants_them_gets_keys() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    stage.render(&one, overlay("a", true, json!({})));
    stage.render(&one, overlay("b", true, json!({ "order": 1 })));
    stage.render(&one, overlay("c", false, json!({ "order": 2 })));
    assert!(stage.views.has_capture());
    let events = stage.keys(&["x"]);
    assert_eq!(events.len(), 1);
    assert_eq!((&events[0]["view"], &events[0]["key"]), (&json!("b"), &json!("x")));
    stage.render(&one, overlay("b", false, json!({ "order": 1 })));
    assert_eq!(stage.keys(&["x"])[0]["view"], "a");
    stage.views.remove(1, "a");
    assert!(!stage.views.has_capture());
    assert!(stage.is_passed("x", true));
}

#[test]
fn order_then_owner_then_id_decide_who_is_above() {
    let mut stage = Stage::new();
    let (one, two) = (extension("one", 1), extension("two", 2));
    stage.render(&two, overlay("a", true, json!({})));
    stage.render(&one, overlay("z", true, json!({})));
    assert_eq!(stage.keys(&["x"])[0]["view"], "z", "the owners are of one rank: then the id");
    stage.render(&one, overlay("b", true, json!({ "order": -1 })));
    assert_eq!(stage.keys(&["x"])[0]["view"], "z");
}

#[test]
fn escape_closes_the_top_overlay_unless_it_names_the_key() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    stage.render(&one, overlay("a", true, json!({})));
    let Routed::Consumed(events) = stage.views.key("escape", true) else { panic!("consumed") };
    assert!(events[0].closes);
    assert!(!stage.views.has_capture());
    let keys = json!({ "keys": [{ "key": "escape", "action": "close" }] });
    stage.render(&one, overlay("a", true, keys));
    assert_eq!(stage.keys(&["escape"])[0]["action"], "close");
    assert!(stage.views.has_capture());
}

#[test]
fn overlays_without_the_keyboard_hear_their_keys_while_the_editor_is_empty() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    stage.render(
        &one,
        overlay("a", false, json!({ "keys": [{ "key": "ctrl+x", "action": "go" }] })),
    );
    assert!(stage.is_passed("y", true));
    assert!(stage.is_passed("ctrl+x", false));
    let events = stage.keys(&["ctrl+x"]);
    assert_eq!((&events[0]["action"], &events[0]["ctrl"]), (&json!("go"), &json!(true)));
    assert!(!stage.is_passed("escape", false), "it goes whatever is in the editor");
    assert!(stage.is_passed("escape", false));
}

#[test]
fn a_view_that_lives_until_input_goes_with_its_first_key() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    stage.render(&one, overlay("a", true, json!({})));
    let until = json!({ "order": 1, "slot": { "lifetime": "until_input" } });
    stage.render(&one, overlay("b", true, until));
    assert_eq!(
        stage.keys(&["x", "x"]).iter().map(|it| &it["view"]).collect::<Vec<_>>(),
        ["b", "a"]
    );
    assert!(stage.views.has_capture(), "the manual one stays");
}

fn form(value: Option<&str>) -> Value {
    let input = json!({ "type": "input", "id": "i", "value": value });
    let list = json!({
        "type": "list",
        "id": "l",
        "items": ["apple", "banana", "cherry"],
        "filter": { "input": "i" },
        "on_select": "pick",
    });
    json!({ "id": "f", "focus": true, "root": { "type": "view", "children": [input, list] } })
}

#[test]
fn typing_filters_and_enter_selects_what_fits_best() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    stage.render(&one, form(None));
    stage.draw(40, 10);
    let events = stage.keys(&["c", "h"]);
    let kinds: Vec<&Value> = events.iter().map(|event| &event["node"]).collect();
    assert_eq!(kinds, ["i", "l", "i"], "another item is selected after the first letter");
    assert_eq!((&events[1]["value"], &events[1]["index"]), (&json!("cherry"), &json!(3)));
    let event = stage.keys(&["enter"]).remove(0);
    assert_eq!((&event["type"], &event["value"]), (&json!("select"), &json!("cherry")));
    assert_eq!(event["action"], "pick");
    stage.keys(&["ctrl+u"]);
    let events = stage.keys(&["down", "down", "up"]);
    let values: Vec<&Value> = events.iter().map(|event| &event["value"]).collect();
    assert_eq!(values, ["banana", "cherry", "banana"]);
}

#[test]
fn a_slow_handler_never_eats_a_keystroke() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    let text = |stage: &Stage| {
        let input = stage.views.mounted[0].states.input("i").map(|it| it.edit.text().to_owned());
        input.expect("there is an input")
    };
    stage.render(&one, form(None));
    let first = stage.keys(&["a"])[0]["edit"].as_u64();
    let second = stage.keys(&["b"])[0]["edit"].as_u64();
    stage.render_seen(&one, form(Some("A")), first);
    assert_eq!(text(&stage), "ab", "the handler of the first letter has not seen the second");
    stage.render_seen(&one, form(Some("AB")), second);
    assert_eq!(text(&stage), "AB");
    stage.keys(&["c"]);
    stage.render(&one, form(Some("from a timer")));
    assert_eq!(text(&stage), "ABc");
    let edit = stage.views.mounted[0].last_edit();
    stage.views.apply(UiRequest::Seen { generation: 1, view: "f".into(), edit });
    stage.render(&one, form(Some("")));
    assert_eq!(text(&stage), "");
    stage.keys(&["ctrl+_"]);
    assert_eq!(text(&stage), "ABc", "what a handler sets can be undone");
}

#[test]
fn pastes_go_to_the_input_and_several_inputs_take_turns() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    let input = |id: &str| json!({ "type": "input", "id": id });
    let root = json!({ "type": "view", "children": [input("a"), input("b")] });
    stage.render(&one, json!({ "id": "f", "focus": true, "root": root }));
    let Routed::Consumed(events) = stage.views.paste("one\ntwo") else { panic!("consumed") };
    assert_eq!(events[0].fields["value"], "one two");
    assert!(stage.keys(&["tab"]).is_empty());
    let events = stage.keys(&["x", "enter"]);
    assert_eq!((&events[0]["node"], &events[1]["type"]), (&json!("b"), &json!("submit")));
    assert_eq!(events[1]["value"], "x");
}

#[test]
fn the_caret_is_in_the_input_that_has_the_keyboard() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    let slot = json!({ "anchor": "top_left", "width": 10, "height": 3 });
    let style = json!({ "chrome": {} });
    let input = json!({ "type": "input", "id": "i", "value": "漢字" });
    let root = json!({ "type": "view", "style": style, "children": [input] });
    stage.render(&one, json!({ "id": "f", "focus": true, "slot": slot, "root": root }));
    assert_eq!(stage.draw(40, 10).cursor(), Some((5, 1)));
    stage.keys(&["left", "x"]);
    assert_eq!(stage.draw(40, 10).cursor(), Some((4, 1)));
    stage.keys(&["end", "a", "b", "c", "d", "e", "f", "g", "h"]);
    assert_eq!(stage.draw(40, 10).cursor(), Some((8, 1)), "a long line scrolls");
}

#[test]
fn presets_say_where_overlays_are() {
    let one = extension("one", 1);
    let lines: Vec<Value> = (0..40).map(|it| json!({ "type": "text", "text": it })).collect();
    let root = json!({ "type": "view", "style": { "bg": 1 }, "children": lines });
    let place = |slot: Value| {
        let mut stage = Stage::new();
        stage.render(&one, json!({ "id": "v", "slot": slot, "root": root }));
        let frame = stage.draw(80, 24);
        let is_in = |x: u16, y: u16| {
            frame
                .cell(x, y)
                .is_some_and(|(_, style)| style.bg == Some(zi_kernel::term::Color::Indexed(1)))
        };
        let cells = (0..24).flat_map(|y| (0..80).map(move |x| (x, y)));
        let cells: Vec<(u16, u16)> = cells.filter(|(x, y)| is_in(*x, *y)).collect();
        let (left, top) = cells[0];
        let (right, bottom) = cells[cells.len() - 1];
        Rect::new(left, top, right - left + 1, bottom - top + 1)
    };
    assert_eq!(place(json!({ "preset": "ivy" })), Rect::new(0, 14, 80, 10));
    assert_eq!(place(json!({ "preset": "ivy", "max_height": "55%" })), Rect::new(0, 11, 80, 13));
    assert_eq!(place(json!({ "preset": "centered" })), Rect::new(12, 5, 56, 14));
    let toast = place(json!({ "preset": "top_toast", "width": 20 }));
    assert_eq!((toast.right(), toast.y, toast.width), (79, 1, 20));
    let own = json!({ "width": 30, "height": 5, "anchor": "bottom_right", "margin": 1 });
    assert_eq!(place(own), Rect::new(49, 18, 30, 5));
}

#[test]
fn dialogs_work_from_20_by_6_on_and_say_so_below() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    for preset in ["ivy", "centered"] {
        let mut spec = form(Some(""));
        spec["slot"] = json!({ "preset": preset });
        spec["root"]["style"] = json!({ "chrome": { "title": "pick" }, "padding": 1 });
        stage.render(&one, spec);
        let text = stage.draw(20, 6).text();
        assert!(text.contains("apple"), "{preset}: {text}");
        for width in 1..20 {
            for height in 1..10 {
                let text = stage.draw(width, height).text();
                assert!(width < 10 || text.contains("too small"), "{width}×{height}: {text}");
            }
        }
    }
    assert_eq!(stage.keys(&["b"])[0]["value"], "b", "keys still go where they belong");
}

#[test]
fn slots_put_their_views_side_by_side_or_below_each_other() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    let put = |stage: &mut Stage, id: &str, slot: Value| {
        stage.render(&one, overlay(id, false, json!({ "slot": slot })));
    };
    put(&mut stage, "a", json!("status"));
    put(&mut stage, "b", json!({ "kind": "status", "anchor": "right" }));
    put(&mut stage, "c", json!("status"));
    assert_eq!(stage.slot(SlotKind::Status, 30, 1), "view a view c           view b");
    put(&mut stage, "d", json!("editor.above"));
    put(&mut stage, "e", json!("editor.above"));
    assert_eq!(stage.slot(SlotKind::EditorAbove, 30, 4), "view d\nview e");
    assert_eq!(stage.slot(SlotKind::EditorAbove, 30, 1), "view d");
    assert!(stage.views.is_shown(SlotKind::Status) && !stage.views.is_shown(SlotKind::Header));
    stage.views.remove_owner(1);
    assert_eq!(stage.slot(SlotKind::Status, 30, 1), "");
}

#[test]
fn surfaces_are_told_their_size_when_it_changes() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    let root = json!({ "type": "surface", "id": "s", "style": { "width": "50%", "height": 4 } });
    stage.render(&one, json!({ "id": "v", "slot": { "width": "fill" }, "root": root }));
    let sizes = |stage: &mut Stage, width: u16| -> Vec<(Value, Value)> {
        stage.draw(width, 10);
        let events = stage.views.take_events().into_iter().map(|event| event.fields);
        events.map(|it| (it["width"].clone(), it["height"].clone())).collect()
    };
    assert_eq!(sizes(&mut stage, 40).len(), 1);
    assert!(sizes(&mut stage, 40).is_empty());
    assert_eq!(sizes(&mut stage, 20).len(), 1);
}

#[test]
fn a_replaced_build_shows_nothing_more() {
    let (mut stage, one) = (Stage::new(), extension("one", 1));
    stage.render(&one, overlay("a", true, json!({})));
    one.set_active(false);
    stage.views.apply(UiRequest::Dropped { generation: 1 });
    stage.render(&one, overlay("a", true, json!({})));
    assert!(!stage.views.has_capture());
}
