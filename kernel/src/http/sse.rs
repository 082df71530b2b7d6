//! Server-sent events, as the WHATWG HTML standard frames them (section 9.2.6), with two
//! differences: bad UTF-8 is replaced instead of refused, and the last block is given out at the end
//! of the body even when its blank line is missing.

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Event {
    /// The `event` field; `message` when the block had none.
    pub event: String,
    /// The `data` lines, joined with line feeds.
    pub data: String,
    /// The last `id` of the stream so far.
    pub id: Option<String>,
    /// Whether the body ended inside the event's last line.
    pub cut: bool,
}

/// Splits bytes into events, however they are chunked.
#[derive(Debug)]
pub struct SseDecoder {
    line: Vec<u8>,
    after_cr: bool,
    at_start: bool,
    event: String,
    data: Vec<u8>,
    has_data: bool,
    id: Option<String>,
    limit: usize,
}

/// An event grew past the limit; the number is the limit in bytes.
#[derive(Debug, PartialEq, Eq)]
pub struct EventTooLarge(pub usize);

const BOM: &[u8] = b"\xef\xbb\xbf";

impl SseDecoder {
    /// A decoder that refuses events of more than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            after_cr: false,
            at_start: true,
            event: String::new(),
            data: Vec::new(),
            has_data: false,
            id: None,
            limit,
        }
    }

    /// Takes the next bytes and appends the events that they complete to `out`.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut Vec<Event>) -> Result<(), EventTooLarge> {
        if self.after_cr && !bytes.is_empty() {
            self.after_cr = false;
            if bytes[0] == b'\n' {
                bytes = &bytes[1..];
            }
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', bytes) {
            self.grow(&bytes[..end])?;
            let is_cr = bytes[end] == b'\r';
            bytes = &bytes[end + 1..];
            if is_cr {
                match bytes.first() {
                    Some(b'\n') => bytes = &bytes[1..],
                    Some(_) => {}
                    None => self.after_cr = true,
                }
            }
            self.end_line(out);
        }
        self.grow(bytes)
    }

    /// Ends the stream: gives out what a missing blank line would have completed.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let cut = !self.line.is_empty();
        if cut {
            self.end_line(out);
        }
        let before = out.len();
        self.dispatch(out);
        if let Some(event) = out.get_mut(before) {
            event.cut = cut;
        }
    }

    fn grow(&mut self, bytes: &[u8]) -> Result<(), EventTooLarge> {
        if self.line.len() + self.data.len() + bytes.len() > self.limit {
            return Err(EventTooLarge(self.limit));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self, out: &mut Vec<Event>) {
        let mut line = std::mem::take(&mut self.line);
        if std::mem::take(&mut self.at_start) && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        if line.is_empty() {
            self.dispatch(out);
        } else {
            let colon = memchr::memchr(b':', &line);
            let (field, value) = match colon {
                Some(0) => (&b""[..], &b""[..]),
                Some(at) => {
                    let value = &line[at + 1..];
                    (&line[..at], value.strip_prefix(b" ").unwrap_or(value))
                }
                None => (&line[..], &b""[..]),
            };
            match field {
                b"data" => {
                    if self.has_data {
                        self.data.push(b'\n');
                    }
                    self.has_data = true;
                    self.data.extend_from_slice(value);
                }
                b"event" => self.event = String::from_utf8_lossy(value).into_owned(),
                b"id" if !value.contains(&0) => {
                    self.id = Some(String::from_utf8_lossy(value).into_owned());
                }
                _ => {}
            }
        }
        line.clear();
        self.line = line;
    }

    fn dispatch(&mut self, out: &mut Vec<Event>) {
        let event = std::mem::take(&mut self.event);
        if !std::mem::take(&mut self.has_data) {
            return;
        }
        let data = match String::from_utf8(std::mem::take(&mut self.data)) {
            Ok(text) => text,
            Err(err) => String::from_utf8_lossy(err.as_bytes()).into_owned(),
        };
        let event = if event.is_empty() { "message".to_owned() } else { event };
        out.push(Event { event, data, id: self.id.clone(), cut: false });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(chunks: &[&[u8]]) -> Vec<Event> {
        let mut decoder = SseDecoder::new(1 << 20);
        let mut out = Vec::new();
        for chunk in chunks {
            decoder.push(chunk, &mut out).expect("events are small");
        }
        decoder.finish(&mut out);
        out
    }

    fn data(body: &[u8]) -> Vec<String> {
        decode(&[body]).into_iter().map(|event| event.data).collect()
    }

    #[test]
    fn every_line_end_frames_the_same_events() {
        for end in ["\n", "\r", "\r\n"] {
            let body = ["event: a", "data: 1", "data:2", ":note", "", "data: 3", "", ""].join(end);
            let events = decode(&[body.as_bytes()]);
            assert_eq!(events.len(), 2, "{end:?}");
            assert_eq!((events[0].event.as_str(), events[0].data.as_str()), ("a", "1\n2"));
            assert_eq!((events[1].event.as_str(), events[1].data.as_str()), ("message", "3"));
        }
    }

    #[test]
    fn chunking_does_not_change_the_events() {
        let body = "\u{feff}id: 7\r\ndata: grüße 🚀\r\n\r\nevent: x\rdata\r\rdata:  two\n\n: c\n\n";
        let whole = decode(&[body.as_bytes()]);
        assert_eq!(whole.len(), 3);
        for size in 1..body.len() {
            let chunks: Vec<&[u8]> = body.as_bytes().chunks(size).collect();
            assert_eq!(decode(&chunks), whole, "chunks of {size}");
        }
    }

    #[test]
    fn one_space_after_the_colon_is_dropped() {
        assert_eq!(data(b"data:  x\n\ndata:y\n\ndata\n\n"), [" x", "y", ""]);
    }

    #[test]
    fn a_bad_sequence_becomes_one_replacement_character() {
        assert_eq!(data(b"data: a\xffb\xe2\x82c\n\n"), ["a\u{fffd}b\u{fffd}c"]);
    }

    #[test]
    fn the_last_block_is_given_out_without_its_blank_line() {
        let events = decode(&[b"data: 1\n\ndata: 2\n"]);
        assert_eq!((events[1].data.as_str(), events[1].cut), ("2", false));
        let events = decode(&[b"data: 1\n\ndata: 2"]);
        assert_eq!((events[1].data.as_str(), events[1].cut), ("2", true));
    }

    #[test]
    fn an_event_past_the_limit_is_refused_at_any_chunking() {
        for size in [1, 7, 4096] {
            let mut decoder = SseDecoder::new(100);
            let body = [b"data: ".as_slice(), &[b'x'; 200]].concat();
            let mut out = Vec::new();
            let result = body.chunks(size).try_for_each(|chunk| decoder.push(chunk, &mut out));
            assert_eq!(result, Err(EventTooLarge(100)));
            assert!(out.is_empty());
        }
    }
}
