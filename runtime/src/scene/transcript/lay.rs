//! A block in lines.

use std::time::Duration;

use zi_kernel::term::{Modifier, Style};

use super::{
    Block, Custom, Level, Picture, Shape, Status,
    copy::describe,
    drawn::{Answer, Drawn, Part},
    tool,
};
use crate::scene::{
    format::{clean, markdown, wrap},
    line::{Line, Span},
    theme::Theme,
};

/// The largest that an image is drawn, in cells.
const MAX_COLUMNS: usize = 60;
const MAX_ROWS: usize = 20;
/// The pixels that a cell stands for, where nothing else is known.
const CELL: (usize, usize) = (8, 16);

/// What stands beside the first line of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mark {
    #[default]
    None,
    Sign(&'static str, Style),
    /// Something that moves while the block is being worked on.
    Spinner(Style),
}

/// How a block is laid out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    pub shape: Shape,
    pub theme: &'a Theme,
    /// Whether images are drawn; else they are described.
    pub has_pictures: bool,
}

impl Frame<'_> {
    pub fn wrap(&self, text: &str, style: Style) -> Vec<Line> {
        wrap::plain(&clean::prose(text), style, &wrap::Options::new(self.shape.width))
    }

    /// One line that ends in an ellipsis where it does not fit.
    pub fn one_line(&self, spans: Vec<Span>) -> Line {
        wrap::clip(Line::new(spans), self.shape.width, wrap::Overflow::Ellipsis)
    }
}

/// Room for an image: its rows begin with `line`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub line: usize,
    pub columns: usize,
    pub rows: usize,
    pub picture: Picture,
}

#[derive(Debug, Default)]
pub(super) struct Laid {
    pub lines: Vec<Line>,
    pub mark: Mark,
    pub rooms: Vec<Room>,
    /// When what is shown as running began.
    pub running_since: Option<Duration>,
    /// What another is to draw.
    pub wanted: Vec<Part>,
    /// Whether colours are still to come.
    pub is_pending: bool,
}

impl Laid {
    pub fn new(lines: Vec<Line>, mark: Mark) -> Self {
        Self { lines, mark, ..Self::default() }
    }

    /// Puts an image below what there is.
    pub fn picture(&mut self, picture: &Picture, frame: Frame<'_>, style: Style) {
        let size = if frame.has_pictures { size(picture, frame.shape.width) } else { None };
        let Some((columns, rows)) = size else {
            self.lines.extend(frame.wrap(&describe(picture), style));
            return;
        };
        self.rooms.push(Room { line: self.lines.len(), columns, rows, picture: picture.clone() });
        self.lines.extend((0..rows).map(|_| Line::default()));
    }

    /// Puts what another draws, or else what `default` adds.
    pub fn drawn(
        &mut self,
        drawn: Option<&Drawn>,
        part: Part,
        frame: Frame<'_>,
        default: impl FnOnce(&mut Self),
    ) {
        let lines = match drawn.map(|drawn| drawn.answer(frame.shape)) {
            None | Some(Answer::Default) => return default(self),
            Some(Answer::Lines(lines)) => lines,
            Some(Answer::Pending(lines)) => {
                self.wanted.push(part);
                match lines {
                    Some(lines) => lines,
                    None => return default(self),
                }
            }
        };
        let width = frame.shape.width;
        let fitting = |line: &Line| {
            let spans = line.spans.iter().map(|span| Span {
                text: clean::prose(&span.text).replace(['\n', '\t'], " "),
                link: span.link.clone().filter(|link| markdown::safe_address(link).is_some()),
                style: span.style,
            });
            let line = Line { spans: spans.collect(), fill: line.fill };
            wrap::clip(line, width, wrap::Overflow::Clip)
        };
        self.lines.extend(lines.iter().map(fitting));
    }
}

/// The cells of an image: as many as it has pixels for, within bounds.
fn size(picture: &Picture, width: usize) -> Option<(usize, usize)> {
    let (across, down) = picture.pixels?;
    let (across, down) = (across as usize, down as usize);
    if across == 0 || down == 0 || width == 0 {
        return None;
    }
    let mut columns = across.div_ceil(CELL.0).min(width).min(MAX_COLUMNS);
    // Cells are about twice as high as wide.
    let mut rows = (columns * down).div_ceil(across * 2).max(1);
    if rows > MAX_ROWS {
        rows = MAX_ROWS;
        columns = (rows * 2 * across / down).clamp(1, columns);
    }
    Some((columns, rows))
}

