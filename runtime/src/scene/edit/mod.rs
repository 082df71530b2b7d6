//! A text that somebody edits: the prompt, and the input nodes of views.
//!
//! Owns: the text, the caret, what can be undone and what was cut. Leaves to callers: keys, drawing,
//! history. All that is done at once takes time in proportion to the text at most.

mod action;
mod rows;
#[cfg(test)]
mod tests;

use std::{borrow::Cow, ops::Range};

use unicode_segmentation::UnicodeSegmentation as _;

pub use action::{ACTIONS, EditAction};
pub use rows::Rows;

/// Changes that can be undone.
const MAX_UNDO: usize = 1000;
/// Bytes of text that they may hold; the newest change is kept whatever it holds.
const MAX_UNDO_BYTES: usize = 16 << 20;
/// Cuts that are kept.
const MAX_KILLS: usize = 32;

/// A text with a caret. The caret is always between two graphemes.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    text: String,
    caret: usize,
    is_multiline: bool,
    is_password: bool,
    revision: u64,
    /// The column that moving up and down tries to keep.
    goal: Option<usize>,
    undo: Vec<Change>,
    redo: Vec<Change>,
    /// The newest last.
    kills: Vec<String>,
    last: Last,
}

/// A change of the text, so that it can be taken back.
#[derive(Clone, Debug)]
struct Change {
    at: usize,
    removed: String,
    inserted: String,
    caret_before: usize,
}

/// What was done last, where the next thing may belong to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum Last {
    #[default]
    Other,
    Typed,
    Deleted,
    Killed,
    Yanked {
        range: Range<usize>,
        /// Which cut it was, counted from the newest.
        age: usize,
    },
}

impl Edit {
    /// An empty text of one line.
    pub fn line() -> Self {
        Self::default()
    }

    /// An empty text of any number of lines.
    pub fn multiline() -> Self {
        Self { is_multiline: true, ..Self::default() }
    }

