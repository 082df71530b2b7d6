//! Which names a Lua text uses, and what each one stands for.

use std::collections::HashSet;

/// What a name stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Root {
    /// A local variable or a parameter, by its number.
    Local(usize),
    Global(String),
}

/// A name with what is read from it: `zi.fs.read`.
#[derive(Clone, Debug)]
pub struct Use {
    pub root: Root,
    pub line: usize,
    /// The members, each with its line.
    pub chain: Vec<(String, usize)>,
    /// The arguments, when it is called.
    pub call: Option<Vec<Value>>,
    /// Whether the last member comes after a `:`.
    pub is_method: bool,
    /// Whether it runs while the file loads.
    pub is_loading: bool,
    /// Whether it is written, not read.
    pub is_target: bool,
}

/// What is known of an expression.
#[derive(Clone, Debug)]
pub enum Value {
    /// A use without a call, by its number.
    Use(usize),
    Function(usize),
    Text(String, usize),
    Other,
}

#[derive(Clone, Debug, Default)]
pub struct Local {
    pub name: String,
    pub is_parameter: bool,
    /// What it was made from, unless it is written again.
    pub value: Option<Value>,
}

/// All that was found.
#[derive(Debug, Default)]
pub struct Facts {
    pub uses: Vec<Use>,
    pub locals: Vec<Local>,
    /// The parameters of each function.
    pub functions: Vec<Vec<usize>>,
    /// The function that the file returns.
    pub setup: Option<usize>,
    /// Globals, and members of globals (`string.trim`), that the text sets.
    pub defined: HashSet<String>,
}

impl Facts {
    /// The function that `value` is, or that the local it names was made from.
    pub fn function(&self, value: &Value) -> Option<usize> {
        match value {
            Value::Function(id) => Some(*id),
            Value::Use(number) => match &self.uses[*number] {
                Use { root: Root::Local(id), chain, .. } if chain.is_empty() => {
                    match self.locals[*id].value {
                        Some(Value::Function(function)) => Some(function),
                        _ => None,
                    }
                }
                _ => None,
            },
            _ => None,
        }
    }
}
