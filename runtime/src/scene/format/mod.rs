//! Formats: text of each kind, in lines for a width.
//!
//! Owns: what text looks like. Everything that goes in may come from anywhere: it is cleaned here,
//! and nothing in it makes a format fail.

pub mod ansi;
pub mod clean;
pub mod diff;
pub mod highlight;
pub mod markdown;
#[cfg(test)]
pub mod tests;
pub mod wrap;

/// The first bytes of `text`, at most `most` of them, in whole characters.
pub(crate) fn head(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
