//! The draft: what the user is about to say.

use zi_kernel::term::{Frame, Modifier, Rect};

use super::{
    chips::Chips,
    complete::{Choices, Item},
    history::History,
};
use crate::{
    modes::driver::Said,
    scene::{
        edit::{Edit, EditAction},
        theme::Theme,
    },
};

/// The text, what its chips stand for, what could complete it, and what was said before.
#[derive(Debug)]
pub struct Draft {
    edit: Edit,
    chips: Chips,
    history: History,
    choices: Option<Choices>,
    /// The first row that is shown when the text is higher than its place.
    top: usize,
    /// The cells that the text had last, for motions by row.
    width: u16,
}

impl Draft {
    pub fn new(history: History) -> Self {
        Self {
            edit: Edit::multiline(),
            chips: Chips::default(),
            history,
            choices: None,
            top: 0,
            width: 80,
        }
    }

    pub fn text(&self) -> &str {
        self.edit.text()
    }

    pub fn caret(&self) -> usize {
        self.edit.caret()
    }

    pub fn is_empty(&self) -> bool {
        self.edit.is_empty()
    }

    // Changing ------------------------------------------------------------------------------------

    pub fn insert(&mut self, text: &str) {
        self.history.leave();
        self.edit.insert(text);
    }

    /// Puts a paste, or the chip that stands for it.
    pub fn paste(&mut self, text: &str) {
        let text = self.chips.paste(text);
        self.insert(&text);
    }

    /// Puts the chip of an image.
    pub fn attach(&mut self, block: serde_json::Value, about: &str) {
        let word = self.chips.image(block, about);
        let gap = if self.text()[..self.caret()].ends_with(char::is_whitespace) || self.caret() == 0
        {
            ""
        } else {
            " "
        };
        self.insert(&format!("{gap}{word} "));
    }

    pub fn apply(&mut self, action: EditAction) {
        let chip = match action {
            EditAction::DeleteLeft | EditAction::KillWordLeft | EditAction::KillBlankWordLeft => {
                self.chips.before(self.text(), self.caret())
            }
            EditAction::DeleteRight | EditAction::KillWordRight => {
                self.chips.after(self.text(), self.caret())
            }
            _ => None,
        };
        let revision = self.edit.revision();
        match chip {
            Some(range) => self.edit.replace(range, ""),
            None => {
                self.edit.apply(action, self.width);
            }
        }
        if self.edit.revision() != revision {
            self.history.leave();
        }
    }

    /// Moves a row up or down; `false` when there is none.
    pub fn move_row(&mut self, action: EditAction) -> bool {
        let before = self.edit.caret();
        let row = self.edit.rows(self.width).caret.0;
        let last = self.edit.rows(self.width).rows.len().saturating_sub(1);
        let is_edge = match action {
            EditAction::MoveUp => row == 0,
            _ => row == last,
        };
        if !is_edge {
            self.edit.apply(action, self.width);
        }
        self.edit.caret() != before
    }

    pub fn set_text(&mut self, text: &str) {
        self.history.leave();
        self.edit.set_text(text);
    }

    /// Puts `said` before what is there.
    pub fn give_back(&mut self, said: Vec<Said>) {
        let mut texts: Vec<String> = Vec::new();
        for said in said {
            let text = self.chips.restore(said.text, said.images);
            texts.push(text);
        }
        if !self.is_empty() {
            texts.push(self.text().to_owned());
        }
        self.set_text(&texts.join("\n\n"));
    }

    pub fn previous(&mut self) -> bool {
        let Some(text) = self.history.previous(self.edit.text()) else { return false };
        self.edit.set_text(&text);
        true
    }

    pub fn next(&mut self) -> bool {
        let Some(text) = self.history.next(self.edit.text()) else { return false };
        self.edit.set_text(&text);
        true
    }

    pub fn clear(&mut self) {
        self.set_text("");
        self.choices = None;
    }

