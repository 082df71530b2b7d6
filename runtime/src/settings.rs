//! `settings.json`: what the distribution, the user or a trusted project wants otherwise than the
//! defaults.
//!
//! zi reads it and never writes it. Each key that cannot be used is reported by name and left out;
//! the others count. A project may set what is on its list and nothing else: a key that is added
//! later is the user's until somebody decides otherwise.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{cli::REASONING_LEVELS, near};

/// Every setting, with its default.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Provider to use when no flag says otherwise.
    pub provider: Option<String>,
    /// Model to use when no flag says otherwise.
    pub model: Option<String>,
    /// Thinking level, one of [`REASONING_LEVELS`].
    pub reasoning: Option<String>,
    /// Model calls that one prompt may take (50).
    pub max_steps: Option<u64>,
    /// Whether extensions are reloaded when their files change.
    pub watch: bool,
    /// Theme of the terminal: `auto`, `dark`, `light`, or one of the user's or an extension's.
    pub theme: Option<String>,
    /// Keys by the name of what they do: one key, or a list.
    pub keys: serde_json::Map<String, Value>,
    /// Whether the terminal interface takes the mouse, for its wheel; text is then selected with
    /// shift held down.
    pub mouse: bool,
    /// Whether what the model thinks is shown whole.
    pub show_thinking: bool,
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

/// What a key takes.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Text,
    Choice(&'static [&'static str]),
    Flag,
    /// A whole number from the first to the last.
    Number(u64, u64),
    /// Values by extension id.
    Extensions,
    /// Keys by the name of an action.
    Keys,
}

impl Kind {
    fn takes(self, value: &Value) -> bool {
        match self {
            Self::Text => value.as_str().is_some_and(|text| !text.trim().is_empty()),
            Self::Choice(choices) => value.as_str().is_some_and(|text| choices.contains(&text)),
            Self::Flag => value.is_boolean(),
            Self::Number(least, most) => {
                value.as_u64().is_some_and(|number| (least..=most).contains(&number))
            }
            Self::Extensions | Self::Keys => value.is_object(),
        }
    }

    fn wanted(self) -> String {
        match self {
            Self::Text => "a text that is not empty".into(),
            Self::Choice(choices) => format!("one of {}", choices.join(", ")),
            Self::Flag => "true or false".into(),
            Self::Number(least, u64::MAX) => format!("a whole number, {least} or more"),
            Self::Number(least, most) => format!("a whole number from {least} to {most}"),
            Self::Extensions => "an object with an entry for each extension".into(),
            Self::Keys => "an object: the name of an action, and its key or a list of keys".into(),
        }
    }
}

const DAY_MS: u64 = 24 * 3600 * 1000;

/// Every key that there is.
const KEYS: &[(&str, Kind)] = &[
    ("provider", Kind::Text),
    ("model", Kind::Text),
    ("reasoning", Kind::Choice(REASONING_LEVELS)),
    ("max_steps", Kind::Number(1, u64::MAX)),
    ("watch", Kind::Flag),
    ("theme", Kind::Text),
    ("keys", Kind::Keys),
    ("mouse", Kind::Flag),
    ("show_thinking", Kind::Flag),
    ("compaction.enabled", Kind::Flag),
    ("compaction.threshold_percent", Kind::Number(10, 100)),
    ("compaction.keep_recent_tokens", Kind::Number(0, u64::MAX)),
    ("retry.max_attempts", Kind::Number(1, 1_000)),
    ("retry.base_ms", Kind::Number(0, DAY_MS)),
    ("retry.max_ms", Kind::Number(0, DAY_MS)),
    ("retry.max_server_ms", Kind::Number(0, DAY_MS)),
    ("retry.max_total_ms", Kind::Number(0, DAY_MS)),
    ("extensions", Kind::Extensions),
];

/// The key of a distribution's file that lists what nobody else may set.
const LOCKED: &str = "locked";

/// Whether a lock may name `key`: a key, a group of them, or the settings of one extension.
fn is_lockable(key: &str) -> bool {
    let is_group = |(name, _): &(&str, Kind)| {
        *name == key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with('.'))
    };
    KEYS.iter().any(is_group)
        || key.strip_prefix("extensions.").is_some_and(|id| !id.is_empty() && !id.contains('.'))
}

