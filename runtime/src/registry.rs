//! What extensions have registered, and who wins where two claim the same name.
//!
//! Order: by source (explicit, user, project, system, builtin), then by discovery, then by
//! registration. It does not depend on when an extension finished loading.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use serde_json::Value;

use crate::extensions::Extension;

/// A function that an extension registered.
#[derive(Clone, Debug)]
pub struct Callback {
    pub owner: Arc<Extension>,
    pub id: u64,
}

/// A tool, as its extension described it.
#[derive(Debug)]
pub struct ToolSpec {
    pub name: String,
    pub description: String,
    pub label: String,
    pub parameters: Value,
    pub prompt_snippet: Option<String>,
    pub prompt_guidelines: Vec<String>,
    pub kind: String,
    pub parallel: bool,
    pub ends_turn: bool,
    pub timeout_ms: Option<u64>,
    pub execute: Callback,
    pub prepare: Option<Callback>,
    pub render_call: Option<Callback>,
    pub render_result: Option<Callback>,
    /// Made from `parameters` when it is first needed.
    pub validator: std::sync::OnceLock<Result<jsonschema::Validator, String>>,
}

/// A slash command.
#[derive(Debug)]
pub struct CommandSpec {
    pub name: String,
    pub description: String,
    pub aliases: Vec<String>,
    pub handler: Callback,
    pub complete: Option<Callback>,
}

/// A provider, as its extension described it.
#[derive(Debug)]
pub struct ProviderSpec {
    pub name: String,
    pub base_url: String,
    pub api: String,
    /// A literal, `$NAME`, or `!command`.
    pub api_key: Option<String>,
    pub headers: BTreeMap<String, String>,
    /// `None` leaves the catalogue's models.
    pub models: Option<Vec<Value>>,
    pub oauth: HashMap<&'static str, Callback>,
    pub compat: Value,
}

/// A wire adapter.
#[derive(Debug)]
pub struct AdapterSpec {
    pub name: String,
    pub stream: Callback,
}

/// A key and what it does.
#[derive(Debug)]
pub struct KeySpec {
    /// Its canonical name.
    pub key: String,
    pub action: KeyAction,
    /// `idle`, `busy`, or both.
    pub when: Option<&'static str>,
    pub description: String,
}

#[derive(Clone, Debug)]
pub enum KeyAction {
    /// A slash command with its arguments, or the id of an action.
    Named(String),
    Call(Callback),
}

/// A theme, as its extension described it.
#[derive(Debug)]
pub struct ThemeSpec {
    pub name: String,
    pub vars: Vec<(String, String)>,
    pub colors: Vec<(String, String)>,
}

/// Completions for words of the editor.
#[derive(Debug)]
pub struct CompleterSpec {
    /// The character that the words start with.
    pub trigger: char,
    pub items: Callback,
}

/// Draws messages of a custom type.
#[derive(Debug)]
pub struct RendererSpec {
    pub custom_type: String,
    pub render: Callback,
}

/// A handler of an event.
#[derive(Debug)]
pub struct HandlerSpec {
    pub id: u64,
    pub callback: Callback,
}

#[derive(Debug)]
struct Claim<T> {
    owner: Arc<Extension>,
    seq: u64,
    item: Arc<T>,
}

#[derive(Debug)]
struct Claims<T>(Vec<Claim<T>>);

impl<T> Default for Claims<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Claims<T> {
    fn add(&mut self, owner: &Arc<Extension>, seq: u64, item: Arc<T>) {
        let claim = Claim { owner: owner.clone(), seq, item };
        let at = self.0.partition_point(|other| {
            (&other.owner.rank, other.seq) <= (&claim.owner.rank, claim.seq)
        });
        self.0.insert(at, claim);
    }

    fn live(&self) -> impl Iterator<Item = &Claim<T>> {
        self.0.iter().filter(|claim| claim.owner.is_active())
    }

