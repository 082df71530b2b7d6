//! Runaway, waiting and cancelled Lua code, on real worker threads.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use mlua::{Function, Lua};
use zi_kernel::scheduler::{Budget, CallError, Vm, VmOptions, Worker, invoke, offload};

const SHORT: Budget = Budget { burst: Duration::from_millis(100), may_wait: true };
const LONG: Budget = Budget { burst: Duration::from_secs(10), may_wait: true };

/// Counts the host futures that are alive, to see that a cancelled one really goes.
#[derive(Clone, Default)]
struct Alive(Arc<AtomicUsize>);

struct Guard(Alive);

impl Alive {
    fn guard(&self) -> Guard {
        self.0.fetch_add(1, Ordering::SeqCst);
        Guard(self.clone())
    }
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
    async fn wait_for(&self, wanted: usize) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.count() != wanted {
            assert!(Instant::now() < deadline, "{} futures alive, not {wanted}", self.count());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl std::ops::Deref for Alive {
    type Target = AtomicUsize;
    fn deref(&self) -> &AtomicUsize {
        &self.0
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn vm(alive: &Alive) -> Vm {
    let worker = Worker::start("test", tokio::runtime::Handle::current()).expect("threads start");
    let options = VmOptions { name: "test".into(), memory_limit: 16 << 20 };
    let alive = alive.clone();
    let setup = move |lua: &Lua| {
        let sleep = lua.create_async_function(move |_, ms: u64| {
            let alive = alive.clone();
            async move {
                offload(async move {
                    let _guard = alive.guard();
                    tokio::time::sleep(Duration::from_millis(ms)).await;
                })
                .await
            }
        })?;
        lua.globals().set("sleep", sleep)?;
        lua.globals()
            .set("crash", lua.create_function(|_, ()| -> mlua::Result<()> { panic!("ouch") })?)
    };
    worker.create_vm(options, setup).await.expect("a VM is made")
}

/// Waits until no task of the VM is left, so that what they had open is closed.
async fn wait_for_rest(vm: &Vm) {
    let ended = async {
        while vm.live_tasks().await != Some(Vec::new()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("the tasks end");
}

async fn eval(vm: &Vm, budget: Budget, code: &'static str) -> Result<String, CallError> {
    vm.run("test", budget, move |lua| {
        Box::pin(async move {
            let chunk: Function = lua.load(code).set_name("=test").into_function()?;
            match invoke(&lua, &chunk, ()).await? {
                Ok(values) => values.front().map_or(Ok("nil".into()), mlua::Value::to_string),
                Err(failure) => Err(mlua::Error::runtime(failure.message)),
            }
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn runaway_code_is_stopped_and_the_vm_lives_on() {
    let vm = vm(&Alive::default()).await;
    let programs = [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local f; f = function() return xpcall(f, f) end; while true do f() end",
        "coroutine.wrap(function() while true do end end)()",
        "coroutine.wrap(function() pcall(function() while true do pcall(error) end end) end)() while true do end",
        "table.sort({1,2,3,4,5}, function() while true do end end)",
        "string.gsub('x', 'x', function() while true do end end)",
        "local t = setmetatable({}, {__index = function(t, k) return t[k + 1] end}); while true do pcall(function() return t[1] end) end",
        "local x <close> = setmetatable({}, {__close = function() while true do end end})",
        "tostring(setmetatable({}, {__tostring = function() while true do end end}))",
        "while true do sleep(0) local n = 0 while true do n = n + 1 end end",
    ];
    for program in programs {
        let started = Instant::now();
        let result = eval(&vm, SHORT, program).await;
        assert!(matches!(result, Err(CallError::Budget { .. })), "{program}: {result:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{program}: {:?}", started.elapsed());
    }
    assert_eq!(eval(&vm, LONG, "return 1 + 1").await.expect("the VM works"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vm_stuck_in_c_is_abandoned_and_named() {
    let vm = vm(&Alive::default()).await;
    let stuck = "return ('a'):rep(60):find(('a-'):rep(30) .. 'b')";
    let started = Instant::now();
    let result = eval(&vm, SHORT, stuck).await;
    let gone = matches!(&result, Err(CallError::Abandoned { vm, label }) if vm == "test" && label == "test");
    assert!(gone, "{result:?}");
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(vm.is_abandoned());
    assert!(matches!(eval(&vm, LONG, "return 1").await, Err(CallError::Gone { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn memory_is_capped_and_the_vm_usable_after() {
    let vm = vm(&Alive::default()).await;
    for bomb in [
        "return ('x'):rep(64 << 20)",
        "local t = {} while true do t[#t + 1] = ('x'):rep(1000) .. #t end",
    ] {
        let err = eval(&vm, LONG, bomb).await.expect_err("the cap holds");
        assert!(err.to_string().contains("memory"), "{err}");
    }
    assert_eq!(eval(&vm, LONG, "return 'fine'").await.expect("the VM works"), "fine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deep_recursion_is_an_error_value() {
    let vm = vm(&Alive::default()).await;
    for program in [
        "local function f() return 1 + f() end return pcall(f)",
        "return load(('('):rep(100000) .. '1' .. (')'):rep(100000)) == nil and false",
        "local function f() return coroutine.wrap(f)() end return pcall(f)",
        "local function f(s) return (s:gsub('.', f)) end return pcall(f, 'x')",
    ] {
        assert_eq!(eval(&vm, LONG, program).await.expect(program), "false", "{program}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_works_inside_coroutines_pcall_and_iterators() {
    let vm = vm(&Alive::default()).await;
    let program = r#"
        local log = {}
        local gen = coroutine.wrap(function()
          for i = 1, 3 do sleep(1); coroutine.yield(i) end
          return "end"
        end)
        for value in gen do log[#log + 1] = value if value == "end" then break end end
        local co = coroutine.create(function(a) sleep(1); local b = coroutine.yield(a + 1); sleep(1); error({ code = b }) end)
        local _, first = coroutine.resume(co, 1)
        local ok, err = coroutine.resume(co, 42)
        local inner = coroutine.wrap(function() return pcall(coroutine.wrap(function() sleep(1) error("deep", 0) end)) end)
        local fine, deep = inner()
        return table.concat(log, ",") .. "|" .. first .. "|" .. tostring(ok) .. err.code .. "|" .. tostring(fine) .. deep
    "#;
    assert_eq!(eval(&vm, LONG, program).await.expect("it waits"), "1,2,3,end|2|false42|falsedeep");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelling_closes_what_nested_coroutines_wait_for() {
    let alive = Alive::default();
    let vm = vm(&alive).await;
    let program = r#"
        closed = 0
        local guard <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
        coroutine.wrap(function()
          local inner <close> = setmetatable({}, { __close = function() closed = closed + 1 end })
          pcall(sleep, 600000)
        end)()
    "#;
    let call = {
        let vm = vm.clone();
        tokio::spawn(async move { eval(&vm, LONG, program).await.map(drop) })
    };
    alive.wait_for(1).await;
    call.abort();
    alive.wait_for(0).await;
    wait_for_rest(&vm).await;
    assert_eq!(eval(&vm, LONG, "return closed").await.expect("the VM works"), "2");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_a_spinning_call_stops_it() {
    let vm = vm(&Alive::default()).await;
    let call = {
        let vm = vm.clone();
        tokio::spawn(async move {
            eval(&vm, LONG, "started = true while true do pcall(function() end) end")
                .await
                .map(drop)
        })
    };
    tokio::task::yield_now().await;
    call.abort();
    let started = Instant::now();
    assert_eq!(eval(&vm, LONG, "return 'next'").await.expect("the VM works"), "next");
    assert!(started.elapsed() < Duration::from_secs(5), "the spinning call kept the thread");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_panic_is_a_value_for_the_caller() {
    let vm = vm(&Alive::default()).await;
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = eval(&vm, LONG, "crash()").await;
    std::panic::set_hook(hook);
    let named = match &result {
        Err(CallError::Panicked { message, .. }) => message.contains("ouch"),
        Err(CallError::Lua(err)) => err.to_string().contains("ouch"),
        _ => false,
    };
    assert!(named, "{result:?}");
    assert_eq!(eval(&vm, LONG, "return 'fine'").await.expect("the VM works"), "fine");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_vm_names_the_tasks_that_have_not_ended() {
    let alive = Alive::default();
    let vm = vm(&alive).await;
    assert_eq!(vm.live_tasks().await, Some(Vec::new()));
    let call = {
        let vm = vm.clone();
        tokio::spawn(async move { eval(&vm, LONG, "sleep(600000)").await.map(drop) })
    };
    alive.wait_for(1).await;
    assert_eq!(vm.live_tasks().await, Some(vec!["test".to_owned()]));
    call.abort();
    wait_for_rest(&vm).await;
}
