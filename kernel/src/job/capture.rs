//! Bounded capture: the head and the tail of an output, how much is missing between them, and the
//! whole of it in a file when asked.

use std::{
    fmt,
    fs::File,
    io::{self, Write as _},
    path::PathBuf,
};

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

/// A file that holds the whole of an output, made when the output is worth it.
pub struct LogFile {
    /// Makes the file.
    pub make: Box<dyn FnOnce() -> io::Result<(File, PathBuf)> + Send>,
    /// Outputs of up to so many bytes need none.
    pub over: u64,
}

impl fmt::Debug for LogFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogFile").field("over", &self.over).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Spill {
    planned: Option<LogFile>,
    file: Option<(File, PathBuf)>,
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

    /// Also writes the output to a file, up to [`SPILL_LIMIT`] bytes.
    pub fn with_file(mut self, mut file: LogFile) -> Self {
        // What came before the file was made has to be here still.
        file.over = file.over.min((self.keep.head + self.keep.tail) as u64);
        let planned = Some(file);
        self.spill = Some(Spill { planned, file: None, written: 0, broken: None });
        self
    }

    /// Takes the next bytes of the output.
    pub fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        if let Some(spill) = &mut self.spill {
            match spill.planned.take_if(|planned| self.total > planned.over) {
                Some(planned) => {
                    spill.open(planned);
                    spill.push(&self.head);
                    spill.push(&self.tail);
                    spill.push(bytes);
                }
                None => spill.push(bytes),
            }
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
            Some(spill) => (spill.file.map(|(_, path)| (path, spill.written)), spill.broken),
            None => (None, None),
        };
        Captured { head: self.head, tail: self.tail, omitted, total: self.total, file, file_error }
    }
}

impl Spill {
    fn open(&mut self, planned: LogFile) {
        match (planned.make)() {
            Ok(file) => self.file = Some(file),
            Err(err) => self.broken = Some(format!("cannot keep the output: {err}")),
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let Some((file, path)) = &mut self.file else { return };
        let room = usize::try_from(SPILL_LIMIT - self.written).unwrap_or(usize::MAX);
        let bytes = &bytes[..bytes.len().min(room)];
        if bytes.is_empty() || self.broken.is_some() {
            return;
        }
        match file.write_all(bytes) {
            Ok(()) => self.written += bytes.len() as u64,
            Err(err) => {
                self.broken = Some(format!("cannot write `{}`: {err}", path.display()));
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
    fn a_file_is_made_when_the_output_is_worth_it_and_holds_all() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("log");
        let file = |over: u64| {
            let path = path.clone();
            LogFile { make: Box::new(move || Ok((File::create(&path)?, path))), over }
        };
        let mut small = Capture::new(Keep { head: 4, tail: 4 }).with_file(file(6));
        small.push(b"abcdef");
        assert_eq!((small.finish().file, path.exists()), (None, false));
        let mut large = Capture::new(Keep { head: 4, tail: 4 }).with_file(file(1000));
        (0..100).for_each(|_| large.push(b"abc"));
        assert_eq!(large.finish().file, Some((path.clone(), 300)));
        assert_eq!(std::fs::read(&path).expect("it is there"), b"abc".repeat(100));
    }

    #[test]
    fn recent_joins_head_and_tail_while_nothing_is_missing() {
        let mut capture = Capture::new(Keep { head: 4, tail: 4 });
        capture.push(b"abcdef");
        assert_eq!(capture.recent(3), b"def");
        assert_eq!(capture.recent(100), b"abcdef");
    }
}