    /// Shows dots in place of the characters.
    pub fn hidden(mut self, is_password: bool) -> Self {
        self.is_password = is_password;
        self
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    pub fn is_multiline(&self) -> bool {
        self.is_multiline
    }

    pub fn is_hidden(&self) -> bool {
        self.is_password
    }

    /// Where the caret is, in bytes.
    pub fn caret(&self) -> usize {
        self.caret
    }

    /// Counts the changes of the text.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Moves the caret to the character at `at`, or the one that `at` is in.
    pub fn set_caret(&mut self, at: usize) {
        self.move_to(floor_grapheme(&self.text, at));
    }

    /// Replaces the whole text, which can be undone. The caret goes to its end.
    pub fn set_text(&mut self, text: &str) {
        self.replace(0..self.text.len(), text);
    }

    /// Begins anew with `text`: there is nothing to undo.
    pub fn reset(&mut self, text: &str) {
        self.text = self.clean(text);
        self.caret = self.text.len();
        self.revision += 1;
        self.goal = None;
        self.undo.clear();
        self.redo.clear();
        self.last = Last::Other;
    }

    /// Inserts `text` at the caret. What is typed character by character is undone word by word.
    pub fn insert(&mut self, text: &str) {
        let text = self.clean(text);
        let is_typing = text.graphemes(true).nth(1).is_none();
        let joins = is_typing && self.last == Last::Typed && self.continues_word(&text);
        self.change(self.caret..self.caret, text, joins);
        self.last = if is_typing { Last::Typed } else { Last::Other };
    }

    /// Replaces the bytes of `range` and puts the caret behind what was inserted. A range that does
    /// not lie between characters is widened.
    pub fn replace(&mut self, range: Range<usize>, text: &str) {
        let start = floor_char(&self.text, range.start);
        let end = ceil_char(&self.text, range.end.max(start));
        let text = self.clean(text);
        self.change(start..end, text, false);
        self.last = Last::Other;
    }

    /// Empties the text, which can be undone.
    pub fn clear(&mut self) {
        self.set_text("");
    }

    /// Does `action` in a text that is shown `width` cells wide. Answers whether anything came of
    /// it: moving up from the first row does nothing, for example.
    pub fn apply(&mut self, action: EditAction, width: u16) -> bool {
        let before = (self.revision, self.caret);
        let last = std::mem::take(&mut self.last);
        let goal = self.goal.take();
        match action {
            EditAction::MoveLeft => self.caret = self.left(),
            EditAction::MoveRight => self.caret = self.right(),
            EditAction::MoveWordLeft => self.caret = self.word_left(),
            EditAction::MoveWordRight => self.caret = self.word_right(),
            EditAction::MoveUp => self.move_rows(-1, goal, width),
            EditAction::MoveDown => self.move_rows(1, goal, width),
            EditAction::MoveLineStart => self.caret = self.line_start(),
            EditAction::MoveLineEnd => self.caret = self.line_end(),
            EditAction::MoveStart => self.caret = 0,
            EditAction::MoveEnd => self.caret = self.text.len(),
            EditAction::DeleteLeft => self.delete(self.left()..self.caret, &last),
            EditAction::DeleteRight => self.delete(self.caret..self.right(), &last),
            EditAction::KillWordLeft => self.kill(self.word_left()..self.caret, &last),
            EditAction::KillWordRight => self.kill(self.caret..self.word_right(), &last),
            EditAction::KillBlankWordLeft => self.kill(self.blank_word_left()..self.caret, &last),
            EditAction::KillLineLeft => self.kill(self.cut_left()..self.caret, &last),
            EditAction::KillLineRight => self.kill(self.caret..self.cut_right(), &last),
            EditAction::Yank => self.yank(0, self.caret..self.caret),
            EditAction::YankOlder => self.yank_older(last),
            EditAction::Transpose => self.transpose(),
            EditAction::Newline if self.is_multiline => {
                self.change(self.caret..self.caret, "\n".to_owned(), false);
            }
            EditAction::Newline => {}
            EditAction::Undo => self.step_back(),
            EditAction::Redo => self.step_forward(),
        }
        before != (self.revision, self.caret)
    }

    /// The rows of the text at `width` cells.
    pub fn rows(&self, width: u16) -> Rows {
        rows::break_rows(&self.text, self.caret, usize::from(width), self.is_password)
    }

    /// What a row of [`Edit::rows`] looks like: as many cells as it was laid out with.
    pub fn shown(&self, row: &Range<usize>) -> Cow<'_, str> {
        rows::shown(self.text.get(row.clone()).unwrap_or(""), self.is_password)
    }

    /// Moves the caret to a place of the text as it is shown.
    pub fn click(&mut self, width: u16, row: usize, column: usize) {
        let rows = self.rows(width).rows;
        let row = &rows[row.min(rows.len() - 1)];
        self.move_to(rows::at_column(&self.text, row, column, self.is_password));
    }

    // Changing ------------------------------------------------------------------------------------

