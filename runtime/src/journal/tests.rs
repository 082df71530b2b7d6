use std::fs;

use super::*;

fn note(text: &str) -> Map<String, Value> {
    let mut data = Map::new();
    data.insert("message".into(), serde_json::json!({ "role": "user", "content": text }));
    data
}

fn append(journal: &mut Journal, text: &str) -> Arc<Entry> {
    let (entry, written) = journal.append("message", note(text));
    written.expect("the entry is written");
    entry
}

fn texts(journal: &Journal) -> Vec<String> {
    journal
        .path()
        .iter()
        .filter_map(|entry| entry.message()?.get("content")?.as_str().map(str::to_owned))
        .collect()
}

/// A kept session with `count` entries; its path.
fn session(dir: &Path, count: usize) -> PathBuf {
    let mut journal = Journal::create(Path::new("/work"), Some(dir), None);
    journal.keep().expect("the file is made");
    for index in 0..count {
        append(&mut journal, &format!("entry {index} \"quoted\" grüße 🚀"));
    }
    journal.file().expect("it is kept").to_owned()
}

#[test]
fn a_reopened_session_goes_on_where_it_stopped() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = session(dir.path(), 3);
    let (mut journal, report) = Journal::open(&path).expect("it opens");
    assert_eq!(report, LoadReport::default());
    append(&mut journal, "last");
    let before = texts(&journal);
    drop(journal);
    let (journal, _) = Journal::open(&path).expect("it opens again");
    assert_eq!(texts(&journal), before);
    assert_eq!(before.len(), 4);
}

#[test]
fn nothing_is_written_before_the_session_is_kept() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::create(Path::new("/work"), Some(dir.path()), None);
    append(&mut journal, "first");
    assert_eq!(fs::read_dir(dir.path()).expect("it lists").count(), 0);
    journal.keep().expect("it is kept");
    let lines = fs::read_to_string(journal.file().expect("a file")).expect("it reads");
    assert_eq!(lines.lines().count(), 2);
}

#[test]
fn a_cut_at_every_byte_loses_nothing_before_it_and_joins_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = session(dir.path(), 4);
    let whole = fs::read(&path).expect("it reads");
    let line_ends: Vec<usize> =
        whole.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    let first_cut = line_ends[1] + 1;
    for cut in first_cut..whole.len() {
        let copy = dir.path().join(format!("cut-{cut}.jsonl"));
        fs::write(&copy, &whole[..cut]).expect("it writes");
        let complete = line_ends.iter().filter(|end| **end <= cut).count() - 1;
        let (mut journal, report) = Journal::open(&copy).expect("it opens");
        assert_eq!(texts(&journal).len(), complete, "cut at {cut}");
        append(&mut journal, "after");
        drop(journal);
        let last_end = line_ends.iter().rfind(|end| **end < cut).expect("a line before");
        let torn = &whole[last_end + 1..cut];
        let only_line_feed_missing = line_ends.contains(&cut);
        match &report.torn {
            Some((bytes, side)) => {
                assert_eq!(*bytes, torn.len() as u64);
                assert_eq!(fs::read(side).expect("it is kept"), torn);
                assert!(report.notice(&copy).expect("a notice").contains(&bytes.to_string()));
            }
            None => assert!(torn.is_empty() || only_line_feed_missing, "cut at {cut}"),
        }
        let (journal, report) = Journal::open(&copy).expect("it opens again");
        assert_eq!(report, LoadReport::default(), "cut at {cut}");
        assert_eq!(texts(&journal).last().map(String::as_str), Some("after"));
    }
}

#[test]
fn damage_in_the_middle_costs_only_its_lines() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = session(dir.path(), 6);
    let whole = fs::read(&path).expect("it reads");
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let broken: [(&str, Vec<u8>); 5] = [
        ("a run of NULs", vec![0; 300]),
        ("half a line", lines[3][..lines[3].len() / 2].to_vec()),
        ("invalid UTF-8", b"{\"type\":\"message\",\"id\":\"\xff\xfe\"}".to_vec()),
        ("no object", b"[1,2]".to_vec()),
        ("a second entry", lines[2][..lines[2].len() - 1].to_vec()),
    ];
    for (name, bytes) in broken {
        let copy = dir.path().join("damaged.jsonl");
        let text = [&lines[..3].concat(), &bytes[..], b"\n", &lines[4..].concat()].concat();
        fs::write(&copy, &text).expect("it writes");
        let (journal, report) = Journal::open(&copy).expect(name);
        assert_eq!(journal.entries().len(), 5, "{name}");
        assert_eq!((report.damage.len(), report.detached), (1, 1), "{name}");
        assert_eq!(texts(&journal).len(), 3, "{name}: the branch after the damage");
        assert_eq!(fs::read(&copy).expect("it reads"), text, "{name}: the file is unchanged");
        drop(journal);
    }
}

