//! Failures: what a function answers when the world fails, and what adapters raise.

use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Table, Value};
use serde_json::json;

/// The kinds of failure that an adapter may raise, and what each means for a retry.
///
/// The names are those of the provider fixtures. `overflow`, `network`, `bad_request` and `refused`
/// are accepted for `context_overflow`, `connection`, `invalid_request` and `content_policy`.
pub const KINDS: &[&str] = &[
    "auth",
    "quota",
    "rate_limit",
    "overloaded",
    "server",
    "timeout",
    "connection",
    "invalid_request",
    "context_overflow",
    "not_found",
    "content_policy",
    "tool_call_failed",
    "stream_truncated",
    "protocol",
];

const ALIASES: &[(&str, &str)] = &[
    ("overflow", "context_overflow"),
    ("network", "connection"),
    ("bad_request", "invalid_request"),
    ("refused", "content_policy"),
];

/// Why a provider gave no (whole) answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub kind: String,
    pub message: String,
    pub code: Option<String>,
    pub status: Option<u64>,
    pub retryable: bool,
    pub retry_after_ms: Option<u64>,
    pub request_id: Option<String>,
}

impl Failure {
    pub fn new(kind: &str, message: impl Into<String>) -> Self {
        Self {
            kind: kind.to_owned(),
            message: message.into(),
            code: None,
            status: None,
            retryable: retryable(kind),
            retry_after_ms: None,
            request_id: None,
        }
    }

    /// Reads what `zi.failure{…}` made, after it came out of the VM.
    pub fn from_data(data: &serde_json::Value) -> Option<Self> {
        let kind = canonical(data.get("kind")?.as_str()?)?;
        let text = |name: &str| data.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        let number = |name: &str| data.get(name).and_then(serde_json::Value::as_f64);
        Some(Self {
            kind: kind.to_owned(),
            message: text("message").unwrap_or_else(|| kind.to_owned()),
            code: text("code").or_else(|| {
                data.get("code").filter(|code| code.is_number()).map(ToString::to_string)
            }),
            status: number("status").map(|status| status as u64),
            retryable: data
                .get("retryable")
                .and_then(serde_json::Value::as_bool)
                .unwrap_or_else(|| retryable(kind)),
            retry_after_ms: number("retry_after_ms")
                .filter(|ms| *ms >= 0.0)
                .map(|ms| ms.round() as u64),
            request_id: text("request_id"),
        })
    }

    pub fn to_value(&self) -> serde_json::Value {
        let mut value = json!({
            "kind": self.kind,
            "message": self.message,
            "retryable": self.retryable,
        });
        let mut set = |name: &str, field: Option<serde_json::Value>| {
            if let Some(field) = field {
                value[name] = field;
            }
        };
        set("code", self.code.clone().map(Into::into));
        set("status", self.status.map(Into::into));
        set("retry_after_ms", self.retry_after_ms.map(Into::into));
        set("request_id", self.request_id.clone().map(Into::into));
        value
    }
}

/// The kind that `name` stands for, if it is one.
pub fn canonical(name: &str) -> Option<&'static str> {
    let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, kind)| kind);
    KINDS.iter().find(|kind| **kind == name).copied()
}

fn retryable(kind: &str) -> bool {
    matches!(
        kind,
        "rate_limit"
            | "overloaded"
            | "server"
            | "timeout"
            | "connection"
            | "tool_call_failed"
            | "stream_truncated"
    )
}

/// Answers `nil, err`: the world failed, and `err` says how.
pub fn fail(lua: &Lua, kind: &str, message: impl std::fmt::Display) -> Result<MultiValue> {
    (Value::Nil, error_table(lua, kind, &message.to_string())?).into_lua_multi(lua)
}

/// `{kind, message}`, printable.
pub fn error_table(lua: &Lua, kind: &str, message: &str) -> Result<Table> {
    let table = lua.create_table_from([("kind", kind), ("message", message)])?;
    table.set_metatable(Some(printable(lua)?))?;
    Ok(table)
}

struct Printable(Table);

/// The metatable under which a table prints as its `message`.
pub fn printable(lua: &Lua) -> Result<Table> {
    if let Some(kept) = lua.app_data_ref::<Printable>() {
        return Ok(kept.0.clone());
    }
    let meta = lua.create_table()?;
    let text = lua.create_function(|_, table: Table| table.raw_get::<Value>("message"))?;
    meta.raw_set("__tostring", text)?;
    meta.raw_set("__name", "zi.Error")?;
    lua.set_app_data(Printable(meta.clone()));
    Ok(meta)
}
