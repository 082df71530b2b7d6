//! Jobs: run a program and read what it prints.
//!
//! Owns: the child, its pipes, and its whole tree - descendants that left for another session or
//! lost their parent included. Every child gets a session of its own, so it has no terminal.
//! Leaves to callers: shells, what to run, what the output means.
//! Cancel: dropping the future of [`run`] or a [`Job`] kills the tree: TERM, then KILL after
//! [`TERM_GRACE`].
//! Fails: [`JobError`]; a program that ends badly is a value, not an error.

mod capture;
mod foreground;
mod process;
mod tree;

pub use capture::{Capture, Captured, Keep, LogFile, SPILL_LIMIT};
pub use foreground::foreground;
pub use process::{Chunk, Exit, Input, Job, JobError, News, Outcome, Run, Spec, Stream, run};
pub use tree::{TERM_GRACE, stop_all};
