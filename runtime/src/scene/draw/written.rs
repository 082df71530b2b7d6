//! Text nodes as lines.

use unicode_segmentation::UnicodeSegmentation as _;
use zi_kernel::term::{Style, width};

use crate::{
    api::strip_ansi,
    scene::{
        line::{Line, Span},
        theme::Theme,
        tree::{Format, Text, Wrap},
    },
};

/// Cells between the stops of a tab.
const TAB: usize = 4;

/// A text as it is shown `columns` wide.
pub(super) fn lines(text: &Text, columns: u16, theme: &Theme) -> Vec<Line> {
    let columns = usize::from(columns.max(1));
    let mut lines: Vec<Line> = unwrapped(text, columns, theme)
        .into_iter()
        .flat_map(|line| match text.wrap {
            Wrap::None => vec![line],
            wrap => wrap_line(&line, columns, wrap == Wrap::Word),
        })
        .collect();
    let most = text.max_lines.map_or(usize::MAX, usize::from);
    let is_cut = lines.len() > most;
    lines.truncate(most);
    if text.ellipsis {
        let count = lines.len();
        for (index, line) in lines.iter_mut().enumerate() {
            let is_last = is_cut && index + 1 == count;
            if is_last || (text.wrap == Wrap::None && line.width() > columns) {
                *line = with_ellipsis(line, columns);
            }
        }
    }
    lines
}

/// The widest line of a text that is not wrapped.
pub(super) fn natural_width(text: &Text, room: u16, theme: &Theme) -> u16 {
    let lines = unwrapped(text, room.into(), theme);
    let widest = lines.iter().map(Line::width).max().unwrap_or(0);
    u16::try_from(widest).unwrap_or(u16::MAX)
}

fn unwrapped(text: &Text, _columns: usize, theme: &Theme) -> Vec<Line> {
    let plain = |span: &str| match text.format {
        Format::Plain => span.to_owned(),
        Format::Ansi | Format::Markdown => strip_ansi(span),
    };
    let spans = text.spans.iter().map(|span| Span {
        text: plain(&span.text),
        style: span.look.style(theme),
        link: span.link.clone(),
    });
    split_lines(spans)
}

/// Ends lines at line feeds, with tabs as blanks up to the next stop.
fn split_lines(spans: impl Iterator<Item = Span>) -> Vec<Line> {
    let mut lines = vec![Line::default()];
    let mut column = 0;
    for span in spans {
        for (index, part) in span.text.split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::default());
                column = 0;
            }
            let part = part.strip_suffix('\r').unwrap_or(part);
            let mut text = String::with_capacity(part.len());
            for (index, piece) in part.split('\t').enumerate() {
                if index > 0 {
                    let blanks = TAB - column % TAB;
                    text.extend(std::iter::repeat_n(' ', blanks));
                    column += blanks;
                }
                text.push_str(piece);
                column += width(piece);
            }
            if let Some(line) = lines.last_mut().filter(|_| !text.is_empty()) {
                line.spans.push(Span { text, ..span.clone() });
            }
        }
    }
    lines
}

/// Breaks a line into lines of at most `columns` cells: after blanks if `by_words`, and between
/// characters where it must. Blanks at a break are not shown.
pub(crate) fn wrap_line(line: &Line, columns: usize, by_words: bool) -> Vec<Line> {
    if line.width() <= columns {
        return vec![line.clone()];
    }
    let parts: Vec<(usize, &str, usize)> = line
        .spans
        .iter()
        .enumerate()
        .flat_map(|(span, text)| text.text.graphemes(true).map(move |part| (span, part)))
        .map(|(span, part)| (span, part, width(part)))
        .collect();
    let is_blank = |at: usize| parts[at].1.trim().is_empty();
    let mut lines = Vec::new();
    let mut start = 0;
    while start < parts.len() {
        let mut used = 0;
        let fits = parts[start..].iter().take_while(|(_, _, size)| {
            used += size;
            used <= columns
        });
        let mut end = start + fits.count().max(1);
        if by_words && end < parts.len() && !is_blank(end) {
            // After the last blank that is not what the line begins with.
            let blank = (start..end).rev().find(|at| is_blank(*at));
            end = blank.filter(|at| (start..*at).any(|at| !is_blank(at))).map_or(end, |at| at + 1);
        }
        let mut shown = end;
        if by_words {
            while shown > start && end < parts.len() && is_blank(shown - 1) {
                shown -= 1;
            }
            while end < parts.len() && is_blank(end) {
                end += 1;
            }
        }
        lines.push(pick(line, &parts[start..shown]));
        start = end;
    }
    lines
}

/// A line of some graphemes of another one.
fn pick(line: &Line, parts: &[(usize, &str, usize)]) -> Line {
    let mut spans: Vec<Span> = Vec::new();
    let mut last = None;
    for (span, part, _) in parts {
        match spans.last_mut().filter(|_| last == Some(*span)) {
            Some(open) => open.text.push_str(part),
            None => spans.push(Span { text: (*part).to_owned(), ..line.spans[*span].clone() }),
        }
        last = Some(*span);
    }
    Line { spans, fill: line.fill }
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

/// The line cut to `columns` cells, with `…` at its end.
pub(super) fn with_ellipsis(line: &Line, columns: usize) -> Line {
    let mut room = columns.saturating_sub(1);
    let mut spans: Vec<Span> = Vec::new();
    'all: for span in &line.spans {
        let mut text = String::new();
        for part in span.text.graphemes(true) {
            let size = width(part);
            if size > room {
                spans.push(Span { text, ..span.clone() });
                break 'all;
            }
            room -= size;
            text.push_str(part);
        }
        spans.push(Span { text, ..span.clone() });
    }
    match spans.last_mut() {
        Some(last) => last.text.push('…'),
        None => spans.push(Span::new("…", Style::new())),
    }
    Line { spans, fill: line.fill }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, columns: usize) -> Vec<String> {
        let line = Line::plain(text, Style::new());
        wrap_line(&line, columns, true).iter().map(Line::text).collect()
    }

    #[test]
    fn lines_break_at_blanks_where_they_can() {
        assert_eq!(wrapped("the quick brown fox", 10), ["the quick", "brown fox"]);
        assert_eq!(wrapped("the quickest", 9), ["the", "quickest"]);
        assert_eq!(wrapped("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(wrapped("  indented words here", 12), ["  indented", "words here"]);
        assert_eq!(wrapped("漢字漢字", 5), ["漢字", "漢字"]);
        assert_eq!(wrapped("漢", 1), ["漢"], "what fits nowhere still ends");
        assert_eq!(wrapped("ab    cd", 3), ["ab", "cd"]);
    }

    #[test]
    fn lines_are_cut_between_characters() {
        let line = Line::plain("a漢bc", Style::new());
        assert_eq!(with_ellipsis(&line, 3).text(), "a…");
        assert_eq!(with_ellipsis(&line, 4).text(), "a漢…");
        assert_eq!(scrolled(&line, 2).text(), " bc");
        assert_eq!(scrolled(&line, 9).text(), "");
    }
}
