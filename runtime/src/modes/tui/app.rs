//! The thread that draws: keeps what is on the screen and answers keys. It never waits for Lua, for a
//! file or for the network.

mod keys;

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

use tokio::sync::mpsc;
use zi_kernel::{
    job,
    term::{Frame as Cells, Input, Key, KeyCode, Terminal, TerminalError},
};

use super::{
    actions::Keymap,
    complete::Files,
    draft::Draft,
    elsewhere,
    feed::Feed,
    front::{Shared, Update, Updates},
    search::Search,
};
use crate::{
    hooks::Event,
    host::{Host, Level, lock},
    modes::driver::Intent,
    scene::{
        EditorRequest, UiRequest, draw::Pictures, notify::Notices, theme::Theme, views::Views,
    },
};

/// The shortest time between two frames.
const FRAME: Duration = Duration::from_micros(16_667);
/// Arrows that come closer together than this were not typed.
const WHEEL: Duration = Duration::from_millis(3);
/// How long updates are taken in before the next frame is drawn.
const BATCH: Duration = Duration::from_millis(8);
/// Within this time a second press of the same key means more than the first.
const TWICE: Duration = Duration::from_millis(2000);

/// Everything that is on the screen.
pub struct App {
    pub(super) host: Arc<Host>,
    pub(super) terminal: Terminal,
    pub(super) updates: Updates,
    intents: mpsc::UnboundedSender<Intent>,
    shared: Arc<Shared>,
    pub(super) theme: Arc<Theme>,
    /// Why the chosen theme is not used.
    theme_problem: Option<String>,
    pub(super) feed: Feed,
    pub(super) draft: Draft,
    pub(super) views: Views,
    pub(super) notices: Notices,
    pub(super) pictures: Arc<Pictures>,
    pub(super) search: Option<Search>,
    pub(super) start: Instant,
    keymap: Keymap,
    files: Files,
    /// Counts questions for completions; only the answer to the last one is used.
    asked: u64,
    /// The question whose answer is on offer.
    answered: u64,
    pub(super) is_busy: bool,
    /// Whether the conversation stays in the terminal's own scrollback.
    pub(super) is_inline: bool,
    is_focused: bool,
    is_dirty: bool,
    drawn_at: Option<Instant>,
    interrupted_at: Option<Instant>,
    escaped_at: Option<Instant>,
    /// What the line under the draft says for a moment, and until when.
    pub(super) hint: Option<(String, Instant)>,
    /// What is to go into the scrollback when the terminal can take it.
    unprinted: VecDeque<Cells>,
    ended: bool,
}

/// What an [`App`] begins with.
pub struct AppParts {
    pub host: Arc<Host>,
    pub terminal: Terminal,
    pub updates: Updates,
    pub intents: mpsc::UnboundedSender<Intent>,
    pub shared: Arc<Shared>,
    pub draft: Draft,
    pub pictures: Arc<Pictures>,
    pub is_inline: bool,
}

impl App {
    pub fn new(parts: AppParts) -> Self {
        let (theme, _) = parts.shared.themes.current();
        let mut app = Self {
            feed: Feed::new(parts.host.settings.show_thinking),
            host: parts.host,
            terminal: parts.terminal,
            updates: parts.updates,
            intents: parts.intents,
            shared: parts.shared,
            theme,
            theme_problem: None,
            draft: parts.draft,
            views: Views::default(),
            notices: Notices::default(),
            pictures: parts.pictures,
            search: None,
            start: Instant::now(),
            keymap: Keymap::default(),
            files: Files::default(),
            asked: 0,
            answered: 0,
            is_busy: false,
            is_inline: parts.is_inline,
            is_focused: true,
            is_dirty: true,
            drawn_at: None,
            interrupted_at: None,
            escaped_at: None,
            hint: None,
            unprinted: VecDeque::new(),
            ended: false,
        };
        app.feed.rebuild(&app.host);
        app.read_registrations();
        app
    }

