//! The core's side of an interactive mode: does what the user asks for, one run at a time.
//!
//! The screen sends intents and hears of everything by events. Nothing here waits for the screen, and
//! the screen never waits for what is here.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::{
    api::{self, Call, Failure},
    extensions::{Invocation, budgets},
    host::{Host, Level, lock},
    registry::Callback,
    run::{Prompt, Ran, Status, UserCommand, UserCommandResult},
};

/// How long handlers may still work when zi ends.
const GRACE: Duration = Duration::from_secs(3);

/// What the user wants.
#[derive(Debug)]
pub enum Intent {
    /// Something was said: a command, a shell command, or words for the model.
    Say(Said),
    /// The command that is running, or the run, is to end. What waits to be said is given back.
    Stop,
    /// A key that an extension bound to a function.
    Call(Callback),
    /// A key that is bound to a slash command.
    Command(String),
    /// A task of the screen's own that is to run beside.
    Work(Work),
    /// zi is to end.
    Quit,
}

/// Work that a screen hands over.
pub struct Work(pub Box<dyn FnOnce(Arc<Host>) -> WorkFuture + Send>);

pub type WorkFuture = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Work")
    }
}

/// What the user typed.
#[derive(Clone, Debug, Default)]
pub struct Said {
    pub text: String,
    pub images: Vec<serde_json::Value>,
    /// Whether the model is to hear it before its next step, and not only when it is done.
    pub is_urgent: bool,
}

/// What the driver tells the screen, besides what the host's front hears.
pub trait Screen: Send + Sync {
    /// The text could not be used: it goes back to the editor. `why` was told already.
    fn give_back(&self, said: Vec<Said>);
    /// A command of the user begins, or ended.
    fn shell(&self, update: ShellUpdate);
    /// Whether a run or a command is going on.
    fn busy(&self, is_busy: bool);
}

/// How a command of the user goes.
#[derive(Clone, Debug)]
pub enum ShellUpdate {
    Started(UserCommand),
    /// With its output, or why there is none.
    Ended(Result<UserCommandResult, String>),
}

/// Drives the host until the user, an extension or a signal ends it.
pub async fn drive(
    host: &Arc<Host>,
    screen: Arc<dyn Screen>,
    mut intents: mpsc::UnboundedReceiver<Intent>,
    first: Option<Prompt>,
) {
    let driver = Driver {
        host: host.clone(),
        screen,
        shell: Mutex::default(),
        is_running: AtomicBool::new(false),
    };
    let driver = Arc::new(driver);
    if let Some(prompt) = first {
        driver.clone().start(Said { text: prompt.text, images: prompt.images, is_urgent: false });
    }
    let runner = tokio::spawn(driver.clone().run_what_waits());
    loop {
        let intent = tokio::select! {
            intent = intents.recv() => intent,
            () = host.shutdown.cancelled() => break,
        };
        match intent {
            None | Some(Intent::Quit) => break,
            Some(intent) => driver.clone().take(intent),
        }
    }
    lock(&host.interrupted).get_or_insert(0);
    driver.stop();
    host.shutdown.cancel();
    // The run mends its transcript on the way out.
    tokio::time::timeout(GRACE, runner).await.ok();
}

struct Driver {
    host: Arc<Host>,
    screen: Arc<dyn Screen>,
    /// Counts the commands of the user, and ends the one that is running.
    shell: Mutex<(u64, Option<CancellationToken>)>,
    /// Whether a prompt was taken to be run, and has not ended. It changes with the queues locked.
    is_running: AtomicBool,
}

impl Driver {
    fn take(self: Arc<Self>, intent: Intent) {
        match intent {
            Intent::Say(said) => self.start(said),
            Intent::Stop => self.stop_and_give_back(),
            Intent::Call(callback) => {
                tokio::spawn(async move { self.call(&callback).await });
            }
            Intent::Command(text) => {
                tokio::spawn(async move {
                    let said = Said { text, ..Said::default() };
                    if let Ran::NoCommand = self.command(&said).await {
                        let text = format!("there is no command `{}` for that key", said.text);
                        self.host.notice(Level::Error, &text);
                    }
                });
            }
            Intent::Work(Work(work)) => {
                tokio::spawn(work(self.host.clone()));
            }
            Intent::Quit => {}
        }
    }

    /// Commands run beside a run; words wait for their turn.
    fn start(self: Arc<Self>, said: Said) {
        if let Some(command) = UserCommand::read(&said.text) {
            tokio::spawn(async move { self.shell(command).await });
        } else if said.text.starts_with('/') {
            tokio::spawn(async move {
                match self.command(&said).await {
                    Ran::NoCommand => self.queue(said),
                    Ran::Done | Ran::Failed(_) => {}
                }
            });
        } else {
            self.queue(said);
        }
    }

    async fn command(&self, said: &Said) -> Ran {
        let ran = self.host.run_command(&said.text).await;
        if let Ran::Failed(failure) = &ran {
            self.host.notice(Level::Error, &failure.message);
        }
        ran
    }

