//! Frames and their way into bytes, read back by a terminal emulator.

use std::sync::Arc;

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use zi_kernel::{
    surface::{self, Cell, Cells, Format, scale_to_cells},
    term::{
        Capabilities, Color, ColorDepth, Encoder, Frame, Graphics, Modifier, Picture, Rect, Style,
        width,
    },
};
use zi_testkit::{sequences, vt100};

fn capable(colors: ColorDepth) -> Capabilities {
    let mut capabilities = Capabilities::default();
    (capabilities.colors, capabilities.links) = (colors, true);
    capabilities
}

fn emulator(columns: u16, rows: u16) -> vt100::Parser {
    let side = |cells: u16| cells.max(1).try_into().expect("it is not zero");
    vt100::Parser::new(side(rows), side(columns), 0)
}

fn size(frame: &Frame) -> (u16, u16) {
    (frame.area().width, frame.area().height)
}

/// A screen and the encoder that draws on it.
struct Screen {
    encoder: Encoder,
    parser: vt100::Parser,
}

impl Screen {
    fn new(columns: u16, rows: u16, colors: ColorDepth) -> Self {
        let mut parser = emulator(columns, rows);
        parser.process(b"\x1b[?25l");
        Self { encoder: Encoder::new(capable(colors)), parser }
    }

    /// Shows a frame and answers the bytes.
    fn show(&mut self, frame: &Frame) -> Vec<u8> {
        let bytes = self.encoder.encode(frame.clone(), size(frame));
        sequences::check(&bytes).expect("only what is ours is written");
        self.parser.process(&bytes);
        bytes
    }

    fn cell(&self, x: u16, y: u16) -> &vt100::Cell {
        self.parser.screen().cell(y, x).expect("it is on the screen")
    }

    /// Every cell with its colours and attributes.
    fn cells(&self) -> Vec<String> {
        let (rows, columns) = self.parser.screen().size();
        let places = (0..rows.get()).flat_map(|y| (0..columns.get()).map(move |x| (x, y)));
        let tell = |cell: &vt100::Cell| {
            let text = if cell.has_contents() { cell.contents() } else { " " };
            let attributes = (cell.bold(), cell.dim(), cell.italic(), cell.underline());
            let text = if cell.is_wide_continuation() { "" } else { text };
            format!(
                "{text:?} {:?} {:?} {attributes:?} {}",
                cell.fgcolor(),
                cell.bgcolor(),
                cell.inverse()
            )
        };
        places.map(|(x, y)| tell(self.cell(x, y))).collect()
    }
}

fn seeded() -> (u64, StdRng) {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    (seed, StdRng::seed_from_u64(seed))
}

/// Text that terminals find hard.
const PIECES: &[&str] = &[
    "a",
    "Z",
    " ",
    "é",
    "e\u{301}",
    "漢",
    "字",
    "한",
    "ｱ",
    "→",
    "█",
    "\u{fffd}",
    "ש",
    "ا",
    "👍",
    "👍🏽",
    "👩‍👩‍👧‍👦",
    "🇩🇪",
    "❤\u{fe0f}",
    "⌚\u{fe0e}",
    "☺\u{fe0f}",
    "\t",
    "\u{301}",
    "\u{200d}",
    "\u{200b}",
    "\u{202e}",
    "\u{feff}",
    "\u{2028}",
    "\u{1b}",
    "\u{9b}",
    "\n",
    "\u{7f}",
    "🏴‍☠\u{fe0f}",
    "각",
    "ก็",
    "क्षि",
    "\u{ad}",
    "﷽",
    "⸻",
    "1\u{20e3}",
];

fn hard_text(random: &mut StdRng, most: usize) -> String {
    let count = random.random_range(0..most);
    let mut text: String =
        (0..count).map(|_| PIECES[random.random_range(0..PIECES.len())]).collect();
    if random.random_ratio(1, 50) {
        text.push('o');
        text.extend(std::iter::repeat_n('\u{301}', 1000));
    }
    text
}

