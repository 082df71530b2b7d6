//! Scheduler: Lua VMs on worker threads.
//!
//! Owns: the threads, the VMs, one [`Task`] per call into a VM, and each task's [`Scope`].
//! Leaves to callers: what is registered in a VM and what its functions mean.
//! Cancel: dropping the future of [`Vm::run`] cancels the task and closes what its scope holds,
//! even when the Lua code never comes back.
//! Fails: [`CallError`]; a Lua error, an overrun budget or a panic ends one call, never the thread.
//!
//! Three rules keep the rest honest:
//! 1. Sockets, children and timers are futures on the I/O runtime, owned by the task's scope. What
//!    Lua waits on is only a channel ([`offload`]).
//! 2. Every entry into Lua goes through [`Vm::run`]; no other code polls Lua.
//! 3. A VM that does not give its thread back within [`GRACE`] of its budget is abandoned: its
//!    thread is left to itself, its scopes are cancelled and its callers get an error.

mod bridge;
mod invoke;
mod sandbox;
mod task;
mod worker;

pub use bridge::{BridgeError, MAX_BYTES, MAX_DEPTH, Nulls, decode, encode, from_lua, to_lua};
pub use invoke::{LuaFailure, invoke};
pub use sandbox::{ModuleFinder, set_module_finder};
pub use task::{Scope, Task, current, offload, spawn_local};
pub use worker::{Budget, CallError, GRACE, Stats, Vm, VmOptions, Worker};
