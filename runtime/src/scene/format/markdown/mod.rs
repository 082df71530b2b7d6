//! Markdown, and how it is laid out while it is being written.
//!
//! A [`Stream`] lays out a text that grows. It keeps what no longer can change and lays out the last
//! open block again, so that its work is in proportion to what is new; code that is being written
//! grows line by line. [`layout`] is the same for a text that is whole.

mod block;
mod fence;
mod link;
mod split;
mod table;
#[cfg(test)]
mod tests;

use std::{collections::HashMap, ops::Range, sync::Arc};

pub use link::safe_address;

use super::highlight;
use crate::scene::{line::Line, theme::Theme};
use block::Laid;
use fence::Fence;
use split::{Block, Definition, Kind};

/// Bytes that are compared to see whether a text is the one that was there before, grown.
const COMPARED: usize = 64;

/// Lays out a whole text.
pub fn layout(text: &str, width: usize, theme: &Theme) -> Vec<Line> {
    lay_out(text, width, theme).0
}

/// Lays out a whole text, and says whether colours of code are still to come.
pub fn lay_out(text: &str, width: usize, theme: &Theme) -> (Vec<Line>, bool) {
    let mut stream = Stream { width, ..Stream::default() };
    stream.lay_open(text, theme);
    (stream.lines, stream.open_is_pending)
}

/// The layout of a text that grows.
#[derive(Debug, Default)]
pub struct Stream {
    width: usize,
    theme: u64,
    lines: Vec<Line>,
    /// The blocks that no longer change.
    blocks: Vec<Done>,
    /// How many of the lines are of them.
    done_lines: usize,
    /// How much of the text is theirs.
    done: usize,
    /// The complete lines that were looked at.
    scanned: usize,
    /// What the text ended with, up to `scanned`.
    ending: Vec<u8>,
    /// The list that goes on at `done`: the number of its next item.
    list: Option<Option<u64>>,
    fence: Option<Fence>,
    definitions: HashMap<String, Arc<str>>,
    open_definitions: Vec<Definition>,
    open_is_pending: bool,
    generation: u64,
    length: usize,
    /// The line that is not complete.
    rest: String,
    /// The code that was being written when the width changed: where it began, and how far it was
    /// taken.
    resumed: Option<(usize, usize, Fence)>,
}

/// A block that no longer changes, except for its colours and what its labels stand for.
#[derive(Debug)]
struct Done {
    source: Range<usize>,
    lines: Range<usize>,
    kind: Kind,
    labels: Vec<(String, Option<Arc<str>>)>,
    is_pending: bool,
}

impl Stream {
    pub fn new() -> Self {
        Self::default()
    }

    /// Lays out `text`: the one of the last call with more at its end, or another one.
    pub fn update(&mut self, text: &str, width: usize, theme: &Theme) -> &[Line] {
        let generation = highlight::generation();
        if !self.continues(text) {
            *self = Self { width, theme: theme.key(), generation, ..Self::default() };
        } else if (self.width, self.theme) != (width, theme.key()) {
            let resumed = self.fence.take().map(|fence| (self.done, self.scanned, fence));
            *self = Self { width, theme: theme.key(), generation, resumed, ..Self::default() };
        } else if text.len() == self.length
            && self.generation == generation
            && text[self.scanned..] == self.rest
        {
            return &self.lines;
        }
        self.length = text.len();
        self.truncate();
        if self.generation != generation {
            self.generation = generation;
            self.renew(text, theme, |done| done.is_pending);
        }
        while self.advance(text, theme) {}
        self.lay_open(text, theme);
        self.rest.clear();
        self.rest.push_str(&text[self.scanned..]);
        &self.lines
    }

    /// The lines of the last update.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Whether colours of code are still to come: another update will show them.
    pub fn is_pending(&self) -> bool {
        self.open_is_pending
            || self.fence.as_ref().is_some_and(|fence| !fence.is_settled())
            || self.blocks.iter().any(|done| done.is_pending)
    }

    fn continues(&self, text: &str) -> bool {
        text.len() >= self.length
            && text.as_bytes()[..self.scanned].ends_with(&self.ending)
            && text.is_char_boundary(self.done)
            && text.is_char_boundary(self.scanned)
    }

