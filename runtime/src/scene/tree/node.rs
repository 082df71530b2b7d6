//! Nodes: what a view is made of.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::Value;

use super::{
    MAX_DEPTH, MAX_ID_BYTES, MAX_ITEMS,
    read::{Fields, Place, Read},
    style::{Align, Look, NodeStyle, Size, is_style_field},
};

/// A part of a view.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What events call it. One that has none is called by its place.
    pub id: String,
    pub style: NodeStyle,
    pub kind: Kind,
}

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    View {
        children: Vec<Node>,
    },
    Scroll {
        children: Vec<Node>,
        scroll_y: Option<u32>,
    },
    Text(Text),
    Input(Input),
    Chip {
        label: String,
    },
    Progress {
        value: Option<f64>,
        label: String,
    },
    Separator {
        label: String,
    },
    Surface,
    List(List),
    Table(Table),
    /// With the time since `since`, in milliseconds since 1970, if that is given.
    Spinner {
        label: String,
        since: Option<u64>,
    },
    Image(Image),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub spans: Vec<TextSpan>,
    pub wrap: Wrap,
    pub ellipsis: bool,
    pub max_lines: Option<u16>,
    pub scroll_x: u32,
    pub scroll_y: u32,
    pub align: Align,
    pub format: Format,
    /// Whether copying takes it along.
    pub selectable: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TextSpan {
    pub text: String,
    pub look: Look,
    pub link: Option<Arc<str>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrap {
    Word,
    Char,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Plain,
    /// As plain, with everything that cannot be seen shown as its code.
    Exact,
    Ansi,
    Markdown,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    pub value: Option<String>,
    pub placeholder: String,
    pub multiline: bool,
    pub password: bool,
    pub on_change: Option<String>,
    pub on_submit: Option<String>,
    /// Whether it has the caret before the user chooses another.
    pub focus: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct List {
    pub items: Vec<Item>,
    /// Counted from 0.
    pub selected: Option<usize>,
    /// The items that are marked, counted from 0; nothing where none can be.
    pub marked: Option<Vec<usize>>,
    pub on_select: Option<String>,
    pub on_change: Option<String>,
    pub filter: Option<Filter>,
    /// What is shown when there is nothing to choose from.
    pub empty: String,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    pub label: String,
    pub detail: String,
    /// What events tell; the label unless it is given.
    pub value: Value,
    pub look: Look,
}

/// What the items of a list have to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    Text(String),
    /// What is in an input of the view.
    Input(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    pub title: String,
    pub width: Option<Size>,
    pub align: Align,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub text: String,
    pub look: Look,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    pub source: Source,
    pub width: Option<u16>,
    pub height: Option<u16>,
}

/// Where the bytes of an image are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    Path(String),
    Bytes(Arc<[u8]>),
}

const TYPES: &[&str] = &[
    "view",
    "text",
    "input",
    "chip",
    "progress",
    "separator",
    "surface",
    "list",
    "table",
    "spinner",
    "image",
    "scroll",
];

/// The fields of a node beside `type`, `id` and `style`.
fn fields_of(kind: &str) -> &'static [&'static str] {
    match kind {
        "view" => &["children"],
        "scroll" => &["children", "scroll_y"],
        "text" => &[
            "text",
            "spans",
            "wrap",
            "overflow",
            "max_lines",
            "scroll_x",
            "scroll_y",
            "align",
            "format",
            "link",
            "selectable",
        ],
        "input" => &[
            "value",
            "placeholder",
            "multiline",
            "password",
            "on_change",
            "on_submit",
            "focus",
            "action",
        ],
        "chip" | "separator" => &["label"],
        "spinner" => &["label", "since"],
        "progress" => &["value", "label"],
        "list" => &["items", "selected", "marked", "on_select", "on_change", "filter", "empty"],
        "table" => &["columns", "rows"],
        "image" => &["path", "data", "width", "height"],
        _ => &[],
    }
}

