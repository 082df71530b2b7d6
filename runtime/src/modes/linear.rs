//! The linear interface: lines are printed and lines are read, and no cursor moves. For screen
//! readers, logs, and terminals that can do no more.
//!
//! Dialogs are printed too: what there is to choose from has numbers, and the next line that is typed
//! is the answer. An empty line closes a dialog.

use std::{
    fmt, io,
    io::BufRead as _,
    process::ExitCode,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::mpsc;
use zi_kernel::term::{Frame, Rect};

use super::{
    driver::{self, Intent, Said, Screen, ShellUpdate},
    interactive, out,
};
use crate::{
    cli::Cli,
    hooks::Event,
    host::{Front, Host, Level, lock},
    message,
    scene::{
        EditorRequest, UiRequest,
        draw::{DrawContext, Pictures, draw_node, height_of},
        theme::Theme,
        tree::{Kind, Node, SlotKind, View},
        views::{Routed, UiEvent, Views},
    },
    startup,
};

const USAGE: u8 = 2;
/// Columns that dialogs are laid out for.
const COLUMNS: u16 = 76;
/// Rows of a dialog that are printed; what is agreed to is printed whole.
const MAX_ROWS: u16 = 10_000;
/// Lines of a result that are printed.
const RESULT_LINES: usize = 10;
const GRACE: Duration = Duration::from_secs(3);

/// The front of the linear interface.
#[derive(Clone)]
pub struct LinearFront(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    host: Option<Arc<Host>>,
    views: Views,
    /// The dialog that waits for an answer: its generation, its id, and what its list offers.
    dialog: Option<Dialog>,
    /// Whether the line that was printed last is not ended.
    is_open: bool,
    /// What the part of the message is that is being printed.
    part: Option<(u64, String)>,
}

struct Dialog {
    generation: u64,
    id: String,
    choices: usize,
    has_input: bool,
    keys: Vec<String>,
}

impl fmt::Debug for LinearFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinearFront")
    }
}

impl State {
    fn print(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.is_open = !text.ends_with('\n');
        // Nobody is left to hear of a closed standard output.
        out::print_piece(text).ok();
    }

    /// Prints lines of their own.
    fn line(&mut self, text: &str) {
        if self.is_open {
            self.print("\n");
        }
        self.part = None;
        self.print(&format!("{}\n", text.trim_end()));
    }

    fn event(&mut self, event: &Event) {
        let text = |name: &str| event.fields.get(name).and_then(Value::as_str).unwrap_or_default();
        match event.name.as_str() {
            "message_update" => {
                if let Some(update) = event.fields.get("assistantMessageEvent") {
                    self.delta(update);
                }
            }
            "tool_execution_start" => {
                let args = event.fields.get("args").map(brief).unwrap_or_default();
                self.line(&format!("[{}] {args}", text("tool_name")));
            }
            "tool_execution_end" => {
                let outcome = text("outcome").to_owned();
                let result = event.fields.get("result").map(message::text).unwrap_or_default();
                self.line(&format!("[{}: {outcome}] {}", text("tool_name"), shortened(&result)));
            }
            "agent_end" => {
                let status = text("status").to_owned();
                let error = event.fields.get("error").and_then(|error| error.get("message"));
                match error.and_then(Value::as_str) {
                    Some(error) => self.line(&format!("[error] {error}")),
                    None if status == "aborted" => self.line("[stopped]"),
                    None => self.line("[done]"),
                }
            }
            "retry" => {
                let label = text("label").to_owned();
                self.line(&format!("[waiting] {label}"));
            }
            "session_start" if text("reason") != "startup" => {
                let reason = text("reason").to_owned();
                self.line(&format!("[session: {reason}]"));
                self.replay();
            }
            _ => {}
        }
    }

