//! Logins: what a provider's `oauth` functions do, and keeping what they answer fresh.

use std::sync::Arc;

use mlua::{MultiValue, Value as LuaValue};
use serde_json::Value;
use zi_kernel::scheduler::{self, Nulls};

use crate::{
    auth::{self, AuthError, Credential, Found},
    extensions::{Invocation, budgets},
    host::Host,
    registry::{Callback, ProviderSpec},
};

/// How long before its end a token is renewed.
const EARLY_MS: i64 = 60_000;

impl Host {
    /// The credential for requests to `provider`; a login is renewed first when its time is up.
    pub async fn credential(
        self: &Arc<Self>,
        provider: &Arc<ProviderSpec>,
    ) -> Result<Credential, AuthError> {
        let own_server = self.flags.base_url.is_some();
        let flag = self.flags.api_key.as_deref();
        let login = match auth::resolve(provider, flag, own_server, &self.dirs.state)? {
            Found::Ready(credential) => return Ok(credential),
            Found::Login(login) => login,
        };
        let login = if is_stale(&login) { self.renewed(provider).await? } else { login };
        let token = match provider.oauth.get("get_api_key") {
            Some(callback) => call(provider, callback, "get_api_key", Some(login)).await?,
            None => login.get("access").cloned().unwrap_or_default(),
        };
        match token {
            Value::String(token) if !token.is_empty() => Ok(Credential::Token(token)),
            _ => Err(unusable(provider, "there is no token in it")),
        }
    }

    /// Renews a login, to the end even if who asked goes away: the authority may take a refresh token
    /// only once, and what it answers has to be kept.
    async fn renewed(self: &Arc<Self>, provider: &Arc<ProviderSpec>) -> Result<Value, AuthError> {
        let (host, of) = (self.clone(), provider.clone());
        let renewal = self.io.spawn(async move { host.renew(&of).await });
        renewal.await.unwrap_or_else(|err| Err(unusable(provider, format!("a fault in zi: {err}"))))
    }

    /// Renews a login once for all who need it, in this process and in others.
    async fn renew(self: &Arc<Self>, provider: &ProviderSpec) -> Result<Value, AuthError> {
        let _one_at_a_time = self.renewing.lock().await;
        let lock = auth::lock(&self.dirs.state).await?;
        let kept = auth::kept(&self.dirs.state, &provider.name)?;
        let login = kept.ok_or_else(|| unusable(provider, "it was removed meanwhile"))?;
        if !is_stale(&login) {
            return Ok(login);
        }
        let Some(refresh) = provider.oauth.get("refresh_token") else {
            return Err(unusable(provider, "it has expired"));
        };
        let fresh = call(provider, refresh, "refresh_token", Some(login.clone())).await?;
        let login = joined(provider, login, fresh)?;
        auth::keep(&self.dirs.state, &provider.name, Some(login.clone()), &lock)?;
        Ok(login)
    }

    /// Keeps what a login answered.
    pub async fn keep_login(&self, provider: &ProviderSpec, login: Value) -> Result<(), AuthError> {
        let login = joined(provider, Value::Object(serde_json::Map::new()), login)?;
        let lock = auth::lock(&self.dirs.state).await?;
        auth::keep(&self.dirs.state, &provider.name, Some(login), &lock).map(drop)
    }
}

/// The old login with what is new in `fresh`: many servers leave out what stays.
fn joined(provider: &ProviderSpec, old: Value, fresh: Value) -> Result<Value, AuthError> {
    let (Value::Object(mut login), Value::Object(fresh)) = (old, fresh) else {
        return Err(unusable(provider, "its functions must answer a table"));
    };
    login.extend(fresh);
    login.insert("type".into(), "oauth".into());
    if !login.get("access").is_some_and(Value::is_string) {
        return Err(unusable(provider, "its functions must answer `access`, a text"));
    }
    Ok(Value::Object(login))
}

/// Whether a login ends within a minute. One without an end lasts.
fn is_stale(login: &Value) -> bool {
    let expires = login.get("expires").and_then(Value::as_f64);
    expires.is_some_and(|ms| (ms as i64) < jiff::Timestamp::now().as_millisecond() + EARLY_MS)
}

fn unusable(provider: &ProviderSpec, problem: impl Into<String>) -> AuthError {
    AuthError::Login { provider: provider.name.clone(), problem: problem.into() }
}

/// Calls one of the provider's `oauth` functions with a login.
async fn call(
    provider: &ProviderSpec,
    callback: &Callback,
    name: &str,
    login: Option<Value>,
) -> Result<Value, AuthError> {
    let label = format!("{name} of {}", provider.name);
    let called = Invocation::new(callback, label, budgets::WORK)
        .start(
            move |lua| match login {
                Some(login) => {
                    Ok(MultiValue::from_iter([scheduler::to_lua(lua, &login, Nulls::Nil)?]))
                }
                None => Ok(MultiValue::new()),
            },
            |lua, values| {
                let value = values.into_iter().next().unwrap_or(LuaValue::Nil);
                scheduler::from_lua(lua, &value).map_err(mlua::Error::external)
            },
        )
        .await;
    called.map_err(|failure| {
        // What it raised may be a table of `zi.failure`.
        let message = failure.data.as_ref().and_then(|data| data.get("message")?.as_str());
        unusable(provider, message.unwrap_or(&failure.message))
    })
}
