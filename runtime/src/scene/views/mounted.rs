//! One view with what the user did in it.

use std::{collections::HashMap, sync::Arc};

use serde_json::{Map, Value, json};

use super::UiEvent;
use crate::{
    extensions::{Extension, Rank},
    fuzzy,
    scene::{
        draw::{InputState, ListState, State, States},
        edit::Edit,
        tree::{Filter, Input, Kind, List, Node, SlotKind, View},
    },
};

#[derive(Debug)]
pub(super) struct Mounted {
    pub owner: Arc<Extension>,
    pub view: View,
    pub states: States,
    /// The node that has the keyboard: an input or a list.
    pub focused: Option<String>,
    /// Counts what the user typed and chose.
    edits: u64,
    /// The last of them that the extension has dealt with.
    seen: u64,
    /// The sizes that surfaces were last drawn with.
    pub sizes: HashMap<String, (u16, u16)>,
    /// The surfaces of the newest drawing.
    pub drawn: Vec<(String, u16, u16)>,
}

impl Mounted {
    pub fn new(owner: Arc<Extension>, view: View) -> Self {
        let mut mounted = Self {
            owner,
            view,
            states: States::default(),
            focused: None,
            edits: 0,
            seen: 0,
            sizes: HashMap::new(),
            drawn: Vec::new(),
        };
        mounted.take_values(0);
        mounted
    }

    pub fn is(&self, generation: u64, id: &str) -> bool {
        self.owner.generation == generation && self.view.id == id
    }

    /// What decides who is above whom.
    pub fn rank(&self) -> (i64, &Rank, &str) {
        (self.view.order, &self.owner.rank, &self.view.id)
    }

    pub fn is_overlay(&self) -> bool {
        self.view.slot.kind == SlotKind::Overlay
    }

    pub fn see(&mut self, edit: u64) {
        self.seen = self.seen.max(edit);
    }

    /// Takes a newer tree. What the user did since the extension last looked stays.
    pub fn replace(&mut self, view: View, seen: Option<u64>) {
        let seen = seen.unwrap_or(self.seen);
        self.see(seen);
        self.view = view;
        self.take_values(seen);
    }

    /// Forgets the lines and pictures that were made of the tree.
    pub fn forget_drawn(&mut self) {
        self.states.retain(|_, state| {
            matches!(state, State::Input(_) | State::List(_) | State::Scroll(_))
        });
    }

    /// Brings what the user may change in line with the tree.
    fn take_values(&mut self, seen: u64) {
        self.forget_drawn();
        let mut kinds = HashMap::new();
        self.view.root.walk(&mut |node| {
            kinds.insert(node.id.as_str(), std::mem::discriminant(&node.kind));
        });
        let input = std::mem::discriminant(&Kind::Input(Input::default()));
        self.states.retain(|id, state| match (kinds.get(id), state) {
            (Some(kind), State::Input(_)) => *kind == input,
            (Some(kind), _) => *kind != input,
            (None, _) => false,
        });
        let mut nodes = Vec::new();
        self.view.root.walk(&mut |node| nodes.push(node));
        for node in &nodes {
            match &node.kind {
                Kind::Input(input) => take_input(&mut self.states, node, input, seen),
                Kind::List(list) => take_list(&mut self.states, node, list, seen),
                _ => {}
            }
        }
        let is_there = |id: &String| self.focusable().iter().any(|node| node.id == *id);
        if !self.focused.as_ref().is_some_and(is_there) {
            self.focused = self.first_focus();
        }
        self.filter_lists();
    }

    /// The nodes that can have the keyboard.
    pub fn focusable(&self) -> Vec<&Node> {
        let mut nodes = Vec::new();
        self.view.root.walk(&mut |node| {
            if matches!(node.kind, Kind::Input(_) | Kind::List(_)) {
                nodes.push(node);
            }
        });
        nodes
    }

    /// The input that asks for the keyboard, else the first input, else the first list.
    fn first_focus(&self) -> Option<String> {
        let nodes = self.focusable();
        let asks = |node: &&&Node| matches!(&node.kind, Kind::Input(input) if input.focus);
        let is_input = |node: &&&Node| matches!(node.kind, Kind::Input(_));
        let first = nodes.iter().find(asks).or_else(|| nodes.iter().find(is_input));
        first.or(nodes.first()).map(|node| node.id.clone())
    }

    /// Gives the keyboard to the next node that can have it, or the one before.
    pub fn move_focus(&mut self, back: bool) -> bool {
        let nodes = self.focusable();
        let at = nodes.iter().position(|node| Some(&node.id) == self.focused.as_ref());
        let (Some(at), count @ 2..) = (at, nodes.len()) else { return false };
        let next = if back { at + count - 1 } else { at + 1 } % count;
        self.focused = Some(nodes[next].id.clone());
        true
    }

    pub fn node(&self, id: &str) -> Option<&Node> {
        let mut found = None;
        self.view.root.walk(&mut |node| {
            if node.id == id {
                found = Some(node);
            }
        });
        found
    }

    /// The list that arrows move in: the one with the keyboard, else the first.
    pub fn list_id(&self) -> Option<String> {
        let nodes = self.focusable();
        let mut lists = nodes.iter().filter(|node| matches!(node.kind, Kind::List(_)));
        let own = lists.clone().find(|node| Some(&node.id) == self.focused.as_ref());
        own.or_else(|| lists.next()).map(|node| node.id.clone())
    }

