//! Workers: the threads that VMs live on, and the handles that other threads hold.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use mlua::{HookTriggers, Lua, VmState as HookState};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::LocalSet,
};
use tokio_util::sync::CancellationToken;

use super::{
    sandbox,
    task::{Scope, Task, TaskEnd, TaskFuture},
};

/// How long past its budget a VM may keep its thread before it is abandoned.
pub const GRACE: Duration = Duration::from_secs(2);
/// How often a waiting caller looks whether the VM still gives its thread back.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// Instructions between two looks at the clock.
const HOOK_EVERY: u32 = 10_000;
/// Idle coroutines kept for reuse per VM; makes a call three times cheaper.
const THREAD_POOL: usize = 8;

type Command = Box<dyn FnOnce(&WorkerThread) + Send>;
type LocalFuture<T> = Pin<Box<dyn Future<Output = T>>>;

/// What one call may use.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// Longest time without waiting.
    pub burst: Duration,
    /// Whether the call may use functions that wait.
    pub may_wait: bool,
}

/// Why a call gave no value.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    #[error("{0}")]
    Lua(#[from] mlua::Error),
    #[error("`{label}` ran for more than {} ms without waiting", budget.as_millis())]
    Budget { label: String, budget: Duration },
    #[error("`{label}` was cancelled")]
    Cancelled { label: String },
    #[error("`{label}` hit a fault in the host: {message}")]
    Panicked { label: String, message: String },
    #[error("`{label}` does not give its thread back; `{vm}` was abandoned")]
    Abandoned { vm: String, label: String },
    #[error("`{vm}` is gone")]
    Gone { vm: String },
}

/// A thread that runs the tasks of its VMs. Cheap to clone; the thread ends with the last handle.
#[derive(Clone, Debug)]
pub struct Worker {
    shared: Arc<WorkerShared>,
}

#[derive(Debug)]
struct WorkerShared {
    commands: mpsc::UnboundedSender<CommandBox>,
    epoch: Instant,
    /// Milliseconds after `epoch` at which the running burst must have ended; 0 when none runs.
    burst_end_ms: AtomicU64,
    /// The VM and the task of the last burst, to name them when they are stuck.
    burst_label: Mutex<Option<(Arc<str>, Arc<str>)>>,
    abandoned: AtomicBool,
    next_vm: AtomicU64,
}

struct CommandBox(Command);

impl std::fmt::Debug for CommandBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

/// The thread's own side of a worker.
struct WorkerThread {
    shared: Arc<WorkerSide>,
    vms: RefCell<HashMap<u64, (Lua, Rc<VmState>)>>,
}

/// What the thread keeps of the shared part: not the sender, or it would never end.
struct WorkerSide {
    weak: Weak<WorkerShared>,
    io: Handle,
}

impl Worker {
    /// Starts a thread called `name`. Futures that its tasks offload run on `io`.
    pub fn start(name: &str, io: Handle) -> std::io::Result<Self> {
        let (commands, inbox) = mpsc::unbounded_channel::<CommandBox>();
        let shared = Arc::new(WorkerShared {
            commands,
            epoch: Instant::now(),
            burst_end_ms: AtomicU64::new(0),
            burst_label: Mutex::new(None),
            abandoned: AtomicBool::new(false),
            next_vm: AtomicU64::new(1),
        });
        let side = Arc::new(WorkerSide { weak: Arc::downgrade(&shared), io });
        thread::Builder::new().name(name.to_owned()).spawn(move || run_thread(side, inbox))?;
        Ok(Self { shared })
    }

    /// Makes a VM on this thread and runs `setup` in it.
    pub async fn create_vm(
        &self,
        options: VmOptions,
        setup: impl FnOnce(&Lua) -> mlua::Result<()> + Send + 'static,
    ) -> Result<Vm, CallError> {
        let id = self.shared.next_vm.fetch_add(1, Ordering::Relaxed);
        let stats = Arc::new(Stats::default());
        let root = CancellationToken::new();
        let retired = CancellationToken::new();
        let handle = Vm(Arc::new(VmHandle {
            id,
            name: options.name.clone(),
            worker: self.clone(),
            root: root.clone(),
            retired: retired.clone(),
            stats: stats.clone(),
        }));
        let (answer, receiver) = oneshot::channel();
        let name = options.name.clone();
        self.send(Box::new(move |thread| {
            let made =
                build_vm(thread, options, (root, retired), stats).and_then(|(lua, state)| {
                    setup(&lua)?;
                    thread.vms.borrow_mut().insert(id, (lua, state));
                    Ok(())
                });
            answer.send(made).ok();
        }))
        .map_err(|()| CallError::Gone { vm: name.clone() })?;
        receiver.await.map_err(|_| CallError::Gone { vm: name })??;
        Ok(handle)
    }

