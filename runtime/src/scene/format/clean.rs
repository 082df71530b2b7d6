//! What is left of foreign text before it is drawn.
//!
//! Everything that came from elsewhere goes through one of two functions: [`prose`] keeps what people
//! write readable, [`exact`] shows what a machine will act on, with nothing hidden. Both keep line
//! breaks and tabs, and look at one line at a time: the lines of the result are those of the text.

use std::borrow::Cow;

/// The flags of emoji that are written with tag characters.
const TAG_FLAGS: &[&str] = &["gbeng", "gbsct", "gbwls"];
/// Longer escape sequences are none.
const MAX_SEQUENCE: usize = 4096;
const BLACK_FLAG: char = '\u{1F3F4}';
const TAG_END: char = '\u{E007F}';

/// Text to read: control characters and escape sequences are dropped, what changes the direction of
/// writing ends with its line, and hidden text is replaced by how much of it there was.
pub fn prose(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
        prose_line(line, &mut out);
        out.push_str(end);
    }
    Cow::Owned(out)
}

/// Text that counts to the letter (commands, paths, what is to be approved): everything that cannot
/// be seen, or looks like a plain space and is none, is shown as `<U+202E>`.
pub fn exact(text: &str) -> Cow<'_, str> {
    if is_plain(text) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\n' | '\t') || !(c.is_control() || is_invisible(c)) {
            out.push(c);
        } else {
            out.push_str(&format!("<U+{:04X}>", u32::from(c)));
        }
    }
    Cow::Owned(out)
}

/// One line of [`exact`]: line breaks and tabs are shown as well.
pub fn exact_line(text: &str) -> Cow<'_, str> {
    if !text.contains(['\n', '\t']) {
        return exact(text);
    }
    Cow::Owned(exact(text).replace('\n', "⏎").replace('\t', "⇥"))
}

/// How many characters of `text` leave no mark and mean something all the same: tags, selectors in a
/// row, changes of direction, blanks without a width.
pub fn count_hidden(text: &str) -> usize {
    if is_plain(text) {
        return 0;
    }
    let mut count = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = match hidden(rest, c) {
            Some(length) => {
                count += rest[..length].chars().count();
                length
            }
            None if c == BLACK_FLAG => flag(rest),
            None => {
                count += usize::from(is_trick(c));
                c.len_utf8()
            }
        };
        rest = &rest[length..];
    }
    count
}

/// What changes the direction of writing, or is a blank without a width; joiners of emoji and of
/// scripts are none.
fn is_trick(c: char) -> bool {
    matches!(c,
        '\u{200B}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}'
        | '\u{FEFF}')
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\n' | b'\t'))
}

fn prose_line(line: &str, out: &mut String) {
    let mut open = Vec::new();
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(length) = hidden(rest, c) {
            let count = rest[..length].chars().count();
            out.push_str(&format!("<{count} hidden characters>"));
            rest = &rest[length..];
            continue;
        }
        let length = if c == BLACK_FLAG { flag(rest) } else { c.len_utf8() };
        match c {
            '\t' => out.push(c),
            '\u{1B}' => {
                rest = &rest[escape(rest)..];
                continue;
            }
            c if c.is_control() => {}
            '\u{2028}' | '\u{2029}' => out.push(' '),
            _ => {
                direct(c, &mut open);
                out.push_str(&rest[..length]);
            }
        }
        rest = &rest[length..];
    }
    out.extend(open.iter().rev());
}

/// Keeps in `open` what ends the changes of direction that have begun.
fn direct(c: char, open: &mut Vec<char>) {
    match c {
        '\u{202A}' | '\u{202B}' | '\u{202D}' | '\u{202E}' => open.push('\u{202C}'),
        '\u{2066}'..='\u{2068}' => open.push('\u{2069}'),
        '\u{202C}' | '\u{2069}' if open.last() == Some(&c) => {
            open.pop();
        }
        _ => {}
    }
}

/// The length of the hidden text that `text` starts with: tag characters, or more than one selector
/// in a row, which no script needs.
fn hidden(text: &str, first: char) -> Option<usize> {
    let hides = |c: char| matches!(c, '\u{E0000}'..='\u{E007F}') || is_selector(c);
    if !hides(first) {
        return None;
    }
    let end = text.find(|c| !hides(c)).unwrap_or(text.len());
    let run = &text[..end];
    let harmless = is_selector(first) && run.chars().nth(1).is_none();
    (!harmless).then_some(end)
}

fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

