//! The terminal, in a terminal: `examples/terminal.rs` under a pseudo-terminal.

use std::{os::unix::process::ExitStatusExt as _, path::PathBuf, thread, time::Instant};

use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use zi_testkit::{Answers, Ended, Pty, PtyRun, Signal};

/// The example, which is built with the tests.
fn program() -> PathBuf {
    let test = std::env::current_exe().expect("a test is a program");
    let built = test.parent().and_then(|deps| deps.parent()).expect("it is in a folder");
    let program = built.join("examples/terminal");
    assert!(program.exists(), "build it: `cargo build -p zi-kernel --example terminal`");
    program
}

fn pty(argument: &str) -> Pty {
    let arguments = argument.split_whitespace();
    Pty::new(program()).args(arguments).size(60, 12).answers(Answers::Xterm)
}

/// Starts the program and waits until it settled what the terminal can do.
fn start(pty: Pty) -> PtyRun {
    let run = pty.start();
    run.wait_for_text("capable");
    run
}

/// What must hold however the program ended.
fn assert_given_back(ended: &Ended, how: &str) {
    assert!(ended.is_restored, "{how}: the settings are not what they were");
    assert!(ended.modes.on().is_empty(), "{how}: {:?}", ended.modes);
    ended.check_output();
}

/// That each mode that was set was unset as often, and so often.
fn assert_times(ended: &Ended, how: &str, times: u32) {
    for mode in ["?1049", "?2004", "?1004", "?1007", "?7", "other_keys"] {
        assert_eq!(ended.modes.count(mode), (times, times), "{how}: {mode}");
    }
}

#[test]
fn the_terminal_is_given_back_on_every_way_out() {
    for (keys, code, signal) in [
        ("q", Some(0), None),
        ("E", Some(3), None),
        ("A", None, Some(6)),
        ("P", Some(101), None),
        ("O", None, Some(6)),
    ] {
        let run = start(pty(""));
        let ended = run.end_with(keys);
        assert_given_back(&ended, keys);
        assert_times(&ended, keys, 1);
        assert_eq!((ended.status.code(), ended.status.signal()), (code, signal), "{keys}");
    }
}

#[test]
fn a_signal_ends_the_program_in_order_and_a_fatal_one_by_itself() {
    for (signal, ends_by) in [
        (Signal::TERM, None),
        (Signal::HUP, None),
        (Signal::INT, None),
        (Signal::QUIT, None),
        (Signal::SEGV, Some(11)),
        (Signal::BUS, Some(7)),
        (Signal::ILL, Some(4)),
        (Signal::FPE, Some(8)),
        (Signal::ABORT, Some(6)),
    ] {
        let run = start(pty(""));
        run.signal(signal);
        let ended = run.end();
        let how = format!("{signal:?}");
        assert_given_back(&ended, &how);
        assert_times(&ended, &how, 1);
        assert_eq!(ended.status.signal(), ends_by, "{how}");
    }
}

#[test]
fn a_second_signal_ends_a_program_that_goes_on() {
    let run = start(pty("stubborn"));
    run.signal(Signal::TERM);
    run.wait_for_text("Signal(15)");
    run.signal(Signal::TERM);
    let ended = run.end();
    assert_given_back(&ended, "twice");
    assert_times(&ended, "twice", 1);
    assert_eq!(ended.status.signal(), Some(15));
}

#[test]
fn a_signal_before_the_first_frame_leaves_nothing_behind() {
    for round in 0..10 {
        let run = pty("exit-at-once").start();
        let ended = run.end();
        assert_given_back(&ended, &format!("round {round}"));
        assert_eq!(ended.status.code(), Some(0));
    }
}

#[test]
fn a_signal_at_any_time_of_the_start_leaves_nothing_behind() {
    for round in 0..40_u32 {
        let run = pty("").start();
        // From the first byte on, and a little later each time.
        run.wait_for_output(0, "\x1b[?1049h");
        for _ in 0..round * 2000 {
            std::hint::spin_loop();
        }
        run.signal([Signal::TERM, Signal::SEGV, Signal::HUP][round as usize % 3]);
        let ended = run.end();
        assert!(ended.is_restored, "round {round}");
        assert!(ended.modes.on().is_empty(), "round {round}: {:?}", ended.modes);
    }
}

#[test]
fn closed_or_redirected_streams_do_not_matter() {
    for redirected in [">&-", "</dev/null", "</dev/null >/dev/null 2>/dev/null", "<&- >&- 2>&-"] {
        let script = format!("{} {redirected}; exit $?", program().display());
        let run = start(Pty::new("bash").args(["-c", &script]).answers(Answers::Xterm));
        let ended = run.end_with("q");
        assert_given_back(&ended, redirected);
        assert_eq!(ended.status.code(), Some(0), "{redirected}");
    }
}

