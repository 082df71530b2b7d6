//! Wrapping: styled text in lines that fit a width.
//!
//! Text is broken between graphemes, never inside one. No line is wider than it may be: what does
//! not fit even alone is shown as `…`.

use unicode_segmentation::UnicodeSegmentation as _;
use zi_kernel::term::{Style, width};

use crate::scene::line::{Line, Span};

const TAB: usize = 4;
const ELLIPSIS: &str = "…";
const BLANKS: &str = "    ";

/// Where a line that is too long is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Between words where possible.
    #[default]
    Word,
    Char,
    /// Nowhere: the rest of it is cut off.
    None,
}

/// How it shows that something was cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    #[default]
    Clip,
    Ellipsis,
}

/// How text is wrapped.
#[derive(Clone, Debug, Default)]
pub struct Options {
    pub width: usize,
    pub mode: Mode,
    pub overflow: Overflow,
    /// The lines that are kept; all of them when nothing.
    pub max_lines: Option<usize>,
    /// What stands before the first line, and before each other one. Left out where it would take
    /// most of the width.
    pub first: Vec<Span>,
    pub rest: Vec<Span>,
    /// What the rest of each row looks like.
    pub fill: Style,
}

impl Options {
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    pub fn overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    pub fn max_lines(mut self, lines: usize) -> Self {
        self.max_lines = Some(lines);
        self
    }

    /// Sets what stands before the first line, and before each other one.
    pub fn prefix(mut self, first: Vec<Span>, rest: Vec<Span>) -> Self {
        self.first = first;
        self.rest = rest;
        self
    }

    pub fn fill(mut self, fill: Style) -> Self {
        self.fill = fill;
        self
    }

    fn prefix_of(&self, is_first: bool) -> (&[Span], usize) {
        let prefix = if is_first { &self.first } else { &self.rest };
        let taken: usize = prefix.iter().map(|span| width(&span.text)).sum();
        if taken > 0 && taken * 3 > self.width * 2 { (&[], 0) } else { (prefix, taken) }
    }
}

/// Lays out `spans`, which may hold line breaks and tabs. There is always at least one line.
pub fn wrap(spans: &[Span], options: &Options) -> Vec<Line> {
    let most = options.max_lines.unwrap_or(usize::MAX);
    let mut wrapper = Wrapper { spans, options, lines: Vec::new() };
    for hard in pieces(spans) {
        // One more than wanted, to know that something is missing.
        if wrapper.lines.len() > most {
            break;
        }
        wrapper.lay(&hard);
    }
    let mut lines = wrapper.lines;
    if lines.len() > most {
        lines.truncate(most);
        if options.overflow == Overflow::Ellipsis
            && let Some(last) = lines.pop()
        {
            lines.push(with_ellipsis(last, options.width));
        }
    }
    lines
}

/// Wraps plain text in one style.
pub fn plain(text: &str, style: Style, options: &Options) -> Vec<Line> {
    wrap(&[Span::new(text, style)], options)
}

/// Cuts a line to a width.
pub fn clip(line: Line, room: usize, overflow: Overflow) -> Line {
    if line.width() <= room {
        return line;
    }
    match overflow {
        Overflow::Clip => cut(line, room),
        Overflow::Ellipsis => with_ellipsis(line, room),
    }
}

fn cut(line: Line, room: usize) -> Line {
    let mut left = room;
    let mut spans = Vec::with_capacity(line.spans.len());
    for mut span in line.spans {
        let mut end = 0;
        for grapheme in span.text.graphemes(true) {
            let width = width(grapheme);
            if width > left {
                span.text.truncate(end);
                spans.push(span);
                return Line { spans, fill: line.fill };
            }
            left -= width;
            end += grapheme.len();
        }
        spans.push(span);
    }
    Line { spans, fill: line.fill }
}

fn with_ellipsis(line: Line, room: usize) -> Line {
    if room == 0 {
        return cut(line, 0);
    }
    let mut line = cut(line, room - 1);
    match line.spans.last_mut() {
        Some(last) => last.text.push_str(ELLIPSIS),
        None => line.spans.push(Span::new(ELLIPSIS, Style::new())),
    }
    line
}

/// A grapheme, the cells it takes, and the span it is of.
#[derive(Clone, Copy)]
struct Piece<'a> {
    text: &'a str,
    width: usize,
    span: usize,
}

