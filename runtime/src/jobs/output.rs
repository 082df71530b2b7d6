//! What a job prints, as events for its owner or as frames for a surface.

use std::sync::Arc;

use serde_json::{Value, json};
use zi_kernel::{
    job::{Chunk, Stream},
    surface::{Decoder, Format, Record, Slot},
};

use super::mail::EXIT;
use crate::hooks::Event;

/// Longest line of a `json_lines` job, unless it says otherwise.
pub const MAX_LINE_BYTES: usize = 1 << 20;
/// Longest text of one `job_stdout` or `job_stderr`.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// Bad records of one job that are told one by one.
const MAX_FAULTS: u64 = 16;

/// What a job's standard output is.
#[derive(Clone, Debug)]
pub enum Output {
    Chunks,
    JsonLines { max_line_bytes: usize },
    Frames { format: Format, max_frame_bytes: usize, slot: Arc<Slot> },
}

/// What came out of a chunk.
#[derive(Debug)]
pub enum News {
    Event(Event),
    /// Something is wrong with what the job prints; a line for its owner's log.
    Fault(String),
}

/// Reads what a job prints.
#[derive(Debug)]
pub struct Reader {
    id: u64,
    stdout: Stdout,
    stderr: Text,
}

#[derive(Debug)]
enum Stdout {
    Text(Text),
    Lines(Lines),
    Frames(Frames),
}

impl Reader {
    pub fn new(id: u64, output: Output) -> Self {
        let stdout = match output {
            Output::Chunks => Stdout::Text(Text::default()),
            Output::JsonLines { max_line_bytes } => {
                Stdout::Lines(Lines { max_line_bytes, line: Vec::new(), too_long: false })
            }
            Output::Frames { format, max_frame_bytes, slot } => Stdout::Frames(Frames {
                decoder: Decoder::new(format, max_frame_bytes),
                slot,
                faults: 0,
            }),
        };
        Self { id, stdout, stderr: Text::default() }
    }

    /// What `chunk` completes.
    pub fn read(&mut self, chunk: Chunk) -> Vec<News> {
        match chunk {
            Chunk::Output(Stream::Stderr, bytes) => {
                let texts = self.stderr.read(&bytes);
                self.tell_texts("job_stderr", texts)
            }
            Chunk::Output(Stream::Stdout, bytes) => match &mut self.stdout {
                Stdout::Text(text) => {
                    let texts = text.read(&bytes);
                    self.tell_texts("job_stdout", texts)
                }
                Stdout::Lines(lines) => {
                    let values = lines.read(&bytes);
                    self.tell_values(values)
                }
                Stdout::Frames(frames) => frames.read(self.id, &bytes),
            },
            Chunk::Exit(exit) => {
                let mut news = self.finish();
                let fields = json!({ "id": self.id, "code": exit.code, "signal": exit.signal });
                news.push(News::Event(Event::new(EXIT, fields)));
                news
            }
        }
    }

    /// What was not whole yet.
    fn finish(&mut self) -> Vec<News> {
        let mut news = match &mut self.stdout {
            Stdout::Text(text) => {
                let texts = text.finish();
                self.tell_texts("job_stdout", texts)
            }
            Stdout::Lines(lines) => {
                let value = lines.end_line();
                self.tell_values(value)
            }
            Stdout::Frames(frames) => frames.finish(self.id),
        };
        let texts = self.stderr.finish();
        news.extend(self.tell_texts("job_stderr", texts));
        news
    }

    fn tell_texts(&self, name: &str, texts: Vec<String>) -> Vec<News> {
        let tell = |text| News::Event(Event::new(name, json!({ "id": self.id, "data": text })));
        texts.into_iter().map(tell).collect()
    }

    fn tell_values(&self, values: impl IntoIterator<Item = Result<Value, String>>) -> Vec<News> {
        let tell = |value| {
            let fields = match value {
                Ok(value) => json!({ "id": self.id, "value": value }),
                Err(error) => json!({ "id": self.id, "is_error": true, "error": error }),
            };
            News::Event(Event::new("job_json", fields))
        };
        values.into_iter().map(tell).collect()
    }
}

/// Bytes as text. A character that is cut by the end of a chunk waits for the rest of it.
#[derive(Debug, Default)]
struct Text {
    cut: Vec<u8>,
}

