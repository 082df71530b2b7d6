//! What keys can do, by name, and which key does what.
//!
//! A key means the first of: what `keys` of settings.json says, what extensions bound (`zi.keymap`;
//! the bundled `keys` binds the defaults), what it means in a text.

use std::collections::{BTreeMap, HashMap};

use crate::{
    near,
    registry::{KeyAction, Registry},
    scene::edit::{ACTIONS as EDITING, EditAction},
};

/// Something that a key can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    Submit,
    SubmitNow,
    Cancel,
    Interrupt,
    QuitOrDelete,
    Suspend,
    Redraw,
    Complete,
    Up,
    Down,
    HistoryPrevious,
    HistoryNext,
    ScrollUp,
    ScrollDown,
    ScrollHalfUp,
    ScrollHalfDown,
    ScrollPageUp,
    ScrollPageDown,
    ScrollTop,
    ScrollBottom,
    BlockPrevious,
    BlockNext,
    ExpandAll,
    Search,
    SearchNext,
    SearchPrevious,
    CopyLast,
    ExternalEditor,
    PasteImage,
    Pager,
    Edit(EditAction),
}

/// The actions beside those of editing: each with its name and what it does.
pub const ACTIONS: &[(Action, &str, &str)] = &[
    (
        Action::Submit,
        "submit",
        "says what the draft holds; while a run goes on it waits for its end",
    ),
    (Action::SubmitNow, "submit_now", "says it before the next step of the run"),
    (
        Action::Cancel,
        "cancel",
        "ends the innermost thing: completion, search, overlay, run, draft; twice goes back to an \
         earlier prompt",
    ),
    (Action::Interrupt, "interrupt", "clears the draft; twice ends zi"),
    (
        Action::QuitOrDelete,
        "quit_or_delete",
        "ends zi if the draft is empty, or deletes to the right",
    ),
    (Action::Suspend, "suspend", "puts zi to sleep, back to the shell"),
    (Action::Redraw, "redraw", "draws the screen anew"),
    (Action::Complete, "complete", "completes the word, or takes the chosen completion"),
    (
        Action::Up,
        "up",
        "a row up; from the first row an earlier prompt; scrolls if the draft is empty",
    ),
    (
        Action::Down,
        "down",
        "a row down; from the last row a later prompt; scrolls if the draft is empty",
    ),
    (
        Action::HistoryPrevious,
        "history_previous",
        "an earlier prompt that starts as the draft does",
    ),
    (Action::HistoryNext, "history_next", "a later prompt"),
    (Action::ScrollUp, "scroll_up", "scrolls a line up"),
    (Action::ScrollDown, "scroll_down", "scrolls a line down"),
    (Action::ScrollHalfUp, "scroll_half_up", "scrolls half a page up"),
    (Action::ScrollHalfDown, "scroll_half_down", "scrolls half a page down"),
    (Action::ScrollPageUp, "scroll_page_up", "scrolls a page up"),
    (Action::ScrollPageDown, "scroll_page_down", "scrolls a page down"),
    (Action::ScrollTop, "scroll_top", "scrolls to the start"),
    (Action::ScrollBottom, "scroll_bottom", "scrolls to the end and follows it"),
    (Action::BlockPrevious, "block_previous", "chooses the block above; enter opens and closes it"),
    (Action::BlockNext, "block_next", "chooses the block below"),
    (Action::ExpandAll, "expand_all", "opens or closes all that is long"),
    (Action::Search, "search", "looks for a text in the conversation"),
    (Action::SearchNext, "search_next", "goes to the next place"),
    (Action::SearchPrevious, "search_previous", "goes to the place before"),
    (Action::CopyLast, "copy_last", "copies the last answer"),
    (Action::ExternalEditor, "external_editor", "edits the draft in $VISUAL or $EDITOR"),
    (Action::PasteImage, "paste_image", "puts the image of the clipboard into the draft"),
    (Action::Pager, "pager", "shows the conversation in $PAGER"),
];

impl Action {
    /// The action that is called `name`.
    pub fn named(name: &str) -> Option<Self> {
        let own = ACTIONS.iter().find(|row| row.1 == name).map(|row| row.0);
        own.or_else(|| EditAction::named(name).map(Self::Edit))
    }
}

/// The action that is called `name`, or why there is none.
pub fn find(name: &str) -> Result<Action, String> {
    Action::named(name).ok_or_else(|| {
        let names: Vec<&str> = described().map(|(name, _)| name).collect();
        format!("there is no action `{name}`{}", near::hint(name, &names))
    })
}

/// Every action: its name and what it does.
pub fn described() -> impl Iterator<Item = (&'static str, &'static str)> {
    let own = ACTIONS.iter().map(|row| (row.1, row.2));
    own.chain(EDITING.iter().map(|row| (row.1, row.2)))
}

/// What a key is bound to.
#[derive(Clone, Debug)]
pub enum Bound {
    Action(Action),
    /// A slash command with its arguments.
    Command(String),
    Call(crate::registry::Callback),
}

/// One line of the list of keys.
#[derive(Clone, Debug)]
pub struct KeyRow {
    pub key: String,
    pub what: String,
    pub about: String,
    pub when: Option<&'static str>,
}

