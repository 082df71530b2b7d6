//! `zi.provider`: where models are, and how to reach them.

use std::collections::HashMap;

use mlua::{Lua, Result, Value};
use serde_json::{Map, Value as Data, json};

use super::{
    Bind, Entry, VmData,
    fields::{Fields, string_argument},
    plain, register,
};
use crate::{near, registry::ProviderSpec};

/// Wires of the names that may leave `api` out.
const INFERRED: &[(&str, &str)] = &[
    ("anthropic", "anthropic-messages"),
    ("openai", "openai-chat"),
    ("openrouter", "openai-chat"),
    ("openai-codex", "openai-codex-responses"),
];

const OAUTH_FUNCTIONS: &[(&str, &str)] =
    &[("login", "login"), ("refresh_token", "refreshToken"), ("get_api_key", "getApiKey")];

/// What scripts find in `zi`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "provider",
        doc: "Registers a provider: `base_url`, `api` (a wire that `zi.api` registered; may be left \
              out for `anthropic`, `openai`, `openrouter`, `openai-codex`), `api_key` (a literal, \
              `$NAME` of the environment, or `!command`), `headers`, `models` (the catalogue's when \
              left out), `default_model`, `oauth`. Answers false when another extension holds the \
              name; one's own claim is replaced.",
        meta: "---@param name string\n---@param config zi.ProviderConfig\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, provider)),
    },
    Entry {
        name: "unprovider",
        doc: "Removes the extension's own claim on a provider. What it hid is visible again.",
        meta: "---@param name string\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, unprovider)),
    },
];

fn provider(lua: &Lua, (name, config): (Value, Value)) -> Result<bool> {
    let data = VmData::of(lua)?;
    let name = string_argument("zi.provider", "name", &name)?;
    let fields = Fields::new(lua, format!("zi.provider `{name}`"), config)?;
    let base_url = fields.string("base_url")?;
    if !base_url.starts_with("http://") && !base_url.starts_with("https://") && base_url != "none:"
    {
        return fields.invalid("base_url", "must start with http:// or https://");
    }
    let inferred = INFERRED.iter().find(|(known, _)| *known == name).map(|(_, api)| *api);
    let api = match (fields.opt_string("api")?, inferred) {
        (Some(api), _) => api,
        (None, Some(api)) => api.to_owned(),
        (None, None) => return fields.invalid("api", "is required for a provider of your own"),
    };
    let spec = ProviderSpec {
        api_key: fields.opt_string("api_key")?.filter(|key| !key.is_empty()),
        headers: fields.opt_string_map("headers")?.unwrap_or_default().into_iter().collect(),
        models: read_models(&fields)?,
        oauth: read_oauth(lua, &fields)?,
        compat: read_compat(&fields)?,
        name,
        base_url,
        api,
    };
    fields.doubt_others()?;
    Ok(data.host()?.registry.add_provider(data.owner(), spec))
}

fn read_models(fields: &Fields<'_>) -> Result<Option<Vec<Data>>> {
    let models = match fields.opt_data("models")? {
        None => return Ok(None),
        Some(Data::Array(models)) => models,
        Some(Data::Object(map)) if map.is_empty() => Vec::new(),
        Some(_) => return fields.invalid("models", "must be an array of tables"),
    };
    let mut read = Vec::new();
    for (index, model) in models.into_iter().enumerate() {
        let Data::Object(model) = model else {
            return fields.invalid("models", format_args!("item {} is not a table", index + 1));
        };
        let model: Map<String, Data> =
            model.into_iter().map(|(key, value)| (near::snake(&key), value)).collect();
        if model.get("id").is_none_or(|id| id.as_str().is_none_or(str::is_empty)) {
            return fields.invalid("models", format_args!("item {} has no `id`", index + 1));
        }
        read.push(Data::Object(model));
    }
    Ok(Some(read))
}

fn read_oauth(
    lua: &Lua,
    fields: &Fields<'_>,
) -> Result<HashMap<&'static str, crate::registry::Callback>> {
    let mut kept = HashMap::new();
    let Some(oauth) = fields.opt_table("oauth")? else { return Ok(kept) };
    let oauth = Fields::new(lua, "zi.provider: oauth", Value::Table(oauth))?;
    for (name, _) in OAUTH_FUNCTIONS {
        if let Some(function) = oauth.opt_function(name)? {
            kept.insert(*name, register::keep(lua, function)?);
        }
    }
    oauth.get("name")?;
    oauth.doubt_others()?;
    Ok(kept)
}

/// Switches that the wire adapter knows, and the default model.
fn read_compat(fields: &Fields<'_>) -> Result<Data> {
    let mut compat = match fields.opt_data("compat")? {
        Some(Data::Object(compat)) => Data::Object(compat),
        Some(Data::Array(items)) if items.is_empty() => json!({}),
        None => json!({}),
        Some(_) => return fields.invalid("compat", "must be a table with named fields"),
    };
    if let Some(model) = fields.opt_string("default_model")? {
        compat["default_model"] = model.into();
    }
    Ok(compat)
}

fn unprovider(lua: &Lua, name: Value) -> Result<bool> {
    let data = VmData::of(lua)?;
    let name = string_argument("zi.unprovider", "name", &name)?;
    Ok(data.host()?.registry.remove_provider(data.owner(), &name))
}
