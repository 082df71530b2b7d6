//! Reading a spec field by field, with the way to each field for messages.

use std::{
    cell::{Cell, RefCell},
    collections::HashSet,
    fmt,
};

use serde_json::{Map, Value};

use super::{MAX_NODES, MAX_TEXT_BYTES, MAX_VIEW_BYTES};
use crate::{keys, near};

/// What is wrong with a spec, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}`: {message}")]
pub struct Fault {
    /// The way to the field: `root.children[2].style.tone`.
    pub path: String,
    pub message: String,
}

pub(super) type Read<T> = Result<T, Fault>;

/// How much of a view was read.
#[derive(Debug, Default)]
pub(super) struct Spent {
    nodes: Cell<usize>,
    bytes: Cell<usize>,
    ids: RefCell<HashSet<String>>,
}

/// A place in a spec.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    outer: Option<&'a Place<'a>>,
    step: Step<'a>,
    spent: &'a Spent,
}

#[derive(Clone, Copy)]
enum Step<'a> {
    Start,
    Field(&'a str),
    Index(usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.outer {
            write!(f, "{outer}")?;
        }
        let is_first = self.outer.is_none_or(|outer| matches!(outer.step, Step::Start));
        match self.step {
            Step::Start => Ok(()),
            Step::Field(name) if is_first => f.write_str(&short(name)),
            Step::Field(name) => write!(f, ".{}", short(name)),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// A name for a message.
fn short(name: &str) -> String {
    name.chars().filter(|c| !c.is_control()).take(64).collect()
}

impl<'a> Place<'a> {
    pub fn start(spent: &'a Spent) -> Self {
        Self { outer: None, step: Step::Start, spent }
    }

    pub fn field(&'a self, name: &'a str) -> Self {
        Self { outer: Some(self), step: Step::Field(name), spent: self.spent }
    }

    pub fn index(&'a self, index: usize) -> Self {
        Self { outer: Some(self), step: Step::Index(index), spent: self.spent }
    }

    pub fn fault<T>(&self, message: impl fmt::Display) -> Read<T> {
        let path = self.to_string();
        let path = if path.is_empty() { "spec".to_owned() } else { path };
        Err(Fault { path, message: message.to_string() })
    }

    fn wanted<T>(&self, wanted: &str, got: &Value) -> Read<T> {
        self.fault(format_args!("must be {wanted}, not {}", kind(got)))
    }

    /// Counts a node: there may be so many in a view.
    pub fn count_node(&self) -> Read<()> {
        self.spent.nodes.set(self.spent.nodes.get() + 1);
        if self.spent.nodes.get() > MAX_NODES {
            return self.fault(format_args!("a view has at most {MAX_NODES} nodes"));
        }
        Ok(())
    }

    /// Whether nobody else has this id.
    pub fn take_id(&self, id: &str) -> bool {
        self.spent.ids.borrow_mut().insert(id.to_owned())
    }

    /// A text, within its bounds.
    pub fn text(&self, value: &Value) -> Read<String> {
        let text = match value {
            Value::String(text) => text.clone(),
            // What is shown may be a number.
            Value::Number(number) => number.to_string(),
            other => return self.wanted("a string", other),
        };
        if text.len() > MAX_TEXT_BYTES {
            let size = text.len();
            return self
                .fault(format_args!("has {size} bytes, at most {MAX_TEXT_BYTES} are shown"));
        }
        let bytes = self.spent.bytes.get() + text.len();
        self.spent.bytes.set(bytes);
        if bytes > MAX_VIEW_BYTES {
            return self.fault(format_args!("a view has at most {MAX_VIEW_BYTES} bytes of text"));
        }
        Ok(text)
    }

    /// One of `choices`, each with what it stands for.
    pub fn choice<T: Clone>(&self, value: &Value, choices: &[(&str, T)]) -> Read<T> {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let all = || names.join(", ");
        let Value::String(text) = value else {
            return self.wanted(&format!("one of {}", all()), value);
        };
        match choices.iter().find(|(name, _)| name == text) {
            Some((_, choice)) => Ok(choice.clone()),
            None => {
                let hint = near::hint(text, &names);
                self.fault(format_args!("`{}` is none of {}{hint}", short(text), all()))
            }
        }
    }

    /// A whole number from `least` to `most`.
    pub fn whole(&self, value: &Value, least: i64, most: i64) -> Read<i64> {
        let number = match value {
            Value::Number(number) => number.as_f64().filter(|number| number.fract() == 0.0),
            _ => None,
        };
        match number {
            Some(number) if (least as f64..=most as f64).contains(&number) => Ok(number as i64),
            Some(number) => {
                self.fault(format_args!("must be from {least} to {most}, not {number}"))
            }
            None => self.wanted("a whole number", value),
        }
    }

    pub fn items<'v>(&self, value: &'v Value) -> Read<&'v [Value]> {
        match value {
            Value::Array(items) => Ok(items),
            // An empty Lua table.
            Value::Object(map) if map.is_empty() => Ok(&[]),
            other => self.wanted("an array", other),
        }
    }
}

/// The fields of a table.
pub(super) struct Fields<'a> {
    pub place: &'a Place<'a>,
    /// Nothing for an empty Lua table, which may be an array as well.
    map: Option<&'a Map<String, Value>>,
}

