//! Credentials: the one place that reads and keeps them.
//!
//! Order: `--api-key`, the provider's environment variable, `auth.json`, what the provider itself
//! names (a literal or a `!command`).

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::{Map, Value};

use crate::{
    paths::{make_private_dir, write_private},
    registry::ProviderSpec,
};

/// How long another process may take to change `auth.json`.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// What to send with a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A key.
    Key(String),
    /// A token of somebody who logged in.
    Token(String),
    /// The provider takes requests without one.
    None,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Credential::Key(…)",
            Self::Token(_) => "Credential::Token(…)",
            Self::None => "Credential::None",
        })
    }
}

impl Credential {
    /// `text` without the key, for what is shown or kept: a server may repeat what it was sent.
    pub fn redact(&self, text: &str) -> String {
        match self {
            // A few letters would take words apart that have nothing to do with it.
            Self::Key(key) | Self::Token(key) if key.len() >= 8 => {
                text.replace(key.as_str(), "[redacted]")
            }
            _ => text.to_owned(),
        }
    }
}

impl std::fmt::Debug for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Ready(_) => "Found::Ready(…)",
            Self::Login(_) => "Found::Login(…)",
        })
    }
}

/// Why there is no credential.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    #[error("no key for provider `{provider}`: {hint}")]
    Missing { provider: String, hint: String },
    #[error("cannot read `{path}`: {source}")]
    File { path: String, source: io::Error },
    #[error("`{path}` is not usable: {problem}")]
    Format { path: String, problem: String },
    #[error(
        "the login of provider `{provider}` cannot be used: {problem}; `zi login {provider}` renews it"
    )]
    Login { provider: String, problem: String },
    #[error("the key command of provider `{provider}` failed: {problem}")]
    Command { provider: String, problem: String },
}

/// What stands for a credential before it can be sent.
#[derive(Clone, PartialEq)]
pub enum Found {
    Ready(Credential),
    /// What a login left in `auth.json`; it may have to be refreshed first.
    Login(Value),
}

/// Finds the credential for `provider`. `flag` is `--api-key`; `own_server` says that the user sent
/// the provider to an address of their own, which may need none.
pub fn resolve(
    provider: &ProviderSpec,
    flag: Option<&str>,
    own_server: bool,
    state_dir: &Path,
) -> Result<Found, AuthError> {
    if let Some(key) = flag {
        return Ok(Found::Ready(Credential::Key(key.to_owned())));
    }
    let variable = provider.api_key.as_deref().and_then(|key| key.strip_prefix('$'));
    if let Some(key) = variable.and_then(from_env) {
        return Ok(Found::Ready(Credential::Key(key)));
    }
    if let Some(kept) = kept(state_dir, &provider.name)? {
        match kept.get("key").and_then(Value::as_str) {
            Some(key) => return Ok(Found::Ready(Credential::Key(key.to_owned()))),
            None if kept.get("access").is_some() => return Ok(Found::Login(kept)),
            None => {}
        }
    }
    from_provider(provider, own_server).map(Found::Ready)
}

/// What the provider itself names.
fn from_provider(provider: &ProviderSpec, own_server: bool) -> Result<Credential, AuthError> {
    let missing = |hint: String| AuthError::Missing { provider: provider.name.clone(), hint };
    let login = provider.oauth.contains_key("login");
    match provider.api_key.as_deref() {
        None if login => Err(missing(format!("log in with `zi login {}`", provider.name))),
        None => Ok(Credential::None),
        Some(key) => match (key.strip_prefix('$'), key.strip_prefix('!')) {
            (Some(_), _) if own_server => Ok(Credential::None),
            (Some(variable), _) => {
                let or_login = if login {
                    format!(", or `zi login {}`", provider.name)
                } else {
                    String::new()
                };
                Err(missing(format!(
                    "set `{variable}`, or pass `--api-key`{or_login}; `--model demo` tries zi \
                     without one"
                )))
            }
            (None, Some(command)) => from_command(&provider.name, command).map(Credential::Key),
            (None, None) => Ok(Credential::Key(key.to_owned())),
        },
    }
}

