//! Bounded capture: the head and the tail of an output, how much is missing between them, and the
//! whole of it in a file when asked.

use std::{fs::File, io::Write as _, path::PathBuf};

/// Most bytes that are written to the file of a capture.
pub const SPILL_LIMIT: u64 = 50 * 1024 * 1024;

/// How much of an output stays in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes from its start.
    pub head: usize,
    /// Bytes from its end.
    pub tail: usize,
}

/// An output while it is being read.
#[derive(Debug)]
pub struct Capture {
    keep: Keep,
    head: Vec<u8>,
    /// Holds up to twice `keep.tail`, so that cutting it down is rare.
    tail: Vec<u8>,
    total: u64,
    spill: Option<Spill>,
}

#[derive(Debug)]
struct Spill {
    file: File,
    path: PathBuf,
    written: u64,
    broken: Option<String>,
}

/// An output after its end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// The start; all of it when `omitted` is 0.
    pub head: Vec<u8>,
    /// The end, after what was left out; empty when nothing was.
    pub tail: Vec<u8>,
    /// Bytes that were left out between the two.
    pub omitted: u64,
    /// Bytes in all.
    pub total: u64,
    /// Where the output is kept, and how many bytes of it.
    pub file: Option<(PathBuf, u64)>,
    /// Why the file does not hold all that it should.
    pub file_error: Option<String>,
}

impl Capture {
    /// An empty capture that keeps as much as `keep` says.
    pub fn new(keep: Keep) -> Self {
        Self { keep, head: Vec::new(), tail: Vec::new(), total: 0, spill: None }
    }

    /// Also writes the output to `file`, up to [`SPILL_LIMIT`] bytes.
    pub fn with_file(mut self, file: File, path: PathBuf) -> Self {
        self.spill = Some(Spill { file, path, written: 0, broken: None });
        self
    }

    /// Takes the next bytes of the output.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if let Some(spill) = &mut self.spill {
            spill.push(bytes);
        }
        let room = self.keep.head.saturating_sub(self.head.len());
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(self.keep.tail)..];
        if self.tail.len() + rest.len() > self.keep.tail.saturating_mul(2) {
            let surplus = (self.tail.len() + rest.len() - self.keep.tail).min(self.tail.len());
            self.tail.drain(..surplus);
        }
        self.tail.extend_from_slice(rest);
    }

    /// Bytes taken so far.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The last bytes so far, at most `limit`.
    pub fn recent(&self, limit: usize) -> Vec<u8> {
        let tail = &self.tail[self.tail.len().saturating_sub(limit)..];
        let from_head = limit.saturating_sub(tail.len());
        if self.head.len() as u64 + self.tail.len() as u64 == self.total && from_head > 0 {
            let head = &self.head[self.head.len().saturating_sub(from_head)..];
            return [head, tail].concat();
        }
        tail.to_vec()
    }

    /// Ends the capture.
    pub fn finish(mut self) -> Captured {
        let surplus = self.tail.len().saturating_sub(self.keep.tail);
        self.tail.drain(..surplus);
        let omitted = self.total - self.head.len() as u64 - self.tail.len() as u64;
        if omitted == 0 {
            self.head.append(&mut self.tail);
        }
        let (file, file_error) = match self.spill {
            Some(spill) => (Some((spill.path, spill.written)), spill.broken),
            None => (None, None),
        };
        Captured { head: self.head, tail: self.tail, omitted, total: self.total, file, file_error }
    }
}

impl Spill {
    fn push(&mut self, bytes: &[u8]) {
        let room = usize::try_from(SPILL_LIMIT - self.written).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() || self.broken.is_some() {
            return;
        }
        match self.file.write_all(bytes) {
            Ok(()) => self.written += bytes.len() as u64,
            Err(err) => {
                self.broken = Some(format!("cannot write `{}`: {err}", self.path.display()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn capture(keep: Keep, chunks: &[&[u8]]) -> Captured {
        let mut capture = Capture::new(keep);
        chunks.iter().for_each(|chunk| capture.push(chunk));
        capture.finish()
    }

    #[test]
    fn an_output_that_fits_is_whole() {
        let captured = capture(Keep { head: 4, tail: 4 }, &[b"abc", b"defgh"]);
        assert_eq!((captured.head.as_slice(), captured.omitted), (b"abcdefgh".as_slice(), 0));
        assert!(captured.tail.is_empty());
    }

    #[test]
    fn a_longer_one_keeps_its_ends_and_counts_the_rest() {
        let text: Vec<u8> = (0..200).collect();
        for size in 1..text.len() {
            let chunks: Vec<&[u8]> = text.chunks(size).collect();
            let captured = capture(Keep { head: 10, tail: 20 }, &chunks);
            assert_eq!(captured.head, text[..10], "chunks of {size}");
            assert_eq!(captured.tail, text[180..], "chunks of {size}");
            assert_eq!((captured.omitted, captured.total), (170, 200));
        }
    }

    #[test]
    fn recent_joins_head_and_tail_while_nothing_is_missing() {
        let mut capture = Capture::new(Keep { head: 4, tail: 4 });
        capture.push(b"abcdef");
        assert_eq!(capture.recent(3), b"def");
        assert_eq!(capture.recent(100), b"abcdef");
    }
}
