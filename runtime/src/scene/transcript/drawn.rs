//! What others draw: lines that come when they are asked for, for a width, and maybe later.

use std::sync::Arc;

use super::Id;
use crate::scene::line::Line;

/// What lines were drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    pub width: usize,
    pub is_expanded: bool,
    /// The theme, by its key.
    pub theme: u64,
}

/// What of a block is drawn by another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Call,
    Result,
    /// A custom block, whole.
    Block,
}

/// Lines that a view would draw if it had them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub id: Id,
    pub part: Part,
    pub shape: Shape,
}

/// Lines by another: none yet, those for a shape, or the word that there are none.
#[derive(Clone, Debug, Default)]
pub struct Drawn {
    latest: Option<(Shape, Option<Arc<[Line]>>)>,
}

/// What there is for a shape.
#[derive(Debug)]
pub(super) enum Answer {
    Lines(Arc<[Line]>),
    /// There are none: the default is drawn.
    Default,
    /// They are to be asked for. Until then, those for another shape may do.
    Pending(Option<Arc<[Line]>>),
}

impl Drawn {
    /// Lines that are yet to come.
    pub fn pending() -> Self {
        Self::default()
    }

    pub fn set(&mut self, shape: Shape, lines: Option<Vec<Line>>) {
        self.latest = Some((shape, lines.map(Arc::from)));
    }

    /// Forgets what was drawn, because what it shows has changed.
    pub fn reset(&mut self) {
        self.latest = None;
    }

    pub(super) fn answer(&self, shape: Shape) -> Answer {
        match &self.latest {
            Some((drawn, Some(lines))) if *drawn == shape => Answer::Lines(lines.clone()),
            Some((drawn, None)) if *drawn == shape => Answer::Default,
            Some((_, lines)) => Answer::Pending(lines.clone()),
            None => Answer::Pending(None),
        }
    }
}