/// Whether a request to `provider` could carry a credential, or needs none. Runs no command.
pub fn is_available(provider: &ProviderSpec, state_dir: &Path) -> bool {
    let is_kept = || matches!(kept(state_dir, &provider.name), Ok(Some(_)));
    match provider.api_key.as_deref() {
        None => !provider.oauth.contains_key("login") || is_kept(),
        Some(key) => match key.strip_prefix('$') {
            Some(variable) => from_env(variable).is_some() || is_kept(),
            None => true,
        },
    }
}

fn from_env(variable: &str) -> Option<String> {
    std::env::var(variable).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty())
}

// auth.json ---------------------------------------------------------------------------------------
// `{"<provider>": {"type": "api_key", "key"} | {"type": "oauth", "access", "refresh", "expires", …}}`

fn path(state_dir: &Path) -> PathBuf {
    state_dir.join("auth.json")
}

fn read(state_dir: &Path) -> Result<Map<String, Value>, AuthError> {
    let path = path(state_dir);
    let shown = || path.display().to_string();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(source) => return Err(AuthError::File { path: shown(), source }),
    };
    let format = |problem: String| AuthError::Format { path: shown(), problem };
    let mode = fs::metadata(&path).map_or(0o600, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        let problem = format!("others may read it; run `chmod 600 {}`", shown());
        return Err(format(problem));
    }
    match serde_json::from_str(&text) {
        Ok(Value::Object(all)) => Ok(all),
        Ok(_) => Err(format("it is not a JSON object".into())),
        Err(err) => Err(format(err.to_string())),
    }
}

/// What is kept for `provider`.
pub fn kept(state_dir: &Path, provider: &str) -> Result<Option<Value>, AuthError> {
    Ok(read(state_dir)?.remove(provider))
}

/// Keeps `credential` for `provider`, or with `None` forgets what there is; tells whether there was
/// something. The caller holds the lock.
pub fn keep(
    state_dir: &Path,
    provider: &str,
    credential: Option<Value>,
    _lock: &AuthLock,
) -> Result<bool, AuthError> {
    let mut all = read(state_dir)?;
    let before = match credential {
        Some(credential) => all.insert(provider.to_owned(), credential),
        None => all.remove(provider),
    };
    let path = path(state_dir);
    let text = format!("{:#}\n", Value::Object(all));
    write_private(&path, text.as_bytes())
        .map_err(|source| AuthError::File { path: path.display().to_string(), source })?;
    Ok(before.is_some())
}

/// Lets one process at a time change `auth.json`. It goes with the process, whatever happens to it.
#[derive(Debug)]
pub struct AuthLock(
    #[expect(dead_code, reason = "the lock lasts as long as the file is open")] File,
);

/// Waits for the lock.
pub async fn lock(state_dir: &Path) -> Result<AuthLock, AuthError> {
    let path = state_dir.join("auth.lock");
    let fail = |source| AuthError::File { path: path.display().to_string(), source };
    make_private_dir(state_dir).map_err(fail)?;
    let mut options = OpenOptions::new();
    let file = options.create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(fail)?;
    let started = tokio::time::Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(AuthLock(file)),
            Err(fs::TryLockError::WouldBlock) if started.elapsed() < LOCK_PATIENCE => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(fs::TryLockError::WouldBlock) => {
                let text = "another zi has held the lock for 30 s";
                return Err(fail(io::Error::new(io::ErrorKind::TimedOut, text)));
            }
            Err(fs::TryLockError::Error(err)) => return Err(fail(err)),
        }
    }
}

/// Runs a key command of the user's own configuration and takes its first line.
fn from_command(provider: &str, command: &str) -> Result<String, AuthError> {
    let fail = |problem: String| AuthError::Command { provider: provider.to_owned(), problem };
    let output = std::process::Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .map_err(|err| fail(err.to_string()))?;
    if !output.status.success() {
        return Err(fail(format!("it ended with {}", output.status)));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let key = text.lines().next().unwrap_or_default().trim();
    if key.is_empty() { Err(fail("it printed nothing".into())) } else { Ok(key.to_owned()) }
}
