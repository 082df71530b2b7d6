//! Jobs of extensions: children that run beside, and what they print as events for their owner.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};
use zi_kernel::job::{Chunk, Job, JobError, Spec, Stream};

use crate::{
    extensions::Extension,
    hooks::Event,
    host::{Host, lock},
};

/// Longest line of a `json_lines` job, unless it says otherwise.
pub const MAX_LINE_BYTES: usize = 1 << 20;

/// What a job's standard output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Chunks,
    JsonLines { max_line_bytes: usize },
}

/// A job while it runs.
#[derive(Debug)]
pub struct RunningJob {
    pub owner: Arc<Extension>,
    pub argv: Vec<String>,
    input: Option<mpsc::Sender<bytes::Bytes>>,
    stop: Option<oneshot::Sender<()>>,
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

impl Host {
    /// Starts a job for `owner`; what it prints comes to the owner's handlers.
    pub(crate) fn start_job(
        self: &Arc<Self>,
        owner: &Arc<Extension>,
        spec: Spec,
        output: Output,
    ) -> Result<u64, JobError> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let argv = spec.argv.clone();
        let mut job = {
            let _io = self.io.enter();
            Job::start(spec)?
        };
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let running =
            RunningJob { owner: owner.clone(), argv, input: job.input(), stop: job.take_stop() };
        lock(&self.jobs).insert(id, running);
        let (host, owner) = (self.clone(), owner.clone());
        self.io.spawn(async move {
            let mut lines = Lines::new(output);
            while let Some(chunk) = job.next().await {
                for event in lines.events(id, chunk) {
                    host.tell_owner(&owner, event);
                }
            }
            lock(&host.jobs).remove(&id);
        });
        Ok(id)
    }

    /// Gives data to a job's input; `false` when there is no such job, or it has no input left.
    pub(crate) async fn write_job(&self, owner: &Arc<Extension>, id: u64, data: Vec<u8>) -> bool {
        let input = {
            let jobs = lock(&self.jobs);
            let own = jobs.get(&id).filter(|job| Arc::ptr_eq(&job.owner, owner));
            own.and_then(|job| job.input.clone())
        };
        match input {
            Some(input) => input.send(data.into()).await.is_ok(),
            None => false,
        }
    }

    /// Asks a job to end; `false` when there is no such job of this owner.
    pub(crate) fn stop_job(&self, owner: &Arc<Extension>, id: u64) -> bool {
        let mut jobs = lock(&self.jobs);
        let Some(job) = jobs.get_mut(&id).filter(|job| Arc::ptr_eq(&job.owner, owner)) else {
            return false;
        };
        job.end();
        true
    }

    /// Asks every job of `owner` to end.
    pub(crate) fn stop_jobs_of(&self, owner: &Arc<Extension>) {
        let mut jobs = lock(&self.jobs);
        jobs.values_mut().filter(|job| Arc::ptr_eq(&job.owner, owner)).for_each(RunningJob::end);
    }

    /// Tells the handlers of one extension only.
    fn tell_owner(self: &Arc<Self>, owner: &Arc<Extension>, event: Event) {
        for callback in self.registry.handlers_of(owner, &event.name) {
            self.observe(&callback, event.clone());
        }
    }
}

/// Cuts what a job prints into events.
struct Lines {
    output: Output,
    line: Vec<u8>,
    too_long: bool,
}

impl Lines {
    fn new(output: Output) -> Self {
        Self { output, line: Vec::new(), too_long: false }
    }

    fn events(&mut self, id: u64, chunk: Chunk) -> Vec<Event> {
        match (chunk, self.output) {
            (Chunk::Output(Stream::Stdout, bytes), Output::JsonLines { max_line_bytes }) => {
                let mut events = Vec::new();
                for part in bytes.split_inclusive(|byte| *byte == b'\n') {
                    let (text, ends) = match part.strip_suffix(b"\n") {
                        Some(text) => (text, true),
                        None => (part, false),
                    };
                    if self.line.len() + text.len() > max_line_bytes {
                        self.too_long = true;
                        self.line.clear();
                    } else if !self.too_long {
                        self.line.extend_from_slice(text);
                    }
                    if ends {
                        events.extend(self.end_line(id, max_line_bytes));
                    }
                }
                events
            }
            (Chunk::Output(stream, bytes), _) => {
                let name = if stream == Stream::Stdout { "job_stdout" } else { "job_stderr" };
                let data = String::from_utf8_lossy(&bytes).into_owned();
                vec![Event::new(name, json!({ "id": id, "data": data }))]
            }
            (Chunk::Exit(exit), output) => {
                let mut events = Vec::new();
                if let Output::JsonLines { max_line_bytes } = output
                    && (!self.line.is_empty() || self.too_long)
                {
                    events.extend(self.end_line(id, max_line_bytes));
                }
                let fields = json!({ "id": id, "code": exit.code, "signal": exit.signal });
                events.push(Event::new("job_exit", fields));
                events
            }
        }
    }

    fn end_line(&mut self, id: u64, max_line_bytes: usize) -> Option<Event> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let fields = if std::mem::take(&mut self.too_long) {
            let error = format!("a line of more than {max_line_bytes} bytes was left out");
            json!({ "id": id, "is_error": true, "error": error })
        } else if line.iter().all(u8::is_ascii_whitespace) {
            return None;
        } else {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => json!({ "id": id, "value": value }),
                Err(err) => json!({ "id": id, "is_error": true, "error": err.to_string() }),
            }
        };
        Some(Event::new("job_json", fields))
    }
}
