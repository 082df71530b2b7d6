//! What a program writes to a terminal, taken apart: text, control characters and sequences.

use std::collections::BTreeMap;

/// One piece of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Printable bytes, without any control character.
    Text(Vec<u8>),
    Control(u8),
    /// `ESC [ body last`.
    Csi(String, char),
    /// `ESC ] …`, `ESC P …`, `ESC _ …` and the like: what it starts with, and what is inside.
    String(char, Vec<u8>),
    /// Any other sequence of two bytes.
    Escape(u8),
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Ground,
    Escape,
    Csi(Vec<u8>),
    String(char, Vec<u8>, bool),
}

/// Takes output apart, however it is chunked.
#[derive(Debug, Default)]
pub struct Pieces {
    state: State,
}

impl Pieces {
    /// Takes the next bytes and answers what they complete.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for byte in bytes {
            self.step(*byte, &mut pieces);
        }
        pieces
    }

    /// Whether the output ends within a sequence.
    pub fn is_midway(&self) -> bool {
        !matches!(self.state, State::Ground)
    }

    fn step(&mut self, byte: u8, pieces: &mut Vec<Piece>) {
        self.state = match (std::mem::take(&mut self.state), byte) {
            (State::String(kind, mut body, is_escaped), _) => match (byte, is_escaped) {
                (b'\\', true) | (0x07, false) => {
                    pieces.push(Piece::String(kind, body));
                    State::Ground
                }
                (0x1b, false) => State::String(kind, body, true),
                (0x1b, true) if kind == 'P' => {
                    // Doubled within what tmux passes on.
                    body.push(byte);
                    State::String(kind, body, false)
                }
                (0x18, _) => {
                    pieces.push(Piece::Control(byte));
                    State::Ground
                }
                (_, true) => {
                    pieces.push(Piece::Control(0x1b));
                    State::Ground
                }
                _ => {
                    body.push(byte);
                    State::String(kind, body, false)
                }
            },
            (_, 0x1b) => State::Escape,
            (State::Escape, b'[') => State::Csi(Vec::new()),
            (State::Escape, b']' | b'P' | b'_' | b'^' | b'X') => {
                State::String(char::from(byte), Vec::new(), false)
            }
            (State::Escape, _) => {
                pieces.push(Piece::Escape(byte));
                State::Ground
            }
            (State::Csi(body), 0x40..=0x7e) => {
                let body = String::from_utf8_lossy(&body).into_owned();
                pieces.push(Piece::Csi(body, char::from(byte)));
                State::Ground
            }
            (State::Csi(mut body), 0x20..=0x3f) => {
                body.push(byte);
                State::Csi(body)
            }
            (_, 0x00..=0x1f | 0x7f) => {
                pieces.push(Piece::Control(byte));
                State::Ground
            }
            _ => {
                match pieces.last_mut() {
                    Some(Piece::Text(text)) => text.push(byte),
                    _ => pieces.push(Piece::Text(vec![byte])),
                }
                State::Ground
            }
        };
    }
}

/// Which modes of the terminal a program set, and how often. They are named `?1049`, `kitty_keys`,
/// `other_keys` and `title`; `?25` and `?7`, which are on in a terminal at rest, count as set while
/// they are off.
#[derive(Clone, Debug, Default)]
pub struct Modes {
    counts: BTreeMap<String, (u32, u32)>,
    on: BTreeMap<String, bool>,
}

impl Modes {
    /// Notes what a piece of output does to the modes.
    pub fn note(&mut self, piece: &Piece) {
        let Piece::Csi(body, last) = piece else { return };
        match (body.as_str(), last) {
            (">5", 'u') => self.change("kitty_keys", true),
            ("<", 'u') => self.change("kitty_keys", false),
            (">4;2", 'm') => self.change("other_keys", true),
            (">4", 'm') => self.change("other_keys", false),
            ("22;2", 't') => self.change("title", true),
            ("23;2", 't') => self.change("title", false),
            (body, 'h' | 'l') => {
                let Some(numbers) = body.strip_prefix('?') else { return };
                for number in numbers.split(';') {
                    let is_inverse = matches!(number, "25" | "7");
                    self.change(&format!("?{number}"), (*last == 'h') != is_inverse);
                }
            }
            _ => {}
        }
    }

    fn change(&mut self, mode: &str, is_set: bool) {
        let (sets, unsets) = self.counts.entry(mode.to_owned()).or_default();
        *(if is_set { sets } else { unsets }) += 1;
        self.on.insert(mode.to_owned(), is_set);
    }

    /// How often a mode was set and unset.
    pub fn count(&self, mode: &str) -> (u32, u32) {
        self.counts.get(mode).copied().unwrap_or_default()
    }

    pub fn is_on(&self, mode: &str) -> bool {
        self.on.get(mode).copied().unwrap_or(false)
    }

