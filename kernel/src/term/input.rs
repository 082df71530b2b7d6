//! What comes from a terminal: keys, pastes, the mouse.

use std::fmt;

use super::caps::Capabilities;

/// What a terminal tells of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A key that was pressed, or is held down.
    Key(Key),
    /// Text that was pasted: its lines end with a line feed, and it holds no other control character
    /// than tabs.
    Paste(String),
    Mouse(Mouse),
    /// Whether the terminal has the keyboard.
    Focus(bool),
    /// The new width and height of the screen. What was on it is drawn anew with the next frame.
    Resize(u16, u16),
    /// The terminal said what it can do.
    Capabilities(Capabilities),
    /// The number of a signal that asks the program to end, or to stop. A second one of the first
    /// kind ends it as it is.
    Signal(i32),
    /// The terminal is gone. Nothing comes after this.
    HangUp,
}

/// A key with its modifiers. Prints as its name: `ctrl+alt+shift+NAME`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub code: KeyCode,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

/// Which key. A letter with shift is the capital, without shift among its modifiers, unless ctrl is
/// held as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyCode {
    Char(char),
    Enter,
    Escape,
    Tab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
    Delete,
    Insert,
    /// 1 to 12.
    F(u8),
}

impl Key {
    /// The key without modifiers.
    pub const fn new(code: KeyCode) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// The key in the one way in which it is told of.
    pub(super) fn normalized(mut self) -> Self {
        if let KeyCode::Char(c) = self.code {
            if self.ctrl {
                self.shift |= c.is_uppercase();
                self.code = KeyCode::Char(one_lower(c));
            } else if self.shift && c.is_alphabetic() {
                self.code = KeyCode::Char(one_upper(c));
                self.shift = false;
            }
        }
        self
    }

    /// The character that the key types, if it types one.
    pub fn text(&self) -> Option<char> {
        match self.code {
            KeyCode::Char(c) if !self.ctrl && !self.alt => Some(c),
            _ => None,
        }
    }
}

/// The lower case of a letter, where that is one letter.
fn one_lower(c: char) -> char {
    let mut lower = c.to_lowercase();
    lower.next().filter(|_| lower.next().is_none()).unwrap_or(c)
}

fn one_upper(c: char) -> char {
    let mut upper = c.to_uppercase();
    upper.next().filter(|_| upper.next().is_none()).unwrap_or(c)
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (is_set, name) in [(self.ctrl, "ctrl+"), (self.alt, "alt+"), (self.shift, "shift+")] {
            if is_set {
                f.write_str(name)?;
            }
        }
        f.write_str(match self.code {
            KeyCode::Char(' ') => "space",
            KeyCode::Char(c) => return write!(f, "{c}"),
            KeyCode::F(number) => return write!(f, "f{number}"),
            KeyCode::Enter => "enter",
            KeyCode::Escape => "escape",
            KeyCode::Tab => "tab",
            KeyCode::Backspace => "backspace",
            KeyCode::Up => "up",
            KeyCode::Down => "down",
            KeyCode::Left => "left",
            KeyCode::Right => "right",
            KeyCode::Home => "home",
            KeyCode::End => "end",
            KeyCode::PageUp => "pageup",
            KeyCode::PageDown => "pagedown",
            KeyCode::Delete => "delete",
            KeyCode::Insert => "insert",
        })
    }
}

/// What the mouse did, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mouse {
    pub kind: MouseKind,
    pub x: u16,
    pub y: u16,
    pub ctrl: bool,
    pub alt: bool,
    pub shift: bool,
}

/// What the mouse did. Buttons count from the left one, which is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MouseKind {
    Press(u8),
    Release(u8),
    Drag(u8),
    Move,
    WheelUp,
    WheelDown,
    WheelLeft,
    WheelRight,
}
