//! Drawing views into their slots.

use zi_kernel::term::{Frame, Modifier, Rect, Style};

use super::{Mounted, Views, route::resize};
use crate::scene::{
    draw::{Area, DrawContext, Painter, cut},
    layout::{Part, divide},
    tree::{Backdrop, Side, Size, Slot, SlotKind},
};

/// The smallest screen on which a dialog is of use.
const LEAST_SCREEN: (u16, u16) = (20, 6);
/// Rows that a dialog may have on a small screen, whatever share of it that is.
const LEAST_ROWS: u16 = 6;
/// Rows of a slot that is a strip.
const STRIP_ROWS: u16 = 3;

impl Views {
    /// The rows that a slot takes at `width`.
    pub fn height_of(&mut self, slot: SlotKind, width: u16, context: DrawContext<'_>) -> u16 {
        if is_strip(slot) {
            let widths = self.strip_widths(slot, width, context);
            let views = self.in_slot(slot).zip(widths);
            let heights = views.map(|(view, width)| view.size(width, context).1);
            return heights.max().unwrap_or(0).min(STRIP_ROWS);
        }
        let heights = self.in_slot(slot).map(|view| view.height_in(width, context));
        heights.fold(0, |sum: u16, height| sum.saturating_add(height))
    }

    /// The columns that a slot at the side takes of `room`.
    pub fn width_of(&mut self, slot: SlotKind, room: u16, context: DrawContext<'_>) -> u16 {
        self.in_slot(slot).map(|view| view.width_in(room, context)).max().unwrap_or(0)
    }

    /// Draws the views of a slot into `rect`.
    pub fn draw_slot(
        &mut self,
        slot: SlotKind,
        frame: &mut Frame,
        rect: Rect,
        context: DrawContext<'_>,
    ) {
        let rect = rect.intersection(frame.area());
        if is_strip(slot) {
            self.draw_strip(slot, frame, rect, context);
        } else {
            let mut y = rect.y;
            let mut events = Vec::new();
            for view in self.in_slot(slot) {
                let height = view.height_in(rect.width, context).min(rect.bottom() - y);
                view.draw(frame, Rect { y, height, ..rect }, context, false);
                events.extend(view.resized());
                y += height;
            }
            self.waiting.extend(events);
        }
    }

    /// Draws the overlays onto the screen, from the lowest to the top. The caret goes to the input
    /// that has the keyboard, or away when an overlay without one has it.
    pub fn draw_overlays(&mut self, frame: &mut Frame, screen: Rect, context: DrawContext<'_>) {
        let screen = screen.intersection(frame.area());
        let captured = self.captured();
        let mut events = Vec::new();
        for (at, view) in self.mounted.iter_mut().enumerate().filter(|(_, it)| it.is_overlay()) {
            let has_focus = captured == Some(at);
            let is_small = screen.width < LEAST_SCREEN.0 || screen.height < LEAST_SCREEN.1;
            let is_useless = view.view.focus && is_small;
            let rect = if is_useless { screen } else { view.place(screen, context) };
            match view.view.slot.backdrop {
                Backdrop::None => {}
                Backdrop::Dim => {
                    frame.restyle(screen, Style::new().add_modifier(Modifier::DIM));
                }
                Backdrop::Fill => frame.fill(screen, context.theme.bg("background")),
            }
            frame.fill(rect, context.theme.bg("background"));
            if is_useless {
                say_too_small(frame, rect, context);
                if has_focus {
                    frame.set_cursor(None);
                }
                continue;
            }
            let caret = view.draw(frame, rect, context, has_focus);
            events.extend(view.resized());
            if has_focus {
                frame.set_cursor(caret);
            }
        }
        self.waiting.extend(events);
    }

    fn in_slot(&mut self, slot: SlotKind) -> impl Iterator<Item = &mut Mounted> {
        self.mounted.iter_mut().filter(move |it| it.view.slot.kind == slot)
    }

    // Strips --------------------------------------------------------------------------------------

    /// The widths of the views of a strip, with a cell between them.
    fn strip_widths(&mut self, slot: SlotKind, room: u16, context: DrawContext<'_>) -> Vec<u16> {
        let parts: Vec<Part> = self
            .in_slot(slot)
            .map(|view| {
                let wish = match view.view.slot.width {
                    Size::Auto => view.view.root.style.width.unwrap_or(Size::Auto),
                    wish => wish,
                };
                let grow = view.view.root.style.grow.max(u16::from(wish == Size::Fill));
                let basis = match wish {
                    Size::Fill => 0,
                    wish => wish.of(room).unwrap_or_else(|| view.size(room, context).0),
                };
                Part { basis, least: basis.min(1), grow }
            })
            .collect();
        divide(&parts, room, 1)
    }

    /// Draws the views side by side: those that are anchored to the right from the right.
    fn draw_strip(
        &mut self,
        slot: SlotKind,
        frame: &mut Frame,
        rect: Rect,
        context: DrawContext<'_>,
    ) {
        let widths = self.strip_widths(slot, rect.width, context);
        let is_right = |view: &Mounted| view.view.slot.anchor.1 == Side::End;
        let right: u16 = self
            .in_slot(slot)
            .zip(&widths)
            .filter(|(view, _)| is_right(view))
            .map(|(_, width)| width + 1)
            .sum();
        let (mut left, mut other) = (rect.x, rect.right().saturating_sub(right.saturating_sub(1)));
        let mut events = Vec::new();
        for (view, width) in self.in_slot(slot).zip(widths) {
            let x = if is_right(view) { &mut other } else { &mut left };
            let place = Rect { x: *x, width, ..rect }.intersection(rect);
            view.draw(frame, place, context, false);
            events.extend(view.resized());
            *x = x.saturating_add(width + 1).min(rect.right());
        }
        self.waiting.extend(events);
    }
}

