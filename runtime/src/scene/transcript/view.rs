//! What of a transcript is in sight, and drawing it.

mod cache;
mod draw;
mod scroll;

use std::{collections::HashSet, time::Duration};

use zi_kernel::term::{Frame, Rect};

use super::{Block, Id, Transcript, Wanted, search::Search};
use crate::scene::theme::Theme;
use cache::Cache;
use scroll::Seen;

/// An image in sight, for the code that draws images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    pub id: Id,
    /// The cells of it that are in sight.
    pub area: Rect,
    /// The rows of it that are above those.
    pub hidden_rows: u16,
    /// The cells of the whole image.
    pub size: (u16, u16),
}

/// A place in a transcript: a row of a block. The blank row above a block is its first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub block: usize,
    pub row: usize,
}

/// A view of a transcript. It follows the end until it is scrolled up.
#[derive(Debug)]
pub struct View {
    pub transcript: Transcript,
    /// Whether images are drawn by others, in the rows that are left free for them.
    pub has_pictures: bool,
    theme: Theme,
    size: (u16, u16),
    cache: Cache,
    /// What is at the top; nothing while the end is followed.
    top: Option<Anchor>,
    seen: Option<Seen>,
    expand_all: bool,
    /// Blocks that are the other way than `expand_all` says.
    toggled: HashSet<Id>,
    focus: Option<Id>,
    search: Option<Search>,
    pictures: Vec<Placed>,
    wanted: Vec<Wanted>,
}

/// A position that stays with its block.
#[derive(Clone, Debug)]
struct Anchor {
    id: Id,
    at: Position,
}

impl Default for View {
    fn default() -> Self {
        Self::new()
    }
}

impl View {
    pub fn new() -> Self {
        Self {
            transcript: Transcript::new(),
            has_pictures: false,
            theme: Theme::default(),
            size: (0, 0),
            cache: Cache::default(),
            top: None,
            seen: None,
            expand_all: false,
            toggled: HashSet::new(),
            focus: None,
            search: None,
            pictures: Vec::new(),
            wanted: Vec::new(),
        }
    }

    /// Draws what is in sight into `area`. `now` is on the clock of [`super::Tool::started`].
    pub fn draw(&mut self, frame: &mut Frame, area: Rect, theme: &Theme, now: Duration) {
        self.pictures.clear();
        self.wanted.clear();
        let area = area.intersection(frame.area());
        if self.theme.key() != theme.key() || self.theme.name != theme.name {
            self.theme = theme.clone();
        }
        self.size = (area.width, area.height);
        if area.is_empty() {
            return;
        }
        frame.fill(area, theme.bg("background"));
        self.cache.begin();
        let top = self.top_position();
        self.draw_rows(frame, area, top, now);
        self.draw_marker(frame, area);
        self.cache.trim(&self.transcript);
    }

    /// The images that the last frame left room for.
    pub fn pictures(&self) -> &[Placed] {
        &self.pictures
    }

    /// What the last frame would have drawn by others, had it been there: see
    /// [`Transcript::set_drawn`].
    pub fn wanted(&self) -> &[Wanted] {
        &self.wanted
    }

    /// Whether something in sight moves: the next frame is another one although nothing changed.
    pub fn is_animated(&self) -> bool {
        self.cache.has_spinner()
    }

    /// Whether colours of code in sight are still to come.
    pub fn is_pending(&self) -> bool {
        self.cache.is_pending()
    }

    // Expansion ----------------------------------------------------------------------------------

    pub fn is_expanded(&self, id: &str) -> bool {
        self.expand_all != self.toggled.contains(id)
    }

    /// Expands a block, or collapses it.
    pub fn toggle(&mut self, id: &str) {
        let Some((id, _)) = self.transcript.entry(id) else { return };
        let id = id.clone();
        if !self.toggled.remove(&id) {
            self.toggled.insert(id);
        }
    }

    /// Expands all blocks, or collapses them if they are.
    pub fn toggle_all(&mut self) {
        self.expand_all = !self.expand_all;
        self.toggled.clear();
    }

    // The cursor over blocks -----------------------------------------------------------------------

    pub fn focus(&self) -> Option<&Id> {
        self.focus.as_ref().filter(|id| self.transcript.index(id).is_some())
    }

    /// Puts the cursor on a block and scrolls to it; nowhere when nothing.
    pub fn set_focus(&mut self, id: Option<&str>) {
        self.focus = id.and_then(|id| self.transcript.entry(id)).map(|(id, _)| id.clone());
        if let Some(index) = self.focus.as_ref().and_then(|id| self.transcript.index(id)) {
            self.reveal(index);
        }
    }

