//! What the lines of a journal hold.

use std::path::Path;

use rand::Rng as _;
use serde_json::{Map, Value};

/// The format that this version writes; newer ones are refused.
pub const VERSION: u64 = 1;

/// The first line of a file: which session it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    pub id: String,
    pub cwd: String,
    pub created_at: String,
    pub parent_session: Option<String>,
    /// The version of zi that made the file.
    pub zi: String,
}

/// A node of the tree. `data` holds the fields that belong to its kind, known or not.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub id: String,
    pub parent_id: Option<String>,
    /// When it was appended (RFC 3339, UTC).
    pub at: String,
    pub kind: String,
    pub data: Map<String, Value>,
}

impl Header {
    pub(super) fn new(cwd: &Path, parent_session: Option<String>) -> Self {
        Self {
            id: uuid::Uuid::now_v7().to_string(),
            cwd: cwd.to_string_lossy().into_owned(),
            created_at: now(),
            parent_session,
            zi: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// `<timestamp>_<id>.jsonl`
    pub(super) fn file_name(&self) -> String {
        let stamp: String =
            self.created_at.chars().take(19).map(|c| if c == ':' { '-' } else { c }).collect();
        format!("{stamp}_{}.jsonl", self.id)
    }

    /// The header as data, as it stands in the file and opens the JSON stream.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        map.insert("type".into(), "session".into());
        map.insert("version".into(), VERSION.into());
        map.insert("id".into(), self.id.clone().into());
        map.insert("cwd".into(), self.cwd.clone().into());
        map.insert("created_at".into(), self.created_at.clone().into());
        if let Some(parent) = &self.parent_session {
            map.insert("parent_session".into(), parent.clone().into());
        }
        map.insert("zi".into(), self.zi.clone().into());
        Value::Object(map)
    }

    pub(super) fn line(&self) -> Vec<u8> {
        line(&self.to_value())
    }

    /// Reads a header; the error says what is wrong with it.
    pub(super) fn parse(value: &Value) -> Result<Self, String> {
        if value.get("type").and_then(Value::as_str) != Some("session") {
            return Err("its first line is not a session header".into());
        }
        match value.get("version").and_then(Value::as_u64) {
            Some(VERSION) => {}
            Some(newer) if newer > VERSION => {
                return Err(format!("it was written by a newer zi (format {newer})"));
            }
            _ => return Err("its header has no usable `version`".into()),
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            id: text("id").ok_or("its header has no `id`")?,
            cwd: text("cwd").unwrap_or_default(),
            created_at: text("created_at").unwrap_or_default(),
            parent_session: text("parent_session"),
            zi: text("zi").unwrap_or_default(),
        })
    }
}

impl Entry {
    /// The entry as data, as it stands in the file.
    pub fn to_value(&self) -> Value {
        let mut map = self.data.clone();
        map.insert("type".into(), self.kind.clone().into());
        map.insert("id".into(), self.id.clone().into());
        map.insert("parent_id".into(), self.parent_id.clone().into());
        map.insert("at".into(), self.at.clone().into());
        Value::Object(map)
    }

    /// The message of a `message` entry.
    pub fn message(&self) -> Option<&Value> {
        if self.kind == "message" { self.data.get("message") } else { None }
    }

    pub(super) fn line(&self) -> Vec<u8> {
        line(&self.to_value())
    }

    pub(crate) fn parse(value: Value) -> Result<Self, &'static str> {
        let Value::Object(mut data) = value else { return Err("not a JSON object") };
        let mut text = |name: &str| match data.remove(name) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let kind = text("type").ok_or("no `type`")?;
        let id = text("id").ok_or("no `id`")?;
        let parent_id = text("parent_id");
        let at = text("at").unwrap_or_default();
        Ok(Self { id, parent_id, at, kind, data })
    }
}

fn line(value: &Value) -> Vec<u8> {
    let mut line = value.to_string().into_bytes();
    line.push(b'\n');
    line
}

/// The time, in milliseconds and UTC.
pub fn now() -> String {
    let now = jiff::Timestamp::now();
    now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// A short random id: ten characters of a 32-letter alphabet without look-alikes, 50 bits.
pub fn new_id() -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let mut rng = rand::rng();
    (0..10).map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())])).collect()
}
