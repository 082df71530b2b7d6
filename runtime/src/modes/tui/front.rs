//! The front of the terminal interface: passes on what happens to the thread that draws.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        mpsc::{Receiver, Sender, channel},
    },
};

use serde_json::Value;
use tokio::sync::oneshot;
use zi_kernel::{job, term::Input};

use super::{complete::Choices, render::Rendered};
use crate::{
    hooks::Event,
    host::{Controls, ForegroundResult, Front, Host, Level, lock},
    modes::driver::{Said, Screen, ShellUpdate},
    scene::UiRequest,
};

/// What the drawing thread hears of.
#[derive(Debug)]
pub enum Update {
    Input(Input),
    Event(Event),
    Notice(Level, String),
    /// What is to be seen of the next answer.
    Shown(String),
    Ui(UiRequest),
    GiveBack(Vec<Said>),
    Shell(ShellUpdate),
    Busy(bool),
    /// Completions for the question of that number.
    Choices(u64, Choices),
    /// What an extension made of a block.
    Rendered(Rendered),
    /// A frame came to a surface.
    Frame,
    /// Does what a key does that is bound to the action.
    Act(super::actions::Action, String),
    Theme(Arc<crate::scene::theme::Theme>),
    Alert(String),
    Foreground(job::Spec, oneshot::Sender<ForegroundResult>),
    /// Extensions changed: keys and commands are others.
    Registered,
    /// An image for the draft, and a word about it; or why there is none.
    Attach(Result<(Value, String), String>),
    End,
}

/// Where updates go.
#[derive(Clone, Debug)]
pub struct Updates(Sender<Update>);

impl Updates {
    /// A queue of updates, and its end.
    pub fn new() -> (Self, Receiver<Update>) {
        let (sender, receiver) = channel();
        (Self(sender), receiver)
    }

    pub fn send(&self, update: Update) {
        // The drawing thread is gone only when zi ends.
        self.0.send(update).ok();
    }
}

impl Screen for Updates {
    fn give_back(&self, said: Vec<Said>) {
        self.send(Update::GiveBack(said));
    }

    fn shell(&self, update: ShellUpdate) {
        self.send(Update::Shell(update));
    }

    fn busy(&self, is_busy: bool) {
        self.send(Update::Busy(is_busy));
    }
}

/// What is known of the screen on all threads.
#[derive(Debug, Default)]
pub struct Shared {
    pub themes: super::themes::Themes,
    /// Columns and rows.
    pub size: Mutex<(u16, u16)>,
}

/// The front of the terminal interface.
pub struct TuiFront {
    updates: Updates,
    shared: Arc<Shared>,
}

impl TuiFront {
    pub fn new(updates: Updates, shared: Arc<Shared>) -> Self {
        Self { updates, shared }
    }
}

impl fmt::Debug for TuiFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TuiFront")
    }
}

impl Front for TuiFront {
    fn mode(&self) -> &'static str {
        "tui"
    }

    fn event(&self, event: &Event) {
        self.updates.send(Update::Event(event.clone()));
    }

    fn notice(&self, level: Level, text: &str) {
        self.updates.send(Update::Notice(level, text.to_owned()));
    }

    fn registered(&self) {
        self.updates.send(Update::Registered);
    }

    fn shown(&self, text: &str) {
        self.updates.send(Update::Shown(text.to_owned()));
    }

    fn has_screen(&self) -> bool {
        true
    }

    fn ui(&self, request: UiRequest) {
        self.updates.send(Update::Ui(request));
    }

    fn controls(&self) -> Option<&dyn Controls> {
        Some(self)
    }

    fn foreground(&self, spec: job::Spec) -> Option<oneshot::Receiver<ForegroundResult>> {
        let (sender, ended) = oneshot::channel();
        self.updates.send(Update::Foreground(spec, sender));
        Some(ended)
    }
}

impl Controls for TuiFront {
    fn size(&self) -> (u16, u16) {
        *lock(&self.shared.size)
    }

    fn keys(&self, host: &Host) -> Value {
        super::keys(host)
    }

    fn themes(&self) -> Vec<String> {
        self.shared.themes.names()
    }

    fn theme(&self) -> String {
        self.shared.themes.chosen()
    }

    fn set_theme(&self, name: &str) -> Result<(), String> {
        let theme = self.shared.themes.choose(name)?;
        self.updates.send(Update::Theme(theme));
        Ok(())
    }

    fn act(&self, action: &str, argument: &str) -> Result<(), String> {
        let action = super::actions::find(action)?;
        self.updates.send(Update::Act(action, argument.to_owned()));
        Ok(())
    }

    fn alert(&self, text: &str) {
        self.updates.send(Update::Alert(text.to_owned()));
    }
}