/// Lays out a block that is not a growing answer.
pub(super) fn lay(block: &Block, frame: Frame<'_>) -> Laid {
    let theme = frame.theme;
    match block {
        Block::User { text, images } => user(text, images, frame),
        Block::Answer { text, .. } => {
            let (lines, is_pending) = markdown::lay_out(text, frame.shape.width, theme);
            Laid { is_pending, ..Laid::new(lines, Mark::None) }
        }
        Block::Thinking { text, is_streaming } => thinking(text, *is_streaming, frame),
        Block::Tool(tool) => tool::lay(tool, frame),
        Block::Custom(custom) => self::custom(custom, frame),
        Block::Notice { level, text, hint } => notice(*level, text, hint.as_deref(), frame),
        Block::Summary { title, text } => summary(title, text, frame),
        Block::Queued { text } => {
            let mut lines = frame.wrap(text, theme.fg("muted").add_modifier(Modifier::ITALIC));
            let note = Span::new("queued", theme.fg("muted"));
            lines.push(frame.one_line(vec![note]));
            Laid::new(lines, Mark::Sign("›", theme.fg("muted")))
        }
        Block::Error { text, hint } => notice(Level::Error, text, hint.as_deref(), frame),
        Block::Aborted => {
            let line = frame.one_line(vec![Span::new("aborted", theme.fg("warning"))]);
            Laid::new(vec![line], Mark::Sign("■", theme.fg("warning")))
        }
    }
}

fn user(text: &str, images: &[Picture], frame: Frame<'_>) -> Laid {
    let behind = frame.theme.bg("user_background");
    let style = frame.theme.fg("user").patch(behind);
    let options = wrap::Options::new(frame.shape.width).fill(behind);
    let mut lines = Vec::new();
    if !text.is_empty() || images.is_empty() {
        lines = wrap::plain(&clean::prose(text), style, &options);
    }
    let mut laid = Laid::new(lines, Mark::Sign("›", frame.theme.bold("accent")));
    for picture in images {
        laid.picture(picture, frame, frame.theme.fg("muted"));
    }
    laid
}

fn thinking(text: &str, is_streaming: bool, frame: Frame<'_>) -> Laid {
    let style = frame.theme.fg("thinking").add_modifier(Modifier::ITALIC);
    let mark = if is_streaming { Mark::Spinner(style) } else { Mark::Sign("∴", style) };
    if text.trim().is_empty() && !is_streaming {
        return Laid::default();
    }
    if frame.shape.is_expanded {
        return Laid::new(frame.wrap(text.trim_end(), style), mark);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let shown = if is_streaming { lines.next_back() } else { lines.next() };
    let head = if is_streaming { "thinking" } else { "thought" };
    let shown = clean::prose(shown.unwrap_or("…")).replace('\t', " ");
    let spans =
        vec![Span::new(format!("{head}: "), frame.theme.fg("muted")), Span::new(shown, style)];
    Laid::new(vec![frame.one_line(spans)], mark)
}

fn custom(custom: &Custom, frame: Frame<'_>) -> Laid {
    let theme = frame.theme;
    let mut laid = Laid::new(Vec::new(), Mark::Sign("◆", theme.fg("accent")));
    laid.drawn(custom.drawn.as_ref(), Part::Block, frame, |laid| {
        if !custom.label.is_empty() {
            let label = clean::exact_line(&custom.label);
            laid.lines.push(frame.one_line(vec![Span::new(label, theme.bold("accent"))]));
        }
        if !custom.text.is_empty() {
            laid.lines.extend(frame.wrap(&custom.text, theme.fg("text")));
        }
    });
    laid
}

fn notice(level: Level, text: &str, hint: Option<&str>, frame: Frame<'_>) -> Laid {
    let (sign, tone) = match level {
        Level::Info => ("●", "info"),
        Level::Success => ("✓", "success"),
        Level::Warning => ("▲", "warning"),
        Level::Error => ("✗", "danger"),
    };
    let style = frame.theme.fg(tone);
    let mut lines = frame.wrap(text, style);
    if let Some(hint) = hint.filter(|hint| !hint.is_empty()) {
        lines.extend(frame.wrap(hint, frame.theme.fg("muted")));
    }
    Laid::new(lines, Mark::Sign(sign, style))
}

fn summary(title: &str, text: &str, frame: Frame<'_>) -> Laid {
    let theme = frame.theme;
    let title = clean::prose(title).replace(['\n', '\t'], " ");
    let mut spans = vec![Span::new(title, theme.bold("info"))];
    let sign = Mark::Sign("≡", theme.fg("info"));
    if !frame.shape.is_expanded {
        spans.push(Span::new(" (ctrl+o shows it)", theme.fg("muted")));
        return Laid::new(vec![frame.one_line(spans)], sign);
    }
    let (lines, is_pending) = markdown::lay_out(text, frame.shape.width, theme);
    let mut laid = Laid::new(vec![frame.one_line(spans)], sign);
    laid.lines.extend(lines);
    laid.is_pending = is_pending;
    laid
}

/// The mark of a call, by its status.
pub(super) fn status_mark(status: Status, theme: &Theme) -> Mark {
    match status {
        Status::Pending => Mark::Sign("○", theme.fg("muted")),
        Status::Running => Mark::Spinner(theme.fg("accent")),
        Status::Ok => Mark::Sign("●", theme.fg("success")),
        Status::Error => Mark::Sign("✗", theme.fg("danger")),
        Status::Blocked => Mark::Sign("⊘", theme.fg("warning")),
        Status::Aborted => Mark::Sign("■", theme.fg("warning")),
    }
}
