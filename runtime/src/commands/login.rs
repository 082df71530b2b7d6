//! `zi login` and `zi logout`: credentials of providers.

use std::{ffi::OsString, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use mlua::{Lua, MultiValue, Value as LuaValue};
use serde_json::{Value, json};
use zi_kernel::scheduler;

use crate::{
    auth,
    cli::Cli,
    extensions::{Invocation, budgets},
    hooks::Event,
    host::{Front, Host, Level},
    models,
    modes::{self, report_note},
    registry::ProviderSpec,
    startup,
};

/// How long a login may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Log in to a provider: by its own login, or by keeping a key
#[derive(Debug, Parser)]
#[command(name = "zi login", no_binary_name = true)]
struct LoginOptions {
    /// The provider; without one those that there are
    provider: Option<String>,
    /// Keep a key even if the provider has a login
    #[arg(long)]
    key: bool,
    /// Load an extension for this login. May be given again
    #[arg(short, long = "ext", value_name = "FILE")]
    ext: Vec<PathBuf>,
}

/// Forget what is kept for a provider
#[derive(Debug, Parser)]
#[command(name = "zi logout", no_binary_name = true)]
struct LogoutOptions {
    provider: String,
}

type Outcome = Result<u8, (u8, String)>;

/// Runs `zi login`.
pub fn run_login(args: &[OsString]) -> ExitCode {
    match LoginOptions::try_parse_from(args) {
        Ok(options) => {
            finish(in_host(&options.ext.clone(), async |host| login(host, &options).await))
        }
        Err(err) => usage_error(&err),
    }
}

/// Runs `zi logout`.
pub fn run_logout(args: &[OsString]) -> ExitCode {
    match LogoutOptions::try_parse_from(args) {
        Ok(options) => finish(in_host(&[], async |host| logout(host, &options.provider).await)),
        Err(err) => usage_error(&err),
    }
}

fn usage_error(err: &clap::Error) -> ExitCode {
    err.print().ok();
    ExitCode::from(u8::try_from(err.exit_code()).unwrap_or(2))
}

fn finish(outcome: Outcome) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err((code, problem)) => {
            modes::report_error(&problem);
            ExitCode::from(code)
        }
    }
}

/// Shows notices and nothing else.
#[derive(Debug)]
struct NoticeFront;

impl Front for NoticeFront {
    fn mode(&self) -> &'static str {
        "print"
    }
    fn event(&self, _event: &Event) {}
    fn notice(&self, level: Level, text: &str) {
        if matches!(level, Level::Warn | Level::Error) {
            report_note(text);
        }
    }
}

/// Does `work` with a host whose extensions are loaded and that keeps no session.
fn in_host(ext: &[PathBuf], work: impl AsyncFnOnce(&Arc<Host>) -> Outcome) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("zi-io")
        .enable_all()
        .build()
        .map_err(|err| (1, format!("cannot start: {err}")))?;
    let outcome = runtime.block_on(async {
        let cli = Cli { no_session: true, ext: ext.to_vec(), ..Cli::default() };
        let failed = |err: startup::StartupError| (err.exit_code(), err.to_string());
        let cwd = startup::working_dir(&cli).map_err(failed)?;
        let host = startup::start(&cli, cwd, Box::new(NoticeFront)).await.map_err(failed)?;
        tokio::select! {
            outcome = work(&host) => outcome,
            _ = tokio::signal::ctrl_c() => Ok(130),
            () = tokio::time::sleep(PATIENCE) => Err((1, "the login took too long".to_owned())),
        }
    });
    // A question that nobody answers still holds a thread.
    runtime.shutdown_timeout(Duration::from_millis(100));
    outcome
}

async fn login(host: &Arc<Host>, options: &LoginOptions) -> Outcome {
    let Some(name) = &options.provider else { return list(host) };
    let provider =
        models::find_provider(&host.registry, name).map_err(|err| (2, err.to_string()))?;
    let kept = match provider.oauth.get("login") {
        Some(callback) if !options.key => {
            let call = Invocation::new(callback, format!("login of {name}"), budgets::WORK);
            let answered = call.start(callbacks, |lua, values| {
                let value = values.into_iter().next().unwrap_or(LuaValue::Nil);
                scheduler::from_lua(lua, &value).map_err(mlua::Error::external)
            });
            let login = answered.await.map_err(|failure| {
                let message = failure.data.as_ref().and_then(|data| data.get("message")?.as_str());
                (3, format!("the login failed: {}", message.unwrap_or(&failure.message)))
            })?;
            host.keep_login(&provider, login).await
        }
        _ => keep_key(host, &provider).await?,
    };
    kept.map_err(|err| (3, err.to_string()))?;
    say(&format!("logged in to {name}"))
}

