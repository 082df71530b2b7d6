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
