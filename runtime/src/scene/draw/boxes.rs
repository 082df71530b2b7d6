//! Nodes that hold others, their frames, and text.

use std::sync::Arc;

use zi_kernel::term::{Frame, Style, width};

use super::{Area, Painter, State, Written, cut, measure::around, written};
use crate::scene::{
    format::clean,
    line::Line,
    tree::{Align, Chrome, Direction, Node, Text},
};

/// Widths of which the lines of a text are kept.
const KEPT_WIDTHS: usize = 4;
/// Columns that what scrolls has to have for a bar beside it.
const BAR_FROM: u16 = 8;

impl Painter<'_> {
    pub(super) fn draw_view(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        children: &[Node],
        area: Area,
        base: Style,
    ) {
        let inner = self.draw_chrome(frame, node, area, base);
        self.draw_children(frame, node, children, inner, base);
    }

    /// Draws the frame of a node, and answers what is inside of it. Where a frame would leave nothing
    /// there is none, and so it is with padding.
    fn draw_chrome(&self, frame: &mut Frame, node: &Node, area: Area, base: Style) -> Area {
        let mut inner = area;
        if let Some(chrome) = &node.style.chrome
            && area.width >= 4
            && area.height >= 3
        {
            self.draw_frame(frame, chrome, area, base);
            inner = area.inside((1, 1));
        }
        let (rows, columns) = node.style.padding;
        let rows = if rows.saturating_mul(2) < inner.height { rows } else { 0 };
        let columns = if columns.saturating_mul(2) < inner.width { columns } else { 0 };
        inner.inside((rows, columns))
    }

    fn draw_frame(&self, frame: &mut Frame, chrome: &Chrome, area: Area, base: Style) {
        let [top_left, top_right, bottom_right, bottom_left, across, down] = chrome.border;
        let theme = self.context.theme;
        let has_focus = self.focused.is_some();
        let own = if has_focus { "border_focus" } else { "border" };
        let style = base.patch(theme.fg(chrome.tone.unwrap_or(own)));
        let (last, bottom) = (area.end() - 1, area.y + i32::from(area.height) - 1);
        let line = across.repeat(usize::from(area.width - 2));
        self.put(frame, (area.x + 1, area.y), last, &line, style);
        self.put(frame, (area.x + 1, bottom), last, &line, style);
        for y in area.y..=bottom {
            let (left, right) = match y {
                y if y == area.y => (top_left, top_right),
                y if y == bottom => (bottom_left, bottom_right),
                _ => (down, down),
            };
            self.put(frame, (area.x, y), area.end(), left, style);
            self.put(frame, (last, y), area.end(), right, style);
        }
        self.draw_titles(frame, chrome, area, style);
    }

    /// The title and what trails, in the upper line of a frame; the title goes first.
    fn draw_titles(&self, frame: &mut Frame, chrome: &Chrome, area: Area, style: Style) {
        let room = area.width - 2;
        if room < 4 {
            return;
        }
        let mut used = 0;
        if !chrome.title.is_empty() {
            let title = cut(&one_line(&chrome.title), room - 2);
            let title = format!(" {title} ");
            let x = area.x + 1;
            let bold = style.add_modifier(zi_kernel::term::Modifier::BOLD);
            used = self.put(frame, (x, area.y), x + room, &title, bold) - x;
        }
        let left = room.saturating_sub(used);
        if !chrome.trailing.is_empty() && left > 3 {
            let trailing = format!(" {} ", cut(&one_line(&chrome.trailing), left - 2));
            let wide = u16::try_from(width(&trailing)).unwrap_or(left).min(left);
            let end = area.end() - 1;
            self.put(frame, (end - wide, area.y), end, &trailing, style);
        }
    }

    fn draw_children(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        children: &[Node],
        area: Area,
        base: Style,
    ) {
        match node.style.direction {
            Direction::Column => {
                let sizes = self.heights(node, children, (area.width, area.height));
                let taken: Vec<u16> = sizes.iter().map(|(_, height)| *height).collect();
                let places = places(&taken, area.height, node.style.gap, node.style.justify);
                for ((child, (width, height)), at) in children.iter().zip(sizes).zip(places) {
                    let x = area.x + aside(area.width, width, node.style.align);
                    let area = Area { x, y: area.y + i32::from(at), width, height };
                    self.draw(frame, child, area, base);
                }
            }
            Direction::Row => {
                let widths = self.widths(node, children, area.width);
                let places = places(&widths, area.width, node.style.gap, node.style.justify);
                for ((child, width), at) in children.iter().zip(widths).zip(places) {
                    let (_, own) = self.outer_size(child, width, Some(area.height));
                    let is_free = child.style.height.is_none();
                    let stretch = matches!(node.style.align, None | Some(Align::Stretch));
                    let height = if is_free && stretch { area.height } else { own };
                    let height = height.min(area.height);
                    let y = area.y + i32::from(aside(area.height, height, node.style.align));
                    let area = Area { x: area.x + at, y, width, height };
                    self.draw(frame, child, area, base);
                }
            }
        }
    }

    pub(super) fn draw_scroll(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        children: &[Node],
        wanted: Option<u32>,
        area: Area,
        base: Style,
    ) {
        let mut inner = self.draw_chrome(frame, node, area, base);
        let (rows, columns) = around(node);
        let around = (rows.saturating_mul(2), columns.saturating_mul(2));
        let mut whole = self.natural_size(node, inner.width.saturating_add(around.1)).1;
        let bar = (inner.end().saturating_sub(1), inner.y);
        let has_bar = whole.saturating_sub(around.0) > inner.height && inner.width > BAR_FROM;
        if has_bar {
            inner.width -= 2;
            whole = self.natural_size(node, inner.width.saturating_add(around.1)).1;
        }
        let whole = whole.saturating_sub(around.0);
        let state = self.states.scroll_mut(&node.id);
        if state.rows == 0 {
            state.top = wanted.unwrap_or(0);
        }
        state.rows = inner.height;
        state.most = u32::from(whole.saturating_sub(inner.height));
        state.top = state.top.min(state.most);
        let top = i32::try_from(state.top).unwrap_or(i32::MAX);
        let shown = self.rows.clone();
        let bottom = inner.y + i32::from(inner.height);
        self.rows = shown.start.max(inner.y)..shown.end.min(bottom);
        let content = Area { y: inner.y - top, height: whole.max(inner.height), ..inner };
        self.draw_children(frame, node, children, content, base);
        self.rows = shown;
        if has_bar {
            let muted = base.patch(self.context.theme.fg("muted"));
            let place = (usize::try_from(top).unwrap_or(0), usize::from(whole));
            self.draw_bar(frame, bar, inner.height, place, muted);
        }
    }

    /// The lines of a text node at `columns`, made once, and its width when it is not wrapped.
    pub(super) fn lines(
        &mut self,
        node: &Node,
        text: &Text,
        columns: u16,
    ) -> (Arc<Vec<Line>>, u16) {
        let theme = self.context.theme;
        let key = (columns, theme.key());
        if !matches!(self.states.get(&node.id), Some(State::Written(_))) {
            self.states.set(&node.id, State::Written(Vec::new()));
        }
        let Some(State::Written(kept)) = self.states.get_mut(&node.id) else {
            return (Arc::default(), 0);
        };
        if let Some(written) = kept.iter().find(|written| written.key == key) {
            return (written.lines.clone(), written.natural);
        }
        let lines = Arc::new(written::lines(text, columns, theme));
        let natural = written::natural_width(text, &lines, theme);
        if kept.len() == KEPT_WIDTHS {
            kept.remove(0);
        }
        kept.push(Written { key, lines: lines.clone(), natural });
        (lines, natural)
    }

    pub(super) fn draw_text(
        &mut self,
        frame: &mut Frame,
        node: &Node,
        text: &Text,
        area: Area,
        base: Style,
    ) {
        let (lines, _) = self.lines(node, text, area.width);
        let skipped = usize::try_from(text.scroll_y).unwrap_or(usize::MAX);
        let skipped = skipped.min(lines.len().saturating_sub(1));
        for (y, line) in (area.y..).zip(lines[skipped..].iter().take(area.height.into())) {
            let mut line = match usize::try_from(text.scroll_x) {
                Ok(0) | Err(_) => line.clone(),
                Ok(columns) => written::scrolled(line, columns),
            };
            line.spans.iter_mut().for_each(|span| span.style = base.patch(span.style));
            let wide = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
            let x = area.x + aside(area.width, wide, Some(text.align));
            self.draw_line(frame, &line, (x, y), area.end());
        }
    }
}

