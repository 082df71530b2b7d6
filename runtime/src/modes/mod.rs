//! Modes: how a run meets the world.

mod batch;
mod driver;
mod input;
mod interactive;
pub mod linear;
mod out;
pub mod tui;

pub use batch::run;
pub(crate) use batch::table;
pub use out::{ask, ask_line, ask_secret, print_lines, print_more, report_error, report_note};
