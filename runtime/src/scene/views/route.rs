//! Where keys go, and what comes of them.

use serde_json::{Value, json};

use super::{Routed, UiEvent, Views, mounted::Mounted};
use crate::scene::{
    draw::State,
    edit::EditAction,
    tree::{KeyBinding, Kind},
};

impl Views {
    /// Offers a key, by its canonical name. An overlay that wants the keyboard takes every key; of
    /// the others only those keys count that they name, while there is no text in the editor.
    pub fn key(&mut self, key: &str, editor_is_empty: bool) -> Routed {
        if let Some(at) = self.captured() {
            return self.route(at, |mounted| mounted.captured_key(key));
        }
        let overlays = (0..self.mounted.len()).rev().filter(|at| self.mounted[*at].is_overlay());
        let wants = |at: &usize| {
            key == "escape" || (editor_is_empty && self.mounted[*at].binding(key).is_some())
        };
        match overlays.into_iter().find(wants) {
            Some(at) => self.route(at, |mounted| {
                let event = mounted.key_event(key);
                (vec![event], key == "escape")
            }),
            None => Routed::Pass,
        }
    }

    /// Has a view take something; `take` answers the events and whether the view goes.
    pub(super) fn route(
        &mut self,
        at: usize,
        take: impl FnOnce(&mut Mounted) -> (Vec<UiEvent>, bool),
    ) -> Routed {
        let mounted = &mut self.mounted[at];
        let (mut events, closes) = take(mounted);
        if closes || (mounted.view.slot.until_input && !events.is_empty()) {
            // Who renders the view before it hears of this does not bring it back.
            let number = mounted.count_edit("");
            if let Some(first) = events.first_mut() {
                first.closes = true;
                first.edit = Some(number);
                first.fields.insert("edit".to_owned(), number.into());
            }
            self.mounted.remove(at);
        }
        Routed::Consumed(events)
    }
}

/// Events, and whether the view goes.
type Taken = (Vec<UiEvent>, bool);

impl Mounted {
    fn binding(&self, key: &str) -> Option<&KeyBinding> {
        self.view.keys.iter().find(|binding| binding.key == key)
    }

    /// A key while this view has the keyboard: what is typed goes to the input, then keys that the
    /// view names, then editing, lists and what scrolls, then Escape.
    fn captured_key(&mut self, key: &str) -> Taken {
        if let (Some(text), Some(input)) = (printable(key), self.focused_input()) {
            return self.edited(&input, |mounted| mounted.insert(text));
        }
        if self.binding(key).is_some() {
            return (vec![self.key_event(key)], false);
        }
        let taken = self
            .focused_input()
            .and_then(|input| self.input_key(&input, key))
            .or_else(|| self.list_key(key))
            .or_else(|| self.scroll_key(key));
        if let Some(events) = taken {
            return (events, false);
        }
        (vec![self.key_event(key)], key == "escape")
    }

    pub fn key_event(&self, key: &str) -> UiEvent {
        let action = self.binding(key).and_then(|binding| binding.action.clone());
        let base = key.rsplit('+').next().filter(|base| !base.is_empty()).unwrap_or("+");
        let modifiers = key.strip_suffix(base).unwrap_or("");
        let is_capital = base.chars().all(char::is_uppercase);
        let selected = self.list_id().and_then(|id| self.chosen(&id));
        let more = json!({
            "key": key,
            "action": action,
            "ctrl": modifiers.contains("ctrl+"),
            "alt": modifiers.contains("alt+"),
            "shift": modifiers.contains("shift+") || is_capital,
            "index": selected.as_ref().map(|(index, ..)| index),
            "value": selected.as_ref().map(|(_, value, _)| value),
        });
        // Whoever handles it has seen all that was typed before.
        self.event("key", self.focused.as_deref(), Some(self.last_edit()), more)
    }

    fn focused_input(&self) -> Option<String> {
        let id = self.focused.as_ref()?;
        self.states.input(id).map(|_| id.clone())
    }

    // Inputs --------------------------------------------------------------------------------------

    fn insert(&mut self, text: &str) {
        let input = self.focused.clone();
        if let Some(state) = input.and_then(|id| self.states.input_mut(&id)) {
            state.edit.insert(text);
        }
    }

    pub fn paste(&mut self, text: &str) -> Taken {
        match self.focused_input() {
            Some(input) => self.edited(&input, |mounted| mounted.insert(text)),
            None => (Vec::new(), false),
        }
    }

    /// Does something to an input; a change is told.
    fn edited(&mut self, id: &str, edit: impl FnOnce(&mut Self)) -> Taken {
        let revision = |mounted: &Self| mounted.states.input(id).map(|it| it.edit.revision());
        let before = revision(self);
        edit(self);
        if revision(self) == before {
            return (Vec::new(), false);
        }
        let number = self.count_edit(id);
        let list = self.list_id().filter(|list| self.is_filtered_by(list, id));
        let chosen = |mounted: &Self| Some(mounted.chosen(list.as_deref()?)?.0);
        let chosen_before = chosen(self);
        self.filter_lists();
        let mut events: Vec<UiEvent> = self.input_event("change", id, number).into_iter().collect();
        // What fits best is another item now.
        if let Some(list) = &list
            && chosen(self) != chosen_before
        {
            events.extend(self.list_event("change", list, number));
        }
        (events, false)
    }