impl Text {
    fn read(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut all = std::mem::take(&mut self.cut);
        all.extend_from_slice(bytes);
        self.cut = all.split_off(all.len() - cut_character(&all));
        pieces(&String::from_utf8_lossy(&all))
    }

    fn finish(&mut self) -> Vec<String> {
        pieces(&String::from_utf8_lossy(&std::mem::take(&mut self.cut)))
    }
}

/// How many of the last bytes are the start of a character.
fn cut_character(bytes: &[u8]) -> usize {
    let last = bytes.iter().rev().take(3).position(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let Some(after) = last else { return 0 };
    let whole = match bytes[bytes.len() - 1 - after] {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF7 => 4,
        _ => 1,
    };
    if after + 1 < whole { after + 1 } else { 0 }
}

fn pieces(mut text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    while !text.is_empty() {
        let mut end = text.len().min(MAX_TEXT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let (piece, rest) = text.split_at(end);
        pieces.push(piece.to_owned());
        text = rest;
    }
    pieces
}

/// Lines of JSON.
#[derive(Debug)]
struct Lines {
    max_line_bytes: usize,
    line: Vec<u8>,
    too_long: bool,
}

impl Lines {
    fn read(&mut self, bytes: &[u8]) -> Vec<Result<Value, String>> {
        let mut values = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            let (text, ends) = match part.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (part, false),
            };
            if self.line.len() + text.len() > self.max_line_bytes {
                self.too_long = true;
                self.line.clear();
            } else if !self.too_long {
                self.line.extend_from_slice(text);
            }
            if ends {
                values.extend(self.end_line());
            }
        }
        values
    }

    fn end_line(&mut self) -> Option<Result<Value, String>> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        if std::mem::take(&mut self.too_long) {
            let most = self.max_line_bytes;
            return Some(Err(format!("a line of more than {most} bytes was left out")));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        Some(serde_json::from_slice(line).map_err(|err| err.to_string()))
    }
}

/// Frames for a surface.
#[derive(Debug)]
struct Frames {
    decoder: Decoder,
    slot: Arc<Slot>,
    faults: u64,
}

impl Frames {
    fn read(&mut self, id: u64, bytes: &[u8]) -> Vec<News> {
        let records = self.decoder.push(bytes);
        records.into_iter().filter_map(|record| self.take(id, record)).collect()
    }

    fn finish(&mut self, id: u64) -> Vec<News> {
        let last = self.decoder.finish();
        let mut news: Vec<News> =
            last.and_then(|record| self.take(id, record)).into_iter().collect();
        if let more @ 1.. = self.faults.saturating_sub(MAX_FAULTS) {
            news.push(News::Fault(format!("job {id}: {more} more bad records")));
        }
        news
    }

    fn take(&mut self, id: u64, record: Record) -> Option<News> {
        match record {
            Record::Frame(frame) => {
                self.slot.put(frame);
                None
            }
            Record::Bad { at, fault } => {
                self.faults += 1;
                let told = self.faults <= MAX_FAULTS;
                told.then(|| News::Fault(format!("job {id}: bad record at byte {at}: {fault}")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_the_same_however_its_bytes_are_cut() {
        let text = "aä€🦀é".repeat(3);
        for size in 1..text.len() {
            let mut reader = Text::default();
            let mut read: Vec<String> =
                text.as_bytes().chunks(size).flat_map(|part| reader.read(part)).collect();
            read.extend(reader.finish());
            assert_eq!(read.concat(), text, "in parts of {size}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_none_is_kept_back() {
        let mut reader = Text::default();
        assert_eq!(reader.read(b"a\xff\x80\x80\x80").concat(), "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        assert_eq!(reader.read(b"b\xe2\x82").concat(), "b");
        assert_eq!(reader.finish().concat(), "\u{fffd}");
    }

    #[test]
    fn long_text_comes_in_pieces() {
        let text = "€".repeat(MAX_TEXT_BYTES);
        let read = Text::default().read(text.as_bytes());
        assert!(read.iter().all(|piece| piece.len() <= MAX_TEXT_BYTES));
        assert_eq!(read.concat(), text);
    }
}
