//! Names of keys: `ctrl+`, `alt+`, `shift+` in this order, then the name of a key or one character.

/// Keys that have names; what follows a name are other words for it.
const NAMED: &[(&str, &[&str])] = &[
    ("enter", &["return", "cr"]),
    ("escape", &["esc"]),
    ("tab", &[]),
    ("backspace", &["bs"]),
    ("space", &[]),
    ("up", &["arrowup"]),
    ("down", &["arrowdown"]),
    ("left", &["arrowleft"]),
    ("right", &["arrowright"]),
    ("home", &[]),
    ("end", &[]),
    ("pageup", &["pgup", "page_up"]),
    ("pagedown", &["pgdn", "pgdown", "page_down"]),
    ("delete", &["del"]),
    ("insert", &["ins"]),
];

/// The canonical name of a key: `ctrl+alt+shift+NAME`. Modifiers may come in any order and by their
/// usual other names (`control`, `c-`, `meta`, `option`).
pub fn canonical(key: &str) -> Result<String, String> {
    let problem = || {
        format!(
            "`{key}` is no key: write `ctrl+`, `alt+`, `shift+`, then one character or one of {}, f1 to f12",
            NAMED.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        )
    };
    let (mut ctrl, mut alt, mut shift) = (false, false, false);
    let mut rest = key;
    let name = loop {
        // A single `+` or `-` is a key itself.
        let split = rest.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
        let Some((at, _)) = split else { break rest };
        match rest[..at].to_lowercase().as_str() {
            "ctrl" | "control" | "c" => ctrl = true,
            "alt" | "meta" | "option" | "m" | "a" => alt = true,
            "shift" | "s" => shift = true,
            _ => return Err(problem()),
        }
        rest = &rest[at + 1..];
    };
    let mut chars = name.chars();
    let name = match (chars.next(), chars.next()) {
        (None, _) => return Err(problem()),
        (Some(' '), None) => "space".to_owned(),
        (Some(c), None) if c.is_control() => return Err(problem()),
        // A letter with `shift` is the capital, and with `ctrl` its case does not matter.
        (Some(c), None) if c.is_alphabetic() && ctrl => c.to_lowercase().to_string(),
        (Some(c), None) if c.is_alphabetic() && shift => {
            shift = false;
            c.to_uppercase().to_string()
        }
        (Some(c), None) => c.to_string(),
        _ => named(&name.to_lowercase()).ok_or_else(problem)?,
    };
    let mut canonical = String::new();
    for (set, prefix) in [(ctrl, "ctrl+"), (alt, "alt+"), (shift, "shift+")] {
        if set {
            canonical.push_str(prefix);
        }
    }
    canonical.push_str(&name);
    Ok(canonical)
}

fn named(name: &str) -> Option<String> {
    let number = name.strip_prefix('f').and_then(|number| number.parse::<u8>().ok());
    if number.is_some_and(|number| (1..=12).contains(&number)) {
        return Some(name.to_owned());
    }
    let known = NAMED.iter().find(|(known, others)| *known == name || others.contains(&name));
    known.map(|(known, _)| (*known).to_owned())
}

#[cfg(test)]
mod tests {
    use super::canonical;

    #[test]
    fn keys_have_one_name() {
        for (key, name) in [
            ("x", "x"),
            ("X", "X"),
            ("shift+x", "X"),
            ("Ctrl+X", "ctrl+x"),
            ("alt+ctrl+Return", "ctrl+alt+enter"),
            ("C-a", "ctrl+a"),
            ("esc", "escape"),
            ("shift+tab", "shift+tab"),
            ("ctrl++", "ctrl++"),
            ("+", "+"),
            ("-", "-"),
            (" ", "space"),
            ("PgUp", "pageup"),
            ("F12", "f12"),
            ("ctrl+shift+p", "ctrl+shift+p"),
        ] {
            assert_eq!(canonical(key).as_deref(), Ok(name), "{key}");
        }
        for bad in ["", "ctrl+", "hyper+x", "f13", "enterr", "\u{1b}"] {
            assert!(canonical(bad).is_err_and(|problem| problem.contains(bad)), "{bad}");
        }
    }
}