#[test]
fn what_is_said_at_the_end_comes_after_the_screen_is_left() {
    for (argument, keys, said) in
        [("farewell", "q", "farewell"), ("", "P", "the main thread panics"), ("", "O", "overflow")]
    {
        let ended = start(pty(argument)).end_with(keys);
        let output = String::from_utf8_lossy(&ended.output).into_owned();
        let left = output.find("\x1b[?1049l").expect("the screen is left");
        let at = output.find(said).unwrap_or_else(|| panic!("`{said}` in {output:?}"));
        assert!(at > left, "{output:?}");
        assert!(ended.screen.contains(said), "{}", ended.screen);
    }
}

#[test]
fn a_panic_that_does_not_end_the_program_costs_a_redraw() {
    let run = start(pty(""));
    run.key("W");
    run.wait_for_text("key W");
    run.key("x");
    run.wait_for_text("key x");
    let ended = run.end_with("q");
    assert_given_back(&ended, "a worker's panic");
    assert_times(&ended, "a worker's panic", 2);
    assert!(ended.screen.contains("a worker panics"), "{}", ended.screen);
}

#[test]
fn a_terminal_that_hangs_up_ends_the_program() {
    for _ in 0..5 {
        let run = start(pty(""));
        let start = Instant::now();
        let ended = run.hang_up();
        assert!(start.elapsed().as_secs() < 2);
        assert_eq!(ended.status.code(), Some(0));
    }
}

#[test]
fn stopping_gives_the_shell_its_terminal_and_going_on_takes_it_back() {
    let script = format!(
        "set -m; {} ; echo stopped; stty -a | grep -o ' -*icanon'; fg >/dev/null; echo over",
        program().display()
    );
    let run = start(Pty::new("bash").args(["-c", &script]).size(60, 12).answers(Answers::Xterm));
    let before = run.output_length();
    run.key("ctrl+z");
    run.wait_for_output(before, "stopped");
    run.wait_for_output(before, " icanon");
    run.wait_for_text("key ctrl+z");
    run.key("x");
    run.wait_for_text("key x");
    run.key("q");
    let ended = run.end();
    assert_given_back(&ended, "stopped");
    assert_times(&ended, "stopped", 2);
}

#[test]
fn a_stop_from_outside_costs_a_redraw() {
    let run = start(pty(""));
    for round in 0..10_u16 {
        run.signal(Signal::STOP);
        run.resize(50 + round, 10);
        run.signal(Signal::CONT);
        run.wait_for_text(&format!("ready {}x10", 50 + round));
    }
    let ended = run.end_with("q");
    assert_given_back(&ended, "stopped from outside");
}

#[test]
fn an_external_program_gets_the_terminal_and_gives_it_back() {
    let run = start(pty(""));
    let before = run.output_length();
    run.key("V");
    run.wait_for_output(before, " icanon");
    run.wait_for_text("key V");
    run.wait_for_text("ready 60x12");
    let ended = run.end_with("q");
    assert_given_back(&ended, "lent");
    assert_times(&ended, "lent", 2);
}

#[test]
fn resizes_of_any_number_end_in_a_fresh_screen() {
    let run = start(pty(""));
    let mut random = seeded();
    for _ in 0..400 {
        run.resize(random.random_range(0..=500), random.random_range(0..=200));
    }
    run.resize(70, 15);
    run.wait_for_text("ready 70x15");
    run.key("z");
    run.wait_for_text("key z");
    let screen = run.screen();
    assert!(screen.starts_with("ready 70x15\n"), "{screen}");
    let told = screen.lines().skip(1).all(|line| line.starts_with("Resize") || line == "key z");
    assert!(told, "{screen}");
    assert_given_back(&run.end_with("q"), "resized");
}

#[test]
fn a_slow_terminal_gets_fewer_frames_and_keys_do_not_wait() {
    let run = start(pty(""));
    let before = run.output_length();
    run.hold();
    // Two thousand frames are presented to a terminal that takes nothing, and then the key is read.
    run.send("Fq");
    let start = Instant::now();
    while run.is_running() {
        assert!(start.elapsed().as_secs() < 20, "it hangs");
        thread::yield_now();
    }
    run.release();
    let ended = run.end();
    assert!(ended.output.len() - before < 200_000, "{}", ended.output.len());
    assert!(ended.is_restored && ended.modes.on().is_empty(), "{:?}", ended.modes);
}