    fn delta(&mut self, update: &Value) {
        let kind = update.get("type").and_then(Value::as_str).unwrap_or_default();
        let index = update.get("content_index").and_then(Value::as_u64).unwrap_or(0);
        let delta = update.get("delta").and_then(Value::as_str).unwrap_or_default();
        let is_decided_later = self
            .host
            .as_ref()
            .is_some_and(|host| !host.registry.handlers("before_assistant_message").is_empty());
        let label = match kind {
            // Who decides what is seen has not seen it yet.
            "text_delta" if is_decided_later => return,
            "text_delta" => "",
            "thinking_delta" => "[thinking] ",
            _ => return,
        };
        let part = (index, kind.to_owned());
        if self.part.as_ref() != Some(&part) {
            if self.is_open {
                self.print("\n");
            }
            self.part = Some(part);
            self.print(label);
        }
        self.print(delta);
    }

    /// Prints what was said before in the session.
    fn replay(&mut self) {
        let Some(host) = self.host.clone() else { return };
        let path = host.session.journal().path();
        for entry in path {
            let Some(message) = entry.message() else { continue };
            let text = message::text(message);
            match message::role(message) {
                "user" => self.line(&format!("> {text}")),
                "assistant" if !text.is_empty() => self.line(&text),
                "tool_result" => {
                    let name = message.get("tool_name").and_then(Value::as_str).unwrap_or_default();
                    self.line(&format!("[{name}] {}", shortened(&text)));
                }
                _ => {}
            }
        }
    }

    fn ui(&mut self, request: UiRequest) {
        let shown = match &request {
            UiRequest::Render { owner, view, .. } if is_dialog(view) => {
                Some((owner.generation, view.clone()))
            }
            _ => None,
        };
        let Some(request) = self.views.apply(request) else {
            if let Some((generation, view)) = shown {
                self.show_dialog(generation, &view);
            }
            if !self.views.has_capture() {
                self.dialog = None;
            }
            return;
        };
        match request {
            UiRequest::Notify { notice, .. } if !notice.progress => {
                self.line(&format!("[{}] {}", notice.level.name(), notice.text));
            }
            UiRequest::Copy { .. } => self.line("[there is no clipboard in the linear interface]"),
            UiRequest::Editor(EditorRequest::SetText(text) | EditorRequest::InsertText(text)) => {
                self.line(&format!("[suggested] {text}"));
            }
            UiRequest::Editor(EditorRequest::Text(sender)) => {
                sender.send(String::new()).ok();
            }
            _ => {}
        }
    }

    /// Prints a dialog. One that is drawn anew is not printed again.
    fn show_dialog(&mut self, generation: u64, view: &View) {
        let is_known = self
            .dialog
            .as_ref()
            .is_some_and(|dialog| dialog.generation == generation && dialog.id == view.id);
        if is_known {
            return;
        }
        let Some(host) = self.host.clone() else { return };
        let (choices, has_input) = contents(&view.root);
        let text = drawn(&host, &view.root);
        self.line(&text);
        for (index, label) in choices.iter().enumerate() {
            self.line(&format!("  {}. {label}", index + 1));
        }
        let keys: Vec<String> = view.keys.iter().map(|binding| binding.key.clone()).collect();
        self.line(&how_to_answer(choices.len(), has_input, &keys));
        let (id, choices) = (view.id.clone(), choices.len());
        self.dialog = Some(Dialog { generation, id, choices, has_input, keys });
    }

    /// Answers the dialog with a line that was typed.
    fn answer(&mut self, line: &str) -> Vec<UiEvent> {
        let Some(dialog) = &self.dialog else { return Vec::new() };
        let line = line.trim();
        let mut keys: Vec<String> = Vec::new();
        let mut typed = None;
        match line.parse::<usize>() {
            Ok(number) if (1..=dialog.choices).contains(&number) => {
                keys.push("home".to_owned());
                keys.extend(std::iter::repeat_n("down".to_owned(), number - 1));
                keys.push("enter".to_owned());
            }
            _ if line.is_empty() => keys.push("escape".to_owned()),
            _ if dialog.keys.iter().any(|key| key == line) => keys.push(line.to_owned()),
            _ if dialog.has_input => {
                typed = Some(line.to_owned());
                keys.push("enter".to_owned());
            }
            _ => {
                let text = how_to_answer(dialog.choices, dialog.has_input, &dialog.keys);
                self.line(&text);
                return Vec::new();
            }
        }
        let mut events = Vec::new();
        if let Some(typed) = typed
            && let Routed::Consumed(more) = self.views.paste(&typed)
        {
            events.extend(more);
        }
        for key in keys {
            if let Routed::Consumed(more) = self.views.key(&key, true) {
                events.extend(more);
            }
        }
        self.dialog = None;
        events
    }
}

