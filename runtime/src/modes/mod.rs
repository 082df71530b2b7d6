//! Modes: how a run meets the world.

mod batch;
mod input;
mod out;

pub use batch::run;
pub use out::{ask, print_lines, report_error};
