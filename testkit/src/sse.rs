//! Events as they go over the wire.

use serde_json::Value;

/// An event with a name.
pub(crate) fn named(name: &str, data: &Value) -> String {
    format!("event: {name}\ndata: {data}\n\n")
}

/// An event without one.
pub(crate) fn plain(data: &Value) -> String {
    format!("data: {data}\n\n")
}