    /// Whether a list shows what fits the text of the input.
    pub fn is_filtered_by(&self, list: &str, input: &str) -> bool {
        matches!(
            self.node(list).map(|node| &node.kind),
            Some(Kind::List(List { filter: Some(Filter::Input(by)), .. })) if by == input
        )
    }

    /// Has each list show what fits what it is filtered by now.
    pub fn filter_lists(&mut self) {
        let mut nodes = Vec::new();
        self.view.root.walk(&mut |node| {
            if let Kind::List(list) = &node.kind {
                nodes.push((node, list));
            }
        });
        for (node, list) in nodes {
            let needle = match &list.filter {
                None => String::new(),
                Some(Filter::Text(text)) => text.clone(),
                Some(Filter::Input(input)) => {
                    self.states.input(input).map(|it| it.edit.text().to_owned()).unwrap_or_default()
                }
            };
            let Some(state) = self.states.list_mut(&node.id) else { continue };
            if state.needle.as_ref() == Some(&needle) {
                continue;
            }
            let is_first = state.needle.is_none();
            state.shown = if needle.trim().is_empty() {
                (0..list.items.len()).collect()
            } else {
                let labels: Vec<&str> = list.items.iter().map(|item| &*item.label).collect();
                fuzzy::rank(&needle, &labels, usize::MAX)
                    .into_iter()
                    .map(|(index, _)| index)
                    .collect()
            };
            state.needle = Some(needle);
            // What fits best is chosen anew with each letter.
            if !is_first || state.position().is_none() {
                state.selected = state.shown.first().copied().unwrap_or(0);
                state.top = 0;
            }
        }
    }

    // Events --------------------------------------------------------------------------------------

    /// Counts something that the user did to a node, which then is the host's until it was seen.
    pub fn count_edit(&mut self, node: &str) -> u64 {
        self.edits += 1;
        match self.states.get_mut(node) {
            Some(State::Input(input)) => input.edited_at = self.edits,
            Some(State::List(list)) => list.edited_at = self.edits,
            _ => {}
        }
        self.edits
    }

    /// The number of the last edit of the view.
    pub fn last_edit(&self) -> u64 {
        self.edits
    }

    /// An event of this view; `more` are its fields, those that are null left out.
    pub fn event(&self, kind: &str, node: Option<&str>, edit: Option<u64>, more: Value) -> UiEvent {
        let mut fields = Map::new();
        fields.insert("type".to_owned(), kind.into());
        fields.insert("view".to_owned(), self.view.id.clone().into());
        // A name that the host gave means nothing to the extension.
        if let Some(node) = node.filter(|node| !node.starts_with('#')) {
            fields.insert("node".to_owned(), node.into());
        }
        if let Some(edit) = edit {
            fields.insert("edit".to_owned(), edit.into());
        }
        if let Value::Object(more) = more {
            fields.extend(more.into_iter().filter(|(_, value)| !value.is_null()));
        }
        let (owner, view) = (self.owner.clone(), self.view.id.clone());
        UiEvent { owner, view, edit, closes: false, fields }
    }

    /// What is selected in a list: its place counted from 1, its value and what it stands for.
    pub fn chosen(&self, id: &str) -> Option<(usize, Value, &List)> {
        let Some(Node { kind: Kind::List(list), .. }) = self.node(id) else { return None };
        let Some(State::List(state)) = self.states.get(id) else { return None };
        state.position()?;
        let item = list.items.get(state.selected)?;
        Some((state.selected + 1, item.value.clone(), list))
    }

    /// The event of an edit of an input: what is in it now.
    pub fn input_event(&self, kind: &str, id: &str, edit: u64) -> Option<UiEvent> {
        let Some(Node { kind: Kind::Input(input), .. }) = self.node(id) else { return None };
        let action = if kind == "submit" { &input.on_submit } else { &input.on_change };
        let value = self.states.input(id)?.edit.text();
        let more = json!({ "value": value, "action": action });
        Some(self.event(kind, Some(id), Some(edit), more))
    }
}

fn take_input(states: &mut States, node: &Node, input: &Input, seen: u64) {
    let make = || if input.multiline { Edit::multiline() } else { Edit::line() };
    let value = input.value.as_deref();
    match states.input_mut(&node.id) {
        Some(state) => {
            if state.edit.is_multiline() != input.multiline
                || state.edit.is_hidden() != input.password
            {
                let text = state.edit.text().to_owned();
                state.edit = make().hidden(input.password);
                state.edit.reset(&text);
            }
            let is_news = value.is_some_and(|value| value != state.edit.text());
            if is_news && state.edited_at <= seen {
                state.edit.set_text(value.unwrap_or_default());
            }
        }
        None => {
            let mut edit = make().hidden(input.password);
            edit.reset(value.unwrap_or_default());
            let state = InputState { edit, edited_at: 0, top: 0, width: 0 };
            states.set(&node.id, State::Input(state));
        }
    }
}

fn take_list(states: &mut States, node: &Node, list: &List, seen: u64) {
    if states.list_mut(&node.id).is_none() {
        states.set(&node.id, State::List(ListState::default()));
    }
    let Some(state) = states.list_mut(&node.id) else { return };
    if let Some(selected) = list.selected
        && state.edited_at <= seen
    {
        state.selected = selected;
    }
    state.selected = state.selected.min(list.items.len().saturating_sub(1));
    // The items may be other ones: they are looked through again.
    state.needle = None;
}