impl Piece<'_> {
    fn is_space(self) -> bool {
        self.text == " "
    }

    /// Whether a line may end after it: at a space, and between the signs of wide scripts.
    fn ends_word(self) -> bool {
        self.is_space() || self.width > 1
    }
}

/// The lines of the text as it is written.
fn pieces(spans: &[Span]) -> Vec<Vec<Piece<'_>>> {
    let mut lines = vec![Vec::new()];
    let mut column = 0;
    for (index, span) in spans.iter().enumerate() {
        let mut put = |text, width| {
            let line = lines.last_mut().expect("there is one");
            match text {
                "\n" | "\r\n" => {
                    lines.push(Vec::new());
                    column = 0;
                }
                "\t" => {
                    let blanks = TAB - column % TAB;
                    for at in 0..blanks {
                        line.push(Piece { text: &BLANKS[at..=at], width: 1, span: index });
                    }
                    column += blanks;
                }
                _ => {
                    line.push(Piece { text, width, span: index });
                    column += width;
                }
            }
        };
        if span.text.is_ascii() {
            for (at, byte) in span.text.bytes().enumerate() {
                match byte {
                    b' '..=b'~' => put(&span.text[at..=at], 1),
                    b'\n' | b'\t' => put(&span.text[at..=at], 0),
                    _ => {}
                }
            }
        } else {
            for grapheme in span.text.graphemes(true) {
                let drawn = width(grapheme);
                if drawn > 0 || !grapheme.chars().any(char::is_control) {
                    put(grapheme, drawn);
                } else if matches!(grapheme, "\n" | "\r\n" | "\t") {
                    put(grapheme, 0);
                }
            }
        }
    }
    lines
}

struct Wrapper<'a> {
    spans: &'a [Span],
    options: &'a Options,
    lines: Vec<Line>,
}

