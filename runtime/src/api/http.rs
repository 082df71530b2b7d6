//! `zi.http`: requests, and answers that are read while they arrive.

use std::{cell::RefCell, collections::VecDeque, rc::Rc, time::Duration};

use mlua::{
    Function, Lua, MetaMethod, MultiValue, Result, Table, UserData, UserDataMethods, Value,
};
use zi_kernel::{
    http::{Decode, HttpError, Item, Request, Response, Timeouts},
    scheduler::{self, Nulls, offload},
};

use crate::run::ADAPTER_LABEL;

use super::{Bind, Entry, VmData, errors::fail, fields::Fields, waiting};

const DEFAULT_BODY_BYTES: u64 = 16 << 20;
const MAX_BODY_BYTES: u64 = 128 << 20;

/// What scripts find in `zi.http`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "request",
        doc: "Sends a request and reads the whole answer: `{status, headers, body, url}`. Options: \
              `url`, `method` (GET, or POST with a body), `headers`, `body` or `json`, `timeout_ms` \
              (120 s), `max_bytes` (16 MiB). Redirects of GET are followed; headers stay with the \
              first host. A bad status is an answer, not an error.",
        meta: "---@async\n---@param spec zi.HttpRequest\n---@return {status: integer, headers: table<string, string>, body: string, url: string}?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, request)),
    },
    Entry {
        name: "stream",
        doc: "Sends a request and answers as soon as the head of the answer is there. Options as for \
              `request`, and `decode`: `sse` (items `{event, data, id}`), `lines`, `json_lines` \
              (values) or `bytes` (default); `json` (with `sse`: decodes `data` into `item.json`); \
              `connect_timeout_ms` (10 s), `first_byte_timeout_ms` (120 s), `idle_timeout_ms` \
              (120 s), `idle_ignore` (names of events that do not count as news). The stream has \
              `status`, `headers`, `each()` for loops, `read()` for the whole rest, and `close()`. \
              `each()` raises `{kind, message}` when the connection breaks: an end is always whole.",
        meta: "---@async\n---@param spec zi.HttpRequest\n---@return zi.HttpStream?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, stream)),
    },
];

fn read_request(lua: &Lua, who: &str, spec: Value) -> Result<(Request, bool, bool)> {
    let fields = Fields::new(lua, who, spec)?;
    let mut headers = fields.opt_string_map("headers")?.unwrap_or_default();
    let json = fields.get("json")?;
    let body = match (fields.opt_bytes("body")?, &json) {
        (Some(_), Value::Table(_)) => return fields.invalid("json", "stands for `body`; give one"),
        (Some(body), _) => Some(body),
        (None, Value::Nil | Value::Boolean(_)) => None,
        (None, value) => {
            let text = scheduler::encode(lua, value, None);
            let text = match text {
                Ok(text) => text,
                Err(err) => return fields.invalid("json", err),
            };
            if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
                headers.push(("content-type".into(), "application/json".into()));
            }
            Some(text.into_bytes())
        }
    };
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        headers.push(("user-agent".into(), concat!("zi/", env!("CARGO_PKG_VERSION")).into()));
    }
    let method = fields
        .opt_string("method")?
        .unwrap_or_else(|| if body.is_some() { "POST".into() } else { "GET".into() });
    let ms = |name: &'static str| -> Result<Option<Duration>> {
        Ok(fields.opt_count(name, 86_400_000)?.map(Duration::from_millis))
    };
    let default = Timeouts::default();
    let timeouts = Timeouts {
        connect: ms("connect_timeout_ms")?.unwrap_or(default.connect),
        first_byte: ms("first_byte_timeout_ms")?.unwrap_or(default.first_byte),
        idle: ms("idle_timeout_ms")?.unwrap_or(default.idle),
        total: ms("timeout_ms")?,
    };
    let choices = ["bytes", "lines", "json_lines", "sse"];
    let decode = fields.opt_choice("decode", &choices)?;
    let as_json = decode == Some("json_lines") || matches!(json, Value::Boolean(true));
    let request = Request {
        method,
        url: fields.string("url")?,
        headers,
        body,
        timeouts,
        decode: match decode {
            Some("sse") => Decode::Sse,
            Some("lines" | "json_lines") => Decode::Lines,
            _ => Decode::Bytes,
        },
        idle_ignores: fields.opt_strings("idle_ignore")?.unwrap_or_default(),
        max_bytes: fields.opt_count("max_bytes", MAX_BODY_BYTES)?,
    };
    Ok((request, as_json, decode == Some("sse")))
}

