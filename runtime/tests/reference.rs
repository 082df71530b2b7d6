//! The reference, the dump of the API and the stubs are what the rows say.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use serde_json::Value;
use zi_testkit::Zi;

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
}

fn docs() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs"))
}

fn files(dir: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(dir).expect("the folder is there").map(|it| it.expect("it lists"));
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).expect("it reads");
        (entry.file_name().to_string_lossy().into_owned(), text)
    };
    entries.map(read).collect()
}

#[test]
fn the_reference_in_the_tree_is_the_one_that_the_rows_make() {
    let zi = zi().file("api/old.md", "<!-- Made by `zi api --markdown`: change the rows in `runtime/src/api/`, not this file. -->\n")
        .file("api/mine.txt", "mine");
    let made = zi.cwd().join("api");
    let again = zi.another();
    let done = zi.args(["api", "--markdown", "api"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let mut made = files(&made);
    assert_eq!(made.remove("mine.txt").as_deref(), Some("mine"), "what is not ours stays");
    let kept = files(&docs().join("api"));
    let differs = |name: &&String| made.get(*name) != kept.get(*name);
    let stale: Vec<&String> = made.keys().chain(kept.keys()).filter(differs).collect();
    assert!(
        stale.is_empty(),
        "{stale:?} differ; run `cargo run -p zi -- api --markdown docs/api` in the repository"
    );
    assert_eq!(again.args(["api", "--markdown", "a", "--json"]).run().code, Some(2));
}

/// Everything that a dump names, with what it says of it.
fn named(dump: &Value) -> BTreeMap<String, Value> {
    let mut named = BTreeMap::new();
    for kind in ["members", "events", "types"] {
        for one in dump[kind].as_array().expect("a list") {
            let name = one["name"].as_str().expect("a name");
            for field in one["fields"].as_array().into_iter().flatten() {
                let field_name = field["name"].as_str().expect("a name").trim_end_matches('?');
                named.insert(format!("{kind} {name}: {field_name}"), Value::Null);
            }
            named.insert(format!("{kind} {name}"), one["since"].clone());
        }
    }
    named
}

#[test]
fn what_the_api_had_it_keeps_and_the_dump_has_all_of_it() {
    let done = zi().args(["api", "--json"]).run();
    let now: Value = serde_json::from_str(&done.stdout).expect("it is JSON");
    let kept = fs::read_to_string(docs().join("api.json")).expect("there is a dump");
    let kept: Value = serde_json::from_str(&kept).expect("it is JSON");
    let (named_now, named_then) = (named(&now), named(&kept));
    assert!(named_then.len() > 500, "only {} names", named_then.len());
    for (name, since) in &named_then {
        let found = named_now.get(name);
        assert!(found.is_some(), "{name} is gone: extensions may use it, so it has to stay");
        assert_eq!(found, Some(since), "{name} is not newer than it was");
    }
    let members = now["members"].as_array().into_iter().chain(now["events"].as_array());
    for one in members.flatten() {
        assert!(one["since"].as_str().is_some_and(|since| !since.is_empty()), "{one}");
    }
    assert!(
        now == kept,
        "the dump is not up to date; run `cargo run -p zi -- api --json > docs/api.json` in the repository"
    );
}

#[test]
fn types_are_written_once_and_what_is_not_ours_stays() {
    let zi = zi().file("work/init.lua", "");
    let work = zi.cwd().join("work");
    let run = |args: &[&str]| zi.another().arg("types").args(args).run();
    let first = run(&["work"]);
    assert_eq!(first.code, Some(0), "{}", first.stderr);
    for name in [".zi-types/zi.lua", ".zi-types/ctx.lua", ".zi-types/events.lua", ".luarc.json"] {
        assert!(first.stdout.contains(&format!("made work/{name}")), "{}", first.stdout);
        assert!(work.join(name).is_file(), "{name}");
    }
    let luarc = fs::read_to_string(work.join(".luarc.json")).expect("it reads");
    let settings: Value = serde_json::from_str(&luarc).expect("it is JSON");
    assert_eq!(settings["runtime.version"], "Lua 5.4");
    assert_eq!(settings["workspace.library"][0], ".zi-types");
    let again = run(&["work"]);
    assert!(again.code == Some(0) && again.stdout.contains("up to date"), "{}", again.stdout);

    // An older zi wrote it: it is replaced.
    let stub = work.join(".zi-types/zi.lua");
    fs::write(&stub, "---@meta\n").expect("it writes");
    let mended = run(&["work"]);
    assert_eq!(mended.stdout, "replaced work/.zi-types/zi.lua\n");

    // A user changed it: it stays until `--force`.
    fs::write(work.join(".luarc.json"), "{}").expect("it writes");
    fs::write(&stub, "mine").expect("it writes");
    let refused = run(&["work"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert!(refused.stderr.contains("work/.luarc.json") && refused.stderr.contains("--force"));
    let read = |path: &Path| fs::read_to_string(path).expect("it reads");
    assert_eq!(read(&work.join(".luarc.json")), "{}");
    assert_eq!(read(&stub), "mine", "nothing is written when something is refused");
    let forced = run(&["work", "--force"]);
    assert_eq!(forced.code, Some(0), "{}", forced.stderr);
    assert_eq!(read(&work.join(".luarc.json")), luarc);

    assert_eq!(run(&["no-such-folder"]).code, Some(2));
    let home = zi.home().join(".zi-types/zi.lua");
    assert!(!home.exists());
    assert_eq!(run(&[]).code, Some(0));
    assert!(home.is_file(), "without a folder it is the user's own");
}

#[test]
fn the_events_of_a_run_carry_what_their_rows_say() {
    let zi = Zi::new(env!("CARGO_BIN_EXE_zi")).env("ZI_DEMO_DELAY_MS", "0");
    let done =
        zi.file("a.txt", "hello").args(["--json", "--model", "demo", "-p", "read a.txt"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let mut seen = std::collections::BTreeSet::new();
    for line in done.stdout.lines() {
        let event: serde_json::Map<String, Value> = serde_json::from_str(line).expect("JSON");
        let name = event["type"].as_str().expect("it has a type").to_owned();
        if matches!(name.as_str(), "session" | "result" | "notice") {
            continue;
        }
        let row = zi::api::event_rows::ROWS.iter().find(|row| row.name == name);
        let row = row.unwrap_or_else(|| panic!("`{name}` has no row"));
        let known = |key: &str| row.fields.iter().any(|(it, ..)| it.trim_end_matches('?') == key);
        for key in event.keys().filter(|key| *key != "type") {
            assert!(known(key), "`{name}` carries `{key}`, which its row does not have");
        }
        // What grows with every delta is left out of the stream.
        let lazy = ["message", "messages"];
        for (key, ..) in row.fields.iter().filter(|(it, ..)| !it.ends_with('?')) {
            let has = event.contains_key(*key) || lazy.contains(key);
            assert!(has, "`{name}` lacks `{key}`, which its row has");
        }
        seen.insert(name);
    }
    for name in ["agent_start", "turn_end", "message_update", "tool_execution_end", "agent_settled"]
    {
        assert!(seen.contains(name), "{name} was not seen in {seen:?}");
    }
}

/// The manual's table of keys holds what the bundle and the editor bind, and nothing else.
#[test]
fn the_manual_lists_the_keys_that_there_are() {
    let manual = fs::read_to_string(docs().join("terminal.md")).expect("it reads");
    let section = manual.split("## Keys").nth(1).and_then(|rest| rest.split("\n## ").next());
    let rows = section.expect("there is a table").lines().filter(|line| line.starts_with("| `"));
    let (mut named, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        named.extend(cells[1].split(", ").map(|name| name.trim_matches('`').to_owned()));
        let listed = cells[2].split([',', ';']).map(|key| key.trim().to_owned());
        keys.extend(listed.filter(|key| !key.is_empty()));
    }
    let there_are: BTreeSet<String> =
        zi::modes::tui::action_names().into_iter().map(str::to_owned).collect();
    assert_eq!(named, there_are, "docs/terminal.md lists every action");
    let bound: BTreeSet<String> = {
        let text = fs::read_to_string(docs().join("../extensions/keys.lua")).expect("it reads");
        let table = text.split("local KEYS = {").nth(1).and_then(|rest| rest.split("\n}").next());
        let rows = table.expect("there is a table").lines().filter(|line| line.contains('{'));
        let own = rows.flat_map(|row| row.split('"').skip(3).step_by(2).map(str::to_owned));
        let edited = zi::scene::edit::ACTIONS.iter().flat_map(|row| row.3.iter());
        own.chain(edited.map(|key| (*key).to_owned())).collect()
    };
    assert_eq!(keys, bound, "docs/terminal.md lists every key");
}
