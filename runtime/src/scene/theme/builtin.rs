//! The themes that zi comes with. Both leave the terminal its own background.

use zi_kernel::term::Color;

use super::Theme;

const DARK: &[(&str, u32)] = &[
    ("text", 0xd7dae0),
    ("muted", 0xa0a7b5),
    ("accent", 0x82bbff),
    ("info", 0x74c7e8),
    ("success", 0x92d48d),
    ("warning", 0xe8c470),
    ("danger", 0xff9a9a),
    ("border", 0x7d8597),
    ("border_focus", 0x82bbff),
    ("selection", 0x36425c),
    ("heading", 0xa9c9ff),
    ("link", 0x7cc4ff),
    ("code", 0xe8c48f),
    ("code_background", 0x1f232b),
    ("quote", 0xb5bbc7),
    ("bullet", 0xa0a7b5),
    ("thinking", 0xaaa5bd),
    ("user", 0xe8eaf0),
    ("user_background", 0x2e3440),
    ("tool", 0xc7abff),
    ("tool_output", 0xb8bec9),
    ("diff_added", 0x92d48d),
    ("diff_removed", 0xffa3a3),
    ("diff_added_background", 0x1d4027),
    ("diff_removed_background", 0x54262b),
    ("diff_context", 0xa0a7b5),
    ("syntax_comment", 0x9aa3b2),
    ("syntax_keyword", 0xc9a9ff),
    ("syntax_string", 0x9ed69a),
    ("syntax_number", 0xf0b387),
    ("syntax_function", 0x82bbff),
    ("syntax_type", 0x7fd0d6),
    ("syntax_variable", 0xd7dae0),
    ("syntax_operator", 0xb0bccf),
];

const LIGHT: &[(&str, u32)] = &[
    ("text", 0x24292f),
    ("muted", 0x59616d),
    ("accent", 0x0b5fc4),
    ("info", 0x05647a),
    ("success", 0x1a6b2c),
    ("warning", 0x7a5200),
    ("danger", 0xb3202a),
    ("border", 0x848c97),
    ("border_focus", 0x0b5fc4),
    ("selection", 0xcfe3ff),
    ("heading", 0x0a4a9c),
    ("link", 0x0b5fc4),
    ("code", 0x8a3b00),
    ("code_background", 0xf2f3f5),
    ("quote", 0x4c5460),
    ("bullet", 0x59616d),
    ("thinking", 0x655a7c),
    ("user", 0x1c2128),
    ("user_background", 0xe9edf3),
    ("tool", 0x6b32b0),
    ("tool_output", 0x454c57),
    ("diff_added", 0x176127),
    ("diff_removed", 0xa81c26),
    ("diff_added_background", 0xc6efce),
    ("diff_removed_background", 0xffd9d9),
    ("diff_context", 0x59616d),
    ("syntax_comment", 0x5c6470),
    ("syntax_keyword", 0x86209a),
    ("syntax_string", 0x1a652b),
    ("syntax_number", 0x8a4500),
    ("syntax_function", 0x0b52a8),
    ("syntax_type", 0x055d6a),
    ("syntax_variable", 0x24292f),
    ("syntax_operator", 0x4a525e),
];

impl Theme {
    /// For terminals with a dark background.
    pub fn dark() -> Self {
        Self::new("dark", colors(DARK))
    }

    /// For terminals with a light background.
    pub fn light() -> Self {
        Self::new("light", colors(LIGHT))
    }

    /// A built-in theme by its name.
    pub fn builtin(name: &str) -> Option<Self> {
        match name {
            "dark" => Some(Self::dark()),
            "light" => Some(Self::light()),
            _ => None,
        }
    }
}

fn colors(table: &[(&str, u32)]) -> impl Iterator<Item = (String, Color)> {
    table.iter().map(|(token, rgb)| ((*token).to_owned(), Color::from_u32(*rgb)))
}
