//! The mechanisms under zi. Each module owns one of them and knows nothing of what is built on top.
//!
//! - [`scheduler`]: Lua VMs on worker threads, their tasks, budgets and cancellation
//! - [`http`]: streaming requests and the framing of their bodies
//! - [`job`]: processes, their output and their whole trees
//! - [`surface`]: frames that programs write, decoded and scaled to character cells
//! - [`term`]: the terminal: frames of cells on the screen, keys from it, and the way back
//!
//! Policy lives elsewhere: nothing here decides what is run, asked or shown.

pub mod http;
pub mod job;
pub mod scheduler;
pub mod surface;
pub mod term;
