//! From what there is to a frame: who gets which rows.

use zi_kernel::term::{Frame, Modifier, Rect, width};

use super::{app::App, complete::Choices};
use crate::{
    host::lock,
    scene::{draw::DrawContext, format::clean, theme::Theme, tree::SlotKind},
};

/// The smallest screen that everything fits on.
pub const LEAST: (u16, u16) = (20, 6);
/// Completions that are shown at a time.
const MAX_CHOICES: u16 = 8;
/// Rows of the region of an inline screen while something is chosen in it.
const INLINE_ROWS: u16 = 18;
/// Queued messages that are shown.
const MAX_QUEUED: usize = 3;
/// Below this height the rules around the draft are left out.
const RULES_FROM: u16 = 10;

/// Rows from the top to the bottom.
struct Rows {
    header: Rect,
    transcript: Rect,
    sidebar: Rect,
    above: Rect,
    queued: Rect,
    top_rule: Rect,
    draft: Rect,
    bottom_rule: Rect,
    below: Rect,
    status: Rect,
}

impl App {
    /// Draws everything.
    pub(super) fn compose(&mut self) -> Frame {
        let (columns, lines) = self.canvas();
        let mut frame = Frame::new(columns, lines);
        let area = frame.area();
        let theme = self.theme.clone();
        if let Some(background) = theme.color("background") {
            frame.fill(area, zi_kernel::term::Style::new().bg(background));
        }
        if columns < LEAST.0 || lines < LEAST.1 {
            self.say_too_small(&mut frame, area, &theme);
            return frame;
        }
        let queued = self.queued();
        let rows = self.divide(area, queued.len());
        let host = self.host.clone();
        let now = self.now();
        self.feed.draw(&mut frame, rows.transcript, &theme, &self.pictures, now);
        draw_queued(&mut frame, rows.queued, &theme, &queued);
        let context =
            DrawContext { theme: &theme, now, surfaces: &host.surfaces, pictures: &self.pictures };
        for (slot, rect) in [
            (SlotKind::Header, rows.header),
            (SlotKind::SidebarRight, rows.sidebar),
            (SlotKind::EditorAbove, rows.above),
            (SlotKind::EditorBelow, rows.below),
            (SlotKind::Status, rows.status),
        ] {
            if rect.height > 0 && rect.width > 0 {
                self.views.draw_slot(slot, &mut frame, rect, context);
            }
        }
        for (slot, rect) in [
            (SlotKind::EditorBorderTop, rows.top_rule),
            (SlotKind::EditorBorderBottom, rows.bottom_rule),
        ] {
            if rect.height > 0 {
                draw_rule(&mut frame, rect, &theme, self.is_busy);
                let inside = Rect { x: rect.x + 2, width: rect.width.saturating_sub(4), ..rect };
                self.views.draw_slot(slot, &mut frame, inside, context);
            }
        }
        self.draw_draft(&mut frame, rows.draft, &theme);
        let context =
            DrawContext { theme: &theme, now, surfaces: &host.surfaces, pictures: &self.pictures };
        self.notices.draw(&mut frame, rows.transcript, context);
        if let Some(choices) = self.draft.choices() {
            let bottom = if rows.top_rule.height > 0 { rows.top_rule.y } else { rows.draft.y };
            draw_choices(&mut frame, area, bottom, &theme, choices);
        }
        if let Some(search) = &self.search {
            let y = rows.draft.y.saturating_sub(1);
            let line = Rect { y, height: 1, ..rows.draft };
            search.draw(
                &mut frame,
                Rect { x: 0, width: area.width, ..line },
                &theme,
                &self.feed.matches(),
            );
        }
        let has_search = self.search.is_some();
        let cursor = frame.cursor();
        self.views.draw_overlays(&mut frame, area, context);
        if has_search && !self.views.has_capture() {
            frame.set_cursor(cursor);
        }
        // It answers a key, whatever has the keyboard.
        if let Some((hint, _)) = &self.hint {
            let rect = if rows.bottom_rule.height > 0 { rows.bottom_rule } else { rows.status };
            let text = format!(" {hint} ");
            frame.put(rect.x + 1, rect.y, rect.right(), &text, theme.fg("warning"), None);
        }
        frame
    }

