//! Jobs of extensions: children that run beside, and what they print as events for their owner.

mod mail;
mod output;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::future::{join_all, pending};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use zi_kernel::job::{Job, JobError, Spec};

pub use mail::{EXIT, MAX_WAITING, Mail};
pub use output::{MAX_LINE_BYTES, Output};
use output::{News, Reader};

use crate::{
    extensions::Extension,
    hooks::Event,
    host::{Host, Level, lock},
};

const EVENTS: &[&str] = &["job_stdout", "job_stderr", "job_json", EXIT];
/// Ended jobs of one extension whose events are kept until they are read.
const MAX_UNREAD: usize = 16;

/// The jobs of all extensions.
#[derive(Debug, Default)]
pub struct Jobs {
    pub running: HashMap<u64, RunningJob>,
    /// Ended ones with events that nobody has taken, the oldest first.
    unread: VecDeque<UnreadJob>,
}

/// A job while it runs.
#[derive(Debug)]
pub struct RunningJob {
    pub owner: Arc<Extension>,
    pub argv: Vec<String>,
    input: Option<mpsc::Sender<bytes::Bytes>>,
    stop: Option<oneshot::Sender<()>>,
    mail: Arc<Mail>,
}

impl RunningJob {
    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself meanwhile.
            stop.send(()).ok();
        }
        self.input = None;
    }
}

#[derive(Debug)]
struct UnreadJob {
    id: u64,
    owner: Arc<Extension>,
    mail: Arc<Mail>,
}

impl Jobs {
    /// The running job `id`, if it is one of `owner`.
    fn own(&mut self, owner: &Arc<Extension>, id: u64) -> Option<&mut RunningJob> {
        self.running.get_mut(&id).filter(|job| Arc::ptr_eq(&job.owner, owner))
    }

    /// Ends a job's entry. What it told and nobody took is kept for a while.
    fn end(&mut self, id: u64) {
        let Some(RunningJob { owner, mail, .. }) = self.running.remove(&id) else { return };
        if !mail.is_unread() || !owner.is_active() {
            return;
        }
        let of_owner = |job: &UnreadJob| Arc::ptr_eq(&job.owner, &owner);
        if self.unread.iter().filter(|job| of_owner(job)).count() >= MAX_UNREAD
            && let Some(oldest) = self.unread.iter().position(of_owner)
        {
            self.unread.remove(oldest);
        }
        self.unread.push_back(UnreadJob { id, owner, mail });
    }
}

/// How a job is started.
#[derive(Debug)]
pub struct Start {
    pub spec: Spec,
    pub output: Output,
    /// Resolves once the code that starts the job waits for the first time; until then no handler is
    /// called, so that this code can ask for the events itself.
    pub started: oneshot::Receiver<()>,
    /// The call that the job ends with.
    pub within: Option<CancellationToken>,
}

impl Host {
    /// Starts a job for `owner`; what it prints comes to the owner.
    pub(crate) fn start_job(
        self: &Arc<Self>,
        owner: &Arc<Extension>,
        start: Start,
    ) -> Result<u64, JobError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let argv = start.spec.argv.clone();
        let mut job = {
            let _io = self.io.enter();
            Job::start(start.spec)?
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (owner, mail) = (owner.clone(), Arc::<Mail>::default());
        let (input, stop) = (job.input(), job.take_stop());
        let running = RunningJob { owner: owner.clone(), argv, input, stop, mail: mail.clone() };
        lock(&self.jobs).running.insert(id, running);
        let reader = Reader::new(id, start.output);
        let attendant =
            Attendant { host: self.clone(), owner, id, mail, held: true, warned: false };
        self.io.spawn(attendant.attend(job, reader, start.started, start.within));
        Ok(id)
    }

    /// Gives data to a job's input; `false` when there is no such job, or it has no input left.
    pub(crate) async fn write_job(&self, owner: &Arc<Extension>, id: u64, data: Vec<u8>) -> bool {
        let input = lock(&self.jobs).own(owner, id).and_then(|job| job.input.clone());
        match input {
            Some(input) => input.send(data.into()).await.is_ok(),
            None => false,
        }
    }

    /// Asks a job to end; `false` when there is no such job of this owner.
    pub(crate) fn stop_job(&self, owner: &Arc<Extension>, id: u64) -> bool {
        match lock(&self.jobs).own(owner, id) {
            Some(job) => {
                job.end();
                true
            }
            None => false,
        }
    }

