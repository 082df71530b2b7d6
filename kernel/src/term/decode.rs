//! From bytes to input, however they are chunked. Every byte is looked at once, and at most a
//! kilobyte is held of anything but a paste.

use std::time::Duration;

use super::{
    caps::Reply,
    input::{Input, Key, KeyCode},
    paste::{End, Paste},
    sequences::{self, Meaning},
};

/// Longest sequence that is kept; a longer one is skipped to its end.
const MAX_SEQUENCE: usize = 1024;
/// How long after an escape the rest of its sequence may come. It is a key when nothing does.
const ESCAPE_WAIT: Duration = Duration::from_millis(25);
/// How long a string of the terminal may pause.
const STRING_WAIT: Duration = Duration::from_millis(500);

/// What bytes said.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Event {
    Input(Input),
    Reply(Reply),
}

/// In the midst of what the next byte is.
#[derive(Debug)]
enum State {
    Ground,
    /// The bytes of a character so far, and how many it has.
    Character(usize),
    /// After an escape; whether there was another one before.
    Escape(bool),
    /// In `ESC [`; whether an escape was before.
    Control(bool),
    /// In `ESC O`; whether an escape was before.
    SingleShift(bool),
    /// In a string, which the byte after the escape began; whether the last byte was an escape.
    String(u8, bool),
    /// In a control sequence that is too long.
    Skip,
    OldMouse,
    LinuxKey,
    Paste(Paste),
}

/// Turns bytes into input. Never fails: what has no meaning is skipped whole.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    held: Vec<u8>,
    /// What the terminal's backspace key sends.
    erase: u8,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::Ground, held: Vec::new(), erase: 0x7f }
    }
}

impl Decoder {
    /// A decoder for a terminal whose backspace key sends `erase`.
    pub fn new(erase: u8) -> Self {
        Self { erase, ..Self::default() }
    }

    /// Takes the next bytes and answers the input that they complete. What the terminal says of
    /// itself is left out.
    pub fn input(&mut self, bytes: &[u8]) -> Vec<Input> {
        let mut events = Vec::new();
        self.push(bytes, &mut events);
        inputs(events)
    }

    /// How long to wait for more before [`Decoder::expire`]; nothing if all bytes are decided on.
    pub fn patience(&self) -> Option<Duration> {
        match &self.state {
            State::Ground => None,
            State::String(..) if !self.held.is_empty() => Some(STRING_WAIT),
            State::Paste(paste) => Some(paste.patience()),
            _ => Some(ESCAPE_WAIT),
        }
    }

    /// Decides on what is held: nothing more came in time.
    pub fn expire(&mut self) -> Vec<Input> {
        let mut events = Vec::new();
        self.time_out(&mut events);
        inputs(events)
    }

    pub(super) fn push(&mut self, bytes: &[u8], events: &mut Vec<Event>) {
        let mut rest = bytes;
        while let [byte, after @ ..] = rest {
            if let State::Paste(paste) = &mut self.state {
                let (taken, end) = paste.push(rest);
                rest = &rest[taken..];
                if let Some(end) = end {
                    self.end_paste(end, events);
                }
                continue;
            }
            rest = after;
            self.step(*byte, events);
        }
    }

    pub(super) fn time_out(&mut self, events: &mut Vec<Event>) {
        let held = std::mem::take(&mut self.held);
        match std::mem::replace(&mut self.state, State::Ground) {
            State::Escape(twice) => {
                for _ in 0..1 + u8::from(twice) {
                    press(Key::new(KeyCode::Escape), events);
                }
            }
            State::Control(twice) if held.is_empty() => introducer(twice, '[', events),
            State::SingleShift(twice) => introducer(twice, 'O', events),
            State::String(kind, false) if held.is_empty() => {
                introducer(false, char::from(kind), events);
            }
            State::Paste(paste) => self.end_paste(paste.cut(), events),
            _ => {}
        }
    }

    fn end_paste(&mut self, end: End, events: &mut Vec<Event>) {
        self.state = State::Ground;
        events.push(Event::Input(Input::Paste(end.text)));
        // No longer than what a paste holds back, and without a paste of its own before its end.
        self.push(&end.rest, events);
    }

    fn step(&mut self, byte: u8, events: &mut Vec<Event>) {
        match self.state {
            State::Ground => self.ground(byte, false, events),
            State::Character(length) => self.character(byte, length, events),
            State::Escape(twice) => self.escape(byte, twice, events),
            State::Control(twice) => self.control(byte, twice, events),
            State::SingleShift(twice) => self.single_shift(byte, twice, events),
            State::String(kind, is_escaped) => self.string(byte, kind, is_escaped, events),
            State::Skip => match byte {
                0x40..=0x7e | 0x18 | 0x1a => self.state = State::Ground,
                0x1b => self.state = State::Escape(false),
                _ => {}
            },
            State::OldMouse => {
                self.held.push(byte);
                if let [button, x, y] = self.held[..] {
                    self.mean(sequences::old_mouse([button, x, y]), false, events);
                }
            }
            State::LinuxKey => {
                self.state = State::Ground;
                if let Some(key) = sequences::linux_key(byte) {
                    press(key, events);
                }
            }
            // Taken by `push`.
            State::Paste(_) => {}
        }
    }

