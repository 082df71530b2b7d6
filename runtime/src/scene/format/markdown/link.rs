//! Links: where they may lead, and what shows of that.

use std::sync::Arc;

use zi_kernel::term::{Modifier, Style};

use crate::scene::{format::clean, line::Span, theme::Theme};

const SCHEMES: &[&str] = &["http", "https", "mailto", "ftp", "file"];
const MAX_ADDRESS: usize = 2048;
/// What shows of an address that its text does not show.
const MAX_SHOWN: usize = 60;

/// `address` when a terminal may open it: of a known scheme, and in visible characters alone.
pub fn safe_address(address: &str) -> Option<&str> {
    let address = address.trim();
    let (scheme, rest) = address.split_once(':')?;
    let is_known = SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    // Who reads a backslash how is not agreed on.
    let is_clean = !address.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\')
        && clean::exact(address) == address;
    (is_known && is_clean && !rest.is_empty() && address.len() <= MAX_ADDRESS).then_some(address)
}

/// Makes `spans` lead to `address`, and says where that is unless they do so themselves.
pub(super) fn link(spans: &mut Vec<Span>, start: usize, address: &str, theme: &Theme) {
    let start = start.min(spans.len());
    let shown: String = spans[start..].iter().map(|span| span.text.as_str()).collect();
    let target = safe_address(address).map(Arc::from);
    let style = theme.fg("link").add_modifier(Modifier::UNDERLINED);
    for span in &mut spans[start..] {
        span.style = span.style.patch(style);
        span.link.clone_from(&target);
    }
    let address = clean::exact_line(address.trim());
    let place = host(&address).map_or_else(|| address.to_string(), str::to_owned);
    if !place.is_empty() && !says(&shown, &address, &place) {
        let mut shown: String = place.chars().take(MAX_SHOWN).collect();
        if shown.len() < place.len() {
            shown.push('…');
        }
        spans.push(Span::new(format!(" ({shown})"), theme.fg("muted")));
    }
}

/// Whether a text says where a link leads: it is the address, or begins with its host.
fn says(shown: &str, address: &str, place: &str) -> bool {
    let shown = shown.trim();
    if shown == address || address.strip_prefix("mailto:") == Some(shown) {
        return true;
    }
    let named = host(shown).unwrap_or_else(|| shown.split(['/', '?', '#']).next().unwrap_or(shown));
    let bare = |host: &str| host.trim_start_matches("www.").to_lowercase();
    bare(named) == bare(place)
}

/// The host of an address, with its port.
fn host(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    (!host.is_empty()).then_some(host)
}

/// Splits text at the addresses that stand in it.
pub(super) fn autolink(text: &str, style: Style, theme: &Theme, out: &mut Vec<Span>) {
    let mut rest = text;
    while let Some((start, end)) = next_address(rest) {
        if start > 0 {
            out.push(Span::new(&rest[..start], style));
        }
        let address = &rest[start..end];
        let first = out.len();
        out.push(Span::new(address, style));
        link(out, first, address, theme);
        rest = &rest[end..];
    }
    if !rest.is_empty() {
        out.push(Span::new(rest, style));
    }
}

fn next_address(text: &str) -> Option<(usize, usize)> {
    let mut from = 0;
    while let Some(at) = text[from..].find("http") {
        let start = from + at;
        let address = &text[start..];
        let opening = ["http://", "https://"].into_iter().find(|head| address.starts_with(head));
        let begins_word = !text[..start].ends_with(char::is_alphanumeric);
        if let Some(opening) = opening.filter(|_| begins_word) {
            let end = address
                .find(|c: char| c.is_whitespace() || c.is_control() || "<>\"`|".contains(c))
                .unwrap_or(address.len());
            let mut address = address[..end].trim_end_matches(['.', ',', ';', ':', '!', '?', '\'']);
            while address.ends_with(')') && !address.contains('(') {
                address = &address[..address.len() - 1];
            }
            if address.len() > opening.len() && safe_address(address).is_some() {
                return Some((start, start + address.len()));
            }
        }
        from = start + 4;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, address: &str) -> String {
        let mut spans = vec![Span::new(text, Style::new())];
        link(&mut spans, 0, address, &Theme::dark());
        spans.iter().map(|span| span.text.as_str()).collect()
    }

    #[test]
    fn the_host_of_a_link_always_shows() {
        assert_eq!(shown("docs", "https://example.com/a"), "docs (example.com)");
        assert_eq!(
            shown("https://example.com/a", "https://example.com/a"),
            "https://example.com/a"
        );
        assert_eq!(shown("example.com/about", "https://www.example.com"), "example.com/about");
        assert_eq!(
            shown("https://good.com", "https://evil.com/good.com"),
            "https://good.com (evil.com)"
        );
        assert_eq!(shown("good.com", "https://good.com@evil.com/"), "good.com (evil.com)");
        assert_eq!(shown("good.com", "https://good.com\\@evil.com/"), "good.com");
        assert_eq!(shown("a@b.c", "mailto:a@b.c"), "a@b.c");
        assert_eq!(shown("main", "src/main.rs"), "main (src/main.rs)");
        assert_eq!(shown("x", "https://a\u{202E}b/"), "x (a<U+202E>b)");
    }

    #[test]
    fn only_harmless_addresses_are_opened() {
        for good in ["https://a.b/c?d=e", "mailto:a@b", "file:///tmp/x", "http://münchen.de"] {
            assert_eq!(safe_address(good), Some(good));
        }
        for bad in ["javascript:x", "a/b", "https:", "http://a b", "http://a\u{200B}b", "data:,x"] {
            assert_eq!(safe_address(bad), None, "{bad}");
        }
    }

    #[test]
    fn addresses_in_text_become_links() {
        let mut spans = Vec::new();
        let text = "see (https://a.b/c), xhttp://no or http://d.e/f(g).";
        autolink(text, Style::new(), &Theme::dark(), &mut spans);
        let links: Vec<&str> = spans.iter().filter_map(|span| span.link.as_deref()).collect();
        assert_eq!(links, ["https://a.b/c", "http://d.e/f(g)"]);
        let whole: String = spans.iter().map(|span| span.text.as_str()).collect();
        assert_eq!(whole, text);
    }
}
