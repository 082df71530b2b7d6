//! `zi.test.server`: a server that says what a spec has it say.

use std::sync::Arc;

use mlua::{AnyUserData, Lua, MetaMethod, Result, UserData, UserDataMethods, Value};
use serde_json::Value as Data;
use zi_kernel::scheduler;

use super::{
    Bind, Entry, VmData,
    fields::{Fields, misuse},
    plain, testing,
};
use crate::testbed_server::{Reply, TestServer, sse};

/// What specs find in `zi.test` besides, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "server",
    doc: "Starts an HTTP server on the loopback address, at a port of its own (`server.url`). \
          `server:reply{status?, headers?, body? | json? | sse?}` queues an answer; each is given once, \
          in order, and a request for which there is none gets status 500. `sse` is an array: texts go \
          out as they are, tables as JSON in an event that has the name of their `type`. \
          `server.requests` are what it was asked: `{method, path, headers, body}`, with the names of \
          headers in lower case. It ends with the test.",
    meta: "---@return zi.spec.Server",
    bind: Bind::Zi(|lua| plain(lua, server)),
}];

/// What `zi.test.server` answers.
struct Server(Arc<TestServer>);

fn server(lua: &Lua, _: ()) -> Result<Server> {
    let host = VmData::of(lua)?.host()?;
    let started = TestServer::start(&host.io);
    let server = started
        .map_err(|err| misuse("zi.test.server", format_args!("no port is to be had: {err}")))?;
    let server = Arc::new(server);
    testing::bed(lua)?.keep_server(server.clone());
    Ok(Server(server))
}

impl UserData for Server {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_function("reply", |lua, (this, spec): (AnyUserData, Value)| {
            let reply = read_reply(lua, spec)?;
            this.borrow::<Self>()?.0.reply(reply);
            Ok(this)
        });
        methods.add_method("close", |_, this, ()| {
            this.0.close();
            Ok(())
        });
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: String| match key.as_str() {
            "url" => lua.create_string(this.0.url()).map(Value::String),
            "requests" => this.requests(lua),
            _ => Ok(Value::Nil),
        });
    }
}

impl Server {
    fn requests(&self, lua: &Lua) -> Result<Value> {
        let list = lua.create_table()?;
        for request in self.0.requests() {
            let one = lua.create_table()?;
            one.set("method", request.method)?;
            one.set("path", request.path)?;
            one.set("headers", request.headers)?;
            one.set("body", lua.create_string(&request.body)?)?;
            list.push(one)?;
        }
        Ok(Value::Table(list))
    }
}

fn read_reply(lua: &Lua, spec: Value) -> Result<Reply> {
    let fields = Fields::or_empty(lua, "server:reply", spec)?;
    let status = match fields.opt_count("status", 599)?.unwrap_or(200) {
        status @ 200..=599 => u16::try_from(status).unwrap_or(200),
        _ => return fields.invalid("status", "must be from 200 to 599"),
    };
    let mut headers = fields.opt_string_map("headers")?.unwrap_or_default();
    let breaks = |text: &str| text.contains(|c: char| c.is_control());
    if headers.iter().any(|(name, value)| breaks(name) || breaks(value) || name.contains(':')) {
        return fields.invalid("headers", "must be names and values of one line each");
    }
    let (body, json) = (fields.opt_bytes("body")?, fields.get("json")?);
    let events = fields.opt_data("sse")?;
    fields.doubt_others()?;
    let (kind, body) = match (body, json, events) {
        (None, Value::Nil, None) => (None, Vec::new()),
        (Some(body), Value::Nil, None) => (None, body),
        (None, json, None) => {
            let data: Data = scheduler::from_lua(lua, &json)
                .map_err(|err| misuse("server:reply", format_args!("`json`: {err}")))?;
            (Some("application/json"), data.to_string().into_bytes())
        }
        (None, Value::Nil, Some(Data::Array(events))) => (Some("text/event-stream"), sse(&events)),
        (None, Value::Nil, Some(_)) => return fields.invalid("sse", "must be an array of events"),
        _ => {
            return fields
                .invalid("body", "stands alone: one of `body`, `json` and `sse` is given");
        }
    };
    let is_kind = |(name, _): &(String, String)| name.eq_ignore_ascii_case("content-type");
    if let Some(kind) = kind.filter(|_| !headers.iter().any(is_kind)) {
        headers.push(("content-type".to_owned(), kind.to_owned()));
    }
    Ok(Reply { status, headers, body })
}
