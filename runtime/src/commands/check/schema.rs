//! JSON Schemas of tools: what is wrong with them, or most likely not meant.

use serde_json::Value;

use crate::near;

/// Something about a schema: the way to it, and what it is.
#[derive(Debug, PartialEq, Eq)]
pub struct SchemaFault {
    pub path: Vec<String>,
    pub text: String,
}

/// Words of JSON Schema, and those that providers take besides.
const KEYWORDS: &[&str] = &[
    "$anchor",
    "$comment",
    "$defs",
    "$id",
    "$ref",
    "$schema",
    "additionalItems",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "contentEncoding",
    "contentMediaType",
    "default",
    "definitions",
    "dependentRequired",
    "dependentSchemas",
    "deprecated",
    "description",
    "else",
    "enum",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "then",
    "title",
    "type",
    "unevaluatedItems",
    "unevaluatedProperties",
    "uniqueItems",
    "writeOnly",
];

/// The faults of `schema`.
pub fn faults(schema: &Value) -> Vec<SchemaFault> {
    let mut found = Vec::new();
    if let Err(err) = jsonschema::meta::validate(schema) {
        let path = err.instance_path().to_string();
        let path: Vec<String> = path
            .split('/')
            .skip(1)
            .map(|part| part.replace("~1", "/").replace("~0", "~"))
            .collect();
        let text = match path.last().map(String::as_str) {
            Some("type") => no_type(err.instance()),
            _ => err.to_string(),
        };
        found.push(SchemaFault { path, text });
    }
    look(schema, &mut Vec::new(), &mut found);
    found
}

fn no_type(value: &Value) -> String {
    const TYPES: &[&str] = &["string", "number", "integer", "boolean", "array", "object", "null"];
    let hint = value.as_str().map(|name| near::hint(name, TYPES)).unwrap_or_default();
    format!("must be one of {}, or several of them, not {value}{hint}", TYPES.join(", "))
}

fn look(schema: &Value, path: &mut Vec<String>, found: &mut Vec<SchemaFault>) {
    let Value::Object(map) = schema else { return };
    for (key, value) in map {
        path.push(key.clone());
        if !KEYWORDS.contains(&key.as_str())
            && let Some(near) = near::nearest(key, KEYWORDS)
        {
            let text = format!("`{key}` is no word of JSON Schema; did you mean `{near}`?");
            found.push(SchemaFault { path: path.clone(), text });
        }
        match (key.as_str(), value) {
            (
                "properties" | "patternProperties" | "$defs" | "definitions",
                Value::Object(inner),
            ) => {
                for (name, schema) in inner {
                    path.push(name.clone());
                    look(schema, path, found);
                    path.pop();
                }
            }
            ("anyOf" | "oneOf" | "allOf" | "prefixItems", Value::Array(items)) => {
                items.iter().for_each(|schema| look(schema, path, found));
            }
            ("items" | "additionalProperties" | "not" | "contains" | "if" | "then" | "else", _) => {
                look(value, path, found);
            }
            _ => {}
        }
        path.pop();
    }
    let properties = map.get("properties").and_then(Value::as_object);
    let required = map.get("required").and_then(Value::as_array);
    if let (Some(properties), Some(required)) = (properties, required) {
        let known: Vec<&str> = properties.keys().map(String::as_str).collect();
        for name in required.iter().filter_map(Value::as_str) {
            if !known.contains(&name) {
                let hint = near::hint(name, &known);
                let text = format!("`required` names `{name}`, which is no property{hint}");
                let mut path = path.clone();
                path.push("required".into());
                found.push(SchemaFault { path, text });
            }
        }
    }
}
