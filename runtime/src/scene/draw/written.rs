//! Text nodes as lines.

use unicode_segmentation::UnicodeSegmentation as _;
use zi_kernel::term::{Style, width};

use crate::scene::{
    format::{
        ansi, clean, markdown,
        wrap::{self, Mode, Options, Overflow},
    },
    line::{Line, Span},
    theme::Theme,
    tree::{Format, Text, Wrap},
};

/// Columns of a line that is not broken.
const UNBROKEN: usize = 1 << 20;

/// A text as it is shown `columns` wide.
pub(super) fn lines(text: &Text, columns: u16, theme: &Theme) -> Vec<Line> {
    let columns = usize::from(columns.max(1));
    let mut lines = match (text.format, text.wrap) {
        (Format::Markdown, _) => markdown::layout(&whole(text), columns, theme),
        (_, Wrap::None) => unbroken(text, theme),
        (_, wrap) => {
            let mode = if wrap == Wrap::Word { Mode::Word } else { Mode::Char };
            let options = Options::new(columns).mode(mode);
            let unbroken = unbroken(text, theme);
            unbroken.iter().flat_map(|line| wrap::wrap(&line.spans, &options)).collect()
        }
    };
    let most = text.max_lines.map_or(usize::MAX, usize::from);
    let is_cut = lines.len() > most;
    lines.truncate(most);
    if text.ellipsis {
        let count = lines.len();
        for (index, line) in lines.iter_mut().enumerate() {
            let is_last = is_cut && index + 1 == count;
            if is_last && line.width() < columns {
                line.spans.push(Span::new("…", Style::new()));
            } else if is_last || line.width() > columns {
                *line = with_ellipsis(line, columns);
            }
        }
    }
    lines
}

/// The widest line of a text that is not broken. Markdown has no width of its own but that of its
/// `lines`.
pub(super) fn natural_width(text: &Text, lines: &[Line], theme: &Theme) -> u16 {
    let widest = |lines: &[Line]| lines.iter().map(Line::width).max().unwrap_or(0);
    let widest = match text.format {
        Format::Markdown => widest(lines),
        _ => widest(&unbroken(text, theme)),
    };
    u16::try_from(widest).unwrap_or(u16::MAX)
}

fn whole(text: &Text) -> String {
    text.spans.iter().map(|span| span.text.as_str()).collect()
}

/// The lines of the text itself, in no style but their own.
fn unbroken(text: &Text, theme: &Theme) -> Vec<Line> {
    if text.format == Format::Ansi {
        let mut lines = ansi::lines(&whole(text), Style::new());
        let link = text.spans.first().and_then(|span| span.link.as_ref());
        for span in lines.iter_mut().flat_map(|line| &mut line.spans) {
            span.link = span.link.take().or(link.cloned());
        }
        return lines;
    }
    let spans: Vec<Span> = text
        .spans
        .iter()
        .map(|span| Span {
            text: match text.format {
                Format::Exact => clean::exact(&span.text).into_owned(),
                _ => clean::prose(&span.text).into_owned(),
            },
            style: span.look.style(theme),
            link: span.link.clone(),
        })
        .collect();
    wrap::wrap(&spans, &Options::new(UNBROKEN).mode(Mode::Char))
}

/// The line with `…` at its end, where something is missing.
fn with_ellipsis(line: &Line, columns: usize) -> Line {
    wrap::clip(line.clone(), columns, Overflow::Ellipsis)
}

/// The line without its first `columns` cells.
pub(super) fn scrolled(line: &Line, columns: usize) -> Line {
    let mut left = columns;
    let mut spans = Vec::new();
    for span in &line.spans {
        let mut text = String::new();
        for part in span.text.graphemes(true) {
            let size = width(part);
            if left == 0 {
                text.push_str(part);
            } else if size > left {
                // Half of a wide character.
                text.extend(std::iter::repeat_n(' ', size - left));
                left = 0;
            } else {
                left -= size;
            }
        }
        if !text.is_empty() {
            spans.push(Span { text, ..span.clone() });
        }
    }
    Line { spans, fill: line.fill }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_between_characters() {
        let line = Line::plain("a漢bc", Style::new());
        assert_eq!(with_ellipsis(&line, 3).text(), "a…");
        assert_eq!(with_ellipsis(&line, 4).text(), "a漢…");
        assert_eq!(scrolled(&line, 2).text(), " bc");
        assert_eq!(scrolled(&line, 9).text(), "");
    }
}
