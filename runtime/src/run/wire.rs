//! What goes over the wire to a provider, as handlers may see and change it.

use std::{ops::ControlFlow, sync::Arc};

use serde_json::{Map, Value, json};
use zi_kernel::http::{Request, Response};

use crate::{hooks::Event, host::Host};

/// How the labels of adapter calls start.
pub const ADAPTER_LABEL: &str = "api ";
/// What stands in for a credential.
const REDACTED: &str = "[redacted]";
/// Headers that carry credentials.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "cookie",
    "set-cookie",
];

fn is_secret(name: &str) -> bool {
    SECRET_HEADERS.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

fn shown_headers(headers: &[(String, String)]) -> Map<String, Value> {
    let shown = headers.iter().map(|(name, value)| {
        let value = if is_secret(name) { REDACTED } else { value };
        (name.to_lowercase(), value.into())
    });
    shown.collect()
}

impl Host {
    /// Lets `before_provider_send` handlers change the headers and the body of a request. A header
    /// that still reads as redacted keeps its value.
    pub(crate) async fn filter_send(self: &Arc<Self>, mut request: Request) -> Request {
        if !self.is_heard("before_provider_send") {
            return request;
        }
        let body = request.body.as_deref().unwrap_or_default();
        let body = serde_json::from_slice::<Value>(body)
            .unwrap_or_else(|_| String::from_utf8_lossy(body).into());
        let event = Event::new(
            "before_provider_send",
            json!({
                "url": request.url,
                "headers": shown_headers(&request.headers),
                "body": body,
            }),
        );
        let mut headers = None;
        let mut body = None;
        self.intercept(event, |event, answer| {
            for (name, value) in answer.value.into_iter().flatten() {
                match name.as_str() {
                    "headers" if value.is_object() => headers = Some(value.clone()),
                    "body" => body = Some(value.clone()),
                    _ => continue,
                }
                event.fields.insert(name, value);
            }
            ControlFlow::Continue(())
        })
        .await;
        if let Some(Value::Object(changed)) = headers {
            request.headers = merge_headers(&request.headers, changed);
        }
        match body {
            Some(Value::String(text)) => request.body = Some(text.into_bytes()),
            Some(value) => request.body = Some(value.to_string().into_bytes()),
            None => {}
        }
        request
    }

    pub(crate) fn show_response(self: &Arc<Self>, response: &Response) {
        self.emit(Event::new(
            "after_provider_response",
            json!({
                "status": response.status,
                "headers": shown_headers(&response.headers),
            }),
        ));
    }
}

fn merge_headers(
    before: &[(String, String)],
    changed: Map<String, Value>,
) -> Vec<(String, String)> {
    changed
        .into_iter()
        .filter_map(|(name, value)| {
            let value = match value {
                Value::String(text) if text == REDACTED => before
                    .iter()
                    .find(|(known, _)| known.eq_ignore_ascii_case(&name))
                    .map(|(_, value)| value.clone())?,
                Value::String(text) => text,
                Value::Number(number) => number.to_string(),
                _ => return None,
            };
            Some((name, value))
        })
        .collect()
}
