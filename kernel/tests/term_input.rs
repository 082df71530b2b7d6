//! From the bytes of terminals to keys, pastes and the mouse.

use std::time::Instant;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use zi_kernel::term::{Decoder, Input, Mouse, MouseKind};

/// What bytes say, with nothing more to come.
fn decode(bytes: &[u8]) -> Vec<Input> {
    let mut decoder = Decoder::default();
    let mut inputs = decoder.input(bytes);
    while decoder.patience().is_some() {
        inputs.extend(decoder.expire());
    }
    inputs
}

/// The names of the keys among them.
fn keys(bytes: &[u8]) -> Vec<String> {
    let name = |input| match input {
        Input::Key(key) => key.to_string(),
        other => format!("{other:?}"),
    };
    decode(bytes).into_iter().map(name).collect()
}

#[test]
fn every_terminals_keys_have_one_name() {
    let table: &[(&str, &str)] = &[
        // Plain.
        ("a", "a"),
        ("A", "A"),
        (" ", "space"),
        ("é", "é"),
        ("漢", "漢"),
        ("\r", "enter"),
        ("\n", "ctrl+j"),
        ("\t", "tab"),
        ("\x7f", "backspace"),
        ("\x08", "ctrl+h"),
        ("\x1b", "escape"),
        ("\0", "ctrl+space"),
        ("\x01", "ctrl+a"),
        ("\x1a", "ctrl+z"),
        ("\x1c", "ctrl+\\"),
        ("\x1d", "ctrl+]"),
        ("\x1e", "ctrl+^"),
        ("\x1f", "ctrl+_"),
        // With alt.
        ("\x1ba", "alt+a"),
        ("\x1bA", "alt+A"),
        ("\x1b\r", "alt+enter"),
        ("\x1b\n", "ctrl+alt+j"),
        ("\x1b\x7f", "alt+backspace"),
        ("\x1b\x01", "ctrl+alt+a"),
        ("\x1bé", "alt+é"),
        ("\x1b[", "alt+["),
        ("\x1bO", "alt+O"),
        ("\x1b]", "alt+]"),
        ("\x1b\x1b[A", "alt+up"),
        ("\x1b\x1bOB", "alt+down"),
        // xterm.
        ("\x1b[A", "up"),
        ("\x1bOA", "up"),
        ("\x1b[1;2B", "shift+down"),
        ("\x1b[1;5C", "ctrl+right"),
        ("\x1b[1;3D", "alt+left"),
        ("\x1b[1;8H", "ctrl+alt+shift+home"),
        ("\x1b[F", "end"),
        ("\x1bOF", "end"),
        ("\x1b[Z", "shift+tab"),
        ("\x1b[2~", "insert"),
        ("\x1b[3~", "delete"),
        ("\x1b[3;5~", "ctrl+delete"),
        ("\x1b[5~", "pageup"),
        ("\x1b[6;2~", "shift+pagedown"),
        ("\x1bOP", "f1"),
        ("\x1b[11~", "f1"),
        ("\x1b[1;2P", "shift+f1"),
        ("\x1b[1;5R", "ctrl+f3"),
        ("\x1b[15~", "f5"),
        ("\x1b[17~", "f6"),
        ("\x1b[24~", "f12"),
        ("\x1bOM", "enter"),
        ("\x1bOk", "+"),
        ("\x1bOp", "0"),
        // rxvt and the Linux console.
        ("\x1b[a", "shift+up"),
        ("\x1bOd", "ctrl+left"),
        ("\x1b[7~", "home"),
        ("\x1b[8^", "ctrl+end"),
        ("\x1b[3$", "shift+delete"),
        ("\x1b[5@", "ctrl+shift+pageup"),
        ("\x1b[[A", "f1"),
        ("\x1b[[E", "f5"),
        // modifyOtherKeys.
        ("\x1b[27;2;13~", "shift+enter"),
        ("\x1b[27;3;13~", "alt+enter"),
        ("\x1b[27;5;9~", "ctrl+tab"),
        ("\x1b[27;5;127~", "ctrl+backspace"),
        ("\x1b[27;5;106~", "ctrl+j"),
        ("\x1b[27;6;80~", "ctrl+shift+p"),
        ("\x1b[27;5;99~", "ctrl+c"),
        ("\x1b[27;2;65~", "A"),
        ("\x1b[27;4;88~", "alt+X"),
        // kitty.
        ("\x1b[27u", "escape"),
        ("\x1b[13;2u", "shift+enter"),
        ("\x1b[13;5u", "ctrl+enter"),
        ("\x1b[127;5u", "ctrl+backspace"),
        ("\x1b[106;5u", "ctrl+j"),
        ("\x1b[97;5u", "ctrl+a"),
        ("\x1b[112:80;6u", "ctrl+shift+p"),
        ("\x1b[120:88;4u", "alt+X"),
        ("\x1b[49:33;4u", "alt+!"),
        ("\x1b[49;5u", "ctrl+1"),
        ("\x1b[1089::99;5u", "ctrl+c"),
        ("\x1b[32;5u", "ctrl+space"),
        ("\x1b[9;2u", "shift+tab"),
        ("\x1b[97;5:2u", "ctrl+a"),
        ("\x1b[57414u", "enter"),
        ("\x1b[57400u", "1"),
        ("\x1b[97;69u", "ctrl+a"),
        ("\x1b[97;129u", "a"),
        ("\x1b[1;1:2A", "up"),
        ("\x1b[13~", "f3"),
    ];
    for (bytes, name) in table {
        assert_eq!(keys(bytes.as_bytes()), [*name], "{bytes:?}");
    }
}

