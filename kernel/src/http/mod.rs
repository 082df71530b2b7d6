//! HTTP: requests whose answers are read while they arrive.
//!
//! Owns: the connections (one pool for all), redirects, time limits and the framing of bodies.
//! Leaves to callers: what the bytes mean, and when to try again.
//! Cancel: dropping [`Response`] closes the connection (HTTP/1) or resets the stream (HTTP/2).
//! Fails: [`HttpError`]. A body that is cut off is an error; it never looks like its end.

mod client;
mod framing;
mod sse;

pub use client::{Client, HttpError, Request, Response, Timeouts};
pub use framing::{Decode, FrameError, Framer, Item, MAX_ITEM_BYTES};
pub use sse::{Event, SseDecoder};
