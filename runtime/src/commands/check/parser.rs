//! Reading a Lua text for the names that it uses.
//!
//! The text is one that Lua itself has taken, so the parser follows the grammar and checks nothing.
//! It keeps no tree: only names with their scopes, the members read from them, and calls.

use super::{
    facts::{Facts, Local, Root, Use, Value},
    lexer::{Kind, Token, tokens},
};

/// Reads `text`.
pub fn read(text: &str) -> Facts {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        scopes: vec![Vec::new()],
        loading: true,
        facts: Facts::default(),
    };
    parser.block();
    parser.facts
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    /// The numbers of the locals of each open block.
    scopes: Vec<Vec<usize>>,
    loading: bool,
    facts: Facts,
}

impl Parser {
    // Tokens --------------------------------------------------------------------------------------

    fn peek(&self) -> &Token {
        &self.tokens[self.at.min(self.tokens.len() - 1)]
    }

    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }

    fn is(&self, text: &str) -> bool {
        self.peek().is(text)
    }

    /// Takes the next token if it is `text`.
    fn eat(&mut self, text: &str) -> bool {
        let found = self.is(text);
        if found {
            self.at += 1;
        }
        found
    }

    // Scopes --------------------------------------------------------------------------------------

    fn declare(&mut self, name: String, is_parameter: bool, value: Option<Value>) -> usize {
        let id = self.facts.locals.len();
        self.facts.locals.push(Local { name, is_parameter, value });
        if let Some(scope) = self.scopes.last_mut() {
            scope.push(id);
        }
        id
    }

    fn resolve(&self, name: &str) -> Root {
        let visible = self.scopes.iter().rev().flat_map(|scope| scope.iter().rev());
        match visible.copied().find(|id| self.facts.locals[*id].name == name) {
            Some(id) => Root::Local(id),
            None => Root::Global(name.to_owned()),
        }
    }

    fn scoped(&mut self, read: impl FnOnce(&mut Self)) {
        self.scopes.push(Vec::new());
        read(self);
        self.scopes.pop();
    }

    // Statements ----------------------------------------------------------------------------------

    fn block(&mut self) {
        while self.peek().kind != Kind::End
            && !["end", "else", "elseif", "until"].iter().any(|word| self.is(word))
        {
            let before = self.at;
            self.statement();
            // What is no statement is passed over, so that reading always ends.
            if self.at == before {
                self.at += 1;
            }
        }
    }

    fn statement(&mut self) {
        let token = self.peek().clone();
        let word = if token.kind == Kind::Name { "" } else { token.text.as_str() };
        match word {
            ";" | "break" => self.at += 1,
            "if" => {
                self.at += 1;
                self.expression();
                self.eat("then");
                self.scoped(Self::block);
                while self.eat("elseif") {
                    self.expression();
                    self.eat("then");
                    self.scoped(Self::block);
                }
                if self.eat("else") {
                    self.scoped(Self::block);
                }
                self.eat("end");
            }
            "while" => {
                self.at += 1;
                self.expression();
                self.body_of_loop();
            }
            "do" => self.body_of_loop(),
            "for" => self.for_loop(),
            "repeat" => {
                self.at += 1;
                self.scoped(|parser| {
                    parser.block();
                    parser.eat("until");
                    parser.expression();
                });
            }
            "function" => self.function_statement(),
            "local" => self.local(),
            "return" => self.return_statement(),
            "goto" => self.at += 2,
            "::" => self.at += 3,
            _ => self.expression_statement(),
        }
    }

    fn body_of_loop(&mut self) {
        self.eat("do");
        self.scoped(Self::block);
        self.eat("end");
    }

    fn names(&mut self) -> Vec<String> {
        let mut names = Vec::new();
        while self.peek().kind == Kind::Name {
            names.push(self.next().text);
            if self.eat("<") {
                self.at += 1;
                self.eat(">");
            }
            if !self.eat(",") {
                break;
            }
        }
        names
    }

    fn for_loop(&mut self) {
        self.at += 1;
        let names = self.names();
        self.at += 1; // `=` or `in`
        self.expressions();
        self.scoped(|parser| {
            for name in names {
                parser.declare(name, false, None);
            }
            parser.body_of_loop();
        });
    }

    fn function_statement(&mut self) {
        self.at += 1;
        let name = self.next();
        let mut path = vec![name.text.clone()];
        let mut is_method = false;
        while self.is(".") || self.is(":") {
            is_method = self.next().is(":");
            path.push(self.next().text);
        }
        let root = self.resolve(&name.text);
        match (&root, path.len()) {
            (Root::Local(id), 1) => self.facts.locals[*id].value = None,
            (Root::Global(_), 1) => {
                self.facts.defined.insert(name.text);
            }
            _ => {
                let chain = path[1..].iter().map(|it| (it.clone(), name.line)).collect();
                self.write(root, name.line, chain);
            }
        }
        self.function_body(is_method);
    }

    fn local(&mut self) {
        self.at += 1;
        if self.eat("function") {
            let name = self.next().text;
            let id = self.declare(name, false, None);
            let function = self.function_body(false);
            self.facts.locals[id].value = Some(Value::Function(function));
            return;
        }
        let names = self.names();
        let values = if self.eat("=") { self.expressions() } else { Vec::new() };
        let mut values = values.into_iter();
        for name in names {
            let value = values.next();
            self.declare(name, false, value);
        }
    }

    fn return_statement(&mut self) {
        self.at += 1;
        let is_outer = self.loading && self.scopes.len() == 1;
        if is_outer && self.eat("function") {
            self.facts.setup = Some(self.body(false, true));
            return;
        }
        let is_bare = ["end", "else", "elseif", "until", ";"].iter().any(|word| self.is(word))
            || self.peek().kind == Kind::End;
        if is_bare {
            return;
        }
        let values = self.expressions();
        if is_outer && let Some(value) = values.first() {
            self.facts.setup = self.facts.function(value);
        }
    }

    fn expression_statement(&mut self) {
        let mut targets = vec![self.suffixed()];
        while self.eat(",") {
            targets.push(self.suffixed());
        }
        if !self.eat("=") {
            return;
        }
        for target in targets {
            let Value::Use(number) = target else { continue };
            let target = self.facts.uses[number].clone();
            self.facts.uses[number].is_target = true;
            self.define(&target);
        }
        self.expressions();
    }

    /// Notes that `root.chain` is written.
    fn write(&mut self, root: Root, line: usize, chain: Vec<(String, usize)>) {
        let is_loading = self.loading;
        let target =
            Use { root, line, chain, call: None, is_method: false, is_loading, is_target: true };
        self.define(&target);
        self.facts.uses.push(target);
    }

    fn define(&mut self, target: &Use) {
        match (&target.root, target.chain.as_slice()) {
            (Root::Local(id), []) => self.facts.locals[*id].value = None,
            (Root::Local(_), _) => {}
            (Root::Global(name), []) => {
                self.facts.defined.insert(name.clone());
            }
            (Root::Global(name), [(member, _), ..]) if name == "_G" => {
                self.facts.defined.insert(member.clone());
            }
            (Root::Global(name), [(member, _), ..]) => {
                self.facts.defined.insert(format!("{name}.{member}"));
            }
        }
    }

    // Expressions ---------------------------------------------------------------------------------

    fn expressions(&mut self) -> Vec<Value> {
        let mut values = vec![self.expression()];
        while self.eat(",") {
            values.push(self.expression());
        }
        values
    }

    /// Operands with operators between them: which binds stronger does not matter here.
    fn expression(&mut self) -> Value {
        let mut value = self.operand();
        while self.is_operator() {
            self.at += 1;
            self.operand();
            value = Value::Other;
        }
        value
    }

    fn is_operator(&self) -> bool {
        const OPERATORS: &[&str] = &[
            "+", "-", "*", "/", "//", "%", "^", "..", "==", "~=", "<=", ">=", "<", ">", "and",
            "or", "&", "|", "~", "<<", ">>",
        ];
        OPERATORS.iter().any(|operator| self.is(operator))
    }

    fn operand(&mut self) -> Value {
        let mut is_changed = false;
        while ["not", "-", "#", "~"].iter().any(|operator| self.is(operator)) {
            self.at += 1;
            is_changed = true;
        }
        let token = self.peek().clone();
        let value = match (token.kind, token.text.as_str()) {
            (Kind::Text, _) => {
                self.at += 1;
                Value::Text(token.text, token.line)
            }
            (Kind::Number, _) | (_, "nil" | "true" | "false" | "...") => {
                self.at += 1;
                Value::Other
            }
            (Kind::Symbol, "{") => {
                self.table();
                Value::Other
            }
            (Kind::Keyword, "function") => {
                self.at += 1;
                Value::Function(self.function_body(false))
            }
            _ => self.suffixed(),
        };
        if is_changed { Value::Other } else { value }
    }

    fn table(&mut self) {
        self.at += 1;
        while !self.eat("}") && self.peek().kind != Kind::End {
            let is_named = self.peek().kind == Kind::Name
                && self.tokens.get(self.at + 1).is_some_and(|next| next.is("="));
            if is_named {
                self.at += 2;
            } else if self.eat("[") {
                self.expression();
                self.eat("]");
                self.eat("=");
            }
            let before = self.at;
            self.expression();
            if !self.eat(",") && !self.eat(";") && self.at == before {
                self.at += 1;
            }
        }
    }

    /// A name or a parenthesis with all that follows: members, indices, calls.
    fn suffixed(&mut self) -> Value {
        let token = self.peek().clone();
        // The use is finished by the first thing that is no plain member.
        let mut open = None;
        if token.kind == Kind::Name {
            self.at += 1;
            let root = self.resolve(&token.text);
            open = Some(self.facts.uses.len());
            self.facts.uses.push(Use {
                root,
                line: token.line,
                chain: Vec::new(),
                call: None,
                is_method: false,
                is_loading: self.loading,
                is_target: false,
            });
        } else if self.eat("(") {
            self.expression();
            self.eat(")");
        } else {
            return Value::Other;
        }
        loop {
            if self.eat(".") {
                let member = self.next();
                self.member(open, member, false);
            } else if self.is(":") {
                self.at += 1;
                let member = self.next();
                self.member(open, member, true);
            } else if self.eat("[") {
                let index = self.expression();
                self.eat("]");
                match index {
                    Value::Text(text, line) => {
                        let member = Token { kind: Kind::Name, text, line };
                        self.member(open, member, false);
                    }
                    // What it leads to is not known.
                    _ => open = None,
                }
            } else if self.is("(") || self.is("{") || self.peek().kind == Kind::Text {
                let arguments = self.arguments();
                if let Some(number) = open.take() {
                    self.facts.uses[number].call = Some(arguments);
                }
            } else {
                return open.map_or(Value::Other, Value::Use);
            }
        }
    }

    fn member(&mut self, open: Option<usize>, member: Token, is_method: bool) {
        if let Some(number) = open {
            let it = &mut self.facts.uses[number];
            it.chain.push((member.text, member.line));
            it.is_method = is_method;
        }
    }

    fn arguments(&mut self) -> Vec<Value> {
        if self.peek().kind == Kind::Text {
            let text = self.next();
            return vec![Value::Text(text.text, text.line)];
        }
        if self.is("{") {
            self.table();
            return vec![Value::Other];
        }
        self.at += 1;
        let arguments = if self.is(")") { Vec::new() } else { self.expressions() };
        self.eat(")");
        arguments
    }

    fn function_body(&mut self, is_method: bool) -> usize {
        self.body(is_method, false)
    }

    /// Parameters, block and `end`. What the file returns runs while it loads.
    fn body(&mut self, is_method: bool, is_setup: bool) -> usize {
        let was_loading = std::mem::replace(&mut self.loading, is_setup);
        self.scopes.push(Vec::new());
        let mut parameters = Vec::new();
        if is_method {
            parameters.push(self.declare("self".to_owned(), true, None));
        }
        self.eat("(");
        while !self.eat(")") && self.peek().kind != Kind::End {
            let token = self.next();
            if token.kind == Kind::Name {
                parameters.push(self.declare(token.text, true, None));
            }
        }
        self.block();
        self.eat("end");
        self.scopes.pop();
        self.loading = was_loading;
        self.facts.functions.push(parameters);
        self.facts.functions.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_text_is_read_to_its_end() {
        let text = include_str!("../../../../lua/zi/failures.lua");
        let cuts = text.char_indices().map(|(at, _)| at).step_by(61);
        for at in cuts {
            read(&text[..at]);
            read(&text[at..]);
        }
        for odd in [
            "(", "f(", "{", "local", "function", "for", "a.", "a:", "::", "goto", "[[", "'", "é",
            "x[", ")", "}", "end end", "= = =",
        ] {
            read(odd);
            read(&odd.repeat(50));
        }
    }
}
