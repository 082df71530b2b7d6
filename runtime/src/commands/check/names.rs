//! Names that are not there: members of `zi`, `ctx`, `run` and `event`, and globals.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{
    Finding,
    facts::{Facts, Root, Use, Value},
};
use crate::{
    api::{self, NAMESPACES, event_rows},
    hooks::EVENTS,
    near,
};

/// What is global in a VM: names, with their members where they are tables.
pub type Globals = BTreeMap<String, BTreeSet<String>>;

/// What a name stands for, as far as its members are known.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Meaning {
    /// A table of the API: `zi`, `zi.fs`, `ctx`, `run`.
    Space(String),
    /// The event that a handler gets; any event when it is not known which.
    Event(Option<String>),
}

/// Checks all names of a text. `is_entry` tells an extension's file from a module.
pub fn check(facts: &Facts, is_entry: bool, globals: &Globals) -> Vec<Finding> {
    let mut checker = Checker { facts, handlers: HashMap::new(), found: Vec::new() };
    if is_entry && let Some(first) = facts.setup.and_then(|setup| facts.functions[setup].first()) {
        checker.handlers.insert(*first, Meaning::Space("zi".into()));
    }
    checker.find_handlers();
    for it in &facts.uses {
        checker.members(it, is_entry);
    }
    let has_own_environment = facts.locals.iter().any(|local| local.name == "_ENV")
        || facts.uses.iter().any(|it| it.root == Root::Global("_ENV".into()));
    if !has_own_environment {
        for it in &facts.uses {
            checker.global(it, globals);
        }
    }
    checker.found
}

struct Checker<'a> {
    facts: &'a Facts,
    /// What the parameters of handlers stand for.
    handlers: HashMap<usize, Meaning>,
    found: Vec<Finding>,
}

