//! Loading: a VM, the `zi` table, the file - all of it or nothing.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use mlua::{Function, Lua};
use zi_kernel::scheduler::{self, CallError, ModuleFinder, VmOptions, Worker};

use super::{CallFailure, Extension, Found, Source, budgets};
use crate::{
    api,
    bundle::Bundle,
    host::{Host, lock},
};

/// Most bytes on the Lua heap of one extension.
const MEMORY_LIMIT: usize = 256 << 20;

/// An extension that did not load.
#[derive(Debug, Clone)]
pub struct LoadProblem {
    pub id: String,
    pub source: Source,
    pub failure: CallFailure,
}

/// Whether what has loaded counts at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activate {
    AtOnce,
    /// The caller does it, with [`crate::registry::Registry::swap`].
    Later,
}

/// Loads `found` in order: the bundled ones on one shared thread, each other one on its own. What
/// fails is rolled back and reported; the others load.
pub async fn load_all(
    host: &Arc<Host>,
    found: Vec<Found>,
    activate: Activate,
) -> (Vec<Arc<Extension>>, Vec<LoadProblem>) {
    let (bundled, foreign): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|one| one.rank.source == Source::Builtin);
    let load_bundle = async {
        let mut results = Vec::with_capacity(bundled.len());
        for one in bundled {
            results.push(load_one(host, one, bundle_worker(host), activate).await);
        }
        results
    };
    let load_foreign = async {
        let mut results = Vec::with_capacity(foreign.len());
        for one in foreign {
            let name = format!("zi-{}", one.id.chars().take(12).collect::<String>());
            let worker = Worker::start(&name, host.io.clone()).map_err(|err| err.to_string());
            results.push(load_one(host, one, worker, activate).await);
        }
        results
    };
    let (bundle_results, foreign_results) = tokio::join!(load_bundle, load_foreign);
    let mut loaded = Vec::new();
    let mut problems = Vec::new();
    for result in foreign_results.into_iter().chain(bundle_results) {
        match result {
            Ok(extension) => loaded.push(extension),
            Err(problem) => problems.push(problem),
        }
    }
    (loaded, problems)
}

/// The thread of the bundled extensions; a new one when there is none, or when it was given up.
fn bundle_worker(host: &Host) -> Result<Worker, String> {
    let mut kept = lock(&host.bundle_worker);
    if let Some(worker) = kept.as_ref().filter(|worker| !worker.is_abandoned()) {
        return Ok(worker.clone());
    }
    let worker = Worker::start("zi-bundle", host.io.clone()).map_err(|err| err.to_string())?;
    Ok(kept.insert(worker).clone())
}

async fn load_one(
    host: &Arc<Host>,
    found: Found,
    worker: Result<Worker, String>,
    activate: Activate,
) -> Result<Arc<Extension>, LoadProblem> {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let started = Instant::now();
    let bundled_id = host.bundle.has_extension(&found.id);
    let text = found.text.clone();
    let chunk_name = format!("@{}", found.entry.display());
    let finder = module_finder(host, &found);
    let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
    let extension = Arc::new(Extension::new(found, generation, bundled_id));
    let problem = |failure: CallFailure| LoadProblem {
        id: extension.id.clone(),
        source: extension.source(),
        failure,
    };
    let worker = worker.map_err(|err| problem(extension.failure(format!("no thread: {err}"))))?;
    let failed = |err: CallError| problem(CallFailure::from_error(&extension.id, err));
    let options = VmOptions { name: extension.id.clone(), memory_limit: MEMORY_LIMIT };
    let (weak, owner) = (Arc::downgrade(host), extension.clone());
    let vm = worker
        .create_vm(options, move |lua| {
            scheduler::set_module_finder(lua, finder());
            api::install(lua, weak, owner)
        })
        .await
        .map_err(failed)?;
    let label = format!("loading {}", extension.id);
    let loaded = vm
        .run(&label, budgets::LOADING, move |lua| {
            Box::pin(async move {
                let outcome = run_chunk(&lua, &text, &chunk_name).await?;
                api::finish_loading(&lua);
                Ok(outcome)
            })
        })
        .await;
    match loaded {
        Ok(Ok(())) => {
            extension.set_vm(vm);
            extension.load_time.set(started.elapsed()).ok();
            extension.set_active(activate == Activate::AtOnce);
            Ok(extension)
        }
        Ok(Err((message, traceback))) => {
            host.registry.revoke(&extension);
            let mut failure = extension.failure(message);
            failure.traceback = traceback;
            Err(problem(failure))
        }
        Err(err) => {
            host.registry.revoke(&extension);
            Err(failed(err))
        }
    }
}