    /// What counts while `owner` registers: everything live, and what `owner` itself has so far.
    fn seen_by<'a>(&'a self, owner: &'a Arc<Extension>) -> impl Iterator<Item = &'a Claim<T>> {
        self.0.iter().filter(move |claim| {
            Arc::ptr_eq(&claim.owner, owner)
                || (claim.owner.is_active() && claim.owner.id != owner.id)
        })
    }

    fn remove(&mut self, drop_it: impl Fn(&Claim<T>) -> bool) -> bool {
        let before = self.0.len();
        self.0.retain(|claim| !drop_it(claim));
        self.0.len() != before
    }
}

#[derive(Debug, Default)]
struct Tables {
    tools: Claims<ToolSpec>,
    commands: Claims<CommandSpec>,
    providers: Claims<ProviderSpec>,
    adapters: Claims<AdapterSpec>,
    loops: Claims<Callback>,
    keys: Claims<KeySpec>,
    themes: Claims<ThemeSpec>,
    completers: Claims<CompleterSpec>,
    renderers: Claims<RendererSpec>,
    handlers: HashMap<String, Claims<HandlerSpec>>,
}

/// How much an extension has registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    pub tools: usize,
    pub commands: usize,
    pub providers: usize,
    pub handlers: usize,
}

/// All registrations of all extensions.
#[derive(Debug, Default)]
pub struct Registry {
    tables: RwLock<Tables>,
    next: AtomicU64,
}