fn style(random: &mut StdRng) -> Style {
    let mut color = || match random.random_range(0..4) {
        0 => Color::Reset,
        1 => Color::Red,
        2 => Color::Indexed(random.random()),
        _ => Color::Rgb(random.random(), random.random(), random.random()),
    };
    let style = Style::new().fg(color()).bg(color());
    let attributes = Modifier::from_bits_truncate(random.random::<u16>() & 0b0100_1101);
    style.add_modifier(attributes)
}

#[test]
fn what_is_measured_is_what_a_terminal_moves_by() {
    let (seed, mut random) = seeded();
    for round in 0..5000 {
        let text = hard_text(&mut random, 12);
        let end = random.random_range(1..=40);
        let mut frame = Frame::new(60, 1);
        let column = frame.put(0, 0, end, &text, Style::new(), None);
        let what = format!("seed {seed} round {round}: {text:?} in {end}");
        assert!(column <= end, "{what}");
        assert!(usize::from(column) <= width(&text), "{what}");
        if width(&text) <= usize::from(end) {
            assert_eq!(usize::from(column), width(&text), "{what}");
        }
        frame.put(column, 0, 60, "|", Style::new(), None);
        frame.set_cursor(Some((column + 1, 0)));
        let most =
            (0..60).filter_map(|x| frame.cell(x, 0)).map(|(symbol, _)| symbol.chars().count());
        assert!(most.max() <= Some(16), "{what}");
        let mut screen = Screen::new(60, 1, ColorDepth::True);
        screen.show(&frame);
        assert_eq!(screen.cell(column, 0).contents(), "|", "{what}");
        assert_eq!(screen.parser.screen().cursor_position(), (0, column + 1), "{what}");
        assert_eq!(screen.cell(column + 1, 0).contents().trim(), "", "{what}");
    }
}

#[test]
fn what_is_drawn_over_something_looks_as_if_drawn_on_nothing() {
    let (seed, mut random) = seeded();
    for round in 0..500 {
        let (columns, rows) = (random.random_range(1..40), random.random_range(1..10));
        let depth =
            [ColorDepth::None, ColorDepth::Ansi16, ColorDepth::Indexed256, ColorDepth::True]
                [random.random_range(0..4)];
        let mut screen = Screen::new(columns, rows, depth);
        let mut frame = Frame::new(columns, rows);
        for step in 0..8 {
            for _ in 0..random.random_range(0..6) {
                let (x, y) = (random.random_range(0..columns), random.random_range(0..rows));
                // The emulator does not draw replacement characters, and hangs accents elsewhere.
                let text = hard_text(&mut random, 10).replace('\u{fffd}', "?");
                let style = style(&mut random);
                match random.random_range(0..5) {
                    0 => frame.fill(Rect::new(x, y, 5, 2), style),
                    1 => frame.restyle(Rect::new(x, y, 5, 2), style),
                    2 => frame = Frame::new(columns, rows),
                    _ => drop(frame.put(x, y, columns, &text, style, None)),
                }
            }
            frame.set_cursor(random.random_ratio(1, 2).then_some((columns / 2, rows / 2)));
            screen.show(&frame);
            let mut fresh = Screen::new(columns, rows, depth);
            fresh.show(&frame);
            let what = format!("seed {seed} round {round} step {step}: {:?}", frame.text());
            for (at, (shown, wanted)) in screen.cells().iter().zip(fresh.cells()).enumerate() {
                assert_eq!(*shown, wanted, "at {at}: {what}");
            }
            if frame.cursor().is_some() {
                let cursor = screen.parser.screen().cursor_position();
                assert_eq!(cursor, (rows / 2, columns / 2), "{what}");
            }
            assert_eq!(screen.parser.screen().hide_cursor(), frame.cursor().is_none(), "{what}");
            assert!(screen.show(&frame).is_empty(), "{what}");
        }
    }
}

