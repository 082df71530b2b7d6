//! Grammars: what the parts of a line of code are.

use std::panic::AssertUnwindSafe;

use syntect::{
    easy::ScopeRangeIterator,
    parsing::{ParseState, Scope, ScopeStack, SyntaxSet},
};

/// Longer lines stay plain.
pub(super) const MAX_LINE: usize = 2048;

/// Scopes, and the token of the theme that they are drawn in. The first that fits decides.
const SCOPES: &[(&str, &str)] = &[
    ("comment", "syntax_comment"),
    ("punctuation.definition.comment", "syntax_comment"),
    ("punctuation.definition.string", "syntax_string"),
    ("constant.character.escape", "syntax_number"),
    ("string", "syntax_string"),
    ("markup.raw", "syntax_string"),
    ("punctuation.definition.inserted", "diff_added"),
    ("punctuation.definition.deleted", "diff_removed"),
    ("markup.inserted", "diff_added"),
    ("markup.deleted", "diff_removed"),
    ("constant", "syntax_number"),
    ("keyword.operator.word", "syntax_keyword"),
    ("keyword.operator.logical.python", "syntax_keyword"),
    ("keyword.operator", "syntax_operator"),
    ("keyword", "syntax_keyword"),
    ("storage", "syntax_keyword"),
    ("markup.heading", "syntax_keyword"),
    ("entity.name.tag", "syntax_keyword"),
    ("entity.name.function", "syntax_function"),
    ("entity.name.macro", "syntax_function"),
    ("support.function", "syntax_function"),
    ("support.macro", "syntax_function"),
    ("variable.function", "syntax_function"),
    ("entity.other.attribute-name", "syntax_function"),
    ("entity.name", "syntax_type"),
    ("entity.other.inherited-class", "syntax_type"),
    ("support.type", "syntax_type"),
    ("support.class", "syntax_type"),
    ("variable.language", "syntax_keyword"),
    ("variable", "syntax_variable"),
    ("support", "syntax_variable"),
    ("punctuation", "syntax_operator"),
];

/// What people call languages, where the grammars call them otherwise.
const ALIASES: &[(&str, &str)] = &[
    ("shell", "bash"),
    ("console", "bash"),
    ("shellsession", "bash"),
    ("golang", "go"),
    ("jsonc", "json"),
    ("json5", "json"),
    ("viml", "vim"),
    ("plaintext", "txt"),
];

/// The name of the language that `info`, what stands after a fence, starts with.
pub(super) fn language(info: &str) -> String {
    let name = info.trim().split(|c: char| c.is_whitespace() || ",{:".contains(c)).next();
    let name = name.unwrap_or_default().to_lowercase();
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, name)| *name);
    alias.map_or(name, str::to_owned)
}

/// A part of a line, up to the byte `end`.
#[derive(Clone, Copy)]
pub(super) struct Run {
    end: u16,
    /// The entry of [`SCOPES`] that it fits; one past them where there is none.
    scope: u8,
}

impl Run {
    pub fn end(self) -> usize {
        usize::from(self.end)
    }

    pub fn token(self) -> Option<&'static str> {
        SCOPES.get(usize::from(self.scope)).map(|(_, token)| *token)
    }
}

/// Where the grammar is at the end of the last line.
pub(super) struct Parser {
    /// Nothing where the language is not known, or its grammar failed.
    state: Option<ParseState>,
    stack: ScopeStack,
}

pub(super) struct Grammars {
    set: SyntaxSet,
    /// Those of [`SCOPES`], in their order.
    scopes: Vec<Scope>,
}

impl Grammars {
    pub fn load() -> Self {
        let scope = |name: &str| Scope::new(name).expect("it is short and has few parts");
        let scopes = SCOPES.iter().map(|(name, _)| scope(name));
        Self { set: two_face::syntax::extra_newlines(), scopes: scopes.collect() }
    }

    /// A parser at the start of code in `language`.
    pub fn parser(&self, language: &str) -> Parser {
        let syntax = self.set.find_syntax_by_token(language);
        Parser { state: syntax.map(ParseState::new), stack: ScopeStack::new() }
    }

    /// The parts of the next line, which ends in a line break; none where it is to stay plain.
    pub fn runs(&self, parser: &mut Parser, line: &str) -> Box<[Run]> {
        if line.len() > MAX_LINE {
            return Box::default();
        }
        // A grammar that fails is not asked again.
        let Some(mut state) = parser.state.take() else { return Box::default() };
        let result =
            std::panic::catch_unwind(AssertUnwindSafe(|| state.parse_line(line, &self.set)));
        let Ok(Ok(ops)) = result else { return Box::default() };
        parser.state = Some(state);
        let mut runs: Vec<Run> = Vec::new();
        for (range, op) in ScopeRangeIterator::new(&ops, line) {
            if parser.stack.apply(op).is_err() {
                parser.state = None;
                break;
            }
            let end = range.end.min(line.len() - 1);
            if range.start >= end {
                continue;
            }
            let end = u16::try_from(end).expect("a line is not that long");
            let run = Run { end, scope: self.scope(&parser.stack) };
            match runs.last_mut() {
                Some(last) if last.token() == run.token() => last.end = end,
                _ => runs.push(run),
            }
        }
        runs.into_boxed_slice()
    }

    /// The entry of [`SCOPES`] for the innermost scope that has one.
    fn scope(&self, stack: &ScopeStack) -> u8 {
        let find = |scope: &Scope| self.scopes.iter().position(|known| known.is_prefix_of(*scope));
        let found = stack.as_slice().iter().rev().find_map(find);
        found.and_then(|index| u8::try_from(index).ok()).unwrap_or(u8::MAX)
    }
}