#[test]
fn a_long_paste_is_quick_and_never_leaves_its_marks() {
    let run = start(pty(""));
    let text = "a line of a long paste\r".repeat(50_000);
    let start = Instant::now();
    run.paste(&text);
    run.wait_for_text("paste of 1150000 bytes");
    let took = start.elapsed();
    assert!(took.as_millis() < 500, "{took:?}");
    run.paste("a\u{1b}[201~rm\rb");
    run.wait_for_text(r#"paste "arm\nb""#);
    assert_given_back(&run.end_with("q"), "pasted");
}

#[test]
fn a_lone_escape_is_a_key_soon() {
    let run = start(pty(""));
    let took = run.time_echo("\x1b", "escape");
    // 25 ms for the decision; the rest is for a busy machine.
    assert!(took.as_millis() < 250, "{took:?}");
    assert_given_back(&run.end_with("q"), "escaped");
}

#[test]
fn answers_of_the_terminal_are_capabilities_and_never_text() {
    let run = pty("").answers(Answers::Kitty).start();
    run.wait_for_text("capable Kitty Kitty true Some([16, 32, 48])");
    run.key("x");
    run.wait_for_text("key x");
    let screen = run.screen();
    assert_eq!(screen.lines().filter(|line| line.starts_with("key")).count(), 1, "{screen}");
    let ended = run.end_with("q");
    assert_given_back(&ended, "kitty");
    assert_eq!(ended.modes.count("kitty_keys"), (1, 1));
    assert_eq!(ended.modes.count("other_keys"), (0, 0));
    let (on, off) = ended.modes.count("?2026");
    assert!(on > 0 && on == off, "{on} {off}");
}

#[test]
fn the_cursor_is_where_the_frame_says() {
    let run = start(pty(""));
    run.send("é");
    run.wait_for_text("key é");
    run.send("漢");
    run.wait_for_text("key 漢");
    let rows = run.screen().lines().count() as u16;
    run.wait_for("the cursor after the last line", |screen| {
        screen.cursor_position() == (rows - 1, 6) && !screen.hide_cursor()
    });
    assert_given_back(&run.end_with("q"), "typed");
}

#[test]
fn no_input_is_too_strange() {
    let seed = seed();
    let mut random = StdRng::seed_from_u64(seed);
    let run = start(pty(""));
    for _ in 0..200 {
        // Neither the keys that the program ends by, nor a paste that would take them in.
        let bytes: Vec<u8> = (0..500)
            .map(|_| match random.random_range(0..4) {
                0 => *b"\x1b[]O".get(random.random_range(0..4)).unwrap_or(&b'['),
                1 => b"0123456789;:?<>~$u"[random.random_range(0..18)],
                _ => random.random(),
            })
            .filter(|byte| !b"qEAPWOCNTMIVRDF\x1a".contains(byte))
            .collect();
        run.send(&bytes);
    }
    // Whatever is open ends by itself; then a key is a key.
    let asked = Instant::now();
    loop {
        let from = run.output_length();
        run.send("\x18z");
        let shown = asked.elapsed().as_secs() < 20;
        assert!(shown, "seed {seed}: {}", run.screen());
        thread::sleep(std::time::Duration::from_millis(50));
        if run.output_length() > from && run.screen().trim_end().ends_with("key z") {
            break;
        }
    }
    let ended = run.end_with("q");
    assert_given_back(&ended, &format!("seed {seed}"));
}

#[test]
fn strings_for_the_desktop_are_wrapped_where_something_is_in_between() {
    let run = start(pty(""));
    run.key("C");
    run.wait_for_output(0, "\x1b]52;c;Y29waWVk\x1b\\");
    run.key("T");
    run.wait_for_output(0, "\x1b]2;a title\x1b\\");
    let ended = run.end_with("q");
    assert_given_back(&ended, "strings");
    assert_eq!(ended.modes.count("title"), (1, 1));
    let run = start(pty("").env("TERM", "tmux-256color").env("TMUX", "x"));
    run.key("C");
    run.wait_for_output(0, "\x1bPtmux;\x1b\x1b]52;c;Y29waWVk\x1b\x1b\\\x1b\\");
    run.key("N");
    run.wait_for_output(0, "\x1b]9;zi: done\x1b\\");
    assert_given_back(&run.end_with("q"), "tmux");
}

#[test]
fn inline_leaves_the_screen_to_the_shell_and_prints_above() {
    let script = format!("echo before; {} inline; echo after", program().display());
    let run = Pty::new("bash").args(["-c", &script]).size(60, 12).answers(Answers::Xterm).start();
    run.wait_for_text("capable");
    run.key("x");
    run.wait_for_text("key x");
    run.key("I");
    run.wait_for_text("above 2");
    run.wait_for_text("key I");
    let screen = run.screen();
    assert!(screen.starts_with("before\nabove 1\nabove 2\nready 60x"), "{screen}");
    for key in 0..30 {
        let from = run.output_length();
        run.key("I");
        run.wait_for_output(from, "above 2");
        run.send(if key % 2 == 0 { "y" } else { "z" });
    }
    run.send("w");
    run.wait_for_text("key w");
    run.key("q");
    let ended = run.end();
    assert_given_back(&ended, "inline");
    assert_eq!(ended.modes.count("?1049"), (0, 0));
    assert!(ended.screen.ends_with("after"), "{}", ended.screen);
    let times = |wanted: &str| ended.screen.lines().filter(|line| line.contains(wanted)).count();
    assert_eq!(times("ready"), 1, "{}", ended.screen);
    assert!(times("above 1") >= 2, "{}", ended.screen);
}

#[test]
fn inline_is_given_back_by_signals_below_its_rows() {
    let run = start(pty("inline"));
    run.key("x");
    run.wait_for_text("key x");
    run.signal(Signal::SEGV);
    let ended = run.end();
    assert_given_back(&ended, "inline");
    assert_eq!(ended.status.signal(), Some(11));
}

#[test]
fn pictures_of_kitty_are_sent_once_and_taken_away() {
    let run = pty("picture").answers(Answers::Kitty).start();
    run.wait_for_text("capable Kitty Kitty");
    run.wait_for_output(0, "\x1b_Ga=t,f=32,o=z,s=8,v=8,");
    run.wait_for_output(0, "c=8,r=4,C=1,q=2\x1b\\");
    let count =
        |run: &PtyRun, wanted: &str| String::from_utf8_lossy(&run.output()).matches(wanted).count();
    run.key("x");
    run.wait_for_text("key x");
    assert_eq!(count(&run, "a=t,"), 1);
    run.key("R");
    run.wait_for_text("key R");
    assert_eq!((count(&run, "a=t,"), count(&run, "a=d,d=I")), (2, 1));
    run.key("D");
    run.wait_for_text("key D");
    assert_eq!((count(&run, "a=t,"), count(&run, "a=d,d=I")), (2, 2));
    assert_given_back(&run.end_with("q"), "pictures");
}

#[test]
fn pictures_without_a_protocol_are_half_blocks() {
    let run = start(pty("picture").env("COLORTERM", "truecolor"));
    let cell = run.cell(2, 2).expect("it is on the screen");
    assert_eq!(cell.contents(), "▀");
    assert_eq!(cell.fgcolor(), zi_testkit::vt100::Color::Rgb(0, 1, 2));
    let output = String::from_utf8_lossy(&run.output()).into_owned();
    assert!(!output.contains("a=t"), "{output:?}");
    run.key("D");
    run.wait_for_text("key D");
    assert!(!run.screen().contains('▀'), "{}", run.screen());
    assert_given_back(&run.end_with("q"), "half blocks");
}

#[test]
fn a_key_costs_bytes_for_what_changes() {
    let run = start(pty(""));
    let before = run.output_length();
    run.key("x");
    run.wait_for_text("key x");
    run.wait_for_output(before, "\x1b[?25h");
    let bytes = run.output_length() - before;
    assert!(bytes < 60, "{bytes}");
    assert_given_back(&run.end_with("q"), "counted");
}

#[test]
fn an_idle_terminal_costs_nothing() {
    let run = start(pty(""));
    let wakeups = || {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", run.id())).expect("it runs");
        let switches = tasks.flatten().filter_map(|task| {
            let status = std::fs::read_to_string(task.path().join("status")).ok()?;
            let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches"))?;
            line.split_whitespace().last()?.parse::<u64>().ok()
        });
        switches.sum::<u64>()
    };
    let before = wakeups();
    thread::sleep(std::time::Duration::from_millis(500));
    let after = wakeups();
    assert!(after - before <= 2, "{} wake-ups in half a second", after - before);
    assert_given_back(&run.end_with("q"), "idle");
}

#[expect(clippy::print_stderr, reason = "a failure is repeated with it")]
fn seed() -> u64 {
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    eprintln!("ZI_SEED={seed}");
    seed
}

fn seeded() -> StdRng {
    StdRng::seed_from_u64(seed())
}
