//! The scene: what is on the screen, as data, and its way onto cells.

pub mod draw;
pub mod edit;
pub mod format;
mod layout;
pub mod line;
pub mod mail;
pub mod notify;
mod request;
pub mod theme;
pub mod transcript;
pub mod tree;
pub mod views;

pub use request::{EditorRequest, UiRequest};