impl Node {
    /// Reads a node; `count` numbers those without an id.
    pub(super) fn parse(place: &Place<'_>, value: &Value, depth: usize) -> Read<Self> {
        place.count_node()?;
        if depth > MAX_DEPTH {
            return place.fault(format_args!("is more than {MAX_DEPTH} levels deep"));
        }
        let Value::Object(map) = value else {
            return place.fault("must be a node: a table with a `type`");
        };
        let Some(kind) = map.get("type") else {
            return place.field("type").fault(format_args!("is required ({})", TYPES.join(", ")));
        };
        let types: Vec<(&str, &str)> = TYPES.iter().map(|kind| (*kind, *kind)).collect();
        let kind = place.field("type").choice(kind, &types)?;
        let mut known = vec!["type", "id", "style"];
        known.extend(fields_of(kind));
        let fields = Fields::new(place, value, &known, |name| {
            if is_style_field(name) {
                return Some(format!("it belongs into `style`: style = {{{name} = …}}"));
            }
            let other = TYPES.iter().find(|other| fields_of(other).contains(&name))?;
            Some(format!("a `{kind}` has no such field; a `{other}` has"))
        })?;
        let id = read_id(&fields, kind)?;
        let is_box = matches!(kind, "view" | "scroll");
        let style = fields
            .read("style", |place, value| NodeStyle::parse(place, value, is_box))?
            .unwrap_or_default();
        let kind = read_kind(kind, &fields, depth)?;
        Ok(Self { id, style, kind })
    }

    /// The node and all below it, from above.
    pub fn walk<'a>(&'a self, visit: &mut impl FnMut(&'a Self)) {
        visit(self);
        if let Kind::View { children } | Kind::Scroll { children, .. } = &self.kind {
            children.iter().for_each(|child| child.walk(visit));
        }
    }

    /// Takes the lists out, for whoever shows them otherwise.
    pub fn drop_lists(&mut self) {
        if let Kind::View { children } | Kind::Scroll { children, .. } = &mut self.kind {
            children.retain(|child| !matches!(child.kind, Kind::List(_)));
            children.iter_mut().for_each(Self::drop_lists);
        }
    }

    /// Gives the nodes that have no id the name of their place, which stays the same as long as the
    /// tree has its shape.
    pub(super) fn name_all(&mut self, next: &mut usize) {
        if self.id.is_empty() {
            self.id = format!("#{next}");
        }
        *next += 1;
        if let Kind::View { children } | Kind::Scroll { children, .. } = &mut self.kind {
            children.iter_mut().for_each(|child| child.name_all(next));
        }
    }
}

/// What events call a node; no two of a view may have the same name.
fn read_id(fields: &Fields<'_>, kind: &str) -> Read<String> {
    match fields.text("id")? {
        Some(id) if id.len() > MAX_ID_BYTES => {
            fields.fault("id", format_args!("has more than {MAX_ID_BYTES} bytes"))
        }
        Some(id) if id.is_empty() || id.starts_with('#') => {
            fields.fault("id", "must not be empty or begin with `#`")
        }
        Some(id) if !fields.place.take_id(&id) => {
            fields.fault("id", format_args!("another node is called `{id}`"))
        }
        Some(id) => Ok(id),
        None if matches!(kind, "input" | "surface") => {
            fields.missing("id", "events and frames name it")
        }
        None => Ok(String::new()),
    }
}

fn read_kind(kind: &str, fields: &Fields<'_>, depth: usize) -> Read<Kind> {
    let label = || fields.text("label").map(Option::unwrap_or_default);
    let children = || {
        let child = |place: &Place<'_>, value: &Value| Node::parse(place, value, depth + 1);
        fields.list("children", usize::MAX, child).map(Option::unwrap_or_default)
    };
    Ok(match kind {
        "view" => Kind::View { children: children()? },
        "scroll" => Kind::Scroll { children: children()?, scroll_y: scrolled(fields, "scroll_y")? },
        "text" => Kind::Text(text(fields)?),
        "input" => Kind::Input(input(fields)?),
        "chip" => Kind::Chip { label: label()? },
        "progress" => Kind::Progress { value: fields.read("value", share)?, label: label()? },
        "separator" => Kind::Separator { label: label()? },
        "surface" => Kind::Surface,
        "list" => Kind::List(list(fields)?),
        "table" => Kind::Table(table(fields)?),
        "spinner" => Kind::Spinner {
            label: label()?,
            since: fields
                .read("since", |place, value| place.whole(value, 0, i64::MAX))?
                .and_then(|since| u64::try_from(since).ok()),
        },
        _ => Kind::Image(image(fields)?),
    })
}

