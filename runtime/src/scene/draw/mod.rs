//! From nodes to cells.
//!
//! Owns: nothing but what is kept between two drawings ([`States`]). Leaves to callers: where a tree
//! is drawn. Nothing is drawn outside of the area that is given, whatever its size.

mod boxes;
mod controls;
mod measure;
mod pictures;
mod pixels;
#[cfg(test)]
mod tests;
mod written;

use std::{
    collections::HashMap,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use zi_kernel::{
    surface::Cells,
    term::{Frame, Modifier, Picture, Rect, Style, width},
};

pub use pictures::{PictureState, Pictures};

use super::{
    edit::Edit,
    format::wrap::{self, Overflow},
    line::Line,
    theme::Theme,
    tree::{Kind, Node, View},
};
use crate::{extensions::Extension, surfaces::Surfaces};

/// How long a spinner shows one of its pictures.
pub const SPIN: Duration = Duration::from_millis(80);
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// What drawing looks at besides the tree.
#[derive(Clone, Copy, Debug)]
pub struct DrawContext<'a> {
    pub theme: &'a Theme,
    /// Time since some start; spinners go by it.
    pub now: Duration,
    pub surfaces: &'a Surfaces,
    pub pictures: &'a Pictures,
}

impl DrawContext<'_> {
    /// The picture of a spinner at this time.
    pub fn spinner(&self) -> &'static str {
        let step = self.now.as_millis() / SPIN.as_millis();
        SPINNER[usize::try_from(step % 10).unwrap_or(0)]
    }
}

/// What is kept of the nodes of a view, by their ids.
#[derive(Debug, Default)]
pub struct States(HashMap<String, State>);

#[derive(Debug)]
pub(super) enum State {
    Input(InputState),
    List(ListState),
    Scroll(ScrollState),
    /// Of the last few widths: a box asks for more than one before it draws.
    Written(Vec<Written>),
    Shown(Shown),
}

/// An input node: its text is the host's.
#[derive(Debug)]
pub(super) struct InputState {
    pub edit: Edit,
    /// The number of the last edit that the user made.
    pub edited_at: u64,
    /// The first row that is shown.
    pub top: usize,
    /// How wide it was drawn.
    pub width: u16,
}

#[derive(Debug, Default)]
pub(super) struct ListState {
    /// The item that is selected.
    pub selected: usize,
    pub edited_at: u64,
    /// The first of the shown items that is on the screen.
    pub top: usize,
    /// Items that fit what they are filtered by, in the order in which they are shown.
    pub shown: Vec<usize>,
    /// What they are filtered by; nothing before the first time.
    pub needle: Option<String>,
    /// How many rows it was drawn with.
    pub rows: u16,
}

#[derive(Debug, Default)]
pub(super) struct ScrollState {
    pub top: u32,
    pub most: u32,
    pub rows: u16,
}

/// The lines of a text at some width, in no style but their own.
#[derive(Debug)]
pub(super) struct Written {
    /// The width and the theme.
    key: (u16, u64),
    lines: Arc<Vec<Line>>,
    /// How wide the text is when it is not wrapped.
    natural: u16,
}

/// What a surface or an image shows.
#[derive(Debug)]
pub(super) enum Shown {
    /// Half blocks: which at which size.
    Cells {
        key: (u64, u16, u16),
        cells: Arc<Cells>,
    },
    Picture(Picture),
}

impl States {
    pub(super) fn get(&self, id: &str) -> Option<&State> {
        self.0.get(id)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut State> {
        self.0.get_mut(id)
    }

    pub(super) fn set(&mut self, id: &str, state: State) {
        self.0.insert(id.to_owned(), state);
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&str, &State) -> bool) {
        self.0.retain(|id, state| keep(id, state));
    }

    pub(super) fn input(&self, id: &str) -> Option<&InputState> {
        match self.0.get(id) {
            Some(State::Input(input)) => Some(input),
            _ => None,
        }
    }

    pub(super) fn input_mut(&mut self, id: &str) -> Option<&mut InputState> {
        match self.0.get_mut(id) {
            Some(State::Input(input)) => Some(input),
            _ => None,
        }
    }

    pub(super) fn list_mut(&mut self, id: &str) -> Option<&mut ListState> {
        match self.0.get_mut(id) {
            Some(State::List(list)) => Some(list),
            _ => None,
        }
    }

    pub(super) fn scroll_mut(&mut self, id: &str) -> &mut ScrollState {
        let state =
            self.0.entry(id.to_owned()).or_insert_with(|| State::Scroll(Default::default()));
        if !matches!(state, State::Scroll(_)) {
            *state = State::Scroll(ScrollState::default());
        }
        match state {
            State::Scroll(scroll) => scroll,
            _ => unreachable!("it was just made one"),
        }
    }
}

/// Where a node is drawn. What scrolls may begin above the frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    pub x: u16,
    pub y: i32,
    pub width: u16,
    pub height: u16,
}

impl Area {
    pub fn of(rect: Rect) -> Self {
        Self { x: rect.x, y: rect.y.into(), width: rect.width, height: rect.height }
    }

    pub fn end(self) -> u16 {
        self.x.saturating_add(self.width)
    }

    /// The area without `rows` at the top and bottom and `columns` at both sides.
    pub fn inside(self, (rows, columns): (u16, u16)) -> Self {
        Self {
            x: self.x.saturating_add(columns.min(self.width)),
            y: self.y + i32::from(rows),
            width: self.width.saturating_sub(columns.saturating_mul(2)),
            height: self.height.saturating_sub(rows.saturating_mul(2)),
        }
    }
}

