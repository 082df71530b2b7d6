//! Credentials: the one place that reads them.
//!
//! Order: `--api-key`, the provider's environment variable, `auth.json`, what the provider itself
//! names (a literal or a `!command`).

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, process::Stdio};

use serde_json::Value;

use crate::registry::ProviderSpec;

/// What to send with a request.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A key, or a token.
    Key(String),
    /// The provider takes requests without one.
    None,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Credential::Key(…)",
            Self::None => "Credential::None",
        })
    }
}

impl Credential {
    /// `text` without the key, for what is shown or kept: a server may repeat what it was sent.
    pub fn redact(&self, text: &str) -> String {
        match self {
            // A few letters would take words apart that have nothing to do with it.
            Self::Key(key) if key.len() >= 8 => text.replace(key.as_str(), "[redacted]"),
            _ => text.to_owned(),
        }
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
    #[error("the key command of provider `{provider}` failed: {problem}")]
    Command { provider: String, problem: String },
}

/// Finds the credential for `provider`. `flag` is `--api-key`; `own_server` says that the user sent
/// the provider to an address of their own, which may need none.
pub fn resolve(
    provider: &ProviderSpec,
    flag: Option<&str>,
    own_server: bool,
    state_dir: &Path,
) -> Result<Credential, AuthError> {
    if let Some(key) = flag {
        return Ok(Credential::Key(key.to_owned()));
    }
    let variable = provider.api_key.as_deref().and_then(|key| key.strip_prefix('$'));
    if let Some(key) = variable.and_then(from_env) {
        return Ok(Credential::Key(key));
    }
    if let Some(key) = from_file(&state_dir.join("auth.json"), &provider.name)? {
        return Ok(Credential::Key(key));
    }
    match provider.api_key.as_deref() {
        None => Ok(Credential::None),
        Some(key) if key.starts_with('$') => {
            if own_server {
                return Ok(Credential::None);
            }
            let hint = format!(
                "set `{}`, or pass `--api-key`; `--model demo` tries zi without one",
                &key[1..]
            );
            Err(AuthError::Missing { provider: provider.name.clone(), hint })
        }
        Some(key) => match key.strip_prefix('!') {
            Some(command) => from_command(&provider.name, command).map(Credential::Key),
            None => Ok(Credential::Key(key.to_owned())),
        },
    }
}

/// Whether a request to `provider` could carry a credential, or needs none. Runs no command.
pub fn is_available(provider: &ProviderSpec, state_dir: &Path) -> bool {
    match provider.api_key.as_deref() {
        None => true,
        Some(key) => match key.strip_prefix('$') {
            Some(variable) => {
                from_env(variable).is_some()
                    || matches!(
                        from_file(&state_dir.join("auth.json"), &provider.name),
                        Ok(Some(_))
                    )
            }
            None => true,
        },
    }
}

fn from_env(variable: &str) -> Option<String> {
    std::env::var(variable).ok().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty())
}

/// Reads `{"<provider>": {"type": "api_key", "key": "…"}}`.
fn from_file(path: &Path, provider: &str) -> Result<Option<String>, AuthError> {
    let shown = || path.display().to_string();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(AuthError::File { path: shown(), source }),
    };
    let format = |problem: String| AuthError::Format { path: shown(), problem };
    let mode = fs::metadata(path).map_or(0o600, |meta| meta.permissions().mode());
    if mode & 0o077 != 0 {
        let problem = format!("others may read it; run `chmod 600 {}`", shown());
        return Err(format(problem));
    }
    let value: Value = serde_json::from_str(&text).map_err(|err| format(err.to_string()))?;
    Ok(value
        .get(provider)
        .and_then(|entry| entry.get("key").or_else(|| entry.get("access")))
        .and_then(Value::as_str)
        .map(str::to_owned))
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
