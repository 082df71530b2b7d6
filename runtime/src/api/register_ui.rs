//! `zi`: what shows only where there is a screen - keys, themes, completions, renderers - and what an
//! extension is told by the user: its settings and its flags. Registering works everywhere.

use mlua::{Lua, Result, Value};
use serde_json::{Map, Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry, VmData,
    fields::{Fields, kind_of, misuse, string_argument},
    plain,
    register::keep,
};
use crate::{
    host::{Level, lock},
    keys,
    registry::{CompleterSpec, KeyAction, KeySpec, RendererSpec, ThemeSpec},
};

/// What scripts find in `zi`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "settings",
        doc: "The extension's own settings: what the user has under `extensions.<id>` in \
              `settings.json`, checked against a JSON schema of an object, with its defaults filled in. \
              A value that does not fit is told to the user and its default taken.",
        meta: "---@param schema table\n---@return table",
        bind: Bind::Zi(|lua| plain(lua, settings)),
    },
    Entry {
        name: "flag",
        doc: "Adds the command line flag `--NAME` and answers what it was given: true or false for a \
              `boolean` (the default type), the value of `--NAME=VALUE` for a `string` or a `number`, \
              else `default`.",
        meta: "---@param spec {name: string, type?: string, description?: string, default?: any}\n---@return any",
        bind: Bind::Zi(|lua| plain(lua, flag)),
    },
    Entry {
        name: "keymap",
        doc: "Binds a key to a slash command (`\"/name args\"`), an action (`\"submit\"`) or a \
              function, which is called with `ctx`. `when` is `\"idle\"`, `\"busy\"` or nil for both.",
        meta: "---@param key string\n---@param action string|fun(ctx: zi.Ctx)\n---@param opts? {when?: string, description?: string}",
        bind: Bind::Zi(|lua| plain(lua, keymap)),
    },
    Entry {
        name: "theme",
        doc: "Adds a theme: `{vars?, colors}`, as in a theme file.",
        meta: "---@param name string\n---@param spec {vars?: table<string, string>, colors: table<string, string>}",
        bind: Bind::Zi(|lua| plain(lua, theme)),
    },
    Entry {
        name: "complete",
        doc: "Completes words in the editor that start with `trigger` (one character): `items(prefix, \
              ctx)` answers strings or `{value, label?, detail?}`.",
        meta: "---@param spec {trigger: string, items: fun(prefix: string, ctx: zi.Ctx): (string|table)[]}",
        bind: Bind::Zi(|lua| plain(lua, complete)),
    },
    Entry {
        name: "renderer",
        doc: "Draws messages of a custom type: `fn(message, {width, expanded})`, with the answers of a \
              tool's renderers. Answers false when another draws that type.",
        meta: "---@param custom_type string\n---@param fn fun(message: table, options: table): any\n---@return boolean",
        bind: Bind::Zi(|lua| plain(lua, renderer)),
    },
];

// What the user says ------------------------------------------------------------------------------

fn settings(lua: &Lua, schema: Value) -> Result<Value> {
    const WHO: &str = "zi.settings";
    let Value::Table(_) = &schema else {
        let kind = kind_of(&schema);
        return Err(misuse(WHO, format_args!("expected a JSON schema, as a table, got {kind}")));
    };
    let schema = scheduler::from_lua(lua, &schema).map_err(|err| misuse(WHO, err))?;
    let Some(Data::Object(properties)) = schema.get("properties") else {
        return Err(misuse(WHO, "the schema needs `properties`"));
    };
    let data = VmData::of(lua)?;
    let host = data.host()?;
    let id = &data.owner().id;
    let given = host.extension_settings(id);
    let mut result = Map::new();
    for (name, property) in properties {
        let validator = jsonschema::options()
            .build(property)
            .map_err(|err| misuse(WHO, format_args!("`properties.{name}`: {err}")))?;
        let value = given.get(name).filter(|value| match validator.validate(value) {
            Ok(()) => true,
            Err(problem) => {
                let text = format!(
                    "settings.json: `extensions.{id}.{name}`: {problem}; its default is used"
                );
                host.notice(Level::Warn, &text);
                false
            }
        });
        if let Some(value) = value.or_else(|| property.get("default")) {
            result.insert(name.clone(), value.clone());
        }
    }
    let names: Vec<&str> = properties.keys().map(String::as_str).collect();
    for unknown in given.keys().filter(|name| !properties.contains_key(*name)) {
        let hint = crate::near::hint(unknown, &names);
        let text = format!("settings.json: unknown setting `extensions.{id}.{unknown}`{hint}");
        host.notice(Level::Warn, &text);
    }
    scheduler::to_lua(lua, &Data::Object(result), Nulls::Nil)
}

