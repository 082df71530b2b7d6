//! The scene: what is on the screen, as data, and its way onto cells.

pub mod format;
pub mod line;
pub mod theme;
pub mod transcript;