    fn queue(&self, said: Said) {
        let prompt = Prompt { text: said.text, images: said.images, source: "user" };
        {
            let mut queues = lock(&self.host.queues);
            // What was said before and has not begun to run counts as well.
            let is_busy = self.is_running.load(Ordering::Acquire) || !queues.prompts.is_empty();
            match (is_busy, said.is_urgent) {
                (false, _) => queues.prompts.push_back(prompt),
                (true, true) => queues.steering.push_back(prompt),
                (true, false) => queues.follow_up.push_back(prompt),
            }
        }
        self.host.emit_queues();
        self.host.wake.notify_one();
    }

    fn stop(&self) {
        if let Some(shell) = &lock(&self.shell).1 {
            shell.cancel();
        }
        self.host.abort();
    }

    /// What waits was meant to follow what is now ended: the user decides anew.
    fn stop_and_give_back(&self) {
        self.stop();
        let waiting: Vec<Prompt> = {
            let mut queues = lock(&self.host.queues);
            let mut waiting: Vec<Prompt> = queues.prompts.drain(..).collect();
            waiting.extend(queues.steering.drain(..));
            waiting.extend(queues.follow_up.drain(..));
            waiting
        };
        let (own, others): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|prompt| prompt.source == "user");
        lock(&self.host.queues).follow_up.extend(others);
        if !own.is_empty() {
            self.host.emit_queues();
            let own = own.into_iter().map(|prompt| Said {
                text: prompt.text,
                images: prompt.images,
                is_urgent: false,
            });
            self.screen.give_back(own.collect());
        }
    }

    async fn call(&self, callback: &Callback) {
        let call = Call::new(&self.host, &callback.owner).for_user();
        let done = Invocation::new(callback, "a key", budgets::WORK)
            .start(
                move |lua| {
                    let ctx = api::make_ctx(lua, call)?;
                    Ok(mlua::MultiValue::from_iter([ctx]))
                },
                |_, _| Ok(()),
            )
            .await;
        if let Err(failure) = done
            && !failure.cancelled
        {
            self.host.report(&failure, "a key");
        }
    }

    async fn shell(&self, command: UserCommand) {
        let token = CancellationToken::new();
        let number = {
            let mut shell = lock(&self.shell);
            shell.0 += 1;
            // One at a time: the newer one is what the user wants.
            if let Some(before) = shell.1.replace(token.clone()) {
                before.cancel();
            }
            shell.0
        };
        self.screen.shell(ShellUpdate::Started(command.clone()));
        let result = tokio::select! {
            result = self.host.user_bash(&command) => result,
            () = token.cancelled() => Err("it was ended".to_owned()),
        };
        {
            let mut shell = lock(&self.shell);
            if shell.0 == number {
                shell.1 = None;
            }
        }
        self.screen.shell(ShellUpdate::Ended(result));
    }

    /// Runs prompts one after the other, for as long as zi runs.
    async fn run_what_waits(self: Arc<Self>) {
        loop {
            self.host.apply_changes().await;
            if self.host.shutdown.is_cancelled() {
                return;
            }
            let next = {
                let mut queues = lock(&self.host.queues);
                let next = queues.next_prompt();
                self.is_running.store(next.is_some(), Ordering::Release);
                next
            };
            match next {
                Some(prompt) => {
                    self.host.emit_queues();
                    self.screen.busy(true);
                    self.run(prompt).await;
                    self.screen.busy(false);
                }
                None => tokio::select! {
                    () = self.host.wake.notified() => {}
                    () = self.host.shutdown.cancelled() => return,
                },
            }
        }
    }

    async fn run(&self, prompt: Prompt) {
        let said =
            Said { text: prompt.text.clone(), images: prompt.images.clone(), is_urgent: false };
        let is_own = prompt.source == "user";
        let refused = match self.ready().await {
            Ok(()) => match self.host.prompt(prompt).await {
                Ok(report) => {
                    if let Some(report) = report
                        && report.status == Status::Limit
                    {
                        let text = format!(
                            "the limit of {} model calls was reached; say anything to go on",
                            report.turns
                        );
                        self.host.notice(Level::Warn, &text);
                    }
                    return;
                }
                Err(err) => err.to_string(),
            },
            Err(why) => why,
        };
        self.host.notice(Level::Error, &refused);
        if is_own {
            self.screen.give_back(vec![said]);
        }
    }

    /// Whether there is a model to ask and a key to ask it with.
    async fn ready(&self) -> Result<(), String> {
        if self.host.model().is_none() {
            self.host.choose_model().map_err(|err| err.to_string())?;
        }
        let Some(model) = self.host.model() else { return Err("no model is chosen".to_owned()) };
        let Some(provider) = self.host.registry.provider(&model.provider) else { return Ok(()) };
        self.host.credential(&provider).await.map(drop).map_err(|err| {
            Failure::new("auth", format!("{err}; `/model` chooses another model, `/login` logs in"))
                .message
        })
    }
}
