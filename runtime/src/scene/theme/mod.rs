//! Themes: what the names of colours mean.
//!
//! Two themes are built in, [`Theme::dark`] and [`Theme::light`]; others come as JSON or from
//! extensions and inherit from one of them what they leave out. Finding theme files is the caller's.

mod builtin;
mod parse;

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use zi_kernel::term::{Color, Modifier, Style};

pub use parse::{ThemeError, parse_color};

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

/// The names that say how something is meant, for [`Theme::tone`].
pub const TONES: &[&str] = &["neutral", "muted", "info", "success", "warning", "danger", "accent"];

/// Colours by token.
#[derive(Clone, Debug, Default)]
pub struct Theme {
    pub name: String,
    colors: HashMap<String, Color>,
    key: u64,
}

impl Theme {
    pub fn new(name: &str, colors: impl IntoIterator<Item = (String, Color)>) -> Self {
        let colors: HashMap<String, Color> = colors.into_iter().collect();
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        for (token, _) in TOKENS {
            colors.get(*token).hash(&mut hasher);
        }
        Self { name: name.to_owned(), colors, key: hasher.finish() }
    }

    /// Tells themes apart, for what is kept laid out.
    pub fn key(&self) -> u64 {
        self.key
    }

    /// The built-in theme that fits the terminal's background; `dark` where that is not known.
    pub fn auto(background: Option<(u8, u8, u8)>) -> Self {
        match background {
            Some((r, g, b)) if luminance(r, g, b) > 0.18 => Self::light(),
            _ => Self::dark(),
        }
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

    /// The style of one of [`TONES`].
    pub fn tone(&self, name: &str) -> Option<Style> {
        let known = TONES.contains(&name);
        known.then(|| self.fg(if name == "neutral" { "text" } else { name }))
    }
}

/// How bright a colour is, from 0 to 1, as the WCAG counts it.
fn luminance(r: u8, g: u8, b: u8) -> f64 {
    let linear = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Backgrounds that terminals have.
    const DARK: &[(u8, u8, u8)] = &[(0, 0, 0), (30, 30, 46), (40, 44, 52)];
    const LIGHT: &[(u8, u8, u8)] = &[(255, 255, 255), (253, 246, 227), (250, 250, 250)];

    fn rgb(theme: &Theme, token: &str) -> (u8, u8, u8) {
        match theme.color(token) {
            Some(Color::Rgb(r, g, b)) => (r, g, b),
            other => panic!("{}: `{token}` is {other:?}", theme.name),
        }
    }

    fn contrast(a: (u8, u8, u8), b: (u8, u8, u8)) -> f64 {
        let (a, b) = (luminance(a.0, a.1, a.2) + 0.05, luminance(b.0, b.1, b.2) + 0.05);
        a.max(b) / a.min(b)
    }

    /// What a token is read against.
    fn behind(theme: &Theme, token: &str, terminal: &[(u8, u8, u8)]) -> Vec<(u8, u8, u8)> {
        let mut behind = match token {
            "user" => vec![rgb(theme, "user_background")],
            "text" => vec![rgb(theme, "selection"), rgb(theme, "user_background")],
            "diff_added" => vec![rgb(theme, "diff_added_background")],
            "diff_removed" => vec![rgb(theme, "diff_removed_background")],
            "code" => vec![rgb(theme, "code_background"), rgb(theme, "user_background")],
            _ if token.starts_with("syntax_") => vec![rgb(theme, "code_background")],
            _ => Vec::new(),
        };
        behind.extend(terminal);
        behind
    }

    #[test]
    fn built_in_themes_can_be_read() {
        let mut bad = Vec::new();
        for (theme, terminal) in [(Theme::dark(), DARK), (Theme::light(), LIGHT)] {
            for (token, _) in TOKENS {
                if *token == "background" {
                    assert_eq!(theme.color(token), None, "the terminal's own shows");
                    continue;
                }
                if token.ends_with("background") || *token == "selection" {
                    rgb(&theme, token);
                    continue;
                }
                let least = if token.starts_with("border") { 3.0 } else { 4.5 };
                for under in behind(&theme, token, terminal) {
                    let contrast = contrast(rgb(&theme, token), under);
                    if contrast < least {
                        bad.push(format!("{} {token} on {under:?}: {contrast:.2}", theme.name));
                    }
                }
            }
        }
        assert!(bad.is_empty(), "{}", bad.join("\n"));
    }

    #[test]
    fn the_terminals_background_picks_the_theme() {
        assert_eq!(Theme::auto(None).name, "dark");
        assert_eq!(Theme::auto(Some((30, 30, 30))).name, "dark");
        assert_eq!(Theme::auto(Some((253, 246, 227))).name, "light");
    }

    #[test]
    fn tones_are_a_fixed_set() {
        let theme = Theme::dark();
        for tone in TONES {
            assert!(theme.tone(tone).is_some_and(|style| style.fg.is_some()), "{tone}");
        }
        assert_eq!(theme.tone("loud"), None);
    }

    #[test]
    fn keys_tell_themes_apart() {
        assert_eq!(Theme::dark().key(), Theme::dark().key());
        assert_ne!(Theme::dark().key(), Theme::light().key());
    }
}