/// What a trusted project may set: which model works for it, and how long. Nothing here says where
/// a credential goes, what is run, or what is allowed.
const PROJECT_KEYS: &[&str] = &[
    "provider",
    "model",
    "reasoning",
    "max_steps",
    "compaction.enabled",
    "compaction.threshold_percent",
    "compaction.keep_recent_tokens",
    "retry.max_attempts",
    "retry.base_ms",
    "retry.max_ms",
    "retry.max_server_ms",
    "retry.max_total_ms",
    "extensions",
];

/// The settings of a trusted project.
#[derive(Debug)]
pub struct ProjectSettings<'a> {
    /// What messages call the file.
    pub path: &'a Path,
    pub text: &'a [u8],
    /// The extensions of the project itself: it may set theirs only.
    pub extensions: &'a [String],
}

/// Where the file is, in each root that has one.
const FILE: &str = "settings.json";

/// The settings that count, and what is wrong with the files: those of the distribution (`system`, the
/// root that wins first), the user's over them, and those of a trusted project over both. What the
/// distribution locks stays as it says.
pub fn load(
    system: &[PathBuf],
    config: &Path,
    project: Option<ProjectSettings<'_>>,
) -> (Settings, Vec<String>) {
    let mut notices = Vec::new();
    let mut values = Map::new();
    let mut locks = Vec::new();
    for root in system.iter().rev() {
        let path = root.join(FILE);
        let Some(text) = read(&path, &mut notices) else { continue };
        let mut reader = Reader::new(&path, Layer::System, &[], &mut notices);
        locks.extend(reader.locks(&text));
        overlay(&mut values, reader.read(&text));
    }
    let path = config.join(FILE);
    if let Some(text) = read(&path, &mut notices) {
        let reader = Reader::new(&path, Layer::User, &locks, &mut notices);
        overlay(&mut values, reader.read(&text));
    }
    if let Some(project) = project {
        let layer = Layer::Project(project.extensions);
        let reader = Reader::new(project.path, layer, &locks, &mut notices);
        overlay(&mut values, reader.read(project.text));
    }
    match Settings::deserialize(Value::Object(values)) {
        Ok(settings) => (settings, notices),
        Err(err) => {
            notices.push(format!("the settings cannot be used: {err}; using the defaults"));
            (Settings::default(), notices)
        }
    }
}

fn read(path: &Path, notices: &mut Vec<String>) -> Option<Vec<u8>> {
    match fs::read(path) {
        Ok(text) => Some(text),
        Err(err) if err.kind() == io::ErrorKind::NotFound => None,
        Err(err) => {
            notices.push(format!("cannot read `{}`: {err}; using the defaults", path.display()));
            None
        }
    }
}

/// Puts `upper` over `lower`, key by key. A model and its provider belong together: who names one of
/// them names both.
fn overlay(lower: &mut Map<String, Value>, upper: Map<String, Value>) {
    if upper.contains_key("model") || upper.contains_key("provider") {
        lower.remove("model");
        lower.remove("provider");
    }
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => inner.extend(value),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

/// Whose file it is.
#[derive(Clone, Copy, Debug)]
enum Layer<'a> {
    System,
    User,
    /// The extensions of the project itself.
    Project(&'a [String]),
}

/// Reads one file and keeps what can be used of it.
struct Reader<'a> {
    path: &'a Path,
    layer: Layer<'a>,
    /// Keys that this file may not set.
    locked: &'a [String],
    notices: &'a mut Vec<String>,
    used: Map<String, Value>,
}

impl<'a> Reader<'a> {
    fn new(
        path: &'a Path,
        layer: Layer<'a>,
        locked: &'a [String],
        notices: &'a mut Vec<String>,
    ) -> Self {
        Self { path, layer, locked, notices, used: Map::new() }
    }

    fn read(mut self, text: &[u8]) -> Map<String, Value> {
        match serde_json::from_slice(text) {
            Ok(Value::Object(map)) => {
                for (key, value) in &map {
                    self.entry(key, value);
                }
            }
            Ok(other) => self.complain(&format!("it must be a JSON object, not {}", found(&other))),
            Err(err) => self.complain(&format!("it is not JSON: {err}")),
        }
        self.used
    }

