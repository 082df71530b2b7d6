//! `zi.test.clock`: time that a spec moves.

use std::{sync::Arc, time::Duration};

use mlua::{Lua, MultiValue, Result, Value};
use zi_kernel::scheduler::offload;

use super::{Bind, Entry, fields::misuse, plain, testing, waiting};
use crate::{extensions::budgets, host::Host, testbed::Clock};

/// What specs find in `zi.test.clock`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "freeze",
        doc: "Stops the time of `zi.task.sleep`, `zi.task.every` and `run:wait`, for what starts to \
              wait from here on.",
        meta: "",
        bind: Bind::Zi(|lua| {
            plain(lua, |lua, ()| {
                testing::bed(lua)?.clock.freeze();
                Ok(())
            })
        }),
    },
    Entry {
        name: "advance",
        doc: "Moves a stopped clock by `ms`. What falls due meanwhile is woken in order, and each \
              gets to its next wait before the clock goes on.",
        meta: "---@async\n---@param ms number",
        bind: Bind::Zi(|lua| waiting(lua, advance)),
    },
    Entry {
        name: "next",
        doc: "Waits until something sleeps, and moves a stopped clock to when the first is due. \
              Answers by how many milliseconds.",
        meta: "---@async\n---@return number ms",
        bind: Bind::Zi(|lua| waiting(lua, next)),
    },
];

fn frozen(lua: &Lua, who: &str) -> Result<Arc<Clock>> {
    let clock = testing::bed(lua)?.clock.clone();
    match clock.is_frozen() {
        true => Ok(clock),
        false => Err(misuse(who, "the clock runs; call zi.test.clock.freeze() first")),
    }
}

async fn advance(lua: Lua, args: MultiValue) -> Result<()> {
    const WHO: &str = "zi.test.clock.advance";
    let clock = frozen(&lua, WHO)?;
    // The last one counts, so that `clock:advance(ms)` works as well.
    let ms = match args.back() {
        Some(Value::Integer(ms)) => *ms as f64,
        Some(Value::Number(ms)) => *ms,
        _ => f64::NAN,
    };
    if !(0.0..=1e12).contains(&ms) {
        return Err(misuse(WHO, format_args!("`ms` must be from 0 to 10^12, not {ms}")));
    }
    let host = super::VmData::of(&lua)?.host()?;
    offload(async move {
        let end = clock.now() + Duration::from_secs_f64(ms / 1000.0);
        come_to_rest(&host).await;
        while let Some(due) = clock.first_due().filter(|due| *due <= end) {
            clock.move_to(due);
            come_to_rest(&host).await;
        }
        clock.move_to(end);
    })
    .await
}

async fn next(lua: Lua, _: MultiValue) -> Result<f64> {
    let clock = frozen(&lua, "zi.test.clock.next")?;
    let host = super::VmData::of(&lua)?.host()?;
    offload(async move {
        let (before, due) = (clock.now(), clock.wait_for_sleeper().await);
        clock.move_to(due);
        come_to_rest(&host).await;
        due.saturating_sub(before).as_secs_f64() * 1000.0
    })
    .await
}

/// Lets every VM run what was woken. A call that does nothing may come before what was woken at the
/// same moment; a second one comes after it.
async fn come_to_rest(host: &Arc<Host>) {
    let loaded = host.all_extensions();
    for _ in 0..2 {
        for extension in &loaded {
            let Some(vm) = extension.vm() else { continue };
            let rest = vm.run("zi.test.clock", budgets::RENDER, |_| Box::pin(async { Ok(()) }));
            // One that is stuck shows in its own call.
            rest.await.ok();
        }
    }
}
