//! The terminal: a framebuffer of character cells, and what is typed.
//!
//! ```no_run
//! use zi_kernel::term::{Frame, Input, Options, Style, Terminal};
//!
//! let (send, inputs) = std::sync::mpsc::channel();
//! let terminal = Terminal::open(Options::default(), move |input| drop(send.send(input)))?;
//! let (width, height) = terminal.size();
//! let mut frame = Frame::new(width, height);
//! frame.put(0, 0, width, "press a key", Style::new(), None);
//! terminal.present(&frame);
//! while !matches!(inputs.recv(), Ok(Input::Key(_)) | Err(_)) {}
//! # Ok::<(), zi_kernel::term::TerminalError>(())
//! ```
//!
//! Owns: what is on the screen, the modes of the terminal, its signals and the way back on every
//! exit; two threads while it is open. Leaves to callers: what is drawn where, and what keys mean.
//! Cancel: closing or dropping the [`Terminal`] gives it back. Fails: [`TerminalError`]; a terminal
//! that goes away is [`Input::HangUp`].

mod brush;
mod caps;
mod decode;
mod encode;
mod frame;
mod gallery;
mod graphics;
mod guard;
mod input;
mod modes;
mod paste;
mod pen;
mod picture;
mod reader;
mod region;
mod scaled;
mod screen;
mod sequences;
mod signals;
mod tty;
mod writer;

pub use caps::{Capabilities, Graphics, Keyboard, Multiplexer, Notices};
pub use decode::Decoder;
pub use encode::Encoder;
pub use frame::{Frame, width};
pub use input::{Input, Key, KeyCode, Mouse, MouseKind};
pub use pen::ColorDepth;
pub use picture::Picture;
pub use ratatui_core::{
    layout::Rect,
    style::{Color, Modifier, Style},
};
pub use screen::{Options, Terminal, TerminalError};