#[test]
fn two_keys_are_two_keys() {
    for (bytes, names) in [
        ("ab", &["a", "b"][..]),
        ("\x1b\x1b", &["escape", "escape"]),
        ("\x1b\x1b\x1b", &["escape", "escape", "escape"]),
        ("\x1b[A\x1b[B", &["up", "down"]),
        ("\x1b\x1ba", &["escape", "alt+a"]),
        ("\x1b[3\x1b[A", &["up"]),
        ("\x1b[3\rx", &["enter", "x"]),
    ] {
        assert_eq!(keys(bytes.as_bytes()), names, "{bytes:?}");
    }
}

#[test]
fn what_is_no_key_says_nothing() {
    for bytes in [
        // Releases, keys without a name, other modifiers.
        &b"\x1b[97;5:3u"[..],
        b"\x1b[1;1:3A",
        b"\x1b[57441u",
        b"\x1b[97;9u",
        b"\x1b[25~",
        b"\x1b[E",
        // Answers, asked for or not.
        b"\x1b[?62;22c",
        b"\x1b[>41;354;0c",
        b"\x1b[?2026;2$y",
        b"\x1b[?1u",
        b"\x1b[24;80R",
        b"\x1b[6;20;10t",
        b"\x1b[8;24;80t",
        b"\x1b]11;rgb:ffff/0000/ffff\x1b\\",
        b"\x1b]11;rgb:ffff/0000/ffff\x07",
        b"\x1b]52;c;c2VjcmV0\x07",
        b"\x1b_Gi=31;OK\x1b\\",
        b"\x1bP>|kitty(0.40)\x1b\\",
        b"\x1bP1$r0m\x1b\\",
        b"\x1bP!|00000000\x1b\\",
        b"\x1b^private\x1b\\",
        b"\x1bXstart of string\x1b\\",
        // Nothing at all.
        b"\x1b[201~",
        b"\x1b[?",
        b"\x1b[1;2",
        b"\xff\xfe",
        b"\xc3",
        b"\xed\xa0\x80",
        b"\xc0\x80",
        b"\xc2\x9b31m"[..2].as_ref(),
    ] {
        assert_eq!(keys(bytes), [""; 0], "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_sequence_may_come_in_any_pieces() {
    let whole = "a\x1b[1;5Cé漢\x1b]11;rgb:1/2/3\x1b\\\x1b[200~x\r\ny\x1b[201~\x1b[I\x1b[<0;3;4M";
    let bytes = whole.as_bytes();
    let expected = decode(bytes);
    assert!(expected.contains(&Input::Paste("x\ny".to_owned())), "{expected:?}");
    assert!(expected.contains(&Input::Focus(true)), "{expected:?}");
    for cut in 0..bytes.len() {
        let mut decoder = Decoder::default();
        let mut inputs = decoder.input(&bytes[..cut]);
        inputs.extend(decoder.input(&bytes[cut..]));
        inputs.extend(decoder.expire());
        assert_eq!(inputs, expected, "cut at {cut}");
    }
    let mut decoder = Decoder::default();
    let single = bytes.iter().flat_map(|byte| decoder.input(&[*byte])).collect::<Vec<_>>();
    assert_eq!(single, expected[..single.len()]);
}

fn pastes(bytes: &[u8]) -> Vec<String> {
    let paste = |input| match input {
        Input::Paste(text) => text,
        other => format!("{other:?}"),
    };
    decode(bytes).into_iter().map(paste).collect()
}

#[test]
fn a_paste_is_one_text_without_control_characters() {
    for (bytes, text) in [
        (&b"\x1b[200~plain\x1b[201~"[..], "plain"),
        (b"\x1b[200~\x1b[201~", ""),
        (b"\x1b[200~a\r\nb\rc\nd\x1b[201~", "a\nb\nc\nd"),
        (b"\x1b[200~a\tb\0\x01\x07\x7f\xc2\x9bc\x1b[201~", "a\tbc"),
        (b"\x1b[200~a\x1b[31mb\x1b[201~", "a[31mb"),
        (b"\x1b[200~a\xff\xfeb\x1b[201~", "ab"),
        // Marks inside do not end it.
        (b"\x1b[200~a\x1b[201~\rrm -rf\r\x1b[201~", "a\nrm -rf\n"),
        (b"\x1b[200~a\x1b[201~\x1b[201~\x1b[201~", "a"),
        (b"\x1b[200~a\x1b[200~b\x1b[201~", "ab"),
        (b"\x1b[200~a\x1b\x1b[201~", "a"),
        (b"\x1b[200~a\x1b[20\x1b[201~", "a[20"),
        // Unterminated.
        (b"\x1b[200~never ends", "never ends"),
        (b"\x1b[200~never ends\x1b[20", "never ends[20"),
    ] {
        assert_eq!(pastes(bytes), [text], "{:?}", String::from_utf8_lossy(bytes));
    }
    // Two pastes, and a key behind one.
    assert_eq!(pastes(b"\x1b[200~a\x1b[201~\x1b[200~b\x1b[201~"), ["a", "b"]);
    let inputs = decode(b"\x1b[200~a\x1b[201~\r");
    assert_eq!(inputs.len(), 2, "{inputs:?}");
    assert_eq!(inputs[0], Input::Paste("a".to_owned()));
}

#[test]
fn a_long_paste_takes_time_in_proportion() {
    let time = |pieces: &str, count: usize| {
        let paste = format!("\x1b[200~{}\x1b[201~", pieces.repeat(count));
        let start = Instant::now();
        let mut decoder = Decoder::default();
        for chunk in paste.as_bytes().chunks(4096) {
            decoder.input(chunk);
        }
        decoder.expire();
        start.elapsed()
    };
    let text = "a line of text\r\n";
    let took = time(text, (1 << 20) / text.len());
    assert!(took.as_millis() < 500, "{took:?}");
    // Anything but a pass or two over these would take minutes.
    for piece in ["\x1b[201~", "\x1b", "\x1b[200~", "\x1b[201~a\x1b[20"] {
        let took = time(piece, (1 << 20) / piece.len());
        assert!(took.as_secs() < 5, "{piece:?}: {took:?}");
    }
}

#[test]
fn an_endless_paste_comes_in_parts() {
    let mut decoder = Decoder::default();
    decoder.input(b"\x1b[200~");
    let chunk = vec![b'x'; 1 << 20];
    let came: usize = (0..20)
        .flat_map(|_| decoder.input(&chunk))
        .map(|input| if let Input::Paste(text) = input { text.len() } else { 0 })
        .sum();
    assert_eq!(came, 16 << 20);
}

#[test]
fn the_mouse_is_told_of_in_both_ways() {
    let mouse = |kind, x, y| Mouse { kind, x, y, ctrl: false, alt: false, shift: false };
    for (bytes, expected) in [
        (&b"\x1b[<0;3;4M"[..], mouse(MouseKind::Press(0), 2, 3)),
        (b"\x1b[<2;3;4m", mouse(MouseKind::Release(2), 2, 3)),
        (b"\x1b[<32;500;100M", mouse(MouseKind::Drag(0), 499, 99)),
        (b"\x1b[<35;1;1M", mouse(MouseKind::Move, 0, 0)),
        (b"\x1b[<64;1;1M", mouse(MouseKind::WheelUp, 0, 0)),
        (b"\x1b[<65;1;1M", mouse(MouseKind::WheelDown, 0, 0)),
        (b"\x1b[M !!", mouse(MouseKind::Press(0), 0, 0)),
        (b"\x1b[<20;1;1M", Mouse { ctrl: true, shift: true, ..mouse(MouseKind::Press(0), 0, 0) }),
    ] {
        assert_eq!(decode(bytes), [Input::Mouse(expected)]);
    }
    for bad in [&b"\x1b[<0;0M"[..], b"\x1b[<0;99999999;1M", b"\x1b[<128;1;1M", b"\x1b[<M"] {
        assert_eq!(decode(bad), []);
    }
}

#[test]
fn a_backspace_that_sends_ctrl_h_is_a_backspace() {
    let keys = Decoder::new(0x08).input(b"\x08");
    assert!(matches!(&keys[..], [Input::Key(key)] if key.to_string() == "backspace"));
}

#[test]
fn a_lone_escape_is_decided_within_50_milliseconds() {
    let mut decoder = Decoder::default();
    assert_eq!(decoder.patience(), None);
    decoder.input(b"\x1b");
    assert!(decoder.patience().is_some_and(|patience| patience.as_millis() < 50));
    assert_eq!(decoder.expire().len(), 1);
    assert_eq!(decoder.patience(), None);
}

#[test]
fn no_bytes_are_too_strange() {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    let mut random = StdRng::seed_from_u64(seed);
    let mut decoder = Decoder::default();
    let pieces: &[&[u8]] = &[
        b"\x1b",
        b"[",
        b"\x1b[",
        b"\x1b]",
        b"\x1bP",
        b"\x1b_",
        b"\x1bO",
        b"\x1b[200~",
        b"\x1b[201~",
        b"\x1b[M",
        b"\x1b[<",
        b"~",
        b"u",
        b"$y",
        b"\x07",
        b"\x1b\\",
        b"27;5;",
        b"99999999999999999",
        b";;;;:::",
        b"\xf0\x9f",
        b"\x18",
    ];
    let mut bytes = Vec::new();
    let mut total = 0;
    while total < 4 << 20 {
        bytes.clear();
        for _ in 0..random.random_range(1..200) {
            if random.random_ratio(1, 2) {
                bytes.extend_from_slice(pieces[random.random_range(0..pieces.len())]);
            } else {
                bytes.push(random.random());
            }
        }
        total += bytes.len();
        let mut inputs = decoder.input(&bytes);
        if random.random_ratio(1, 10) {
            inputs.extend(decoder.expire());
        }
        for input in inputs {
            match input {
                Input::Key(key) => {
                    let name = key.to_string();
                    assert!(!name.chars().any(char::is_control), "seed {seed}: {name:?}");
                }
                Input::Paste(text) => {
                    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
                    assert!(!text.contains(bad), "seed {seed}: {text:?}");
                }
                _ => {}
            }
        }
    }
    // Too long a sequence is skipped whole.
    let long = format!("\x1b[{}A\x1b]11;{}\x07x", "1;".repeat(10_000), "y".repeat(10_000));
    assert_eq!(keys(long.as_bytes()), ["x"]);
}
