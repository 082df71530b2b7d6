//! What programs print: colours, links and lines that are written over.
//!
//! Kept are styles (16, 256 and true colours), links (OSC 8), and what carriage return, backspace and
//! "erase to the end of the line" do to a line. Every other sequence is dropped.

use std::sync::Arc;

use unicode_width::UnicodeWidthChar as _;
use vte::{Params, Parser, Perform};
use zi_kernel::term::{Color, Modifier, Style};

use super::clean;
use crate::scene::line::{Line, Span};

/// What is laid out of one text; the rest is left out with a note.
const MAX_BYTES: usize = 1 << 20;
const MAX_LINES: usize = 50_000;
const MAX_COLUMNS: usize = 10_000;
const MAX_LINK: usize = 2048;
const TAB: usize = 8;

/// The lines of `text` as a terminal would show them, in `base` where it says nothing else.
pub fn lines(text: &str, base: Style) -> Vec<Line> {
    let head = super::head(text, MAX_BYTES);
    let mut screen = Screen::new(base);
    let mut parser = Parser::new();
    parser.advance(&mut screen, head.as_bytes());
    let left = text.len() - head.len();
    let mut lines = screen.finish();
    if left > 0 {
        lines.push(Line::plain(format!("… {left} more bytes"), base));
    }
    lines
}

/// The text alone, as it would be seen.
pub fn plain(text: &str) -> String {
    if text.len() <= MAX_BYTES && text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n')) {
        return text.strip_suffix('\n').unwrap_or(text).to_owned();
    }
    let lines = lines(text, Style::new());
    lines.iter().map(Line::text).collect::<Vec<_>>().join("\n")
}

/// One column of a line.
#[derive(Clone, Debug)]
enum Cell {
    Char {
        c: char,
        /// What combines with it.
        marks: String,
        style: Style,
        link: Option<Arc<str>>,
    },
    /// The second half of a wide character.
    Covered,
}

impl Cell {
    fn blank(style: Style) -> Self {
        Self::Char { c: ' ', marks: String::new(), style, link: None }
    }
}

struct Screen {
    base: Style,
    style: Style,
    link: Option<Arc<str>>,
    cells: Vec<Cell>,
    column: usize,
    lines: Vec<Line>,
}

impl Screen {
    fn new(base: Style) -> Self {
        Self { base, style: base, link: None, cells: Vec::new(), column: 0, lines: Vec::new() }
    }

    fn finish(mut self) -> Vec<Line> {
        if !self.cells.is_empty() || self.lines.is_empty() {
            self.end_line();
        }
        self.lines
    }

    fn end_line(&mut self) {
        let cells = std::mem::take(&mut self.cells);
        self.column = 0;
        if self.lines.len() >= MAX_LINES {
            return;
        }
        let mut spans: Vec<Span> = Vec::new();
        for cell in cells {
            let Cell::Char { c, marks, style, link } = cell else { continue };
            if spans.last().is_none_or(|span| span.style != style || span.link != link) {
                spans.push(Span { text: String::new(), style, link });
            }
            if let Some(span) = spans.last_mut() {
                span.text.push(c);
                span.text.push_str(&marks);
            }
        }
        for span in &mut spans {
            if let std::borrow::Cow::Owned(text) = clean::prose(&span.text) {
                span.text = text;
            }
        }
        self.lines.push(Line::new(spans));
    }

    /// Writes over the cell at the cursor; half of a wide character does not stay.
    fn put(&mut self, cell: Cell) {
        if self.column >= MAX_COLUMNS {
            return;
        }
        while self.cells.len() < self.column {
            self.cells.push(Cell::blank(self.base));
        }
        if self.column == self.cells.len() {
            self.cells.push(cell);
        } else {
            if matches!(self.cells[self.column], Cell::Covered)
                && !matches!(cell, Cell::Covered)
                && self.column > 0
            {
                self.cells[self.column - 1] = Cell::blank(self.base);
            }
            let next = self.column + 1;
            if matches!(self.cells.get(next), Some(Cell::Covered)) {
                self.cells[next] = Cell::blank(self.base);
            }
            self.cells[self.column] = cell;
        }
        self.column += 1;
    }

