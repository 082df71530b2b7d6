//! The meaning of whole sequences: keys, the mouse, and what the terminal says of itself.

use super::{
    caps::Reply,
    input::{Input, Key, KeyCode, Mouse, MouseKind},
};

/// What a sequence says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Input(Input),
    Reply(Reply),
    PasteStart,
    /// Three more bytes: button, column, row.
    OldMouse,
    /// One more byte: a function key of the Linux console.
    LinuxKey,
    Nothing,
}

/// The numbers of a control sequence: parameters, each with its parts. What is left out is `None`.
struct Numbers<'a>(&'a [u8]);

impl Numbers<'_> {
    fn part(&self, parameter: usize, part: usize) -> Option<u32> {
        let parameter = self.0.split(|byte| *byte == b';').nth(parameter)?;
        number(parameter.split(|byte| *byte == b':').nth(part)?)
    }

    fn get(&self, parameter: usize) -> Option<u32> {
        self.part(parameter, 0)
    }

    fn count(&self) -> usize {
        if self.0.is_empty() { 0 } else { self.0.split(|byte| *byte == b';').count() }
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0')))
}

/// Modifiers as they are numbered in sequences.
#[derive(Clone, Copy, Debug, Default)]
struct Modifiers {
    shift: bool,
    alt: bool,
    ctrl: bool,
    /// One that keys are not named by.
    is_foreign: bool,
}

impl Modifiers {
    fn from(number: Option<u32>) -> Self {
        let bits = number.unwrap_or(1).saturating_sub(1);
        Self {
            shift: bits & 1 != 0,
            // Meta is alt to everybody.
            alt: bits & (2 | 32) != 0,
            ctrl: bits & 4 != 0,
            is_foreign: bits & (8 | 16) != 0,
        }
    }

    fn press(self, code: KeyCode) -> Meaning {
        if self.is_foreign {
            return Meaning::Nothing;
        }
        let key = Key { code, ctrl: self.ctrl, alt: self.alt, shift: self.shift };
        Meaning::Input(Input::Key(key.normalized()))
    }
}

/// The meaning of `ESC [ body last`.
pub(super) fn control(body: &[u8], last: u8) -> Meaning {
    let (mark, rest) = match body {
        [mark @ b'<'..=b'?', rest @ ..] => (Some(*mark), rest),
        _ => (None, body),
    };
    let between = rest.iter().position(|byte| matches!(byte, b' '..=b'/')).unwrap_or(rest.len());
    let (parameters, intermediates) = rest.split_at(between);
    let numbers = Numbers(parameters);
    match (mark, intermediates, last) {
        (None, b"", _) => key(&numbers, last),
        (Some(b'<'), b"", b'M' | b'm') => mouse(&numbers, last == b'm'),
        (Some(b'?'), b"", b'u') => Meaning::Reply(Reply::KittyKeyboard),
        (Some(b'?'), b"", b'c') => {
            let attributes = (0..numbers.count()).filter_map(|index| numbers.get(index));
            let attributes = attributes.filter_map(|number| u16::try_from(number).ok());
            Meaning::Reply(Reply::Attributes(attributes.collect()))
        }
        (Some(b'?'), b"$", b'y') if numbers.get(0) == Some(2026) => {
            // 0 is unknown, 4 is never.
            Meaning::Reply(Reply::Synchronized(matches!(numbers.get(1), Some(1..=3))))
        }
        _ => Meaning::Nothing,
    }
}

