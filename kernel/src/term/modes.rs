//! The modes of the terminal that are set, and how each is set and unset.

/// A set of modes.
pub(super) type Modes = u32;

/// A region of rows on the normal screen, with the cursor in it.
pub(super) const REGION: Modes = 1 << 0;
pub(super) const ALTERNATE_SCREEN: Modes = 1 << 1;
/// Text stops at the right edge.
pub(super) const NO_WRAP: Modes = 1 << 2;
pub(super) const HIDDEN_CURSOR: Modes = 1 << 3;
pub(super) const BRACKETED_PASTE: Modes = 1 << 4;
pub(super) const FOCUS: Modes = 1 << 5;
/// The wheel sends arrow keys.
pub(super) const ALTERNATE_SCROLL: Modes = 1 << 6;
pub(super) const KITTY_KEYS: Modes = 1 << 7;
pub(super) const OTHER_KEYS: Modes = 1 << 8;
pub(super) const MOUSE: Modes = 1 << 9;
/// The title was ours, over the one before.
pub(super) const TITLE: Modes = 1 << 10;
/// Pictures are on the screen that the terminal draws.
pub(super) const PICTURES: Modes = 1 << 11;
/// In a frame that is shown at once.
pub(super) const SYNC: Modes = 1 << 12;

struct Mode {
    mode: Modes,
    set: &'static [u8],
    unset: &'static [u8],
}

/// In the order in which they are set; they are unset from the last to the first.
const MODES: &[Mode] = &[
    Mode { mode: ALTERNATE_SCREEN, set: b"\x1b[?1049h", unset: b"\x1b[?1049l" },
    Mode { mode: NO_WRAP, set: b"\x1b[?7l", unset: b"\x1b[?7h" },
    Mode { mode: HIDDEN_CURSOR, set: b"\x1b[?25l", unset: b"\x1b[?25h" },
    Mode { mode: BRACKETED_PASTE, set: b"\x1b[?2004h", unset: b"\x1b[?2004l" },
    Mode { mode: FOCUS, set: b"\x1b[?1004h", unset: b"\x1b[?1004l" },
    // Some terminals have it on by themselves: those that can give back what it was.
    Mode {
        mode: ALTERNATE_SCROLL,
        set: b"\x1b[?1007s\x1b[?1007h",
        unset: b"\x1b[?1007l\x1b[?1007r",
    },
    // Ambiguous keys get sequences of their own, with the character under shift.
    Mode { mode: KITTY_KEYS, set: b"\x1b[>5u", unset: b"\x1b[<u" },
    Mode { mode: OTHER_KEYS, set: b"\x1b[>4;2m", unset: b"\x1b[>4m" },
    Mode {
        mode: MOUSE,
        set: b"\x1b[?1000h\x1b[?1002h\x1b[?1006h",
        unset: b"\x1b[?1006l\x1b[?1002l\x1b[?1000l",
    },
    Mode { mode: TITLE, set: b"\x1b[22;2t", unset: b"\x1b[23;2t" },
    Mode { mode: PICTURES, set: b"", unset: b"\x1b_Ga=d,d=A,q=2\x1b\\" },
    Mode { mode: SYNC, set: b"\x1b[?2026h", unset: b"\x1b[?2026l" },
];

/// Ends whatever sequence was cut off in the middle.
const CANCEL: &[u8] = b"\x18\x1b\\";
/// No colours, no link.
const PLAIN: &[u8] = b"\x1b[m\x1b]8;;\x1b\\";

/// What sets `modes`.
pub(super) fn set(modes: Modes) -> Vec<u8> {
    let wanted = MODES.iter().filter(|mode| modes & mode.mode != 0);
    wanted.flat_map(|mode| mode.set).copied().collect()
}

/// What unsets `modes`.
pub(super) fn unset(modes: Modes) -> Vec<u8> {
    let wanted = MODES.iter().rev().filter(|mode| modes & mode.mode != 0);
    wanted.flat_map(|mode| mode.unset).copied().collect()
}

/// What sets `modes` that are set already, perhaps. The stack of kitty's keys stays as it is.
pub(super) fn set_again(modes: Modes) -> Vec<u8> {
    let mut bytes = set(modes & !(KITTY_KEYS | TITLE | ALTERNATE_SCROLL));
    if modes & KITTY_KEYS != 0 {
        bytes.extend_from_slice(b"\x1b[=5u");
    }
    if modes & ALTERNATE_SCROLL != 0 {
        bytes.extend_from_slice(b"\x1b[?1007h");
    }
    bytes
}

/// Bytes on the stack, for where nothing may be allocated.
#[derive(Debug)]
pub(super) struct Bytes {
    bytes: [u8; 1024],
    length: usize,
}

impl Bytes {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(room) = self.bytes.get_mut(self.length..self.length + bytes.len()) {
            room.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }
}

/// What gives the terminal back: unsets `modes`, and goes `below` rows down, past the region.
/// Allocates nothing.
pub(super) fn leave(modes: Modes, is_midway: bool, below: u16) -> Bytes {
    let mut out = Bytes { bytes: [0; 1024], length: 0 };
    if is_midway {
        out.push(CANCEL);
    }
    if modes == 0 {
        return out;
    }
    out.push(PLAIN);
    if modes & REGION != 0 {
        for _ in 0..=below.min(200) {
            out.push(b"\n");
        }
        out.push(b"\r");
    }
    for mode in MODES.iter().rev().filter(|mode| modes & mode.mode != 0) {
        out.push(mode.unset);
    }
    out
}