/// What every key does.
#[derive(Debug, Default)]
pub struct Keymap {
    bound: HashMap<String, Vec<(Option<&'static str>, Bound)>>,
    rows: Vec<KeyRow>,
}

impl Keymap {
    /// The keys that count: the user's, then those of extensions. Problems of the user's are told.
    pub fn new(
        registry: &Registry,
        own: &serde_json::Map<String, serde_json::Value>,
    ) -> (Self, Vec<String>) {
        let (own, problems) = read_own(own);
        let mut map = Self::default();
        for (name, keys) in &own {
            for key in keys {
                map.add(key.clone(), name, None, "");
            }
        }
        for spec in registry.keys() {
            match &spec.action {
                KeyAction::Call(callback) => {
                    let bound = Bound::Call(callback.clone());
                    let what = format!("extension {}", callback.owner.id);
                    map.put(&spec.key, spec.when, bound, &what, &spec.description);
                }
                // The user's keys of an action take the place of all others.
                KeyAction::Named(name) if own.contains_key(name.as_str()) => {}
                KeyAction::Named(name) => {
                    map.add(spec.key.clone(), name, spec.when, &spec.description);
                }
            }
        }
        for (action, name, about, keys) in EDITING {
            if !own.contains_key(*name) {
                for key in *keys {
                    map.put(key, None, Bound::Action(Action::Edit(*action)), name, about);
                }
            }
        }
        (map, problems)
    }

    fn add(&mut self, key: String, name: &str, when: Option<&'static str>, about: &str) {
        match Action::named(name) {
            Some(action) => {
                let known = described().find(|(known, _)| *known == name);
                let about = known.map_or(about, |(_, about)| about);
                self.put(&key, when, Bound::Action(action), name, about);
            }
            None => {
                let command = format!("/{}", name.trim_start_matches('/'));
                self.put(&key, when, Bound::Command(command.clone()), &command, about);
            }
        }
    }

    fn put(
        &mut self,
        key: &str,
        when: Option<&'static str>,
        bound: Bound,
        what: &str,
        about: &str,
    ) {
        let holders = self.bound.entry(key.to_owned()).or_default();
        if holders.iter().any(|(held, _)| held.is_none() || *held == when) {
            return;
        }
        holders.push((when, bound));
        let (key, what, about) = (key.to_owned(), what.to_owned(), about.to_owned());
        self.rows.push(KeyRow { key, what, about, when });
    }

    /// What `key` does now.
    pub fn get(&self, key: &str, is_busy: bool) -> Option<&Bound> {
        let now = if is_busy { "busy" } else { "idle" };
        let holders = self.bound.get(key)?;
        let fits = |when: &Option<&'static str>| when.is_none_or(|when| when == now);
        holders.iter().find(|(when, _)| fits(when)).map(|(_, bound)| bound)
    }

    /// The keys as data: `{key, what, about, when?}`.
    pub fn to_value(&self) -> serde_json::Value {
        let rows = self.rows.iter().map(|row| {
            serde_json::json!({
                "key": row.key, "what": row.what, "about": row.about, "when": row.when,
            })
        });
        rows.collect()
    }

    /// All keys, as a list.
    pub fn rows(&self) -> &[KeyRow] {
        &self.rows
    }
}

/// The keys that the user gave actions, by the name of the action.
fn read_own(
    own: &serde_json::Map<String, serde_json::Value>,
) -> (BTreeMap<String, Vec<String>>, Vec<String>) {
    let (mut read, mut problems) = (BTreeMap::new(), Vec::new());
    for (name, keys) in own {
        if Action::named(name).is_none() && !name.starts_with('/') {
            let names: Vec<&str> = described().map(|(name, _)| name).collect();
            let hint = near::hint(name, &names);
            problems.push(format!("settings.json: `keys.{name}` is no action{hint}"));
            continue;
        }
        let keys = match keys {
            serde_json::Value::Array(keys) => keys.clone(),
            key => vec![key.clone()],
        };
        let is_left_without = keys.is_empty();
        let mut canonical = Vec::new();
        for key in keys {
            match key.as_str().map(crate::keys::canonical) {
                Some(Ok(key)) => canonical.push(key),
                Some(Err(problem)) => {
                    problems.push(format!("settings.json: `keys.{name}`: {problem}"));
                }
                None => problems.push(format!("settings.json: `keys.{name}` takes names of keys")),
            }
        }
        // An empty list takes the keys away; a list of mistakes leaves them as they are.
        if is_left_without || !canonical.is_empty() {
            read.insert(name.clone(), canonical);
        }
    }
    (read, problems)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_that_cannot_be_read_leave_an_action_its_own() {
        let own = json!({
            "submit": 7, "up": ["ctrl+"], "down": [], "redraw": ["f5", "nonsense+x"], "nope": "x",
        });
        let (read, problems) = read_own(own.as_object().expect("an object"));
        assert_eq!(read.get("submit"), None);
        assert_eq!(read.get("up"), None);
        assert_eq!(read["down"], Vec::<String>::new());
        assert_eq!(read["redraw"], ["f5"]);
        assert_eq!(problems.len(), 4, "{problems:?}");
    }
}