    /// Text as it can be here: lines end in a line feed, and no other control characters but tabs.
    fn clean(&self, text: &str) -> String {
        let newline = if self.is_multiline { '\n' } else { ' ' };
        let mut clean = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\r' if chars.peek() == Some(&'\n') => {}
                '\r' | '\n' => clean.push(newline),
                '\t' => clean.push('\t'),
                c if c.is_control() => {}
                c => clean.push(c),
            }
        }
        clean
    }

    /// Whether what is typed now belongs to what was typed before: a new word does not.
    fn continues_word(&self, text: &str) -> bool {
        let was_blank = self.text[..self.caret].ends_with(char::is_whitespace);
        !was_blank || text.chars().all(char::is_whitespace)
    }

    /// Replaces `range`; `joins` the last change, which then is undone with it.
    fn change(&mut self, range: Range<usize>, inserted: String, joins: bool) {
        if range.is_empty() && inserted.is_empty() {
            return;
        }
        let caret_before = self.caret;
        let at = range.start;
        let removed = self.text[range.clone()].to_owned();
        self.text.replace_range(range, &inserted);
        self.caret = ceil_grapheme(&self.text, at + inserted.len());
        self.revision += 1;
        self.goal = None;
        self.redo.clear();
        if joins && let Some(last) = self.undo.last_mut() {
            if last.at + last.inserted.len() == at && removed.is_empty() {
                last.inserted.push_str(&inserted);
                return;
            }
            if inserted.is_empty() && last.inserted.is_empty() {
                if at + removed.len() == last.at {
                    last.removed.insert_str(0, &removed);
                    last.at = at;
                    return;
                }
                if at == last.at {
                    last.removed.push_str(&removed);
                    return;
                }
            }
        }
        self.undo.push(Change { at, removed, inserted, caret_before });
        self.forget_oldest();
    }

    fn forget_oldest(&mut self) {
        let mut room = MAX_UNDO_BYTES;
        let sizes =
            self.undo.iter().rev().map(|change| change.removed.len() + change.inserted.len());
        let kept = sizes.take(MAX_UNDO).take_while(|size| {
            let fits = *size <= room;
            room = room.saturating_sub(*size);
            fits
        });
        let kept = kept.count().max(1);
        self.undo.drain(..self.undo.len() - kept);
    }

    fn step_back(&mut self) {
        let Some(change) = self.undo.pop() else { return };
        self.text.replace_range(change.at..change.at + change.inserted.len(), &change.removed);
        self.caret = change.caret_before.min(self.text.len());
        self.revision += 1;
        self.redo.push(change);
    }

    fn step_forward(&mut self) {
        let Some(change) = self.redo.pop() else { return };
        self.text.replace_range(change.at..change.at + change.removed.len(), &change.inserted);
        self.caret = ceil_grapheme(&self.text, change.at + change.inserted.len());
        self.revision += 1;
        self.undo.push(change);
    }

    fn delete(&mut self, range: Range<usize>, last: &Last) {
        self.change(range, String::new(), *last == Last::Deleted);
        self.last = Last::Deleted;
    }

    // Cutting -------------------------------------------------------------------------------------

    /// Cuts `range`. Cuts in a row are one.
    fn kill(&mut self, range: Range<usize>, last: &Last) {
        self.last = Last::Killed;
        if range.is_empty() {
            return;
        }
        let is_left = range.end == self.caret;
        let cut = self.text[range.clone()].to_owned();
        self.change(range, String::new(), false);
        match self.kills.last_mut() {
            Some(newest) if *last == Last::Killed && is_left => newest.insert_str(0, &cut),
            Some(newest) if *last == Last::Killed => newest.push_str(&cut),
            _ => {
                if self.kills.len() == MAX_KILLS {
                    self.kills.remove(0);
                }
                self.kills.push(cut);
            }
        }
    }

    fn yank(&mut self, age: usize, over: Range<usize>) {
        let Some(cut) = self.kills.iter().rev().nth(age).cloned() else { return };
        let at = over.start;
        let end = at + cut.len();
        self.change(over, cut, false);
        self.last = Last::Yanked { range: at..end, age };
    }

    /// Right after a yank: puts the cut before it in its place, and the newest after the oldest.
    fn yank_older(&mut self, last: Last) {
        if let Last::Yanked { range, age } = last {
            self.yank((age + 1) % self.kills.len().max(1), range);
        }
    }

    /// Swaps the characters around the caret; at the end of a line the two before it.
    fn transpose(&mut self) {
        let at_end = self.caret == self.line_end();
        let middle = if at_end { self.left() } else { self.caret };
        let start = previous(&self.text, middle);
        let end = next(&self.text, middle);
        let (left, right) = (&self.text[start..middle], &self.text[middle..end]);
        if left.is_empty() || right.is_empty() || left == "\n" || right == "\n" {
            return;
        }
        let swapped = format!("{right}{left}");
        self.change(start..end, swapped, false);
    }

    // Moving --------------------------------------------------------------------------------------

    fn move_to(&mut self, at: usize) {
        self.caret = at;
        self.goal = None;
        self.last = Last::Other;
    }

    fn move_rows(&mut self, by: isize, goal: Option<usize>, width: u16) {
        let Rows { rows, caret: (row, column) } = self.rows(width);
        let goal = goal.unwrap_or(column);
        let Some(target) = row.checked_add_signed(by).and_then(|row| rows.get(row)) else { return };
        let at = rows::at_column(&self.text, target, goal, self.is_password);
        // The end of a row that goes on is the start of the next one: the last character before it
        // is still on this row.
        let goes_on = self.text.as_bytes().get(target.end).is_some_and(|byte| *byte != b'\n');
        let is_past = at == target.end && goes_on && !target.is_empty();
        self.caret = if is_past { previous(&self.text, at) } else { at };
        self.goal = Some(goal);
    }

    fn left(&self) -> usize {
        previous(&self.text, self.caret)
    }

    fn right(&self) -> usize {
        next(&self.text, self.caret)
    }

    fn word_left(&self) -> usize {
        let mut words = self.text[..self.caret].split_word_bound_indices().rev();
        words.find(|(_, part)| is_word(part)).map_or(0, |(at, _)| at)
    }

    fn word_right(&self) -> usize {
        let mut words = self.text[self.caret..].split_word_bound_indices();
        words
            .find(|(_, part)| is_word(part))
            .map_or(self.text.len(), |(at, part)| self.caret + at + part.len())
    }

    fn blank_word_left(&self) -> usize {
        let before = self.text[..self.caret].trim_end();
        before
            .char_indices()
            .rev()
            .find(|(_, c)| c.is_whitespace())
            .map_or(0, |(at, c)| at + c.len_utf8())
    }

    fn line_start(&self) -> usize {
        self.text[..self.caret].rfind('\n').map_or(0, |at| at + 1)
    }

    fn line_end(&self) -> usize {
        self.text[self.caret..].find('\n').map_or(self.text.len(), |at| self.caret + at)
    }

    /// Where a cut to the left ends; at the start of a line it takes the line feed before it.
    fn cut_left(&self) -> usize {
        let start = self.line_start();
        if start == self.caret { self.left() } else { start }
    }

    fn cut_right(&self) -> usize {
        let end = self.line_end();
        if end == self.caret { self.right() } else { end }
    }
}