    /// Adds a mark to the character before the cursor.
    fn combine(&mut self, mark: char) {
        let end = self.column.min(self.cells.len());
        let mut chars = self.cells[..end].iter_mut().rev().filter_map(|cell| match cell {
            Cell::Char { marks, .. } => Some(marks),
            Cell::Covered => None,
        });
        if let Some(marks) = chars.next().filter(|marks| marks.len() < 64) {
            marks.push(mark);
        }
    }

    fn paint(&mut self, params: &Params) {
        let mut groups = params.iter();
        while let Some(group) = groups.next() {
            let style = self.style;
            self.style = match group[0] {
                0 => self.base,
                1 => style.add_modifier(Modifier::BOLD),
                2 => style.add_modifier(Modifier::DIM),
                3 => style.add_modifier(Modifier::ITALIC),
                4 if group.get(1) == Some(&0) => style.remove_modifier(Modifier::UNDERLINED),
                4 | 21 => style.add_modifier(Modifier::UNDERLINED),
                7 => style.add_modifier(Modifier::REVERSED),
                9 => style.add_modifier(Modifier::CROSSED_OUT),
                22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
                23 => style.remove_modifier(Modifier::ITALIC),
                24 => style.remove_modifier(Modifier::UNDERLINED),
                27 => style.remove_modifier(Modifier::REVERSED),
                29 => style.remove_modifier(Modifier::CROSSED_OUT),
                code @ 30..=37 => style.fg(basic(code - 30)),
                code @ 90..=97 => style.fg(basic(code - 90 + 8)),
                code @ 40..=47 => style.bg(basic(code - 40)),
                code @ 100..=107 => style.bg(basic(code - 100 + 8)),
                39 => Style { fg: self.base.fg, ..style },
                49 => Style { bg: self.base.bg, ..style },
                code @ (38 | 48) => {
                    let color = extended(group, &mut groups);
                    match (code, color) {
                        (38, Some(color)) => style.fg(color),
                        (_, Some(color)) => style.bg(color),
                        (_, None) => style,
                    }
                }
                _ => style,
            };
        }
    }
}

/// One of the 16 colours.
fn basic(index: u16) -> Color {
    Color::Indexed(u8::try_from(index).unwrap_or_default())
}