#[test]
fn a_cursor_within_a_wide_character_does_not_cut_it() {
    let mut screen = Screen::new(7, 1, ColorDepth::True);
    for text in ["  漢█", "  漢 "] {
        let mut frame = Frame::new(7, 1);
        frame.put(0, 0, 7, text, Style::new(), None);
        frame.set_cursor(Some((3, 0)));
        screen.show(&frame);
    }
    assert_eq!(screen.parser.screen().contents().trim_end(), "  漢");
}

#[test]
fn the_screen_shows_the_cells_of_the_frame() {
    let (seed, mut random) = seeded();
    let mut screen = Screen::new(30, 5, ColorDepth::True);
    for round in 0..300 {
        let mut frame = Frame::new(30, 5);
        for y in 0..5 {
            let style = style(&mut random);
            let text: String =
                (0..30).map(|_| ["a", "漢", " ", "é"][random.random_range(0..4)]).collect();
            frame.put(0, y, 30, &text, style, None);
        }
        screen.show(&frame);
        for y in 0..5 {
            for x in 0..30 {
                let (symbol, style) = frame.cell(x, y).expect("it is in the frame");
                let cell = screen.cell(x, y);
                if cell.is_wide_continuation() {
                    continue;
                }
                let what = format!("seed {seed} round {round} at {x} {y}");
                let shown = if cell.has_contents() { cell.contents() } else { " " };
                assert_eq!(shown, symbol, "{what}");
                assert_eq!(cell.fgcolor(), emulated(style.fg), "{what}");
                assert_eq!(cell.bgcolor(), emulated(style.bg), "{what}");
                let has = |modifier| style.add_modifier.contains(modifier);
                assert_eq!(cell.bold(), has(Modifier::BOLD), "{what}");
                assert_eq!(cell.inverse(), has(Modifier::REVERSED), "{what}");
                assert_eq!(cell.italic(), has(Modifier::ITALIC), "{what}");
            }
        }
    }
}

fn emulated(color: Option<Color>) -> vt100::Color {
    match color {
        Some(Color::Rgb(red, green, blue)) => vt100::Color::Rgb(red, green, blue),
        Some(Color::Indexed(index)) => vt100::Color::Idx(index),
        Some(Color::Red) => vt100::Color::Idx(1),
        _ => vt100::Color::Default,
    }
}

#[test]
fn colors_are_reduced_to_what_there_is() {
    let shown = |color, depth| {
        let mut frame = Frame::new(1, 1);
        frame.put(0, 0, 1, "x", Style::new().fg(color).add_modifier(Modifier::BOLD), None);
        let mut screen = Screen::new(1, 1, depth);
        screen.show(&frame);
        assert!(screen.cell(0, 0).bold());
        screen.cell(0, 0).fgcolor()
    };
    let orange = Color::Rgb(255, 135, 0);
    assert_eq!(shown(orange, ColorDepth::True), vt100::Color::Rgb(255, 135, 0));
    assert_eq!(shown(orange, ColorDepth::Indexed256), vt100::Color::Idx(208));
    assert_eq!(shown(Color::Rgb(250, 10, 10), ColorDepth::Ansi16), vt100::Color::Idx(9));
    assert_eq!(shown(Color::Indexed(21), ColorDepth::Ansi16), vt100::Color::Idx(4));
    assert_eq!(shown(Color::Rgb(128, 128, 128), ColorDepth::Indexed256), vt100::Color::Idx(244));
    assert_eq!(shown(Color::LightBlue, ColorDepth::Ansi16), vt100::Color::Idx(12));
    assert_eq!(shown(orange, ColorDepth::None), vt100::Color::Default);
}

