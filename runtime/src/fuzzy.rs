//! Fuzzy matching: which texts a few letters mean.

use crate::run::head_and_tail;

/// Longest needle: of a longer one its start counts.
const MAX_NEEDLE_BYTES: usize = 1024;

/// The indices of the texts that have the letters of `needle` in their order, with how well they fit, the
/// best first, `limit` at the most; with an empty needle all of them in their own order.
pub fn rank<T: AsRef<str>>(needle: &str, texts: &[T], limit: usize) -> Vec<(usize, u16)> {
    if needle.is_empty() {
        return (0..texts.len().min(limit)).map(|index| (index, 0)).collect();
    }
    let (needle, _) = head_and_tail(needle, MAX_NEEDLE_BYTES);
    let mut matcher = frizbee::Matcher::from_query(needle, &frizbee::Config::default());
    let found = matcher.match_list(texts);
    found.iter().take(limit).map(|found| (found.index as usize, found.score)).collect()
}
