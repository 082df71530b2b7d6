//! A small program on the terminal, for trying it out and for tests:
//! `cargo run -p zi-kernel --example terminal`.
//!
//! It tells of its input in lines, the newest last. The first argument says what else it does; `q`
//! ends it.

use std::{
    env,
    sync::{
        Arc,
        mpsc::{self, Receiver},
    },
    thread,
};

use zi_kernel::{
    surface,
    term::{Color, Frame, Input, Options, Picture, Rect, Style, Terminal},
};

struct App {
    terminal: Terminal,
    inputs: Receiver<Input>,
    told: Vec<String>,
    inline: bool,
    picture: Option<Picture>,
}

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let (send, inputs) = mpsc::channel();
    let inline = has("inline");
    let options = Options { inline, mouse: has("mouse") };
    let opened = Terminal::open(options, move |input| drop(send.send(input)));
    let terminal = match opened {
        Ok(terminal) => terminal,
        Err(err) => panic!("{err}"),
    };
    if has("exit-at-once") {
        return;
    }
    let picture = has("picture").then(|| Picture::new(Arc::new(pixels(0))));
    let mut app = App { terminal, inputs, told: Vec::new(), inline, picture };
    app.draw();
    app.run();
    if has("farewell") {
        app.terminal.close();
        eprintln_farewell();
    }
}

#[expect(clippy::print_stderr, reason = "what is said after the terminal was given back")]
fn eprintln_farewell() {
    eprintln!("farewell");
}

impl App {
    fn run(&mut self) {
        while let Ok(input) = self.inputs.recv() {
            if self.is_end(&input) {
                return;
            }
            // What waits already is drawn at once.
            while let Ok(next) = self.inputs.try_recv() {
                if self.is_end(&next) {
                    return;
                }
            }
            self.draw();
        }
    }

    fn is_end(&mut self, input: &Input) -> bool {
        match input {
            Input::Key(key) => match key.to_string().as_str() {
                "q" => return true,
                "ctrl+z" => self.terminal.stop().expect("the terminal comes back"),
                "E" => std::process::exit(3),
                "A" => std::process::abort(),
                "P" => panic!("the main thread panics"),
                "W" => {
                    let worker = thread::spawn(|| panic!("a worker panics"));
                    worker.join().ok();
                }
                "O" => drop(overflow(0)),
                "C" => self.terminal.copy("copied").expect("it is short"),
                "N" => self.terminal.notify("zi", "done"),
                "T" => self.terminal.set_title("a title"),
                "M" => self.terminal.set_mouse(true),
                "I" => {
                    let mut lines = Frame::new(40, 2);
                    lines.put(0, 0, 40, "above 1", Style::new(), None);
                    lines.put(0, 1, 40, "above 2", Style::new(), None);
                    self.terminal.insert_above(&lines);
                }
                "V" => {
                    self.terminal.suspend();
                    std::process::Command::new("stty").arg("-a").status().ok();
                    self.terminal.resume().expect("the terminal comes back");
                }
                "R" => self.picture = self.picture.as_ref().map(|it| it.next(Arc::new(pixels(1)))),
                "D" => self.picture = None,
                "F" => {
                    // A flood of large frames.
                    let (width, height) = self.terminal.size();
                    for index in 0..2000_u32 {
                        let mut frame = Frame::new(width, height);
                        let color = Color::Rgb((index % 256) as u8, (index / 8 % 256) as u8, 7);
                        let area = frame.area();
                        for y in 0..area.height {
                            let text = format!("{index:>6}").repeat(usize::from(width / 6));
                            frame.put(0, y, width, &text, Style::new().fg(color), None);
                        }
                        self.terminal.present(&frame);
                    }
                }
                _ => {}
            },
            Input::Signal(signal) if *signal == 20 => {
                self.terminal.stop().expect("the terminal comes back");
            }
            Input::HangUp => return true,
            Input::Signal(_) if env::args().any(|argument| argument == "stubborn") => {}
            Input::Signal(_) => return true,
            _ => {}
        }
        self.told.push(tell(input));
        false
    }

    fn draw(&self) {
        let (width, height) = self.terminal.size();
        let height =
            if self.inline { (self.told.len() as u16 + 2).min(height).min(6) } else { height };
        let mut frame = Frame::new(width, height);
        let head = format!("ready {width}x{height}");
        let link = Arc::from("https://example.com/a");
        frame.put(0, 0, width, &head, Style::new().fg(Color::Green), Some(&link));
        if let Some(picture) = &self.picture {
            frame.put_picture(Rect::new(2, 2, 8, 4), picture);
        }
        let rows = usize::from(height.saturating_sub(1));
        let first = self.told.len().saturating_sub(rows.saturating_sub(1));
        let mut cursor = (0, 1.min(height.saturating_sub(1)));
        let left = if self.picture.is_some() { 12 } else { 0 };
        for (y, line) in (1..height).zip(&self.told[first..]) {
            let end = frame.put(left, y, width, line, Style::new(), None);
            cursor = (end.min(width.saturating_sub(1)), y);
        }
        frame.set_cursor(Some(cursor));
        self.terminal.present(&frame);
    }
}

fn tell(input: &Input) -> String {
    match input {
        Input::Key(key) => format!("key {key}"),
        Input::Paste(text) if text.len() > 60 => format!("paste of {} bytes", text.len()),
        Input::Paste(text) => format!("paste {text:?}"),
        Input::Capabilities(it) => {
            let (keyboard, graphics, sync) = (it.keyboard, it.graphics, it.synchronized);
            format!("capable {keyboard:?} {graphics:?} {sync} {:?}", it.background)
        }
        other => format!("{other:?}"),
    }
}

/// Uses up the stack.
#[expect(unconditional_recursion, reason = "that is the point")]
fn overflow(depth: u64) -> u64 {
    let room = std::hint::black_box([depth; 512]);
    overflow(depth + 1) + room[(depth % 512) as usize]
}

fn pixels(seed: u8) -> surface::Frame {
    let data = (0..8 * 8 * 4).map(|at| if at % 4 == 3 { 255 } else { (at as u8) ^ (seed * 85) });
    surface::Frame::new(surface::Format::Rgba, 8, 8, data.collect()).expect("it is whole")
}
