//! Nodes of one line, and those that people choose and write in.

use zi_kernel::term::{Frame, Modifier, Style, width};

use super::{
    Area, Painter,
    boxes::{aside, one_line},
    cut,
    measure::{MEASURED_ITEMS, has_head, table_widths},
    selection,
};
use crate::scene::{
    format::wrap,
    tree::{Cell, Input, List, Node, Table},
};

/// Parts of a cell, an eighth each.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
/// Columns from which on a long label leaves room for what is beside it.
const BESIDE_FROM: u16 = 24;
/// How long a busy bar takes to go across.
const SWEEP_MS: u128 = 1600;

impl Painter<'_> {
    pub(super) fn draw_chip(&self, frame: &mut Frame, label: &str, area: Area, base: Style) {
        let label = format!(" {} ", one_line(label));
        let style = base.add_modifier(Modifier::REVERSED);
        self.put(frame, (area.x, area.y), area.end(), &cut(&label, area.width), style);
    }

    pub(super) fn draw_spinner(&self, frame: &mut Frame, label: &str, area: Area, base: Style) {
        let style = self.context.theme.fg("accent").patch(base);
        let end = area.end();
        let x = self.put(frame, (area.x, area.y), end, self.context.spinner(), style);
        let label = cut(&one_line(label), area.width.saturating_sub(2));
        self.put(frame, (x.saturating_add(1), area.y), end, &label, base);
    }

    pub(super) fn draw_separator(&self, frame: &mut Frame, label: &str, area: Area, base: Style) {
        let style = self.context.theme.fg("border").patch(base);
        if area.width == 1 && area.height > 1 {
            for y in area.y..area.y + i32::from(area.height) {
                self.put(frame, (area.x, y), area.end(), "│", style);
            }
            return;
        }
        let line = "─".repeat(area.width.into());
        self.put(frame, (area.x, area.y), area.end(), &line, style);
        if !label.is_empty() && area.width > 6 {
            let label = format!(" {} ", cut(&one_line(label), area.width - 6));
            let muted = self.context.theme.fg("muted").patch(base);
            self.put(frame, (area.x + 2, area.y), area.end(), &label, muted);
        }
    }

    /// A bar with its label before it and how far it is behind it, as far as there is room.
    pub(super) fn draw_progress(
        &self,
        frame: &mut Frame,
        value: Option<f64>,
        label: &str,
        area: Area,
        base: Style,
    ) {
        let (mut x, mut end) = (area.x, area.end());
        if !label.is_empty() && area.width > 12 {
            let label = cut(&one_line(label), area.width / 2);
            x = self.put(frame, (x, area.y), end, &label, base).saturating_add(1).min(end);
        }
        if let Some(value) = value
            && end - x > 8
        {
            let percent = format!(" {:>3.0}%", value * 100.0);
            end -= 5;
            self.put(frame, (end, area.y), area.end(), &percent, base);
        }
        let room = end - x;
        let done = self.context.theme.fg("accent").patch(base);
        let track = self.context.theme.fg("border").patch(base);
        self.put(frame, (x, area.y), end, &"─".repeat(room.into()), track);
        match value {
            Some(value) => {
                let eighths = (f64::from(room) * 8.0 * value).round() as usize;
                let bar = format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8]);
                self.put(frame, (x, area.y), end, &bar, done);
            }
            None => {
                let wide = (room / 4).clamp(1, 12).min(room);
                let way = u128::from(room - wide);
                let at = self.context.now.as_millis() % (SWEEP_MS * 2);
                let forth = at.min(SWEEP_MS * 2 - at) * way / SWEEP_MS;
                let at = x + u16::try_from(forth).unwrap_or(0);
                self.put(frame, (at, area.y), end, &"━".repeat(wide.into()), done);
            }
        }
    }

    pub(super) fn draw_input(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        input: &Input,
        area: Area,
        base: Style,
    ) {
        let has_caret = self.focused == Some(node.id.as_str());
        let muted = self.context.theme.fg("muted");
        let Some(state) = self.states.input_mut(&node.id) else {
            // A tree that nobody can type into.
            let shown = input.value.as_deref().unwrap_or_default();
            self.put(frame, (area.x, area.y), area.end(), &cut(&one_line(shown), area.width), base);
            return;
        };
        state.width = area.width;
        if !state.edit.is_multiline() {
            self.draw_input_line(frame, node, input, area, base);
            return;
        }
        let rows = state.edit.rows(area.width);
        let (row, column) = rows.caret;
        let height = usize::from(area.height);
        state.top = state.top.min(row).max((row + 1).saturating_sub(height));
        state.top = state.top.min(rows.rows.len().saturating_sub(height));
        let top = state.top;
        let shown: Vec<String> = rows.rows[top..]
            .iter()
            .take(height)
            .map(|row| state.edit.shown(row).into_owned())
            .collect();
        let is_empty = state.edit.is_empty();
        for (y, text) in (area.y..).zip(&shown) {
            self.put(frame, (area.x, y), area.end(), text, base);
        }
        if is_empty {
            let hint = cut(&one_line(&input.placeholder), area.width);
            self.put(frame, (area.x, area.y), area.end(), &hint, base.patch(muted));
        }
        if has_caret {
            let y = area.y + i32::try_from(row - top).unwrap_or(0);
            self.set_caret(area, column, y);
        }
    }

    /// An input of one line: it scrolls so that the caret can be seen.
    fn draw_input_line(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        input: &Input,
        area: Area,
        base: Style,
    ) {
        let Some(state) = self.states.input_mut(&node.id) else { return };
        let whole = 0..state.edit.text().len();
        let before = width(&state.edit.shown(&(0..state.edit.caret())).replace('\t', "    "));
        let shown = state.edit.shown(&whole).into_owned();
        let room = usize::from(area.width);
        // `top` counts columns here.
        state.top = state.top.min(before).max((before + 1).saturating_sub(room));
        state.top = state.top.min((width(&shown) + 1).saturating_sub(room));
        let top = state.top;
        let line = crate::scene::line::Line::plain(shown, base);
        let line = super::written::scrolled(&line, top);
        self.draw_line(frame, &line, (area.x, area.y), area.end());
        if line.spans.is_empty() {
            let hint = cut(&one_line(&input.placeholder), area.width);
            let muted = base.patch(self.context.theme.fg("muted"));
            self.put(frame, (area.x, area.y), area.end(), &hint, muted);
        }
        if self.focused == Some(node.id.as_str()) {
            self.set_caret(area, before - top, area.y);
        }
    }

    fn set_caret(&mut self, area: Area, column: usize, y: i32) {
        let column = u16::try_from(column).unwrap_or(u16::MAX).min(area.width - 1);
        self.caret = self.row(y).map(|y| (area.x + column, y));
    }

    pub(super) fn draw_list(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        list: &List,
        area: Area,
        base: Style,
    ) {
        let muted = base.patch(self.context.theme.fg("muted"));
        let accent = base.patch(self.context.theme.fg("accent"));
        let (top, shown, selected) = match self.states.list_mut(&node.id) {
            Some(state) => {
                state.rows = area.height;
                state.keep_visible();
                let rows = state.shown.iter().skip(state.top).take(area.height.into());
                (state.top, rows.copied().collect::<Vec<_>>(), Some(state.selected))
            }
            None => {
                let all = (0..list.items.len()).take(area.height.into()).collect();
                (0, all, list.selected)
            }
        };
        if shown.is_empty() {
            let empty = cut(&one_line(&list.empty), area.width);
            self.put(frame, (area.x, area.y), area.end(), &empty, muted);
            return;
        }
        let count = self.shown_items(node, list);
        let has_more = count > usize::from(area.height) && area.width > 8;
        let end = area.end() - u16::from(has_more);
        let labels = label_width(list, end.saturating_sub(area.x));
        for (y, index) in (area.y..).zip(shown) {
            let item = &list.items[index];
            let is_selected = selected == Some(index);
            let look = base.patch(item.look.style(self.context.theme));
            let mut x = area.x;
            let pointer = if is_selected { "› " } else { "  " };
            if area.width > 4 {
                x = self.put(frame, (x, y), end, pointer, accent);
            }
            if let Some(marked) = &list.marked {
                let mark = if marked.contains(&index) { "◉ " } else { "○ " };
                x = self.put(frame, (x, y), end, mark, accent);
            }
            let label = one_line(&item.label);
            let bold = if is_selected { look.add_modifier(Modifier::BOLD) } else { look };
            let column = x.saturating_add(labels).min(end);
            // What is long leaves room for a short detail.
            let room = end.saturating_sub(x);
            let detail = u16::try_from(width(&item.detail)).unwrap_or(u16::MAX).saturating_add(2);
            let has_room = !item.detail.is_empty() && room >= BESIDE_FROM;
            let kept = if has_room { detail.min(room / 3) } else { 0 };
            x = self.put(frame, (x, y), end, &cut(&label, room - kept), bold);
            x = x.max(column);
            let left = end.saturating_sub(x);
            if !item.detail.is_empty() && left > 4 {
                let detail = cut(&one_line(&item.detail), left - 2);
                self.put(frame, (x + 2, y), end, &detail, muted);
            }
            if is_selected {
                let row = Area { y, height: 1, width: end - area.x, ..area };
                self.restyle(frame, row, selection(&self.context));
            }
        }
        if has_more {
            self.draw_bar(frame, (end, area.y), area.height, (top, count), muted);
        }
    }

    /// A bar that shows which part of something long is seen.
    pub(super) fn draw_bar(
        &self,
        frame: &mut Frame,
        (x, y): (u16, i32),
        height: u16,
        (top, count): (usize, usize),
        style: Style,
    ) {
        let rows = usize::from(height);
        if rows == 0 || count <= rows {
            return;
        }
        let long = (rows * rows / count).clamp(1, rows);
        let way = rows - long;
        let at = top * way / (count - rows).max(1);
        for row in 0..rows {
            let mark = if (at..at + long).contains(&row) { "┃" } else { "│" };
            let y = y + i32::try_from(row).unwrap_or(0);
            self.put(frame, (x, y), x + 1, mark, style);
        }
    }

    pub(super) fn draw_table(&self, frame: &mut Frame, table: &Table, area: Area, base: Style) {
        let widths = table_widths(table, area.width);
        let mut y = area.y;
        let bottom = area.y + i32::from(area.height);
        if has_head(table) {
            let look = self.context.theme.bold("muted").patch(base);
            let titles = table.columns.iter().map(|column| (column.title.as_str(), look));
            y += i32::from(self.draw_row(frame, table, titles, &widths, (area, y)));
        }
        for row in &table.rows {
            if y >= bottom {
                break;
            }
            let style = |cell: &Cell| base.patch(cell.look.style(self.context.theme));
            let cells = row.iter().map(|cell| (cell.text.as_str(), style(cell)));
            y += i32::from(self.draw_row(frame, table, cells, &widths, (area, y)));
        }
    }

    /// Draws the cells of a row beside each other, and answers how many lines the row has.
    fn draw_row<'c>(
        &self,
        frame: &mut Frame,
        table: &Table,
        cells: impl Iterator<Item = (&'c str, Style)>,
        widths: &[u16],
        (area, y): (Area, i32),
    ) -> u16 {
        let mut x = area.x;
        let mut high = 1;
        for (at, ((text, style), room)) in cells.zip(widths).enumerate() {
            let align = table.columns.get(at).map(|column| column.align);
            let lines = cell_lines(text, *room);
            high = high.max(u16::try_from(lines.len()).unwrap_or(u16::MAX));
            for (y, line) in (y..area.y + i32::from(area.height)).zip(&lines) {
                let wide = u16::try_from(width(line)).unwrap_or(*room);
                let start = x.saturating_add(aside(*room, wide, align));
                self.put(frame, (start, y), area.end().min(x.saturating_add(*room)), line, style);
            }
            x = x.saturating_add(*room).saturating_add(2);
        }
        high
    }
}

