//! Views that are written down in a call of `ctx.ui.render`: whether they are what that takes.
//!
//! What is not written down is left open: nothing is said of a fault that may come from there.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::{
    Finding,
    lexer::{Kind, Token, tokens},
};
use crate::{near, scene::tree::View};

/// Tries for what is left open in one call.
const MAX_TRIES: usize = 200;

/// Checks the views of a text that Lua takes.
pub fn check(source: &str) -> Vec<Finding> {
    let tokens = tokens(source);
    let calls = tokens.windows(3).enumerate().filter(|(_, three)| {
        three[0].text == "ui" && three[1].is(".") && three[2].text == "render"
    });
    calls.filter_map(|(at, _)| check_call(&tokens, at + 3)).collect()
}

fn check_call(tokens: &[Token], at: usize) -> Option<Finding> {
    let is_paren = tokens.get(at)?.is("(");
    let at = at + usize::from(is_paren);
    if !tokens.get(at)?.is("{") {
        return None;
    }
    let mut reader = Reader { tokens, at, open: Vec::new(), lines: HashMap::new() };
    let mut spec = reader.value("")?;
    let mut tried: HashMap<String, usize> = HashMap::new();
    for _ in 0..MAX_TRIES {
        let fault = View::parse(&spec).err()?;
        let within = reader.open.iter().find(|open| is_within(&fault.path, open));
        // One field may stand for another: `spans` for `text`.
        let is_untried = |open: &&String| {
            let count = tried.get(*open).copied().unwrap_or(0);
            parent(open) == parent(&fault.path) && stand_in(count).is_some()
        };
        let Some(open) = within.or_else(|| reader.open.iter().find(is_untried)) else {
            let line = reader.line(&fault.path, tokens[at].line);
            let text = format!("ctx.ui.render: {fault}");
            return Some(Finding::new("view", line, text));
        };
        // Something of the right kind stands in for what is left open.
        let count = tried.entry(open.clone()).or_default();
        let stand_in = stand_in(*count)?;
        *count += 1;
        set(&mut spec, open, stand_in);
    }
    None
}

/// The path of what a field is in.
fn parent(path: &str) -> &str {
    path.rfind(['.', '[']).map_or("", |end| &path[..end])
}

fn is_within(path: &str, outer: &str) -> bool {
    path.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

fn stand_in(number: usize) -> Option<Value> {
    let unique = uuid::Uuid::new_v4().to_string();
    let all =
        [json!(unique), json!("x"), json!(1), json!(true), json!({ "type": "view" }), json!({})];
    all.get(number).cloned()
}

/// Puts a value at a path, as messages write it.
fn set(spec: &mut Value, path: &str, value: Value) {
    let mut at = spec;
    for step in path.split(['.', '[']) {
        let next = match step.strip_suffix(']') {
            Some(index) => {
                let index = index.parse::<usize>().unwrap_or(1).saturating_sub(1);
                at.get_mut(index)
            }
            None => at.as_object_mut().map(|map| map.entry(step).or_insert(Value::Null)),
        };
        let Some(next) = next else { return };
        at = next;
    }
    *at = value;
}

/// Reads a table that is written down.
struct Reader<'a> {
    tokens: &'a [Token],
    at: usize,
    /// The paths of what is not written down.
    open: Vec<String>,
    /// The line of each path.
    lines: HashMap<String, usize>,
}