/// Draws one tree.
pub(super) struct Painter<'a> {
    pub context: DrawContext<'a>,
    pub states: &'a mut States,
    /// Whose surfaces are shown: the owner and its view.
    pub owner: Option<(&'a Extension, &'a str)>,
    /// The node that has the keyboard.
    pub focused: Option<&'a str>,
    /// The rows that may be drawn on.
    pub rows: Range<i32>,
    /// Where the caret is, once it is drawn.
    pub caret: Option<(u16, u16)>,
    /// The surfaces that were drawn, with their sizes in cells.
    pub sizes: Vec<(String, u16, u16)>,
    measured: HashMap<(*const Node, u16), (u16, u16)>,
}

impl<'a> Painter<'a> {
    pub fn new(context: DrawContext<'a>, states: &'a mut States, rect: Rect) -> Self {
        Self {
            context,
            states,
            owner: None,
            focused: None,
            rows: rect.y.into()..i32::from(rect.y) + i32::from(rect.height),
            caret: None,
            sizes: Vec::new(),
            measured: HashMap::new(),
        }
    }

    /// Draws `node` and all below it. `base` is the style that it inherits.
    pub fn draw(&mut self, frame: &mut Frame, node: &Node, area: Area, base: Style) {
        if area.width == 0 || area.height == 0 {
            return;
        }
        let base = base.patch(node.style.look.style(self.context.theme));
        if node.style.look.bg.is_some() {
            self.fill(frame, area, base);
        }
        match &node.kind {
            Kind::View { children } => self.draw_view(frame, node, children, area, base),
            Kind::Scroll { children, scroll_y } => {
                self.draw_scroll(frame, node, children, *scroll_y, area, base);
            }
            Kind::Text(text) => self.draw_text(frame, node, text, area, base),
            Kind::Input(input) => self.draw_input(frame, node, input, area, base),
            Kind::Chip { label } => self.draw_chip(frame, label, area, base),
            Kind::Progress { value, label } => {
                self.draw_progress(frame, *value, label, area, base);
            }
            Kind::Separator { label } => self.draw_separator(frame, label, area, base),
            Kind::Surface => self.draw_surface(frame, node, area),
            Kind::List(list) => self.draw_list(frame, node, list, area, base),
            Kind::Table(table) => self.draw_table(frame, table, area, base),
            Kind::Spinner { label, since } => {
                self.draw_spinner(frame, &spinner_text(label, *since), area, base);
            }
            Kind::Image(image) => self.draw_image(frame, node, image, area, base),
        }
    }

    /// Writes on a row of the frame, if that may be drawn on. Answers the column after the text.
    pub(super) fn put(
        &self,
        frame: &mut Frame,
        (x, y): (u16, i32),
        end: u16,
        text: &str,
        style: Style,
    ) -> u16 {
        match self.row(y) {
            Some(y) => frame.put(x, y, end, text, style, None),
            None => x,
        }
    }

    fn row(&self, y: i32) -> Option<u16> {
        self.rows.contains(&y).then(|| u16::try_from(y).ok()).flatten()
    }

    /// The part of an area that may be drawn on.
    fn visible(&self, area: Area) -> Rect {
        let top = area.y.max(self.rows.start).max(0);
        let bottom = (area.y + i32::from(area.height)).min(self.rows.end);
        let height = u16::try_from(bottom - top).unwrap_or(0);
        Rect::new(area.x, u16::try_from(top).unwrap_or(0), area.width, height)
    }

    pub(super) fn fill(&self, frame: &mut Frame, area: Area, style: Style) {
        frame.fill(self.visible(area), style);
    }

    fn restyle(&self, frame: &mut Frame, area: Area, style: Style) {
        frame.restyle(self.visible(area), style);
    }

    fn draw_line(&self, frame: &mut Frame, line: &Line, (x, y): (u16, i32), end: u16) {
        if let Some(y) = self.row(y) {
            line.draw(frame, x, y, end);
        }
    }
}

/// Draws a tree that belongs to no view: what a renderer answered.
pub fn draw_node(frame: &mut Frame, rect: Rect, node: &Node, context: DrawContext<'_>) {
    let mut states = States::default();
    let rect = rect.intersection(frame.area());
    let mut painter = Painter::new(context, &mut states, rect);
    painter.draw(frame, node, Area::of(rect), Style::new());
}

/// The rows that a tree takes at `width`.
pub fn height_of(node: &Node, width: u16, context: DrawContext<'_>) -> u16 {
    let mut states = States::default();
    Painter::new(context, &mut states, Rect::default()).outer_size(node, width, None).1
}

/// What stands beside a spinner: its label, and how long it has turned.
fn spinner_text(label: &str, since: Option<u64>) -> String {
    let Some(since) = since else { return label.to_owned() };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let seconds = now.saturating_sub(u128::from(since)) / 1000;
    let time = match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    };
    if label.is_empty() { time } else { format!("{label} {time}") }
}

/// Whether something in a view moves by itself.
pub(super) fn is_animated(view: &View) -> bool {
    let mut animated = false;
    view.root.walk(&mut |node| {
        let moves = matches!(node.kind, Kind::Spinner { .. } | Kind::Progress { value: None, .. });
        animated |= moves;
    });
    animated
}

/// `text` cut to `columns` cells, with `…` if something is missing.
pub(crate) fn cut(text: &str, columns: u16) -> String {
    let columns = usize::from(columns);
    if width(text) <= columns {
        return text.to_owned();
    }
    wrap::clip(Line::plain(text, Style::new()), columns, Overflow::Ellipsis).text()
}

/// The style of a selected row.
fn selection(context: &DrawContext<'_>) -> Style {
    match context.theme.color("selection") {
        Some(color) => Style::new().bg(color),
        None => Style::new().add_modifier(Modifier::REVERSED),
    }
}