/// The length of the flag that `text` starts with.
fn flag(text: &str) -> usize {
    let tags = &text[BLACK_FLAG.len_utf8()..];
    let name: String = tags
        .chars()
        .take_while(|c| ('\u{E0061}'..='\u{E007A}').contains(c))
        .filter_map(|c| char::from_u32(u32::from(c) - 0xE0000))
        .collect();
    let length = BLACK_FLAG.len_utf8() + name.len() * TAG_END.len_utf8();
    if TAG_FLAGS.contains(&name.as_str()) && text[length..].starts_with(TAG_END) {
        length + TAG_END.len_utf8()
    } else {
        BLACK_FLAG.len_utf8()
    }
}

/// The length of the escape sequence that `text` starts with. One that does not end takes no more
/// than its first character, so that it swallows nothing.
fn escape(text: &str) -> usize {
    let body = &text[1..];
    let whole = match body.bytes().next() {
        Some(b'[') => {
            let end = body[1..].find(|c: char| !(' '..='?').contains(&c));
            end.filter(|end| body[1 + end..].starts_with(|c: char| ('@'..='~').contains(&c)))
                .map(|end| end + 2)
        }
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            let near = super::head(body, MAX_SEQUENCE);
            let bell = near.find('\u{7}').map(|at| at + 1);
            let string = near.find("\u{1B}\\").map(|at| at + 2);
            match (bell, string) {
                (Some(bell), Some(string)) => Some(bell.min(string)),
                (bell, string) => bell.or(string),
            }
        }
        _ => None,
    };
    1 + whole.unwrap_or(0)
}

/// What leaves no mark, or the mark of a plain space.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{A0}' | '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{1680}'
        | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}' | '\u{2000}'..='\u{200F}'
        | '\u{2028}'..='\u{202F}' | '\u{205F}'..='\u{206F}' | '\u{2800}' | '\u{3000}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_left_as_it_is() {
        let text = "two lines\n\tand a tab";
        assert!(matches!(prose(text), Cow::Borrowed(_)));
        assert!(matches!(exact(text), Cow::Borrowed(_)));
    }

    #[test]
    fn prose_drops_controls_and_whole_escape_sequences() {
        assert_eq!(prose("a\u{7}b\u{1B}[31mc\u{1B}[0m\r\nd\u{9B}e"), "abc\nde");
        assert_eq!(prose("x\u{1B}]52;c;aGk=\u{7}y"), "xy");
        assert_eq!(prose("x\u{1B}]8;;http://a\u{1B}\\y"), "xy");
    }

    #[test]
    fn an_escape_sequence_without_an_end_swallows_nothing() {
        assert_eq!(prose("x\u{1B}]0;title and the rest"), "x]0;title and the rest");
        assert_eq!(prose("x\u{1B}[31"), "x[31");
        assert_eq!(prose("x\u{1B}[3é"), "x[3é");
    }

    #[test]
    fn prose_ends_changes_of_direction_with_their_line() {
        assert_eq!(prose("a\u{2067}b\nc"), "a\u{2067}b\u{2069}\nc");
        assert_eq!(prose("a\u{202E}\u{2066}b"), "a\u{202E}\u{2066}b\u{2069}\u{202C}");
        assert_eq!(prose("a\u{2067}b\u{2069}c"), "a\u{2067}b\u{2069}c");
    }

    #[test]
    fn prose_counts_hidden_text_and_keeps_emoji() {
        let hidden: String =
            "ignore".chars().filter_map(|c| char::from_u32(0xE0000 + u32::from(c))).collect();
        assert_eq!(prose(&format!("ok{hidden}.")), "ok<6 hidden characters>.");
        assert_eq!(prose("a\u{FE01}\u{FE02}\u{E0101}"), "a<3 hidden characters>");
        for whole in ["👩\u{200D}👩\u{200D}👧", "❤\u{FE0F}", "🏳\u{FE0F}\u{200D}🌈"] {
            assert_eq!(prose(whole), whole);
        }
        let england = "🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}";
        assert_eq!(prose(england), england);
    }

    #[test]
    fn hidden_characters_are_counted_where_people_do_not_write_them() {
        assert_eq!(count_hidden("plain, 漢字, 👩\u{200D}👩\u{200D}👧, ❤\u{FE0F}"), 0);
        assert_eq!(count_hidden("🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}"), 0);
        assert_eq!(count_hidden("a\u{E0041}\u{E0042}b\u{202E}c\u{200B}"), 4);
    }

    #[test]
    fn exact_shows_what_cannot_be_seen() {
        assert_eq!(exact("rm \u{202E}fdp.exe"), "rm <U+202E>fdp.exe");
        assert_eq!(
            exact("a\u{200B}b\u{E0041}\u{3164}\u{1B}[m"),
            "a<U+200B>b<U+E0041><U+3164><U+001B>[m"
        );
        assert_eq!(exact("a\r\n\tb"), "a<U+000D>\n\tb");
        assert_eq!(exact_line("a\n\tb"), "a⏎⇥b");
    }
}
