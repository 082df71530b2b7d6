//! Themes that users and extensions write.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::Value;
use zi_kernel::term::Color;

use super::{TOKENS, Theme};
use crate::{near, registry::ThemeSpec};

/// The names of the 16 colours, in the order of their numbers.
const NAMES: &[&str] = &[
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "white",
    "bright_black",
    "bright_red",
    "bright_green",
    "bright_yellow",
    "bright_blue",
    "bright_magenta",
    "bright_cyan",
    "bright_white",
];
/// The terminal's own colour.
const DEFAULT: &str = "default";
/// Variables that name variables end somewhere.
const MAX_DEPTH: usize = 16;

/// Why a theme, or a colour, means nothing.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    #[error("{path}: not a theme: {source}")]
    Json { path: String, source: serde_json::Error },
    #[error("theme `{theme}`: unknown token `{token}`{hint}")]
    Token { theme: String, token: String, hint: String },
    #[error("theme `{theme}`: unknown base `{base}`; it is `dark` or `light`")]
    Base { theme: String, base: String },
    #[error("theme `{theme}`: `{token}`: {problem}")]
    Entry { theme: String, token: String, problem: Box<ThemeError> },
    #[error(
        "unknown colour `{text}`{hint}; write one of the 16 names, 0 to 255, `#rgb`, `#rrggbb` or \
         {known}"
    )]
    Color { text: String, hint: String, known: &'static str },
    #[error("the variable `{name}` leads to itself")]
    Cycle { name: String },
}

/// A theme file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    name: String,
    #[serde(default)]
    base: Option<String>,
    #[serde(default)]
    vars: HashMap<String, Value>,
    colors: HashMap<String, Value>,
    /// What editors want for completions.
    #[serde(default, rename = "$schema")]
    _schema: Option<Value>,
}

impl Theme {
    /// Reads a theme: `{name, base?, vars?, colors}`. `path` is for the error.
    pub fn from_json(text: &str, path: &str) -> Result<Self, ThemeError> {
        let text: Text = serde_json::from_str(text)
            .map_err(|source| ThemeError::Json { path: path.to_owned(), source })?;
        let plain = |values: HashMap<String, Value>| {
            values.into_iter().map(|(name, value)| (name, plain_text(value))).collect()
        };
        build(&text.name, text.base.as_deref(), &plain(text.vars), plain(text.colors))
    }

    /// Makes the theme that an extension registered. The variable `base` names the theme that it
    /// inherits from.
    pub fn from_spec(spec: &ThemeSpec) -> Result<Self, ThemeError> {
        let mut vars: HashMap<_, _> = spec.vars.iter().cloned().collect();
        let base = vars.remove("base");
        build(&spec.name, base.as_deref(), &vars, spec.colors.iter().cloned().collect())
    }
}

/// A colour may be written as a number.
fn plain_text(value: Value) -> String {
    match value {
        Value::String(text) => text,
        other => other.to_string(),
    }
}

fn build(
    name: &str,
    base: Option<&str>,
    vars: &HashMap<String, String>,
    colors: HashMap<String, String>,
) -> Result<Theme, ThemeError> {
    let base_name = base.unwrap_or("dark");
    let Some(base) = Theme::builtin(base_name) else {
        return Err(ThemeError::Base { theme: name.to_owned(), base: base_name.to_owned() });
    };
    let mut merged = base.colors;
    // In order, so that of several mistakes it is always the same that is told.
    let mut sorted: Vec<_> = colors.into_iter().collect();
    sorted.sort();
    for (token, text) in sorted {
        if !TOKENS.iter().any(|(known, _)| *known == token) {
            let known: Vec<&str> = TOKENS.iter().map(|(token, _)| *token).collect();
            let hint = near::hint(&token, &known);
            return Err(ThemeError::Token { theme: name.to_owned(), token, hint });
        }
        match variable(&text, vars) {
            Ok(None) => {
                merged.remove(&token);
            }
            Ok(Some(color)) => {
                merged.insert(token, color);
            }
            Err(problem) => {
                let problem = Box::new(problem);
                return Err(ThemeError::Entry { theme: name.to_owned(), token, problem });
            }
        }
    }
    Ok(Theme::new(name, merged))
}

/// What a colour of a theme means: a variable, a colour, or the terminal's own.
fn variable(text: &str, vars: &HashMap<String, String>) -> Result<Option<Color>, ThemeError> {
    let mut text = text;
    let mut depth = 0;
    while let Some(next) = vars.get(text) {
        depth += 1;
        if depth > MAX_DEPTH {
            return Err(ThemeError::Cycle { name: text.to_owned() });
        }
        text = next;
    }
    if text == DEFAULT || text.is_empty() {
        return Ok(None);
    }
    let names: Vec<&str> = vars.keys().map(String::as_str).chain(NAMES.iter().copied()).collect();
    literal(text).map(Some).ok_or_else(|| ThemeError::Color {
        text: text.to_owned(),
        hint: near::hint(text, &names),
        known: "the name of a variable",
    })
}