fn is_word(part: &str) -> bool {
    part.contains(char::is_alphanumeric)
}

fn previous(text: &str, at: usize) -> usize {
    text[..at].graphemes(true).next_back().map_or(at, |part| at - part.len())
}

fn next(text: &str, at: usize) -> usize {
    text[at..].graphemes(true).next().map_or(at, |part| at + part.len())
}

fn floor_char(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

fn ceil_char(text: &str, at: usize) -> usize {
    (at..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// The start of the grapheme that byte `at` is in.
fn floor_grapheme(text: &str, at: usize) -> usize {
    let at = floor_char(text, at);
    match is_boundary(text, at) {
        true => at,
        false => before_boundary(text, at),
    }
}

/// `at`, or the end of the grapheme that it is in.
fn ceil_grapheme(text: &str, at: usize) -> usize {
    match is_boundary(text, at) {
        true => at,
        false => {
            let start = before_boundary(text, at);
            next(text, start)
        }
    }
}

fn is_boundary(text: &str, at: usize) -> bool {
    unicode_segmentation::GraphemeCursor::new(at, text.len(), true)
        .is_boundary(text, 0)
        .unwrap_or(true)
}

fn before_boundary(text: &str, at: usize) -> usize {
    unicode_segmentation::GraphemeCursor::new(at, text.len(), true)
        .prev_boundary(text, 0)
        .ok()
        .flatten()
        .unwrap_or(0)
}