fn is_strip(slot: SlotKind) -> bool {
    use SlotKind::{EditorBorderBottom, EditorBorderTop, Status};
    matches!(slot, Status | EditorBorderTop | EditorBorderBottom)
}

fn say_too_small(frame: &mut Frame, rect: Rect, context: DrawContext<'_>) {
    let (width, height) = LEAST_SCREEN;
    let long = format!("too small: {width}×{height} needed");
    let text = if usize::from(rect.width) < long.chars().count() { "too small" } else { &long };
    let style = context.theme.fg("warning");
    frame.put(rect.x, rect.y, rect.right(), &cut(text, rect.width), style, None);
}

impl Mounted {
    /// The size of the whole tree in `room` columns.
    fn size(&mut self, room: u16, context: DrawContext<'_>) -> (u16, u16) {
        let mut painter = Painter::new(context, &mut self.states, Rect::default());
        painter.outer_size(&self.view.root, room, None)
    }

    fn height_in(&mut self, width: u16, context: DrawContext<'_>) -> u16 {
        let natural = self.size(width, context).1;
        let slot = &self.view.slot;
        let cells = |size: Option<Size>| match size {
            Some(Size::Cells(cells)) => Some(cells),
            _ => None,
        };
        let height = cells(Some(slot.height)).unwrap_or(natural);
        let height = height.max(cells(slot.min_height).unwrap_or(0));
        height.min(cells(slot.max_height).unwrap_or(u16::MAX))
    }

    fn width_in(&mut self, room: u16, context: DrawContext<'_>) -> u16 {
        let natural = self.size(room, context).0;
        bounded(&self.view.slot, room, natural)
    }

    /// Where an overlay is on the screen.
    fn place(&mut self, screen: Rect, context: DrawContext<'_>) -> Rect {
        let slot = self.view.slot.clone();
        let (rows, columns) = slot.margin;
        // A margin gives way before the view does.
        let columns = if screen.width > columns.saturating_mul(2) + 8 { columns } else { 0 };
        let rows = if screen.height > rows.saturating_mul(2) + 2 { rows } else { 0 };
        let room = Rect {
            x: screen.x + columns,
            y: screen.y + rows,
            width: screen.width - columns * 2,
            height: screen.height - rows * 2,
        };
        let natural = match slot.width.of(room.width) {
            Some(width) => width,
            None => self.size(bounded(&slot, room.width, room.width), context).0,
        };
        let width = bounded(&slot, room.width, natural);
        let of = |size: Size| size.of(room.height);
        let height = of(slot.height).unwrap_or_else(|| self.size(width, context).1);
        let most = slot.max_height.and_then(|size| match size {
            // A share of a small screen would be too little to use.
            Size::Percent(_) => of(size).map(|rows| rows.max(LEAST_ROWS)),
            size => of(size),
        });
        let height = height.min(most.unwrap_or(room.height));
        let height = height.max(slot.min_height.and_then(of).unwrap_or(1)).min(room.height);
        let aside = |side: Side, room: u16, size: u16| match side {
            Side::Start => 0,
            Side::Center => (room - size) / 2,
            Side::End => room - size,
        };
        Rect {
            x: room.x + aside(slot.anchor.1, room.width, width),
            y: room.y + aside(slot.anchor.0, room.height, height),
            width,
            height,
        }
    }

    /// Draws the tree, and answers where the caret is.
    fn draw(
        &mut self,
        frame: &mut Frame,
        rect: Rect,
        context: DrawContext<'_>,
        has_focus: bool,
    ) -> Option<(u16, u16)> {
        let focused = if has_focus { self.focused.as_deref().or(Some("")) } else { None };
        let mut painter = Painter::new(context, &mut self.states, rect);
        painter.owner = Some((&self.owner, &self.view.id));
        painter.focused = focused;
        painter.draw(frame, &self.view.root, Area::of(rect), context.theme.fg("text"));
        let (caret, sizes) = (painter.caret, painter.sizes);
        self.drawn.extend(sizes);
        caret
    }

    /// The events of surfaces whose sizes are not what they were.
    fn resized(&mut self) -> Vec<super::UiEvent> {
        let mut events = Vec::new();
        for (node, width, height) in std::mem::take(&mut self.drawn) {
            let size = (width, height);
            if self.sizes.insert(node.clone(), size) != Some(size) {
                events.push(resize(self, &node, size));
            }
        }
        events
    }
}

/// A width within what a slot allows.
fn bounded(slot: &Slot, room: u16, natural: u16) -> u16 {
    let of = |size: Option<Size>| size.and_then(|size| size.of(room));
    let wish = slot.width.of(room).unwrap_or(natural);
    let wish = wish.min(of(slot.max_width).unwrap_or(room));
    wish.max(of(slot.min_width).unwrap_or(0)).clamp(u16::from(room > 0), room.max(1)).min(room)
}
