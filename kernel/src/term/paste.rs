//! A paste while it comes, and where it ends.

use std::time::Duration;

/// What a paste starts and ends with.
const START: &[u8] = b"\x1b[200~";
const END: &[u8] = b"\x1b[201~";
/// Most bytes of a paste; it ends there, and what follows comes as another.
const MAX_PASTE: usize = 16 << 20;
/// Most bytes after an end mark that are held back.
const MAX_TAIL: usize = 64 << 10;
/// How long it must be quiet after an end mark for the paste to be over. Marks within the text have
/// the rest of the text right behind them.
const END_WAIT: Duration = Duration::from_millis(20);
/// How long a paste may pause without an end mark.
const PAUSE: Duration = Duration::from_secs(1);

/// A paste that ended.
#[derive(Debug)]
pub(super) struct End {
    pub(super) text: String,
    /// What came after it.
    pub(super) rest: Vec<u8>,
}

/// The bytes of a paste. A mark within the text, which some terminals let through, does not end it:
/// the last mark before it is quiet does.
#[derive(Debug, Default)]
pub(super) struct Paste {
    bytes: Vec<u8>,
    /// Where the last end mark starts. What follows it may not be part of the paste.
    end: Option<usize>,
    /// How many bytes of a mark the last bytes are.
    matched: usize,
}

impl Paste {
    pub(super) fn patience(&self) -> Duration {
        if self.end.is_some() { END_WAIT } else { PAUSE }
    }

    /// Takes bytes, and answers how many and whether the paste ended with them.
    pub(super) fn push(&mut self, bytes: &[u8]) -> (usize, Option<End>) {
        let mut taken = 0;
        while let Some(byte) = bytes.get(taken) {
            if self.matched == 0 && *byte != 0x1b {
                // Up to the next mark all at once, as far as there is room.
                let room = self.room().max(1).min(bytes.len() - taken);
                let ahead = &bytes[taken..taken + room];
                let plain = memchr::memchr(0x1b, ahead).unwrap_or(ahead.len());
                self.bytes.extend_from_slice(&ahead[..plain]);
                taken += plain;
            } else {
                taken += 1;
                self.bytes.push(*byte);
                self.follow_mark(*byte);
                if self.matched == END.len() {
                    self.matched = 0;
                    let mark = self.bytes.len() - END.len();
                    match *byte_of_kind(&self.bytes) {
                        b'1' => self.end = Some(mark),
                        // Another paste starts: this one is over.
                        _ if self.end.is_some() => return (taken, Some(self.finish())),
                        _ => {}
                    }
                }
            }
            if self.room() == 0 {
                return (taken, Some(self.finish()));
            }
        }
        (taken, None)
    }

    /// Ends the paste: nothing more came.
    pub(super) fn cut(mut self) -> End {
        self.finish()
    }

    fn room(&self) -> usize {
        let limit = self.end.map_or(MAX_PASTE, |end| end + END.len() + MAX_TAIL);
        limit.saturating_sub(self.bytes.len())
    }

    /// Counts how much of a mark was seen. Both differ in one byte only, which may be either.
    fn follow_mark(&mut self, byte: u8) {
        let fits = |at: usize| START[at] == byte || END[at] == byte;
        self.matched = match self.matched {
            at if fits(at) => at + 1,
            _ => usize::from(byte == 0x1b),
        };
    }

    fn finish(&mut self) -> End {
        let bytes = std::mem::take(&mut self.bytes);
        let end = self.end.take();
        let (text, rest) = match end {
            Some(end) => (&bytes[..end], &bytes[end + END.len()..]),
            None => (&bytes[..], &[][..]),
        };
        End { text: clean(text), rest: rest.to_vec() }
    }
}

/// The byte of a mark that says which one it is.
fn byte_of_kind(bytes: &[u8]) -> &u8 {
    &bytes[bytes.len() - 2]
}

/// The text of a paste: lines end with a line feed, marks and control characters are left out, and
/// so is what is no UTF-8.
fn clean(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    let mut was_return = false;
    let mut start = 0;
    while start < bytes.len() {
        if bytes[start..].starts_with(START) || bytes[start..].starts_with(END) {
            start += END.len();
            continue;
        }
        let next = memchr::memchr(0x1b, &bytes[start + 1..]);
        let end = next.map_or(bytes.len(), |at| start + 1 + at);
        for piece in bytes[start..end].utf8_chunks() {
            for c in piece.valid().chars() {
                match c {
                    '\r' => text.push('\n'),
                    '\n' if was_return => {}
                    '\n' | '\t' => text.push(c),
                    c if c.is_control() => {}
                    c => text.push(c),
                }
                was_return = c == '\r';
            }
        }
        start = end;
    }
    text
}