/// Sends; what an adapter sends to a provider is shown to handlers first.
async fn send(lua: &Lua, request: Request) -> Result<std::result::Result<Response, HttpError>> {
    let host = VmData::of(lua)?.host()?;
    let for_provider =
        scheduler::current().is_some_and(|task| task.label.starts_with(ADAPTER_LABEL));
    offload(async move {
        if !for_provider {
            return host.http.send(request).await;
        }
        let request = host.filter_send(request).await;
        let response = host.http.send(request).await;
        if let Ok(response) = &response {
            host.show_response(response);
        }
        response
    })
    .await
}

async fn request(lua: Lua, spec: Value) -> Result<MultiValue> {
    let (mut request, _, _) = read_request(&lua, "zi.http.request", spec)?;
    request.decode = Decode::Bytes;
    request.max_bytes.get_or_insert(DEFAULT_BODY_BYTES);
    request.timeouts.total.get_or_insert(Duration::from_secs(120));
    let owner = VmData::of(&lua)?.owner().clone();
    let most = request.max_bytes.unwrap_or(DEFAULT_BODY_BYTES);
    let _room = offload(async move { owner.room(most).await }).await?;
    let mut response = match send(&lua, request).await? {
        Ok(response) => response,
        Err(err) => return fail(&lua, err.kind(), err),
    };
    let table = lua.create_table()?;
    table.raw_set("status", response.status)?;
    table.raw_set("headers", header_table(&lua, &response.headers)?)?;
    table.raw_set("url", response.url.as_str())?;
    let body = offload(async move {
        let mut body = Vec::new();
        while let Some(items) = response.next().await {
            for item in items? {
                if let Item::Bytes(bytes) = item {
                    body.extend_from_slice(&bytes);
                }
            }
        }
        Ok::<_, HttpError>(body)
    })
    .await?;
    match body {
        Ok(body) => {
            table.raw_set("body", lua.create_string(body)?)?;
            Ok(MultiValue::from_iter([Value::Table(table)]))
        }
        Err(err) => fail(&lua, err.kind(), err),
    }
}

async fn stream(lua: Lua, spec: Value) -> Result<MultiValue> {
    let (request, as_json, _) = read_request(&lua, "zi.http.stream", spec)?;
    match send(&lua, request).await? {
        Ok(response) => {
            let stream = HttpStream(Rc::new(Shared {
                status: response.status,
                headers: response.headers.clone(),
                as_json,
                ready: RefCell::default(),
                response: RefCell::new(Some(response)),
            }));
            Ok(MultiValue::from_iter([Value::UserData(lua.create_userdata(stream)?)]))
        }
        Err(err) => fail(&lua, err.kind(), err),
    }
}

/// Header names are lower case; several of one name are joined with commas.
fn header_table(lua: &Lua, headers: &[(String, String)]) -> Result<Table> {
    let table = lua.create_table()?;
    for (name, value) in headers {
        match table.raw_get::<Option<String>>(name.as_str())? {
            Some(before) => table.raw_set(name.as_str(), format!("{before}, {value}"))?,
            None => table.raw_set(name.as_str(), value.as_str())?,
        }
    }
    Ok(table)
}

/// An answer whose body is read while it arrives.
#[derive(Clone)]
struct HttpStream(Rc<Shared>);

struct Shared {
    status: u16,
    headers: Vec<(String, String)>,
    as_json: bool,
    /// Items that are here and not read yet.
    ready: RefCell<VecDeque<Item>>,
    /// Taken while somebody waits for more; gone at the end.
    response: RefCell<Option<Response>>,
}