    /// The cells to draw on: all of the screen, or as many rows at its end as there is to show.
    fn canvas(&mut self) -> (u16, u16) {
        let (columns, lines) = self.terminal.size();
        if !self.is_inline || columns < LEAST.0 || lines < LEAST.1 {
            return (columns, lines);
        }
        if self.views.has_capture() || self.draft.choices().is_some() {
            return (columns, lines.min(INLINE_ROWS).max(LEAST.1));
        }
        let theme = self.theme.clone();
        let rest = self.other_rows(columns, lines);
        let room = lines.saturating_sub(rest).max(1);
        let rows = self.feed.rows(columns, room, &theme).max(1) + self.notices.rows();
        (columns, (rows + rest).clamp(LEAST.1, lines))
    }

    /// The rows of everything but the conversation.
    fn other_rows(&mut self, columns: u16, lines: u16) -> u16 {
        let area = Rect::new(0, 0, columns, lines);
        let queued = self.queued().len();
        let rows = self.divide(area, queued);
        lines.saturating_sub(rows.transcript.height)
    }

    fn divide(&mut self, area: Rect, queued: usize) -> Rows {
        let theme = self.theme.clone();
        let host = self.host.clone();
        let context = DrawContext {
            theme: &theme,
            now: self.now(),
            surfaces: &host.surfaces,
            pictures: &self.pictures,
        };
        let (columns, lines) = (area.width, area.height);
        let rules = u16::from(self.terminal.size().1 >= RULES_FROM);
        let mut rest = lines - 1;
        let mut take = |wanted: u16, keep: u16| {
            let taken = wanted.min(rest.saturating_sub(keep));
            rest -= taken;
            taken
        };
        // The draft comes first: what is typed is always in sight.
        let inside = columns.saturating_sub(2).max(1);
        let wanted = u16::try_from(self.draft.height(inside)).unwrap_or(u16::MAX);
        let draft = take(wanted.clamp(1, (lines * 2 / 5).max(1)), 1).max(1);
        let status = take(self.views.height_of(SlotKind::Status, columns, context), 1);
        let top_rule = take(rules, 1);
        let bottom_rule = take(rules, 1);
        let queued = take(u16::try_from(queued.min(MAX_QUEUED)).unwrap_or(0), 2);
        let above = take(self.views.height_of(SlotKind::EditorAbove, columns, context), 2);
        let below = take(self.views.height_of(SlotKind::EditorBelow, columns, context), 2);
        let header = take(self.views.height_of(SlotKind::Header, columns, context), 3);
        let transcript = rest + 1;
        let side = self.views.width_of(SlotKind::SidebarRight, columns / 2, context);
        let mut y = 0;
        let mut row = |height: u16| {
            let rect = Rect { x: 0, y, width: columns, height };
            y += height;
            rect
        };
        let header = row(header);
        let whole = row(transcript);
        let main = columns - side.min(columns / 2);
        Rows {
            header,
            transcript: Rect { width: main, ..whole },
            sidebar: Rect { x: main, width: columns - main, ..whole },
            above: row(above),
            queued: row(queued),
            top_rule: row(top_rule),
            draft: row(draft),
            bottom_rule: row(bottom_rule),
            below: row(below),
            status: row(status),
        }
    }

    fn draw_draft(&mut self, frame: &mut Frame, area: Rect, theme: &Theme) {
        let mark = if self.draft.text().starts_with('!') { "!" } else { "›" };
        let style = if self.is_busy { theme.fg("muted") } else { theme.bold("accent") };
        frame.put(area.x, area.y, area.right(), mark, style, None);
        let inside = Rect { x: area.x + 2, width: area.width.saturating_sub(2), ..area };
        let hint = if self.is_busy {
            "what you say now waits for its turn"
        } else if self.feed.is_empty() {
            "say what you want done · / commands · @ files · ! shell"
        } else {
            ""
        };
        let has_cursor = self.search.is_none();
        self.draft.draw(frame, inside, theme, hint, has_cursor);
    }