    /// Whether the thread was given up; VMs made on it from then on are refused.
    pub fn is_abandoned(&self) -> bool {
        self.shared.abandoned.load(Ordering::Acquire)
    }

    fn send(&self, command: Command) -> Result<(), ()> {
        if self.shared.abandoned.load(Ordering::Acquire) {
            return Err(());
        }
        self.shared.commands.send(CommandBox(command)).map_err(|_| ())
    }
}

impl WorkerShared {
    fn now_ms(&self) -> u64 {
        // Milliseconds since start fit 64 bits for half a billion years.
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Names whoever holds the thread; that need not be the call that waits for it.
    fn abandoned_error(&self, vm: &str, label: &str) -> CallError {
        let holder = self.burst_label.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (vm, label) = holder.unwrap_or_else(|| (vm.into(), label.into()));
        CallError::Abandoned { vm: vm.to_string(), label: label.to_string() }
    }

    fn is_stuck(&self) -> bool {
        let end = self.burst_end_ms.load(Ordering::Acquire);
        end != 0 && self.now_ms() > end + u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX)
    }
}

/// How a VM is made.
#[derive(Clone, Debug)]
pub struct VmOptions {
    /// Shown in errors and figures.
    pub name: String,
    /// Most bytes that the VM's Lua heap may hold.
    pub memory_limit: usize,
}

/// What a VM has used so far.
#[derive(Debug, Default)]
pub struct Stats {
    /// Microseconds that its code ran.
    pub busy_us: AtomicU64,
    /// Calls made into it.
    pub calls: AtomicU64,
    /// Calls that wait or run.
    pub pending: AtomicUsize,
    /// Bytes on its Lua heap after the last call.
    pub memory: AtomicUsize,
}

/// Counts a call until it is dropped.
struct Pending(Arc<Stats>);

