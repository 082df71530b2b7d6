//! How much room nodes take.

use zi_kernel::term::width;

use super::{Painter, State, controls::cell_lines, spinner_text};
use crate::scene::{
    layout::{Part, divide},
    tree::{Align, Cell, Direction, Image, Kind, Node, Size, Table},
};

/// Cells of an input that says nothing of its width.
const INPUT_WIDTH: u16 = 24;
const PROGRESS_WIDTH: u16 = 24;
/// Rows that an input of several lines takes at most by itself.
const INPUT_ROWS: usize = 10;
/// Items whose width is looked at: a list of many is as wide as its first ones.
pub(super) const MEASURED_ITEMS: usize = 2000;

/// Rows and columns that a node has around its children, on each side.
pub(super) fn around(node: &Node) -> (u16, u16) {
    let (rows, columns) = node.style.padding;
    let frame = u16::from(node.style.chrome.is_some());
    (rows.saturating_add(frame), columns.saturating_add(frame))
}

impl Painter<'_> {
    /// The size of a node in `room` columns, by its style or else by what is in it. `rows` is the
    /// height of the box that it is in, if that has one.
    pub fn outer_size(&mut self, node: &Node, room: u16, rows: Option<u16>) -> (u16, u16) {
        let fixed = node.style.width.and_then(|width| width.of(room));
        let inner = fixed.unwrap_or(room).min(room);
        let own = self.natural_size(node, inner);
        let height = node.style.height.and_then(|height| match (height, rows) {
            (Size::Cells(cells), _) => Some(cells),
            (size, Some(rows)) => size.of(rows),
            (_, None) => None,
        });
        (fixed.unwrap_or(own.0).min(room), height.unwrap_or(own.1))
    }

    /// The size of what is in a node, at most `room` columns wide.
    pub(super) fn natural_size(&mut self, node: &Node, room: u16) -> (u16, u16) {
        // The same node is asked for by each box around it.
        let key = (std::ptr::from_ref(node), room);
        if let Some(size) = self.measured.get(&key) {
            return *size;
        }
        let size = self.measure(node, room);
        let size = (size.0.min(room), size.1);
        self.measured.insert(key, size);
        size
    }

    fn measure(&mut self, node: &Node, room: u16) -> (u16, u16) {
        let cells = |text: &str| u16::try_from(width(text)).unwrap_or(u16::MAX);
        match &node.kind {
            Kind::View { children } | Kind::Scroll { children, .. } => {
                let (rows, columns) = around(node);
                let inner = room.saturating_sub(columns.saturating_mul(2));
                let (width, height) = self.measure_children(node, children, inner);
                (
                    width.saturating_add(columns.saturating_mul(2)),
                    height.saturating_add(rows.saturating_mul(2)),
                )
            }
            Kind::Text(text) => {
                let (lines, natural) = self.lines(node, text, room);
                let lines = lines.len().saturating_sub(usize::try_from(text.scroll_y).unwrap_or(0));
                (natural, u16::try_from(lines.max(1)).unwrap_or(u16::MAX))
            }
            Kind::Input(input) => {
                let rows = match self.states.input(&node.id) {
                    Some(state) if input.multiline => state.edit.rows(room).rows.len(),
                    _ => 1,
                };
                (INPUT_WIDTH, u16::try_from(rows.clamp(1, INPUT_ROWS)).unwrap_or(1))
            }
            Kind::Chip { label } => (cells(label).saturating_add(2), 1),
            Kind::Progress { label, .. } => (cells(label).saturating_add(PROGRESS_WIDTH), 1),
            Kind::Separator { .. } => (1, 1),
            Kind::Surface => (room, 1),
            Kind::List(list) => {
                let items = || list.items.iter().take(MEASURED_ITEMS);
                let labels = items().map(|item| cells(&item.label)).max().unwrap_or(0);
                let details = items().map(|item| cells(&item.detail)).max().unwrap_or(0);
                let details = if details == 0 { 0 } else { details.saturating_add(2) };
                let mark = if list.marked.is_some() { 4 } else { 2 };
                let widest = labels.saturating_add(details).max(cells(&list.empty));
                let count = self.shown_items(node, list);
                (widest.saturating_add(mark), u16::try_from(count.max(1)).unwrap_or(u16::MAX))
            }
            Kind::Table(table) => {
                let widths = table_widths(table, room);
                let wide: u16 = widths.iter().fold(0, |sum, width| sum.saturating_add(*width));
                let gaps = u16::try_from(widths.len().saturating_sub(1) * 2).unwrap_or(0);
                let titles = table.columns.iter().map(|column| column.title.as_str());
                let head = if has_head(table) { row_height(titles, &widths) } else { 0 };
                let texts =
                    |row: &[Cell]| row_height(row.iter().map(|cell| cell.text.as_str()), &widths);
                let rows: usize = table.rows.iter().map(|row| texts(row)).sum();
                (wide.saturating_add(gaps), u16::try_from(rows + head).unwrap_or(u16::MAX))
            }
            Kind::Spinner { label, since } => match spinner_text(label, *since).as_str() {
                "" => (1, 1),
                text => (cells(text).saturating_add(2), 1),
            },
            Kind::Image(image) => self.image_size(image, room),
        }
    }

    fn measure_children(&mut self, node: &Node, children: &[Node], room: u16) -> (u16, u16) {
        let gaps = node
            .style
            .gap
            .saturating_mul(u16::try_from(children.len().saturating_sub(1)).unwrap_or(u16::MAX));
        let mut along = gaps;
        let mut across = 0;
        match node.style.direction {
            Direction::Column => {
                for child in children {
                    let (width, height) = self.outer_size(child, room, None);
                    along = along.saturating_add(height);
                    across = across.max(width);
                }
                (across, along)
            }
            Direction::Row => {
                for (child, width) in children.iter().zip(self.widths(node, children, room)) {
                    across = across.max(self.outer_size(child, width, None).1);
                    along = along.saturating_add(width);
                }
                (along, across)
            }
        }
    }

    /// The widths of the children of a row.
    pub(super) fn widths(&mut self, node: &Node, children: &[Node], room: u16) -> Vec<u16> {
        let parts: Vec<Part> = children
            .iter()
            .map(|child| match child.style.width {
                Some(Size::Fill) => Part { basis: 0, least: 0, grow: child.style.grow.max(1) },
                size => {
                    let fixed = size.and_then(|size| size.of(room));
                    let basis = fixed.unwrap_or_else(|| self.natural_size(child, room).0);
                    // An input takes the room that nobody else wants.
                    let is_open = matches!(child.kind, Kind::Input(_)) && size.is_none();
                    let grow = child.style.grow.max(u16::from(is_open));
                    let gives = fixed.is_none() && !matches!(child.kind, Kind::Chip { .. });
                    let least = if gives { least_width(child).min(basis) } else { basis };
                    Part { basis, least, grow }
                }
            })
            .collect();
        divide(&parts, room, node.style.gap)
    }

    /// The heights of the children of a column, each with the width that it has.
    pub(super) fn heights(
        &mut self,
        node: &Node,
        children: &[Node],
        (room, rows): (u16, u16),
    ) -> Vec<(u16, u16)> {
        let widths: Vec<u16> = children
            .iter()
            .map(|child| {
                let fixed = child.style.width.and_then(|width| width.of(room));
                let stretch = matches!(node.style.align, None | Some(Align::Stretch));
                let width = fixed.or(stretch.then_some(room));
                width.unwrap_or_else(|| self.outer_size(child, room, Some(rows)).0).min(room)
            })
            .collect();
        let parts: Vec<Part> = children
            .iter()
            .zip(&widths)
            .map(|(child, width)| match child.style.height {
                Some(Size::Fill) => {
                    let least = least_height(child);
                    Part { basis: least, least, grow: child.style.grow.max(1) }
                }
                size => {
                    let fixed = size.and_then(|size| size.of(rows));
                    let basis = fixed.unwrap_or_else(|| self.natural_size(child, *width).1);
                    let is_open = matches!(child.kind, Kind::Surface) && size.is_none();
                    let grow = child.style.grow.max(u16::from(is_open));
                    Part { basis, least: least_height(child).min(basis), grow }
                }
            })
            .collect();
        widths.into_iter().zip(divide(&parts, rows, node.style.gap)).collect()
    }

    /// How many items of a list fit what it is filtered by.
    pub(super) fn shown_items(&self, node: &Node, list: &crate::scene::tree::List) -> usize {
        match self.states.get(&node.id) {
            Some(State::List(state)) if state.needle.is_some() => state.shown.len(),
            _ => list.items.len(),
        }
    }

    fn image_size(&self, image: &Image, room: u16) -> (u16, u16) {
        let pixels = self.context.pictures.size(&image.source).unwrap_or((1, 1));
        let (wide, high) = (f64::from(pixels.0.max(1)), f64::from(pixels.1.max(1)));
        // A cell is two pixels high.
        let rows = |width: u16| (f64::from(width) * high / wide / 2.0).round().clamp(1.0, 1000.0);
        let columns = |height: u16| (f64::from(height) * 2.0 * wide / high).round().max(1.0);
        let (width, height) = match (image.width, image.height) {
            (Some(width), Some(height)) => (width, height),
            (Some(width), None) => (width, rows(width.min(room)) as u16),
            (None, Some(height)) => (columns(height).min(f64::from(room)) as u16, height),
            (None, None) => {
                let width = (wide.min(f64::from(room)) as u16).min(80);
                (width, (rows(width) as u16).min(40))
            }
        };
        (width.min(room), height)
    }
}

