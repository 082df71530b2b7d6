//! The pen: colours and attributes as a terminal is told of them.

use ratatui_core::{
    buffer::Cell,
    style::{Color, Modifier},
};

/// How many colours a terminal shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColorDepth {
    /// None; attributes such as bold remain.
    None,
    /// The sixteen of the terminal's palette.
    #[default]
    Ansi16,
    Indexed256,
    True,
}

/// The attributes that are written, and the codes that set and unset each.
const ATTRIBUTES: &[(Modifier, &str, &str)] = &[
    (Modifier::BOLD, "1", "22"),
    (Modifier::DIM, "2", "22"),
    (Modifier::ITALIC, "3", "23"),
    (Modifier::UNDERLINED, "4", "24"),
    (Modifier::REVERSED, "7", "27"),
    (Modifier::HIDDEN, "8", "28"),
    (Modifier::CROSSED_OUT, "9", "29"),
];

/// What the terminal writes in at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pen {
    fg: Color,
    bg: Color,
    attributes: Modifier,
}

impl Pen {
    pub(super) const PLAIN: Self =
        Self { fg: Color::Reset, bg: Color::Reset, attributes: Modifier::empty() };

    /// The pen that draws a cell, in the colours that there are.
    pub(super) fn of(cell: &Cell, depth: ColorDepth) -> Self {
        // Blinking disturbs; it is never written.
        let attributes = cell.modifier - Modifier::SLOW_BLINK - Modifier::RAPID_BLINK;
        Self { fg: reduce(cell.fg, depth), bg: reduce(cell.bg, depth), attributes }
    }

    /// Writes what changes this pen into `to`.
    pub(super) fn change(&mut self, to: Self, out: &mut Vec<u8>) {
        if *self == to {
            return;
        }
        if to == Self::PLAIN {
            out.extend_from_slice(b"\x1b[m");
        } else {
            out.extend_from_slice(b"\x1b[");
            let start = out.len();
            self.change_attributes(to.attributes, out);
            if self.fg != to.fg {
                color(to.fg, 30, out);
            }
            if self.bg != to.bg {
                color(to.bg, 40, out);
            }
            debug_assert!(out.len() > start);
            out.pop();
            out.push(b'm');
        }
        *self = to;
    }

    fn change_attributes(&self, to: Modifier, out: &mut Vec<u8>) {
        let gone = self.attributes - to;
        let mut new = to - self.attributes;
        let weights = Modifier::BOLD | Modifier::DIM;
        if gone.intersects(weights) {
            // One code unsets both.
            new |= to & weights;
        }
        let mut unset = "";
        for (attribute, _, code) in ATTRIBUTES {
            if gone.contains(*attribute) && *code != unset {
                unset = code;
                out.extend_from_slice(code.as_bytes());
                out.push(b';');
            }
        }
        for (attribute, code, _) in ATTRIBUTES {
            if new.contains(*attribute) {
                out.extend_from_slice(code.as_bytes());
                out.push(b';');
            }
        }
    }
}

/// Writes the codes of a colour; `base` is 30 for the foreground and 40 for the background.
fn color(color: Color, base: u16, out: &mut Vec<u8>) {
    let code = |code: u16, out: &mut Vec<u8>| {
        number(base + code, out);
        out.push(b';');
    };
    match color {
        Color::Reset => code(9, out),
        Color::Rgb(red, green, blue) => {
            code(8, out);
            out.extend_from_slice(b"2;");
            for channel in [red, green, blue] {
                number(channel.into(), out);
                out.push(b';');
            }
        }
        Color::Indexed(index) => {
            code(8, out);
            out.extend_from_slice(b"5;");
            number(index.into(), out);
            out.push(b';');
        }
        named => {
            let index = u16::from(ansi_index(named));
            code(if index < 8 { index } else { index + 52 }, out);
        }
    }
}