impl<'a> Fields<'a> {
    /// The fields of `value`, which are all in `known`. `advice` may say more of one that is not.
    pub fn new(
        place: &'a Place<'a>,
        value: &'a Value,
        known: &[&str],
        advice: impl Fn(&str) -> Option<String>,
    ) -> Read<Self> {
        let map = match value {
            Value::Object(map) => Some(map),
            Value::Array(items) if items.is_empty() => None,
            other => return place.wanted("a table", other),
        };
        for key in map.into_iter().flat_map(Map::keys) {
            let name = near::snake(key);
            if !known.contains(&name.as_str()) {
                let place = place.field(key);
                return match advice(&name) {
                    Some(advice) => place.fault(advice),
                    None => {
                        let hint = near::hint(&name, known);
                        place.fault(format_args!("there is no such field{hint}"))
                    }
                };
            }
        }
        Ok(Self { place, map })
    }

    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let map = self.map?;
        let in_camel = || map.get(&near::camel(name)).filter(|_| name.contains('_'));
        map.get(name).or_else(in_camel).filter(|value| !value.is_null())
    }

    /// Reads a field, if it is there.
    pub fn read<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&Place<'_>, &'a Value) -> Read<T>,
    ) -> Read<Option<T>> {
        let place = self.place.field(name);
        self.get(name).map(|value| read(&place, value)).transpose()
    }

    pub fn fault<T>(&self, name: &str, message: impl fmt::Display) -> Read<T> {
        self.place.field(name).fault(message)
    }

    pub fn missing<T>(&self, name: &str, what: &str) -> Read<T> {
        self.fault(name, format_args!("is required ({what})"))
    }

    pub fn text(&self, name: &'static str) -> Read<Option<String>> {
        self.read(name, text)
    }

    pub fn flag(&self, name: &'static str) -> Read<Option<bool>> {
        self.read(name, |place, value| match value {
            Value::Bool(flag) => Ok(*flag),
            other => place.wanted("true or false", other),
        })
    }

    pub fn choice<T: Clone>(
        &self,
        name: &'static str,
        choices: &[(&'static str, T)],
    ) -> Read<Option<T>> {
        self.read(name, |place, value| place.choice(value, choices))
    }

    pub fn count(&self, name: &'static str, most: u16) -> Read<Option<u16>> {
        let number = self.read(name, |place, value| place.whole(value, 0, most.into()))?;
        Ok(number.map(|number| u16::try_from(number).unwrap_or(most)))
    }

    pub fn list<T>(
        &self,
        name: &'static str,
        most: usize,
        read: impl Fn(&Place<'_>, &'a Value) -> Read<T>,
    ) -> Read<Option<Vec<T>>> {
        self.read(name, |place, value| {
            let items = place.items(value)?;
            if items.len() > most {
                return place.fault(format_args!("has {} items, at most {most}", items.len()));
            }
            let read = |(at, item)| read(&place.index(at + 1), item);
            items.iter().enumerate().map(read).collect()
        })
    }
}

fn text(place: &Place<'_>, value: &Value) -> Read<String> {
    place.text(value)
}

/// The canonical name of a key.
pub(super) fn key(place: &Place<'_>, value: &Value) -> Read<String> {
    let Value::String(key) = value else { return place.wanted("the name of a key", value) };
    keys::canonical(key).or_else(|problem| place.fault(problem))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "a table",
    }
}
