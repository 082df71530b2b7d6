//! Searching a transcript: in what its blocks say, without laying them out.

use std::ops::Range;

use super::{Id, Transcript, copy::text_of};

/// Matches beyond that are not counted.
const MAX_HITS: usize = 10_000;

/// A search: what for, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Search {
    needle: Needle,
    /// The blocks with matches, and which match within its block each is.
    hits: Vec<(Id, usize)>,
    pub current: usize,
    /// The transcript that was searched.
    revision: u64,
}

/// What is looked for. Capitals count if it has any.
#[derive(Clone, Debug)]
pub(super) struct Needle {
    chars: Vec<char>,
    is_exact: bool,
}

impl Needle {
    pub fn new(query: &str) -> Option<Self> {
        let is_exact = query.chars().any(char::is_uppercase);
        let chars: Vec<char> = query.chars().map(|c| fold(c, is_exact)).collect();
        (!chars.is_empty()).then_some(Self { chars, is_exact })
    }

    /// Where it stands in `text`, one after the other.
    pub fn find(&self, text: &str) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let mut from = 0;
        for (at, c) in text.char_indices() {
            if at < from || fold(c, self.is_exact) != self.chars[0] {
                continue;
            }
            if let Some(end) = self.end(text, at) {
                found.push(at..end);
                from = end;
                if found.len() >= MAX_HITS {
                    break;
                }
            }
        }
        found
    }

    fn end(&self, text: &str, start: usize) -> Option<usize> {
        let mut rest = text[start..].char_indices();
        let mut end = start;
        for wanted in &self.chars {
            let (at, c) = rest.next()?;
            if fold(c, self.is_exact) != *wanted {
                return None;
            }
            end = start + at + c.len_utf8();
        }
        Some(end)
    }
}

fn fold(c: char, is_exact: bool) -> char {
    if is_exact { c } else { c.to_lowercase().next().unwrap_or(c) }
}

impl Search {
    pub fn new(query: &str, transcript: &Transcript) -> Option<Self> {
        let needle = Needle::new(query)?;
        let mut search = Self { needle, hits: Vec::new(), current: 0, revision: 0 };
        search.refresh(transcript);
        Some(search)
    }

    /// Looks again if the transcript has changed; the current match stays the current one.
    pub fn refresh(&mut self, transcript: &Transcript) {
        if self.revision == transcript.revision() {
            return;
        }
        let current = self.current().cloned();
        self.revision = transcript.revision();
        self.hits.clear();
        for (id, block) in transcript.iter() {
            let count = self.needle.find(&text_of(block)).len().min(MAX_HITS - self.hits.len());
            self.hits.extend((0..count).map(|nth| (id.clone(), nth)));
        }
        let again = current.and_then(|current| self.hits.iter().position(|hit| *hit == current));
        self.current = again.unwrap_or(self.current.min(self.hits.len().saturating_sub(1)));
    }

    pub fn needle(&self) -> &Needle {
        &self.needle
    }

    pub fn count(&self) -> usize {
        self.hits.len()
    }

    pub fn current(&self) -> Option<&(Id, usize)> {
        self.hits.get(self.current)
    }

    /// Goes to the next match, or to the one before.
    pub fn step(&mut self, is_forward: bool) {
        let count = self.hits.len();
        if count > 0 {
            self.current = (self.current + if is_forward { 1 } else { count - 1 }) % count;
        }
    }

    /// Goes to the last match that is in the blocks up to `index`.
    pub fn start_at(&mut self, transcript: &Transcript, index: usize) {
        let place = |id: &Id| transcript.index(id).unwrap_or(usize::MAX);
        let after = self.hits.partition_point(|(id, _)| place(id) <= index);
        self.current = after.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capitals_count_only_where_there_are_any() {
        let find = |query: &str, text: &str| -> Vec<(usize, usize)> {
            let found = Needle::new(query).expect("a needle").find(text);
            found.into_iter().map(|range| (range.start, range.end)).collect()
        };
        assert_eq!(find("ab", "ab AB aab"), [(0, 2), (3, 5), (7, 9)]);
        assert_eq!(find("Ab", "ab Ab AB"), [(3, 5)]);
        assert_eq!(find("aa", "aaaaa"), [(0, 2), (2, 4)]);
        assert_eq!(find("ÄÖ", "äö ÄÖ"), [(5, 9)]);
        assert_eq!(find("äö", "äö ÄÖ"), [(0, 4), (5, 9)]);
        assert!(Needle::new("").is_none());
    }
}
