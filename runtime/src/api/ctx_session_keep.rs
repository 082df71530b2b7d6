//! `ctx.session`: notes, artifacts and labels. They are entries of the journal, and no part of what
//! the model sees.

use std::{collections::HashMap, rc::Rc, sync::Arc};

use mlua::{IntoLua, Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{Bind, Entry, ctx::Call, ctx_session::lenient, errors::fail, fields::Fields};
use crate::journal;

/// Most entries that one question answers.
const MAX_ENTRIES: u64 = 500;
const NOTE: &str = "note";
const ARTIFACT: &str = "artifact";

/// What scripts find in `ctx.session`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "append_note",
        doc: "Keeps a note in the session, for people and extensions: `kind`, `body`, and `title` and \
              `source_entry_id` if there are any. Answers its id.",
        meta: "---@param note {kind: string, body: string, title?: string, source_entry_id?: string}\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, append_note)),
    },
    Entry {
        name: "notes",
        doc: "The notes of the current branch, oldest first: `id`, `at`, `extension`, `kind`, `title`, \
              `body`, `source_entry_id`. `kind` and `extension` choose, `limit` (500) keeps the newest.",
        meta: "---@param filter? {kind?: string, extension?: string, limit?: integer}\n---@return table[]?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            lenient(lua, call, |lua, call, filter| kept(lua, call, NOTE, filter))
        }),
    },
    Entry {
        name: "append_artifact",
        doc: "Keeps data of the extension in the session: `kind`, `data` (at most 1 MiB as JSON), and \
              `key` and `title` if there are any. Answers its id.",
        meta: "---@param artifact {kind: string, data: any, key?: string, title?: string}\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, append_artifact)),
    },
    Entry {
        name: "artifacts",
        doc: "The extension's own artifacts on the current branch, oldest first: `id`, `at`, `kind`, \
              `key`, `title`, `data`. `kind` and `key` choose, `limit` (500) keeps the newest. State \
              that is kept so follows the user through branches.",
        meta: "---@param filter? {kind?: string, key?: string, limit?: integer}\n---@return table[]?, zi.Error?",
        bind: Bind::Ctx(|lua, call| {
            lenient(lua, call, |lua, call, filter| kept(lua, call, ARTIFACT, filter))
        }),
    },
    Entry {
        name: "label",
        doc: "Gives an entry a label, or with nil takes it away.",
        meta: "---@param entry_id string\n---@param label? string\n---@return boolean?, zi.Error?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, label)),
    },
    Entry {
        name: "labels",
        doc: "The labels of the session: `{entry_id, label, at}`, in the order in which they were given.",
        meta: "---@return {entry_id: string, label: string, at: string}[]",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, labels)),
    },
    Entry {
        name: "entries",
        doc: "The entries of the current branch, oldest first, as they are in the journal. `label` and \
              `type` choose, `limit` (50, at most 500) keeps the newest.",
        meta: "---@param filter? {label?: string, type?: string, limit?: integer}\n---@return table[]?, zi.Error?",
        bind: Bind::Ctx(|lua, call| lenient(lua, call, entries)),
    },
];

/// Largest data of an artifact, as JSON.
const MAX_DATA_BYTES: usize = 1 << 20;

fn append_note(lua: &Lua, call: &Rc<Call>, (note, _): (Value, Value)) -> Result<MultiValue> {
    let fields = Fields::new(lua, "ctx.session.append_note", note)?;
    let note = json!({
        "kind": fields.string("kind")?,
        "title": fields.opt_string("title")?,
        "body": fields.string("body")?,
        "source_entry_id": fields.opt_string("source_entry_id")?,
    });
    append(lua, call, NOTE, note)
}

fn append_artifact(
    lua: &Lua,
    call: &Rc<Call>,
    (artifact, _): (Value, Value),
) -> Result<MultiValue> {
    let fields = Fields::new(lua, "ctx.session.append_artifact", artifact)?;
    let Some(data) = fields.opt_data("data")? else { return fields.invalid("data", "is required") };
    let size = data.to_string().len();
    if size > MAX_DATA_BYTES {
        let text = format!("has {size} bytes as JSON, at most {MAX_DATA_BYTES} are kept");
        return fields.invalid("data", text);
    }
    let artifact = json!({
        "kind": fields.string("kind")?,
        "key": fields.opt_string("key")?,
        "title": fields.opt_string("title")?,
        "data": data,
    });
    append(lua, call, ARTIFACT, artifact)
}

fn append(lua: &Lua, call: &Rc<Call>, custom_type: &str, mut data: Data) -> Result<MultiValue> {
    data["extension"] = call.owner.id.clone().into();
    if let Data::Object(map) = &mut data {
        map.retain(|_, value| !value.is_null());
    }
    let entry = json!({ "custom_type": custom_type, "data": data });
    let appended = call.host.session.append("custom", entry);
    match appended.problem {
        None => Ok(MultiValue::from_iter([appended.entry.id.clone().into_lua(lua)?])),
        Some(err) => fail(lua, "io", err),
    }
}