#[test]
fn bytes_are_for_what_changes() {
    let text = "the quick brown fox jumps over the lazy dog ".repeat(3);
    let page = |changed: u16| {
        let mut frame = Frame::new(120, 40);
        for y in 0..40 {
            frame.put(0, y, 120, &text, Style::new().fg(Color::Green), None);
        }
        for x in 0..changed {
            frame.put(x * 7 % 120, x * 11 % 40, 120, "#", Style::new().fg(Color::Green), None);
        }
        frame.set_cursor(Some((3, 39)));
        frame
    };
    let bytes_of = |changed: u16| {
        let mut encoder = Encoder::new(capable(ColorDepth::True));
        encoder.encode(page(0), (120, 40));
        encoder.encode(page(changed), (120, 40)).len()
    };
    assert_eq!(bytes_of(0), 0);
    assert!(bytes_of(1) < 50, "{}", bytes_of(1));
    for changed in [10, 50, 100] {
        assert!(bytes_of(changed) < 60 + usize::from(changed) * 10, "{}", bytes_of(changed));
    }
    // Only the cursor.
    let mut encoder = Encoder::new(capable(ColorDepth::True));
    encoder.encode(page(0), (120, 40));
    let mut moved = page(0);
    moved.set_cursor(Some((4, 39)));
    assert_eq!(encoder.encode(moved, (120, 40)), b"\x1b[C");
}

#[test]
fn a_frame_of_another_size_than_the_screen_is_cut() {
    let mut frame = Frame::new(20, 6);
    for y in 0..6 {
        frame.put(0, y, 20, "漢字漢字漢字漢字漢字", Style::new(), None);
    }
    for (columns, rows) in [(1, 1), (5, 3), (20, 6), (30, 9), (0, 0)] {
        let mut encoder = Encoder::new(capable(ColorDepth::True));
        let mut parser = emulator(columns, rows);
        parser.process(&encoder.encode(frame.clone(), (columns, rows)));
        let shown = parser.screen().contents();
        let expected = if columns < 2 { 0 } else { usize::from(rows.min(6)) };
        assert_eq!(shown.lines().count(), expected, "{columns}x{rows}: {shown:?}");
        let longest = shown.lines().map(width).max().unwrap_or(0);
        assert!(longest <= usize::from(columns), "{columns}x{rows}: {shown:?}");
    }
}

#[test]
fn half_a_wide_character_does_not_stay() {
    let text = |x: u16, text: &str| {
        let mut frame = Frame::new(6, 1);
        frame.put(0, 0, 6, "漢字漢", Style::new(), None);
        frame.put(x, 0, 6, text, Style::new(), None);
        frame.text()
    };
    assert_eq!(text(1, "a"), " a字漢\n");
    assert_eq!(text(2, "a"), "漢a 漢\n");
    assert_eq!(text(1, "語"), " 語 漢\n");
    assert_eq!(text(3, "ab"), "漢 ab\n");
}

#[test]
fn a_frame_within_a_frame_is_cut_to_its_place() {
    let link = Arc::from("https://example.com");
    let mut inner = Frame::new(6, 3);
    inner.put(0, 0, 6, "abcdef", Style::new(), None);
    inner.put(0, 1, 6, "漢字漢", Style::new().fg(Color::Red), Some(&link));
    inner.put(0, 2, 6, "ghijkl", Style::new(), None);
    let mut outer = Frame::new(8, 4);
    for y in 0..4 {
        outer.put(0, y, 8, "........", Style::new(), None);
    }
    outer.put_frame(Rect::new(2, 1, 4, 2), &inner, (1, 0));
    assert_eq!(outer.text(), "........\n..bcde..\n.. 字 ..\n........\n");
    assert_eq!(outer.link(3, 2), Some(&link));
    assert!(outer.link(1, 2).is_none());
    outer.put_frame(Rect::new(6, 3, 9, 9), &inner, (0, 2));
    assert_eq!(outer.text().lines().last(), Some("......gh"));
    outer.put_frame(Rect::new(0, 0, 8, 4), &inner, (9, 9));
    let mut picture = Frame::new(8, 4);
    picture.put_picture(Rect::new(0, 0, 8, 4), &hostile_picture(Format::Rgba));
    picture.put(3, 1, 8, "#", Style::new(), None);
    outer.put_frame(Rect::new(1, 1, 3, 2), &picture, (2, 1));
    let mut screen = Screen::new(8, 4, ColorDepth::True);
    screen.show(&outer);
    let mut whole = Screen::new(8, 4, ColorDepth::True);
    whole.show(&picture);
    for (x, y) in [(1, 1), (3, 2)] {
        assert_eq!(screen.cell(x, y).fgcolor(), whole.cell(x + 1, y).fgcolor());
    }
    assert_eq!(screen.cell(2, 1).contents(), "#");
    assert_eq!(screen.cell(4, 1).contents(), "d");
}

