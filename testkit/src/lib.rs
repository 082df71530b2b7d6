//! Test support for zi: a scripted HTTP server, answers in the providers' own words, the binary, and
//! the binary in a terminal ([`Pty`]).
//!
//! ```no_run
//! use zi_testkit::{Reply, Server, Zi, anthropic};
//!
//! let server = Server::start();
//! server.reply(Reply::sse(anthropic::text("hello")));
//! let done = Zi::new("target/debug/zi")
//!     .args(["-p", "hi", "--provider", "anthropic", "--base-url", server.url()])
//!     .run();
//! assert_eq!(done.stdout, "hello\n");
//! assert_eq!(server.requests()[0].path, "/v1/messages");
//! ```
//!
//! Tests wait for events (a request came, a gate was reached, the client hung up) and never for a
//! time. What does not happen within half a minute fails the test.

#![allow(clippy::expect_used, reason = "a test that cannot go on ends with a panic")]

pub mod anthropic;
mod keys;
pub mod openai;
mod program;
mod pty;
mod reply;
pub mod sequences;
mod server;
mod sse;
pub mod wire;

use std::time::Duration;

pub use keys::key_bytes;
pub use program::{Done, Running, Zi};
pub use pty::{Answers, Ended, Pty, PtyRun};
pub use reply::{Gate, Reply};
pub use rustix::process::Signal;
pub use server::{Request, Server};
pub use vt100;

/// How long anything that a test waits for may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
