//! The fixtures in `testkit/wire`: streams of every dialect with what they must come to.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

/// A stream, and the answer that it is.
#[derive(Clone, Debug)]
pub struct Fixture {
    pub name: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// What it must come to, as `wire/INDEX.md` describes it.
    pub expected: Value,
    /// Offsets at which a server should cut its writes.
    pub splits: Vec<usize>,
}

/// A refusal, and how it must be understood.
#[derive(Clone, Debug)]
pub struct HttpError {
    pub id: String,
    pub provider: String,
    pub protocol: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: String,
    pub expected: Value,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wire")
}

fn read_json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|err| panic!("cannot read {}: {err}", path.display()));
    serde_json::from_slice(&text).unwrap_or_else(|err| panic!("{}: {err}", path.display()))
}

/// All streams of a protocol, by name.
pub fn fixtures(protocol: &str) -> Vec<Fixture> {
    let folder = root().join(protocol);
    let listed = fs::read_dir(&folder).unwrap_or_else(|err| panic!("{}: {err}", folder.display()));
    let mut fixtures: Vec<Fixture> = listed
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|kind| kind == "sse" || kind == "ndjson"))
        .map(|path| {
            let expected = read_json(&path.with_extension("expected.json"));
            let splits = expected["splits"].as_array().into_iter().flatten();
            Fixture {
                name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
                body: fs::read(&path).expect("a listed file reads"),
                splits: splits.filter_map(|at| usize::try_from(at.as_u64()?).ok()).collect(),
                expected,
            }
        })
        .collect();
    fixtures.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(!fixtures.is_empty(), "there are no fixtures for {protocol}");
    fixtures
}

/// All refusals of a protocol.
pub fn http_errors(protocol: &str) -> Vec<HttpError> {
    let all = read_json(&root().join("http_errors.json"));
    let text = |case: &Value, name: &str| case[name].as_str().unwrap_or_default().to_owned();
    let cases = all["cases"].as_array().into_iter().flatten();
    let errors: Vec<HttpError> = cases
        .filter(|case| case["protocol"] == protocol)
        .map(|case| HttpError {
            id: text(case, "id"),
            provider: text(case, "provider"),
            protocol: text(case, "protocol"),
            status: case["status"].as_u64().and_then(|it| u16::try_from(it).ok()).unwrap_or(0),
            headers: case["headers"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
                .collect(),
            body: text(case, "body"),
            expected: case["expected"].clone(),
        })
        .collect();
    assert!(!errors.is_empty(), "there are no errors of {protocol}");
    errors
}

/// The strict schema of a protocol's request bodies.
pub fn request_schema(protocol: &str) -> Value {
    read_json(&root().join(format!("schemas/{protocol}.request.schema.json")))
}
