//! How nodes look and how much room they take.

use serde_json::Value;
use zi_kernel::term::{Color, Modifier, Style};

use super::read::{Fields, Place, Read};
use crate::scene::theme::{TOKENS, Theme, parse_color};

/// Most cells that a size may name.
pub const MAX_CELLS: u16 = 10_000;

/// A width or a height.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Cells(u16),
    /// Of what is there.
    Percent(u16),
    /// All that is there.
    Fill,
    /// What the content takes.
    Auto,
}

impl Size {
    /// The size in `room`; nothing for `auto`.
    pub fn of(self, room: u16) -> Option<u16> {
        match self {
            Self::Cells(cells) => Some(cells),
            Self::Percent(percent) => {
                let cells = (u32::from(room) * u32::from(percent) + 50) / 100;
                Some(u16::try_from(cells).unwrap_or(room))
            }
            Self::Fill => Some(room),
            Self::Auto => None,
        }
    }

    pub(super) fn parse(place: &Place<'_>, value: &Value) -> Read<Self> {
        let Value::String(text) = value else {
            let cells = place.whole(value, 0, MAX_CELLS.into())?;
            return Ok(Self::Cells(u16::try_from(cells).unwrap_or(MAX_CELLS)));
        };
        let percent = text.strip_suffix('%').and_then(|number| number.trim().parse::<u16>().ok());
        match (text.as_str(), percent) {
            ("fill", _) => Ok(Self::Fill),
            ("auto", _) => Ok(Self::Auto),
            (_, Some(percent @ 0..=100)) => Ok(Self::Percent(percent)),
            _ => place.fault("must be a number of cells, \"N%\" (0 to 100), \"fill\" or \"auto\""),
        }
    }
}

/// A colour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Paint {
    Color(Color),
    /// What the theme has for it.
    Token(String),
}

impl Paint {
    fn color(&self, theme: &Theme) -> Option<Color> {
        match self {
            Self::Color(color) => Some(*color),
            Self::Token(token) => theme.color(token),
        }
    }
}

/// Tones and the tokens of the theme that they are.
pub const TONES: &[(&str, &str)] = &[
    ("neutral", "text"),
    ("muted", "muted"),
    ("info", "info"),
    ("success", "success"),
    ("warning", "warning"),
    ("danger", "danger"),
    ("accent", "accent"),
];

const MODIFIERS: &[(&str, Modifier)] = &[
    ("bold", Modifier::BOLD),
    ("dim", Modifier::DIM),
    ("italic", Modifier::ITALIC),
    ("underline", Modifier::UNDERLINED),
    ("strikethrough", Modifier::CROSSED_OUT),
    ("reverse", Modifier::REVERSED),
];

/// Colours and attributes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    pub fg: Option<Paint>,
    pub bg: Option<Paint>,
    pub on: Modifier,
    pub off: Modifier,
}

/// The fields of a [`Look`].
const LOOK: &[&str] =
    &["tone", "fg", "bg", "bold", "dim", "italic", "underline", "strikethrough", "reverse"];

impl Look {
    /// The style in a theme.
    pub fn style(&self, theme: &Theme) -> Style {
        let mut style = Style::new().add_modifier(self.on).remove_modifier(self.off);
        style.fg = self.fg.as_ref().and_then(|paint| paint.color(theme));
        style.bg = self.bg.as_ref().and_then(|paint| paint.color(theme));
        style
    }

    pub fn token(token: &str) -> Self {
        Self { fg: Some(Paint::Token(token.to_owned())), ..Self::default() }
    }

    /// The style of something that has a look and nothing else.
    pub(super) fn parse(place: &Place<'_>, value: &Value) -> Read<Self> {
        Self::read(&Fields::new(place, value, LOOK, |_| None)?)
    }

    fn read(fields: &Fields<'_>) -> Read<Self> {
        let tone = fields.choice("tone", TONES)?;
        let mut look = Self {
            fg: fields.read("fg", paint)?.or(tone.map(|token| Paint::Token(token.to_owned()))),
            bg: fields.read("bg", paint)?,
            ..Self::default()
        };
        for (name, modifier) in MODIFIERS {
            match fields.flag(name)? {
                Some(true) => look.on |= *modifier,
                Some(false) => look.off |= *modifier,
                None => {}
            }
        }
        Ok(look)
    }
}

fn paint(place: &Place<'_>, value: &Value) -> Read<Paint> {
    let Value::String(text) = value else {
        let index = place.whole(value, 0, 255)?;
        return Ok(Paint::Color(Color::Indexed(u8::try_from(index).unwrap_or(0))));
    };
    if TOKENS.iter().any(|(token, _)| token == text) {
        return Ok(Paint::Token(text.clone()));
    }
    match parse_color(text, &Theme::default()) {
        Ok(color) => Ok(Paint::Color(color)),
        Err(problem) => place.fault(problem),
    }
}

