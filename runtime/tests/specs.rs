//! The Lua specs of this checkout: all of them pass, and nothing that users can name lacks one.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde_json::Value;
use zi_testkit::Zi;

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
}

fn spec() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../spec")
}

#[test]
fn every_spec_passes() {
    let done = zi().args(["test", "--timeout", "30"]).arg(spec()).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let last = done.stdout.lines().last().unwrap_or_default();
    let passed = last.split(' ').next().and_then(|count| count.parse().ok());
    assert!(passed > Some(250), "only {last}");
}

#[test]
fn every_bundled_extension_has_a_spec() {
    let extensions = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../extensions");
    let files = fs::read_dir(extensions).expect("the folder lists").flatten();
    let names: Vec<String> = files
        .filter_map(|file| file.file_name().to_str()?.strip_suffix(".lua").map(str::to_owned))
        .collect();
    assert!(names.len() > 10, "{names:?}");
    for name in names {
        let path = spec().join(format!("extensions/{name}_spec.lua"));
        assert!(path.is_file(), "there is no {}", path.display());
    }
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/examples")
}

/// The names of the examples: files, and folders with an `init.lua`.
fn example_names() -> Vec<String> {
    let entries = fs::read_dir(examples()).expect("the folder lists").flatten();
    let name = |path: PathBuf| {
        let is_file = path.extension().is_some_and(|ending| ending == "lua");
        let is_example = is_file || path.join("init.lua").is_file();
        is_example.then(|| path.file_stem()?.to_str().map(str::to_owned))?
    };
    entries.filter_map(|entry| name(entry.path())).collect()
}

#[test]
fn every_example_has_a_spec_and_a_line_in_the_index() {
    let index = fs::read_to_string(examples().join("README.md")).expect("the index reads");
    let names = example_names();
    assert!(names.len() >= 14, "{names:?}");
    for name in &names {
        let spec = examples().join(format!("spec/{name}_spec.lua"));
        assert!(spec.is_file(), "there is no {}", spec.display());
        assert!(index.contains(&format!("| [{name}]({name}")), "the index lacks {name}");
    }
    assert_eq!(index.matches("\n| [").count(), names.len(), "the index has lines too many");
}

#[test]
fn the_specs_of_the_examples_pass() {
    let done = zi().args(["test", "--timeout", "30"]).arg(examples()).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    let last = done.stdout.lines().last().unwrap_or_default();
    let passed = last.split(' ').next().and_then(|count| count.parse().ok());
    assert!(passed > Some(60), "only {last}");
}

#[test]
fn zi_check_finds_nothing_in_the_examples() {
    let done = zi().arg("check").arg(examples()).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    // The modules of examples in folders count, too.
    let checked = done.stdout.split(' ').next().and_then(|count| count.parse().ok());
    assert!(checked > Some(example_names().len()), "{}", done.stdout);
}

/// The members of the API, as `zi api` tells them.
fn members() -> Vec<String> {
    let done = zi().args(["api", "--json"]).run();
    let api: Value = serde_json::from_str(&done.stdout).expect("it is JSON");
    let members = api["members"].as_array().expect("a list").iter();
    members.filter_map(|member| member["name"].as_str().map(str::to_owned)).collect()
}

#[test]
fn every_namespace_of_the_api_has_a_spec() {
    let spaces: BTreeSet<String> = members()
        .iter()
        .filter_map(|name| name.rsplit_once(['.', ':']).map(|(space, _)| space.to_owned()))
        .collect();
    assert!(spaces.contains("zi.fs") && spaces.contains("ctx.session"), "{spaces:?}");
    for space in spaces {
        let name = space.strip_prefix("zi.").unwrap_or(&space).replace('.', "_");
        let path = spec().join(format!("api/{name}_spec.lua"));
        assert!(path.is_file(), "{space}: there is no {}", path.display());
    }
}

#[test]
fn every_member_of_the_api_is_in_a_spec() {
    let files = fs::read_dir(spec().join("api")).expect("the folder lists").flatten();
    let text: String =
        files.map(|file| fs::read_to_string(file.path()).expect("it reads")).collect();
    let is_used = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let after = text[at + name.len()..].chars().next();
            after.is_none_or(|c| !c.is_ascii_alphanumeric() && c != '_')
        })
    };
    let missing: Vec<String> = members().into_iter().filter(|name| !is_used(name)).collect();
    assert!(missing.is_empty(), "no spec mentions {missing:?}");
}