    /// The keys that the file locks. Faults of the file as a whole are told by [`Self::read`].
    fn locks(&mut self, text: &[u8]) -> Vec<String> {
        let Ok(Value::Object(mut map)) = serde_json::from_slice(text) else { return Vec::new() };
        let Some(listed) = map.remove(LOCKED) else { return Vec::new() };
        let Value::Array(listed) = listed else {
            self.wrong(LOCKED, "a list of keys", &listed);
            return Vec::new();
        };
        let mut locks = Vec::new();
        for key in &listed {
            match key.as_str() {
                Some(key) if is_lockable(key) => locks.push(key.to_owned()),
                Some(key) => {
                    let known: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
                    let hint = hint(key, &known);
                    self.complain(&format!("`{LOCKED}` names `{key}`, which is no setting{hint}"));
                }
                None => self.wrong(LOCKED, "a list of keys", key),
            }
        }
        locks
    }

    /// Whether the distribution keeps `key` for itself. A model and its provider belong together.
    fn is_locked(&self, key: &str) -> bool {
        let pair = ["provider", "model"];
        self.locked.iter().any(|lock| {
            key == lock
                || key.strip_prefix(lock.as_str()).is_some_and(|rest| rest.starts_with('.'))
                || (pair.contains(&key) && pair.contains(&lock.as_str()))
        })
    }

    fn complain_of_lock(&mut self, key: &str) {
        self.complain(&format!("`{key}` is ignored: this installation of zi locks it"));
    }

    fn entry(&mut self, key: &str, value: &Value) {
        if key == LOCKED && matches!(self.layer, Layer::System) {
            return;
        }
        let prefix = format!("{key}.");
        let fields: Vec<&str> =
            KEYS.iter().filter_map(|(name, _)| name.strip_prefix(&prefix)).collect();
        if fields.is_empty() {
            self.leaf(key, value);
        } else if let Value::Object(map) = value {
            for (field, value) in map {
                self.leaf(&format!("{key}.{field}"), value);
            }
        } else {
            let wanted = format!("an object with {}", fields.join(", "));
            self.wrong(key, &wanted, value);
        }
    }

    fn leaf(&mut self, key: &str, value: &Value) {
        if matches!(self.layer, Layer::Project(_)) && !PROJECT_KEYS.contains(&key) {
            let hint = hint(key, PROJECT_KEYS);
            self.complain(&format!("`{key}` is ignored: a project may not set it{hint}"));
            return;
        }
        let Some((_, kind)) = KEYS.iter().find(|(name, _)| *name == key) else {
            let known: Vec<&str> = KEYS.iter().map(|(name, _)| *name).collect();
            self.complain(&format!("unknown setting `{key}`{}", hint(key, &known)));
            return;
        };
        if self.is_locked(key) {
            self.complain_of_lock(key);
            return;
        }
        if !kind.takes(value) {
            self.wrong(key, &kind.wanted(), value);
            return;
        }
        match (kind, value, key.split_once('.')) {
            (Kind::Extensions, Value::Object(map), _) => {
                let map = self.extensions(map);
                self.used.insert(key.to_owned(), Value::Object(map));
            }
            (_, value, Some((outer, field))) => {
                let outer = self.used.entry(outer).or_insert_with(|| json!({}));
                outer[field] = value.clone();
            }
            (_, value, None) => {
                self.used.insert(key.to_owned(), value.clone());
            }
        }
    }

    /// The entries of `extensions` that this file may have.
    fn extensions(&mut self, map: &Map<String, Value>) -> Map<String, Value> {
        let mut used = map.clone();
        for key in map.keys() {
            let full = format!("extensions.{key}");
            if self.is_locked(&full) {
                used.remove(key);
                self.complain_of_lock(&full);
            }
        }
        if let Layer::Project(own) = self.layer {
            used.retain(|id, _| own.contains(id));
            for id in map.keys().filter(|id| !own.contains(id)) {
                self.complain(&format!(
                    "`extensions.{id}` is ignored: a project may set those of its own extensions only"
                ));
            }
        }
        used
    }

    fn wrong(&mut self, key: &str, wanted: &str, value: &Value) {
        self.complain(&format!("`{key}` is ignored: it must be {wanted}, not {}", found(value)));
    }

