//! `ctx.ui`: the screen's own controls - keys, actions, themes.

use std::rc::Rc;

use mlua::{Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry,
    ctx::{Call, method},
    errors::fail,
    fields::{misuse, string_argument},
};
use crate::{host::Controls, scene::format::clean};

/// What scripts find in `ctx.ui`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "action",
        doc: "Does what a key does that is bound to the action `name`; `/keys` lists them. `search` \
              takes the text to look for as `argument`.",
        meta: "---@param name string\n---@param argument? string",
        bind: Bind::Ctx(|lua, call| method(lua, call, action)),
    },
    Entry {
        name: "alert",
        doc: "Tells a user who looks elsewhere, by the means of the terminal: a desktop notice or its \
              bell. Nothing happens while zi has the focus.",
        meta: "---@param text string",
        bind: Bind::Ctx(|lua, call| method(lua, call, alert)),
    },
    Entry {
        name: "commands",
        doc: "The slash commands under the names that they are called by, sorted: `{name, description, \
              extension}`.",
        meta: "---@return {name: string, description: string, extension: string}[]",
        bind: Bind::Ctx(|lua, call| method(lua, call, commands)),
    },
    Entry {
        name: "keys",
        doc: "The keys: `{key, what, about, when?}`; `what` is an action, a command, or the extension \
              that handles the key, `when` is `idle` or `busy`.",
        meta: "---@return {key: string, what: string, about: string, when?: string}[]",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |lua, call, ()| {
                let keys = call.host.front.controls().map(|controls| controls.keys(&call.host));
                scheduler::to_lua(lua, &keys.unwrap_or_else(|| json!([])), Nulls::Nil)
            })
        }),
    },
    Entry {
        name: "themes",
        doc: "The names of the themes, sorted.",
        meta: "---@return string[]",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                Ok(call.host.front.controls().map(Controls::themes).unwrap_or_default())
            })
        }),
    },
    Entry {
        name: "size",
        doc: "The columns and rows of the screen; nothing where lines are printed one after the other. \
              The event `screen_resize` tells of another size.",
        meta: "---@return integer? columns, integer? rows",
        bind: Bind::Ctx(|lua, call| {
            method(lua, call, |_, call, ()| {
                Ok(call.host.front.controls().map(Controls::size).unzip())
            })
        }),
    },
    Entry {
        name: "theme",
        doc: "The theme that was chosen; with a name, chooses it first, for later sessions too. A theme \
              that cannot be used changes nothing.",
        meta: "---@param name? string\n---@return string?, zi.Error?",
        bind: Bind::Ctx(|lua, call| method(lua, call, theme)),
    },
];

fn controls(call: &Rc<Call>) -> Result<&dyn Controls> {
    call.host.front.controls().ok_or_else(|| mlua::Error::runtime("there is no screen"))
}

fn action(_: &Lua, call: &Rc<Call>, (name, argument): (Value, Value)) -> Result<()> {
    const WHO: &str = "ctx.ui.action";
    let name = string_argument(WHO, "name", &name)?;
    let argument = match &argument {
        Value::Nil => String::new(),
        given => string_argument(WHO, "argument", given)?,
    };
    controls(call)?.act(&name, &argument).map_err(|problem| misuse(WHO, problem))
}

fn alert(_: &Lua, call: &Rc<Call>, text: Value) -> Result<()> {
    let text = string_argument("ctx.ui.alert", "text", &text)?;
    if let Some(controls) = call.host.front.controls() {
        controls.alert(&clean::prose(&text));
    }
    Ok(())
}

fn commands(lua: &Lua, call: &Rc<Call>, (): ()) -> Result<Value> {
    let commands = call.host.registry.commands();
    let rows = commands.iter().map(|(name, spec)| {
        json!({
            "name": name,
            "description": spec.description,
            "extension": spec.handler.owner.id,
        })
    });
    scheduler::to_lua(lua, &rows.collect::<Data>(), Nulls::Nil)
}

fn theme(lua: &Lua, call: &Rc<Call>, name: Value) -> Result<MultiValue> {
    let Some(controls) = call.host.front.controls() else {
        return fail(lua, "not_found", "lines that are printed have no colours");
    };
    if !name.is_nil() {
        let name = string_argument("ctx.ui.theme", "name", &name)?;
        if let Err(problem) = controls.set_theme(&name) {
            return fail(lua, "invalid", problem);
        }
    }
    Ok(MultiValue::from_iter([Value::String(lua.create_string(controls.theme())?)]))
}