fn is_dialog(view: &View) -> bool {
    view.focus && view.slot.kind == SlotKind::Overlay
}

/// What a tree offers: the labels of its list, and whether something can be typed.
fn contents(root: &Node) -> (Vec<String>, bool) {
    let (mut labels, mut has_input) = (Vec::new(), false);
    root.walk(&mut |node| match &node.kind {
        Kind::List(list) => {
            labels =
                list.items.iter().map(|item| format!("{} {}", item.label, item.detail)).collect();
        }
        Kind::Input(_) => has_input = true,
        _ => {}
    });
    (labels, has_input)
}

/// The text of a tree, without what its list shows.
fn drawn(host: &Host, root: &Node) -> String {
    let mut root = root.clone();
    root.drop_lists();
    let theme = Theme::default();
    let pictures = Pictures::new(host.io.clone(), host.cwd.clone());
    let context = DrawContext {
        theme: &theme,
        now: Duration::ZERO,
        surfaces: &host.surfaces,
        pictures: &pictures,
    };
    let whole = height_of(&root, COLUMNS, context);
    let height = whole.min(MAX_ROWS);
    let mut frame = Frame::new(COLUMNS, height);
    draw_node(&mut frame, Rect::new(0, 0, COLUMNS, height), &root, context);
    let text = frame.text();
    // A frame is no news to who hears the lines.
    let is_frame = |c: char| matches!(c, '─' | '│' | '╭' | '╮' | '╰' | '╯' | '┃' | ' ');
    let lines = text.lines().map(|line| line.trim_matches(is_frame));
    let mut text = lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
    if whole > height {
        text.push_str(&format!("\n[{} more rows are not printed]", whole - height));
    }
    text
}

fn how_to_answer(choices: usize, has_input: bool, keys: &[String]) -> String {
    let mut ways = Vec::new();
    if choices > 0 {
        ways.push(format!("a number from 1 to {choices}"));
    }
    if has_input {
        ways.push("a text".to_owned());
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).filter(|key| key.len() < 8).collect();
    if choices == 0 && !has_input && !keys.is_empty() {
        ways.push(keys.join(", "));
    }
    ways.push("an empty line to close it".to_owned());
    format!("[answer with {}]", ways.join(" or "))
}

/// Arguments of a call on one line.
fn brief(args: &Value) -> String {
    let text = match args.get("command").or_else(|| args.get("path")).and_then(Value::as_str) {
        Some(text) => text.to_owned(),
        None => args.to_string(),
    };
    let line: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
    line
}

fn shortened(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let shown = lines.iter().take(RESULT_LINES).copied().collect::<Vec<_>>().join("\n");
    match lines.len().saturating_sub(RESULT_LINES) {
        0 => shown,
        more => format!("{shown}\n[{more} more lines]"),
    }
}

impl Front for LinearFront {
    fn mode(&self) -> &'static str {
        "tui"
    }

    fn event(&self, event: &Event) {
        lock(&self.0).event(event);
    }

    fn notice(&self, level: Level, text: &str) {
        if level != Level::Debug {
            lock(&self.0).line(&format!("[{}] {text}", level.name()));
        }
    }

    fn shown(&self, text: &str) {
        if !text.is_empty() {
            lock(&self.0).line(text);
        }
    }

    fn has_screen(&self) -> bool {
        true
    }

    fn ui(&self, request: UiRequest) {
        lock(&self.0).ui(request);
    }
}