impl Pending {
    fn new(stats: &Arc<Stats>) -> Self {
        stats.pending.fetch_add(1, Ordering::Relaxed);
        Self(stats.clone())
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        self.0.pending.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handle on a VM, usable from any thread. The VM ends when the last handle is dropped.
#[derive(Clone, Debug)]
pub struct Vm(Arc<VmHandle>);

#[derive(Debug)]
struct VmHandle {
    id: u64,
    name: String,
    worker: Worker,
    root: CancellationToken,
    retired: CancellationToken,
    stats: Arc<Stats>,
}

impl Vm {
    /// The name that the VM was made with.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// What the VM has used so far.
    pub fn stats(&self) -> &Stats {
        &self.0.stats
    }

    /// Whether the VM's thread was given up.
    pub fn is_abandoned(&self) -> bool {
        self.0.worker.shared.abandoned.load(Ordering::Acquire)
    }

    /// Ends every task of the VM and closes what they hold. Calls made later are still answered.
    pub fn cancel_tasks(&self) {
        self.0.root.cancel();
    }

    /// Ends with the VM; cancelling it does what [`Vm::cancel_tasks`] does, without holding the VM.
    pub fn token(&self) -> CancellationToken {
        self.0.root.clone()
    }

    /// Ends the tasks that calls left behind, at once or when the call that is still running ends.
    /// Calls that are running go on; so does what they started and wait for.
    pub fn retire(&self) {
        self.0.retired.cancel();
    }

    /// The labels of the VM's tasks that have not ended, in the order they started. Waits for the
    /// VM's thread; `None` when that is gone.
    pub async fn live_tasks(&self) -> Option<Vec<String>> {
        let (answer, labels) = oneshot::channel();
        let id = self.0.id;
        let sent = self.0.worker.send(Box::new(move |thread| {
            let vms = thread.vms.borrow();
            let live = vms.get(&id).map(|(_, state)| state.live.borrow().clone());
            let live = live.unwrap_or_default();
            let labels = live.iter().map(|label| String::from(&**label)).collect();
            answer.send(labels).ok();
        }));
        sent.ok()?;
        labels.await.ok()
    }

    /// Runs `work` in the VM as a task of its own and waits for its value.
    ///
    /// `work` is called on the VM's thread; the future it returns may call Lua and wait. The call is
    /// queued at once, before the returned future is polled, so calls start in the order they are
    /// made. Dropping the future cancels the task.
    pub fn run<T, W>(
        &self,
        label: &str,
        budget: Budget,
        work: W,
    ) -> impl Future<Output = Result<T, CallError>> + Send + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(Lua) -> LocalFuture<mlua::Result<T>> + Send + 'static,
    {
        let handle = self.0.clone();
        let token = handle.root.child_token();
        let cancel_on_drop = token.clone().drop_guard();
        let waited_for = label.to_owned();
        let (answer, mut receiver) = oneshot::channel();
        let id = handle.id;
        let text = label.to_owned();
        handle.stats.calls.fetch_add(1, Ordering::Relaxed);
        let pending = Pending::new(&handle.stats);
        let sent = handle.worker.send(Box::new(move |thread| {
            let Some((lua, state)) = thread.vms.borrow().get(&id).cloned() else { return };
            let task = Rc::new(Task {
                label: text.into(),
                scope: Scope::new(token, thread.shared.io.clone()),
                vm: state.clone(),
                burst: budget.burst,
                may_wait: budget.may_wait,
                overran: Cell::new(false),
            });
            let future = TaskFuture::new(task.clone(), run_work(lua.clone(), work));
            tokio::task::spawn_local(async move {
                let end = future.await;
                state.stats.memory.store(lua.used_memory(), Ordering::Relaxed);
                answer.send(call_result(&task, end)).ok();
            });
        }));
        async move {
            let _cancel_on_drop = cancel_on_drop;
            let _pending = pending;
            let shared = &handle.worker.shared;
            let gone = || CallError::Gone { vm: handle.name.clone() };
            if sent.is_err() {
                return Err(gone());
            }
            loop {
                match tokio::time::timeout(WATCH_EVERY, &mut receiver).await {
                    Ok(Ok(result)) => return result,
                    Ok(Err(_)) => return Err(gone()),
                    Err(_) if shared.abandoned.load(Ordering::Acquire) || shared.is_stuck() => {
                        shared.abandoned.store(true, Ordering::Release);
                        handle.root.cancel();
                        return Err(shared.abandoned_error(&handle.name, &waited_for));
                    }
                    Err(_) => {}
                }
            }
        }
    }
}

async fn run_work<T>(
    lua: Lua,
    work: impl FnOnce(Lua) -> LocalFuture<mlua::Result<T>>,
) -> mlua::Result<T> {
    work(lua).await
}

fn call_result<T>(task: &Task, end: Result<mlua::Result<T>, TaskEnd>) -> Result<T, CallError> {
    let label = task.label.to_string();
    match end {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(_)) if task.overran.get() => Err(CallError::Budget { label, budget: task.burst }),
        Ok(Err(err)) => Err(CallError::Lua(err)),
        Err(TaskEnd::Cancelled) => Err(CallError::Cancelled { label }),
        Err(TaskEnd::Panicked(message)) => Err(CallError::Panicked { label, message }),
    }
}

impl Drop for VmHandle {
    fn drop(&mut self) {
        self.root.cancel();
        let id = self.id;
        // A stuck or ended thread cannot drop the VM; it then goes with the process.
        self.worker
            .send(Box::new(move |thread| {
                let gone = thread.vms.borrow_mut().remove(&id);
                drop(gone);
            }))
            .ok();
    }
}

/// The thread's own side of a VM.
#[derive(Debug)]
pub(super) struct VmState {
    name: Arc<str>,
    pub(super) root: CancellationToken,
    pub(super) retired: CancellationToken,
    /// The labels of the tasks that have not ended.
    pub(super) live: RefCell<Vec<Arc<str>>>,
    pub(super) stats: Arc<Stats>,
    worker: Weak<WorkerShared>,
    burst: RefCell<Option<Burst>>,
    /// Whether the running burst was told to stop already.
    warned: Cell<bool>,
    /// Whether some coroutine was ever asked at every instruction.
    escalated: Cell<bool>,
}

/// The stretch of Lua code that runs right now.
#[derive(Debug, Clone)]
pub(super) struct Burst {
    task: Rc<Task>,
    deadline: Instant,
}

impl VmState {
    /// Starts the clock for `task`; returns what ran before, for [`Self::end_burst`].
    pub(super) fn begin_burst(&self, task: &Rc<Task>, now: Instant) -> Option<Burst> {
        let deadline = now + task.burst;
        if let Some(shared) = self.worker.upgrade() {
            let end = deadline.saturating_duration_since(shared.epoch).as_millis();
            *shared.burst_label.lock().unwrap_or_else(PoisonError::into_inner) =
                Some((self.name.clone(), task.label.clone()));
            shared
                .burst_end_ms
                .store(u64::try_from(end).unwrap_or(u64::MAX).max(1), Ordering::Release);
        }
        self.warned.set(false);
        self.burst.replace(Some(Burst { task: task.clone(), deadline }))
    }

