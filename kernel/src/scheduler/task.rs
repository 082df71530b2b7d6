//! Tasks: one call into a VM, what it may use up, and what it holds outside Lua.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, sync::oneshot};
use tokio_util::sync::CancellationToken;

use super::worker::VmState;

/// What a task holds outside Lua: every future given to [`Scope::run`] ends with the scope.
#[derive(Clone, Debug)]
pub struct Scope {
    token: CancellationToken,
    io: Handle,
}

impl Scope {
    pub(super) fn new(token: CancellationToken, io: Handle) -> Self {
        Self { token, io }
    }

    /// The token that is cancelled when the scope ends.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }

    /// The I/O runtime that the scope's futures run on.
    pub fn io(&self) -> &Handle {
        &self.io
    }

    /// Starts `future` on the I/O runtime. It is dropped when the scope ends.
    pub fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (answer, receiver) = oneshot::channel();
        let token = self.token.clone();
        self.io.spawn(async move {
            tokio::select! {
                biased;
                () = token.cancelled() => {}
                value = future => {
                    // The Lua side may have stopped listening; then nobody wants the value.
                    answer.send(value).ok();
                }
            }
        });
        receiver
    }
}

/// One call into a VM.
#[derive(Debug)]
pub struct Task {
    /// What the call is, for people: `loading init`, `on exit`.
    pub label: Arc<str>,
    pub(super) scope: Scope,
    pub(super) vm: Rc<VmState>,
    /// How long it may run without waiting.
    pub(super) burst: Duration,
    /// Whether functions that wait may be called.
    pub(super) may_wait: bool,
    pub(super) overran: Cell<bool>,
}

impl Task {
    /// What this task holds outside Lua.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether functions that wait may be called in this task.
    pub fn may_wait(&self) -> bool {
        self.may_wait
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<Task>>> = const { RefCell::new(None) };
}

/// The task whose Lua code is running on this thread, if any.
pub fn current() -> Option<Rc<Task>> {
    CURRENT.with_borrow(Clone::clone)
}

/// Runs `future` on the I/O runtime in the scope of the current task and waits for it.
///
/// Fails when there is no current task or when the scope ends first; in the second case the task
/// itself is being cancelled, so its Lua code does not see the error.
pub async fn offload<T: Send + 'static>(
    future: impl Future<Output = T> + Send + 'static,
) -> mlua::Result<T> {
    let task = current().ok_or_else(|| mlua::Error::runtime("no task is running"))?;
    task.scope.run(future).await.map_err(|_| mlua::Error::runtime("the task was cancelled"))
}

/// Starts another task in the VM of the current one, with the same budget. Its scope is a child of
/// the VM's, so it outlives the task that started it - unless the VM is retired, see
/// [`Vm::retire`](super::Vm::retire).
pub fn spawn_local<F>(label: &str, build: impl FnOnce(Scope) -> F) -> mlua::Result<Scope>
where
    F: Future<Output = ()> + 'static,
{
    let parent = current().ok_or_else(|| mlua::Error::runtime("no task is running"))?;
    let scope = Scope::new(parent.vm.root.child_token(), parent.scope.io.clone());
    let task = Rc::new(Task {
        label: label.into(),
        scope: scope.clone(),
        vm: parent.vm.clone(),
        burst: parent.burst,
        may_wait: true,
        overran: Cell::new(false),
    });
    let future = TaskFuture::new(task, build(scope.clone()));
    let (retired, starter) = (parent.vm.retired.clone(), parent.scope.token.clone());
    let own = scope.token.clone();
    tokio::task::spawn_local(async move {
        let outlived = async {
            retired.cancelled().await;
            starter.cancelled().await;
            own.cancel();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            biased;
            // A panic inside has been turned into an error value of the task already.
            _ = future => {}
            () = outlived => {}
        }
    });
    Ok(scope)
}

/// How a task ended other than with its own value.
#[derive(Debug)]
pub(super) enum TaskEnd {
    Cancelled,
    Panicked(String),
}

/// Polls `inner` with its task set as the current one, until it ends or its scope does.
pub(super) struct TaskFuture<F> {
    task: Rc<Task>,
    inner: Option<Pin<Box<F>>>,
    cancelled: Pin<Box<dyn Future<Output = ()>>>,
}

impl<F: Future> TaskFuture<F> {
    pub(super) fn new(task: Rc<Task>, inner: F) -> Self {
        let token = task.scope.token.clone();
        task.vm.live.borrow_mut().push(task.label.clone());
        Self {
            task,
            inner: Some(Box::pin(inner)),
            cancelled: Box::pin(async move { token.cancelled().await }),
        }
    }

    /// Runs `step` as the current task, accounts for its time and catches a panic in it.
    fn enter<R>(&self, step: impl FnOnce() -> R) -> Result<R, TaskEnd> {
        let vm = self.task.vm.clone();
        let before = CURRENT.replace(Some(self.task.clone()));
        let started = Instant::now();
        let outer = vm.begin_burst(&self.task, started);
        let result = catch_unwind(AssertUnwindSafe(step));
        vm.end_burst(started, outer);
        CURRENT.replace(before);
        result.map_err(|panic| TaskEnd::Panicked(panic_text(&*panic)))
    }
}

impl<F: Future> Future for TaskFuture<F> {
    type Output = Result<F::Output, TaskEnd>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(mut inner) = self.inner.take() else { return Poll::Pending };
        if self.cancelled.as_mut().poll(cx).is_ready() {
            // Dropping runs pending `<close>` handlers: Lua code, so it is entered like any other.
            return Poll::Ready(match self.enter(move || drop(inner)) {
                Ok(()) => Err(TaskEnd::Cancelled),
                Err(end) => Err(end),
            });
        }
        match self.enter(|| (inner.as_mut().poll(cx), inner)) {
            Ok((Poll::Ready(value), inner)) => {
                // What the finished future still holds goes before the caller hears of the end.
                self.enter(move || drop(inner)).ok();
                Poll::Ready(Ok(value))
            }
            Ok((Poll::Pending, inner)) => {
                self.inner = Some(inner);
                Poll::Pending
            }
            Err(end) => Poll::Ready(Err(end)),
        }
    }
}

impl<F> Drop for TaskFuture<F> {
    fn drop(&mut self) {
        self.inner = None;
        self.task.scope.token.cancel();
        let mut live = self.task.vm.live.borrow_mut();
        live.retain(|label| !Arc::ptr_eq(label, &self.task.label));
    }
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    if let Some(text) = panic.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = panic.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}