/// The colour that `text` means: one of the 16 names, 0 to 255, `#rgb`, `#rrggbb`, or a token of the
/// theme.
pub fn parse_color(text: &str, theme: &Theme) -> Result<Color, ThemeError> {
    if let Some(color) = literal(text) {
        return Ok(color);
    }
    let tokens: Vec<&str> = TOKENS.iter().map(|(token, _)| *token).collect();
    if text == DEFAULT || tokens.contains(&text) {
        return Ok(theme.color(text).unwrap_or(Color::Reset));
    }
    let names: Vec<&str> = tokens.into_iter().chain(NAMES.iter().copied()).collect();
    let hint = near::hint(text, &names);
    Err(ThemeError::Color { text: text.to_owned(), hint, known: "a token of the theme" })
}

fn literal(text: &str) -> Option<Color> {
    if let Some(hex) = text.strip_prefix('#') {
        return hexadecimal(hex);
    }
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Color::Indexed);
    }
    let name = match near::snake(text).as_str() {
        "gray" | "grey" => "bright_black".to_owned(),
        name => name.to_owned(),
    };
    let index = NAMES.iter().position(|known| *known == name)?;
    u8::try_from(index).ok().map(Color::Indexed)
}

fn hexadecimal(hex: &str) -> Option<Color> {
    if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match hex.len() {
        6 => u32::from_str_radix(hex, 16).ok().map(Color::from_u32),
        3 => {
            let doubled: String = hex.chars().flat_map(|digit| [digit, digit]).collect();
            u32::from_str_radix(&doubled, 16).ok().map(Color::from_u32)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(text: &str) -> String {
        Theme::from_json(text, "x.json").expect_err("it is wrong").to_string()
    }

    #[test]
    fn a_theme_says_colours_in_several_ways() {
        let text = r##"{"name": "mine", "base": "light",
            "vars": {"main": "#0af", "brand": "main"},
            "colors": {"accent": "brand", "muted": 244, "danger": "bright_red", "info": "#102030",
                       "text": "default"}}"##;
        let theme = Theme::from_json(text, "mine.json").expect("a theme");
        assert_eq!(theme.name, "mine");
        assert_eq!(theme.color("accent"), Some(Color::Rgb(0, 0xAA, 0xFF)));
        assert_eq!(theme.color("muted"), Some(Color::Indexed(244)));
        assert_eq!(theme.color("danger"), Some(Color::Indexed(9)));
        assert_eq!(theme.color("info"), Some(Color::Rgb(16, 32, 48)));
        assert_eq!(theme.color("text"), None, "the terminal's own");
        assert_eq!(theme.color("link"), Theme::light().color("link"), "inherited");
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            problem(r##"{"name": "t", "colors": {"accnt": "#fff"}}"##),
            "theme `t`: unknown token `accnt`; did you mean `accent`?"
        );
        assert_eq!(
            problem(r#"{"name": "t", "colors": {"accent": "gren"}}"#),
            "theme `t`: `accent`: unknown colour `gren`; did you mean `green`?; write one of the 16 \
             names, 0 to 255, `#rgb`, `#rrggbb` or the name of a variable"
        );
        assert!(problem(r##"{"name": "t", "colors": {"accent": "#12345"}}"##).contains("`#12345`"));
        assert!(problem(r#"{"name": "t", "colors": {"accent": 256}}"#).contains("`256`"));
        assert!(problem(r#"{"name": "t", "base": "blue", "colors": {}}"#).contains("base `blue`"));
        assert!(problem("[]").starts_with("x.json: "));
        let cycle = r#"{"name": "t", "vars": {"a": "b", "b": "a"}, "colors": {"accent": "a"}}"#;
        assert!(problem(cycle).contains("leads to itself"));
    }

    #[test]
    fn extensions_give_themes_as_tables() {
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        let mut spec = ThemeSpec {
            name: "ext".into(),
            vars: vec![pair("base", "light")],
            colors: vec![pair("accent", "cyan")],
        };
        let theme = Theme::from_spec(&spec).expect("a theme");
        assert_eq!(theme.color("accent"), Some(Color::Indexed(6)));
        assert_eq!(theme.color("text"), Theme::light().color("text"));
        spec.colors.push(pair("nope", "red"));
        assert!(Theme::from_spec(&spec).is_err());
    }

    #[test]
    fn a_colour_may_be_a_token() {
        let theme = Theme::dark();
        let parse = |text: &str| parse_color(text, &theme);
        assert_eq!(parse("accent").ok(), theme.color("accent"));
        assert_eq!(parse("background").ok(), Some(Color::Reset));
        assert_eq!(parse("brightBlue").ok(), Some(Color::Indexed(12)));
        assert_eq!(parse("17").ok(), Some(Color::Indexed(17)));
        assert!(parse("acent").expect_err("a typo").to_string().contains("`accent`"));
        assert!(parse("#éé").is_err() && parse("").is_err());
    }
}
