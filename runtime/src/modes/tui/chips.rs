//! Chips: short words in the draft that stand for something long - a paste, an image.

use std::ops::Range;

use serde_json::Value;

use crate::scene::format::clean;

/// Pastes of more lines, or of more characters, become a chip.
const MAX_LINES: usize = 10;
const MAX_CHARS: usize = 1000;

/// What the words of a draft stand for.
#[derive(Clone, Debug, Default)]
pub struct Chips {
    chips: Vec<Chip>,
    count: usize,
}

#[derive(Clone, Debug)]
struct Chip {
    word: String,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Text(String),
    /// An image block.
    Image(Value),
}

impl Chips {
    /// What a paste puts into the draft: itself, or a chip when it is long or holds what would not
    /// be seen there.
    pub fn paste(&mut self, text: &str) -> String {
        let lines = text.lines().count();
        let hidden = clean::count_hidden(text);
        if lines <= MAX_LINES && text.chars().count() <= MAX_CHARS && hidden == 0 {
            return text.to_owned();
        }
        self.count += 1;
        let hidden = if hidden > 0 { format!(", {hidden} of them hidden") } else { String::new() };
        let characters = text.chars().count();
        let word =
            format!("[paste {}: {lines} lines, {characters} characters{hidden}]", self.count);
        self.chips.push(Chip { word: word.clone(), what: What::Text(text.to_owned()) });
        word
    }

    /// The chip of an image block; `about` says which it is.
    pub fn image(&mut self, block: Value, about: &str) -> String {
        self.count += 1;
        let word = format!("[image {}: {}]", self.count, clean::exact_line(about));
        self.chips.push(Chip { word: word.clone(), what: What::Image(block) });
        word
    }

    /// Makes the images of a text that was [`expanded`](Self::expand) chips again: their words are
    /// still there, in their order.
    pub fn restore(&mut self, mut text: String, images: Vec<Value>) -> String {
        let mut at = 0;
        for image in images {
            let start = text[at..].find("[image ").map(|start| at + start);
            let end = start.and_then(|start| text[start..].find(']').map(|end| start + end + 1));
            match start.zip(end) {
                Some((start, end)) => {
                    let word = text[start..end].to_owned();
                    self.chips.push(Chip { word, what: What::Image(image) });
                    at = end;
                }
                None => {
                    let word = self.image(image, "from before");
                    text = format!("{text} {word}");
                    at = text.len();
                }
            }
        }
        text
    }

    /// The chip that ends at `caret`, or the one that it is in: what a backspace takes.
    pub fn before(&self, text: &str, caret: usize) -> Option<Range<usize>> {
        self.ranges(text).find(|range| range.start < caret && caret <= range.end)
    }

    /// The chip that starts at `caret`.
    pub fn after(&self, text: &str, caret: usize) -> Option<Range<usize>> {
        self.ranges(text).find(|range| range.start <= caret && caret < range.end)
    }

    /// Where chips are in `text`.
    pub fn ranges<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.chips.iter().filter_map(|chip| {
            let start = text.find(&chip.word)?;
            Some(start..start + chip.word.len())
        })
    }

    /// The draft with its chips replaced by what they stand for, and the images among them in the
    /// order in which they stand there. Images leave their word.
    pub fn expand(&self, draft: &str) -> (String, Vec<Value>) {
        let mut found: Vec<(Range<usize>, &Chip)> = self
            .chips
            .iter()
            .filter_map(|chip| {
                let start = draft.find(&chip.word)?;
                Some((start..start + chip.word.len(), chip))
            })
            .collect();
        found.sort_by_key(|(range, _)| range.start);
        let (mut text, mut images, mut at) = (String::new(), Vec::new(), 0);
        for (range, chip) in found {
            text.push_str(&draft[at..range.start]);
            match &chip.what {
                What::Text(long) => text.push_str(long),
                What::Image(block) => {
                    text.push_str(&chip.word);
                    images.push(block.clone());
                }
            }
            at = range.end;
        }
        text.push_str(&draft[at..]);
        (text, images)
    }

    pub fn clear(&mut self) {
        self.chips.clear();
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn short_pastes_stay_what_they_are() {
        let mut chips = Chips::default();
        assert_eq!(chips.paste("a\nb"), "a\nb");
        assert_eq!(chips.expand("a\nb"), ("a\nb".to_owned(), Vec::new()));
    }

    #[test]
    fn pastes_that_hide_something_say_so() {
        let mut chips = Chips::default();
        let text = "fix it\u{E0041}\u{E0042}";
        let word = chips.paste(text);
        assert_eq!(word, "[paste 1: 1 lines, 8 characters, 2 of them hidden]");
        assert_eq!(chips.expand(&word).0, text);
        assert_eq!(chips.image(json!({}), "a\u{202E}b.png"), "[image 2: a<U+202E>b.png]");
    }

    #[test]
    fn long_pastes_and_images_come_back_in_their_order() {
        let mut chips = Chips::default();
        let long = "line\n".repeat(11);
        let paste = chips.paste(&long);
        assert_eq!(paste, "[paste 1: 11 lines, 55 characters]");
        let image = chips.image(json!({ "type": "image" }), "png 2×2");
        let draft = format!("{image} and {paste}!");
        let (text, images) = chips.expand(&draft);
        assert_eq!(text, format!("[image 2: png 2×2] and {long}!"));
        assert_eq!(images.len(), 1);
        assert_eq!(chips.before(&draft, image.len()), Some(0..image.len()));
        let mut again = Chips::default();
        assert_eq!(again.restore(text.clone(), images.clone()), text);
        assert_eq!(again.expand(&text), (text.clone(), images));
        // A chip whose word was changed stands for nothing.
        let changed = draft.replace("[paste", "[past");
        assert!(!chips.expand(&changed).0.contains("line\n"));
    }
}