impl UserData for HttpStream {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: String| {
            Ok(match key.as_str() {
                "status" => Value::Integer(this.0.status.into()),
                "headers" => Value::Table(header_table(lua, &this.0.headers)?),
                _ => Value::Nil,
            })
        });
        methods.add_method("each", |lua, this, ()| {
            let stream = this.clone();
            let next = lua.create_async_function(move |lua, ()| next(lua, stream.clone()))?;
            // Lua raises the error, so that who catches it gets the table and not a host error.
            let each: Function = lua
                .load(
                    "local next, error = ... return function() local item, err = next() \
                     if err then error(err, 0) end return item end",
                )
                .set_name("=zi")
                .call((next, lua.globals().get::<Function>("error")?))?;
            Ok(each)
        });
        methods.add_async_method("read", |lua, this, ()| {
            let stream = this.clone();
            read_rest(lua, stream)
        });
        methods.add_method("close", |_, this, ()| {
            this.0.ready.borrow_mut().clear();
            // Dropping the response closes the connection.
            this.0.response.borrow_mut().take();
            Ok(())
        });
    }
}

/// The next item, nil at the end, or nil and an error.
async fn next(lua: Lua, stream: HttpStream) -> Result<MultiValue> {
    loop {
        let item = stream.0.ready.borrow_mut().pop_front();
        if let Some(item) = item {
            match item_value(&lua, item, stream.0.as_json) {
                Ok(Some(value)) => return Ok(MultiValue::from_iter([value])),
                Ok(None) => continue,
                Err(err) => return fail(&lua, "protocol", err),
            }
        }
        match fill(&stream).await? {
            Ok(true) => {}
            Ok(false) => return Ok(MultiValue::new()),
            Err(err) => return fail(&lua, err.kind(), err),
        }
    }
}

/// Waits for more items; `false` at the end of the body.
async fn fill(stream: &HttpStream) -> Result<std::result::Result<bool, HttpError>> {
    let Some(mut response) = stream.0.response.borrow_mut().take() else { return Ok(Ok(false)) };
    let items = match response.ready() {
        Some(items) => {
            // What is always ready would never give the thread back to others.
            tokio::task::yield_now().await;
            Some(items)
        }
        None => {
            let (back, items) = offload(async move {
                let items = response.next().await;
                (response, items)
            })
            .await?;
            response = back;
            items
        }
    };
    Ok(match items {
        None => Ok(false),
        Some(Ok(items)) => {
            stream.0.ready.borrow_mut().extend(items);
            stream.0.response.replace(Some(response));
            Ok(true)
        }
        Some(Err(err)) => Err(err),
    })
}

fn item_value(lua: &Lua, item: Item, as_json: bool) -> Result<Option<Value>> {
    Ok(Some(match item {
        Item::Bytes(bytes) => Value::String(lua.create_string(&bytes)?),
        Item::Line(line) if as_json => {
            if line.iter().all(u8::is_ascii_whitespace) {
                return Ok(None);
            }
            match scheduler::decode(lua, &line, Nulls::Nil) {
                Ok(value) => value,
                Err(err) => return Err(mlua::Error::runtime(format!("a line is not JSON: {err}"))),
            }
        }
        Item::Line(line) => Value::String(lua.create_string(&line)?),
        Item::Event(event) => {
            let table = lua.create_table_with_capacity(0, 4)?;
            if as_json && let Ok(value) = scheduler::decode(lua, event.data.as_bytes(), Nulls::Nil)
            {
                table.raw_set("json", value)?;
            }
            table.raw_set("event", event.event)?;
            table.raw_set("data", event.data)?;
            if event.id.is_some() {
                table.raw_set("id", event.id)?;
            }
            if event.cut {
                table.raw_set("cut", true)?;
            }
            Value::Table(table)
        }
    }))
}

/// The rest of the body as one string; past 16 MiB it is cut.
async fn read_rest(lua: Lua, stream: HttpStream) -> Result<MultiValue> {
    let mut body = Vec::new();
    loop {
        let items: Vec<Item> = stream.0.ready.borrow_mut().drain(..).collect();
        for item in items {
            match item {
                Item::Bytes(bytes) => body.extend_from_slice(&bytes),
                Item::Line(line) => {
                    body.extend_from_slice(&line);
                    body.push(b'\n');
                }
                Item::Event(event) => body.extend_from_slice(event.data.as_bytes()),
            }
        }
        let more = body.len() as u64 <= DEFAULT_BODY_BYTES;
        match fill(&stream).await? {
            Ok(true) if more => {}
            Ok(_) => return Ok(MultiValue::from_iter([Value::String(lua.create_string(body)?)])),
            Err(err) => return fail(&lua, err.kind(), err),
        }
    }
}