fn flag(lua: &Lua, spec: Value) -> Result<Value> {
    let data = VmData::of(lua)?;
    let host = data.host()?;
    let fields = Fields::new(lua, "zi.flag", spec)?;
    let name = fields.string("name")?;
    let valid = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if !valid {
        return fields.invalid("name", "takes small letters, digits and `-`, a letter first");
    }
    let kind = fields.opt_choice("type", &["boolean", "string", "number"])?.unwrap_or("boolean");
    let default = fields.opt_data("default")?;
    let given = host.extension_flag(&name);
    lock(&host.known_flags).insert(name.clone());
    let value = match (kind, given) {
        (_, None) => {
            default.unwrap_or_else(|| if kind == "boolean" { json!(false) } else { Data::Null })
        }
        ("boolean", Some(None)) => json!(true),
        ("boolean", Some(Some(text))) => match text.as_str() {
            "true" | "1" | "yes" => json!(true),
            "false" | "0" | "no" => json!(false),
            _ => return flag_problem(&host, &name, "true or false"),
        },
        ("string", Some(Some(text))) => json!(text),
        ("number", Some(Some(text))) => match text.parse::<i64>() {
            Ok(number) => json!(number),
            Err(_) => match text.parse::<f64>() {
                Ok(number) if number.is_finite() => json!(number),
                _ => return flag_problem(&host, &name, "a number"),
            },
        },
        (kind, Some(_)) => {
            return flag_problem(&host, &name, &format!("a {kind}, as `--{name}=VALUE`"));
        }
    };
    scheduler::to_lua(lua, &value, Nulls::Nil)
}

/// A flag that does not fit is the user's mistake, not the extension's.
fn flag_problem(host: &crate::host::Host, name: &str, wanted: &str) -> Result<Value> {
    lock(&host.flag_problems).push(format!("`--{name}` takes {wanted}"));
    Ok(Value::Nil)
}

// What shows on a screen --------------------------------------------------------------------------

fn keymap(lua: &Lua, (key, action, opts): (Value, Value, Value)) -> Result<()> {
    const WHO: &str = "zi.keymap";
    let data = VmData::of(lua)?;
    let key = string_argument(WHO, "key", &key)?;
    let key = keys::canonical(&key).map_err(|problem| misuse(WHO, problem))?;
    let opts = Fields::or_empty(lua, WHO, opts)?;
    let action = match action {
        Value::Function(function) => KeyAction::Call(keep(lua, function)?),
        Value::String(text) => KeyAction::Named(text.to_string_lossy()),
        other => {
            let kind = kind_of(&other);
            return Err(misuse(
                WHO,
                format_args!("`action` must be a string or a function, not {kind}"),
            ));
        }
    };
    let when = opts.opt_choice("when", &["idle", "busy"])?;
    let description = opts.opt_string("description")?.unwrap_or_default();
    let spec = KeySpec { key, action, when, description };
    data.host()?.registry.add_key(data.owner(), spec);
    Ok(())
}

fn theme(lua: &Lua, (name, spec): (Value, Value)) -> Result<()> {
    let data = VmData::of(lua)?;
    let name = string_argument("zi.theme", "name", &name)?;
    let fields = Fields::new(lua, format!("zi.theme `{name}`"), spec)?;
    let vars = fields.opt_string_map("vars")?.unwrap_or_default();
    let Some(colors) = fields.opt_string_map("colors")? else {
        return fields.invalid("colors", "is required (token → colour)");
    };
    data.host()?.registry.add_theme(data.owner(), ThemeSpec { name, vars, colors });
    Ok(())
}

fn complete(lua: &Lua, spec: Value) -> Result<()> {
    let data = VmData::of(lua)?;
    let fields = Fields::new(lua, "zi.complete", spec)?;
    let trigger = fields.string("trigger")?;
    let mut chars = trigger.chars();
    let (Some(trigger), None) = (chars.next(), chars.next()) else {
        return fields.invalid("trigger", "must be one character");
    };
    let items = keep(lua, fields.function("items")?)?;
    data.host()?.registry.add_completer(data.owner(), CompleterSpec { trigger, items });
    Ok(())
}

fn renderer(lua: &Lua, (custom_type, function): (Value, Value)) -> Result<bool> {
    const WHO: &str = "zi.renderer";
    let data = VmData::of(lua)?;
    let custom_type = string_argument(WHO, "custom_type", &custom_type)?;
    let Value::Function(function) = function else {
        let kind = kind_of(&function);
        return Err(misuse(WHO, format_args!("`fn` must be a function, not {kind}")));
    };
    let spec = RendererSpec { custom_type, render: keep(lua, function)? };
    Ok(data.host()?.registry.add_renderer(data.owner(), spec))
}
