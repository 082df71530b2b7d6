//! `settings.json`: what the user wants otherwise than the defaults.
//!
//! zi reads it and never writes it. Unknown keys are reported with the nearest known one.

use std::{fs, io, path::Path};

use serde::Deserialize;
use serde_json::Value;

/// Every setting, with its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Provider to use when no flag says otherwise.
    pub provider: Option<String>,
    /// Model to use when no flag says otherwise.
    pub model: Option<String>,
    /// Thinking level: `off`, `minimal`, `low`, `medium`, `high`, `xhigh`.
    pub reasoning: Option<String>,
    /// Model calls that one prompt may take (50).
    pub max_steps: Option<u64>,
    pub compaction: Compaction,
    pub retry: Retry,
    /// Settings of extensions, by extension id.
    pub extensions: serde_json::Map<String, Value>,
}

/// When the conversation is summarised.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Compaction {
    /// Whether it happens by itself.
    pub enabled: bool,
    /// At which part of the context window, in percent.
    pub threshold_percent: u64,
    /// How much of the newest conversation stays as it is, in tokens.
    pub keep_recent_tokens: u64,
}

impl Default for Compaction {
    fn default() -> Self {
        Self { enabled: true, threshold_percent: 85, keep_recent_tokens: 20_000 }
    }
}

/// How failed requests are tried again.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// Requests in all, the first included.
    pub max_attempts: u64,
    /// First pause; it doubles each time.
    pub base_ms: u64,
    /// Longest pause of our own.
    pub max_ms: u64,
    /// Longest pause that a server may ask for.
    pub max_server_ms: u64,
    /// Longest time from the first failure to the last attempt.
    pub max_total_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 8,
            base_ms: 1_000,
            max_ms: 60_000,
            max_server_ms: 600_000,
            max_total_ms: 300_000,
        }
    }
}

const KEYS: &[(&str, &[&str])] = &[
    ("provider", &[]),
    ("model", &[]),
    ("reasoning", &[]),
    ("max_steps", &[]),
    ("compaction", &["enabled", "threshold_percent", "keep_recent_tokens"]),
    ("retry", &["max_attempts", "base_ms", "max_ms", "max_server_ms", "max_total_ms"]),
    ("extensions", &["*"]),
];

/// The settings of a user and what is wrong with them. A file that cannot be used leaves the
/// defaults.
pub fn load(config: &Path) -> (Settings, Vec<String>) {
    let path = config.join("settings.json");
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Default::default(),
        Err(err) => {
            let notice = format!("cannot read `{}`: {err}; using the defaults", path.display());
            return (Settings::default(), vec![notice]);
        }
    };
    let value: Value = match serde_json::from_str(&text) {
        Ok(value) => value,
        Err(err) => {
            let notice = format!("`{}` is not JSON: {err}; using the defaults", path.display());
            return (Settings::default(), vec![notice]);
        }
    };
    let mut notices = unknown_keys(&path, &value);
    match Settings::deserialize(&value) {
        Ok(settings) => (settings, notices),
        Err(err) => {
            notices.push(format!("`{}`: {err}; using the defaults", path.display()));
            (Settings::default(), notices)
        }
    }
}

fn unknown_keys(path: &Path, value: &Value) -> Vec<String> {
    let Value::Object(map) = value else {
        return vec![format!("`{}` is not a JSON object; using the defaults", path.display())];
    };
    let mut notices = Vec::new();
    let mut complain = |key: &str, known: Vec<&str>| {
        let hint = crate::near::nearest(key.rsplit('.').next().unwrap_or(key), &known)
            .map(|near| format!("; did you mean `{near}`?"))
            .unwrap_or_default();
        notices.push(format!("`{}`: unknown setting `{key}`{hint}", path.display()));
    };
    for (key, inner) in map {
        let Some((_, fields)) = KEYS.iter().find(|(name, _)| name == key) else {
            complain(key, KEYS.iter().map(|(name, _)| *name).collect());
            continue;
        };
        if fields.is_empty() || *fields == ["*"] {
            continue;
        }
        for field in inner.as_object().into_iter().flat_map(|inner| inner.keys()) {
            if !fields.contains(&field.as_str()) {
                complain(&format!("{key}.{field}"), fields.to_vec());
            }
        }
    }
    notices
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> (Settings, Vec<String>) {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("settings.json"), text).expect("it writes");
        load(dir.path())
    }

    #[test]
    fn what_is_not_set_keeps_its_default() {
        let (settings, notices) = load_text(r#"{ "model": "m", "retry": { "base_ms": 5 } }"#);
        assert!(notices.is_empty(), "{notices:?}");
        assert_eq!(settings.model.as_deref(), Some("m"));
        assert_eq!((settings.retry.base_ms, settings.retry.max_attempts), (5, 8));
    }

    #[test]
    fn bad_files_are_named_and_leave_the_defaults() {
        for (text, says) in [
            ("{ nope", "not JSON"),
            ("[]", "not a JSON object"),
            (r#"{ "max_steps": "many" }"#, "many"),
        ] {
            let (settings, notices) = load_text(text);
            assert!(settings.max_steps.is_none());
            let all = notices.join("\n");
            assert!(all.contains("settings.json") && all.contains(says), "{all}");
        }
    }

    #[test]
    fn a_misspelt_key_names_the_nearest() {
        let (_, notices) = load_text(r#"{ "modle": "m", "retry": { "max_atempts": 3 } }"#);
        assert!(notices[0].contains("`modle`; did you mean `model`?"), "{notices:?}");
        assert!(notices[1].contains("`retry.max_atempts`; did you mean `max_attempts`?"));
    }
}
