//! Completion of the draft: what could stand where the caret is.
//!
//! Commands are known here and come at once. Everything else - files, arguments of commands, words
//! of extensions - is looked for beside, and an answer that comes after the draft went on is dropped.

use std::{
    ops::Range,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use ignore::WalkBuilder;
use mlua::{MultiValue, Value as LuaValue};
use serde_json::Value;
use zi_kernel::scheduler;

use crate::{
    api::{self, Call},
    extensions::{Invocation, budgets},
    fuzzy,
    host::{Host, lock},
    registry::Callback,
};

/// Most that is offered.
const MAX_ITEMS: usize = 100;
/// Most files that are looked at.
const MAX_FILES: usize = 200_000;
/// How long a list of files is used before it is made anew.
const FILES_STAY: Duration = Duration::from_secs(5);

/// Something that could stand there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What is put in the place of the word.
    pub value: String,
    /// What is shown.
    pub label: String,
    pub about: String,
    /// Whether more follows: a folder, or a command that takes arguments.
    pub goes_on: bool,
}

/// What could stand in a place of the draft.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    /// The part of the draft that a choice replaces.
    pub range: Range<usize>,
    pub items: Vec<Item>,
    pub selected: usize,
    pub place: Place,
    /// Whether the user went through them: then the selected one is meant.
    pub is_touched: bool,
}

/// What stands where choices are for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Place {
    /// The name of a command.
    Command,
    /// An argument of a command; nothing of it was typed yet, or something was.
    Argument { is_empty: bool },
    #[default]
    Word,
}

impl Wanted {
    pub fn place(&self) -> Place {
        match self {
            Self::Command { .. } => Place::Command,
            Self::Argument { prefix, .. } => Place::Argument { is_empty: prefix.is_empty() },
            _ => Place::Word,
        }
    }
}

/// What is to be completed.
#[derive(Clone, Debug)]
pub enum Wanted {
    Command { prefix: String },
    Argument { command: String, callback: Callback, prefix: String },
    File { prefix: String },
    Own { trigger: char, callbacks: Vec<Callback>, prefix: String },
    Path { prefix: String },
}

/// What the word at the caret asks for; `asked` is whether the user pressed the key for it.
pub fn wanted(
    host: &Host,
    text: &str,
    caret: usize,
    asked: bool,
) -> Option<(Range<usize>, Wanted)> {
    let before = &text[..caret];
    if let Some(line) = before.strip_prefix('/')
        && !line.contains('\n')
    {
        match line.split_once(' ') {
            None => {
                let wanted = Wanted::Command { prefix: line.to_owned() };
                return (!line.contains('/')).then_some((0..caret, wanted));
            }
            Some((name, arguments)) => {
                let commands = host.registry.commands();
                let (_, spec) = commands.iter().find(|(known, _)| known == name)?;
                let callback = spec.complete.clone()?;
                let range = name.len() + 2..caret;
                let prefix = arguments.to_owned();
                let command = name.to_owned();
                return Some((range, Wanted::Argument { command, callback, prefix }));
            }
        }
    }
    let start = before
        .rfind(char::is_whitespace)
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = &before[start..];
    let trigger = word.chars().next();
    if let Some(trigger) = trigger {
        let rest = word[trigger.len_utf8()..].to_owned();
        let own = host.registry.completers(trigger);
        if !own.is_empty() {
            let callbacks = own.iter().map(|spec| spec.items.clone()).collect();
            return Some((start..caret, Wanted::Own { trigger, callbacks, prefix: rest }));
        }
        if trigger == '@' {
            return Some((start..caret, Wanted::File { prefix: rest }));
        }
    }
    (asked && !word.is_empty()).then(|| (start..caret, Wanted::Path { prefix: word.to_owned() }))
}

/// The commands that `prefix` could mean.
pub fn commands(host: &Host, prefix: &str) -> Vec<Item> {
    let commands = host.registry.commands();
    let names: Vec<&str> = commands.iter().map(|(name, _)| name.as_str()).collect();
    let mut found = fuzzy::rank(prefix, &names, MAX_ITEMS);
    // What starts with the letters is meant more often than what merely has them.
    found.sort_by_key(|(index, _)| !names[*index].starts_with(prefix));
    let item = |index: usize| {
        let (name, spec) = &commands[index];
        Item {
            value: format!("/{name}"),
            label: format!("/{name}"),
            about: spec.description.clone(),
            goes_on: spec.complete.is_some(),
        }
    };
    found.into_iter().map(|(index, _)| item(index)).collect()
}

/// The files of a directory, listed once for several keystrokes.
#[derive(Clone, Debug, Default)]
pub struct Files(Arc<Mutex<Option<Listing>>>);

/// When it was made, and the names.
type Listing = (Instant, Arc<Vec<String>>);

