//! Modes: how a run meets the world.

mod batch;
mod input;
mod out;

pub use batch::run;
pub(crate) use batch::table;
pub use out::{ask, ask_line, ask_secret, print_lines, print_more, report_error, report_note};
