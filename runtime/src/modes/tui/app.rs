//! The thread that draws: keeps what is on the screen and answers keys. It never waits for Lua, for a
//! file or for the network.

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
    term::{Frame as Cells, Input, Key, KeyCode, MouseKind, Terminal, TerminalError},
};

use super::{
    actions::{Action, Bound, Keymap},
    complete::{self, Choices, Files, Place},
    draft::Draft,
    elsewhere,
    feed::Feed,
    front::{Shared, Update, Updates},
    search::Search,
};
use crate::{
    hooks::Event,
    host::{Host, Level, lock},
    modes::driver::{Intent, Work},
    scene::{
        EditorRequest, UiRequest,
        draw::Pictures,
        edit::EditAction,
        notify::Notices,
        theme::Theme,
        views::{Routed, UiEvent, Views},
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
/// The same for Escape, which is pressed more often.
const ESCAPE_TWICE: Duration = Duration::from_millis(700);
/// Rows that a line key scrolls in an empty draft.
const SCROLL_ROWS: isize = 3;

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

    // Input ---------------------------------------------------------------------------------------

    fn input(&mut self, input: Input) {
        match input {
            Input::Key(key) => self.key(key),
            Input::Paste(text) => self.paste(&text),
            Input::Mouse(mouse) => match mouse.kind {
                MouseKind::WheelUp => self.feed.scroll(-SCROLL_ROWS),
                MouseKind::WheelDown => self.feed.scroll(SCROLL_ROWS),
                _ => {}
            },
            Input::Focus(is_focused) => self.is_focused = is_focused,
            Input::Resize(..) => {}
            Input::Capabilities(capabilities) => {
                if let Some([red, green, blue]) = capabilities.background {
                    self.shared.themes.set_background((red, green, blue));
                    let (theme, _) = self.shared.themes.current();
                    self.use_theme(theme);
                }
            }
            Input::Signal(signal) => self.signal(signal),
            Input::HangUp => {
                lock(&self.host.interrupted).get_or_insert(129);
                self.send(Intent::Quit);
            }
        }
    }

    fn signal(&mut self, signal: i32) {
        if signal == rustix::process::Signal::TSTP.as_raw() {
            self.suspend();
            return;
        }
        let code = u8::try_from(128 + signal).unwrap_or(1);
        lock(&self.host.interrupted).get_or_insert(code);
        self.send(Intent::Quit);
    }

    fn paste(&mut self, text: &str) {
        if let Some(search) = &mut self.search {
            search.insert(text);
            self.search_again();
            return;
        }
        match self.views.paste(text) {
            Routed::Consumed(events) => self.deliver(events),
            Routed::Pass => match super::drop::dropped(text, &self.host.cwd) {
                Some(dropped) => self.attach_or_name(dropped),
                None => {
                    self.draft.paste(text);
                    self.draft.offer(None);
                }
            },
        }
    }

    fn key(&mut self, key: Key) {
        let name = key.to_string();
        if self.search_key(key, &name) {
            return;
        }
        if name == "escape" && self.draft.choices().is_some() && !self.views.has_capture() {
            self.draft.offer(None);
            return;
        }
        // Ctrl+C ends zi whatever has the keyboard.
        if name != "ctrl+c"
            && let Routed::Consumed(events) = self.views.key(&name, self.draft.is_empty())
        {
            self.deliver(events);
            return;
        }
        if self.block_key(&name) {
            return;
        }
        match self.keymap.get(&name, self.is_busy).cloned() {
            Some(Bound::Action(action)) => self.act(action, ""),
            Some(Bound::Command(command)) => self.send(Intent::Command(command)),
            Some(Bound::Call(callback)) => self.send(Intent::Call(callback)),
            None => {
                if let Some(c) = key.text() {
                    self.draft.insert(c.encode_utf8(&mut [0; 4]));
                    self.complete_typed();
                }
            }
        }
    }

    /// Keys for the block that is chosen.
    fn block_key(&mut self, name: &str) -> bool {
        let Some(chosen) = self.feed.chosen() else { return false };
        match name {
            "enter" | "space" => self.feed.toggle(&chosen),
            "y" | "c" => {
                let text = self.feed.plain_text(&chosen);
                self.copy(&text);
                self.flash("copied");
                self.feed.choose_none();
            }
            "escape" => self.feed.choose_none(),
            _ => return false,
        }
        true
    }

    pub(super) fn act(&mut self, action: Action, argument: &str) {
        match action {
            Action::Submit => self.submit(false),
            Action::SubmitNow => self.submit(true),
            Action::Cancel => self.cancel(),
            Action::Interrupt => self.interrupt(),
            Action::QuitOrDelete if self.draft.is_empty() => self.send(Intent::Quit),
            Action::QuitOrDelete => self.edit(EditAction::DeleteRight),
            Action::Suspend => self.suspend(),
            Action::Redraw => self.terminal.invalidate(),
            Action::Complete => self.complete_key(),
            Action::Up => self.up(),
            Action::Down => self.down(),
            Action::HistoryPrevious => {
                self.draft.previous();
            }
            Action::HistoryNext => {
                self.draft.next();
            }
            Action::ScrollUp => self.feed.scroll(-1),
            Action::ScrollDown => self.feed.scroll(1),
            Action::ScrollHalfUp => self.feed.scroll_half(-1),
            Action::ScrollHalfDown => self.feed.scroll_half(1),
            Action::ScrollPageUp => self.feed.scroll_page(-1),
            Action::ScrollPageDown => self.feed.scroll_page(1),
            Action::ScrollTop => self.feed.go_to_top(),
            Action::ScrollBottom => self.feed.go_to_bottom(),
            Action::BlockPrevious => self.feed.choose_previous(),
            Action::BlockNext => self.feed.choose_next(),
            Action::ExpandAll => self.feed.toggle_all(),
            Action::Search => self.begin_search(argument),
            Action::SearchNext => self.feed.next_match(1),
            Action::SearchPrevious => self.feed.next_match(-1),
            Action::CopyLast => self.send(Intent::Command("/copy".to_owned())),
            Action::ExternalEditor => self.edit_elsewhere(),
            Action::PasteImage => self.paste_image(),
            Action::Pager => self.page_transcript(),
            Action::Edit(action) => self.edit(action),
        }
    }

    fn edit(&mut self, action: EditAction) {
        self.draft.apply(action);
        let is_typing = matches!(action, EditAction::DeleteLeft | EditAction::DeleteRight);
        if is_typing && self.draft.choices().is_some() {
            self.complete_typed();
        } else {
            self.draft.offer(None);
        }
    }

    fn up(&mut self) {
        if self.draft.choices().is_some() {
            self.draft.choose(-1);
        } else if self.draft.is_empty() {
            self.feed.scroll(-SCROLL_ROWS);
        } else if !self.draft.move_row(EditAction::MoveUp) {
            self.draft.previous();
        }
    }

    fn down(&mut self) {
        if self.draft.choices().is_some() {
            self.draft.choose(1);
        } else if self.draft.is_empty() {
            self.feed.scroll(SCROLL_ROWS);
        } else if !self.draft.move_row(EditAction::MoveDown) {
            self.draft.next();
        }
    }

    fn submit(&mut self, is_urgent: bool) {
        if self.takes_choice() {
            return;
        }
        if let Some(hint) = self.unknown_command() {
            self.flash(&hint);
            return;
        }
        if let Some(said) = self.draft.take(is_urgent) {
            self.asked += 1;
            self.feed.go_to_bottom();
            self.send(Intent::Say(said));
        }
    }

    /// Puts the selected completion, if there is one. What completes a command runs it as well; a
    /// word of a text waits for more. Answers whether that was all that was meant.
    fn takes_choice(&mut self) -> bool {
        let Some(choices) = self.draft.choices() else { return false };
        if self.answered != self.asked {
            // They were for what stood there before the last letters.
            self.draft.offer(None);
            return false;
        }
        match choices.place {
            Place::Argument { is_empty: true } if !choices.is_touched => false,
            Place::Command | Place::Argument { .. } => {
                self.draft.accept();
                false
            }
            Place::Word => {
                self.accept_choice();
                true
            }
        }
    }

    fn accept_choice(&mut self) {
        let accepted = self.draft.accept();
        if accepted.is_some_and(|item| item.goes_on) {
            self.complete_typed();
        }
    }

    /// A slash and a word that is nearly a command is most likely a slip. Saying it again means it.
    fn unknown_command(&mut self) -> Option<String> {
        let text = self.draft.text().trim_end();
        let name = text.strip_prefix('/')?.split_whitespace().next()?;
        let is_word =
            name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'));
        let commands = self.host.registry.commands();
        let is_known = commands.iter().any(|(known, _)| {
            known == name || known.strip_prefix(name).is_some_and(|rest| rest.starts_with(':'))
        });
        if !is_word || is_known || self.host.cwd.join(text).exists() {
            return None;
        }
        if self.hint.as_ref().is_some_and(|(hint, _)| hint.contains(&format!("`/{name}`"))) {
            return None;
        }
        let names: Vec<&str> = commands.iter().map(|(name, _)| name.as_str()).collect();
        let near =
            crate::near::nearest(name, &names).map(|near| format!(", did you mean `/{near}`?"));
        let near = near.unwrap_or_default();
        Some(format!("`/{name}` is no command{near} (enter again says it as it is)"))
    }

    fn cancel(&mut self) {
        let is_second = self.escaped_at.take().is_some_and(|at| at.elapsed() < ESCAPE_TWICE);
        if self.draft.choices().is_some() {
            self.draft.offer(None);
        } else if self.is_busy || self.feed.is_shell_running() {
            self.send(Intent::Stop);
        } else if !self.draft.is_empty() {
            self.draft.clear();
        } else if is_second {
            self.send(Intent::Command("/back".to_owned()));
        } else {
            self.escaped_at = Some(Instant::now());
        }
    }

    fn interrupt(&mut self) {
        let is_second = self.interrupted_at.take().is_some_and(|at| at.elapsed() < TWICE);
        if is_second {
            self.send(Intent::Quit);
            return;
        }
        self.interrupted_at = Some(Instant::now());
        self.draft.clear();
        self.flash("ctrl+c again ends zi");
    }

    /// Says something under the draft for a moment.
    pub(super) fn flash(&mut self, text: &str) {
        self.hint = Some((text.to_owned(), Instant::now() + TWICE));
    }

    pub(super) fn send(&self, intent: Intent) {
        // The other side is gone only when zi ends.
        self.intents.send(intent).ok();
    }

    /// Brings events to the extensions that own the views.
    fn deliver(&mut self, events: Vec<UiEvent>) {
        for event in events {
            self.host.tell_ui(event);
        }
    }

    // Completion ----------------------------------------------------------------------------------

    /// Offers what fits the word that is being typed.
    fn complete_typed(&mut self) {
        self.complete(false);
    }

    fn complete_key(&mut self) {
        if self.draft.choices().is_some() && self.answered == self.asked {
            self.accept_choice();
        } else {
            self.complete(true);
        }
    }

    fn complete(&mut self, asked: bool) {
        self.asked += 1;
        let wanted = complete::wanted(&self.host, self.draft.text(), self.draft.caret(), asked);
        let Some((range, wanted)) = wanted else {
            self.draft.offer(None);
            return;
        };
        let mut choices = Choices { range, place: wanted.place(), ..Choices::default() };
        if let complete::Wanted::Command { prefix } = &wanted {
            choices.items = complete::commands(&self.host, prefix);
            self.answered = self.asked;
            self.draft.offer(Some(choices));
            return;
        }
        let (number, updates, files) = (self.asked, self.updates.clone(), self.files.clone());
        self.work(move |host| async move {
            choices.items = complete::find(host, files, wanted).await;
            updates.send(Update::Choices(number, choices));
        });
    }

    pub(super) fn work<F>(&self, work: impl FnOnce(Arc<Host>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.send(Intent::Work(Work(Box::new(move |host| Box::pin(work(host))))));
    }

    fn ask_for_renderings(&mut self) {
        for wanted in self.feed.take_wanted() {
            let updates = self.updates.clone();
            let theme = self.theme.clone();
            self.work(move |host| async move {
                updates.send(Update::Rendered(super::render::render(&host, wanted, &theme).await));
            });
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

    // Searching -----------------------------------------------------------------------------------

    fn begin_search(&mut self, text: &str) {
        self.search = Some(Search::new(text));
        self.search_again();
    }

    fn search_again(&mut self) {
        if let Some(search) = &self.search {
            self.feed.search(search.text());
        }
    }

    fn end_search(&mut self) {
        self.search = None;
        self.feed.end_search();
    }

    /// Keys while a search is open: typing changes it, enter and the arrows go from place to place.
    fn search_key(&mut self, key: Key, name: &str) -> bool {
        let Some(search) = &mut self.search else { return false };
        match (name, key.code) {
            ("escape", _) => self.end_search(),
            ("enter" | "down" | "ctrl+n", _) => self.feed.next_match(1),
            ("shift+enter" | "up" | "ctrl+p", _) => self.feed.next_match(-1),
            ("ctrl+c", _) => return false,
            (_, KeyCode::PageUp | KeyCode::PageDown) => return false,
            _ => {
                if let Some(c) = key.text() {
                    search.insert(c.encode_utf8(&mut [0; 4]));
                } else if let Some(action) = EditAction::of_key(name) {
                    search.apply(action);
                } else {
                    return false;
                }
                self.search_again();
            }
        }
        true
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
