//! What is typed, pasted and pressed, and what it means where.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use zi_kernel::term::{Input, Key, KeyCode, MouseKind};

use super::{App, TWICE};
use crate::{
    host::{Host, lock},
    modes::{
        driver::{Intent, Work},
        tui::{
            actions::{Action, Bound},
            complete::{self, Choices, Place},
            front::Update,
            search::Search,
        },
    },
    scene::{
        edit::EditAction,
        views::{Routed, UiEvent},
    },
};

/// Within this time a second Escape means more than the first.
const ESCAPE_TWICE: Duration = Duration::from_millis(700);
/// Rows that a line key scrolls in an empty draft.
const SCROLL_ROWS: isize = 3;

impl App {
    // Input ---------------------------------------------------------------------------------------

    pub(super) fn input(&mut self, input: Input) {
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

    pub(super) fn signal(&mut self, signal: i32) {
        if signal == rustix::process::Signal::TSTP.as_raw() {
            self.suspend();
            return;
        }
        let code = u8::try_from(128 + signal).unwrap_or(1);
        lock(&self.host.interrupted).get_or_insert(code);
        self.send(Intent::Quit);
    }

    pub(super) fn paste(&mut self, text: &str) {
        if let Some(search) = &mut self.search {
            search.insert(text);
            self.search_again();
            return;
        }
        match self.views.paste(text) {
            Routed::Consumed(events) => self.deliver(events),
            Routed::Pass => match crate::modes::tui::drop::dropped(text, &self.host.cwd) {
                Some(dropped) => self.attach_or_name(dropped),
                None => {
                    self.draft.paste(text);
                    self.draft.offer(None);
                }
            },
        }
    }

    pub(super) fn key(&mut self, key: Key) {
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
    pub(super) fn block_key(&mut self, name: &str) -> bool {
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

    pub(in crate::modes::tui) fn act(&mut self, action: Action, argument: &str) {
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

    pub(super) fn edit(&mut self, action: EditAction) {
        self.draft.apply(action);
        let is_typing = matches!(action, EditAction::DeleteLeft | EditAction::DeleteRight);
        if is_typing && self.draft.choices().is_some() {
            self.complete_typed();
        } else {
            self.draft.offer(None);
        }
    }

    pub(super) fn up(&mut self) {
        if self.draft.choices().is_some() {
            self.draft.choose(-1);
        } else if self.draft.is_empty() {
            self.feed.scroll(-SCROLL_ROWS);
        } else if !self.draft.move_row(EditAction::MoveUp) {
            self.draft.previous();
        }
    }

    pub(super) fn down(&mut self) {
        if self.draft.choices().is_some() {
            self.draft.choose(1);
        } else if self.draft.is_empty() {
            self.feed.scroll(SCROLL_ROWS);
        } else if !self.draft.move_row(EditAction::MoveDown) {
            self.draft.next();
        }
    }

    pub(super) fn submit(&mut self, is_urgent: bool) {
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
    pub(super) fn takes_choice(&mut self) -> bool {
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

    pub(super) fn accept_choice(&mut self) {
        let accepted = self.draft.accept();
        if accepted.is_some_and(|item| item.goes_on) {
            self.complete_typed();
        }
    }

    /// A slash and a word that is nearly a command is most likely a slip. Saying it again means it.
    pub(super) fn unknown_command(&mut self) -> Option<String> {
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

    pub(super) fn cancel(&mut self) {
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

    pub(super) fn interrupt(&mut self) {
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
    pub(in crate::modes::tui) fn flash(&mut self, text: &str) {
        self.hint = Some((text.to_owned(), Instant::now() + TWICE));
    }

    pub(in crate::modes::tui) fn send(&self, intent: Intent) {
        // The other side is gone only when zi ends.
        self.intents.send(intent).ok();
    }

    /// Brings events to the extensions that own the views.
    pub(super) fn deliver(&mut self, events: Vec<UiEvent>) {
        for event in events {
            self.host.tell_ui(event);
        }
    }

    // Completion ----------------------------------------------------------------------------------

    /// Offers what fits the word that is being typed.
    pub(super) fn complete_typed(&mut self) {
        self.complete(false);
    }

    pub(super) fn complete_key(&mut self) {
        if self.draft.choices().is_some() && self.answered == self.asked {
            self.accept_choice();
        } else {
            self.complete(true);
        }
    }

    pub(super) fn complete(&mut self, asked: bool) {
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

    pub(in crate::modes::tui) fn work<F>(&self, work: impl FnOnce(Arc<Host>) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.send(Intent::Work(Work(Box::new(move |host| Box::pin(work(host))))));
    }

    pub(super) fn ask_for_renderings(&mut self) {
        for wanted in self.feed.take_wanted() {
            let updates = self.updates.clone();
            let theme = self.theme.clone();
            self.work(move |host| async move {
                updates.send(Update::Rendered(
                    crate::modes::tui::render::render(&host, wanted, &theme).await,
                ));
            });
        }
    }

    // Searching -----------------------------------------------------------------------------------

    pub(super) fn begin_search(&mut self, text: &str) {
        self.search = Some(Search::new(text));
        self.search_again();
    }

    pub(super) fn search_again(&mut self) {
        if let Some(search) = &self.search {
            self.feed.search(search.text());
        }
    }

    pub(super) fn end_search(&mut self) {
        self.search = None;
        self.feed.end_search();
    }

    /// Keys while a search is open: typing changes it, enter and the arrows go from place to place.
    pub(super) fn search_key(&mut self, key: Key, name: &str) -> bool {
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
}