    pub(super) fn end_burst(&self, started: Instant, outer: Option<Burst>) {
        self.burst.replace(outer);
        if self.burst.borrow().is_none()
            && let Some(shared) = self.worker.upgrade()
        {
            shared.burst_end_ms.store(0, Ordering::Release);
        }
        let us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.stats.busy_us.fetch_add(us, Ordering::Relaxed);
    }

    /// Why the running code must stop now, if it must.
    fn must_stop(&self) -> Option<String> {
        let burst = self.burst.borrow();
        let burst = burst.as_ref()?;
        if burst.task.scope.token().is_cancelled() {
            return Some("cancelled".to_owned());
        }
        if Instant::now() > burst.deadline {
            burst.task.overran.set(true);
            let ms = burst.task.burst.as_millis();
            return Some(format!("ran for more than {ms} ms without waiting"));
        }
        None
    }
}

fn build_vm(
    thread: &WorkerThread,
    options: VmOptions,
    (root, retired): (CancellationToken, CancellationToken),
    stats: Arc<Stats>,
) -> mlua::Result<(Lua, Rc<VmState>)> {
    let lua = sandbox::create(THREAD_POOL)?;
    lua.set_memory_limit(options.memory_limit)?;
    let state = Rc::new(VmState {
        name: options.name.into(),
        root,
        retired,
        live: RefCell::default(),
        stats,
        worker: thread.shared.weak.clone(),
        burst: RefCell::new(None),
        warned: Cell::new(false),
        escalated: Cell::new(false),
    });
    state.watch(&lua, HOOK_EVERY)?;
    Ok((lua, state))
}

impl VmState {
    /// Has the hook called every `count` instructions, in the running coroutine and in new ones.
    /// Allocates nothing in Lua, so it works at the bottom of its stack too.
    fn watch(self: &Rc<Self>, lua: &Lua, count: u32) -> mlua::Result<()> {
        let state = self.clone();
        let triggers = HookTriggers::new().every_nth_instruction(count);
        lua.set_global_hook(triggers, move |lua, _| state.check(lua))
    }

    /// The hook: raises when the running code must stop. The first error may be caught and tidied
    /// up after; code that goes on anyway is asked again at every instruction, which no `pcall` loop
    /// survives.
    fn check(self: &Rc<Self>, lua: &Lua) -> mlua::Result<HookState> {
        if let Some(why) = self.must_stop() {
            if self.warned.replace(true) {
                self.escalated.set(true);
                self.watch(lua, 1)?;
            }
            return Err(mlua::Error::runtime(why));
        }
        if self.escalated.get() {
            // This coroutine may be one that was asked at every instruction: back to the usual pace.
            self.watch(lua, HOOK_EVERY)?;
        }
        Ok(HookState::Continue)
    }
}

fn run_thread(side: Arc<WorkerSide>, mut inbox: mpsc::UnboundedReceiver<CommandBox>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else {
        // Without a runtime the inbox closes, and every caller is told that the VM is gone.
        return;
    };
    let thread = WorkerThread { shared: side, vms: RefCell::new(HashMap::new()) };
    let local = LocalSet::new();
    local.block_on(&runtime, async {
        while let Some(CommandBox(command)) = inbox.recv().await {
            command(&thread);
        }
    });
    // Tasks before VMs: a task that is dropped may still run `<close>` handlers.
    drop(local);
    drop(thread);
}