fn key(numbers: &Numbers<'_>, last: u8) -> Meaning {
    let is_release = numbers.part(1, 1) == Some(3);
    let modifiers = Modifiers::from(numbers.get(1));
    let arrow = |code| match is_release {
        true => Meaning::Nothing,
        false => modifiers.press(code),
    };
    match last {
        b'A' => arrow(KeyCode::Up),
        b'B' => arrow(KeyCode::Down),
        b'C' => arrow(KeyCode::Right),
        b'D' => arrow(KeyCode::Left),
        b'H' => arrow(KeyCode::Home),
        b'F' => arrow(KeyCode::End),
        b'P' => arrow(KeyCode::F(1)),
        b'Q' => arrow(KeyCode::F(2)),
        // Anything else that ends like this says where the cursor is.
        b'R' if numbers.get(0).is_none_or(|first| first == 1) => arrow(KeyCode::F(3)),
        b'S' => arrow(KeyCode::F(4)),
        b'Z' => Modifiers { shift: true, ..modifiers }.press(KeyCode::Tab),
        // rxvt's arrows with shift.
        b'a'..=b'd' if numbers.count() == 0 => {
            let arrows = [KeyCode::Up, KeyCode::Down, KeyCode::Right, KeyCode::Left];
            Modifiers { shift: true, ..modifiers }.press(arrows[usize::from(last - b'a')])
        }
        b'I' if numbers.count() == 0 => Meaning::Input(Input::Focus(true)),
        b'O' if numbers.count() == 0 => Meaning::Input(Input::Focus(false)),
        b'M' if numbers.count() == 0 => Meaning::OldMouse,
        b'[' if numbers.count() == 0 => Meaning::LinuxKey,
        b'u' if !is_release => kitty(numbers, modifiers),
        b'~' if numbers.get(0) == Some(200) => Meaning::PasteStart,
        b'~' if numbers.get(0) == Some(27) && numbers.count() >= 3 => {
            numbers.get(2).map_or(Meaning::Nothing, |code| coded(code, modifiers))
        }
        b'~' | b'^' | b'@' | b'$' if !is_release => {
            // rxvt tells of modifiers by how the sequence ends.
            let modifiers = Modifiers {
                ctrl: modifiers.ctrl || matches!(last, b'^' | b'@'),
                shift: modifiers.shift || matches!(last, b'$' | b'@'),
                ..modifiers
            };
            numbered(numbers.get(0)).map_or(Meaning::Nothing, |code| modifiers.press(code))
        }
        b't' if numbers.get(0) == Some(6) => match (numbers.get(1), numbers.get(2)) {
            (Some(height @ 1..=1024), Some(width @ 1..=1024)) => {
                // Both fit, by the pattern.
                Meaning::Reply(Reply::Cell(width as u16, height as u16))
            }
            _ => Meaning::Nothing,
        },
        _ => Meaning::Nothing,
    }
}

/// The keys that are told of by numbers.
fn numbered(number: Option<u32>) -> Option<KeyCode> {
    Some(match number? {
        1 | 7 => KeyCode::Home,
        2 => KeyCode::Insert,
        3 => KeyCode::Delete,
        4 | 8 => KeyCode::End,
        5 => KeyCode::PageUp,
        6 => KeyCode::PageDown,
        // In the gaps between them, VT220s had nothing.
        number @ 11..=15 => KeyCode::F((number - 10) as u8),
        number @ 17..=21 => KeyCode::F((number - 11) as u8),
        number @ 23..=24 => KeyCode::F((number - 12) as u8),
        _ => return None,
    })
}

/// A key in kitty's protocol: its code, with shift, and on an English keyboard; modifiers; text.
fn kitty(numbers: &Numbers<'_>, modifiers: Modifiers) -> Meaning {
    let Some(code) = numbers.get(0) else { return Meaning::Nothing };
    let character = |part| {
        let c = numbers.part(0, part).and_then(char::from_u32);
        c.filter(|c| !c.is_control() && !is_private(*c))
    };
    let has_command = modifiers.ctrl || modifiers.alt;
    if let Some(base) = character(2)
        && has_command
        && code > 127
        && base.is_ascii()
    {
        // Commands go by the place of the key, where the layout has no Latin letters.
        return modifiers.press(KeyCode::Char(base));
    }
    if modifiers.shift
        && let Some(shifted) = character(1)
        && (!shifted.is_alphabetic() || !modifiers.ctrl)
    {
        return Modifiers { shift: false, ..modifiers }.press(KeyCode::Char(shifted));
    }
    coded(code, modifiers)
}

fn is_private(c: char) -> bool {
    matches!(c, '\u{e000}'..='\u{f8ff}')
}

/// A key by its code point, or by kitty's number for what has none.
fn coded(code: u32, modifiers: Modifiers) -> Meaning {
    let code = match code {
        8 | 127 => KeyCode::Backspace,
        9 => KeyCode::Tab,
        10 | 13 => KeyCode::Enter,
        27 => KeyCode::Escape,
        57399..=57408 => KeyCode::Char(char::from(b'0' + (code - 57399) as u8)),
        57409..=57413 => KeyCode::Char(['.', '/', '*', '-', '+'][(code - 57409) as usize]),
        57414 => KeyCode::Enter,
        57415 => KeyCode::Char('='),
        57416 => KeyCode::Char(','),
        57417 => KeyCode::Left,
        57418 => KeyCode::Right,
        57419 => KeyCode::Up,
        57420 => KeyCode::Down,
        57421 => KeyCode::PageUp,
        57422 => KeyCode::PageDown,
        57423 => KeyCode::Home,
        57424 => KeyCode::End,
        57425 => KeyCode::Insert,
        57426 => KeyCode::Delete,
        _ => match char::from_u32(code) {
            Some(c) if !c.is_control() && !is_private(c) => KeyCode::Char(c),
            _ => return Meaning::Nothing,
        },
    };
    modifiers.press(code)
}