    fn complain(&mut self, problem: &str) {
        self.notices.push(format!("`{}`: {problem}", self.path.display()));
    }
}

/// `; did you mean …?` for the nearest of `known`, or of its last parts.
fn hint(key: &str, known: &[&str]) -> String {
    match key.rsplit_once('.') {
        None => near::hint(key, known),
        Some((outer, field)) => {
            let inner = |name: &&'static str| name.rsplit_once('.').filter(|(it, _)| *it == outer);
            let all = KEYS.iter().map(|(name, _)| *name).filter(|name| known.contains(name));
            let fields: Vec<&str> = all.filter_map(|name| inner(&name)).map(|it| it.1).collect();
            near::hint(field, &fields)
        }
    }
}

/// A value as messages show it.
fn found(value: &Value) -> String {
    const MAX_CHARS: usize = 40;
    let text = value.to_string();
    if text.chars().count() <= MAX_CHARS {
        return text;
    }
    format!("{}…", text.chars().take(MAX_CHARS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str) -> (Settings, Vec<String>) {
        let dir = tempfile::tempdir().expect("a folder");
        fs::write(dir.path().join("settings.json"), text).expect("it writes");
        load(&[], dir.path(), None)
    }

    #[test]
    fn what_is_not_set_keeps_its_default() {
        let (settings, notices) = load_text(r#"{ "model": "m", "retry": { "base_ms": 5 } }"#);
        assert!(notices.is_empty(), "{notices:?}");
        assert_eq!(settings.model.as_deref(), Some("m"));
        assert_eq!((settings.retry.base_ms, settings.retry.max_attempts), (5, 8));
    }

    #[test]
    fn files_that_cannot_be_used_are_named_and_leave_the_defaults() {
        for (text, says) in [("{ nope", "not JSON"), ("[]", "must be a JSON object, not []")] {
            let (settings, notices) = load_text(text);
            assert!(settings.max_steps.is_none());
            assert!(
                notices.len() == 1
                    && notices[0].contains("settings.json")
                    && notices[0].contains(says),
                "{notices:?}"
            );
        }
    }

    #[test]
    fn a_bad_value_costs_its_own_key_only_and_one_clear_message() {
        let cases = [
            (r#""max_steps": "many""#, "`max_steps`", "a whole number, 1 or more, not \"many\""),
            (r#""max_steps": 0"#, "`max_steps`", "1 or more, not 0"),
            (r#""max_steps": -3"#, "`max_steps`", "not -3"),
            (r#""max_steps": 2.5"#, "`max_steps`", "not 2.5"),
            (r#""model": 7"#, "`model`", "a text that is not empty, not 7"),
            (r#""model": null"#, "`model`", "not null"),
            (r#""provider": "  ""#, "`provider`", "not empty"),
            (r#""reasoning": "hihg""#, "`reasoning`", "one of off, minimal, low"),
            (r#""compaction": 5"#, "`compaction`", "an object with enabled, threshold_percent"),
            (r#""compaction": {"enabled": "yes"}"#, "`compaction.enabled`", "true or false"),
            (
                r#""compaction": {"threshold_percent": 5}"#,
                "`compaction.threshold_percent`",
                "from 10 to 100, not 5",
            ),
            (
                r#""compaction": {"keep_recent_tokens": []}"#,
                "`compaction.keep_recent_tokens`",
                "not []",
            ),
            (r#""retry": {"max_attempts": 0}"#, "`retry.max_attempts`", "from 1 to 1000, not 0"),
            (r#""retry": {"base_ms": -1}"#, "`retry.base_ms`", "from 0 to 86400000, not -1"),
            (r#""extensions": []"#, "`extensions`", "an entry for each extension"),
        ];
        for (entry, key, says) in cases {
            let (settings, notices) =
                load_text(&format!(r#"{{ {entry}, "extensions ": 1, "retry ": 1 }}"#));
            let about: Vec<_> = notices.iter().filter(|it| !it.contains("unknown")).collect();
            assert!(
                about.len() == 1 && about[0].contains(key) && about[0].contains(says),
                "{entry}: {notices:?}"
            );
            for word in ["u64", "i64", "String", "struct", "invalid type", "expected"] {
                assert!(!about[0].contains(word), "{about:?}");
            }
            assert_eq!(settings.retry.max_attempts, 8);
            assert_eq!(settings.compaction.threshold_percent, 85);
        }
        let (settings, notices) =
            load_text(r#"{ "model": "m", "retry": { "base_ms": "x", "max_ms": 7 } }"#);
        assert_eq!((settings.model.as_deref(), settings.retry.max_ms), (Some("m"), 7));
        assert_eq!((settings.retry.base_ms, notices.len()), (1_000, 1));
    }

    #[test]
    fn a_misspelt_key_names_the_nearest() {
        let (_, notices) = load_text(r#"{ "modle": "m", "retry": { "max_atempts": 3 } }"#);
        assert!(notices[0].contains("`modle`; did you mean `model`?"), "{notices:?}");
        assert!(notices[1].contains("`retry.max_atempts`; did you mean `max_attempts`?"));
    }

    #[test]
    fn a_project_counts_over_the_user_where_it_may() {
        let dir = tempfile::tempdir().expect("a folder");
        let user =
            r#"{ "provider": "p", "model": "m", "max_steps": 9, "retry": { "base_ms": 5 } }"#;
        fs::write(dir.path().join("settings.json"), user).expect("it writes");
        let text = br#"{ "model": "q/n", "retry": { "max_ms": 6 }, "api_key": "k",
            "extensions": { "mine": { "a": 1 }, "gate": { "off": true } } }"#;
        let project = ProjectSettings {
            path: Path::new("/p/.zi/settings.json"),
            text,
            extensions: &["mine".to_owned()],
        };
        let (settings, notices) = load(&[], dir.path(), Some(project));
        assert_eq!((settings.provider, settings.model.as_deref()), (None, Some("q/n")));
        assert_eq!((settings.retry.base_ms, settings.retry.max_ms), (5, 6));
        assert_eq!(settings.max_steps, Some(9));
        assert_eq!(Value::Object(settings.extensions), json!({ "mine": { "a": 1 } }));
        assert_eq!(notices.len(), 2, "{notices:?}");
        assert!(notices[0].contains("`api_key` is ignored: a project may not set it"));
        assert!(notices[1].contains("`extensions.gate` is ignored"));
    }

    #[test]
    fn what_the_distribution_locks_stays_and_each_ignored_key_is_told_once() {
        let dirs = [tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder")];
        let [system, user] = [dirs[0].path(), dirs[1].path()];
        let text = r#"{ "model": "p/m", "max_steps": 7, "retry": { "base_ms": 5 },
            "extensions": { "gate": { "strict": true } },
            "locked": ["model", "retry", "extensions.gate", "max_stps", 4] }"#;
        fs::write(system.join(FILE), text).expect("it writes");
        let text = r#"{ "provider": "q", "max_steps": 9, "retry": { "base_ms": 1, "max_ms": 2 },
            "extensions": { "gate": { "strict": false }, "mine": { "a": 1 } }, "locked": [] }"#;
        fs::write(user.join(FILE), text).expect("it writes");
        let (settings, notices) = load(&[system.to_owned()], user, None);
        assert_eq!((settings.provider, settings.model.as_deref()), (None, Some("p/m")));
        assert_eq!((settings.max_steps, settings.retry.base_ms), (Some(9), 5));
        assert_eq!(settings.retry.max_ms, Retry::default().max_ms);
        let extensions = json!({ "gate": { "strict": true }, "mine": { "a": 1 } });
        assert_eq!(Value::Object(settings.extensions), extensions);
        let about = |words: &str| notices.iter().filter(|it| it.contains(words)).count();
        for key in ["`provider`", "`retry.base_ms`", "`retry.max_ms`", "`extensions.gate`"] {
            assert_eq!(about(&format!("{key} is ignored: this installation")), 1, "{notices:?}");
        }
        assert_eq!(about("`max_stps`, which is no setting; did you mean `max_steps`?"), 1);
        assert_eq!(about("`locked` is ignored: it must be a list of keys, not 4"), 1);
        assert_eq!(about("unknown setting `locked`"), 1, "{notices:?}");
        assert_eq!(notices.len(), 7, "{notices:?}");
    }
}
