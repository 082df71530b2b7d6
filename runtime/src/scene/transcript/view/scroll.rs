//! Where a view is, and moving it.

use super::{Anchor, Id, Position, View};

/// Blocks that are laid out to count what is new.
const MAX_COUNTED: usize = 20;

/// What the end was when it was left.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    id: Id,
    revision: u64,
    rows: usize,
}

impl View {
    /// Whether the end is followed.
    pub fn is_following(&self) -> bool {
        self.top.is_none()
    }

    /// Scrolls by lines: down, or up if negative.
    pub fn scroll(&mut self, lines: isize) {
        let height = usize::from(self.size.1);
        if height == 0 || self.transcript.is_empty() {
            return;
        }
        let top = self.top_position();
        if lines < 0 {
            let to = self.above(top, lines.unsigned_abs());
            self.hold(to);
        } else {
            let to = self.below(top, lines.unsigned_abs());
            self.hold(to);
        }
    }

    pub fn half_page_up(&mut self) {
        self.scroll(-self.page(2));
    }

    pub fn half_page_down(&mut self) {
        self.scroll(self.page(2));
    }

    /// Scrolls up by a page, of which one line stays in sight.
    pub fn page_up(&mut self) {
        self.scroll(-self.page(1));
    }

    pub fn page_down(&mut self) {
        self.scroll(self.page(1));
    }

    pub fn to_top(&mut self) {
        self.hold(Position::default());
    }

    /// Goes to the end and follows it.
    pub fn to_bottom(&mut self) {
        self.top = None;
        self.seen = None;
    }

    /// What is at the top.
    pub fn position(&mut self) -> Position {
        self.top_position()
    }

    /// Goes to a place, which will be at the top unless the end comes before.
    pub fn go_to(&mut self, position: Position) {
        self.hold(position);
    }

    /// The lines that have come since the end was left.
    pub fn new_lines(&mut self) -> usize {
        let Some(seen) = self.seen.clone().filter(|_| self.top.is_some()) else { return 0 };
        let Some(index) = self.transcript.index(&seen.id) else { return 0 };
        let later = index + 1..self.transcript.len();
        let is_few = later.len() <= MAX_COUNTED;
        let count = |view: &mut Self, index| {
            if is_few { view.rows(index) } else { view.rows_about(index) }
        };
        let mut new = 0;
        if self.revision(index) != seen.revision {
            new += count(self, index).saturating_sub(seen.rows);
        }
        new + later.map(|index| count(self, index)).sum::<usize>()
    }

    /// About how much of the transcript is above the top and how much there is, in lines.
    pub fn progress(&mut self) -> (usize, usize) {
        let top = self.top_position();
        let rows: Vec<usize> =
            (0..self.transcript.len()).map(|index| self.rows_about(index)).collect();
        let above: usize = rows[..top.block.min(rows.len())].iter().sum();
        (above + top.row, rows.iter().sum())
    }

    fn page(&self, parts: u16) -> isize {
        let page = if parts == 1 { self.size.1.saturating_sub(1) } else { self.size.1 / parts };
        isize::try_from(page.max(1)).unwrap_or(1)
    }

    /// What is at the top of the area: the anchor, or less where the end comes before.
    pub(super) fn top_position(&mut self) -> Position {
        let height = usize::from(self.size.1);
        let Some(anchor) = self.top.clone() else { return self.end(height) };
        let Some(block) = self.transcript.index(&anchor.id) else {
            let block = anchor.at.block.min(self.transcript.len().saturating_sub(1));
            return Position { block, row: 0 }.min(self.end(height));
        };
        if block != anchor.at.block
            && let Some(top) = &mut self.top
        {
            top.at.block = block;
        }
        let row = anchor.at.row.min(self.rows(block).saturating_sub(1));
        let at = Position { block, row };
        if self.fills(at, height) { at } else { at.min(self.end(height)) }
    }

    /// Whether there are `height` rows from `at` on.
    fn fills(&mut self, at: Position, height: usize) -> bool {
        let mut rows = 0;
        for index in at.block..self.transcript.len() {
            rows += self.rows(index);
            if rows >= at.row + height {
                return true;
            }
        }
        false
    }

    /// The top of the last `height` rows.
    pub(super) fn end(&mut self, height: usize) -> Position {
        let end = Position { block: self.transcript.len(), row: 0 };
        self.above(end, height)
    }

    fn above(&mut self, from: Position, lines: usize) -> Position {
        let mut left = lines;
        let mut at = from;
        loop {
            let step = left.min(at.row);
            at.row -= step;
            left -= step;
            if left == 0 || at.block == 0 {
                return at;
            }
            at.block -= 1;
            at.row = self.rows(at.block);
        }
    }

    fn below(&mut self, from: Position, lines: usize) -> Position {
        let mut at = Position { row: from.row + lines, ..from };
        while at.block < self.transcript.len() {
            let rows = self.rows(at.block);
            if at.row < rows {
                break;
            }
            at.row -= rows;
            at.block += 1;
        }
        at
    }

    /// Puts a position at the top; the end is followed if that is what it is.
    fn hold(&mut self, at: Position) {
        let height = usize::from(self.size.1);
        if self.transcript.is_empty() || (!self.fills(at, height + 1) && at >= self.end(height)) {
            return self.to_bottom();
        }
        let Some(entry) = self.transcript.entries.get(at.block) else { return self.to_bottom() };
        let id = entry.id.clone();
        if self.top.is_none() {
            let last = self.transcript.len() - 1;
            let id = self.transcript.entries[last].id.clone();
            let (revision, rows) = (self.revision(last), self.rows(last));
            self.seen = Some(Seen { id, revision, rows });
        }
        self.top = Some(Anchor { id, at });
    }

    /// Scrolls so that a place is in sight, not at the edge.
    pub(super) fn show(&mut self, at: Position) {
        let height = usize::from(self.size.1);
        let top = self.top_position();
        let bottom = self.below(top, height);
        if at < top || at >= bottom {
            let to = self.above(at, height / 3);
            self.hold(to);
        }
    }

    /// Scrolls so that a block is in sight: whole if it fits, else from its beginning.
    pub(super) fn reveal(&mut self, index: usize) {
        let height = usize::from(self.size.1);
        let top = self.top_position();
        let start = Position { block: index, row: 0 };
        let rows = self.rows(index);
        let bottom = self.below(top, height);
        if start < top || rows >= height {
            self.hold(start);
        } else if (Position { block: index, row: rows }) > bottom && bottom.block <= index {
            let to = self.above(Position { block: index, row: rows }, height);
            self.hold(to);
        }
    }

    pub(super) fn last_in_sight(&mut self) -> usize {
        let height = usize::from(self.size.1);
        let top = self.top_position();
        let bottom = self.below(top, height.saturating_sub(1));
        bottom.block.min(self.transcript.len().saturating_sub(1))
    }
}

#[cfg(test)]
impl Seen {
    pub(super) fn id(&self) -> &Id {
        &self.id
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn set_revision(&mut self, revision: u64) {
        self.revision = revision;
    }
}