    /// Takes over the events of a job: handlers get no more of them.
    pub(crate) fn take_mail(&self, owner: &Arc<Extension>, id: u64) -> Option<Arc<Mail>> {
        let mut jobs = lock(&self.jobs);
        let mail = match jobs.own(owner, id) {
            Some(job) => job.mail.clone(),
            None => {
                let is_it = |job: &&UnreadJob| job.id == id && Arc::ptr_eq(&job.owner, owner);
                jobs.unread.iter().find(is_it)?.mail.clone()
            }
        };
        mail.take_over();
        Some(mail)
    }

    /// Waits for the next event of a job; `None` after the last.
    pub(crate) async fn next_event(&self, id: u64, mail: &Mail) -> Option<Event> {
        let event = mail.next().await;
        if event.as_ref().is_none_or(|event| event.name == EXIT) {
            lock(&self.jobs).unread.retain(|job| job.id != id);
        }
        event
    }

    /// Asks every job of `owner` to end, and forgets what its jobs have told and drawn.
    pub(crate) fn stop_jobs_of(&self, owner: &Arc<Extension>) {
        {
            let mut jobs = lock(&self.jobs);
            let own = jobs.running.values_mut().filter(|job| Arc::ptr_eq(&job.owner, owner));
            own.for_each(RunningJob::end);
            jobs.unread.retain(|job| !Arc::ptr_eq(&job.owner, owner));
        }
        self.surfaces.close_all_of(owner);
    }
}

/// Brings what one job prints to its owner, in order.
struct Attendant {
    host: Arc<Host>,
    owner: Arc<Extension>,
    id: u64,
    mail: Arc<Mail>,
    /// Whether the code that started the job has not waited yet.
    held: bool,
    /// Whether the user was told that something is wrong with what the job prints.
    warned: bool,
}

impl Attendant {
    async fn attend(
        mut self,
        mut job: Job,
        mut reader: Reader,
        mut started: oneshot::Receiver<()>,
        within: Option<CancellationToken>,
    ) {
        let mut call_over = std::pin::pin!(async {
            match within {
                Some(call) => call.cancelled().await,
                None => pending().await,
            }
        });
        let (mut ended, mut told_to_stop) = (false, false);
        while self.held || !ended {
            tokio::select! {
                biased;
                () = &mut call_over, if !told_to_stop => {
                    told_to_stop = true;
                    self.host.stop_job(&self.owner, self.id);
                }
                // A sender that is gone means the same: that code waits for nothing any more.
                _ = &mut started, if self.held => {
                    self.held = false;
                    self.release();
                }
                chunk = job.next(), if !ended => match chunk {
                    Some(chunk) => reader.read(chunk).into_iter().for_each(|news| self.tell(news)),
                    None => ended = true,
                },
            }
        }
        lock(&self.host.jobs).end(self.id);
        if !self.owner.is_active() {
            // What a call on a replaced build drew after all.
            self.host.surfaces.close_all_of(&self.owner);
        }
    }

    fn tell(&mut self, news: News) {
        match news {
            News::Event(event) => {
                if event.name == "job_stderr"
                    && let Some(text) = event.fields.get("data").and_then(serde_json::Value::as_str)
                {
                    crate::logs::write(&self.host, &self.owner.id, "stderr", text.trim_end());
                }
                let for_handlers = !self.held && self.has_handlers();
                if let Some(event) = self.mail.post(event, for_handlers) {
                    self.call_handlers(event);
                }
            }
            News::Fault(text) => self.tell_fault(&text),
        }
    }

    /// Gives what was held back to the handlers, if there are any.
    fn release(&self) {
        if self.has_handlers() {
            self.mail.release().into_iter().for_each(|event| self.call_handlers(event));
        }
    }

    fn has_handlers(&self) -> bool {
        let registry = &self.host.registry;
        EVENTS.iter().any(|name| !registry.handlers_of(&self.owner, name).is_empty())
    }

    fn call_handlers(&self, event: Event) {
        let handlers = self.host.registry.handlers_of(&self.owner, &event.name);
        let calls: Vec<_> =
            handlers.iter().map(|handler| self.host.hear(handler, event.clone())).collect();
        let mail = self.mail.clone();
        let calls = async move {
            join_all(calls).await;
            mail.handled();
        };
        self.host.observers.spawn_on(calls, &self.host.io);
    }

    /// Logs what is wrong with a job's output; the user hears of the first.
    fn tell_fault(&mut self, text: &str) {
        if !std::mem::replace(&mut self.warned, true) {
            self.host.notice(Level::Warn, &format!("extension `{}`: {text}", self.owner.id));
        }
        crate::logs::write(&self.host, &self.owner.id, "warning", text);
    }
}
