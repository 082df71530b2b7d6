//! Models: the catalogue, and which model a name means.

use std::sync::OnceLock;

use serde_json::{Map, Value, json};

use crate::{
    near,
    registry::{ProviderSpec, Registry},
};

/// Facts about models that ship with zi; the sources stand in `models/NOTICE.md`.
static CATALOG: &str = include_str!("../../models/catalog.json");

/// Context window of a model that nobody described.
const UNKNOWN_WINDOW: u64 = 128_000;
/// Output limit of a model that nobody described.
const UNKNOWN_MAX_TOKENS: u64 = 8_192;

fn catalog() -> &'static [Map<String, Value>] {
    static MODELS: OnceLock<Vec<Map<String, Value>>> = OnceLock::new();
    MODELS.get_or_init(|| {
        let catalog: Value = serde_json::from_str(CATALOG)
            .expect("the embedded catalogue is JSON, as a test checks");
        match catalog.get("models") {
            Some(Value::Array(models)) => {
                models.iter().filter_map(|m| m.as_object().cloned()).collect()
            }
            _ => Vec::new(),
        }
    })
}

/// A model of a provider, with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    pub id: String,
    pub provider: String,
    /// Where its description is from: `catalog`, `extension` or `unknown`.
    pub source: &'static str,
    pub facts: Map<String, Value>,
}

impl Model {
    fn new(provider: &str, id: &str, source: &'static str, mut facts: Map<String, Value>) -> Self {
        facts.insert("id".into(), id.into());
        facts.insert("provider".into(), provider.into());
        Self { id: id.to_owned(), provider: provider.to_owned(), source, facts }
    }

    /// `provider/id`
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.provider, self.id)
    }

    pub fn name(&self) -> &str {
        self.facts.get("name").and_then(Value::as_str).unwrap_or(&self.id)
    }

    pub fn context_window(&self) -> u64 {
        self.number("context_window").unwrap_or(UNKNOWN_WINDOW)
    }

    pub fn max_tokens(&self) -> u64 {
        self.number("max_tokens").unwrap_or(UNKNOWN_MAX_TOKENS)
    }

    pub fn has_reasoning(&self) -> bool {
        self.facts.get("reasoning").and_then(Value::as_bool).unwrap_or(false)
    }

    /// The wire that this model needs, when it is not its provider's.
    pub fn api(&self) -> Option<&str> {
        if self.source == "catalog" { None } else { self.facts.get("api").and_then(Value::as_str) }
    }

    fn number(&self, name: &str) -> Option<u64> {
        self.facts.get(name).and_then(Value::as_u64)
    }

    pub fn to_value(&self) -> Value {
        let mut facts = self.facts.clone();
        facts.insert("context_window".into(), self.context_window().into());
        facts.insert("max_tokens".into(), self.max_tokens().into());
        facts.insert("source".into(), self.source.into());
        Value::Object(facts)
    }

    /// What `usage` costs in US dollars, where the price is known.
    pub fn cost(&self, usage: &Usage) -> Option<f64> {
        let base = self.facts.get("cost")?.as_object()?;
        let total_input = usage.input + usage.cache_read + usage.cache_write;
        let tiers = self.facts.get("price_tiers").and_then(Value::as_array);
        let tier = tiers.into_iter().flatten().filter_map(Value::as_object).rfind(|tier| {
            tier.get("input_above").and_then(Value::as_u64).is_some_and(|above| total_input > above)
        });
        let price = |name: &str| {
            let price = tier.and_then(|tier| tier.get(name)).or_else(|| base.get(name));
            price.and_then(Value::as_f64).unwrap_or(0.0)
        };
        let parts = [
            (usage.input, "input"),
            (usage.output, "output"),
            (usage.cache_read, "cache_read"),
            (usage.cache_write, "cache_write"),
        ];
        Some(parts.iter().map(|(tokens, name)| *tokens as f64 * price(name)).sum::<f64>() / 1e6)
    }
}

