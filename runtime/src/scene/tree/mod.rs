//! UI trees: what `ctx.ui.render` is given, read and checked.
//!
//! Whatever is read here can be drawn: unknown fields, wrong types and what is too much are faults
//! that name the field and what was most likely meant.

mod node;
mod read;
mod slot;
mod style;
#[cfg(test)]
mod tests;

use serde_json::Value;

pub use node::{
    Cell, Column, Filter, Format, Image, Input, Item, Kind, List, Node, Source, Table, Text,
    TextSpan, Wrap,
};
pub use read::Fault;
pub use slot::{Anchor, Backdrop, Side, Slot, SlotKind};
pub use style::{Align, Border, Chrome, Direction, Look, MAX_CELLS, NodeStyle, Paint, Size, TONES};

use read::{Fields, Place, Read, Spent};

/// Longest id of a view or a node.
pub const MAX_ID_BYTES: usize = 256;
/// Longest text of one field.
pub const MAX_TEXT_BYTES: usize = 256 * 1024;
/// All text of a view.
pub const MAX_VIEW_BYTES: usize = 4 << 20;
/// Nodes of a view.
pub const MAX_NODES: usize = 10_000;
/// Nodes within nodes.
pub const MAX_DEPTH: usize = 48;
/// Items of one list, rows of one table, spans of one text.
pub const MAX_ITEMS: usize = 20_000;
/// Keys of a view.
const MAX_KEYS: usize = 256;

/// Something to show.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    pub id: String,
    pub slot: Slot,
    pub root: Node,
    pub keys: Vec<KeyBinding>,
    /// Whether it wants the keyboard.
    pub focus: bool,
    pub order: i64,
}

/// A key, by its canonical name, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBinding {
    pub key: String,
    pub action: Option<String>,
}

/// What a spec asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendering {
    Show(Box<View>),
    Remove { id: String },
}

const FIELDS: &[&str] = &["id", "slot", "root", "keys", "focus", "order", "remove"];

impl View {
    /// Reads what `ctx.ui.render` was given.
    pub fn parse(spec: &Value) -> Result<Rendering, Fault> {
        let spent = Spent::default();
        let place = Place::start(&spent);
        let fields = Fields::new(&place, spec, FIELDS, |name| match name {
            "title" | "border" | "chrome" | "tone" => Some(
                "a frame belongs to a node: root = {type = \"view\", style = {chrome = {kind = \
                 \"frame\", title = …}}}"
                    .to_owned(),
            ),
            "style" | "children" | "type" => Some(format!("it belongs to a node: root.{name}")),
            "preset" | "anchor" | "backdrop" | "lifetime" | "width" | "height" => {
                Some(format!("it belongs to the slot: slot = {{{name} = …}}"))
            }
            _ => None,
        })?;
        let id = match fields.text("id")? {
            Some(id) if id.is_empty() => return fields.fault("id", "must not be empty"),
            Some(id) if id.len() > MAX_ID_BYTES => {
                return fields.fault("id", format_args!("has more than {MAX_ID_BYTES} bytes"));
            }
            Some(id) => id,
            None => return fields.missing("id", "a string"),
        };
        if fields.flag("remove")? == Some(true) {
            return Ok(Rendering::Remove { id });
        }
        let root = fields.read("root", |place, value| Node::parse(place, value, 0))?;
        let Some(mut root) = root else { return fields.missing("root", "a node") };
        root.name_all(&mut 0);
        let slot = fields.read("slot", Slot::parse)?.unwrap_or_default();
        let order = fields.read("order", |place, value| place.whole(value, -1_000_000, 1_000_000));
        Ok(Rendering::Show(Box::new(Self {
            id,
            focus: fields.flag("focus")?.unwrap_or(false) && slot.may_capture,
            keys: fields.list("keys", MAX_KEYS, key)?.unwrap_or_default(),
            order: order?.unwrap_or(0),
            slot,
            root,
        })))
    }
}

impl Node {
    /// Reads a node that belongs to no view: what a renderer answered.
    pub fn read(value: &Value) -> Result<Self, Fault> {
        let spent = Spent::default();
        let mut node = Self::parse(&Place::start(&spent), value, 0)?;
        node.name_all(&mut 0);
        Ok(node)
    }
}

fn key(place: &Place<'_>, value: &Value) -> Read<KeyBinding> {
    if value.is_string() {
        return Ok(KeyBinding { key: read::key(place, value)?, action: None });
    }
    let fields = Fields::new(place, value, &["key", "action"], |_| None)?;
    match fields.read("key", read::key)? {
        Some(key) => Ok(KeyBinding { key, action: fields.text("action")? }),
        None => fields.missing("key", "the name of a key"),
    }
}