    /// What the draft says, and an empty draft from here on.
    pub fn take(&mut self, is_urgent: bool) -> Option<Said> {
        let (text, images) = self.chips.expand(self.edit.text());
        if text.trim().is_empty() && images.is_empty() {
            return None;
        }
        self.history.add(self.edit.text());
        self.edit.reset("");
        self.chips.clear();
        self.choices = None;
        Some(Said { text: text.trim_end().to_owned(), images, is_urgent })
    }

    /// The draft with its chips expanded, for another editor.
    pub fn expanded(&self) -> String {
        self.chips.expand(self.edit.text()).0
    }

    // Completing ----------------------------------------------------------------------------------

    pub fn offer(&mut self, choices: Option<Choices>) {
        self.choices = choices.filter(|choices| !choices.items.is_empty());
    }

    pub fn choices(&self) -> Option<&Choices> {
        self.choices.as_ref()
    }

    pub fn choose(&mut self, step: isize) {
        if let Some(choices) = &mut self.choices {
            let count = choices.items.len() as isize;
            let at = (choices.selected as isize + step).rem_euclid(count);
            choices.selected = usize::try_from(at).unwrap_or(0);
            choices.is_touched = true;
        }
    }

    /// Puts the chosen completion; answers it. What ends a word gets a blank after it.
    pub fn accept(&mut self) -> Option<Item> {
        let choices = self.choices.take()?;
        let item = choices.items.into_iter().nth(choices.selected)?;
        let end = choices.range.end.min(self.text().len());
        let is_folder = item.value.ends_with('/');
        let follows = self.text()[end..].starts_with(char::is_whitespace);
        let gap = if is_folder || follows { "" } else { " " };
        self.edit.replace(choices.range.start.min(end)..end, &format!("{}{gap}", item.value));
        self.history.leave();
        Some(item)
    }

    // Showing -------------------------------------------------------------------------------------

    /// The rows that the draft wants at `width`.
    pub fn height(&self, width: u16) -> usize {
        self.edit.rows(width.max(1)).rows.len().max(1)
    }

    /// Draws the draft and puts the terminal's cursor on the caret.
    pub fn draw(
        &mut self,
        frame: &mut Frame,
        area: Rect,
        theme: &Theme,
        hint: &str,
        has_cursor: bool,
    ) {
        self.width = area.width.max(1);
        let rows = self.edit.rows(self.width);
        let height = usize::from(area.height);
        let (row, column) = rows.caret;
        self.top = self.top.min(row).max((row + 1).saturating_sub(height));
        self.top = self.top.min(rows.rows.len().saturating_sub(height));
        if self.is_empty() {
            frame.put(area.x, area.y, area.right(), hint, theme.fg("muted"), None);
        }
        let chips: Vec<_> = self.chips.ranges(self.edit.text()).collect();
        for (y, range) in (area.y..area.bottom()).zip(rows.rows.iter().skip(self.top)) {
            let mut x = area.x;
            let mut at = range.start;
            let mut cuts: Vec<usize> = chips
                .iter()
                .flat_map(|chip| [chip.start, chip.end])
                .filter(|cut| range.contains(cut) && *cut > range.start)
                .collect();
            cuts.sort_unstable();
            cuts.push(range.end);
            for cut in cuts {
                let is_chip = chips.iter().any(|chip| chip.contains(&at) && at < cut);
                let style = if is_chip {
                    theme.fg("accent").add_modifier(Modifier::REVERSED)
                } else {
                    theme.fg("text")
                };
                let shown = self.edit.shown(&(at..cut));
                x = frame.put(x, y, area.right(), &shown, style, None);
                at = cut;
            }
        }
        if has_cursor && area.width > 0 && area.height > 0 {
            let x = area.x + u16::try_from(column).unwrap_or(u16::MAX).min(area.width - 1);
            let y = area.y + u16::try_from(row - self.top).unwrap_or(0).min(area.height - 1);
            frame.set_cursor(Some((x, y)));
        }
    }
}