/// Asks for a key and keeps it.
async fn keep_key(
    host: &Arc<Host>,
    provider: &ProviderSpec,
) -> Result<Result<(), auth::AuthError>, (u8, String)> {
    let question = format!("Key for {}:", provider.name);
    let key = tokio::task::spawn_blocking(move || modes::ask_secret(&question)).await;
    let key = key.ok().and_then(Result::ok).unwrap_or_default();
    if key.is_empty() {
        return Err((2, "no key was given".to_owned()));
    }
    let state = &host.dirs.state;
    let kept = async {
        let lock = auth::lock(state).await?;
        let entry = json!({ "type": "api_key", "key": key });
        auth::keep(state, &provider.name, Some(entry), &lock).map(drop)
    };
    Ok(kept.await)
}

/// What a provider's `login` is given: `on_auth{url}`, `on_progress(text)`, `on_prompt(text)`.
fn callbacks(lua: &Lua) -> mlua::Result<MultiValue> {
    let table = lua.create_table()?;
    let on_auth = lua.create_function(|_, what: LuaValue| {
        let url = match &what {
            LuaValue::Table(table) => table.get::<String>("url")?,
            LuaValue::String(url) => url.to_string_lossy(),
            _ => return Err(mlua::Error::runtime("on_auth: expected `{url}`")),
        };
        report_note(&format!("open this address to log in: {url}"));
        Ok(())
    })?;
    let on_progress = lua.create_function(|_, text: String| {
        report_note(&text);
        Ok(())
    })?;
    let on_prompt = lua.create_async_function(|_, question: LuaValue| async move {
        let question = match &question {
            LuaValue::Table(table) => table.get::<String>("message")?,
            other => other.to_string()?,
        };
        let asked =
            async move { tokio::task::spawn_blocking(move || modes::ask_line(&question)).await };
        let answer = scheduler::offload(asked).await?.map_err(mlua::Error::external)?;
        answer.map_err(mlua::Error::external)
    })?;
    for (name, camel, function) in [
        ("on_auth", "onAuth", on_auth),
        ("on_progress", "onProgress", on_progress),
        ("on_prompt", "onPrompt", on_prompt),
    ] {
        table.set(name, function.clone())?;
        table.set(camel, function)?;
    }
    Ok(MultiValue::from_iter([LuaValue::Table(table)]))
}

async fn logout(host: &Arc<Host>, name: &str) -> Outcome {
    let state = &host.dirs.state;
    let forgotten = async {
        let lock = auth::lock(state).await?;
        match auth::kept(state, name)? {
            Some(_) => auth::keep(state, name, None, &lock),
            None => Ok(false),
        }
    };
    match forgotten.await {
        Ok(true) => say(&format!("logged out of {name}")),
        Ok(false) => Err((2, format!("nothing is kept for `{name}`"))),
        Err(err) => Err((3, err.to_string())),
    }
}

/// The providers, how one gets in, and whether one is.
fn list(host: &Arc<Host>) -> Outcome {
    let mut rows = vec![["provider", "how", "state"].map(str::to_owned)];
    for provider in host.registry.providers() {
        let how = match (&provider.api_key, provider.oauth.contains_key("login")) {
            (_, true) => "login",
            (Some(key), _) if key.starts_with('$') => "key",
            _ => continue,
        };
        let kept =
            auth::kept(&host.dirs.state, &provider.name).map_err(|err| (3, err.to_string()))?;
        let state = match kept.as_ref().and_then(|kept| kept.get("type")).and_then(Value::as_str) {
            Some("oauth") => "logged in",
            Some(_) => "key kept",
            None if auth::is_available(&provider, &host.dirs.state) => "from the environment",
            None => "-",
        };
        rows.push([provider.name.clone(), how.to_owned(), state.to_owned()]);
    }
    say(&modes::table(&rows))
}

fn say(text: &str) -> Outcome {
    modes::print_lines(text).map(|()| 0).map_err(|err| (1, format!("cannot print: {err}")))
}