    /// The first lines of what waits to be said.
    fn queued(&self) -> Vec<String> {
        let queues = lock(&self.host.queues);
        let steering = queues.steering.iter().map(|prompt| ("next", prompt));
        let later = queues.follow_up.iter().map(|prompt| ("then", prompt));
        let all: Vec<_> = steering.chain(later).collect();
        let line = |(when, prompt): &(&str, &crate::run::Prompt)| {
            let text = prompt.text.lines().next().unwrap_or_default();
            format!("{when}: {}", clean::prose(text))
        };
        let mut lines: Vec<String> = all.iter().take(MAX_QUEUED).map(line).collect();
        if all.len() > MAX_QUEUED
            && let Some(last) = lines.last_mut()
        {
            last.push_str(&format!(" (and {} more)", all.len() - MAX_QUEUED));
        }
        lines
    }

    fn say_too_small(&mut self, frame: &mut Frame, area: Rect, theme: &Theme) {
        let size = format!("{}×{}", LEAST.0, LEAST.1);
        let texts = [format!("zi needs {size}"), format!(">{size}"), size];
        let text = texts.iter().find(|text| width(text) <= usize::from(area.width));
        if let Some(text) = text
            && area.height > 0
        {
            frame.put(0, area.height / 2, area.width, text, theme.fg("warning"), None);
        }
        frame.set_cursor(None);
    }
}

fn draw_rule(frame: &mut Frame, area: Rect, theme: &Theme, is_busy: bool) {
    let style = theme.fg(if is_busy { "border" } else { "border_focus" });
    frame.put(area.x, area.y, area.right(), &"─".repeat(area.width.into()), style, None);
}

fn draw_queued(frame: &mut Frame, area: Rect, theme: &Theme, queued: &[String]) {
    for (y, text) in (area.y..area.bottom()).zip(queued) {
        let x = frame.put(area.x + 1, y, area.right(), "⏳ ", theme.fg("muted"), None);
        let style = theme.fg("muted").add_modifier(Modifier::ITALIC);
        frame.put(x, y, area.right(), text, style, None);
    }
}

/// Draws completions above `bottom`, the chosen one marked.
fn draw_choices(frame: &mut Frame, screen: Rect, bottom: u16, theme: &Theme, choices: &Choices) {
    let count = u16::try_from(choices.items.len()).unwrap_or(u16::MAX);
    let rows = count.min(MAX_CHOICES).min(bottom);
    let first = choices.selected.saturating_sub(usize::from(rows.saturating_sub(1)));
    let labels = choices
        .items
        .iter()
        .map(|item| width(&clean::exact_line(&item.label)))
        .max()
        .unwrap_or(0)
        .min(40);
    for row in 0..rows {
        let index = first + usize::from(row);
        let Some(item) = choices.items.get(index) else { break };
        let y = bottom - rows + row;
        let line = Rect { x: 0, y, width: screen.width, height: 1 };
        let is_chosen = index == choices.selected;
        frame.fill(line, if is_chosen { theme.bg("selection") } else { theme.bg("background") });
        let mark = if is_chosen { " ▸ " } else { "   " };
        let style = if is_chosen { theme.bold("accent") } else { theme.fg("text") };
        let x = frame.put(0, y, screen.width, mark, style, None);
        frame.put(x, y, screen.width, &clean::exact_line(&item.label), style, None);
        let at = x + u16::try_from(labels).unwrap_or(0) + 2;
        let about = clean::exact_line(&item.about);
        frame.put(at, y, screen.width.saturating_sub(8), &about, theme.fg("muted"), None);
        if is_chosen && count > rows {
            let place = format!("{}/{count}", index + 1);
            let at = screen.width.saturating_sub(u16::try_from(width(&place)).unwrap_or(0) + 1);
            frame.put(at, y, screen.width, &place, theme.fg("muted"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::complete::Item, *};

    #[test]
    fn completions_hide_nothing_of_a_name() {
        let name = "a\u{202E}cod\u{200B}.exe\n".to_owned();
        let item = Item { value: name.clone(), label: name, about: String::new(), goes_on: false };
        let choices = Choices { items: vec![item], ..Choices::default() };
        let mut frame = Frame::new(60, 2);
        draw_choices(&mut frame, Rect::new(0, 0, 60, 2), 2, &Theme::default(), &choices);
        assert!(frame.text().contains("a<U+202E>cod<U+200B>.exe⏎"), "{}", frame.text());
    }
}