#[test]
fn text_leads_to_good_addresses_only() {
    for (address, is_good) in [
        ("https://example.com/a?b=c", true),
        ("HTTP://example.com", true),
        ("mailto:a@b.c", true),
        ("file:///tmp/x", true),
        ("javascript:alert(1)", false),
        ("https://a/\u{1b}\\", false),
        ("https://a/ b", false),
        ("https://a/\u{9c}", false),
        ("//example.com", false),
    ] {
        let mut frame = Frame::new(10, 1);
        let link = Arc::from(address);
        frame.put(0, 0, 10, "text", Style::new(), Some(&link));
        assert_eq!(frame.link(0, 0).is_some(), is_good, "{address:?}");
        assert!(frame.link(5, 0).is_none());
        let mut screen = Screen::new(10, 1, ColorDepth::True);
        let output = String::from_utf8(screen.show(&frame)).expect("it is text");
        assert_eq!(output.contains("\x1b]8;id="), is_good, "{output:?}");
        // A link that goes leaves no link behind.
        let mut plain = Frame::new(10, 1);
        plain.put(0, 0, 10, "text", Style::new(), None);
        let output = String::from_utf8(screen.show(&plain)).expect("it is text");
        assert_eq!(output.contains("text"), is_good, "{output:?}");
    }
    let mut long = Frame::new(10, 1);
    let link = Arc::from(format!("https://{}", "a".repeat(3000)));
    long.put(0, 0, 10, "text", Style::new(), Some(&link));
    assert!(long.link(0, 0).is_none());
}

/// A frame of pixels without any order.
fn noise(random: &mut StdRng, format: Format, width: u64, height: u64) -> surface::Frame {
    let bytes = format.byte_len(width, height).expect("it is small") as usize;
    let data = (0..bytes).map(|_| random.random()).collect();
    surface::Frame::new(format, width, height, data).expect("it is whole")
}

#[test]
fn pixels_land_in_their_place_and_nowhere_else() {
    let (seed, mut random) = seeded();
    for round in 0..2000 {
        let (columns, rows) = (random.random_range(0..30), random.random_range(0..10));
        let format = [Format::Rgba, Format::HalfblockRgb][round % 2];
        let frame = noise(&mut random, format, 1 + round as u64 % 20, 1 + round as u64 / 20 % 20);
        let area = Rect::new(
            random.random_range(0..12),
            random.random_range(0..6),
            random.random_range(0..30),
            random.random_range(0..10),
        );
        let pixels = scale_to_cells(&frame, columns, rows, [0; 3]);
        let mut drawn = Frame::new(20, 8);
        drawn.put_pixels(area, &pixels);
        let mut screen = Screen::new(20, 8, ColorDepth::True);
        screen.show(&drawn);
        for y in 0..8 {
            for x in 0..20 {
                let inside = area.contains((x, y).into())
                    && x - area.x < pixels.cols
                    && y - area.y < pixels.rows;
                let cell = screen.cell(x, y);
                let what = format!("seed {seed} round {round} at {x} {y}");
                if inside {
                    let at = usize::from(y - area.y) * usize::from(pixels.cols)
                        + usize::from(x - area.x);
                    let Cell { fg, bg } = pixels.cells[at];
                    let rgb = |[red, green, blue]: [u8; 3]| vt100::Color::Rgb(red, green, blue);
                    assert_eq!(cell.contents(), "▀", "{what}");
                    assert_eq!((cell.fgcolor(), cell.bgcolor()), (rgb(fg), rgb(bg)), "{what}");
                } else {
                    assert_eq!(cell.contents().trim(), "", "{what}");
                    assert_eq!(cell.bgcolor(), vt100::Color::Default, "{what}");
                }
            }
        }
    }
}