/// The first line of a cell's text, broken to the width of its column.
pub(super) fn cell_lines(text: &str, room: u16) -> Vec<String> {
    let text = one_line(text.lines().next().unwrap_or(""));
    if width(&text) <= room.into() {
        return vec![text];
    }
    let lines = wrap::plain(&text, Style::new(), &wrap::Options::new(room.into()));
    lines.iter().map(|line| cut(&line.text(), room)).collect()
}

/// The column that details begin in, so that they stand below each other where there is room.
fn label_width(list: &List, room: u16) -> u16 {
    let items = list.items.iter().take(MEASURED_ITEMS).filter(|item| !item.detail.is_empty());
    let widest = items.map(|item| width(&item.label)).max().unwrap_or(0);
    u16::try_from(widest).unwrap_or(u16::MAX).min(room / 2)
}

impl super::ListState {
    /// The place of the selected item among those that are shown.
    pub fn position(&self) -> Option<usize> {
        self.shown.iter().position(|index| *index == self.selected)
    }

    /// Scrolls so that the selected item is on the screen.
    fn keep_visible(&mut self) {
        let rows = usize::from(self.rows.max(1));
        let at = self.position().unwrap_or(0);
        self.top = self.top.min(at).max((at + 1).saturating_sub(rows));
        self.top = self.top.min(self.shown.len().saturating_sub(rows));
    }
}