/// Text for a place of one line.
pub(super) fn one_line(text: &str) -> String {
    clean::prose(text).replace(['\n', '\t'], " ")
}

/// How far aside something of `size` begins in `room`.
pub(super) fn aside(room: u16, size: u16, align: Option<Align>) -> u16 {
    let left = room.saturating_sub(size);
    match align {
        Some(Align::Center) => left / 2,
        Some(Align::End) => left,
        _ => 0,
    }
}

/// Where parts of these sizes begin.
fn places(sizes: &[u16], room: u16, gap: u16, justify: Align) -> Vec<u16> {
    let count = u16::try_from(sizes.len()).unwrap_or(u16::MAX);
    let gaps = gap.saturating_mul(count.saturating_sub(1));
    let taken = sizes.iter().fold(gaps, |sum, size| sum.saturating_add(*size));
    let left = room.saturating_sub(taken);
    let mut at = match justify {
        Align::Center => left / 2,
        Align::End => left,
        _ => 0,
    };
    let between = count.saturating_sub(1);
    let mut places = Vec::with_capacity(sizes.len());
    for (index, size) in (0_u16..).zip(sizes) {
        places.push(at.min(room));
        let more = match justify {
            // What does not divide is between the first ones.
            Align::Between if between > 0 => left / between + u16::from(index < left % between),
            _ => 0,
        };
        at = at.saturating_add(*size).saturating_add(gap).saturating_add(more);
    }
    places
}
