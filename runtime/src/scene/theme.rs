//! Themes: what the names of colours mean.

use std::collections::HashMap;

use zi_kernel::term::{Color, Modifier, Style};

/// The tokens that a theme gives a colour, and what they are for.
pub const TOKENS: &[(&str, &str)] = &[
    ("text", "what most is written in"),
    ("background", "behind everything; unset leaves the terminal's own"),
    ("muted", "what matters less"),
    ("accent", "what is chosen or stands out"),
    ("info", "news"),
    ("success", "what went well"),
    ("warning", "what may go wrong"),
    ("danger", "what went wrong, or might destroy something"),
    ("border", "frames and rules"),
    ("border_focus", "the frame that has the keyboard"),
    ("selection", "behind what is selected"),
    ("heading", "headings"),
    ("link", "links"),
    ("code", "code within a line"),
    ("code_background", "behind blocks of code"),
    ("quote", "quoted text"),
    ("bullet", "marks of lists"),
    ("thinking", "what the model thinks"),
    ("user", "what the user said"),
    ("user_background", "behind what the user said"),
    ("tool", "the name of a tool"),
    ("tool_output", "what a tool answers"),
    ("diff_added", "added lines"),
    ("diff_removed", "removed lines"),
    ("diff_added_background", "behind added words"),
    ("diff_removed_background", "behind removed words"),
    ("diff_context", "lines around a change"),
    ("syntax_comment", "comments"),
    ("syntax_keyword", "keywords"),
    ("syntax_string", "strings"),
    ("syntax_number", "numbers and constants"),
    ("syntax_function", "functions"),
    ("syntax_type", "types"),
    ("syntax_variable", "variables and properties"),
    ("syntax_operator", "operators and punctuation"),
];

/// Colours by token.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    pub name: String,
    colors: HashMap<String, Color>,
}

impl Theme {
    pub fn new(name: &str, colors: impl IntoIterator<Item = (String, Color)>) -> Self {
        Self { name: name.to_owned(), colors: colors.into_iter().collect() }
    }

    /// The colour of a token; nothing leaves the terminal's own.
    pub fn color(&self, token: &str) -> Option<Color> {
        self.colors.get(token).copied()
    }

    /// A style that writes in the colour of a token.
    pub fn fg(&self, token: &str) -> Style {
        self.color(token).map_or_else(Style::new, |color| Style::new().fg(color))
    }

    /// A style that has the colour of a token behind it.
    pub fn bg(&self, token: &str) -> Style {
        self.color(token).map_or_else(Style::new, |color| Style::new().bg(color))
    }

    pub fn bold(&self, token: &str) -> Style {
        self.fg(token).add_modifier(Modifier::BOLD)
    }
}