impl Reader<'_> {
    fn token(&self) -> Option<&Token> {
        self.tokens.get(self.at).filter(|token| token.kind != Kind::End)
    }

    /// The line of a path, or of what it is in.
    fn line(&self, path: &str, first: usize) -> usize {
        let mut path = path;
        loop {
            if let Some(line) = self.lines.get(path) {
                return *line;
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return first,
            }
        }
    }

    /// The value here; null, and the path noted, for what is more than a literal.
    fn value(&mut self, path: &str) -> Option<Value> {
        let start = self.at;
        let token = self.token()?.clone();
        self.lines.insert(path.to_owned(), token.line);
        let opened = self.open.len();
        let value = match (token.kind, token.text.as_str()) {
            (Kind::Text, _) => Some(Value::String(token.text.clone())),
            (Kind::Number, text) => text.parse::<f64>().ok().map(|number| json!(number)),
            (Kind::Keyword, "true") => Some(json!(true)),
            (Kind::Keyword, "false") => Some(json!(false)),
            (Kind::Keyword, "nil") => Some(Value::Null),
            (Kind::Symbol, "{") => {
                self.at += 1;
                self.table(path)
            }
            _ => None,
        };
        if token.text != "{" || token.kind != Kind::Symbol {
            self.at += 1;
        }
        let ends = self
            .token()
            .is_none_or(|token| [",", ";", "}", ")", "]"].iter().any(|symbol| token.is(symbol)));
        match value {
            Some(value) if ends => Some(value),
            _ => {
                self.at = start;
                self.skip();
                self.open.truncate(opened);
                self.open.push(path.to_owned());
                Some(Value::Null)
            }
        }
    }

    /// The fields up to the closing brace; nothing when they are no plain table.
    fn table(&mut self, path: &str) -> Option<Value> {
        let (mut items, mut fields) = (Vec::new(), Map::new());
        loop {
            let token = self.token()?.clone();
            if token.is("}") {
                self.at += 1;
                break;
            }
            if token.is(",") || token.is(";") {
                self.at += 1;
                continue;
            }
            let follows = |offset: usize, symbol: &str| {
                self.tokens.get(self.at + offset).is_some_and(|token| token.is(symbol))
            };
            let name = if token.kind == Kind::Name && follows(1, "=") {
                self.at += 2;
                token.text
            } else if token.is("[") && follows(2, "]") && follows(3, "=") {
                let name = self.tokens[self.at + 1].clone();
                self.at += 4;
                (name.kind == Kind::Text).then_some(name.text)?
            } else {
                let value = self.value(&format!("{path}[{}]", items.len() + 1))?;
                items.push(value);
                continue;
            };
            let inner = if path.is_empty() {
                near::snake(&name)
            } else {
                format!("{path}.{}", near::snake(&name))
            };
            let value = self.value(&inner)?;
            fields.insert(name, value);
        }
        let has_open_type = self.open.contains(&format!("{path}.type"));
        match (items.is_empty(), fields.is_empty()) {
            // Of a node of some type nothing is known.
            _ if has_open_type => None,
            (true, _) => Some(Value::Object(fields)),
            (false, true) => Some(Value::Array(items)),
            (false, false) => None,
        }
    }

    /// Goes to the end of an expression.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        while let Some(token) = self.token() {
            let is_symbol = |symbols: &[&str]| symbols.iter().any(|symbol| token.is(symbol));
            if is_symbol(&["(", "{", "[", "function", "if", "do", "repeat"]) {
                depth += 1;
            } else if depth == 0 && is_symbol(&[",", ";", ")", "}", "]"]) {
                return;
            } else if is_symbol(&[")", "}", "]", "end", "until"]) {
                depth = depth.saturating_sub(1);
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(usize, String)> {
        check(source).into_iter().map(|it| (it.line, it.message)).collect()
    }

    #[test]
    fn faults_are_found_in_the_line_that_they_are_in() {
        let source = r#"
ctx.ui.render({
  id = "v",
  root = {
    type = "view",
    children = {
      { type = "text", text = "one", style = { bold = true } },
      { type = "text", text = "two", style = { tone = "sucess" } },
    },
  },
})
ctx.ui.render{ id = "v", title = "x", root = { type = "view" } }
"#;
        let found = found(source);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].0, 8);
        assert!(found[0].1.contains("`root.children[2].style.tone`: `sucess` is none of"));
        assert_eq!(found[1].0, 12);
        assert!(found[1].1.contains("`title`: a frame belongs to a node"));
    }

    #[test]
    fn what_is_left_open_is_not_complained_about() {
        for source in [
            "ctx.ui.render(spec)",
            "ctx.ui.render({ id = name, root = build(1, { 2 }) })",
            "ctx.ui.render({ id = 'a' .. b, slot = slot, keys = { key(1), { key = k } }, root = { \
             type = 'view', children = { a, b(), { type = t, foo = 1 }, { type = 'input', id = x }, \
             { type = 'input', id = y } } } })",
            "ctx.ui.render({ id = 'a', remove = true })",
            "ctx.ui.render({ id = 'a', root = { type = 'text', spans = spans(1), wrap = 'none' } })",
            "ctx.ui.render({ id = 'a', root = { type = 'text', text = (function() if x then return \
             1, 2 end end)() } })",
            "ctx.ui.render({ id = 'a', root = { type = 'list', items = {}, selected = -1 + n } })",
        ] {
            assert_eq!(found(source), [], "{source}");
        }
        let source = "ctx.ui.render({ root = build() })";
        assert!(found(source)[0].1.contains("`id`: is required"));
    }
}