/// Writes a decimal number.
pub(super) fn number(number: u16, out: &mut Vec<u8>) {
    let mut digits = [0; 5];
    let mut start = digits.len();
    let mut rest = number;
    loop {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// The nearest colour that the depth has.
fn reduce(color: Color, depth: ColorDepth) -> Color {
    match (depth, color) {
        (_, Color::Reset) | (ColorDepth::True, _) => color,
        (ColorDepth::None, _) => Color::Reset,
        (ColorDepth::Indexed256, Color::Rgb(red, green, blue)) => {
            Color::Indexed(nearest_indexed([red, green, blue]))
        }
        (ColorDepth::Indexed256, _) => color,
        (ColorDepth::Ansi16, Color::Rgb(red, green, blue)) => nearest_named([red, green, blue]),
        (ColorDepth::Ansi16, Color::Indexed(index)) => match index {
            0..16 => NAMED[usize::from(index)],
            index => nearest_named(indexed_rgb(index)),
        },
        (ColorDepth::Ansi16, _) => color,
    }
}

/// The levels of the channels in the cube of the 256 colours.
const LEVELS: [u8; 6] = [0, 95, 135, 175, 215, 255];

fn nearest_indexed(rgb: [u8; 3]) -> u8 {
    let level = |channel: u8| match channel {
        0..48 => 0,
        48..115 => 1,
        channel => (channel - 35) / 40,
    };
    let steps = rgb.map(level);
    let cube = steps.map(|step| LEVELS[usize::from(step)]);
    let mean = (u16::from(rgb[0]) + u16::from(rgb[1]) + u16::from(rgb[2])) / 3;
    // 24 greys from 8 on, in steps of ten.
    let grey_step = (mean.saturating_sub(3) / 10).min(23) as u8;
    let grey = [8 + grey_step * 10; 3];
    if distance(rgb, grey) < distance(rgb, cube) {
        232 + grey_step
    } else {
        16 + 36 * steps[0] + 6 * steps[1] + steps[2]
    }
}

/// The colour of an index past the first sixteen.
fn indexed_rgb(index: u8) -> [u8; 3] {
    if index >= 232 {
        return [8 + (index - 232) * 10; 3];
    }
    let cube = index.saturating_sub(16);
    [cube / 36, cube / 6 % 6, cube % 6].map(|step| LEVELS[usize::from(step)])
}

/// The sixteen colours in the order of their numbers.
const NAMED: [Color; 16] = [
    Color::Black,
    Color::Red,
    Color::Green,
    Color::Yellow,
    Color::Blue,
    Color::Magenta,
    Color::Cyan,
    Color::Gray,
    Color::DarkGray,
    Color::LightRed,
    Color::LightGreen,
    Color::LightYellow,
    Color::LightBlue,
    Color::LightMagenta,
    Color::LightCyan,
    Color::White,
];

/// What the sixteen colours look like in most terminals.
const NAMED_RGB: [[u8; 3]; 16] = [
    [0, 0, 0],
    [205, 0, 0],
    [0, 205, 0],
    [205, 205, 0],
    [0, 0, 238],
    [205, 0, 205],
    [0, 205, 205],
    [229, 229, 229],
    [127, 127, 127],
    [255, 0, 0],
    [0, 255, 0],
    [255, 255, 0],
    [92, 92, 255],
    [255, 0, 255],
    [0, 255, 255],
    [255, 255, 255],
];

fn nearest_named(rgb: [u8; 3]) -> Color {
    let nearest = (0..16).min_by_key(|index| distance(rgb, NAMED_RGB[*index]));
    NAMED[nearest.unwrap_or_default()]
}

fn ansi_index(named: Color) -> u8 {
    let index = NAMED.iter().position(|known| *known == named);
    index.and_then(|index| u8::try_from(index).ok()).unwrap_or(7)
}

fn distance(one: [u8; 3], other: [u8; 3]) -> u32 {
    let channels = one.into_iter().zip(other).zip([2_u32, 4, 3]);
    channels.map(|((one, other), weight)| u32::from(one.abs_diff(other)).pow(2) * weight).sum()
}