#[test]
fn pixels_that_do_not_fill_their_claim_are_no_danger() {
    let cells = vec![Cell { fg: [1; 3], bg: [2; 3] }; 5];
    let mut frame = Frame::new(10, 10);
    frame.put_pixels(frame.area(), &Cells { cols: 4, rows: 4, cells });
    assert_eq!(frame.text().matches('▀').count(), 4);
}

#[test]
fn without_colors_pixels_are_light_or_dark() {
    let cell = |fg: u8, bg: u8| Cell { fg: [fg; 3], bg: [bg; 3] };
    let cells = vec![cell(255, 0), cell(0, 255), cell(255, 255), cell(0, 0)];
    let mut frame = Frame::new(4, 1);
    frame.put_pixels(frame.area(), &Cells { cols: 4, rows: 1, cells });
    let mut screen = Screen::new(4, 1, ColorDepth::None);
    screen.show(&frame);
    assert_eq!(screen.parser.screen().contents().trim_end(), "▀▄█");
}

/// What the payload of pictures may not be read as.
fn hostile_picture(format: Format) -> Picture {
    let text = b"\x1b]0;owned\x07\x1b[2J\x9b31m\x1b\\";
    let bytes = format.byte_len(20, 20).expect("it is small") as usize;
    let data = text.iter().copied().cycle().take(bytes).collect();
    Picture::new(Arc::new(surface::Frame::new(format, 20, 20, data).expect("it is whole")))
}

#[test]
fn no_byte_of_a_picture_is_written_as_it_is() {
    for graphics in [Graphics::HalfBlocks, Graphics::Kitty, Graphics::Iterm2, Graphics::Sixel] {
        for format in [Format::Rgba, Format::HalfblockRgb] {
            let mut capabilities = capable(ColorDepth::True);
            (capabilities.graphics, capabilities.cell) = (graphics, Some((8, 17)));
            let mut encoder = Encoder::new(capabilities);
            let mut frame = Frame::new(30, 10);
            frame.put_picture(Rect::new(3, 2, 8, 4), &hostile_picture(format));
            let bytes = encoder.encode(frame, (30, 10));
            let start: &[u8] = match graphics {
                Graphics::HalfBlocks => "▀".as_bytes(),
                Graphics::Kitty => b"\x1b_Ga=t,f=32",
                Graphics::Iterm2 => b"\x1b]1337;File=inline=1",
                Graphics::Sixel => b"\x1bP0;1;0q\"1;1;64;68#0;2;0;0;0",
            };
            assert!(bytes.windows(start.len()).any(|part| part == start), "{graphics:?}");
            sequences::check(&bytes).unwrap_or_else(|problem| panic!("{graphics:?}: {problem}"));
            assert!(!bytes.windows(5).any(|part| part == b"owned"), "{graphics:?}");
        }
    }
}

#[test]
fn what_covers_a_picture_is_seen() {
    let (_, mut random) = seeded();
    let pixels = noise(&mut random, Format::Rgba, 16, 16);
    let expected = scale_to_cells(&pixels, 8, 4, [0; 3]);
    let picture = Picture::new(Arc::new(pixels));
    for graphics in [Graphics::HalfBlocks, Graphics::Kitty, Graphics::Iterm2] {
        let mut capabilities = capable(ColorDepth::True);
        capabilities.graphics = graphics;
        let mut encoder = Encoder::new(capabilities);
        let mut parser = emulator(20, 8);
        let mut frame = Frame::new(20, 8);
        frame.put_picture(Rect::new(1, 1, 8, 4), &picture);
        frame.put(2, 2, 20, "over", Style::new(), None);
        parser.process(&encoder.encode(frame, (20, 8)));
        let contents = |x, y| parser.screen().cell(y, x).map(vt100::Cell::contents);
        assert_eq!(contents(2, 2), Some("o"), "{graphics:?}");
        assert_eq!(contents(1, 2), Some("▀"), "{graphics:?}");
        let cell = parser.screen().cell(1, 1).expect("it is on the screen");
        let [red, green, blue] = expected.cells[0].fg;
        assert_eq!(cell.fgcolor(), vt100::Color::Rgb(red, green, blue));
    }
}