impl Registry {
    fn seq(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn read<R>(&self, look: impl FnOnce(&Tables) -> R) -> R {
        look(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<R>(&self, change: impl FnOnce(&mut Tables) -> R) -> R {
        change(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts `new` in the place of `old`, at one moment for all who look: what `old` registered goes,
    /// what `new` registered counts.
    pub fn swap(&self, old: &[Arc<Extension>], new: &[Arc<Extension>]) {
        self.write(|_| {
            old.iter().for_each(|one| one.set_active(false));
            new.iter().for_each(|one| one.set_active(true));
        });
        old.iter().for_each(|one| self.revoke(one));
    }

    /// How much one extension has registered.
    pub fn counts(&self, owner: &Arc<Extension>) -> Counts {
        fn own<T>(claims: &Claims<T>, owner: &Arc<Extension>) -> usize {
            claims.0.iter().filter(|claim| Arc::ptr_eq(&claim.owner, owner)).count()
        }
        self.read(|tables| Counts {
            tools: own(&tables.tools, owner),
            commands: own(&tables.commands, owner),
            providers: own(&tables.providers, owner),
            handlers: tables.handlers.values().map(|claims| own(claims, owner)).sum(),
        })
    }

    /// Everything that one extension has registered, whether it counts or not: its kind, and the name
    /// with what tells how far it reaches.
    pub fn registered(&self, owner: &Arc<Extension>) -> BTreeSet<(&'static str, String)> {
        fn own<'a, T>(
            claims: &'a Claims<T>,
            owner: &'a Arc<Extension>,
        ) -> impl Iterator<Item = &'a Arc<T>> {
            let of_owner = claims.0.iter().filter(move |claim| Arc::ptr_eq(&claim.owner, owner));
            of_owner.map(|claim| &claim.item)
        }
        self.read(|tables| {
            let mut all = BTreeSet::new();
            for tool in own(&tables.tools, owner) {
                all.insert(("tool", format!("`{}`, kind {}", tool.name, tool.kind)));
            }
            for command in own(&tables.commands, owner) {
                let names = std::iter::once(&command.name).chain(&command.aliases);
                all.extend(names.map(|name| ("command", format!("`/{name}`"))));
            }
            for provider in own(&tables.providers, owner) {
                all.insert(("provider", format!("`{}` at {}", provider.name, provider.base_url)));
            }
            for adapter in own(&tables.adapters, owner) {
                all.insert(("wire adapter", format!("`{}`", adapter.name)));
            }
            for _ in own(&tables.loops, owner) {
                all.insert(("turn loop", String::new()));
            }
            for key in own(&tables.keys, owner) {
                all.insert(("key", format!("`{}`", key.key)));
            }
            for theme in own(&tables.themes, owner) {
                all.insert(("theme", format!("`{}`", theme.name)));
            }
            for completer in own(&tables.completers, owner) {
                all.insert(("completions for", format!("`{}`", completer.trigger)));
            }
            for renderer in own(&tables.renderers, owner) {
                all.insert(("renderer for", format!("`{}`", renderer.custom_type)));
            }
            for (event, claims) in &tables.handlers {
                all.extend(own(claims, owner).map(|_| ("event", format!("`{event}`"))));
            }
            all
        })
    }

    /// Takes everything that `owner` registered away.
    pub fn revoke(&self, owner: &Arc<Extension>) {
        fn of<T>(owner: &Arc<Extension>) -> impl Fn(&Claim<T>) -> bool {
            move |claim| Arc::ptr_eq(&claim.owner, owner)
        }
        self.write(|tables| {
            tables.tools.remove(of(owner));
            tables.commands.remove(of(owner));
            tables.providers.remove(of(owner));
            tables.adapters.remove(of(owner));
            tables.loops.remove(of(owner));
            tables.keys.remove(of(owner));
            tables.themes.remove(of(owner));
            tables.completers.remove(of(owner));
            tables.renderers.remove(of(owner));
            tables.handlers.values_mut().for_each(|claims| {
                claims.remove(of(owner));
            });
        });
    }

    // Tools ---------------------------------------------------------------------------------------

    /// Registers a tool; `false` when another holds its name. The claim is kept either way: it
    /// counts when the other one goes.
    pub fn add_tool(&self, owner: &Arc<Extension>, spec: ToolSpec) -> bool {
        let seq = self.seq();
        self.write(|tables| {
            let own = |claim: &Claim<ToolSpec>| {
                Arc::ptr_eq(&claim.owner, owner) && claim.item.name == spec.name
            };
            let duplicate = tables.tools.0.iter().any(own);
            let name = spec.name.clone();
            if duplicate {
                return false;
            }
            tables.tools.add(owner, seq, Arc::new(spec));
            tables
                .tools
                .seen_by(owner)
                .find(|claim| claim.item.name == name)
                .is_some_and(|claim| Arc::ptr_eq(&claim.owner, owner))
        })
    }

    /// Removes `owner`'s own tool called `name`.
    pub fn remove_tool(&self, owner: &Arc<Extension>, name: &str) -> bool {
        self.write(|tables| {
            tables.tools.remove(|claim| Arc::ptr_eq(&claim.owner, owner) && claim.item.name == name)
        })
    }

    /// The tools that count, sorted by name.
    pub fn tools(&self) -> Vec<Arc<ToolSpec>> {
        self.read(|tables| {
            let mut winners = BTreeMap::new();
            for claim in tables.tools.live() {
                winners.entry(claim.item.name.clone()).or_insert_with(|| claim.item.clone());
            }
            winners.into_values().collect()
        })
    }

    pub fn tool(&self, name: &str) -> Option<Arc<ToolSpec>> {
        self.read(|tables| {
            tables
                .tools
                .live()
                .find(|claim| claim.item.name == name)
                .map(|claim| claim.item.clone())
        })
    }

    /// The tool of the same name that `spec` shadows.
    pub fn shadowed_tool(&self, spec: &Arc<ToolSpec>) -> Option<Arc<ToolSpec>> {
        self.read(|tables| {
            tables
                .tools
                .live()
                .filter(|claim| claim.item.name == spec.name)
                .skip_while(|claim| !Arc::ptr_eq(&claim.item, spec))
                .nth(1)
                .map(|claim| claim.item.clone())
        })
    }

    // Commands ------------------------------------------------------------------------------------

    pub fn add_command(&self, owner: &Arc<Extension>, spec: CommandSpec) {
        let seq = self.seq();
        self.write(|tables| tables.commands.add(owner, seq, Arc::new(spec)));
    }

    /// All commands under the names that they are called by: a name with several holders becomes
    /// `name:1`, `name:2`, …; bundled commands keep theirs.
    pub fn commands(&self) -> Vec<(String, Arc<CommandSpec>)> {
        self.read(|tables| {
            let mut by_name: BTreeMap<String, Vec<(bool, Arc<CommandSpec>)>> = BTreeMap::new();
            for claim in tables.commands.live() {
                let bundled = claim.owner.is_bundled_id();
                for name in std::iter::once(&claim.item.name).chain(&claim.item.aliases) {
                    let holders = by_name.entry(name.clone()).or_default();
                    holders.push((bundled, claim.item.clone()));
                }
            }
            let mut named = Vec::new();
            for (name, holders) in by_name {
                let several = holders.len() > 1;
                let keeper = holders.iter().position(|(bundled, _)| *bundled);
                let mut number = 0;
                for (index, (_, spec)) in holders.into_iter().enumerate() {
                    if !several || keeper == Some(index) {
                        named.push((name.clone(), spec));
                    } else {
                        number += 1;
                        named.push((format!("{name}:{number}"), spec));
                    }
                }
            }
            named
        })
    }

    // Providers and adapters ----------------------------------------------------------------------

    /// Claims a provider name; `false` when another extension holds it.
    pub fn add_provider(&self, owner: &Arc<Extension>, spec: ProviderSpec) -> bool {
        let seq = self.seq();
        self.write(|tables| {
            tables
                .providers
                .remove(|claim| Arc::ptr_eq(&claim.owner, owner) && claim.item.name == spec.name);
            let name = spec.name.clone();
            tables.providers.add(owner, seq, Arc::new(spec));
            tables
                .providers
                .seen_by(owner)
                .find(|claim| claim.item.name == name)
                .is_some_and(|claim| Arc::ptr_eq(&claim.owner, owner))
        })
    }

    pub fn remove_provider(&self, owner: &Arc<Extension>, name: &str) -> bool {
        self.write(|tables| {
            tables
                .providers
                .remove(|claim| Arc::ptr_eq(&claim.owner, owner) && claim.item.name == name)
        })
    }

    /// The providers that count, in the order they were claimed within their rank.
    pub fn providers(&self) -> Vec<Arc<ProviderSpec>> {
        self.read(|tables| {
            let mut winners: Vec<Arc<ProviderSpec>> = Vec::new();
            for claim in tables.providers.live() {
                if !winners.iter().any(|winner| winner.name == claim.item.name) {
                    winners.push(claim.item.clone());
                }
            }
            winners
        })
    }

    pub fn provider(&self, name: &str) -> Option<Arc<ProviderSpec>> {
        self.read(|tables| {
            tables
                .providers
                .live()
                .find(|claim| claim.item.name == name)
                .map(|claim| claim.item.clone())
        })
    }

    pub fn add_adapter(&self, owner: &Arc<Extension>, spec: AdapterSpec) -> bool {
        let seq = self.seq();
        self.write(|tables| {
            let name = spec.name.clone();
            tables.adapters.add(owner, seq, Arc::new(spec));
            tables
                .adapters
                .seen_by(owner)
                .find(|claim| claim.item.name == name)
                .is_some_and(|claim| Arc::ptr_eq(&claim.owner, owner))
        })
    }

    pub fn adapter(&self, name: &str) -> Option<Arc<AdapterSpec>> {
        self.read(|tables| {
            tables
                .adapters
                .live()
                .find(|claim| claim.item.name == name)
                .map(|claim| claim.item.clone())
        })
    }

    // The loop ------------------------------------------------------------------------------------

    pub fn add_loop(&self, owner: &Arc<Extension>, callback: Callback) -> bool {
        let seq = self.seq();
        self.write(|tables| {
            tables.loops.add(owner, seq, Arc::new(callback));
            tables.loops.seen_by(owner).next().is_some_and(|claim| Arc::ptr_eq(&claim.owner, owner))
        })
    }

    pub fn run_loop(&self) -> Option<Callback> {
        self.read(|tables| tables.loops.live().next().map(|claim| (*claim.item).clone()))
    }

    // What shows on a screen ----------------------------------------------------------------------

    pub fn add_key(&self, owner: &Arc<Extension>, spec: KeySpec) {
        let seq = self.seq();
        self.write(|tables| tables.keys.add(owner, seq, Arc::new(spec)));
    }

    /// The bindings in order of precedence: the first that fits counts.
    pub fn keys(&self) -> Vec<Arc<KeySpec>> {
        self.read(|tables| tables.keys.live().map(|claim| claim.item.clone()).collect())
    }

    pub fn add_theme(&self, owner: &Arc<Extension>, spec: ThemeSpec) {
        let seq = self.seq();
        self.write(|tables| tables.themes.add(owner, seq, Arc::new(spec)));
    }

    /// The themes in order of precedence.
    pub fn themes(&self) -> Vec<Arc<ThemeSpec>> {
        self.read(|tables| tables.themes.live().map(|claim| claim.item.clone()).collect())
    }

    pub fn add_completer(&self, owner: &Arc<Extension>, spec: CompleterSpec) {
        let seq = self.seq();
        self.write(|tables| tables.completers.add(owner, seq, Arc::new(spec)));
    }

    /// All completers of `trigger`, in order of precedence.
    pub fn completers(&self, trigger: char) -> Vec<Arc<CompleterSpec>> {
        self.read(|tables| {
            let claims = tables.completers.live().filter(|claim| claim.item.trigger == trigger);
            claims.map(|claim| claim.item.clone()).collect()
        })
    }

    /// Claims the drawing of a custom type; `false` when another holds it.
    pub fn add_renderer(&self, owner: &Arc<Extension>, spec: RendererSpec) -> bool {
        let seq = self.seq();
        self.write(|tables| {
            let custom_type = spec.custom_type.clone();
            tables.renderers.add(owner, seq, Arc::new(spec));
            tables
                .renderers
                .seen_by(owner)
                .find(|claim| claim.item.custom_type == custom_type)
                .is_some_and(|claim| Arc::ptr_eq(&claim.owner, owner))
        })
    }

    pub fn renderer(&self, custom_type: &str) -> Option<Arc<RendererSpec>> {
        self.read(|tables| {
            let mut claims = tables.renderers.live();
            claims.find(|claim| claim.item.custom_type == custom_type).map(|it| it.item.clone())
        })
    }

    // Handlers ------------------------------------------------------------------------------------

    /// Registers a handler; the number is for [`Self::remove_handler`].
    pub fn add_handler(&self, owner: &Arc<Extension>, event: &str, callback: Callback) -> u64 {
        let seq = self.seq();
        self.write(|tables| {
            let handler = HandlerSpec { id: seq, callback };
            tables.handlers.entry(event.to_owned()).or_default().add(owner, seq, Arc::new(handler));
        });
        seq
    }

    pub fn remove_handler(&self, event: &str, id: u64) -> bool {
        self.write(|tables| {
            tables
                .handlers
                .get_mut(event)
                .is_some_and(|claims| claims.remove(|claim| claim.item.id == id))
        })
    }

    /// Takes one handler out.
    pub fn drop_handler(&self, event: &str, callback: &Callback) {
        let is_it = |claim: &Claim<HandlerSpec>| {
            Arc::ptr_eq(&claim.owner, &callback.owner) && claim.item.callback.id == callback.id
        };
        self.write(|tables| {
            tables.handlers.get_mut(event).is_some_and(|claims| claims.remove(is_it))
        });
    }

    pub fn handlers(&self, event: &str) -> Vec<Callback> {
        self.read(|tables| {
            let claims = tables.handlers.get(event).into_iter().flat_map(Claims::live);
            claims.map(|claim| claim.item.callback.clone()).collect()
        })
    }

    /// The handlers of one extension.
    pub fn handlers_of(&self, owner: &Arc<Extension>, event: &str) -> Vec<Callback> {
        let mut handlers = self.handlers(event);
        handlers.retain(|callback| Arc::ptr_eq(&callback.owner, owner));
        handlers
    }

    pub fn has_handlers(&self, event: &str) -> bool {
        self.read(|tables| {
            tables.handlers.get(event).is_some_and(|claims| claims.live().next().is_some())
        })
    }
}
