//! The shape of the house: who may know of what.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use zi::{api, hooks::EVENTS};

/// Words of the layer above: the kernel does not know them.
const AGENT_WORDS: &[&str] = &[
    "agent",
    "agents",
    "model",
    "models",
    "tool",
    "tools",
    "message",
    "messages",
    "session",
    "sessions",
    "prompt",
    "prompts",
    "provider",
    "providers",
    "transcript",
    "anthropic",
    "openai",
];

/// Places where such a word is the operating system's or a library's, not ours.
const FOREIGN: &[&str] = &[
    "session",  // process sessions: `setsid`, the field of /proc/PID/stat
    "provider", // rustls' cryptography
    "message",  // the text of an error
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the crate is in the workspace")
        .to_owned()
}

/// All files below `dir` with the given extension.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("the folder lists").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|ending| ending == extension) {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The words of a line: `tool_call` and `toolCall` are two words each.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in line.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric() {
            words.last_mut().expect("there is one").extend(c.to_lowercase());
        }
        before = c;
    }
    words
}

#[test]
fn the_kernel_knows_nothing_of_agents() {
    let mut found = Vec::new();
    for extension in ["rs", "lua"] {
        for path in files(&root().join("kernel/src"), extension) {
            let text = fs::read_to_string(&path).expect("it reads");
            let is_caps = path.ends_with("term/caps.rs");
            let in_job = path.components().any(|part| part.as_os_str() == "job");
            for (number, line) in text.lines().enumerate() {
                let foreign = |word: &str| match word {
                    // Names of terminals' own variables.
                    "session" => in_job || (is_caps && line.contains("_SESSION")),
                    "provider" => line.contains("rustls::crypto"),
                    "message" => true,
                    _ => false,
                };
                let hit = words(line).into_iter().find(|word| AGENT_WORDS.contains(&word.as_str()));
                if let Some(word) =
                    hit.filter(|word| !FOREIGN.contains(&word.as_str()) || !foreign(word))
                {
                    found.push(format!("{}:{}: `{word}`", path.display(), number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// Every dotted name that starts with `head` in a Lua text, comments left out.
fn names(text: &str, head: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let line = line.split("--").next().unwrap_or_default();
        for (at, _) in line.match_indices(head) {
            let before = line[..at].chars().next_back();
            if before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | ':' | '"')) {
                continue;
            }
            let rest: String = line[at..]
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':'))
                .collect();
            // `run:` at the end of a sentence is no member.
            let name = rest.trim_end_matches(['.', ':']).replace(':', ".");
            if name.contains('.') {
                names.insert(name);
            }
        }
    }
    names
}

#[test]
fn the_bundle_uses_the_public_api_only() {
    let known: BTreeSet<String> =
        api::rows().map(|(space, entry)| format!("{}.{}", space.name, entry.name)).collect();
    let mut unknown = Vec::new();
    let mut used = 0;
    for folder in ["extensions", "lua"] {
        for path in files(&root().join(folder), "lua") {
            let text = fs::read_to_string(&path).expect("it reads");
            for head in ["zi.", "ctx.", "run.", "run:"] {
                for name in names(&text, head) {
                    // A field of a member (`run.settings.retry`) belongs to its member.
                    // Whether there is a screen is asked by `ctx.ui` itself.
                    let is_member = known.iter().any(|member| {
                        name == *member
                            || name.starts_with(&format!("{member}."))
                            || (name.starts_with("ctx.") && member.starts_with(&format!("{name}.")))
                    });
                    used += usize::from(is_member);
                    if !is_member {
                        unknown.push(format!("{}: `{name}`", path.display()));
                    }
                }
            }
        }
    }
    assert!(used > 30, "the scan found only {used} names");
    assert!(unknown.is_empty(), "not in the registry:\n{}", unknown.join("\n"));
}

#[test]
fn the_bundle_listens_to_events_that_exist() {
    for path in files(&root().join("extensions"), "lua") {
        let text = fs::read_to_string(&path).expect("it reads");
        for (at, head) in text.match_indices("zi.on(\"") {
            let name = text[at + head.len()..].split('"').next().unwrap_or_default();
            assert!(EVENTS.contains(&name) || name.contains(':'), "{}: `{name}`", path.display());
        }
    }
}

#[test]
fn every_member_of_the_api_is_described_once() {
    let mut seen = BTreeSet::new();
    for (space, entry) in api::rows() {
        let name = format!("{}.{}", space.name, entry.name);
        assert!(entry.doc.ends_with('.'), "{name}: the description is no sentence");
        assert!(seen.insert(name.clone()), "{name} has two rows");
    }
}

#[test]
fn output_processes_and_http_have_one_place_each() {
    let places = [
        ("io::stdout()", &["modes/out.rs", "term/tty.rs"][..]),
        ("println!", &[]),
        ("Command::new", &["job/process.rs", "job/foreground.rs", "auth.rs"]),
        ("reqwest::", &["http/client.rs"]),
    ];
    for crate_dir in ["kernel/src", "runtime/src"] {
        for path in files(&root().join(crate_dir), "rs") {
            let text = fs::read_to_string(&path).expect("it reads");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let is_test = path.file_name().is_some_and(|name| name == "tests.rs");
            for (call, allowed) in &places {
                let here = allowed.iter().any(|place| path.ends_with(place));
                assert!(
                    here || is_test || !text.contains(call),
                    "{}: `{call}` belongs to {allowed:?}",
                    path.display()
                );
            }
        }
    }
}
