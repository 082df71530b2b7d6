//! What extensions ask of the screen.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{notify::Notice, tree::View};
use crate::extensions::Extension;

/// One request, on its way to whoever draws.
#[derive(Debug)]
pub enum UiRequest {
    /// Shows a view, in place of the one of the same id.
    Render {
        owner: Arc<Extension>,
        view: Box<View>,
        /// The edit that the code which renders has seen: it handles the event that told of it.
        /// Nothing stands for the last one whose handlers have ended.
        seen: Option<u64>,
        /// Whether it is the next picture of a view, which does not bring back one that is gone.
        is_update: bool,
    },
    Remove {
        owner: Arc<Extension>,
        id: String,
    },
    /// A build of an extension has ended: all that it showed goes.
    Dropped {
        generation: u64,
    },
    /// Whoever an edit of a view was told to has dealt with it.
    Seen {
        generation: u64,
        view: String,
        edit: u64,
    },
    Notify {
        owner: Arc<Extension>,
        notice: Notice,
    },
    /// Takes one notice of an extension away, or all.
    NotifyClear {
        owner: Arc<Extension>,
        id: Option<String>,
    },
    /// The title of the terminal's window.
    Title(String),
    /// Puts a text on the clipboard.
    Copy {
        owner: Arc<Extension>,
        text: String,
    },
    Editor(EditorRequest),
}

/// What is asked of the editor of prompts.
#[derive(Debug)]
pub enum EditorRequest {
    SetText(String),
    InsertText(String),
    Clear,
    /// Asks for what is in it.
    Text(oneshot::Sender<String>),
}