impl Wrapper<'_> {
    /// Lays out one line of the text.
    fn lay(&mut self, pieces: &[Piece<'_>]) {
        let most = self.options.max_lines.unwrap_or(usize::MAX);
        let lines_before = self.lines.len();
        let (mut start, mut used, mut index) = (0, 0, 0);
        let mut end_of_word = None;
        let mut room = self.room();
        while index < pieces.len() {
            let piece = pieces[index];
            if used + piece.width > room && index > start {
                if self.lines.len() > most {
                    return;
                }
                match self.options.mode {
                    Mode::None => return self.push_cut(&pieces[start..]),
                    Mode::Word if piece.is_space() => {
                        self.push_words(&pieces[start..index]);
                        while pieces.get(index).is_some_and(|piece| piece.is_space()) {
                            index += 1;
                        }
                        start = index;
                        if start == pieces.len() {
                            if self.lines.len() == lines_before {
                                self.push(&[]);
                            }
                            return;
                        }
                    }
                    Mode::Word => {
                        let end = end_of_word.unwrap_or(index);
                        self.push_words(&pieces[start..end]);
                        start = end;
                    }
                    Mode::Char => {
                        self.push(&pieces[start..index]);
                        start = index;
                    }
                }
                // The lines have not all the same room: what is left is measured again.
                (used, index) = (0, start);
                room = self.room();
                end_of_word = None;
                continue;
            }
            used += piece.width;
            index += 1;
            if piece.ends_word() {
                end_of_word = Some(index);
            }
        }
        self.push(&pieces[start..]);
    }

    fn room(&self) -> usize {
        self.options.width - self.options.prefix_of(self.lines.is_empty()).1
    }

    /// A line of whole words: it does not end in blanks, nor consist of them.
    fn push_words(&mut self, pieces: &[Piece<'_>]) {
        let end = pieces.iter().rposition(|piece| !piece.is_space()).map_or(0, |at| at + 1);
        if end > 0 {
            self.push(&pieces[..end]);
        }
    }

    fn push_cut(&mut self, pieces: &[Piece<'_>]) {
        self.push(pieces);
        if let Some(line) = self.lines.pop() {
            self.lines.push(clip(line, self.options.width, self.options.overflow));
        }
    }

    fn push(&mut self, pieces: &[Piece<'_>]) {
        let room = self.room();
        let mut line = Line { spans: Vec::new(), fill: self.options.fill };
        line.spans.extend_from_slice(self.options.prefix_of(self.lines.is_empty()).0);
        let mut rest = pieces;
        while let Some(first) = rest.first() {
            let count = rest.iter().take_while(|piece| piece.span == first.span).count();
            let (same, others) = rest.split_at(count);
            let Span { style, link, .. } = &self.spans[first.span];
            let mut text = String::with_capacity(same.iter().map(|piece| piece.text.len()).sum());
            for piece in same {
                match piece.width {
                    width if width <= room => text.push_str(piece.text),
                    _ if room > 0 => text.push_str(ELLIPSIS),
                    _ => {}
                }
            }
            if !text.is_empty() {
                line.spans.push(Span { text, style: *style, link: link.clone() });
            }
            rest = others;
        }
        self.lines.push(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::format::tests::{Random, samples};

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(Line::text).collect()
    }

    fn wrapped(text: &str, options: &Options) -> Vec<String> {
        texts(&plain(text, Style::new(), options))
    }

    #[test]
    fn words_are_kept_whole_where_they_fit() {
        let options = Options::new(10);
        assert_eq!(wrapped("the quick brown fox", &options), ["the quick", "brown fox"]);
        assert_eq!(wrapped("incomprehensible", &options), ["incomprehe", "nsible"]);
        assert_eq!(wrapped("a  b\n\n c", &options), ["a  b", "", " c"]);
        assert_eq!(wrapped("exactly10c next", &options), ["exactly10c", "next"]);
        assert_eq!(wrapped("漢字を書く", &Options::new(5)), ["漢字", "を書", "く"]);
    }

    #[test]
    fn characters_and_nothing_are_the_other_ways_to_break() {
        let options = Options::new(6);
        assert_eq!(wrapped("ab cd efg", &options.clone().mode(Mode::Char)), ["ab cd ", "efg"]);
        let none = options.mode(Mode::None);
        assert_eq!(wrapped("ab cd efg\nx", &none), ["ab cd ", "x"]);
        assert_eq!(wrapped("ab cd efg", &none.overflow(Overflow::Ellipsis)), ["ab cd…"]);
    }

    #[test]
    fn later_lines_hang_below_the_first() {
        let prefix = |text: &str| vec![Span::new(text, Style::new())];
        let options = Options::new(9).prefix(prefix("- "), prefix("  "));
        assert_eq!(wrapped("one two three", &options), ["- one two", "  three"]);
        let narrow = Options::new(2).prefix(prefix("- "), prefix("  "));
        assert_eq!(wrapped("one", &narrow), ["on", "e"]);
    }

    #[test]
    fn tabs_reach_the_next_stop() {
        assert_eq!(wrapped("a\tb\t\tc", &Options::new(40)), ["a   b       c"]);
    }

    #[test]
    fn more_lines_than_wanted_end_in_an_ellipsis() {
        let options = Options::new(5).max_lines(2).overflow(Overflow::Ellipsis);
        assert_eq!(wrapped("one two three", &options), ["one", "two…"]);
        assert_eq!(wrapped("one two", &options), ["one", "two"]);
        assert_eq!(wrapped("a\nb\nc", &options), ["a", "b…"]);
    }

    #[test]
    fn styles_and_links_stay_with_their_text() {
        let bold = Style::new().bold();
        let spans = [Span::new("plain ", Style::new()), Span::new("bold words", bold)];
        let lines = wrap(&spans, &Options::new(10));
        assert_eq!(texts(&lines), ["plain bold", "words"]);
        assert_eq!(lines[0].spans[1], Span::new("bold", bold));
        assert_eq!(lines[1].spans, [Span::new("words", bold)]);
    }

    #[test]
    fn no_line_is_wider_than_it_may_be_and_no_letter_is_lost() {
        let mut random = Random::default();
        for _ in 0..400 {
            let text = samples::text(&mut random, 60);
            for room in 0..12 {
                for mode in [Mode::Word, Mode::Char, Mode::None] {
                    let options = Options::new(room).mode(mode).overflow(Overflow::Ellipsis);
                    let lines = plain(&text, Style::new(), &options);
                    assert!(!lines.is_empty(), "{text:?} {room}");
                    for line in &lines {
                        assert!(line.width() <= room, "{text:?} {room} {mode:?} {line:?}");
                    }
                    if mode != Mode::None && room > 3 {
                        let seen: String = texts(&lines).concat().split_whitespace().collect();
                        let drawn: String = text
                            .graphemes(true)
                            .filter(|g| !g.chars().any(char::is_control))
                            .collect();
                        let meant: String = drawn.split_whitespace().collect();
                        assert_eq!(seen, meant, "{room} {mode:?}");
                    }
                }
            }
        }
    }
}
