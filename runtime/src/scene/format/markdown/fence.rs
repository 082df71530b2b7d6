//! Code between fences, which grows line by line.

use crate::scene::{
    format::{
        clean,
        highlight::Code,
        wrap::{self, Mode},
    },
    line::{Line, Span},
    theme::Theme,
};

/// Draws code: on its background, or behind a gutter where the theme has none.
pub(super) fn code_line(
    code: &Code,
    index: usize,
    text: &str,
    place: (&[Span], &[Span]),
    width: usize,
    theme: &Theme,
) -> Vec<Line> {
    let behind = theme.bg("code_background");
    let base = theme.fg("text").patch(behind);
    let gutter = match theme.color("code_background") {
        Some(_) => Span::new("  ", behind),
        None => Span::new("│ ", theme.fg("border")),
    };
    let with_gutter = |prefix: &[Span]| [prefix, std::slice::from_ref(&gutter)].concat();
    let options = wrap::Options::new(width)
        .mode(Mode::Char)
        .prefix(with_gutter(place.0), with_gutter(place.1))
        .fill(behind);
    wrap::wrap(&code.spans(index, text, base, theme), &options)
}

/// What opens a block of code.
#[derive(Clone, Debug)]
struct Opening {
    mark: u8,
    length: usize,
    indent: usize,
    info: String,
}

impl Opening {
    fn of(line: &str) -> Option<Self> {
        let indent = line.bytes().take_while(|byte| *byte == b' ').count();
        let body = &line[indent..];
        let mark = *body.as_bytes().first().filter(|mark| matches!(mark, b'`' | b'~'))?;
        let length = body.bytes().take_while(|byte| *byte == mark).count();
        let info = body[length..].trim();
        let is_opening = indent <= 3 && length >= 3 && (mark == b'~' || !info.contains('`'));
        is_opening.then(|| Self { mark, length, indent, info: info.to_owned() })
    }

    /// Whether `line` closes what this opened.
    fn is_closed_by(&self, line: &str) -> bool {
        let body = line.trim_start_matches(' ');
        let length = body.bytes().take_while(|byte| *byte == self.mark).count();
        line.len() - body.len() <= 3
            && length >= self.length
            && body[length..].bytes().all(|byte| byte == b' ')
    }

    /// Whether `line` may yet become what closes this.
    fn may_be_closed_by(&self, line: &str) -> bool {
        let body = line.trim_start_matches(' ');
        line.len() - body.len() <= 3
            && !body.is_empty()
            && body.bytes().all(|byte| byte == self.mark)
    }

    fn content<'a>(&self, line: &'a str) -> &'a str {
        let blanks = line.bytes().take_while(|byte| *byte == b' ').count();
        &line[blanks.min(self.indent)..]
    }
}

/// A block of code that is being written.
#[derive(Debug)]
pub(super) struct Fence {
    opening: Opening,
    code: Code,
    /// The code so far, each line with its end.
    body: String,
    lines: Vec<CodeLine>,
    /// How many lines are drawn before the block.
    pub first_line: usize,
}

#[derive(Debug)]
struct CodeLine {
    /// Where it begins in the body.
    start: usize,
    /// How many lines are drawn before it.
    drawn: usize,
    /// Whether its colours are final.
    is_settled: bool,
}

impl Fence {
    /// The block that `line` opens.
    pub fn open(line: &str) -> Option<Self> {
        let opening = Opening::of(clean::prose(line).trim_end_matches('\n'))?;
        let code = Code::new(&opening.info);
        Some(Self { opening, code, body: String::new(), lines: Vec::new(), first_line: 0 })
    }

    /// Takes a complete line; true when it closes the block.
    pub fn push(&mut self, line: &str, drawn: &mut Vec<Line>, width: usize, theme: &Theme) -> bool {
        let line = clean::prose(line);
        let line = line.trim_end_matches('\n');
        if self.opening.is_closed_by(line) {
            self.code.keep(&self.opening.info, &self.body);
            return true;
        }
        let content = self.opening.content(line);
        self.code.push(content);
        let (index, start) = (self.lines.len(), self.body.len());
        self.body.push_str(content);
        self.body.push('\n');
        self.lines.push(CodeLine { start, drawn: drawn.len(), is_settled: false });
        drawn.extend(self.line(index, width, theme));
        false
    }