impl Files {
    fn list(&self, cwd: &Path) -> Arc<Vec<String>> {
        if let Some((at, files)) = &*lock(&self.0)
            && at.elapsed() < FILES_STAY
        {
            return files.clone();
        }
        let mut files = Vec::new();
        let walk = WalkBuilder::new(cwd).hidden(true).require_git(false).build();
        for entry in walk.flatten().skip(1).take(MAX_FILES) {
            let Ok(path) = entry.path().strip_prefix(cwd) else { continue };
            let mut name = path.to_string_lossy().into_owned();
            if entry.file_type().is_some_and(|kind| kind.is_dir()) {
                name.push('/');
            }
            files.push(name);
        }
        files.sort_by_key(|name| (name.matches('/').count(), !name.ends_with('/'), name.clone()));
        let files = Arc::new(files);
        *lock(&self.0) = Some((Instant::now(), files.clone()));
        files
    }
}

/// Looks for what is wanted.
pub async fn find(host: Arc<Host>, files: Files, wanted: Wanted) -> Vec<Item> {
    match wanted {
        Wanted::Command { prefix } => commands(&host, &prefix),
        Wanted::File { prefix } => {
            let cwd = host.cwd.clone();
            let work = move || {
                let files = files.list(&cwd);
                fuzzy::rank(&prefix, &files, MAX_ITEMS)
                    .into_iter()
                    .map(|(index, _)| file_item(&files[index], "@"))
                    .collect()
            };
            tokio::task::spawn_blocking(work).await.unwrap_or_default()
        }
        Wanted::Path { prefix } => {
            let cwd = host.cwd.clone();
            tokio::task::spawn_blocking(move || paths(&cwd, &prefix)).await.unwrap_or_default()
        }
        Wanted::Argument { command, callback, prefix } => {
            let label = format!("completion of /{command}");
            let items = ask(&host, &callback, &label, prefix.clone(), "").await;
            fitting(items, &prefix)
        }
        Wanted::Own { trigger, callbacks, prefix } => {
            let label = format!("completion of `{trigger}`");
            let mut items = Vec::new();
            for callback in callbacks {
                items.extend(
                    ask(&host, &callback, &label, prefix.clone(), &trigger.to_string()).await,
                );
            }
            items.truncate(MAX_ITEMS);
            fitting(items, &format!("{trigger}{prefix}"))
        }
    }
}

fn file_item(name: &str, mark: &str) -> Item {
    Item {
        value: format!("{mark}{name}"),
        label: name.to_owned(),
        about: String::new(),
        goes_on: name.ends_with('/'),
    }
}

/// What is in the folder that `prefix` names the start of.
fn paths(cwd: &Path, prefix: &str) -> Vec<Item> {
    let (folder, start) = prefix.rfind('/').map_or(("", prefix), |at| prefix.split_at(at + 1));
    let home = || std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let dir = match folder.strip_prefix("~/") {
        Some(rest) => home().join(rest),
        None => cwd.join(folder),
    };
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let mut name = entry.file_name().into_string().ok()?;
            if entry.path().is_dir() {
                name.push('/');
            }
            let is_shown = !name.starts_with('.') || start.starts_with('.');
            (name.starts_with(start) && is_shown).then_some(name)
        })
        .take(MAX_FILES)
        .collect();
    names.sort();
    let names = names.into_iter().take(MAX_ITEMS);
    names.map(|name| file_item(&format!("{folder}{name}"), "")).collect()
}

/// Asks an extension. What it answers wrongly, or too late, is left out.
async fn ask(
    host: &Arc<Host>,
    callback: &Callback,
    label: &str,
    prefix: String,
    mark: &str,
) -> Vec<Item> {
    let call = Call::new(host, &callback.owner);
    let mark = mark.to_owned();
    let asked = Invocation::new(callback, label, budgets::WORK).start(
        move |lua| {
            let prefix = lua.create_string(prefix)?;
            let ctx = api::make_ctx(lua, call)?;
            Ok(MultiValue::from_iter([LuaValue::String(prefix), ctx]))
        },
        |lua, values| {
            let value = values.into_iter().next().unwrap_or(LuaValue::Nil);
            scheduler::from_lua(lua, &value).map_err(mlua::Error::external)
        },
    );
    match tokio::time::timeout(budgets::INTERCEPTOR, asked).await {
        Ok(Ok(Value::Array(items))) => {
            items.iter().take(MAX_ITEMS).filter_map(|item| read_item(item, &mark)).collect()
        }
        Ok(Ok(_)) | Err(_) => Vec::new(),
        Ok(Err(failure)) => {
            host.report(&failure, label);
            Vec::new()
        }
    }
}

/// The items that what was typed could mean, the best first: extensions may offer all that they have.
fn fitting(items: Vec<Item>, typed: &str) -> Vec<Item> {
    let values: Vec<&str> = items.iter().map(|item| item.value.as_str()).collect();
    let found = fuzzy::rank(typed, &values, MAX_ITEMS);
    found.into_iter().map(|(index, _)| items[index].clone()).collect()
}

fn read_item(item: &Value, mark: &str) -> Option<Item> {
    let text = |name: &str| item.get(name).and_then(Value::as_str);
    let value = item.as_str().or_else(|| text("value"))?;
    Some(Item {
        value: format!("{mark}{}", value.strip_prefix(mark).unwrap_or(value)),
        label: text("label").unwrap_or(value).to_owned(),
        about: text("description").unwrap_or_default().to_owned(),
        goes_on: false,
    })
}