    /// What a key does in an input; nothing when it means nothing there.
    fn input_key(&mut self, id: &str, key: &str) -> Option<Vec<UiEvent>> {
        match key {
            "enter" => {
                let list = self.list_id().filter(|list| self.is_filtered_by(list, id));
                if list.is_some() {
                    return None;
                }
                let number = self.last_edit();
                return Some(self.input_event("submit", id, number).into_iter().collect());
            }
            "tab" | "shift+tab" => return self.move_focus(key != "tab").then(Vec::new),
            _ => {}
        }
        let action = EditAction::of_key(key)?;
        let state = self.states.input_mut(id)?;
        let moves = matches!(action, EditAction::MoveUp | EditAction::MoveDown);
        if moves && !state.edit.is_multiline() {
            return None;
        }
        let width = state.width.max(1);
        let mut did = false;
        let (events, _) = self.edited(id, |mounted| {
            did = mounted.states.input_mut(id).is_some_and(|it| it.edit.apply(action, width));
        });
        (did || !moves).then_some(events)
    }

    // Lists ---------------------------------------------------------------------------------------

    fn list_key(&mut self, key: &str) -> Option<Vec<UiEvent>> {
        let id = self.list_id()?;
        let has_focus = self.focused.as_deref() == Some(id.as_str());
        let state = self.states.list_mut(&id)?;
        let at = state.position().unwrap_or(0);
        let last = state.shown.len().saturating_sub(1);
        let page = usize::from(state.rows.max(2)) - 1;
        let is_whole = state.shown.len() <= usize::from(state.rows);
        let to = match key {
            // Of a list that is seen whole there are no pages; what is beside it may have some.
            "pageup" | "pagedown" if is_whole => return None,
            // From the last to the first and back.
            "up" | "ctrl+p" => at.checked_sub(1).unwrap_or(last),
            "down" | "ctrl+n" if at == last => 0,
            "down" | "ctrl+n" => at + 1,
            "pageup" => at.saturating_sub(page),
            "pagedown" => (at + page).min(last),
            "home" if has_focus => 0,
            "end" if has_focus => last,
            "tab" | "shift+tab" if has_focus => {
                return self.move_focus(key != "tab").then(Vec::new);
            }
            "enter" => return self.select(&id),
            _ => return None,
        };
        let Some(selected) = state.shown.get(to).copied() else { return Some(Vec::new()) };
        if selected == state.selected {
            return Some(Vec::new());
        }
        state.selected = selected;
        let number = self.count_edit(&id);
        Some(self.list_event("change", &id, number).into_iter().collect())
    }

    fn select(&mut self, id: &str) -> Option<Vec<UiEvent>> {
        let number = self.last_edit();
        Some(self.list_event("select", id, number).into_iter().collect())
    }

    fn list_event(&self, kind: &str, id: &str, number: u64) -> Option<UiEvent> {
        let (index, value, list) = self.chosen(id)?;
        let action = if kind == "select" { &list.on_select } else { &list.on_change };
        let more = json!({ "index": index, "value": value, "action": action });
        Some(self.event(kind, Some(id), Some(number), more))
    }

    // What scrolls --------------------------------------------------------------------------------

    fn scroll_key(&mut self, key: &str) -> Option<Vec<UiEvent>> {
        let mut ids = Vec::new();
        self.view.root.walk(&mut |node| {
            if matches!(node.kind, Kind::Scroll { .. }) {
                ids.push(node.id.clone());
            }
        });
        let scrolls = |id: &&String| matches!(self.states.get(id), Some(State::Scroll(scroll)) if scroll.most > 0);
        let id = ids.iter().find(scrolls)?;
        let scroll = self.states.scroll_mut(id);
        let page = u32::from(scroll.rows.max(2)) - 1;
        scroll.top = match key {
            "up" => scroll.top.saturating_sub(1),
            "down" => (scroll.top + 1).min(scroll.most),
            "pageup" => scroll.top.saturating_sub(page),
            "pagedown" | "space" => scroll.top.saturating_add(page).min(scroll.most),
            "home" => 0,
            "end" => scroll.most,
            _ => return None,
        };
        Some(Vec::new())
    }
}

/// What a key types, if it types something.
fn printable(key: &str) -> Option<&str> {
    if key == "space" {
        return Some(" ");
    }
    let mut chars = key.chars();
    let is_one = chars.next().is_some() && chars.next().is_none();
    is_one.then_some(key)
}

/// An event of the host itself: a surface has a new size.
pub(super) fn resize(mounted: &Mounted, node: &str, (width, height): (u16, u16)) -> UiEvent {
    let more: Value = json!({ "width": width, "height": height });
    mounted.event("resize", Some(node), None, more)
}