/// Which way children go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    Row,
    #[default]
    Column,
}

/// Where something is, in more room than it takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Align {
    #[default]
    Start,
    Center,
    End,
    /// It takes the room.
    Stretch,
    /// The room is between the children.
    Between,
}

/// Lines of a frame: the corners from the upper left one clockwise, then across and down.
pub type Border = [&'static str; 6];

const BORDERS: &[(&str, Border)] = &[
    ("rounded", ["╭", "╮", "╯", "╰", "─", "│"]),
    ("square", ["┌", "┐", "┘", "└", "─", "│"]),
    ("double", ["╔", "╗", "╝", "╚", "═", "║"]),
    ("heavy", ["┏", "┓", "┛", "┗", "━", "┃"]),
];

/// A frame around a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chrome {
    pub title: String,
    pub trailing: String,
    pub border: Border,
    /// The token of its colour; the theme's borders have their own.
    pub tone: Option<&'static str>,
}

/// The style of a node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeStyle {
    pub look: Look,
    pub width: Option<Size>,
    pub height: Option<Size>,
    pub grow: u16,
    pub direction: Direction,
    pub gap: u16,
    /// Above and below, left and right.
    pub padding: (u16, u16),
    /// Across the direction.
    pub align: Option<Align>,
    /// Along the direction.
    pub justify: Align,
    pub chrome: Option<Chrome>,
}

/// What every node's style may say.
const EVERY: &[&str] = &["width", "height", "flex_grow"];
/// What only that of a box may.
const BOX: &[&str] = &["flex_direction", "gap", "padding", "align", "justify", "chrome"];

/// Whether `name` is a field of some node's style.
pub(super) fn is_style_field(name: &str) -> bool {
    LOOK.iter().chain(EVERY).chain(BOX).any(|known| *known == name)
}

impl NodeStyle {
    pub(super) fn parse(place: &Place<'_>, value: &Value, is_box: bool) -> Read<Self> {
        let known: Vec<&str> =
            LOOK.iter().chain(EVERY).chain(BOX.iter().filter(|_| is_box)).copied().collect();
        let fields = Fields::new(place, value, &known, |name| {
            BOX.contains(&name).then(|| "only a `view` or a `scroll` has it".to_owned())
        })?;
        let aligns = [
            ("start", Align::Start),
            ("center", Align::Center),
            ("end", Align::End),
            ("stretch", Align::Stretch),
        ];
        let justifies = [
            ("start", Align::Start),
            ("center", Align::Center),
            ("end", Align::End),
            ("between", Align::Between),
        ];
        let directions = [("row", Direction::Row), ("column", Direction::Column)];
        Ok(Self {
            look: Look::read(&fields)?,
            width: fields.read("width", Size::parse)?,
            height: fields.read("height", Size::parse)?,
            grow: fields.count("flex_grow", 1000)?.unwrap_or(0),
            direction: fields.choice("flex_direction", &directions)?.unwrap_or_default(),
            gap: fields.count("gap", 1000)?.unwrap_or(0),
            padding: fields.read("padding", room_around)?.unwrap_or((0, 0)),
            align: fields.choice("align", &aligns)?,
            justify: fields.choice("justify", &justifies)?.unwrap_or_default(),
            chrome: fields.read("chrome", chrome)?.flatten(),
        })
    }
}

/// `n`, `{v, h}` or `{v = …, h = …}`.
pub(super) fn room_around(place: &Place<'_>, value: &Value) -> Read<(u16, u16)> {
    let one = |place: &Place<'_>, value: &Value| {
        place.whole(value, 0, 1000).map(|cells| u16::try_from(cells).unwrap_or(0))
    };
    match value {
        Value::Array(pair) if pair.len() == 2 => {
            Ok((one(&place.index(1), &pair[0])?, one(&place.index(2), &pair[1])?))
        }
        Value::Array(_) => place.fault("must be a number or {vertical, horizontal}"),
        Value::Object(_) => {
            let fields = Fields::new(place, value, &["v", "h"], |_| None)?;
            Ok((fields.read("v", one)?.unwrap_or(0), fields.read("h", one)?.unwrap_or(0)))
        }
        _ => one(place, value).map(|cells| (cells, cells)),
    }
}

fn chrome(place: &Place<'_>, value: &Value) -> Read<Option<Chrome>> {
    let known = ["kind", "title", "trailing", "border", "tone"];
    let fields = Fields::new(place, value, &known, |_| None)?;
    let is_frame = fields.choice("kind", &[("frame", true), ("none", false)])?.unwrap_or(true);
    let chrome = Chrome {
        title: fields.text("title")?.unwrap_or_default(),
        trailing: fields.text("trailing")?.unwrap_or_default(),
        border: fields.choice("border", BORDERS)?.unwrap_or(BORDERS[0].1),
        tone: fields.choice("tone", TONES)?,
    };
    Ok(is_frame.then_some(chrome))
}