/// The notes or artifacts of the branch that `filter` asks for.
fn kept(
    lua: &Lua,
    call: &Rc<Call>,
    custom_type: &str,
    (filter, _): (Value, Value),
) -> Result<MultiValue> {
    let fields = Fields::or_empty(lua, format!("ctx.session.{custom_type}s"), filter)?;
    let limit = fields.opt_count("limit", MAX_ENTRIES)?.unwrap_or(MAX_ENTRIES);
    let mut wanted = Vec::new();
    for name in ["kind", "key", "extension"] {
        wanted.extend(fields.opt_string(name)?.map(|value| (name, value)));
    }
    if custom_type == ARTIFACT {
        wanted.push(("extension", call.owner.id.clone()));
    }
    let path = call.host.session.journal().path();
    let found = path.iter().filter_map(|entry| {
        let is_kept = entry.kind == "custom"
            && entry.data.get("custom_type").and_then(Data::as_str) == Some(custom_type);
        let data = entry.data.get("data").and_then(Data::as_object).filter(|_| is_kept)?;
        let fits = wanted
            .iter()
            .all(|(name, value)| data.get(*name).and_then(Data::as_str) == Some(value.as_str()));
        fits.then(|| {
            let mut item = data.clone();
            item.insert("id".into(), entry.id.clone().into());
            item.insert("at".into(), entry.at.clone().into());
            Data::Object(item)
        })
    });
    newest(lua, found.collect(), limit)
}

fn label(lua: &Lua, call: &Rc<Call>, (entry_id, label): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "ctx.session.label";
    let entry_id = super::fields::string_argument(WHO, "entry_id", &entry_id)?;
    let label = match &label {
        Value::Nil => None,
        label => Some(super::fields::string_argument(WHO, "label", label)?),
    };
    if call.host.session.journal().entry(&entry_id).is_none() {
        return fail(lua, "not_found", format_args!("there is no entry `{entry_id}`"));
    }
    let appended =
        call.host.session.append("label", json!({ "entry_id": entry_id, "label": label }));
    match appended.problem {
        None => Ok(MultiValue::from_iter([Value::Boolean(true)])),
        Some(err) => fail(lua, "io", err),
    }
}

/// The label of each entry that has one, with the place of the entry that gave it.
pub(super) fn label_table(entries: &[Arc<journal::Entry>]) -> HashMap<String, (usize, String)> {
    let mut labels = HashMap::new();
    for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.kind == "label") {
        let text = |name: &str| entry.data.get(name).and_then(Data::as_str).map(str::to_owned);
        match (text("entry_id"), text("label")) {
            (Some(id), Some(label)) => {
                labels.insert(id, (place, label));
            }
            (Some(id), None) => {
                labels.remove(&id);
            }
            _ => {}
        }
    }
    labels
}

fn labels(lua: &Lua, call: &Rc<Call>, _: (Value, Value)) -> Result<MultiValue> {
    let entries = call.host.session.journal().entries().to_vec();
    let mut labels: Vec<_> = label_table(&entries).into_iter().collect();
    labels.sort_by_key(|(_, (place, _))| *place);
    let labels = labels.into_iter().map(
        |(id, (place, label))| json!({ "entry_id": id, "label": label, "at": entries[place].at }),
    );
    let labels = scheduler::to_lua(lua, &labels.collect(), Nulls::Nil)?;
    Ok(MultiValue::from_iter([labels]))
}

fn entries(lua: &Lua, call: &Rc<Call>, (filter, _): (Value, Value)) -> Result<MultiValue> {
    let fields = Fields::or_empty(lua, "ctx.session.entries", filter)?;
    let limit = fields.opt_count("limit", MAX_ENTRIES)?.unwrap_or(50);
    let (label, kind) = (fields.opt_string("label")?, fields.opt_string("type")?);
    let (path, labels) = {
        let journal = call.host.session.journal();
        (journal.path(), label_table(journal.entries()))
    };
    let label_of = |id: &str| labels.get(id).map(|(_, label)| label);
    let found = path
        .iter()
        .filter(|entry| kind.as_ref().is_none_or(|kind| *kind == entry.kind))
        .filter(|entry| label.is_none() || label_of(&entry.id) == label.as_ref())
        .map(|entry| {
            let mut value = entry.to_value();
            let mark = label_of(&entry.id).cloned();
            if let (Data::Object(map), Some(mark)) = (&mut value, mark) {
                map.insert("entry_label".into(), mark.into());
            }
            value
        });
    newest(lua, found.collect(), limit)
}

fn newest(lua: &Lua, mut items: Vec<Data>, limit: u64) -> Result<MultiValue> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    items.drain(..items.len().saturating_sub(limit));
    let items = scheduler::to_lua(lua, &Data::Array(items), Nulls::Nil)?;
    Ok(MultiValue::from_iter([items]))
}
