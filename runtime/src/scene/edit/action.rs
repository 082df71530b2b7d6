//! What can be done to a text that is being edited, by name: keys are bound to these names.

/// One step of editing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EditAction {
    MoveLeft,
    MoveRight,
    MoveWordLeft,
    MoveWordRight,
    MoveUp,
    MoveDown,
    MoveLineStart,
    MoveLineEnd,
    MoveStart,
    MoveEnd,
    DeleteLeft,
    DeleteRight,
    KillWordLeft,
    KillWordRight,
    KillBlankWordLeft,
    KillLineLeft,
    KillLineRight,
    Yank,
    YankOlder,
    Transpose,
    Newline,
    Undo,
    Redo,
}

/// Every action: its name, what it does, and the keys that do it unless they are bound otherwise.
pub const ACTIONS: &[(EditAction, &str, &str, &[&str])] = &[
    (EditAction::MoveLeft, "move_left", "one character to the left", &["left", "ctrl+b"]),
    (EditAction::MoveRight, "move_right", "one character to the right", &["right", "ctrl+f"]),
    (
        EditAction::MoveWordLeft,
        "move_word_left",
        "to the start of a word",
        &["alt+b", "ctrl+left", "alt+left"],
    ),
    (
        EditAction::MoveWordRight,
        "move_word_right",
        "to the end of a word",
        &["alt+f", "ctrl+right", "alt+right"],
    ),
    (EditAction::MoveUp, "move_up", "one row up", &["up", "ctrl+p"]),
    (EditAction::MoveDown, "move_down", "one row down", &["down", "ctrl+n"]),
    (EditAction::MoveLineStart, "move_line_start", "to the start of the line", &["home", "ctrl+a"]),
    (EditAction::MoveLineEnd, "move_line_end", "to the end of the line", &["end", "ctrl+e"]),
    (EditAction::MoveStart, "move_start", "to the start of the text", &["ctrl+home", "alt+<"]),
    (EditAction::MoveEnd, "move_end", "to the end of the text", &["ctrl+end", "alt+>"]),
    (
        EditAction::DeleteLeft,
        "delete_left",
        "deletes a character to the left",
        &["backspace", "shift+backspace", "ctrl+h"],
    ),
    (
        EditAction::DeleteRight,
        "delete_right",
        "deletes a character to the right",
        &["delete", "ctrl+d"],
    ),
    (
        EditAction::KillWordLeft,
        "kill_word_left",
        "cuts a word to the left",
        &["alt+backspace", "ctrl+backspace"],
    ),
    (
        EditAction::KillWordRight,
        "kill_word_right",
        "cuts a word to the right",
        &["alt+d", "ctrl+delete", "alt+delete"],
    ),
    (EditAction::KillBlankWordLeft, "kill_blank_word_left", "cuts up to a blank", &["ctrl+w"]),
    (EditAction::KillLineLeft, "kill_line_left", "cuts to the start of the line", &["ctrl+u"]),
    (EditAction::KillLineRight, "kill_line_right", "cuts to the end of the line", &["ctrl+k"]),
    (EditAction::Yank, "yank", "puts what was cut", &["ctrl+y"]),
    (EditAction::YankOlder, "yank_older", "puts what was cut before instead", &["alt+y"]),
    (EditAction::Transpose, "transpose", "swaps two characters", &["ctrl+t"]),
    (
        EditAction::Newline,
        "newline",
        "begins a new line",
        &["alt+enter", "shift+enter", "ctrl+enter", "ctrl+j"],
    ),
    (EditAction::Undo, "undo", "takes the last change back", &["ctrl+_", "ctrl+/"]),
    (EditAction::Redo, "redo", "makes it again", &["alt+_", "ctrl+shift+z"]),
];

impl EditAction {
    /// The action that is called `name`.
    pub fn named(name: &str) -> Option<Self> {
        ACTIONS.iter().find(|row| row.1 == name).map(|row| row.0)
    }

    pub fn name(self) -> &'static str {
        ACTIONS.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// What a key does in a text, by its canonical name.
    pub fn of_key(key: &str) -> Option<Self> {
        ACTIONS.iter().find(|row| row.3.contains(&key)).map(|row| row.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_lead_to_actions_and_keys_to_one_action_each() {
        let mut keys = HashSet::new();
        for (action, name, _, bound) in ACTIONS {
            assert_eq!(EditAction::named(name), Some(*action));
            assert_eq!(action.name(), *name);
            for key in *bound {
                assert_eq!(crate::keys::canonical(key).as_deref(), Ok(*key));
                assert!(keys.insert(key), "{key} is bound twice");
                assert_eq!(EditAction::of_key(key), Some(*action));
            }
        }
    }
}
