//! Fuzzy matching: which texts a few letters mean.

/// The indices of the texts that have the letters of `needle` in their order, the best first, `limit`
/// at the most; with an empty needle all of them in their own order.
pub fn rank<T: AsRef<str>>(needle: &str, texts: &[T], limit: usize) -> Vec<(usize, u16)> {
    if needle.is_empty() {
        return (0..texts.len().min(limit)).map(|index| (index, 0)).collect();
    }
    let mut matcher = frizbee::Matcher::from_query(needle, &frizbee::Config::default());
    let found = matcher.match_list(texts);
    found.iter().take(limit).map(|found| (found.index as usize, found.score)).collect()
}
