//! The view of a conversation.
//!
//! A [`Transcript`] is what there is to see, in blocks that others add and change; a [`View`] draws
//! the part of it that is in sight. Blocks are laid out when they come into sight and kept until
//! they, the width or the theme change, so that neither the length of a conversation nor that of its
//! answers decides what a frame costs.

mod copy;
mod drawn;
mod lay;
mod search;
#[cfg(test)]
mod tests;
mod tool;
mod view;

use std::{collections::HashMap, sync::Arc, time::Duration};

use serde_json::Value;

pub use copy::Code;
pub use drawn::{Drawn, Part, Shape, Wanted};
pub use view::{Placed, Position, View};

/// What tells blocks apart, for as long as they are there.
pub type Id = Arc<str>;

/// Something that stands in a conversation.
#[derive(Clone, Debug)]
pub enum Block {
    User {
        text: String,
        images: Vec<Picture>,
    },
    /// Markdown.
    Answer {
        text: String,
        is_streaming: bool,
    },
    /// Shown in one line unless it is expanded.
    Thinking {
        text: String,
        is_streaming: bool,
    },
    Tool(Box<Tool>),
    Custom(Custom),
    Notice {
        level: Level,
        text: String,
        hint: Option<String>,
    },
    /// What stands for a part of the conversation that was left behind.
    Summary {
        title: String,
        text: String,
    },
    /// What the user said and nobody has heard yet. Stays after all other blocks.
    Queued {
        text: String,
    },
    Error {
        text: String,
        hint: Option<String>,
    },
    Aborted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Info,
    Success,
    Warning,
    Error,
}

/// A call of a tool, and how it went.
#[derive(Clone, Debug, Default)]
pub struct Tool {
    pub name: String,
    /// What the user knows it as; the name where it is empty.
    pub label: String,
    pub kind: ToolKind,
    pub args: Value,
    pub status: Status,
    /// What it answered, or has answered so far.
    pub content: Vec<Content>,
    pub details: Value,
    /// When it began, on the clock that is given to [`View::draw`].
    pub started: Option<Duration>,
    /// How long it took.
    pub elapsed: Option<Duration>,
    /// The call and the result as somebody else draws them.
    pub call: Option<Drawn>,
    pub result: Option<Drawn>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ToolKind {
    Read,
    Write,
    Edit,
    Shell,
    Search,
    Agent,
    #[default]
    Other,
}

impl ToolKind {
    /// The kind that a tool was registered with; unknown ones are `other`.
    pub fn of(name: &str) -> Self {
        match name {
            "read" => Self::Read,
            "write" => Self::Write,
            "edit" => Self::Edit,
            "shell" => Self::Shell,
            "search" => Self::Search,
            "agent" => Self::Agent,
            _ => Self::Other,
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// The call is still being written, or waits.
    #[default]
    Pending,
    Running,
    Ok,
    Error,
    Blocked,
    Aborted,
}

impl Status {
    /// The status for the name of an outcome.
    pub fn of(outcome: &str) -> Self {
        match outcome {
            "ok" => Self::Ok,
            "blocked" => Self::Blocked,
            "aborted" => Self::Aborted,
            _ => Self::Error,
        }
    }

    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Running)
    }
}

#[derive(Clone, Debug)]
pub enum Content {
    Text(String),
    Image(Picture),
}

/// An image, as much as is needed to make room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What the drawing code knows it by.
    pub id: Id,
    pub media_type: String,
    pub pixels: Option<(u32, u32)>,
    pub bytes: usize,
}

/// A block that an extension put there.
#[derive(Clone, Debug, Default)]
pub struct Custom {
    pub label: String,
    /// What shows where nobody draws it.
    pub text: String,
    pub drawn: Option<Drawn>,
}

#[derive(Debug)]
struct Entry {
    id: Id,
    block: Block,
    revision: u64,
}

/// A conversation, as blocks in their order.
#[derive(Debug, Default)]
pub struct Transcript {
    entries: Vec<Entry>,
    places: HashMap<Id, usize>,
    revision: u64,
}

impl Transcript {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Changes whenever anything does.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    pub fn get(&self, id: &str) -> Option<&Block> {
        self.index(id).map(|index| &self.entries[index].block)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Id, &Block)> {
        self.entries.iter().map(|entry| (&entry.id, &entry.block))
    }

    /// Adds a block, before those that are queued; one of the same id is replaced where it is.
    pub fn push(&mut self, id: impl Into<Id>, block: Block) {
        let id = id.into();
        let revision = self.next();
        if let Some(index) = self.index(&id) {
            self.entries[index].block = block;
            self.entries[index].revision = revision;
            return;
        }
        let is_queued = |block: &Block| matches!(block, Block::Queued { .. });
        let mut at = self.entries.len();
        if !is_queued(&block) {
            while at > 0 && is_queued(&self.entries[at - 1].block) {
                at -= 1;
            }
        }
        self.entries.insert(at, Entry { id, block, revision });
        self.place(at);
    }

    /// Changes a block; false when there is none of that id.
    pub fn update(&mut self, id: &str, change: impl FnOnce(&mut Block)) -> bool {
        let revision = self.next();
        let Some(index) = self.index(id) else { return false };
        let entry = &mut self.entries[index];
        change(&mut entry.block);
        entry.revision = revision;
        true
    }

    /// Adds to the text of an answer, or of what is thought; false when there is no such block.
    pub fn append(&mut self, id: &str, delta: &str) -> bool {
        let mut is_text = false;
        let is_there = self.update(id, |block| {
            if let Block::Answer { text, .. } | Block::Thinking { text, .. } = block {
                text.push_str(delta);
                is_text = true;
            }
        });
        is_there && is_text
    }

    /// Gives what was drawn for a block in one shape; nothing leaves it to the default.
    pub fn set_drawn(&mut self, wanted: &Wanted, lines: Option<Vec<crate::scene::line::Line>>) {
        self.update(&wanted.id, |block| {
            let drawn = match (block, wanted.part) {
                (Block::Tool(tool), Part::Call) => tool.call.as_mut(),
                (Block::Tool(tool), Part::Result) => tool.result.as_mut(),
                (Block::Custom(custom), _) => custom.drawn.as_mut(),
                _ => None,
            };
            if let Some(drawn) = drawn {
                drawn.set(wanted.shape, lines);
            }
        });
    }

    pub fn remove(&mut self, id: &str) -> Option<Block> {
        let index = self.index(id)?;
        self.next();
        let entry = self.entries.remove(index);
        self.places.remove(id);
        self.place(index);
        Some(entry.block)
    }

    pub fn clear(&mut self) {
        self.next();
        self.entries.clear();
        self.places.clear();
    }

    fn index(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    fn next(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// Notes where the blocks from `start` on are.
    fn place(&mut self, start: usize) {
        for (index, entry) in self.entries.iter().enumerate().skip(start) {
            self.places.insert(entry.id.clone(), index);
        }
    }
}