    /// Moves the cursor to the block below; beyond the last one it is nowhere.
    pub fn focus_next(&mut self) {
        let Some(index) = self.focus().and_then(|id| self.transcript.index(id)) else { return };
        let next = (index + 1..self.transcript.len()).find(|index| self.rows(*index) > 0);
        let id = next.map(|index| self.transcript.entries[index].id.clone());
        self.set_focus(id.as_deref());
    }

    /// Moves the cursor to the block above; from nowhere to the last one in sight.
    pub fn focus_prev(&mut self) {
        let from = match self.focus().and_then(|id| self.transcript.index(id)) {
            Some(index) => index,
            None => self.last_in_sight() + 1,
        };
        let before = (0..from.min(self.transcript.len())).rev().find(|index| self.rows(*index) > 0);
        if let Some(index) = before {
            let id = self.transcript.entries[index].id.clone();
            self.set_focus(Some(&id));
        }
    }

    // Search -----------------------------------------------------------------------------------------

    /// Looks for `query` in what all blocks say, and goes to the match nearest above the end of what
    /// is in sight. Answers how many there are. An empty query ends the search.
    pub fn search(&mut self, query: &str) -> usize {
        self.search = Search::new(query, &self.transcript);
        let last = self.last_in_sight();
        if let Some(search) = &mut self.search {
            search.start_at(&self.transcript, last);
        }
        self.go_to_match();
        self.search.as_ref().map_or(0, Search::count)
    }

    pub fn search_next(&mut self) {
        self.step_search(true);
    }

    pub fn search_prev(&mut self) {
        self.step_search(false);
    }

    /// Which match is the current one, from 1, and how many there are.
    pub fn search_status(&self) -> Option<(usize, usize)> {
        let search = self.search.as_ref()?;
        let count = search.count();
        Some((if count == 0 { 0 } else { search.current + 1 }, count))
    }

    pub fn end_search(&mut self) {
        self.search = None;
    }

    fn step_search(&mut self, is_forward: bool) {
        if let Some(search) = &mut self.search {
            search.refresh(&self.transcript);
            search.step(is_forward);
            self.go_to_match();
        }
    }

    /// Scrolls to the current match; expands its block if it does not show otherwise.
    fn go_to_match(&mut self) {
        let Some(search) = &self.search else { return };
        let Some((id, nth)) = search.current().cloned() else { return };
        let Some(index) = self.transcript.index(&id) else { return };
        let needle = search.needle().clone();
        let mut lines = self.lines_with(index, &needle);
        if lines.len() <= nth && !self.is_expanded(&id) {
            self.toggle(&id);
            let more = self.lines_with(index, &needle);
            if more.len() > lines.len() {
                lines = more;
            } else {
                self.toggle(&id);
            }
        }
        let row = lines.get(nth).or(lines.last()).copied().unwrap_or(0);
        self.show(Position { block: index, row });
    }

    /// The rows of a block that have matches, once for each.
    fn lines_with(&mut self, index: usize, needle: &super::search::Needle) -> Vec<usize> {
        let gap = usize::from(index > 0);
        let lines = self.laid(index).lines();
        let found = lines.iter().enumerate().flat_map(|(row, line)| {
            std::iter::repeat_n(row + gap, needle.find(&line.text()).len())
        });
        found.collect()
    }
}

impl Transcript {
    fn entry(&self, id: &str) -> Option<(&Id, &Block)> {
        let entry = &self.entries[self.index(id)?];
        Some((&entry.id, &entry.block))
    }
}

#[cfg(test)]
impl View {
    /// A view of the same, in the same state, that has laid out nothing.
    pub(super) fn fresh(&self) -> Self {
        let mut fresh = Self::new();
        for (id, block) in self.transcript.iter() {
            fresh.transcript.push(id.clone(), block.clone());
        }
        fresh.has_pictures = self.has_pictures;
        fresh.top.clone_from(&self.top);
        fresh.expand_all = self.expand_all;
        fresh.toggled.clone_from(&self.toggled);
        fresh.focus.clone_from(&self.focus);
        fresh.search.clone_from(&self.search);
        fresh.seen = self.seen.clone().map(|mut seen| {
            // Revisions are those of its own transcript.
            let index =
                |id| self.transcript.index(id).filter(|at| self.revision(*at) == seen.revision());
            let same = index(seen.id());
            seen.set_revision(same.map_or(0, |at| fresh.revision(at)));
            seen
        });
        fresh
    }

    pub(super) fn cached_blocks(&self) -> usize {
        self.cache.len()
    }
}
