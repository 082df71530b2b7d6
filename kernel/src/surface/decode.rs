//! From bytes to frames, however the bytes are chunked.

use super::{Format, Frame};

/// Longest header, with its line feed.
pub const MAX_HEADER_BYTES: usize = 256;
/// Most bytes of a frame.
pub const MAX_FRAME_BYTES: usize = 16 << 20;

/// What is wrong with a record, or with a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a record starts with `{0}`, and these bytes do not")]
    Marker(&'static str),
    #[error("the header is longer than {MAX_HEADER_BYTES} bytes")]
    LongHeader,
    #[error("the header is not `{0}<width> <height> <bytes>` in plain decimal numbers")]
    Header(&'static str),
    #[error("a frame of {width} by {height} has nothing in it")]
    Empty { width: u64, height: u64 },
    #[error("a frame of {width} by {height} is larger than {limit} bytes")]
    TooLarge { width: u64, height: u64, limit: usize },
    #[error("a frame of {width} by {height} has {wanted} bytes, not {bytes}")]
    Length { width: u64, height: u64, wanted: u64, bytes: u64 },
    #[error("the stream ended within a record")]
    Truncated,
}

/// What came out of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    Frame(Frame),
    /// A record that was given up. What follows is skipped up to the next good header, and nothing
    /// more is said of it.
    Bad {
        /// Its place in the stream.
        at: u64,
        fault: Fault,
    },
}

/// Cuts a stream into frames. Holds one header or one frame at a time, and makes room for a frame
/// only once every number of its header is known to be good.
#[derive(Debug)]
pub struct Decoder {
    format: Format,
    limit: usize,
    /// The start of a header, up to its line feed.
    head: Vec<u8>,
    open: Option<Open>,
    /// The place in the stream that `head` starts at.
    at: u64,
    skipping: bool,
}

/// A frame whose bytes are still coming.
#[derive(Debug)]
struct Open {
    width: u64,
    height: u64,
    bytes: usize,
    data: Vec<u8>,
}

impl Decoder {
    /// A decoder that refuses frames of more than `limit` bytes, or of [`MAX_FRAME_BYTES`].
    pub fn new(format: Format, limit: usize) -> Self {
        let limit = limit.min(MAX_FRAME_BYTES);
        Self { format, limit, head: Vec::new(), open: None, at: 0, skipping: false }
    }

    /// Takes the next bytes and answers what they complete.
    pub fn push(&mut self, mut bytes: &[u8]) -> Vec<Record> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            bytes = match self.open.take() {
                Some(open) => self.fill(open, bytes, &mut records),
                None => self.read_line(bytes, &mut records),
            };
        }
        records
    }

    /// Ends the stream: tells of a record that is not whole.
    pub fn finish(&mut self) -> Option<Record> {
        let cut = self.open.take().is_some() || (!self.head.is_empty() && !self.skipping);
        self.head.clear();
        cut.then_some(Record::Bad { at: self.at, fault: Fault::Truncated })
    }

    fn fill<'a>(&mut self, mut open: Open, bytes: &'a [u8], records: &mut Vec<Record>) -> &'a [u8] {
        let missing = open.bytes - open.data.len();
        let (mine, rest) = bytes.split_at(missing.min(bytes.len()));
        open.data.extend_from_slice(mine);
        if open.data.len() < open.bytes {
            self.open = Some(open);
            return rest;
        }
        let place = self.at;
        self.at += open.bytes as u64;
        records.push(match Frame::new(self.format, open.width, open.height, open.data) {
            Ok(frame) => Record::Frame(frame),
            Err(fault) => Record::Bad { at: place, fault },
        });
        rest
    }

    fn read_line<'a>(&mut self, bytes: &'a [u8], records: &mut Vec<Record>) -> &'a [u8] {
        let room = bytes.len().min(MAX_HEADER_BYTES - self.head.len());
        let end = memchr::memchr(b'\n', &bytes[..room]).map_or(room, |feed| feed + 1);
        let (mine, rest) = bytes.split_at(end);
        self.head.extend_from_slice(mine);
        while !self.head.is_empty() {
            match self.judge() {
                Ok(Some(open)) => {
                    self.at += self.head.len() as u64;
                    self.head.clear();
                    self.open = Some(open);
                    self.skipping = false;
                }
                Ok(None) => break,
                Err(fault) => {
                    if !self.skipping {
                        self.skipping = true;
                        records.push(Record::Bad { at: self.at, fault });
                    }
                    self.skip();
                }
            }
        }
        rest
    }

    /// What `head` is: a good header, the start of one, or neither.
    fn judge(&self) -> Result<Option<Open>, Fault> {
        let marker = self.format.marker();
        if !starts_alike(&self.head, marker.as_bytes()) {
            return Err(Fault::Marker(marker));
        }
        let Some(line) = self.head.strip_suffix(b"\n") else {
            let is_full = self.head.len() == MAX_HEADER_BYTES;
            return if is_full { Err(Fault::LongHeader) } else { Ok(None) };
        };
        let [width, height, said] = numbers(&line[marker.len()..]).ok_or(Fault::Header(marker))?;
        let bytes = check_size(self.format, width, height, said, self.limit)?;
        Ok(Some(Open { width, height, bytes, data: Vec::with_capacity(bytes) }))
    }

    /// Drops what `head` starts with, up to where a marker may start.
    fn skip(&mut self) {
        let marker = self.format.marker().as_bytes();
        let later = memchr::memchr_iter(marker[0], &self.head[1..]).map(|place| place + 1);
        let next = later.into_iter().find(|place| starts_alike(&self.head[*place..], marker));
        let next = next.unwrap_or(self.head.len());
        self.head.drain(..next);
        self.at += next as u64;
    }
}

/// Whether one is the start of the other.
fn starts_alike(text: &[u8], marker: &[u8]) -> bool {
    let shared = text.len().min(marker.len());
    text[..shared] == marker[..shared]
}

/// Three decimal numbers with one space between: no signs, no leading zeros, nothing else. A number
/// past 64 bits counts as the largest.
fn numbers(text: &[u8]) -> Option<[u64; 3]> {
    let mut parts = text.split(|byte| *byte == b' ').map(number);
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

fn number(digits: &[u8]) -> Option<u64> {
    let is_plain = matches!(digits, [b'0'] | [b'1'..=b'9', ..]);
    if !is_plain || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    Some(digits.iter().fold(0, add))
}

/// The bytes of a frame of this size, when there are `said` and no more than `limit` of them.
pub(super) fn check_size(
    format: Format,
    width: u64,
    height: u64,
    said: u64,
    limit: usize,
) -> Result<usize, Fault> {
    if width == 0 || height == 0 {
        return Err(Fault::Empty { width, height });
    }
    let wanted = format.byte_len(width, height);
    let bytes = wanted.and_then(|wanted| usize::try_from(wanted).ok());
    match bytes.filter(|bytes| *bytes <= limit) {
        None => Err(Fault::TooLarge { width, height, limit }),
        Some(bytes) if bytes as u64 != said => {
            Err(Fault::Length { width, height, wanted: bytes as u64, bytes: said })
        }
        Some(bytes) => Ok(bytes),
    }
}
