//! What the server says to one request, byte by byte.

use std::sync::Arc;

use serde_json::Value;

use crate::server::Hub;

/// A place in an answer where the server waits until the test opens it.
#[derive(Clone, Debug)]
pub struct Gate {
    pub(crate) hub: Arc<Hub>,
    pub(crate) number: usize,
}

impl Gate {
    /// Waits until the server stands at the gate: everything before it was sent.
    pub fn wait_reached(&self) {
        self.hub.wait_for("an answer reaches the gate", |state| {
            state.gates[self.number].reached.then_some(())
        });
    }

    /// Lets the server go on.
    pub fn open(&self) {
        self.hub.change(|state| state.gates[self.number].is_open = true);
    }
}

/// One thing that is done to send a body.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// One write; in chunked encoding one chunk.
    Write(Vec<u8>),
    Wait(Gate),
}

/// How the end of the body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Chunked,
    /// `content-length`, and this many bytes more than there are.
    Length {
        missing: usize,
    },
    /// The connection closes.
    Close,
}

/// What happens after the last byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Whole,
    /// The connection closes without the end of the body.
    HangUp,
    /// The same, with a reset.
    Reset,
}

/// An answer. It starts as a whole one; the other methods cut, delay or break it.
#[derive(Clone, Debug)]
pub struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) steps: Vec<Step>,
    pub(crate) framing: Framing,
    pub(crate) end: End,
}

impl Reply {
    /// An answer without a body.
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            steps: Vec::new(),
            framing: Framing::Length { missing: 0 },
            end: End::Whole,
        }
    }

    /// A stream of events, in chunks.
    pub fn sse(body: impl Into<Vec<u8>>) -> Self {
        let mut reply = Self::new(200).header("content-type", "text/event-stream").then(body);
        reply.framing = Framing::Chunked;
        reply
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status).header("content-type", "application/json").then(body.to_string())
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sends `bytes` next, in a write of their own.
    #[must_use]
    pub fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.steps.push(Step::Write(bytes.into()));
        self
    }

    /// Waits at `gate` before it goes on.
    #[must_use]
    pub fn wait(mut self, gate: &Gate) -> Self {
        self.steps.push(Step::Wait(gate.clone()));
        self
    }

    /// Cuts the body so far into writes at these offsets.
    #[must_use]
    pub fn split(mut self, offsets: &[usize]) -> Self {
        let body = self.body();
        let mut rest = body.as_slice();
        let mut sent = 0;
        self.steps.clear();
        for offset in offsets.iter().filter(|offset| **offset < body.len()) {
            let (piece, more) = rest.split_at(offset.saturating_sub(sent).min(rest.len()));
            sent += piece.len();
            rest = more;
            self.steps.push(Step::Write(piece.to_vec()));
        }
        self.steps.push(Step::Write(rest.to_vec()));
        self
    }

    /// Cuts the body so far into single bytes.
    #[must_use]
    pub fn bytewise(self) -> Self {
        let offsets: Vec<usize> = (1..self.body().len()).collect();
        self.split(&offsets)
    }

    /// Tells the end of the body by closing the connection.
    #[must_use]
    pub fn until_close(mut self) -> Self {
        self.framing = Framing::Close;
        self
    }

    /// Promises `missing` more bytes than there are, and closes.
    #[must_use]
    pub fn short_by(mut self, missing: usize) -> Self {
        self.framing = Framing::Length { missing };
        self.hang_up()
    }

    /// Keeps the first `bytes` bytes of the body and closes there.
    #[must_use]
    pub fn cut_at(mut self, bytes: usize) -> Self {
        let mut body = self.body();
        body.truncate(bytes);
        self.steps = vec![Step::Write(body)];
        self.hang_up()
    }

    /// Closes the connection after the last byte, without the end of the body.
    #[must_use]
    pub fn hang_up(mut self) -> Self {
        self.end = End::HangUp;
        self
    }

    /// Resets the connection after the last byte.
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.end = End::Reset;
        self
    }

    fn body(&self) -> Vec<u8> {
        let writes = self.steps.iter().filter_map(|step| match step {
            Step::Write(bytes) => Some(bytes.as_slice()),
            Step::Wait(_) => None,
        });
        writes.collect::<Vec<_>>().concat()
    }

    /// The head that goes before the body.
    pub(crate) fn head(&self) -> String {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        // A case may bring the length itself.
        let has_length =
            self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        match self.framing {
            Framing::Chunked => head.push_str("transfer-encoding: chunked\r\n"),
            Framing::Length { .. } if has_length => {}
            Framing::Length { missing } => {
                head.push_str(&format!("content-length: {}\r\n", self.body().len() + missing));
            }
            Framing::Close => head.push_str("connection: close\r\n"),
        }
        head.push_str("\r\n");
        head
    }

    /// Whether the connection can take another request afterwards.
    pub(crate) fn keeps_alive(&self) -> bool {
        self.end == End::Whole && self.framing != Framing::Close
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400..=499 => "Refused",
        500..=599 => "Failed",
        _ => "Other",
    }
}