fn scrolled(fields: &Fields<'_>, name: &'static str) -> Read<Option<u32>> {
    let number = fields.read(name, |place, value| place.whole(value, 0, i64::from(u32::MAX)))?;
    Ok(number.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
}

fn share(place: &Place<'_>, value: &Value) -> Read<f64> {
    match value.as_f64() {
        Some(share) => Ok(share.clamp(0.0, 1.0)),
        None => place.fault("must be a number from 0 to 1; without one it shows that it is busy"),
    }
}

fn text(fields: &Fields<'_>) -> Read<Text> {
    let link: Option<Arc<str>> = fields.text("link")?.map(Into::into);
    let spans = match (fields.text("text")?, fields.list("spans", MAX_ITEMS, span)?) {
        (Some(_), Some(_)) => return fields.fault("spans", "give `text` or `spans`, not both"),
        (None, None) => return fields.missing("text", "a string, or `spans`"),
        (Some(text), None) => vec![TextSpan { text, look: Look::default(), link: link.clone() }],
        (None, Some(mut spans)) => {
            spans.iter_mut().for_each(|span| span.link = span.link.take().or(link.clone()));
            spans
        }
    };
    let wraps = [("word", Wrap::Word), ("char", Wrap::Char), ("none", Wrap::None)];
    let formats = [
        ("plain", Format::Plain),
        ("exact", Format::Exact),
        ("ansi", Format::Ansi),
        ("markdown", Format::Markdown),
    ];
    Ok(Text {
        spans,
        wrap: fields.choice("wrap", &wraps)?.unwrap_or(Wrap::Word),
        ellipsis: fields.choice("overflow", &[("clip", false), ("ellipsis", true)])? == Some(true),
        max_lines: fields.count("max_lines", u16::MAX)?,
        scroll_x: scrolled(fields, "scroll_x")?.unwrap_or(0),
        scroll_y: scrolled(fields, "scroll_y")?.unwrap_or(0),
        align: fields.choice("align", SIDES)?.unwrap_or_default(),
        format: fields.choice("format", &formats)?.unwrap_or(Format::Plain),
        selectable: fields.flag("selectable")?.unwrap_or(true),
    })
}

const SIDES: &[(&str, Align)] = &[
    ("left", Align::Start),
    ("start", Align::Start),
    ("center", Align::Center),
    ("right", Align::End),
    ("end", Align::End),
];

fn span(place: &Place<'_>, value: &Value) -> Read<TextSpan> {
    if value.is_string() {
        return Ok(TextSpan { text: place.text(value)?, look: Look::default(), link: None });
    }
    let fields = Fields::new(place, value, &["text", "style", "link"], |name| {
        is_style_field(name).then(|| format!("it belongs into `style`: style = {{{name} = …}}"))
    })?;
    let Some(text) = fields.text("text")? else { return fields.missing("text", "a string") };
    Ok(TextSpan {
        text,
        look: fields.read("style", Look::parse)?.unwrap_or_default(),
        link: fields.text("link")?.map(Into::into),
    })
}

fn input(fields: &Fields<'_>) -> Read<Input> {
    // One action for both, unless each has its own.
    let action = fields.text("action")?;
    Ok(Input {
        value: fields.text("value")?,
        placeholder: fields.text("placeholder")?.unwrap_or_default(),
        multiline: fields.flag("multiline")?.unwrap_or(false),
        password: fields.flag("password")?.unwrap_or(false),
        on_change: fields.text("on_change")?.or(action.clone()),
        on_submit: fields.text("on_submit")?.or(action),
        focus: fields.flag("focus")?.unwrap_or(false),
    })
}

fn list(fields: &Fields<'_>) -> Read<List> {
    let items = fields.list("items", MAX_ITEMS, item)?.unwrap_or_default();
    let place = |place: &Place<'_>, value: &Value| {
        let at = place.whole(value, 0, i64::try_from(MAX_ITEMS).unwrap_or(i64::MAX))?;
        Ok(usize::try_from(at).unwrap_or(0).saturating_sub(1))
    };
    Ok(List {
        selected: fields.read("selected", place)?,
        marked: fields.list("marked", MAX_ITEMS, place)?,
        on_select: fields.text("on_select")?,
        on_change: fields.text("on_change")?,
        filter: fields.read("filter", filter)?,
        empty: fields.text("empty")?.unwrap_or_default(),
        items,
    })
}

