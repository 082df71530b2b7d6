//! The bytes of keys, as a terminal sends them.

/// What a terminal sends for a key.
pub fn key_bytes(name: &str) -> Vec<u8> {
    let (mut ctrl, mut alt, mut shift) = (false, false, false);
    let mut rest = name;
    loop {
        if let Some(after) = rest.strip_prefix("ctrl+") {
            (ctrl, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("alt+") {
            (alt, rest) = (true, after);
        } else if let Some(after) = rest.strip_prefix("shift+") {
            (shift, rest) = (true, after);
        } else {
            break;
        }
    }
    let number = 1 + u8::from(shift) + 2 * u8::from(alt) + 4 * u8::from(ctrl);
    let letter = |last: char| match number {
        1 => format!("\x1b[{last}"),
        number => format!("\x1b[1;{number}{last}"),
    };
    let tilde = |code: u8| match number {
        1 => format!("\x1b[{code}~"),
        number => format!("\x1b[{code};{number}~"),
    };
    let coded = |code: u32| format!("\x1b[{code};{number}u");
    let text = match rest {
        "up" => letter('A'),
        "down" => letter('B'),
        "right" => letter('C'),
        "left" => letter('D'),
        "home" => letter('H'),
        "end" => letter('F'),
        "insert" => tilde(2),
        "delete" => tilde(3),
        "pageup" => tilde(5),
        "pagedown" => tilde(6),
        "tab" if number == 2 => "\x1b[Z".to_owned(),
        "enter" if number == 1 => "\r".to_owned(),
        "tab" if number == 1 => "\t".to_owned(),
        "escape" if number == 1 => "\x1b".to_owned(),
        "backspace" if number == 1 => "\x7f".to_owned(),
        "enter" if number == 3 => "\x1b\r".to_owned(),
        "backspace" if number == 3 => "\x1b\x7f".to_owned(),
        "enter" => coded(13),
        "tab" => coded(9),
        "escape" => coded(27),
        "backspace" => coded(127),
        "space" if number == 1 => " ".to_owned(),
        "space" => coded(32),
        key if key.len() > 1 && key.starts_with('f') => {
            let key: usize = key[1..].parse().expect("a function key has a number");
            tilde([11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24][key - 1])
        }
        key => {
            let c = key.chars().next().expect("a key has a name");
            assert_eq!(key.chars().count(), 1, "`{name}` is no key");
            let start = if alt { "\x1b" } else { "" };
            match (ctrl, c) {
                (true, 'a'..='z') if !shift => format!("{start}{}", char::from(c as u8 & 0x1f)),
                (true, c) => coded(c.into()),
                (false, c) => format!("{start}{c}"),
            }
        }
    };
    text.into_bytes()
}