/// Tokens of one answer. `input` is without what the cache held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    pub input: u64,
    pub output: u64,
    pub cache_read: u64,
    pub cache_write: u64,
    /// Part of `output`.
    pub reasoning: u64,
    pub cost: Option<f64>,
}

impl Usage {
    pub fn total(&self) -> u64 {
        self.input + self.output + self.cache_read + self.cache_write
    }

    pub fn add(&mut self, other: &Self) {
        self.input += other.input;
        self.output += other.output;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.reasoning += other.reasoning;
        if let Some(cost) = other.cost {
            self.cost = Some(self.cost.unwrap_or(0.0) + cost);
        }
    }

    pub fn to_value(&self) -> Value {
        let mut value = json!({
            "input": self.input,
            "output": self.output,
            "cache_read": self.cache_read,
            "cache_write": self.cache_write,
            "reasoning": self.reasoning,
            "total_tokens": self.total(),
        });
        if let Some(cost) = self.cost {
            // Fractions of a micro-dollar are noise.
            value["cost"] = json!((cost * 1e9).round() / 1e9);
        }
        value
    }

    pub fn from_value(value: &Value) -> Self {
        let number = |name: &str| value.get(name).and_then(Value::as_u64).unwrap_or(0);
        Self {
            input: number("input"),
            output: number("output"),
            cache_read: number("cache_read"),
            cache_write: number("cache_write"),
            reasoning: number("reasoning"),
            cost: value.get("cost").and_then(Value::as_f64),
        }
    }
}

/// The models of one provider.
pub fn of_provider(provider: &ProviderSpec) -> Vec<Model> {
    match &provider.models {
        Some(models) => models
            .iter()
            .filter_map(|model| {
                let facts = model.as_object()?.clone();
                let id = facts.get("id")?.as_str()?.to_owned();
                // What the extension leaves out, the catalogue may know.
                let mut known = known_facts(&provider.name, &id).unwrap_or_default();
                known.extend(facts);
                Some(Model::new(&provider.name, &id, "extension", known))
            })
            .collect(),
        None => catalog()
            .iter()
            .filter(|facts| facts.get("provider").and_then(Value::as_str) == Some(&provider.name))
            .filter_map(|facts| {
                let id = facts.get("id")?.as_str()?;
                Some(Model::new(&provider.name, id, "catalog", facts.clone()))
            })
            .collect(),
    }
}

fn known_facts(provider: &str, id: &str) -> Option<Map<String, Value>> {
    let is = |facts: &Map<String, Value>, name: &str, text: &str| {
        facts.get(name).and_then(Value::as_str) == Some(text)
    };
    catalog().iter().find(|facts| is(facts, "provider", provider) && is(facts, "id", id)).cloned()
}

/// All models of all providers.
pub fn all(registry: &Registry) -> Vec<Model> {
    registry.providers().iter().flat_map(|provider| of_provider(provider)).collect()
}

/// No model is meant, or more than one.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ModelError {
    #[error("no provider is registered: the bundle is missing, or was left out")]
    NoProviders,
    #[error("there is no provider `{name}`{hint}; there are: {known}")]
    NoProvider { name: String, hint: String, known: String },
    #[error(
        "there is no model `{name}`{hint}; `zi --list-models` shows all, and `--provider NAME` takes any id"
    )]
    NoModel { name: String, hint: String },
    #[error("`{name}` could be {candidates}; say which, as `provider/id`")]
    Ambiguous { name: String, candidates: String },
    #[error("provider `{0}` has no default model; name one with `--model`")]
    NoDefault(String),
}

/// Finds a provider by name.
pub fn find_provider(
    registry: &Registry,
    name: &str,
) -> Result<std::sync::Arc<ProviderSpec>, ModelError> {
    registry.provider(name).ok_or_else(|| {
        let providers = registry.providers();
        if providers.is_empty() {
            return ModelError::NoProviders;
        }
        let known: Vec<&str> = providers.iter().map(|provider| provider.name.as_str()).collect();
        ModelError::NoProvider {
            name: name.to_owned(),
            hint: near::hint(name, &known),
            known: known.join(", "),
        }
    })
}

