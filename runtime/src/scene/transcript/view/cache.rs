//! Blocks that are laid out, for as long as they are near.

use std::collections::HashMap;

use super::{
    super::{
        Block, Entry, Id, Shape, Transcript,
        lay::{self, Laid, Mark},
    },
    View,
};
use crate::scene::{
    format::{highlight, markdown},
    line::Line,
    theme::Theme,
};

/// Lines that are kept beyond those in sight.
const MAX_LINES: usize = 20_000;
const MAX_BLOCKS: usize = 400;
/// The width of what stands beside the blocks, where there is room for it.
const GUTTER: u16 = 2;
const LEAST_WIDTH: u16 = 10;

/// What a block was laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Key {
    revision: u64,
    shape: Shape,
    has_pictures: bool,
}

/// A block, laid out.
#[derive(Debug)]
pub(super) struct Cached {
    key: Key,
    pub laid: Laid,
    /// The layout of an answer that grows.
    stream: Option<markdown::Stream>,
    /// What was coloured when it was laid out.
    generation: u64,
    used: u64,
}

impl Cached {
    pub fn lines(&self) -> &[Line] {
        self.stream.as_ref().map_or(&self.laid.lines, markdown::Stream::lines)
    }

    fn is_pending(&self) -> bool {
        self.laid.is_pending || self.stream.as_ref().is_some_and(markdown::Stream::is_pending)
    }
}

#[derive(Debug, Default)]
pub(super) struct Cache {
    blocks: HashMap<Id, Cached>,
    /// The heights of blocks that are no longer kept.
    heights: HashMap<Id, (Key, usize)>,
    frame: u64,
}

impl Cache {
    /// Begins a frame.
    pub fn begin(&mut self) {
        self.frame += 1;
    }

    /// Drops what the frame did not need, when it is much.
    pub fn trim(&mut self, transcript: &Transcript) {
        if self.heights.len() > 2 * transcript.len() + MAX_BLOCKS {
            self.heights.retain(|id, _| transcript.index(id).is_some());
        }
        let lines: usize = self.blocks.values().map(|cached| cached.lines().len()).sum();
        if lines > MAX_LINES || self.blocks.len() > MAX_BLOCKS {
            self.blocks.retain(|_, cached| cached.used == self.frame);
        }
    }

    pub fn has_spinner(&self) -> bool {
        self.in_sight().any(|cached| matches!(cached.laid.mark, Mark::Spinner(_)))
    }

    pub fn is_pending(&self) -> bool {
        self.in_sight().any(Cached::is_pending)
    }

    fn in_sight(&self) -> impl Iterator<Item = &Cached> {
        self.blocks.values().filter(|cached| cached.used == self.frame)
    }

    pub fn get(&self, id: &Id) -> Option<&Cached> {
        self.blocks.get(id)
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Lays out a block, unless that has been done.
    fn lay(&mut self, entry: &Entry, key: Key, theme: &Theme) -> &Cached {
        let generation = highlight::generation();
        let frame = self.frame;
        let is_current = |cached: &Cached| {
            cached.key == key && (cached.generation == generation || !cached.is_pending())
        };
        if !self.blocks.get(&entry.id).is_some_and(is_current) {
            let before = self.blocks.remove(&entry.id);
            let stream = before.and_then(|cached| cached.stream);
            let cached = lay_entry(entry, key, theme, stream, generation);
            self.heights.insert(entry.id.clone(), (key, cached.lines().len()));
            self.blocks.insert(entry.id.clone(), cached);
        }
        let cached = self.blocks.get_mut(&entry.id).expect("it has just been put there");
        cached.used = frame;
        cached
    }
}

fn lay_entry(
    entry: &Entry,
    key: Key,
    theme: &Theme,
    stream: Option<markdown::Stream>,
    generation: u64,
) -> Cached {
    let mut cached = Cached { key, laid: Laid::default(), stream: None, generation, used: 0 };
    if let Block::Answer { text, is_streaming: true } = &entry.block {
        let mut stream = stream.unwrap_or_default();
        stream.update(text, key.shape.width, theme);
        cached.laid.mark = Mark::Spinner(theme.fg("accent"));
        cached.stream = Some(stream);
    } else {
        let frame = lay::Frame { shape: key.shape, theme, has_pictures: key.has_pictures };
        cached.laid = lay::lay(&entry.block, frame);
    }
    cached
}

impl View {
    /// The block `index`, laid out.
    pub(super) fn laid(&mut self, index: usize) -> &Cached {
        let key = self.key(index);
        self.cache.lay(&self.transcript.entries[index], key, &self.theme)
    }

    fn key(&self, index: usize) -> Key {
        let entry = &self.transcript.entries[index];
        let shape = Shape {
            width: usize::from(self.size.0.saturating_sub(self.gutter())),
            is_expanded: self.is_expanded(&entry.id),
            theme: self.theme.key(),
        };
        Key { revision: entry.revision, shape, has_pictures: self.has_pictures }
    }

    /// The columns beside the blocks.
    pub(super) fn gutter(&self) -> u16 {
        if self.size.0 >= LEAST_WIDTH { GUTTER } else { 0 }
    }

    /// The rows of a block, with the blank one above it.
    pub(super) fn rows(&mut self, index: usize) -> usize {
        match self.laid(index).lines().len() {
            0 => 0,
            lines => lines + usize::from(index > 0),
        }
    }

    /// The rows of a block as far as they are known, or about as many.
    pub(super) fn rows_about(&self, index: usize) -> usize {
        let key = self.key(index);
        let entry = &self.transcript.entries[index];
        let lines = match self.cache.heights.get(&entry.id) {
            Some((known, lines)) if *known == key => *lines,
            _ => estimate(&entry.block, key.shape),
        };
        if lines == 0 { 0 } else { lines + usize::from(index > 0) }
    }

    /// Whether a block is as it was when it had this revision.
    pub(super) fn revision(&self, index: usize) -> u64 {
        self.transcript.entries[index].revision
    }
}

/// About how many lines a block takes.
fn estimate(block: &Block, shape: Shape) -> usize {
    let lines = |text: &str| 1 + text.len() / shape.width.max(1) + text.len() / 60;
    match block {
        Block::Answer { text, .. } | Block::User { text, .. } | Block::Queued { text } => {
            lines(text)
        }
        Block::Thinking { text, .. } if shape.is_expanded => lines(text),
        Block::Custom(custom) => lines(&custom.text),
        Block::Tool(tool) => {
            1 + tool.content.iter().fold(0, |sum, part| match part {
                super::super::Content::Text(text) if shape.is_expanded => sum + lines(text),
                _ => sum + 4,
            })
        }
        _ => 1,
    }
}
