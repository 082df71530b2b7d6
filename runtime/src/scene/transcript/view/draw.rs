//! Drawing the rows in sight.

use std::time::Duration;

use unicode_segmentation::UnicodeSegmentation as _;
use zi_kernel::term::{Frame, Modifier, Rect, Style, width};

use super::{
    super::{
        Wanted,
        lay::Mark,
        search::{Needle, Search},
        tool::seconds,
    },
    Placed, Position, View,
};
use crate::scene::line::Line;

const SPINNER: &[&str] = &["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const SPINNER_MS: u128 = 80;

impl View {
    pub(super) fn draw_rows(
        &mut self,
        frame: &mut Frame,
        area: Rect,
        top: Position,
        now: Duration,
    ) {
        let mut y = area.y;
        let mut row = top.row;
        for index in top.block..self.transcript.len() {
            let rows = self.rows(index);
            let in_sight = rows.saturating_sub(row).min(usize::from(area.bottom() - y));
            let slice = Rect { y, height: u16::try_from(in_sight).unwrap_or(u16::MAX), ..area };
            self.draw_block(frame, slice, index, row, now);
            y += slice.height;
            row = 0;
            if y >= area.bottom() {
                break;
            }
        }
    }

    /// Draws the rows of a block from `first` on.
    fn draw_block(
        &mut self,
        frame: &mut Frame,
        area: Rect,
        index: usize,
        first: usize,
        now: Duration,
    ) {
        let gutter = self.gutter();
        let id = self.transcript.entries[index].id.clone();
        let is_focused = self.focus.as_ref() == Some(&id);
        let is_expanded = self.is_expanded(&id);
        let needle = self.search.as_ref().map(Search::needle);
        let Some(cached) = self.cache.get(&id) else { return };
        let gap = usize::from(index > 0);
        for (y, row) in (area.y..area.bottom()).zip(first..) {
            let Some(line) = row.checked_sub(gap).and_then(|line| cached.lines().get(line)) else {
                continue;
            };
            let strip = Rect { y, height: 1, ..area };
            frame.restyle(Rect { width: gutter.min(area.width), ..strip }, line.fill);
            let x = area.x + gutter;
            line.draw(frame, x, y, area.right());
            if row == gap {
                self.draw_mark(frame, strip, cached.laid.mark, now);
                if let Some(since) = cached.laid.running_since {
                    let text = format!(" {}", seconds(now.saturating_sub(since)));
                    let x = x.saturating_add(u16::try_from(line.width()).unwrap_or(u16::MAX));
                    frame.put(x, y, area.right(), &text, self.theme.fg("muted"), None);
                }
            }
            if let Some(needle) = needle {
                self.draw_matches(frame, Rect { x, ..strip }, area.right(), line, needle);
            }
            if is_focused {
                self.draw_focus(frame, strip);
            }
        }
        let below = Rect { x: area.x + gutter, width: area.width - gutter, ..area };
        let rooms: Vec<Placed> = cached
            .laid
            .rooms
            .iter()
            .filter_map(|room| {
                let start = room.line + gap;
                let hidden = first.saturating_sub(start);
                let y = start.saturating_sub(first);
                let rows = room.rows.saturating_sub(hidden);
                let rows = rows.min(usize::from(area.height).saturating_sub(y));
                let cells = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
                let columns = cells(room.columns).min(below.width);
                (rows > 0 && columns > 0).then(|| Placed {
                    id: room.picture.id.clone(),
                    area: Rect::new(below.x, area.y + cells(y), columns, cells(rows)),
                    hidden_rows: cells(hidden),
                    size: (cells(room.columns), cells(room.rows)),
                })
            })
            .collect();
        let shape = super::super::Shape {
            width: usize::from(below.width),
            is_expanded,
            theme: self.theme.key(),
        };
        let wanted = cached.laid.wanted.iter();
        let wanted: Vec<Wanted> =
            wanted.map(|part| Wanted { id: id.clone(), part: *part, shape }).collect();
        if area.height > 0 {
            self.pictures.extend(rooms);
            self.wanted.extend(wanted);
        }
    }

    fn draw_mark(&self, frame: &mut Frame, row: Rect, mark: Mark, now: Duration) {
        if self.gutter() == 0 {
            return;
        }
        let (sign, style) = match mark {
            Mark::None => return,
            Mark::Sign(sign, style) => (sign, style),
            Mark::Spinner(style) => {
                let step = now.as_millis() / SPINNER_MS;
                let index = usize::try_from(step % SPINNER.len() as u128).unwrap_or(0);
                (SPINNER[index], style)
            }
        };
        frame.put(row.x, row.y, row.right(), sign, style, None);
    }

    fn draw_focus(&self, frame: &mut Frame, row: Rect) {
        if self.gutter() == 0 {
            frame.restyle(row, self.theme.bg("selection"));
        } else {
            frame.put(row.x, row.y, row.right(), "▌", self.theme.fg("border_focus"), None);
        }
    }

    fn draw_matches(&self, frame: &mut Frame, row: Rect, end: u16, line: &Line, needle: &Needle) {
        let text = line.text();
        let style = self.theme.bg("selection").add_modifier(Modifier::BOLD | Modifier::REVERSED);
        for found in needle.find(&text) {
            // A match may begin or end within what is one sign.
            let cells = |to: usize| -> usize {
                text.grapheme_indices(true)
                    .take_while(|(at, _)| *at < to)
                    .map(|(_, grapheme)| width(grapheme))
                    .sum()
            };
            let (start, stop) = (cells(found.start), cells(found.end));
            let column = |cells: usize| {
                u16::try_from(cells).map_or(end, |cells| row.x.saturating_add(cells).min(end))
            };
            let (x, stop) = (column(start), column(stop));
            frame.restyle(Rect::new(x, row.y, stop - x, 1), style);
        }
    }

    /// Says at the bottom that there is more to see.
    pub(super) fn draw_marker(&mut self, frame: &mut Frame, area: Rect) {
        let new = self.new_lines();
        if new == 0 {
            return;
        }
        let lines = if new == 1 { "line" } else { "lines" };
        let text = format!(" ↓ {new} new {lines} ");
        let taken = u16::try_from(width(&text)).unwrap_or(u16::MAX);
        let x = area.right().saturating_sub(taken).max(area.x);
        let style = Style::new().patch(self.theme.bold("accent")).patch(self.theme.bg("selection"));
        frame.put(x, area.bottom() - 1, area.right(), &text, style, None);
    }
}