impl Screen for LinearFront {
    fn give_back(&self, said: Vec<Said>) {
        for said in said {
            lock(&self.0).line(&format!("[not said] {}", said.text));
        }
    }

    fn shell(&self, update: ShellUpdate) {
        match update {
            ShellUpdate::Started(_) => {}
            ShellUpdate::Ended(Ok(result)) => {
                let code =
                    result.exit_code.map_or_else(String::new, |code| format!("\n[exit {code}]"));
                lock(&self.0).line(&format!("{}{code}", result.output));
            }
            ShellUpdate::Ended(Err(problem)) => lock(&self.0).line(&format!("[error] {problem}")),
        }
    }

    fn busy(&self, _is_busy: bool) {}
}

/// Runs the linear interface from the command line to the exit code.
pub fn run(cli: &Cli) -> ExitCode {
    interactive::block_on(run_async(cli))
}

async fn run_async(cli: &Cli) -> u8 {
    let cwd = match startup::working_dir(cli) {
        Ok(cwd) => cwd,
        Err(err) => {
            out::report_error(&err.to_string());
            return err.exit_code();
        }
    };
    interactive::offer_trust(cli, &cwd);
    let first = match interactive::first_prompt(cli, &cwd) {
        Ok(first) => first,
        Err(problem) => {
            out::report_error(&problem);
            return USAGE;
        }
    };
    let front = LinearFront(Arc::default());
    let host = match startup::start(cli, cwd, Box::new(front.clone())).await {
        Ok(host) => host,
        Err(err) => {
            out::report_error(&err.to_string());
            return err.exit_code();
        }
    };
    lock(&front.0).host = Some(host.clone());
    let (intents, taken) = mpsc::unbounded_channel();
    read_lines(&host, front.clone(), intents.clone());
    tokio::spawn(watch_signals(host.clone(), intents.clone()));
    interactive::begin(&host, cli, &intents);
    if cli.continue_last || cli.session.is_some() {
        lock(&front.0).replay();
    }
    driver::drive(&host, Arc::new(front.clone()), taken, first).await;
    interactive::finish(&host, GRACE).await;
    // The host knows the front; neither would ever go.
    lock(&front.0).host = None;
    interactive::say_goodbye(&host);
    lock(&host.interrupted).take().unwrap_or(0)
}

/// Takes what is typed, line by line. A line that ends with a backslash goes on in the next one.
fn read_lines(host: &Arc<Host>, front: LinearFront, intents: mpsc::UnboundedSender<Intent>) {
    let host = host.clone();
    // The thread ends with the process: nothing ends a read from a terminal.
    thread::spawn(move || {
        let mut draft = String::new();
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            if lock(&front.0).dialog.is_some() {
                let events = lock(&front.0).answer(&line);
                events.into_iter().for_each(|event| host.tell_ui(event));
                continue;
            }
            match line.strip_suffix('\\') {
                Some(start) => draft.push_str(&format!("{start}\n")),
                None => {
                    draft.push_str(&line);
                    let text = std::mem::take(&mut draft);
                    if !text.trim().is_empty() {
                        intents.send(Intent::Say(Said { text, ..Said::default() })).ok();
                    }
                }
            }
        }
        intents.send(Intent::Quit).ok();
    });
}

/// Ctrl+C stops a run; without one, or once more while it is being stopped, zi ends, and so it does for
/// the other signals.
async fn watch_signals(host: Arc<Host>, intents: mpsc::UnboundedSender<Intent>) {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term), Ok(mut hup)) = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
        signal(SignalKind::hangup()),
    ) else {
        return;
    };
    loop {
        let code = tokio::select! {
            _ = int.recv() => {
                if host.current_run().is_some_and(|run| !run.abort.is_cancelled()) {
                    intents.send(Intent::Stop).ok();
                    continue;
                }
                130
            }
            _ = term.recv() => 143,
            _ = hup.recv() => 129,
        };
        lock(&host.interrupted).get_or_insert(code);
        intents.send(Intent::Quit).ok();
    }
}