    /// Draws the lines again whose colours have become known. `drawn` ends with the lines of this.
    pub fn refresh(&mut self, drawn: &mut Vec<Line>, width: usize, theme: &Theme) {
        let coloured = self.code.coloured().min(self.lines.len());
        let first = self.lines.partition_point(|line| line.is_settled);
        for index in first..coloured {
            let lines = self.line(index, width, theme);
            let at = self.lines[index].drawn;
            let end = (at + lines.len()).min(drawn.len());
            drawn.splice(at..end, lines);
            self.lines[index].is_settled = true;
        }
    }

    /// The line that is not complete yet, unless it looks like the end of the block.
    pub fn unfinished(&self, line: &str, width: usize, theme: &Theme) -> Vec<Line> {
        let line = clean::prose(line);
        let content = self.opening.content(&line);
        let is_end = self.opening.is_closed_by(&line) || self.opening.may_be_closed_by(&line);
        if self.lines.is_empty() && (is_end || content.is_empty()) {
            return code_line(&self.code, 0, "", (&[], &[]), width, theme);
        }
        if is_end || content.is_empty() {
            return Vec::new();
        }
        // Its colours are those of nothing: it has none until it is complete.
        code_line(&Code::new(""), 0, content, (&[], &[]), width, theme)
    }

    /// Draws all lines anew, below those that are drawn.
    pub fn redraw(&mut self, drawn: &mut Vec<Line>, width: usize, theme: &Theme) {
        self.first_line = drawn.len();
        let coloured = self.code.coloured();
        for index in 0..self.lines.len() {
            self.lines[index].drawn = drawn.len();
            self.lines[index].is_settled = index < coloured;
            drawn.extend(self.line(index, width, theme));
        }
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether all lines are drawn in their final colours.
    pub fn is_settled(&self) -> bool {
        self.lines.last().is_none_or(|line| line.is_settled)
    }

    /// Says that lines were added to, or taken from, those that are drawn before the block.
    pub fn shift(&mut self, by: isize) {
        self.first_line = self.first_line.saturating_add_signed(by);
        for line in &mut self.lines {
            line.drawn = line.drawn.saturating_add_signed(by);
        }
    }

    fn line(&self, index: usize, width: usize, theme: &Theme) -> Vec<Line> {
        let text = &self.body[self.lines[index].start..];
        let text = text.split('\n').next().unwrap_or_default();
        code_line(&self.code, index, text, (&[], &[]), width, theme)
    }
}

/// Whether `source` begins with a block that is closed, and where that ends.
pub(super) fn end(source: &str) -> Option<usize> {
    let mut lines = source.split_inclusive('\n');
    let opening = lines.next()?;
    let mut end = opening.len();
    let opening = Opening::of(clean::prose(opening).trim_end_matches('\n'))?;
    for line in lines {
        end += line.len();
        if opening.is_closed_by(clean::prose(line).trim_end_matches('\n')) {
            return Some(end);
        }
    }
    None
}

/// The whole block in `source`, and whether its colours are final; nothing where it is none.
pub(super) fn block(source: &str, width: usize, theme: &Theme) -> Option<(Vec<Line>, bool)> {
    let source = clean::prose(source);
    let mut lines = source.lines();
    let opening = lines.next().and_then(Opening::of)?;
    let mut body = String::new();
    for line in lines.take_while(|line| !opening.is_closed_by(line)) {
        body.push_str(opening.content(line));
        body.push('\n');
    }
    Some(code_block(&opening.info, &body, (&[], &[]), width, theme))
}

/// Code in its frame. `place` is what stands before the first line and before each other one.
pub(super) fn code_block(
    info: &str,
    body: &str,
    place: (&[Span], &[Span]),
    width: usize,
    theme: &Theme,
) -> (Vec<Line>, bool) {
    let code = Code::of(info, body);
    let is_settled = code.is_settled();
    let mut drawn = Vec::new();
    for (index, text) in body.lines().chain(body.is_empty().then_some("")).enumerate() {
        let place = if index == 0 { place } else { (place.1, place.1) };
        drawn.extend(code_line(&code, index, text, place, width, theme));
    }
    (drawn, is_settled)
}