/// Finds the model that `reference` means: an id, `provider/id`, or a part of one that only one
/// model has. With `provider`, an id that nobody described is taken as it is.
pub fn resolve(
    registry: &Registry,
    provider: Option<&str>,
    reference: &str,
) -> Result<Model, ModelError> {
    if let Some(provider) = provider {
        let spec = find_provider(registry, provider)?;
        let prefix = format!("{provider}/");
        let id = reference.strip_prefix(&prefix).unwrap_or(reference);
        return Ok(in_provider(&spec, reference).unwrap_or_else(|| {
            in_provider(&spec, id).unwrap_or_else(|| unknown(provider, reference))
        }));
    }
    if let Some((name, id)) = reference.split_once('/')
        && let Some(spec) = registry.provider(name)
    {
        return Ok(in_provider(&spec, id).unwrap_or_else(|| unknown(name, id)));
    }
    if registry.providers().is_empty() {
        return Err(ModelError::NoProviders);
    }
    let models = all(registry);
    if let Some(model) = models.iter().find(|model| model.id == reference) {
        return Ok(model.clone());
    }
    if let Some(spec) = registry.provider(reference)
        && let Some(model) = default_of(&spec)
    {
        return Ok(model);
    }
    let wanted = reference.to_lowercase();
    let matches: Vec<&Model> =
        models.iter().filter(|model| model.full_name().to_lowercase().contains(&wanted)).collect();
    match matches.as_slice() {
        [one] => Ok((*one).clone()),
        [] => {
            let ids: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
            let hint = near::hint(reference, &ids);
            Err(ModelError::NoModel { name: reference.to_owned(), hint })
        }
        several => {
            let mut names: Vec<String> =
                several.iter().take(6).map(|model| format!("`{}`", model.full_name())).collect();
            if several.len() > names.len() {
                names.push(format!("{} more", several.len() - names.len()));
            }
            Err(ModelError::Ambiguous { name: reference.to_owned(), candidates: names.join(", ") })
        }
    }
}

fn in_provider(provider: &ProviderSpec, id: &str) -> Option<Model> {
    of_provider(provider).into_iter().find(|model| model.id == id)
}

fn unknown(provider: &str, id: &str) -> Model {
    Model::new(provider, id, "unknown", Map::new())
}

/// The model that a provider is used with when none is named.
pub fn default_of(provider: &ProviderSpec) -> Option<Model> {
    let named = provider.compat.get("default_model").and_then(Value::as_str);
    match named {
        Some(id) => Some(in_provider(provider, id).unwrap_or_else(|| unknown(&provider.name, id))),
        None => provider.models.as_ref().and_then(|_| of_provider(provider).into_iter().next()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_catalogue_is_usable() {
        assert!(catalog().len() > 100);
        for facts in catalog() {
            let text = |name: &str| facts.get(name).and_then(Value::as_str).unwrap_or_default();
            assert!(!text("id").is_empty() && !text("provider").is_empty(), "{facts:?}");
            assert!(facts.get("context_window").and_then(Value::as_u64) > Some(0), "{facts:?}");
        }
    }

    #[test]
    fn a_price_tier_counts_for_the_whole_request() {
        let facts = json!({
            "cost": { "input": 1, "output": 2, "cache_read": 0.5, "cache_write": 0 },
            "price_tiers": [{ "input_above": 1000, "input": 10, "output": 20 }],
        });
        let model =
            Model::new("p", "m", "extension", facts.as_object().cloned().unwrap_or_default());
        let small = Usage { input: 1000, output: 100, ..Usage::default() };
        assert_eq!(model.cost(&small), Some(0.0012));
        let large = Usage { input: 1001, output: 100, cache_read: 1000, ..Usage::default() };
        assert_eq!(model.cost(&large), Some((10010.0 + 2000.0 + 500.0) / 1e6));
    }
}
