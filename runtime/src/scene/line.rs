//! Styled text in lines: what every format becomes before it is drawn.

use std::sync::Arc;

use zi_kernel::term::{Frame, Style, width};

/// A run of text in one style.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub style: Style,
    /// The address that the text leads to.
    pub link: Option<Arc<str>>,
}

impl Span {
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, link: None }
    }
}

/// One row of text. It is as wide as it is: what is too long is cut where it is drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    pub spans: Vec<Span>,
    /// What the rest of the row looks like.
    pub fill: Style,
}

impl Line {
    pub fn new(spans: Vec<Span>) -> Self {
        Self { spans, fill: Style::new() }
    }

    pub fn plain(text: impl Into<String>, style: Style) -> Self {
        Self::new(vec![Span::new(text, style)])
    }

    pub fn width(&self) -> usize {
        self.spans.iter().map(|span| width(&span.text)).sum()
    }

    pub fn text(&self) -> String {
        self.spans.iter().map(|span| span.text.as_str()).collect()
    }

    /// Draws the line from `(x, y)` up to the column `end`.
    pub fn draw(&self, frame: &mut Frame, x: u16, y: u16, end: u16) {
        let mut column = x;
        for span in &self.spans {
            column = frame.put(column, y, end, &span.text, span.style, span.link.as_ref());
        }
        if self.fill != Style::new() && column < end {
            let rest = zi_kernel::term::Rect::new(column, y, end - column, 1);
            frame.restyle(rest, self.fill);
        }
    }
}