fn item(place: &Place<'_>, value: &Value) -> Read<Item> {
    if value.is_string() || value.is_number() {
        let label = place.text(value)?;
        let (detail, look) = Default::default();
        return Ok(Item { value: label.clone().into(), label, detail, look });
    }
    let fields = Fields::new(place, value, &["label", "detail", "value", "style"], |_| None)?;
    let Some(label) = fields.text("label")? else { return fields.missing("label", "a string") };
    Ok(Item {
        detail: fields.text("detail")?.unwrap_or_default(),
        value: fields.get("value").cloned().unwrap_or_else(|| label.clone().into()),
        look: fields.read("style", Look::parse)?.unwrap_or_default(),
        label,
    })
}

fn filter(place: &Place<'_>, value: &Value) -> Read<Filter> {
    if value.is_string() {
        return Ok(Filter::Text(place.text(value)?));
    }
    let fields = Fields::new(place, value, &["input"], |_| None)?;
    match fields.text("input")? {
        Some(input) => Ok(Filter::Input(input)),
        None => fields.missing("input", "the id of an `input`"),
    }
}

fn table(fields: &Fields<'_>) -> Read<Table> {
    let columns = fields.list("columns", 64, column)?.unwrap_or_default();
    let row = |place: &Place<'_>, value: &Value| {
        let cells = place.items(value)?;
        let read = |(at, value)| cell(&place.index(at + 1), value);
        cells.iter().take(64).enumerate().map(read).collect()
    };
    Ok(Table { columns, rows: fields.list("rows", MAX_ITEMS, row)?.unwrap_or_default() })
}

fn column(place: &Place<'_>, value: &Value) -> Read<Column> {
    if value.is_string() {
        return Ok(Column { title: place.text(value)?, width: None, align: Align::Start });
    }
    let fields = Fields::new(place, value, &["title", "width", "align"], |_| None)?;
    Ok(Column {
        title: fields.text("title")?.unwrap_or_default(),
        width: fields.read("width", Size::parse)?,
        align: fields.choice("align", SIDES)?.unwrap_or_default(),
    })
}

fn cell(place: &Place<'_>, value: &Value) -> Read<Cell> {
    if value.is_string() || value.is_number() {
        return Ok(Cell { text: place.text(value)?, look: Look::default() });
    }
    let TextSpan { text, look, .. } = span(place, value)?;
    Ok(Cell { text, look })
}

fn image(fields: &Fields<'_>) -> Read<Image> {
    let source = match (fields.text("path")?, fields.get("data")) {
        (Some(path), None) => Source::Path(path),
        (None, Some(Value::String(data))) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(data);
            match bytes {
                Ok(bytes) => Source::Bytes(bytes.into()),
                Err(_) => return fields.fault("data", "must be the image's bytes in base64"),
            }
        }
        (None, Some(_)) => return fields.fault("data", "must be the image's bytes in base64"),
        (Some(_), Some(_)) => return fields.fault("data", "give `path` or `data`, not both"),
        (None, None) => return fields.missing("path", "a file, or `data`"),
    };
    Ok(Image { source, width: fields.count("width", 1000)?, height: fields.count("height", 1000)? })
}
