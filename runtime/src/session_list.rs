//! Lists of sessions: what a file says of itself, without reading all of it.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use serde_json::{Value, json};

use crate::{journal::Entry, message};

/// What is read of a longer file from its start, and as much from its end.
const PART_BYTES: u64 = 32 * 1024;
/// Characters of the first message that are shown.
const FIRST_CHARS: usize = 200;

/// What a list shows of a session; nothing for a file that is none. A session of more than 64 KiB is
/// read at its ends only: how many messages it has is then not known, and a name that was given in
/// its middle is not seen.
pub fn describe(path: &Path) -> Option<Value> {
    let (lines, bytes, is_whole) = read_ends(path).ok()?;
    let mut lines = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let header = lines.next().filter(|header| header["type"] == "session")?;
    let entries: Vec<Entry> = lines.filter_map(|line| Entry::parse(line).ok()).collect();
    let messages = entries.iter().filter_map(Entry::message);
    let first = messages.clone().find(|message| message::role(message) == "user");
    let mut first = first.map(message::text).unwrap_or_default();
    let end = first.char_indices().nth(FIRST_CHARS).map_or(first.len(), |(end, _)| end);
    first.truncate(end);
    let name = entries.iter().rev().find(|entry| entry.kind == "session_info");
    let mut session = json!({
        "id": header["id"],
        "file": path,
        "cwd": header["cwd"],
        "created_at": header["created_at"],
        "updated_at": entries.last().map_or(header["created_at"].clone(), |it| it.at.clone().into()),
        "name": name.and_then(|entry| entry.data.get("name").cloned()),
        "first_message": first,
        "bytes": bytes,
        "parent_session": header["parent_session"],
    });
    if is_whole {
        session["messages"] = messages.count().into();
    }
    Some(session)
}

/// The lines of a file, or those of its ends: their number of bytes, and whether that is all.
fn read_ends(path: &Path) -> io::Result<(Vec<String>, u64, bool)> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let is_whole = bytes <= 2 * PART_BYTES;
    let mut head = Vec::new();
    file.by_ref().take(if is_whole { bytes } else { PART_BYTES }).read_to_end(&mut head)?;
    let mut lines = split(&head);
    if !is_whole {
        // The line in the middle of which a part ends is no line.
        lines.pop();
        file.seek(SeekFrom::Start(bytes - PART_BYTES))?;
        let mut tail = Vec::new();
        file.take(PART_BYTES).read_to_end(&mut tail)?;
        lines.extend(split(&tail).into_iter().skip(1));
    }
    Ok((lines, bytes, is_whole))
}

fn split(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: usize, message: &Value) -> String {
        json!({ "type": "message", "id": format!("e{id}"), "at": format!("t{id}"), "message": message })
            .to_string()
    }

    #[test]
    fn a_long_session_is_described_by_its_ends() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("s.jsonl");
        let header =
            json!({ "type": "session", "version": 1, "id": "x", "cwd": "/w", "created_at": "t" });
        let mut lines = vec![header.to_string()];
        lines.push(entry(0, &json!({ "role": "user", "content": "the first" })));
        let long = "y".repeat(5000);
        lines.extend((1..100).map(|id| entry(id, &json!({ "role": "user", "content": long }))));
        std::fs::write(&path, lines.join("\n")).expect("it is written");
        let session = describe(&path).expect("it is a session");
        assert_eq!(session["first_message"], "the first");
        assert_eq!(session["updated_at"], "t99");
        assert_eq!(session["messages"], Value::Null);
        std::fs::write(&path, lines[..2].join("\n")).expect("it is written");
        assert_eq!(describe(&path).expect("it is a session")["messages"], 1);
        std::fs::write(&path, "nonsense").expect("it is written");
        assert_eq!(describe(&path), None);
    }
}