/// Rows without which a node shows nothing of use.
fn least_height(node: &Node) -> u16 {
    let Kind::View { children } = &node.kind else { return 1 };
    let inner = match node.style.direction {
        Direction::Row => children.iter().map(least_height).max().unwrap_or(0),
        Direction::Column => {
            children.iter().map(least_height).fold(0, |sum: u16, rows| sum.saturating_add(rows))
        }
    };
    inner.max(1).saturating_add(around(node).0.saturating_mul(2))
}

fn least_width(node: &Node) -> u16 {
    match &node.kind {
        Kind::View { .. } => around(node).1.saturating_mul(2).saturating_add(1),
        _ => 1,
    }
}

fn row_height<'c>(cells: impl Iterator<Item = &'c str>, widths: &[u16]) -> usize {
    cells.zip(widths).map(|(text, room)| cell_lines(text, *room).len()).max().unwrap_or(1).max(1)
}

pub(super) fn has_head(table: &Table) -> bool {
    table.columns.iter().any(|column| !column.title.is_empty())
}

/// The widths of a table's columns, with two cells between them.
pub(super) fn table_widths(table: &Table, room: u16) -> Vec<u16> {
    let count = table.rows.iter().map(Vec::len).max().unwrap_or(0).max(table.columns.len());
    let parts: Vec<Part> = (0..count)
        .map(|at| {
            let column = table.columns.get(at);
            let cells = table.rows.iter().take(MEASURED_ITEMS).filter_map(|row| row.get(at));
            let widest = cells.map(|cell| width(cell.text.lines().next().unwrap_or(""))).max();
            let title = column.map_or(0, |column| width(&column.title));
            let natural = u16::try_from(widest.unwrap_or(0).max(title)).unwrap_or(u16::MAX);
            match column.and_then(|column| column.width) {
                Some(Size::Fill) => Part { basis: 0, least: 0, grow: 1 },
                size => {
                    let fixed = size.and_then(|size| size.of(room));
                    let basis = fixed.unwrap_or(natural);
                    Part {
                        basis,
                        least: if fixed.is_some() { basis } else { basis.min(4) },
                        grow: 0,
                    }
                }
            }
        })
        .collect();
    divide(&parts, room, 2)
}