    /// The modes that are on.
    pub fn on(&self) -> Vec<&str> {
        self.on.iter().filter(|(_, is_on)| **is_on).map(|(mode, _)| mode.as_str()).collect()
    }
}

/// What zi may write to a terminal; anything else is somebody else's and comes back as an error that
/// quotes it. Output may not end within a sequence.
pub fn check(output: &[u8]) -> Result<(), String> {
    let mut pieces = Pieces::default();
    let found = pieces.push(output);
    if pieces.is_midway() {
        return Err("the output ends within a sequence".to_owned());
    }
    match found.iter().find(|piece| !is_ours(piece)) {
        Some(piece) => Err(format!("{piece:?} is nothing that zi writes")),
        None => Ok(()),
    }
}

fn is_ours(piece: &Piece) -> bool {
    let has_strange = |bytes: &[u8]| bytes.iter().any(u8::is_ascii_control);
    match piece {
        Piece::Text(text) => {
            let text = String::from_utf8_lossy(text);
            !text.chars().any(char::is_control)
        }
        Piece::Control(byte) => matches!(byte, b'\r' | b'\n' | 0x07 | 0x18),
        Piece::Escape(byte) => *byte == b'\\',
        Piece::Csi(body, last) => is_our_csi(body, *last),
        Piece::String(']', body) => {
            let known: [&[u8]; 7] =
                [b"8;", b"2;", b"52;c;", b"9;", b"777;notify;", b"11;?", b"1337;File=inline=1;"];
            known.iter().any(|start| body.starts_with(start)) && !has_strange(body)
        }
        Piece::String('_', body) => body.starts_with(b"G") && !has_strange(body),
        Piece::String('P', body) => {
            body.strip_prefix(b"tmux;").is_some_and(|inner| check(inner).is_ok())
                || (body.starts_with(b"0;1;0q\"1;1;") && !has_strange(body))
        }
        Piece::String(..) => false,
    }
}

fn is_our_csi(body: &str, last: char) -> bool {
    let is_numbers = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b';');
    match last {
        'm' => is_numbers(body) || matches!(body, ">4;2" | ">4"),
        'H' | 'A' | 'B' | 'C' | 'G' => is_numbers(body),
        'J' => matches!(body, "" | "2"),
        'K' => body.is_empty(),
        'h' | 'l' => matches!(
            body,
            "?7" | "?25"
                | "?1000"
                | "?1002"
                | "?1004"
                | "?1006"
                | "?1007"
                | "?1049"
                | "?2004"
                | "?2026"
        ),
        's' | 'r' => body == "?1007",
        'u' => matches!(body, ">5" | "<" | "=5" | "?"),
        't' => matches!(body, "22;2" | "23;2" | "16"),
        'p' => body == "?2026$",
        'q' => body == ">",
        'c' => body.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{Modes, Piece, Pieces, check};

    #[test]
    fn output_comes_apart_however_it_is_cut() {
        let output = b"a\x1b[1;2H\xc3\xa9\x1b]8;;x\x1b\\\x1b_Ga=q\x1b\\\r";
        let whole = Pieces::default().push(output);
        assert_eq!(whole[1], Piece::Csi("1;2".to_owned(), 'H'));
        assert_eq!(whole[3], Piece::String(']', b"8;;x".to_vec()));
        let mut pieces = Pieces::default();
        let single: Vec<Piece> = output.iter().flat_map(|byte| pieces.push(&[*byte])).collect();
        let controls = |pieces: &[Piece]| {
            pieces
                .iter()
                .filter(|piece| !matches!(piece, Piece::Text(_)))
                .cloned()
                .collect::<Vec<_>>()
        };
        assert_eq!(controls(&single), controls(&whole));
    }

    #[test]
    fn what_zi_does_not_write_is_told() {
        assert_eq!(check(b"\x1b[1;31mred\x1b[m\r\n"), Ok(()));
        for foreign in [
            &b"\x1b[6n"[..],
            b"\x1bc",
            b"\x1b]4;1;red\x07",
            b"\x1b[?47h",
            b"\x08",
            b"\x1b[",
            b"\xc2\x9b31m",
            b"\x1b]8;;a\x01b\x1b\\",
        ] {
            assert!(check(foreign).is_err(), "{foreign:?}");
        }
    }

    #[test]
    fn modes_are_counted() {
        let mut modes = Modes::default();
        for piece in Pieces::default().push(b"\x1b[?1049h\x1b[?25l\x1b[>5u\x1b[?25h") {
            modes.note(&piece);
        }
        assert_eq!(modes.count("?1049"), (1, 0));
        assert_eq!(modes.count("?25"), (1, 1));
        assert_eq!(modes.on(), ["?1049", "kitty_keys"]);
    }
}
