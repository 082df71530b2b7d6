//! Where a view is put.

use serde_json::Value;

use super::{
    read::{Fields, Place, Read},
    style::{Size, room_around},
};

/// A part of the screen that views are put into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotKind {
    Overlay,
    Status,
    EditorBorderTop,
    EditorBorderBottom,
    Header,
    EditorAbove,
    EditorBelow,
    SidebarRight,
}

const KINDS: &[(&str, SlotKind)] = &[
    ("overlay", SlotKind::Overlay),
    ("status", SlotKind::Status),
    ("editor.border.top", SlotKind::EditorBorderTop),
    ("editor.border.bottom", SlotKind::EditorBorderBottom),
    ("header", SlotKind::Header),
    ("editor.above", SlotKind::EditorAbove),
    ("editor.below", SlotKind::EditorBelow),
    ("sidebar.right", SlotKind::SidebarRight),
];

/// A place along one direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Start,
    Center,
    End,
}

/// Down, then across.
pub type Anchor = (Side, Side);

const ANCHORS: &[(&str, Anchor)] = &[
    ("center", (Side::Center, Side::Center)),
    ("left", (Side::Center, Side::Start)),
    ("right", (Side::Center, Side::End)),
    ("top", (Side::Start, Side::Center)),
    ("top-left", (Side::Start, Side::Start)),
    ("top-right", (Side::Start, Side::End)),
    ("bottom", (Side::End, Side::Center)),
    ("bottom-left", (Side::End, Side::Start)),
    ("bottom-right", (Side::End, Side::End)),
];

/// What happens to what is behind an overlay.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backdrop {
    #[default]
    None,
    Dim,
    Fill,
}

/// A slot with the wishes of the view that is put into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    pub kind: SlotKind,
    pub width: Size,
    pub height: Size,
    pub min_width: Option<Size>,
    pub max_width: Option<Size>,
    pub min_height: Option<Size>,
    pub max_height: Option<Size>,
    pub anchor: Anchor,
    pub backdrop: Backdrop,
    /// Whether it goes once it has had a key.
    pub until_input: bool,
    /// Above and below, left and right.
    pub margin: (u16, u16),
    /// Whether it may have the keyboard.
    pub may_capture: bool,
}

impl Default for Slot {
    fn default() -> Self {
        Self {
            kind: SlotKind::Overlay,
            width: Size::Auto,
            height: Size::Auto,
            min_width: None,
            max_width: None,
            min_height: None,
            max_height: None,
            anchor: (Side::Center, Side::Center),
            backdrop: Backdrop::None,
            until_input: false,
            margin: (0, 0),
            may_capture: true,
        }
    }
}

#[derive(Clone, Copy)]
enum Preset {
    Ivy,
    Centered,
    TopToast,
}

impl Preset {
    fn slot(self) -> Slot {
        match self {
            Self::Ivy => Slot {
                width: Size::Fill,
                max_height: Some(Size::Percent(40)),
                anchor: (Side::End, Side::Center),
                ..Slot::default()
            },
            Self::Centered => Slot {
                width: Size::Percent(70),
                max_height: Some(Size::Percent(60)),
                backdrop: Backdrop::Dim,
                ..Slot::default()
            },
            Self::TopToast => Slot {
                max_width: Some(Size::Cells(44)),
                max_height: Some(Size::Percent(30)),
                anchor: (Side::Start, Side::End),
                margin: (1, 1),
                may_capture: false,
                ..Slot::default()
            },
        }
    }
}

const FIELDS: &[&str] = &[
    "kind",
    "preset",
    "width",
    "height",
    "min_width",
    "max_width",
    "min_height",
    "max_height",
    "anchor",
    "backdrop",
    "lifetime",
    "margin",
];

impl Slot {
    pub(super) fn parse(place: &Place<'_>, value: &Value) -> Read<Self> {
        if value.is_string() {
            return Ok(Self { kind: place.choice(value, KINDS)?, ..Self::default() });
        }
        let fields = Fields::new(place, value, FIELDS, |_| None)?;
        let presets =
            [("ivy", Preset::Ivy), ("centered", Preset::Centered), ("top_toast", Preset::TopToast)];
        let slot = fields.choice("preset", &presets)?.map(Preset::slot).unwrap_or_default();
        let backdrops =
            [("none", Backdrop::None), ("dim", Backdrop::Dim), ("fill", Backdrop::Fill)];
        let lifetimes = [("manual", false), ("until_input", true)];
        let size = |name| fields.read(name, Size::parse);
        Ok(Self {
            kind: fields.choice("kind", KINDS)?.unwrap_or(slot.kind),
            width: size("width")?.unwrap_or(slot.width),
            height: size("height")?.unwrap_or(slot.height),
            min_width: size("min_width")?.or(slot.min_width),
            max_width: size("max_width")?.or(slot.max_width),
            min_height: size("min_height")?.or(slot.min_height),
            max_height: size("max_height")?.or(slot.max_height),
            anchor: fields.read("anchor", anchor)?.unwrap_or(slot.anchor),
            backdrop: fields.choice("backdrop", &backdrops)?.unwrap_or(slot.backdrop),
            until_input: fields.choice("lifetime", &lifetimes)?.unwrap_or(slot.until_input),
            margin: fields.read("margin", room_around)?.unwrap_or(slot.margin),
            may_capture: slot.may_capture,
        })
    }
}

/// The words of an anchor may be joined by `-`, `_` or a blank; `top-center` is `top`.
fn anchor(place: &Place<'_>, value: &Value) -> Read<Anchor> {
    let Value::String(text) = value else { return place.choice(value, ANCHORS) };
    let joined = text.replace(['_', ' '], "-");
    let plain = joined.strip_suffix("-center").or(joined.strip_prefix("center-"));
    place.choice(&Value::String(plain.unwrap_or(&joined).to_owned()), ANCHORS)
}