#[test]
fn circles_of_parents_are_cut_and_told() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("circle.jsonl");
    let entry = |id: &str, parent: &str| {
        format!(
            "{{\"type\":\"message\",\"id\":\"{id}\",\"parent_id\":\"{parent}\",\"at\":\"\",\
             \"message\":{{\"role\":\"user\",\"content\":\"{id}\"}}}}\n"
        )
    };
    let header =
        "{\"type\":\"session\",\"version\":1,\"id\":\"x\",\"cwd\":\"/\",\"created_at\":\"\"}\n";
    for (entries, detached) in
        [(vec![("a", "a"), ("b", "a")], 1), (vec![("a", "b"), ("b", "a"), ("c", "b")], 1)]
    {
        let lines: String = entries.iter().map(|(id, parent)| entry(id, parent)).collect();
        fs::write(&path, format!("{header}{lines}")).expect("it writes");
        let (journal, report) = Journal::open(&path).expect("it opens");
        assert_eq!((report.damage.len(), report.detached), (0, detached), "{entries:?}");
        assert_eq!(texts(&journal).len(), entries.len());
    }
}

#[test]
fn a_second_writer_is_refused_and_told_who_holds_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = session(dir.path(), 1);
    let (_first, _) = Journal::open(&path).expect("it opens");
    let err = Journal::open(&path).expect_err("one writer only").to_string();
    assert!(err.contains(&format!("process {}", std::process::id())), "{err}");
    assert!(Journal::read(&path).is_ok(), "reading is free");
}

#[test]
fn what_is_no_session_is_refused_with_its_reason() {
    let dir = tempfile::tempdir().expect("a folder");
    for (text, reason) in [
        ("", "header"),
        ("hello\n", "header"),
        ("{\"type\":\"session\",\"version\":99,\"id\":\"x\"}\n", "newer"),
        ("{\"type\":\"session\",\"version\":1}\n", "id"),
    ] {
        let path = dir.path().join("x.jsonl");
        fs::write(&path, text).expect("it writes");
        let err = Journal::open(&path).expect_err("no session").to_string();
        assert!(err.contains(reason) && err.contains("x.jsonl"), "{err}");
    }
}

#[test]
fn random_operations_only_ever_append() {
    use rand::{Rng as _, SeedableRng as _};
    let seed = std::env::var("ZI_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| rand::rng().random());
    println!("ZI_SEED={seed}");
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let dir = tempfile::tempdir().expect("a folder");
    let path = session(dir.path(), 1);
    let (mut journal, _) = Journal::open(&path).expect("it opens");
    let mut before = fs::read(&path).expect("it reads");
    for _ in 0..1000 {
        match rng.random_range(0..4) {
            0 => {
                let target = rng.random_range(0..journal.entries().len());
                let target = journal.entries()[target].id.clone();
                journal.navigate(Some(&target)).expect("it moves");
            }
            1 => {
                let mut data = Map::new();
                data.insert("name".into(), "x".repeat(rng.random_range(0..2000)).into());
                journal.append("session_info", data).1.expect("it is written");
            }
            2 if rng.random_bool(0.1) => {
                drop(journal);
                journal = Journal::open(&path).expect("it opens").0;
            }
            _ => {
                append(&mut journal, &"é\n\"".repeat(rng.random_range(0..500)));
            }
        }
        let after = fs::read(&path).expect("it reads");
        assert!(after.starts_with(&before), "old bytes changed");
        before = after;
    }
    let leaf = journal.leaf().map(str::to_owned);
    drop(journal);
    let (journal, report) = Journal::open(&path).expect("it opens");
    assert_eq!(report, LoadReport::default());
    assert_eq!(journal.leaf().map(str::to_owned), leaf);
}