impl Checker<'_> {
    // What names stand for ------------------------------------------------------------------------

    fn meaning(&self, root: &Root) -> Option<Meaning> {
        let id = match root {
            Root::Global(name) => return (name == "zi").then(|| Meaning::Space("zi".into())),
            Root::Local(id) => *id,
        };
        if let Some(meaning) = self.handlers.get(&id) {
            return Some(meaning.clone());
        }
        let local = &self.facts.locals[id];
        match (&local.value, local.is_parameter, local.name.as_str()) {
            (Some(Value::Use(number)), ..) => self.alias(&self.facts.uses[*number]),
            (_, true, "ctx") => Some(Meaning::Space("ctx".into())),
            _ => None,
        }
    }

    /// What a local made from `it` stands for.
    fn alias(&self, it: &Use) -> Option<Meaning> {
        match (self.meaning(&it.root)?, it.chain.as_slice()) {
            (meaning, []) => Some(meaning),
            (Meaning::Space(space), chain) => {
                let full = chain.iter().fold(space, |space, (name, _)| format!("{space}.{name}"));
                NAMESPACES.iter().any(|it| it.name == full).then_some(Meaning::Space(full))
            }
            (Meaning::Event(_), _) => None,
        }
    }

    /// Finds the functions that are given to `zi.on` and `zi.loop`.
    fn find_handlers(&mut self) {
        for it in &self.facts.uses {
            let (Some(arguments), [.., (name, _)]) = (&it.call, it.chain.as_slice()) else {
                continue;
            };
            let head = Use { chain: it.chain[..it.chain.len() - 1].to_vec(), ..it.clone() };
            if self.alias(&head) != Some(Meaning::Space("zi".into())) {
                continue;
            }
            match (name.as_str(), arguments.as_slice()) {
                ("on", [Value::Text(event, line), rest @ ..]) => {
                    let event = self.event(event, *line);
                    let function = rest.first().and_then(|value| self.facts.function(value));
                    let parameters = function.map(|id| &self.facts.functions[id]);
                    for (index, parameter) in parameters.into_iter().flatten().enumerate() {
                        let meaning = match index {
                            0 => Meaning::Event(event.clone()),
                            1 => Meaning::Space("ctx".into()),
                            _ => break,
                        };
                        // One handler for two events gets either.
                        self.handlers
                            .entry(*parameter)
                            .and_modify(|old| {
                                if *old != meaning {
                                    *old = Meaning::Event(None);
                                }
                            })
                            .or_insert(meaning);
                    }
                }
                ("loop", [value, ..]) => {
                    let function = self.facts.function(value);
                    let first = function.and_then(|id| self.facts.functions[id].first());
                    if let Some(first) = first {
                        self.handlers.insert(*first, Meaning::Space("run".into()));
                    }
                }
                _ => {}
            }
        }
    }

    /// The event called `name`, which is complained about when there is none.
    fn event(&mut self, name: &str, line: usize) -> Option<String> {
        let known = EVENTS.iter().find(|known| **known == name || near::camel(known) == name);
        match known {
            Some(known) => Some((*known).to_owned()),
            None if name.contains(':') => Some(name.to_owned()),
            None => {
                let text = format!("there is no event `{name}`{}", near::hint(name, EVENTS));
                self.found.push(Finding::new("event", line, text));
                None
            }
        }
    }

    // Members -------------------------------------------------------------------------------------

    fn members(&mut self, it: &Use, is_entry: bool) {
        let Some(meaning) = self.meaning(&it.root) else { return };
        if it.is_target {
            return;
        }
        match meaning {
            Meaning::Space(space) => self.space(it, space, is_entry),
            Meaning::Event(event) => self.event_field(it, event.as_deref()),
        }
    }

    fn space(&mut self, it: &Use, mut space: String, is_entry: bool) {
        for (index, (name, line)) in it.chain.iter().enumerate() {
            let full = format!("{space}.{name}");
            let row = api::rows().find(|(row, entry)| row.name == space && entry.name == name);
            if let Some((_, entry)) = row {
                let is_last = index + 1 == it.chain.len();
                if is_last && it.call.is_some() {
                    self.call(it, &full, entry, *line, is_entry);
                }
                return;
            }
            if !NAMESPACES.iter().any(|inner| inner.name == full) {
                let hint = near::hint(name, &members_of(&space));
                let text = format!("there is no `{full}`{hint}");
                self.found.push(Finding::new("member", *line, text));
                return;
            }
            space = full;
        }
    }

    fn call(&mut self, it: &Use, full: &str, entry: &api::Entry, line: usize, is_entry: bool) {
        let wants_colon = full.starts_with("run.");
        if it.is_method != wants_colon {
            let (right, wrong) = if wants_colon { (":", ".") } else { (".", ":") };
            let text = format!("`{full}` is called with `{right}`, not `{wrong}`");
            self.found.push(Finding::new("member", line, text));
        }
        if is_entry && it.is_loading && entry.meta.contains("---@async") {
            let text = format!("`{full}` waits, and is not available while loading");
            self.found.push(Finding::new("waits", line, text));
        }
    }

    fn event_field(&mut self, it: &Use, event: Option<&str>) {
        let Some((name, line)) = it.chain.first() else { return };
        let snake = near::snake(name);
        let known: Vec<&str> = match event {
            Some(event) => match event_rows::fields(event) {
                Some(fields) => fields.into_iter().chain(["type"]).collect(),
                None => return,
            },
            None => event_rows::all_fields().collect(),
        };
        if !known.contains(&name.as_str()) && !known.contains(&snake.as_str()) {
            let hint = near::hint(&snake, &known);
            let of = event.map_or("no event has".to_owned(), |event| format!("`{event}` has no"));
            let text = format!("{of} field `{name}`{hint}");
            self.found.push(Finding::new("member", *line, text));
        }
    }

    // Globals -------------------------------------------------------------------------------------

    fn global(&mut self, it: &Use, globals: &Globals) {
        let Root::Global(name) = &it.root else { return };
        if it.is_target && it.chain.is_empty() || self.facts.defined.contains(name) {
            return;
        }
        let Some(members) = globals.get(name) else {
            let mut known: Vec<&str> = globals.keys().map(String::as_str).collect();
            known.extend(self.facts.defined.iter().map(String::as_str));
            known.extend(self.facts.locals.iter().map(|local| local.name.as_str()));
            let text = format!("undefined global `{name}`{}", near::hint(name, &known));
            self.found.push(Finding::new("global", it.line, text));
            return;
        };
        let Some((member, line)) = it.chain.first() else { return };
        let full = format!("{name}.{member}");
        let is_unknown = !members.is_empty() && !members.contains(member);
        if is_unknown && !it.is_target && !self.facts.defined.contains(&full) {
            let known: Vec<&str> = members.iter().map(String::as_str).collect();
            let text = format!("there is no `{full}`{}", near::hint(member, &known));
            self.found.push(Finding::new("global", *line, text));
        }
    }
}

fn members_of(space: &str) -> Vec<&'static str> {
    let own = api::rows().filter(|(row, _)| row.name == space).map(|(_, entry)| entry.name);
    let prefix = format!("{space}.");
    let inner = NAMESPACES.iter().filter_map(|inner| inner.name.strip_prefix(&prefix));
    own.chain(inner).collect()
}