    /// A byte that starts something; `alt` is for the one key that comes of it.
    fn ground(&mut self, byte: u8, alt: bool, events: &mut Vec<Event>) {
        self.state = State::Ground;
        self.held.clear();
        match byte {
            0x1b => self.state = State::Escape(false),
            0x00..=0x1f | 0x7f => {
                press(Key { alt, ..sequences::control_key(byte, self.erase) }, events);
            }
            0x20..=0x7e => {
                press(Key { alt, ..Key::new(KeyCode::Char(char::from(byte))) }, events);
            }
            0xc2..=0xf4 => {
                let length = match byte {
                    0xc2..=0xdf => 2,
                    0xe0..=0xef => 3,
                    _ => 4,
                };
                if alt {
                    // In front of the bytes, so that it is known at their end.
                    self.held.push(0x1b);
                }
                self.held.push(byte);
                self.state = State::Character(length + usize::from(alt));
            }
            _ => {}
        }
    }

    fn character(&mut self, byte: u8, length: usize, events: &mut Vec<Event>) {
        if !matches!(byte, 0x80..=0xbf) {
            self.ground(byte, false, events);
            return;
        }
        self.held.push(byte);
        if self.held.len() < length {
            return;
        }
        let (alt, bytes) = match &self.held[..] {
            [0x1b, bytes @ ..] => (true, bytes),
            bytes => (false, bytes),
        };
        let text = std::str::from_utf8(bytes).ok();
        if let Some(c) = text.and_then(|text| text.chars().next()).filter(|c| !c.is_control()) {
            press(Key { alt, ..Key::new(KeyCode::Char(c)) }, events);
        }
        self.state = State::Ground;
        self.held.clear();
    }

    fn escape(&mut self, byte: u8, twice: bool, events: &mut Vec<Event>) {
        self.held.clear();
        match byte {
            b'[' => self.state = State::Control(twice),
            b'O' => self.state = State::SingleShift(twice),
            b']' | b'P' | b'_' | b'^' | b'X' if !twice => self.state = State::String(byte, false),
            0x1b if !twice => self.state = State::Escape(true),
            _ => {
                if twice {
                    press(Key::new(KeyCode::Escape), events);
                }
                if byte == 0x1b {
                    self.state = State::Escape(true);
                } else {
                    self.ground(byte, true, events);
                }
            }
        }
    }

    fn control(&mut self, byte: u8, twice: bool, events: &mut Vec<Event>) {
        match byte {
            // rxvt's shifted keys end with what is in the middle of others.
            b'$' if !self.held.is_empty() && self.held.iter().all(u8::is_ascii_digit) => {
                self.end_control(byte, twice, events);
            }
            0x20..=0x3f if self.held.len() < MAX_SEQUENCE => self.held.push(byte),
            0x20..=0x3f => {
                self.held.clear();
                self.state = State::Skip;
            }
            0x40..=0x7e => self.end_control(byte, twice, events),
            0x18 | 0x1a => self.state = State::Ground,
            _ => self.ground(byte, false, events),
        }
    }

    fn end_control(&mut self, last: u8, twice: bool, events: &mut Vec<Event>) {
        let body = std::mem::take(&mut self.held);
        self.mean(sequences::control(&body, last), twice, events);
    }

    fn single_shift(&mut self, byte: u8, twice: bool, events: &mut Vec<Event>) {
        match byte {
            // A modifier, in old xterms.
            b'1'..=b'8' if self.held.is_empty() => self.held.push(byte),
            0x20..=0x7e => {
                let modifiers = std::mem::take(&mut self.held);
                let meaning = match (sequences::single_shift(byte), &modifiers[..]) {
                    (Some(_), [modifier]) => sequences::control(&[b'1', b';', *modifier], byte),
                    (Some(key), _) => Meaning::Input(Input::Key(key)),
                    (None, _) => Meaning::Nothing,
                };
                self.mean(meaning, twice, events);
            }
            _ => self.ground(byte, false, events),
        }
    }

    fn string(&mut self, byte: u8, kind: u8, is_escaped: bool, events: &mut Vec<Event>) {
        match (byte, is_escaped) {
            (b'\\', true) | (0x07, _) => {
                let body = std::mem::take(&mut self.held);
                let meaning = if body.len() < MAX_SEQUENCE {
                    sequences::string(kind, &body)
                } else {
                    Meaning::Nothing
                };
                self.mean(meaning, false, events);
            }
            (0x18 | 0x1a, _) => {
                self.held.clear();
                self.state = State::Ground;
            }
            (0x1b, false) => self.state = State::String(kind, true),
            // Another sequence began.
            (_, true) => self.escape(byte, false, events),
            _ => {
                if self.held.len() < MAX_SEQUENCE {
                    self.held.push(byte);
                }
            }
        }
    }

    fn mean(&mut self, meaning: Meaning, alt: bool, events: &mut Vec<Event>) {
        self.state = State::Ground;
        self.held.clear();
        match meaning {
            Meaning::Input(Input::Key(key)) => press(Key { alt: key.alt || alt, ..key }, events),
            Meaning::Input(input) => events.push(Event::Input(input)),
            Meaning::Reply(reply) => events.push(Event::Reply(reply)),
            Meaning::PasteStart => self.state = State::Paste(Paste::default()),
            Meaning::OldMouse => self.state = State::OldMouse,
            Meaning::LinuxKey => self.state = State::LinuxKey,
            Meaning::Nothing => {}
        }
    }
}

fn inputs(events: Vec<Event>) -> Vec<Input> {
    let input = |event| match event {
        Event::Input(input) => Some(input),
        Event::Reply(_) => None,
    };
    events.into_iter().filter_map(input).collect()
}

fn press(key: Key, events: &mut Vec<Event>) {
    events.push(Event::Input(Input::Key(key.normalized())));
}

/// What would have begun a sequence was a key with alt.
fn introducer(twice: bool, c: char, events: &mut Vec<Event>) {
    if twice {
        press(Key::new(KeyCode::Escape), events);
    }
    press(Key { alt: true, ..Key::new(KeyCode::Char(c)) }, events);
}
