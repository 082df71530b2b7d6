//! Loading an extension to see what it registers: the real API, and no session, network or process.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use mlua::{Lua, Value};
use serde_json::Value as Data;
use tokio::runtime::Handle;

use super::names::Globals;
use crate::{
    bundle::Bundle,
    extensions::{self, CallFailure, Extension, Found, Rank, Root, Source, budgets},
    hooks::Event,
    host::{Doubt, Flags, Front, Host, HostParts, Level, lock},
    journal::Journal,
    paths::Dirs,
    session::Session,
    settings::Settings,
};

/// Stands before the file's own text, in its first line: what would act raises.
const GUARD: &str = r#"do local function no(name) return function() error(name .. ": not available while the file is checked", 2) end end local open, find = io.open, string.find function io.open(path, mode) if mode and find(mode, "[wa+]") then error("io.open: writing is not available while the file is checked", 2) end return open(path, mode) end io.output, io.popen, io.tmpfile, os.execute, os.remove, os.rename, os.tmpname = no("io.output"), no("io.popen"), no("io.tmpfile"), no("os.execute"), no("os.remove"), no("os.rename"), no("os.tmpname") end "#;

/// What loading an extension showed.
#[derive(Debug, Default)]
pub struct Seen {
    pub failure: Option<CallFailure>,
    /// Whether the text is Lua at all.
    pub is_lua: bool,
    /// What is wrong with the extension before it is loaded.
    pub problems: Vec<String>,
    pub doubts: Vec<Doubt>,
    /// The tools that it registered: name and schema.
    pub tools: Vec<(String, Data)>,
    /// All that it registered: kind and name.
    pub registered: BTreeSet<(&'static str, String)>,
    pub globals: Globals,
}

/// Loads the extension at `path`, a file or a folder, whose modules are in `roots` too.
pub async fn load(path: &Path, roots: Vec<Root>) -> Result<Seen, String> {
    let place = tempfile::tempdir().map_err(|err| format!("cannot make a folder: {err}"))?;
    let doubts = Arc::<Mutex<Vec<Doubt>>>::default();
    let host = host(place.path(), roots, doubts.clone());
    let (mut found, problems) =
        extensions::discover(&[], &[path.to_owned()], Vec::new(), &extensions::Rules::default());
    let mut seen = Seen { problems, is_lua: true, ..Seen::default() };
    let text = found.first().map(|one| String::from_utf8_lossy(&one.text).into_owned());
    for one in &mut found {
        one.text.splice(0..0, GUARD.bytes());
    }
    let (mut loaded, mut failed) =
        extensions::load_all(&host, found, extensions::Activate::AtOnce).await;
    seen.failure = failed.pop().map(|problem| problem.failure);
    // What failed has no VM left; an empty file shows what is global in every one.
    if loaded.is_empty() {
        loaded =
            extensions::load_all(&host, vec![nothing()?], extensions::Activate::AtOnce).await.0;
        seen.is_lua = compile(&loaded, path, text.unwrap_or_default()).await?.is_none();
    }
    seen.globals = list_globals(&loaded).await?;
    let tools = host.registry.tools();
    seen.tools = tools.iter().map(|tool| (tool.name.clone(), tool.parameters.clone())).collect();
    seen.registered = loaded.iter().flat_map(|one| host.registry.registered(one)).collect();
    let flags = std::mem::take(&mut *lock(&host.known_flags));
    seen.registered.extend(flags.into_iter().map(|name| ("flag", format!("`--{name}`"))));
    seen.doubts = std::mem::take(&mut lock(&doubts));
    loaded.iter().for_each(|one: &Arc<Extension>| host.registry.revoke(one));
    Ok(seen)
}

/// Reads a module without running it; what is global is as in every VM.
pub async fn read(path: &Path, text: &str) -> Result<Seen, String> {
    let place = tempfile::tempdir().map_err(|err| format!("cannot make a folder: {err}"))?;
    let host = host(place.path(), Vec::new(), Arc::default());
    let (loaded, _) =
        extensions::load_all(&host, vec![nothing()?], extensions::Activate::AtOnce).await;
    let globals = list_globals(&loaded).await?;
    let problem = compile(&loaded, path, text.to_owned()).await?;
    let failure = problem.and_then(|problem| Some(loaded.first()?.failure(problem)));
    Ok(Seen { is_lua: failure.is_none(), failure, globals, ..Seen::default() })
}

/// What Lua says against `text`, which it compiles and does not run.
async fn compile(
    loaded: &[Arc<Extension>],
    path: &Path,
    text: String,
) -> Result<Option<String>, String> {
    let Some(vm) = loaded.first().and_then(|one| one.vm()) else { return Ok(None) };
    let name = format!("@{}", path.display());
    let compiling = vm.run("compiling", budgets::LOADING, move |lua| {
        Box::pin(async move {
            let chunk = lua.load(text).set_name(name).set_mode(mlua::chunk::ChunkMode::Text);
            Ok(match chunk.into_function() {
                Err(mlua::Error::SyntaxError { message, .. }) => Some(message),
                Err(other) => Some(other.to_string()),
                Ok(_) => None,
            })
        })
    });
    compiling.await.map_err(|err| err.to_string())
}

async fn list_globals(loaded: &[Arc<Extension>]) -> Result<Globals, String> {
    let Some(vm) = loaded.first().and_then(|one| one.vm()) else {
        return Ok(Globals::new());
    };
    let listing =
        vm.run("listing globals", budgets::LOADING, |lua| Box::pin(async move { globals(&lua) }));
    listing.await.map_err(|err| err.to_string())
}

fn nothing() -> Result<Found, String> {
    let rank = Rank { source: Source::Explicit, order: 0 };
    Found::from_text("empty".into(), rank, "empty".into(), PathBuf::new(), Vec::new())
}

fn host(place: &Path, roots: Vec<Root>, doubts: Arc<Mutex<Vec<Doubt>>>) -> Arc<Host> {
    let under = |name: &str| place.join(name);
    let dirs = Dirs {
        config: under("config"),
        data: under("data"),
        state: under("state"),
        cache: under("cache"),
        system: Vec::new(),
    };
    Host::new(HostParts {
        io: Handle::current(),
        dirs,
        cwd: place.to_owned(),
        settings: Settings::default(),
        flags: Flags::default(),
        bundle: Bundle::from_env().0,
        roots,
        session: Session::new(Journal::create(place, None, None)),
        front: Box::new(Listener(doubts)),
        inherited_switches: Vec::new(),
        explicit: Vec::new(),
        recheck_trust: false,
    })
}

/// Hears of doubts, and of nothing else.
#[derive(Debug)]
struct Listener(Arc<Mutex<Vec<Doubt>>>);

impl Front for Listener {
    fn mode(&self) -> &'static str {
        "test"
    }

    fn event(&self, _event: &Event) {}

    fn notice(&self, _level: Level, _text: &str) {}

    fn doubt(&self, doubt: Doubt) {
        lock(&self.0).push(doubt);
    }
}

/// The globals of a VM, with the members of Lua's own libraries.
fn globals(lua: &Lua) -> mlua::Result<Globals> {
    const LIBRARIES: &[&str] =
        &["coroutine", "debug", "io", "math", "os", "string", "table", "utf8"];
    let names = |table: &mlua::Table| -> mlua::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for pair in table.pairs::<Value, Value>() {
            if let (Value::String(name), _) = pair? {
                names.insert(name.to_string_lossy());
            }
        }
        Ok(names)
    };
    let all = lua.globals();
    let mut globals = Globals::new();
    for name in names(&all)? {
        let members = match all.raw_get::<Value>(name.as_str())? {
            Value::Table(table) if LIBRARIES.contains(&name.as_str()) => names(&table)?,
            _ => BTreeSet::new(),
        };
        globals.insert(name, members);
    }
    Ok(globals)
}