#[test]
fn a_picture_that_moves_leaves_nothing_behind() {
    let picture = hostile_picture(Format::Rgba);
    let frame = |y: u16| {
        let mut frame = Frame::new(30, 10);
        frame.put_picture(Rect::new(3, y, 8, 4), &picture);
        frame
    };
    let moved = |graphics| {
        let mut capabilities = capable(ColorDepth::True);
        capabilities.graphics = graphics;
        let mut encoder = Encoder::new(capabilities);
        let first = encoder.encode(frame(1), (30, 10));
        assert!(encoder.encode(frame(1), (30, 10)).is_empty());
        let second = encoder.encode(frame(4), (30, 10));
        let gone = encoder.encode(Frame::new(30, 10), (30, 10));
        [first, second, gone].map(|bytes| String::from_utf8(bytes).expect("it is text"))
    };
    let [first, second, gone] = moved(Graphics::Kitty);
    assert!(first.contains("a=t,") && first.contains("a=p,"), "{first:?}");
    assert!(!second.contains("a=t,"), "{second:?}");
    assert!(second.contains("a=d,d=i,") && second.contains("a=p,"), "{second:?}");
    assert!(gone.contains("a=d,d=I,"), "{gone:?}");
    let [first, second, gone] = moved(Graphics::Iterm2);
    assert!(
        first.contains("1337;File=inline=1;") && first.contains("width=8;height=4"),
        "{first:?}"
    );
    // The cells that it left are written again.
    assert!(second.contains("1337;File="), "{second:?}");
    assert_eq!(second.matches("\x1b[K").count(), 4, "{second:?}");
    assert_eq!(gone.matches("\x1b[K").count(), 4, "{gone:?}");
}

#[test]
fn a_part_of_a_picture_is_that_part_of_it() {
    let (_, mut random) = seeded();
    let pixels = noise(&mut random, Format::Rgba, 12, 24);
    let expected = scale_to_cells(&pixels, 6, 12, [0; 3]);
    let picture = Picture::new(Arc::new(pixels));
    let mut frame = Frame::new(10, 4);
    // Five of its twelve rows would be seen, from the fourth on, and one of them is below the edge.
    frame.put_picture_part(Rect::new(2, 0, 6, 5), &picture, (6, 12), (0, 3));
    let mut screen = Screen::new(10, 4, ColorDepth::True);
    screen.show(&frame);
    for y in 0..4 {
        for x in 0..6 {
            let [red, green, blue] = expected.cells[(usize::from(y) + 3) * 6 + usize::from(x)].fg;
            assert_eq!(screen.cell(x + 2, y).fgcolor(), vt100::Color::Rgb(red, green, blue));
        }
    }
    assert_eq!(picture.fit(40, 40, (1, 2)), (12, 12));
    assert_eq!(picture.fit(6, 40, (1, 2)), (6, 6));
    assert_eq!(picture.fit(0, 0, (0, 0)), (0, 0));
}

#[test]
fn a_picture_larger_than_any_screen_costs_nothing() {
    let picture = hostile_picture(Format::Rgba);
    let mut frame = Frame::new(10, 4);
    frame.put_picture_part(Rect::new(0, 0, 10, 4), &picture, (u16::MAX, u16::MAX), (0, 9));
    assert_eq!(frame.text().trim(), "");
    let mut screen = Screen::new(10, 4, ColorDepth::True);
    screen.show(&frame);
}
