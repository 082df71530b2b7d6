//! Random text for the tests of formats.

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

/// A source of random choices that says how to repeat them: `ZI_SEED`.
#[derive(Debug)]
pub struct Random(StdRng);

impl Default for Random {
    #[allow(clippy::print_stdout, reason = "the seed of a test that fails")]
    fn default() -> Self {
        let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = seed.unwrap_or_else(|| rand::rng().random::<u64>());
        println!("ZI_SEED={seed}");
        Self(StdRng::seed_from_u64(seed))
    }
}

impl Random {
    /// How often a test tries: `times`, unless `ZI_ROUNDS` says otherwise.
    pub fn rounds(times: usize) -> usize {
        std::env::var("ZI_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(times)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end)
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

pub mod samples {
    use super::Random;

    const PIECES: &[&str] = &[
        " ",
        " ",
        " ",
        "  ",
        "\n",
        "\t",
        "\r\n",
        "a",
        "word",
        "longerword",
        "漢",
        "字",
        "👩‍👩‍👧‍👦",
        "🇩🇪",
        "e\u{301}",
        "\u{200B}",
        "\u{202E}",
        "\u{2067}",
        "\u{E0041}",
        "❤️",
        "\u{1b}[31m",
        "\u{7}",
        "ｗ",
        "한글",
        "ا",
        "\u{301}\u{301}\u{301}",
        "…",
        "\u{FFFD}",
    ];

    const MARKDOWN: &[&str] = &[
        "# ",
        "## ",
        "\n",
        "\n",
        "\n\n",
        "\n\n",
        "- ",
        "* ",
        "1. ",
        "2) ",
        "  ",
        "    ",
        "> ",
        "```",
        "```rust\n",
        "\n```\n",
        "~~~\n",
        "`",
        "**",
        "*",
        "_",
        "[",
        "](",
        ")",
        "](http://example.com/a)",
        "[a]",
        "[a]: ",
        "http://example.org\n",
        "|",
        "| a | b |\n|---|:-:|\n",
        "| c | d |\n",
        "---\n",
        "===\n",
        "<b>",
        "<!--",
        "-->",
        "[ ] ",
        "[x] ",
        "![alt](x.png)",
        "word ",
        "word ",
        "text\n",
        "fn main() {}\n",
        "\\",
        "&amp;",
        "[^1]",
        "[^1]: ",
        "é",
        "漢字",
        "\t",
        "\r\n",
        "\u{1b}[1m",
        "\u{202E}",
        "~~",
        "<http://a.b>",
        "\"",
        "\n\n\n",
    ];

    fn some(random: &mut Random, pieces: &[&'static str], most: usize) -> String {
        (0..random.below(most + 1)).map(|_| random.pick(pieces)).collect()
    }

    pub fn text(random: &mut Random, most: usize) -> String {
        some(random, PIECES, most)
    }

    pub fn markdown(random: &mut Random, most: usize) -> String {
        some(random, MARKDOWN, most)
    }
}
