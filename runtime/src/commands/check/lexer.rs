//! Lua text as tokens, each with its line. The text is one that Lua itself has taken: what is wrong
//! with it was said before.

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Name,
    Keyword,
    Text,
    Number,
    Symbol,
    End,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    /// A text without its quotes, escapes as they are written.
    pub text: String,
    pub line: usize,
}

impl Token {
    /// Whether it is this keyword or symbol.
    pub fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Keyword | Kind::Symbol) && self.text == text
    }
}

const KEYWORDS: &[&str] = &[
    "and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
    "local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
];

/// Longest first.
const SYMBOLS: &[&str] = &["...", "..", "==", "~=", "<=", ">=", "//", "<<", ">>", "::"];

/// The tokens of `text`; the last one is an [`Kind::End`].
pub fn tokens(text: &str) -> Vec<Token> {
    let mut lexer = Lexer { rest: text, line: 1 };
    let mut tokens = Vec::new();
    loop {
        let token = lexer.next();
        let is_end = token.kind == Kind::End;
        tokens.push(token);
        if is_end {
            return tokens;
        }
    }
}

struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn next(&mut self) -> Token {
        self.skip_blanks();
        let line = self.line;
        let (kind, text) = match self.rest.chars().next() {
            None => (Kind::End, String::new()),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let name = self.take_while(|c| c.is_ascii_alphanumeric() || c == '_');
                let kind = if KEYWORDS.contains(&name) { Kind::Keyword } else { Kind::Name };
                (kind, name.to_owned())
            }
            Some(c) if c.is_ascii_digit() || (c == '.' && self.digit_follows()) => {
                (Kind::Number, self.number())
            }
            Some(quote @ ('"' | '\'')) => (Kind::Text, self.quoted(quote)),
            Some('[') if self.long_level().is_some() => (Kind::Text, self.long()),
            Some(c) => {
                let symbol = SYMBOLS.iter().find(|symbol| self.rest.starts_with(**symbol));
                let length = symbol.map_or(c.len_utf8(), |symbol| symbol.len());
                (Kind::Symbol, self.take(length).to_owned())
            }
        };
        Token { kind, text, line }
    }

    /// Takes `length` bytes and counts their lines.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        self.take(length)
    }

    fn skip_blanks(&mut self) {
        loop {
            self.take_while(char::is_whitespace);
            if !self.rest.starts_with("--") {
                return;
            }
            self.take(2);
            if self.long_level().is_some() {
                self.long();
            } else {
                self.take_while(|c| c != '\n');
            }
        }
    }

    fn digit_follows(&self) -> bool {
        self.rest[1..].starts_with(|c: char| c.is_ascii_digit())
    }

    fn number(&mut self) -> String {
        let is_hex = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        let mut before = ' ';
        let length = self.rest.find(|c: char| {
            let exponent = if is_hex { "pP" } else { "eE" };
            let is_sign = matches!(c, '+' | '-') && exponent.contains(before);
            before = c;
            !(c.is_ascii_alphanumeric() || c == '.' || is_sign)
        });
        self.take(length.unwrap_or(self.rest.len())).to_owned()
    }

    fn quoted(&mut self, quote: char) -> String {
        let mut is_escaped = false;
        let end = self.rest[1..].find(|c| {
            let ends = c == quote && !is_escaped;
            is_escaped = c == '\\' && !is_escaped;
            ends
        });
        let length = end.map_or(self.rest.len(), |end| end + 2);
        let text = self.take(length);
        text.get(1..text.len() - 1).unwrap_or_default().to_owned()
    }

    /// How many `=` the long bracket here has.
    fn long_level(&self) -> Option<usize> {
        let inner = self.rest.strip_prefix('[')?;
        let level = inner.len() - inner.trim_start_matches('=').len();
        inner[level..].starts_with('[').then_some(level)
    }

    fn long(&mut self) -> String {
        let level = self.long_level().unwrap_or(0);
        self.take(level + 2);
        let close = format!("]{}]", "=".repeat(level));
        let length = self.rest.find(&close).unwrap_or(self.rest.len());
        let text = self.take(length).to_owned();
        self.take(close.len().min(self.rest.len()));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_their_lines() {
        let text =
            "local a = 'x\\'y' -- c\n--[==[ long\n]] ]==] b.c[[\nz]] 0x1p-4 .5 1..2 ::l:: \"\"";
        let all: Vec<_> = tokens(text).into_iter().map(|it| (it.text, it.line)).collect();
        let wanted = [
            ("local", 1),
            ("a", 1),
            ("=", 1),
            ("x\\'y", 1),
            ("b", 3),
            (".", 3),
            ("c", 3),
            ("\nz", 3),
            ("0x1p-4", 4),
            (".5", 4),
            ("1..2", 4),
            ("::", 4),
            ("l", 4),
            ("::", 4),
            ("", 4),
            ("", 4),
        ];
        let wanted: Vec<_> =
            wanted.iter().map(|(text, line)| ((*text).to_owned(), *line)).collect();
        assert_eq!(all, wanted);
    }
}