    /// Forgets the lines of what may still change.
    fn truncate(&mut self) {
        self.lines.truncate(self.done_lines);
        self.open_is_pending = false;
    }

    /// Takes the next complete lines; true when there may be more to take.
    fn advance(&mut self, text: &str, theme: &Theme) -> bool {
        let end = text.rfind('\n').map_or(0, |at| at + 1);
        if end <= self.scanned {
            return false;
        }
        match self.fence.take() {
            Some(fence) => self.advance_fence(fence, text, end, theme),
            None => self.advance_blocks(text, end, theme),
        }
    }

    fn scan(&mut self, text: &str, end: usize) {
        self.scanned = end;
        self.ending = text.as_bytes()[end.saturating_sub(COMPARED)..end].to_vec();
    }

    fn advance_blocks(&mut self, text: &str, end: usize, theme: &Theme) -> bool {
        let found = split::split(&text[self.done..end], self.list);
        let start = self.done;
        let Some((last, complete)) = found.blocks.split_last() else {
            self.scan(text, end);
            return false;
        };
        for block in complete {
            self.keep(text, start, block, theme);
        }
        let fence = match last.kind {
            Kind::Fence => self.open_fence(&text[..end], start + last.range.start),
            _ => None,
        };
        if !complete.is_empty() || last.kind == Kind::Fence {
            self.done = start + last.range.start;
            for definition in found.definitions {
                if start + definition.at < self.done {
                    let address = Arc::from(definition.address);
                    self.definitions.entry(definition.label).or_insert(address);
                }
            }
            self.list = match last.kind {
                Kind::Item { is_first: false, number } => Some(number),
                _ => None,
            };
        }
        let Some((scanned, mut fence)) = fence else {
            if last.kind == Kind::Fence
                && let Some(length) = fence::end(&text[self.done..end])
            {
                self.keep(text, self.done, &Block { range: 0..length, kind: Kind::Fence }, theme);
                self.done += length;
                self.scan(text, self.done);
                return true;
            }
            self.scan(text, end);
            return false;
        };
        self.gap(text, Kind::Fence);
        fence.redraw(&mut self.lines, self.width, theme);
        self.done_lines = self.lines.len();
        self.fence = Some(fence);
        self.scan(text, scanned);
        true
    }

    /// The code that begins at `start` and is not closed, and how far it has been taken.
    fn open_fence(&mut self, text: &str, start: usize) -> Option<(usize, Fence)> {
        if fence::end(&text[start..]).is_some() {
            return None;
        }
        if let Some((at, scanned, fence)) = self.resumed.take()
            && at == start
            && scanned <= text.len()
        {
            return Some((scanned, fence));
        }
        let opening = text[start..].split_inclusive('\n').next()?;
        Some((start + opening.len(), Fence::open(opening)?))
    }

    /// Lays out a block for good.
    fn keep(&mut self, text: &str, start: usize, block: &Block, theme: &Theme) {
        let source = start + block.range.start..start + block.range.end;
        self.done = source.start;
        let laid = self.lay(&text[source.clone()], block.kind, theme);
        if !laid.lines.is_empty() {
            self.gap(text, block.kind);
        }
        let first = self.lines.len();
        self.lines.extend(laid.lines);
        self.done_lines = self.lines.len();
        self.blocks.push(Done {
            source,
            lines: first..self.lines.len(),
            kind: block.kind,
            labels: laid.labels,
            is_pending: laid.is_pending,
        });
    }

    fn advance_fence(&mut self, mut fence: Fence, text: &str, end: usize, theme: &Theme) -> bool {
        fence.refresh(&mut self.lines, self.width, theme);
        for line in text[self.scanned..end].split_inclusive('\n') {
            let next = self.scanned + line.len();
            self.scan(text, next);
            if fence.push(line, &mut self.lines, self.width, theme) {
                self.close_fence(fence, next, theme);
                return true;
            }
        }
        self.done_lines = self.lines.len();
        self.fence = Some(fence);
        false
    }

