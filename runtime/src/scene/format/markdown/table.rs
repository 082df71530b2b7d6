//! Tables: columns that fit.

use pulldown_cmark::Alignment;
use zi_kernel::term::{Modifier, Style, width};

use crate::scene::{
    format::wrap,
    line::{Line, Span},
    theme::Theme,
};

const GAP: usize = 3;
/// No column gets narrower than that.
const LEAST: usize = 3;
const MAX_COLUMNS: usize = 64;

type Cell = Vec<Span>;

/// A table: its first row is the head.
#[derive(Debug)]
pub(super) struct Table {
    alignments: Vec<Alignment>,
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    pub fn new(alignments: Vec<Alignment>) -> Self {
        Self { alignments, rows: Vec::new() }
    }

    /// Lays the table out below `prefix`, as what stands before its first and its other lines.
    pub fn lay(mut self, prefix: (Vec<Span>, Vec<Span>), room: usize, theme: &Theme) -> Vec<Line> {
        for span in self.rows.iter_mut().take(1).flatten().flatten() {
            span.style = span.style.add_modifier(Modifier::BOLD);
        }
        let taken: usize = prefix.0.iter().map(|span| width(&span.text)).sum();
        let (prefix, room) =
            if taken * 3 > room * 2 { (Default::default(), room) } else { (prefix, room - taken) };
        let body = match self.widths(room) {
            Some(widths) => self.grid(&widths, theme),
            None => self.records(room, theme),
        };
        let mut first = Some(prefix.0);
        body.into_iter()
            .map(|mut line| {
                let before = first.take().unwrap_or_else(|| prefix.1.clone());
                line.spans.splice(0..0, before);
                line
            })
            .collect()
    }

    /// The widths of the columns; nothing where they do not fit side by side.
    fn widths(&self, room: usize) -> Option<Vec<usize>> {
        let columns = self.alignments.len();
        let room = room.checked_sub(GAP * columns.saturating_sub(1))?;
        if columns == 0 || columns > MAX_COLUMNS || columns * LEAST > room {
            return None;
        }
        let mut wanted = vec![1; columns];
        for row in &self.rows {
            for (wanted, cell) in wanted.iter_mut().zip(row) {
                *wanted = (*wanted).max(cell_width(cell));
            }
        }
        // The widest columns give way, all to the same width.
        let mut widths = wanted.clone();
        let mut left = room;
        let mut order: Vec<usize> = (0..columns).collect();
        order.sort_by_key(|column| wanted[*column]);
        for (done, column) in order.iter().enumerate() {
            let share = left / (columns - done);
            widths[*column] = wanted[*column].min(share);
            left -= widths[*column];
        }
        Some(widths)
    }

    fn grid(&self, widths: &[usize], theme: &Theme) -> Vec<Line> {
        let border = theme.fg("border");
        let mut lines = Vec::new();
        for (index, row) in self.rows.iter().enumerate() {
            lines.extend(self.row(row, widths, border));
            if index == 0 {
                let parts: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                lines.push(Line::plain(parts.join("─┼─"), border));
            }
        }
        lines
    }

    fn row(&self, row: &[Cell], widths: &[usize], border: Style) -> Vec<Line> {
        let cells: Vec<Vec<Line>> = widths
            .iter()
            .enumerate()
            .map(|(column, width)| {
                let cell = row.get(column).map_or(&[][..], Vec::as_slice);
                wrap::wrap(cell, &wrap::Options::new(*width))
            })
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(1);
        (0..height)
            .map(|y| {
                let mut spans = Vec::new();
                for (column, room) in widths.iter().enumerate() {
                    if column > 0 {
                        spans.push(Span::new(" │ ", border));
                    }
                    let line = cells[column].get(y).cloned().unwrap_or_default();
                    let free = room.saturating_sub(line.width());
                    let (before, mut after) = match self.alignments[column] {
                        Alignment::Right => (free, 0),
                        Alignment::Center => (free / 2, free - free / 2),
                        _ => (0, free),
                    };
                    if column + 1 == widths.len() {
                        after = 0;
                    }
                    spans.push(blanks(before));
                    spans.extend(line.spans);
                    spans.push(blanks(after));
                }
                spans.retain(|span| !span.text.is_empty());
                Line::new(spans)
            })
            .collect()
    }

    /// One line for each cell, where the columns do not fit side by side.
    fn records(&self, room: usize, theme: &Theme) -> Vec<Line> {
        let Some((head, rows)) = self.rows.split_first() else { return Vec::new() };
        let mut lines = Vec::new();
        let mut put = |spans: &[Span]| {
            lines.extend(wrap::wrap(spans, &wrap::Options::new(room)));
        };
        for (index, row) in rows.iter().enumerate() {
            if index > 0 {
                put(&[]);
            }
            for (column, cell) in row.iter().enumerate() {
                let mut spans = head.get(column).cloned().unwrap_or_default();
                spans.push(Span::new(": ", theme.fg("muted")));
                spans.extend_from_slice(cell);
                put(&spans);
            }
        }
        if rows.is_empty() {
            head.iter().for_each(|cell| put(cell));
        }
        lines
    }
}

fn blanks(count: usize) -> Span {
    Span::new(" ".repeat(count), Style::new())
}

fn cell_width(cell: &[Span]) -> usize {
    cell.iter().map(|span| width(&span.text)).sum()
}
