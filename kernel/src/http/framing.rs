//! Framing: cutting a body into the items that its reader asked for.

use bytes::Bytes;

use super::sse::{Event, EventTooLarge, SseDecoder};

/// Largest item: an event, or a line.
pub const MAX_ITEM_BYTES: usize = 16 * 1024 * 1024;

/// How a body is cut into items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decode {
    /// As it arrives.
    Bytes,
    /// Lines without their ends (LF or CRLF).
    Lines,
    /// Server-sent events.
    Sse,
}

/// A piece of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    Bytes(Bytes),
    Line(Vec<u8>),
    Event(Event),
}

/// An item grew past its limit.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("one item is larger than {} MiB", .0 >> 20)]
pub struct FrameError(pub usize);

/// Cuts bytes into items; the result does not depend on how the bytes are chunked.
#[derive(Debug)]
pub enum Framer {
    Bytes,
    Lines(Vec<u8>),
    Sse(Box<SseDecoder>, Vec<Event>),
}

impl Framer {
    /// A framer with nothing in it.
    pub fn new(decode: Decode) -> Self {
        match decode {
            Decode::Bytes => Self::Bytes,
            Decode::Lines => Self::Lines(Vec::new()),
            Decode::Sse => Self::Sse(Box::new(SseDecoder::new(MAX_ITEM_BYTES)), Vec::new()),
        }
    }

    /// Takes the next bytes and appends the items that they complete to `out`.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Item>) -> Result<(), FrameError> {
        match self {
            Self::Bytes => out.push(Item::Bytes(chunk)),
            Self::Lines(line) => {
                let mut rest = &chunk[..];
                while let Some(end) = memchr::memchr(b'\n', rest) {
                    line.extend_from_slice(&rest[..end]);
                    rest = &rest[end + 1..];
                    out.push(Item::Line(take_line(line)));
                }
                line.extend_from_slice(rest);
                if line.len() > MAX_ITEM_BYTES {
                    return Err(FrameError(MAX_ITEM_BYTES));
                }
            }
            Self::Sse(decoder, events) => {
                let pushed = decoder.push(&chunk, events);
                out.extend(events.drain(..).map(Item::Event));
                pushed.map_err(|EventTooLarge(limit)| FrameError(limit))?;
            }
        }
        Ok(())
    }

    /// Ends the body: appends what its end completes.
    pub fn finish(&mut self, out: &mut Vec<Item>) {
        match self {
            Self::Bytes => {}
            Self::Lines(line) if line.is_empty() => {}
            Self::Lines(line) => out.push(Item::Line(take_line(line))),
            Self::Sse(decoder, events) => {
                decoder.finish(events);
                out.extend(events.drain(..).map(Item::Event));
            }
        }
    }
}

fn take_line(line: &mut Vec<u8>) -> Vec<u8> {
    let mut line = std::mem::take(line);
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_do_not_depend_on_chunking() {
        let body = b"one\r\ntwo\n\nlast";
        for size in 1..body.len() {
            let mut framer = Framer::new(Decode::Lines);
            let mut out = Vec::new();
            for chunk in body.chunks(size) {
                framer.push(Bytes::copy_from_slice(chunk), &mut out).expect("lines are short");
            }
            framer.finish(&mut out);
            let lines = ["one", "two", "", "last"].map(|line| Item::Line(line.into()));
            assert_eq!(out, lines, "chunks of {size}");
        }
    }

    #[test]
    fn an_endless_line_is_an_error() {
        let mut framer = Framer::new(Decode::Lines);
        let chunk = Bytes::from(vec![b'x'; 1 << 20]);
        let mut out = Vec::new();
        let grown = (0..17).try_for_each(|_| framer.push(chunk.clone(), &mut out));
        assert_eq!(grown, Err(FrameError(MAX_ITEM_BYTES)));
    }
}