    /// Draws and answers until zi ends.
    pub fn run(mut self, updates: &Receiver<Update>) {
        while !self.ended {
            if self.is_dirty && self.frame_in().is_zero() {
                self.draw();
            }
            let wait = if self.is_dirty { Some(self.frame_in()) } else { self.idle_for() };
            let first = match wait {
                None => updates.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(wait) => updates.recv_timeout(wait),
            };
            match first {
                Ok(update) => self.take_batch(update, updates),
                Err(RecvTimeoutError::Timeout) => self.pass_time(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.terminal.close();
    }

    pub(super) fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn frame_in(&self) -> Duration {
        self.drawn_at.map_or(Duration::ZERO, |at| FRAME.saturating_sub(at.elapsed()))
    }

    /// How long nothing will change by itself; nothing when that is for ever.
    fn idle_for(&self) -> Option<Duration> {
        let now = self.now();
        let hint = self.hint.as_ref().map(|(_, until)| until.duration_since(self.start));
        let soon = [
            self.views.next_deadline(now),
            self.notices.next_deadline(now),
            self.feed.next_deadline(now),
            hint,
        ];
        let next = soon.into_iter().flatten().min()?;
        Some(next.saturating_sub(now).max(Duration::from_millis(1)))
    }

    /// Something changes because of the time alone: a spinner turns, a notice goes.
    fn pass_time(&mut self) {
        self.notices.expire(self.now());
        if self.hint.as_ref().is_some_and(|(_, until)| *until <= Instant::now()) {
            self.hint = None;
        }
        self.is_dirty = true;
    }

    fn take_batch(&mut self, first: Update, updates: &Receiver<Update>) {
        let began = Instant::now();
        let mut next = Some(first);
        let mut has_input = false;
        let mut turning = None;
        while let Some(update) = next {
            let is_input = matches!(update, Update::Input(_));
            has_input |= is_input;
            next = updates.try_recv().ok();
            let arrow = self.wheel_arrow(&update);
            if arrow.is_some() && next.is_none() {
                next = updates.recv_timeout(WHEEL).ok();
            }
            let goes_on =
                arrow.is_some() && next.as_ref().and_then(|it| self.wheel_arrow(it)) == arrow;
            if arrow.is_some() && (goes_on || turning == arrow) {
                self.feed.scroll(if arrow == Some(KeyCode::Up) { -1 } else { 1 });
            } else {
                self.take(update);
            }
            turning = arrow.filter(|_| goes_on);
            if self.ended {
                break;
            }
            // What is typed does not wait for what comes behind it.
            let is_due = began.elapsed() > BATCH || (has_input && !is_input);
            if is_due && let Some(last) = next.take() {
                has_input |= matches!(last, Update::Input(_));
                self.take(last);
            }
        }
        self.is_dirty = true;
        // What is typed shows at once.
        if has_input && !self.ended {
            self.draw();
        }
    }

    /// The arrow that an update is, where the wheel of a mouse may have been meant: a terminal turns
    /// it into several arrows at once, and nobody types as fast as that.
    fn wheel_arrow(&self, update: &Update) -> Option<KeyCode> {
        let Update::Input(Input::Key(key)) = update else { return None };
        let is_free = !self.views.has_capture() && self.draft.choices().is_none();
        let is_arrow = *key == Key::new(KeyCode::Up) || *key == Key::new(KeyCode::Down);
        (is_free && is_arrow && self.search.is_none()).then_some(key.code)
    }

    fn take(&mut self, update: Update) {
        match update {
            Update::Input(input) => self.input(input),
            Update::Event(event) => {
                if matches!(event.name.as_str(), "session_start" | "session_shutdown") {
                    self.read_registrations();
                }
                self.feed.event(&self.host, &event);
                self.ask_for_renderings();
            }
            Update::Notice(level, text) => self.tell(level, &text),
            Update::Shown(text) => self.feed.show_instead(text),
            Update::Ui(request) => self.ui(request),
            Update::GiveBack(said) => self.draft.give_back(said),
            Update::Shell(update) => self.feed.shell(&self.host, &update),
            Update::Busy(is_busy) => self.is_busy = is_busy,
            Update::Choices(number, choices) => {
                if number == self.asked && choices.range.end <= self.draft.text().len() {
                    self.answered = number;
                    self.draft.offer(Some(choices));
                }
            }
            Update::Rendered(rendered) => self.feed.rendered(rendered),
            Update::Frame => {}
            Update::Act(action, argument) => self.act(action, &argument),
            Update::Theme(theme) => self.use_theme(theme),
            Update::Alert(text) => {
                if !self.is_focused {
                    self.terminal.notify("zi", &text);
                }
            }
            Update::Foreground(spec, sender) => {
                let ended = self.foreground(&spec);
                // Whoever asked may have gone meanwhile.
                sender.send(ended).ok();
            }
            Update::Registered => self.read_registrations(),
            Update::Attach(Ok((block, about))) => self.draft.attach(block, &about),
            Update::Attach(Err(problem)) => self.tell(Level::Warn, &problem),
            Update::End => self.ended = true,
        }
    }

    /// Extensions were loaded, or others: keys and themes are looked up again.
    fn read_registrations(&mut self) {
        let (keymap, problems) = Keymap::new(&self.host.registry, &self.host.settings.keys);
        if self.keymap.rows().is_empty() {
            problems.iter().for_each(|problem| self.tell(Level::Warn, problem));
        }
        self.keymap = keymap;
        self.shared.themes.set_own(self.host.registry.themes());
        let (theme, problem) = self.shared.themes.current();
        if problem != self.theme_problem {
            if let Some(problem) = &problem {
                self.tell(Level::Warn, problem);
            }
            self.theme_problem = problem;
        }
        if theme.key() != self.theme.key() {
            self.use_theme(theme);
        }
    }

    fn use_theme(&mut self, theme: Arc<Theme>) {
        self.theme = theme;
        self.views.forget_drawn();
    }

    /// What the user should know: short news in the corner, the rest in the conversation.
    fn tell(&mut self, level: Level, text: &str) {
        if level == Level::Debug {
            return;
        }
        let is_short = text.lines().count() == 1 && text.chars().count() <= 80;
        if is_short && level == Level::Info {
            self.notices.tell(level, text, self.now());
        } else {
            self.feed.notice(level, text);
        }
    }

    fn ui(&mut self, request: UiRequest) {
        let Some(request) = self.views.apply(request) else { return };
        match request {
            UiRequest::Notify { owner, notice } => {
                self.notices.notify(&owner, notice, self.now());
            }
            UiRequest::NotifyClear { owner, id } => self.notices.clear(&owner, id.as_deref()),
            UiRequest::Title(title) => self.terminal.set_title(&title),
            UiRequest::Copy { text, .. } => self.copy(&text),
            UiRequest::Editor(request) => self.edit_for(request),
            _ => {}
        }
    }

    pub(super) fn copy(&mut self, text: &str) {
        if let Err(problem) = self.terminal.copy(text) {
            self.tell(Level::Warn, &format!("cannot copy: {problem}"));
        }
    }

    fn edit_for(&mut self, request: EditorRequest) {
        match request {
            EditorRequest::SetText(text) => self.draft.set_text(&text),
            EditorRequest::InsertText(text) => self.draft.insert(&text),
            EditorRequest::Clear => self.draft.clear(),
            EditorRequest::Text(sender) => {
                sender.send(self.draft.text().to_owned()).ok();
            }
        }
    }

    // The terminal for others ---------------------------------------------------------------------

    /// Runs a program with the terminal, and takes the terminal back after.
    fn foreground(&mut self, spec: &job::Spec) -> Result<job::Exit, job::JobError> {
        self.terminal.suspend();
        let ended = job::foreground(spec);
        self.take_terminal_back();
        ended
    }

    fn take_terminal_back(&mut self) {
        if let Err(problem) = self.terminal.resume() {
            self.lost_terminal(&problem);
        }
    }

    /// Without a terminal there is nothing to go on with; the session is kept.
    fn lost_terminal(&mut self, problem: &TerminalError) {
        crate::logs::write(&self.host, "zi", "error", &problem.to_string());
        lock(&self.host.interrupted).get_or_insert(129);
        self.send(Intent::Quit);
    }

    fn suspend(&mut self) {
        if let Err(problem) = self.terminal.stop() {
            self.lost_terminal(&problem);
        }
    }

    /// Edits the draft with the user's editor.
    fn edit_elsewhere(&mut self) {
        let text = self.draft.expanded();
        let edited = elsewhere::edit(&text, |argv| {
            let spec = elsewhere::spec(&self.host, argv);
            self.foreground(&spec)
        });
        match edited {
            Ok(Some(text)) => self.draft.set_text(&text),
            Ok(None) => {}
            Err(problem) => self.tell(Level::Error, &problem),
        }
    }

    fn page_transcript(&mut self) {
        let text = self.feed.whole_text();
        let shown = elsewhere::page(&text, |argv| {
            let spec = elsewhere::spec(&self.host, argv);
            self.foreground(&spec)
        });
        if let Err(problem) = shown {
            self.tell(Level::Error, &problem);
        }
    }

    // Images --------------------------------------------------------------------------------------

    fn attach_or_name(&mut self, dropped: super::drop::Dropped) {
        match dropped {
            super::drop::Dropped::Image(path) => {
                let updates = self.updates.clone();
                self.work(move |_| async move {
                    updates.send(Update::Attach(super::drop::read_image(path).await));
                });
            }
            super::drop::Dropped::File(name) => self.draft.insert(&format!("@{name} ")),
        }
    }

    fn paste_image(&mut self) {
        let updates = self.updates.clone();
        self.work(move |host| async move {
            updates.send(Update::Attach(super::drop::clipboard_image(&host).await));
        });
    }

    /// Inline, what is said and done leaves for the scrollback.
    fn print_finished(&mut self) {
        if !self.is_inline {
            return;
        }
        let (columns, _) = self.terminal.size();
        let theme = self.theme.clone();
        while let Some(frame) = self.feed.take_finished(columns, &theme) {
            self.unprinted.push_back(frame);
        }
        while let Some(frame) = self.unprinted.front() {
            if !self.terminal.insert_above(frame) {
                // It goes when the terminal has caught up.
                self.is_dirty = true;
                return;
            }
            self.unprinted.pop_front();
        }
    }

    // Drawing -------------------------------------------------------------------------------------

    fn tell_size(&self) {
        let size = self.terminal.size();
        let before = std::mem::replace(&mut *lock(&self.shared.size), size);
        if before != size {
            self.host.emit(Event::screen_resize(size));
        }
    }

    fn draw(&mut self) {
        self.tell_size();
        self.is_dirty = false;
        self.drawn_at = Some(Instant::now());
        self.print_finished();
        let frame = self.compose();
        self.terminal.present(&frame);
        let events = self.views.take_events();
        self.deliver(events);
        self.ask_for_renderings();
    }
}
