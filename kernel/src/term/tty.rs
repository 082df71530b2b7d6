//! Finding the terminal, and asking its driver.

use std::{
    env,
    os::fd::{AsFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, open as open_file},
    io::Errno,
    stdio::{stderr, stdin, stdout},
    termios::{isatty, tcgetwinsize, ttyname},
};

/// Largest width or height that is believed.
const MAX_SIDE: u16 = 2000;

/// Opens the terminal that the program was started on, in a description of our own: that reads and
/// writes on it do not block is nobody else's affair.
pub(super) fn open() -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    for standard in [stdin(), stdout(), stderr()] {
        if isatty(standard)
            && let Ok(name) = ttyname(standard, Vec::new())
            && let Ok(tty) = open_file(name, flags, Mode::empty())
        {
            return Ok(tty);
        }
    }
    open_file("/dev/tty", flags, Mode::empty())
}

/// Width and height in cells, and those of a cell in pixels if the driver knows.
pub(super) fn size(tty: impl AsFd) -> ((u16, u16), Option<(u16, u16)>) {
    let Ok(size) = tcgetwinsize(tty) else { return (fallback(), None) };
    if size.ws_col == 0 || size.ws_row == 0 {
        return (fallback(), None);
    }
    let cell = (size.ws_xpixel / size.ws_col, size.ws_ypixel / size.ws_row);
    let cell = Some(cell).filter(|(width, height)| *width > 0 && *height > 0);
    ((size.ws_col.min(MAX_SIDE), size.ws_row.min(MAX_SIDE)), cell)
}

/// The size of a terminal that does not know it.
fn fallback() -> (u16, u16) {
    let side = |name, usual| {
        let said = env::var(name).ok().and_then(|value| value.parse::<u16>().ok());
        said.filter(|side| (1..=MAX_SIDE).contains(side)).unwrap_or(usual)
    };
    (side("COLUMNS", 80), side("LINES", 24))
}
