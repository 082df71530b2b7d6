//! Logs: one file per extension, and one for zi itself, below `<state>/logs/`.

use std::{
    fs::OpenOptions,
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::{host::Host, journal::now, paths::make_private_dir};

/// Longest line that is kept.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// The log called `name`.
pub fn path(state: &Path, name: &str) -> PathBuf {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect();
    state.join("logs").join(format!("{plain}.log"))
}

/// Appends a line to the log called `name`. A log that cannot be written is no reason to stop.
pub fn write(host: &Host, name: &str, level: &str, text: &str) {
    let dir = host.dirs.state.join("logs");
    if make_private_dir(&dir).is_err() {
        return;
    }
    let mut text: String =
        text.chars().filter(|c| matches!(c, '\n' | '\t') || !c.is_control()).collect();
    if text.len() > MAX_LINE_BYTES {
        let mut end = MAX_LINE_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    let line = format!("{} {level} {}\n", now(), text.replace('\n', "\n  "));
    let path = path(&host.dirs.state, name);
    let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path);
    if let Ok(mut file) = file {
        file.write_all(line.as_bytes()).ok();
    }
}
