//! What a tool gave back, brought into shape and within bounds.

use std::{fs, path::PathBuf};

use mlua::{Lua, MultiValue, Value as LuaValue};
use serde_json::{Map, Value, json};
use zi_kernel::scheduler;

use crate::{
    host::{Host, Level},
    message::{self, text_block},
    near,
    paths::make_private_dir,
};

/// Most text that a result may hold.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
const MAX_BLOCKS: usize = 32;
const MAX_IMAGE_BYTES: usize = 10 * 1024 * 1024;
const MAX_DETAILS_BYTES: usize = 256 * 1024;
const MAX_DETAILS_DEPTH: usize = 32;
const MAX_PRESENTATION_BYTES: usize = 512 * 1024;

/// A result before its bounds are checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ToolResult {
    pub content: Vec<Value>,
    pub details: Option<Value>,
    pub presentation: Option<Value>,
    pub is_error: bool,
}

impl ToolResult {
    pub fn error(text: impl Into<String>) -> Self {
        Self { content: vec![text_block(text)], is_error: true, ..Self::default() }
    }

    /// The fields as events carry them.
    pub fn to_value(&self) -> Value {
        let mut value = json!({ "content": self.content, "is_error": self.is_error });
        if let Some(details) = &self.details {
            value["details"] = details.clone();
        }
        if let Some(presentation) = &self.presentation {
            value["presentation"] = presentation.clone();
        }
        value
    }
}

/// Reads what `execute` returned: a string, a result table, or nothing.
pub fn read_lua(lua: &Lua, values: MultiValue) -> mlua::Result<Result<ToolResult, String>> {
    let data = match values.into_iter().next() {
        None | Some(LuaValue::Nil) => return Ok(Ok(ToolResult::default())),
        Some(LuaValue::String(text)) => {
            let content = vec![text_block(text.to_string_lossy())];
            return Ok(Ok(ToolResult { content, ..ToolResult::default() }));
        }
        Some(table @ LuaValue::Table(_)) => match scheduler::from_lua(lua, &table) {
            Ok(data) => data,
            Err(err) => return Ok(Err(format!("the result is not data: {err}"))),
        },
        Some(other) => {
            let kind = other.type_name();
            return Ok(Err(format!("a tool must return a string or a table, not a {kind}")));
        }
    };
    Ok(from_data(data))
}

/// Reads a result table.
pub fn from_data(data: Value) -> Result<ToolResult, String> {
    let fields = match data {
        Value::Object(fields) => fields,
        Value::Array(items) if items.is_empty() => Map::new(),
        _ => return Err("a result table has named fields (`content`, …)".into()),
    };
    let mut fields: Map<String, Value> =
        fields.into_iter().map(|(key, value)| (near::snake(&key), value)).collect();
    let content = read_content(fields.remove("content").unwrap_or(Value::Null))?;
    let is_error = fields.get("is_error").and_then(Value::as_bool).unwrap_or(false);
    let mut take = |name: &str| fields.remove(name).filter(|value| !value.is_null());
    Ok(ToolResult {
        content,
        details: take("details"),
        presentation: take("presentation"),
        is_error,
    })
}

/// Reads `content`: a string, or blocks.
pub fn read_content(content: Value) -> Result<Vec<Value>, String> {
    match content {
        Value::Null => Ok(Vec::new()),
        Value::String(text) => Ok(vec![text_block(text)]),
        Value::Object(fields) if fields.is_empty() => Ok(Vec::new()),
        Value::Array(blocks) => blocks.into_iter().map(read_block).collect(),
        _ => Err("`content` must be a string or an array of blocks".into()),
    }
}

fn read_block(block: Value) -> Result<Value, String> {
    match block {
        Value::String(text) => Ok(text_block(text)),
        Value::Object(_) => {
            let has = |name: &str| block.get(name).is_some_and(Value::is_string);
            match message::block_type(&block) {
                "text" if has("text") => Ok(block),
                "image" if has("data") && (has("media_type") || has("mediaType")) => Ok(json!({
                    "type": "image",
                    "media_type": block.get("media_type").or_else(|| block.get("mediaType")),
                    "data": block["data"],
                })),
                "text" => Err("a text block needs `text`".into()),
                "image" => Err("an image block needs `media_type` and `data` (base64)".into()),
                other => Err(format!("`{other}` is no kind of block: `text` and `image` are")),
            }
        }
        _ => Err("a block is a table with a `type`".into()),
    }
}

impl Host {
    /// Cuts a result down to what may be kept. Text that is cut stays whole in a file that the
    /// model can read.
    pub(crate) fn bound_result(
        &self,
        mut result: ToolResult,
        tool: &str,
        call_id: &str,
    ) -> ToolResult {
        if result.content.len() > MAX_BLOCKS {
            let dropped = result.content.len() - MAX_BLOCKS;
            result.content.truncate(MAX_BLOCKS);
            result.content.push(text_block(format!("[{dropped} more blocks were left out]")));
        }
        for block in &mut result.content {
            let size = block.get("data").and_then(Value::as_str).map_or(0, str::len) / 4 * 3;
            if size > MAX_IMAGE_BYTES {
                *block = text_block(format!("[an image of {size} bytes was left out: too large]"));
            }
        }
        self.bound_text(&mut result, call_id);
        if let Some(details) = &result.details
            && let Some(problem) = unbounded(details, MAX_DETAILS_BYTES, MAX_DETAILS_DEPTH)
        {
            self.notice(Level::Warn, &format!("tool `{tool}`: details left out: {problem}"));
            result.details = Some(json!({ "__zi_truncated": true, "__zi_omitted": 1 }));
        }
        if let Some(presentation) = result.presentation.take() {
            result.presentation = Some(bound_presentation(presentation));
        }
        for value in [&mut result.details, &mut result.presentation].into_iter().flatten() {
            drop_reserved(value);
        }
        result
    }