/// The meaning of `ESC O last`.
pub(super) fn single_shift(last: u8) -> Option<Key> {
    let code = match last {
        b'A' | b'a' => KeyCode::Up,
        b'B' | b'b' => KeyCode::Down,
        b'C' | b'c' => KeyCode::Right,
        b'D' | b'd' => KeyCode::Left,
        b'H' => KeyCode::Home,
        b'F' => KeyCode::End,
        b'P'..=b'S' => KeyCode::F(last - b'P' + 1),
        b'M' => KeyCode::Enter,
        // The numeric keypad in its application mode.
        b'j'..=b'y' => KeyCode::Char(char::from(last - b'j' + b'*')),
        b'X' => KeyCode::Char('='),
        _ => return None,
    };
    // rxvt's arrows with ctrl.
    Some(Key { ctrl: matches!(last, b'a'..=b'd'), ..Key::new(code) })
}

/// A function key of the Linux console: `ESC [ [ A` is the first.
pub(super) fn linux_key(last: u8) -> Option<Key> {
    matches!(last, b'A'..=b'E').then(|| Key::new(KeyCode::F(last - b'A' + 1)))
}

/// What a byte below the space is, or the one after the tilde: a key, or one with ctrl. `erase` is
/// what the terminal's backspace key sends.
pub(super) fn control_key(byte: u8, erase: u8) -> Key {
    let ctrl = |c: char| Key { ctrl: true, ..Key::new(KeyCode::Char(c)) };
    match byte {
        b'\r' => Key::new(KeyCode::Enter),
        b'\t' => Key::new(KeyCode::Tab),
        0x1b => Key::new(KeyCode::Escape),
        0x7f => Key::new(KeyCode::Backspace),
        0x08 if erase == 0x08 => Key::new(KeyCode::Backspace),
        0 => ctrl(' '),
        0x01..=0x1a => ctrl(char::from(byte - 1 + b'a')),
        _ => ctrl(char::from(byte.wrapping_add(0x40) & 0x7f)),
    }
}

fn mouse(numbers: &Numbers<'_>, is_release: bool) -> Meaning {
    let (Some(button), Some(x), Some(y)) = (numbers.get(0), numbers.get(1), numbers.get(2)) else {
        return Meaning::Nothing;
    };
    mouse_at(button, x, y, is_release)
}

/// The mouse as xterm first told of it: each number is a byte from 32 on.
pub(super) fn old_mouse(bytes: [u8; 3]) -> Meaning {
    let [button, x, y] = bytes.map(|byte| u32::from(byte).saturating_sub(32));
    let is_release = button & 0b100_0011 == 3;
    mouse_at(button, x, y, is_release)
}

fn mouse_at(bits: u32, x: u32, y: u32, is_release: bool) -> Meaning {
    let place = |number: u32| u16::try_from(number.saturating_sub(1)).ok();
    let (Some(x), Some(y)) = (place(x), place(y)) else { return Meaning::Nothing };
    let is_moving = bits & 32 != 0;
    let button = (bits & 3) as u8;
    let kind = match bits & 0b1100_0000 {
        64 => {
            [MouseKind::WheelUp, MouseKind::WheelDown, MouseKind::WheelLeft, MouseKind::WheelRight]
                [usize::from(button)]
        }
        0 if is_release => MouseKind::Release(if button == 3 { 0 } else { button }),
        0 if is_moving && button == 3 => MouseKind::Move,
        0 if is_moving => MouseKind::Drag(button),
        0 if button < 3 => MouseKind::Press(button),
        _ => return Meaning::Nothing,
    };
    let (shift, alt, ctrl) = (bits & 4 != 0, bits & 8 != 0, bits & 16 != 0);
    Meaning::Input(Input::Mouse(Mouse { kind, x, y, ctrl, alt, shift }))
}

/// What a string of the terminal says; `kind` is the byte after its escape.
pub(super) fn string(kind: u8, body: &[u8]) -> Meaning {
    let reply = match kind {
        b']' => body.strip_prefix(b"11;").and_then(color).map(Reply::Background),
        b'_' => {
            body.strip_prefix(b"Gi=31").map(|rest| Reply::KittyGraphics(rest.ends_with(b";OK")))
        }
        b'P' => body.strip_prefix(b">|").map(|name| {
            let name = String::from_utf8_lossy(name);
            Reply::Name(name.chars().filter(|c| !c.is_control()).take(64).collect())
        }),
        _ => None,
    };
    reply.map_or(Meaning::Nothing, Meaning::Reply)
}

/// A colour as X names it: `rgb:ff/ff/ff`, or with other numbers of digits.
fn color(text: &[u8]) -> Option<[u8; 3]> {
    let text = std::str::from_utf8(text).ok()?;
    let channels = text.strip_prefix("rgb:").or_else(|| text.strip_prefix("rgba:"))?;
    let mut parts = channels.split('/').map(|part| {
        let value = u32::from_str_radix(part, 16).ok().filter(|_| part.len() <= 4)?;
        let most = (1 << (4 * part.len())) - 1;
        u8::try_from(value * 255 / most).ok()
    });
    Some([parts.next()??, parts.next()??, parts.next()??])
}
