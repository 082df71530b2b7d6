//! What is looked for in the conversation.

use zi_kernel::term::{Frame, Rect};

use crate::scene::{
    edit::{Edit, EditAction},
    theme::Theme,
};

/// The line that a search is typed into.
#[derive(Debug)]
pub struct Search(Edit);

impl Search {
    pub fn new(text: &str) -> Self {
        let mut edit = Edit::line();
        edit.insert(text);
        Self(edit)
    }

    pub fn text(&self) -> &str {
        self.0.text()
    }

    pub fn insert(&mut self, text: &str) {
        self.0.insert(text);
    }

    pub fn apply(&mut self, action: EditAction) {
        self.0.apply(action, u16::MAX);
    }

    /// Draws the line, with the count of places at its end, and puts the cursor into it.
    pub fn draw(&self, frame: &mut Frame, area: Rect, theme: &Theme, count: &str) {
        frame.fill(area, theme.bg("selection"));
        let x = frame.put(area.x, area.y, area.right(), " find: ", theme.fg("accent"), None);
        let shown = self.0.shown(&(0..self.0.text().len()));
        let before = self.0.shown(&(0..self.0.caret()));
        frame.put(x, area.y, area.right(), &shown, theme.fg("text"), None);
        let caret = x.saturating_add(u16::try_from(zi_kernel::term::width(&before)).unwrap_or(0));
        let width = u16::try_from(zi_kernel::term::width(count)).unwrap_or(0);
        let at = area.right().saturating_sub(width + 1);
        if at > caret {
            frame.put(at, area.y, area.right(), count, theme.fg("muted"), None);
        }
        if caret < area.right() {
            frame.set_cursor(Some((caret, area.y)));
        }
    }
}