/// `5;n` or `2;r;g;b`, within its group (`38:5:n`) or in the ones after it (`38;5;n`).
fn extended<'a>(group: &[u16], groups: &mut impl Iterator<Item = &'a [u16]>) -> Option<Color> {
    let byte = |value: u16| u8::try_from(value).ok();
    if group.len() > 1 {
        return match group[1..] {
            [5, index, ..] => Some(Color::Indexed(byte(index)?)),
            [2, _, r, g, b, ..] | [2, r, g, b] => Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?)),
            _ => None,
        };
    }
    let mut next = || groups.next().map(|group| group[0]);
    match next()? {
        5 => Some(Color::Indexed(byte(next()?)?)),
        2 => {
            let (r, g, b) = (next()?, next()?, next()?);
            Some(Color::Rgb(byte(r)?, byte(g)?, byte(b)?))
        }
        _ => None,
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        match c.width() {
            Some(0) | None => self.combine(c),
            Some(width) => {
                let (style, link) = (self.style, self.link.clone());
                self.put(Cell::Char { c, marks: String::new(), style, link });
                for _ in 1..width {
                    self.put(Cell::Covered);
                }
            }
        }
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            b'\n' => self.end_line(),
            b'\r' => self.column = 0,
            8 => self.column = self.column.saturating_sub(1),
            b'\t' => {
                let stop = (self.column / TAB + 1) * TAB;
                while self.column < stop.min(MAX_COLUMNS) {
                    if self.column < self.cells.len() {
                        self.column += 1;
                    } else {
                        self.put(Cell::blank(self.style));
                    }
                }
            }
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, intermediates: &[u8], ignore: bool, action: char) {
        if ignore || !intermediates.is_empty() {
            return;
        }
        match action {
            'm' => self.paint(params),
            'K' => match params.iter().next().map_or(0, |group| group[0]) {
                0 => self.cells.truncate(self.column),
                2 => self.cells.clear(),
                _ => {}
            },
            _ => {}
        }
    }

    fn osc_dispatch(&mut self, params: &[&[u8]], _bell_terminated: bool) {
        if let [b"8", _, address @ ..] = params {
            // Semicolons within an address come apart.
            let address = address.join(&b';');
            self.link = super::markdown::safe_address(&String::from_utf8_lossy(&address))
                .filter(|address| address.len() <= MAX_LINK)
                .map(Arc::from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::format::tests::Random;

    #[test]
    fn styles_end_where_the_program_says() {
        let lines =
            lines("a\u{1b}[1;31mb\u{1b}[0mc\u{1b}[38;5;200md\u{1b}[48:2::1:2:3me\n", Style::new());
        assert_eq!(lines.len(), 1);
        let styles: Vec<Style> = lines[0].spans.iter().map(|span| span.style).collect();
        let red = Style::new().fg(Color::Indexed(1)).add_modifier(Modifier::BOLD);
        let pink = Style::new().fg(Color::Indexed(200));
        assert_eq!(styles, [Style::new(), red, Style::new(), pink, pink.bg(Color::Rgb(1, 2, 3))]);
        assert_eq!(lines[0].text(), "abcde");
    }

    #[test]
    fn lines_are_written_over() {
        assert_eq!(plain("10%\r50%\r100%\n"), "100%");
        assert_eq!(plain("downloading\rdone\u{1b}[K\n"), "done");
        assert_eq!(plain("ab\u{8}c"), "ac");
        assert_eq!(plain("a\n\nb\n\n"), plain("a\n\nb\n\n\u{7}"));
        assert_eq!(plain("漢字\rxy"), "xy字");
        assert_eq!(plain("漢字\rx"), "x 字");
        assert_eq!(plain("a\tb\n\nc"), "a       b\n\nc");
    }

    #[test]
    fn links_are_kept_and_everything_else_is_dropped() {
        let text = "\u{1b}]8;;https://a.b/c;d\u{1b}\\x\u{1b}]8;;\u{7}y\u{1b}]52;c;aGk=\u{7}\u{1b}[2J\u{1b}Pq\u{1b}\\z";
        let lines = lines(text, Style::new());
        assert_eq!(lines[0].text(), "xyz");
        assert_eq!(lines[0].spans[0].link.as_deref(), Some("https://a.b/c;d"));
        assert_eq!(lines[0].spans[1].link, None);
        let bad = super::lines("\u{1b}]8;;javascript:alert(1)\u{7}x", Style::new());
        assert_eq!(bad[0].spans[0].link, None);
    }

    #[test]
    fn combining_marks_stay_with_their_letter() {
        assert_eq!(plain("e\u{301}a\u{200D}"), "e\u{301}a\u{200D}");
        assert_eq!(plain("\u{301}"), "");
    }

    #[test]
    fn nothing_that_a_program_prints_breaks_it() {
        const PIECES: &[&str] = &[
            "\u{1b}[",
            "\u{1b}]",
            "8;;",
            "m",
            "38;5",
            "38:2",
            ";",
            "999999999",
            "\r",
            "\u{8}",
            "\t",
            "漢",
            "\u{7}",
            "\u{1b}",
            "\n",
            "K",
            "a",
            "\u{301}",
            "\u{1b}[2K",
            "\u{9b}",
            "\u{1b}P",
            "\\",
        ];
        let mut random = Random::default();
        for _ in 0..3000 {
            let text: String = (0..random.below(40)).map(|_| random.pick(PIECES)).collect();
            for line in lines(&text, Style::new()) {
                assert!(!line.text().chars().any(char::is_control), "{text:?}");
            }
        }
    }

    #[test]
    fn long_output_is_cut_with_a_note() {
        let text = "x".repeat(MAX_BYTES + 7);
        let lines = lines(&text, Style::new());
        assert_eq!(lines[0].text().len(), MAX_COLUMNS);
        assert_eq!(lines.last().map(Line::text).as_deref(), Some("… 7 more bytes"));
    }
}
