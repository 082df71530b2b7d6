//! The terminal: a framebuffer of character cells.
//!
//! Owns: what is on the screen. Leaves to callers: what is drawn where.

mod frame;

pub use frame::{Frame, width};
pub use ratatui_core::{
    layout::Rect,
    style::{Color, Modifier, Style},
};