    fn close_fence(&mut self, mut fence: Fence, end: usize, theme: &Theme) {
        fence.refresh(&mut self.lines, self.width, theme);
        let is_pending = !fence.is_settled();
        if fence.is_empty() {
            self.lines.extend(fence.unfinished("", self.width, theme));
        }
        self.blocks.push(Done {
            source: self.done..end,
            lines: fence.first_line..self.lines.len(),
            kind: Kind::Fence,
            labels: Vec::new(),
            is_pending,
        });
        self.done_lines = self.lines.len();
        self.done = end;
        self.list = None;
    }

    /// Lays out what may still change: the open block, with its last line.
    fn lay_open(&mut self, text: &str, theme: &Theme) {
        if let Some(mut fence) = self.fence.take() {
            fence.refresh(&mut self.lines, self.width, theme);
            let rest = fence.unfinished(&text[self.scanned..], self.width, theme);
            self.lines.extend(rest);
            self.fence = Some(fence);
            self.define(Vec::new(), text, theme);
            return;
        }
        let found = split::split(&text[self.done..], self.list);
        self.define(found.definitions, text, theme);
        let start = self.done;
        for block in &found.blocks {
            self.done = start + block.range.start;
            let source = &text[self.done..start + block.range.end];
            let laid = self.lay(source, block.kind, theme);
            if !laid.lines.is_empty() {
                self.gap(text, block.kind);
            }
            self.lines.extend(laid.lines);
            self.open_is_pending |= laid.is_pending;
        }
        self.done = start;
    }

    /// Puts a blank line before the block at `done`, unless it goes on with a list.
    fn gap(&mut self, text: &str, kind: Kind) {
        let wanted = match kind {
            Kind::Item { is_first: false, .. } => split::follows_blank(text, self.done),
            _ => true,
        };
        if wanted && !self.lines.is_empty() {
            self.lines.push(Line::default());
        }
    }

    fn lay(&self, source: &str, kind: Kind, theme: &Theme) -> Laid {
        if kind == Kind::Fence
            && let Some((lines, is_settled)) = fence::block(source, self.width, theme)
        {
            return Laid { lines, labels: Vec::new(), is_pending: !is_settled };
        }
        let number = match kind {
            Kind::Item { number, .. } => number,
            _ => None,
        };
        block::lay(source, number, self.width, theme, &|label| self.address(label))
    }

    fn address(&self, label: &str) -> Option<Arc<str>> {
        self.definitions.get(label).cloned().or_else(|| {
            let mut open = self.open_definitions.iter();
            open.find(|open| open.label == label).map(|open| Arc::from(open.address.as_str()))
        })
    }

    /// Takes what the open block defines, and lays out again what that concerns.
    fn define(&mut self, mut open: Vec<Definition>, text: &str, theme: &Theme) {
        open.sort_by_key(|definition| definition.at);
        self.open_definitions = open;
        let concerned: Vec<bool> = self
            .blocks
            .iter()
            .map(|done| done.labels.iter().any(|(label, was)| self.address(label) != *was))
            .collect();
        if concerned.contains(&true) {
            let mut concerned = concerned.into_iter();
            self.renew(text, theme, |_| concerned.next().unwrap_or_default());
        }
    }

    /// Lays out again the blocks that `is_old` names.
    fn renew(&mut self, text: &str, theme: &Theme, mut is_old: impl FnMut(&Done) -> bool) {
        let mut blocks = std::mem::take(&mut self.blocks);
        let mut shift = 0_isize;
        for done in &mut blocks {
            done.lines = moved(&done.lines, shift);
            if !is_old(done) {
                continue;
            }
            let laid = self.lay(&text[done.source.clone()], done.kind, theme);
            let count = laid.lines.len();
            shift += count.cast_signed() - done.lines.len().cast_signed();
            self.lines.splice(done.lines.clone(), laid.lines);
            done.lines.end = done.lines.start + count;
            done.labels = laid.labels;
            done.is_pending = laid.is_pending;
        }
        self.blocks = blocks;
        self.done_lines = self.done_lines.saturating_add_signed(shift);
        if let Some(fence) = &mut self.fence {
            fence.shift(shift);
        }
    }
}

fn moved(range: &Range<usize>, by: isize) -> Range<usize> {
    range.start.saturating_add_signed(by)..range.end.saturating_add_signed(by)
}