    fn bound_text(&self, result: &mut ToolResult, call_id: &str) {
        let texts = || result.content.iter().filter_map(|block| block.get("text")?.as_str());
        let total: usize = texts().map(str::len).sum();
        if total <= MAX_TEXT_BYTES {
            return;
        }
        let whole: String = texts().collect::<Vec<_>>().join("\n");
        let place = match self.keep_output(call_id, whole.as_bytes()) {
            Ok(path) => format!("the whole is in {}", path.display()),
            Err(err) => format!("the whole could not be kept: {err}"),
        };
        let (head, tail) = head_and_tail(&whole, MAX_TEXT_BYTES);
        let missing = whole.len() - head.len() - tail.len();
        let clipped = format!("{head}\n[… {missing} bytes are left out here; {place} …]\n{tail}");
        result.content.retain(|block| message::block_type(block) != "text");
        result.content.insert(0, text_block(clipped));
    }

    /// Keeps a long output where the model can read it.
    pub(crate) fn keep_output(&self, name: &str, bytes: &[u8]) -> std::io::Result<PathBuf> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let (file, path) = self.output_file(name)?;
        drop(file);
        let mut out = fs::OpenOptions::new().write(true).truncate(true).mode(0o600).open(&path)?;
        std::io::Write::write_all(&mut out, bytes)?;
        Ok(path)
    }

    /// Makes a new private file below `<state>/outputs/`.
    pub(crate) fn output_file(&self, name: &str) -> std::io::Result<(fs::File, PathBuf)> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let dir = self.dirs.state.join("outputs");
        make_private_dir(&dir)?;
        let plain: String = name.chars().filter(char::is_ascii_alphanumeric).take(24).collect();
        loop {
            let path = dir.join(format!("{plain}-{}.txt", crate::journal::new_id()));
            let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
            match made {
                Ok(file) => return Ok((file, path)),
                Err(err) if err.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(err) => return Err(err),
            }
        }
    }
}

/// The start and the end of `text`, cut at characters, at most `limit` bytes together.
pub fn head_and_tail(text: &str, limit: usize) -> (&str, &str) {
    if text.len() <= limit {
        return (text, "");
    }
    let mut head = limit / 2;
    while !text.is_char_boundary(head) {
        head -= 1;
    }
    let mut tail = text.len() - limit / 2;
    while !text.is_char_boundary(tail) {
        tail += 1;
    }
    (&text[..head], &text[tail..])
}

fn unbounded(value: &Value, most_bytes: usize, most_depth: usize) -> Option<String> {
    if depth(value) > most_depth {
        return Some(format!("more than {most_depth} levels deep"));
    }
    let bytes = value.to_string().len();
    (bytes > most_bytes).then(|| format!("{bytes} bytes are more than {most_bytes}"))
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Leaves out the largest fields until the rest fits, and says how many went.
fn bound_presentation(value: Value) -> Value {
    if value.to_string().len() <= MAX_PRESENTATION_BYTES {
        return value;
    }
    let Value::Object(mut map) = value else {
        return json!({ "__zi_truncated": true, "__zi_omitted": 1 });
    };
    drop_reserved_keys(&mut map);
    let mut sizes: Vec<(usize, String)> = map
        .iter()
        .map(|(key, value)| (key.len() + value.to_string().len() + 4, key.clone()))
        .collect();
    sizes.sort();
    let mut total: usize = sizes.iter().map(|(size, _)| size).sum();
    let mut omitted = 0_u64;
    while total > MAX_PRESENTATION_BYTES - 64 {
        let Some((size, key)) = sizes.pop() else { break };
        map.remove(&key);
        total -= size;
        omitted += 1;
    }
    map.insert("__zi_truncated".into(), true.into());
    map.insert("__zi_omitted".into(), omitted.into());
    Value::Object(map)
}

/// Takes away `__zi_*` fields that an extension set; only the host's own marks stay.
fn drop_reserved(value: &mut Value) {
    let Value::Object(map) = value else { return };
    let is_host_mark = map.get("__zi_truncated") == Some(&Value::Bool(true))
        && map.get("__zi_omitted").is_some_and(Value::is_u64);
    if !is_host_mark {
        drop_reserved_keys(map);
    }
}

fn drop_reserved_keys(map: &mut Map<String, Value>) {
    map.retain(|key, _| !key.starts_with("__zi_"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_keeps_its_ends_at_characters() {
        let text = "é".repeat(100);
        let (head, tail) = head_and_tail(&text, 50);
        assert!(head.len() <= 25 && tail.len() <= 25);
        assert!(text.starts_with(head) && text.ends_with(tail));
    }

    #[test]
    fn results_come_in_several_shapes() {
        let text = vec![text_block("x")];
        for content in [json!("x"), json!(["x"]), json!([{ "type": "text", "text": "x" }])] {
            let result =
                from_data(json!({ "content": content, "isError": true })).expect("it reads");
            assert_eq!((result.content, result.is_error), (text.clone(), true));
        }
        for bad in
            [json!({ "content": 5 }), json!({ "content": [{ "type": "video" }] }), json!([1])]
        {
            assert!(from_data(bad).is_err());
        }
    }

    #[test]
    fn a_large_presentation_loses_its_largest_fields_and_says_so() {
        let value = json!({ "small": 1, "large": "x".repeat(MAX_PRESENTATION_BYTES), "__zi_x": 1 });
        let bounded = bound_presentation(value);
        assert_eq!(bounded, json!({ "small": 1, "__zi_truncated": true, "__zi_omitted": 1 }));
    }
}