/// Runs the file; a function that it returns is called once with `zi`. What comes out at last may be
/// a table with `export` and `import`, which is handed to `zi.handoff`.
async fn run_chunk(
    lua: &Lua,
    text: &[u8],
    name: &str,
) -> mlua::Result<Result<(), (String, String)>> {
    let chunk: Function = match lua
        .load(text)
        .set_name(name)
        .set_mode(mlua::chunk::ChunkMode::Text)
        .into_function()
    {
        Ok(chunk) => chunk,
        Err(err) => return Ok(Err((plain(&err), String::new()))),
    };
    let zi: mlua::Value = lua.globals().get("zi")?;
    let mut returned = match scheduler::invoke(lua, &chunk, ()).await? {
        Ok(values) => values.into_iter().next(),
        Err(failure) => return Ok(Err((failure.message, failure.traceback))),
    };
    if let Some(mlua::Value::Function(setup)) = &returned {
        returned = match scheduler::invoke(lua, setup, zi).await? {
            Ok(values) => values.into_iter().next(),
            Err(failure) => return Ok(Err((failure.message, failure.traceback))),
        };
    }
    let problem = match returned {
        None | Some(mlua::Value::Nil | mlua::Value::Boolean(true)) => return Ok(Ok(())),
        Some(table @ mlua::Value::Table(_)) => match api::handoff(lua, table) {
            Ok(()) => return Ok(Ok(())),
            Err(err) => err.to_string(),
        },
        Some(other) => format!(
            "the file must return nothing, a function(zi) or a table of `export` and `import`, not a \
             {}",
            other.type_name()
        ),
    };
    Ok(Err((problem, String::new())))
}

/// Whether `text` is Lua, without running any of it; the error names `name` and the line.
pub fn check_syntax(text: &[u8], name: &str) -> Result<(), String> {
    let lua = Lua::new();
    let chunk = lua.load(text).set_name(format!("@{name}"));
    let parsed = chunk.set_mode(mlua::chunk::ChunkMode::Text).into_function();
    parsed.map(drop).map_err(|err| plain(&err))
}

fn plain(err: &mlua::Error) -> String {
    match err {
        mlua::Error::SyntaxError { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

/// Where `require` looks: the bundle's `lua/`, the extension's own, then those of the roots.
fn module_finder(host: &Arc<Host>, found: &Found) -> impl FnOnce() -> ModuleFinder + Send + use<> {
    let bundle: Arc<Bundle> = host.bundle.clone();
    let mut dirs: Vec<PathBuf> = found.private_lua.clone().into_iter().collect();
    dirs.extend(host.roots.iter().map(|root| root.dir.join("lua")));
    move || {
        std::rc::Rc::new(move |name: &str| {
            let file = name.replace('.', "/");
            if file.split('/').any(|part| part.is_empty() || part == "..") {
                return None;
            }
            if let Some(found) = bundle.module(&file) {
                return Some(found);
            }
            dirs.iter()
                .flat_map(|dir| [dir.join(format!("{file}.lua")), dir.join(&file).join("init.lua")])
                .find_map(|path| {
                    fs::read(&path).ok().map(|text| (text, path.display().to_string()))
                })
        })
    }
}
