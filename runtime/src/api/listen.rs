//! `zi.http.listen_once`: one request to this machine, as the last step of a login in a browser.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use mlua::{IntoLuaMulti, Lua, MetaMethod, MultiValue, Result, UserData, UserDataMethods, Value};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::JoinSet,
};
use zi_kernel::scheduler::offload;

use super::{Bind, Entry, errors::fail, fields::Fields, waiting};

/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 16 * 1024;
/// Most connections at a time.
const MAX_CONNECTIONS: usize = 64;
/// How long a connection may take to send it.
const HEAD_PATIENCE: Duration = Duration::from_secs(5);

/// What scripts find in `zi.http`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[Entry {
    name: "listen_once",
    doc: "Waits on the loopback address for one request: `path` (`/callback`), `ports` (those to try; \
          any free one without), `state` (requests whose query has another `state` are refused), \
          `timeout_ms` (5 minutes). Answers at once: `port`, `url` (for the `redirect_uri`) and \
          `wait()`, which gives the query of the request as a table. Other requests are refused and \
          change nothing; `close()` ends it.",
    meta: "---@async\n---@param options? {path?: string, ports?: integer[], state?: string, timeout_ms?: number}\n---@return zi.Listener?, zi.Error?",
    bind: Bind::Zi(|lua| waiting(lua, listen_once)),
}];

type Query = BTreeMap<String, String>;

/// What `zi.http.listen_once` answers.
struct Listener {
    port: u16,
    path: String,
    query: std::cell::RefCell<Option<oneshot::Receiver<Option<Query>>>>,
}

async fn listen_once(lua: Lua, options: Value) -> Result<MultiValue> {
    let fields = Fields::or_empty(&lua, "zi.http.listen_once", options)?;
    let path = fields.opt_string("path")?.unwrap_or_else(|| "/callback".to_owned());
    if !path.starts_with('/') {
        return fields.invalid("path", "must start with `/`");
    }
    let ports = match fields.opt_table("ports")? {
        None => vec![0],
        Some(ports) => match ports.sequence_values().collect::<Result<Vec<u16>>>() {
            Ok(ports) if !ports.is_empty() => ports,
            _ => return fields.invalid("ports", "must be an array of port numbers"),
        },
    };
    let state = fields.opt_string("state")?;
    let limit = fields.opt_count("timeout_ms", 86_400_000)?.unwrap_or(300_000);
    drop(fields);
    let tried = ports.clone();
    let bound = offload(async move {
        for port in tried {
            if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)).await {
                return Some(listener);
            }
        }
        None
    });
    let Some(listener) = bound.await? else {
        return fail(&lua, "io", format_args!("none of the ports {ports:?} is free"));
    };
    let port = listener.local_addr().map_err(mlua::Error::external)?.port();
    let wanted = Wanted { path: path.clone(), port, state };
    // It ends with the task that listens, and so does what it waits for.
    let task = zi_kernel::scheduler::current().ok_or_else(|| mlua::Error::runtime("no task"))?;
    let query = task.scope().run(async move {
        tokio::time::timeout(Duration::from_millis(limit), accept(listener, wanted)).await.ok()
    });
    let listener = Listener { port, path, query: std::cell::RefCell::new(Some(query)) };
    lua.create_userdata(listener)?.into_lua_multi(&lua)
}

impl UserData for Listener {
    fn add_methods<M: UserDataMethods<Self>>(methods: &mut M) {
        methods.add_meta_method(MetaMethod::Index, |lua, this, key: String| match key.as_str() {
            "port" => Ok(Value::Integer(this.port.into())),
            "url" => {
                let url = format!("http://127.0.0.1:{}{}", this.port, this.path);
                lua.create_string(url).map(Value::String)
            }
            _ => Ok(Value::Nil),
        });
        methods.add_async_method("wait", |lua, this, ()| {
            let query = this.query.borrow_mut().take();
            async move {
                let Some(query) = query else {
                    return fail(&lua, "closed", "it was waited for, or closed, before");
                };
                match query.await {
                    Ok(Some(query)) => lua.create_table_from(query)?.into_lua_multi(&lua),
                    _ => fail(&lua, "timeout", "nobody came in time"),
                }
            }
        });
        methods.add_method("close", |_, this, ()| {
            this.query.borrow_mut().take();
            Ok(())
        });
    }
}

struct Wanted {
    path: String,
    port: u16,
    state: Option<String>,
}

/// Accepts until the wanted request comes. Connections are heard side by side, so a slow or silly
/// one holds nobody up.
async fn accept(listener: TcpListener, wanted: Wanted) -> Query {
    let wanted = Arc::new(wanted);
    let mut heard = JoinSet::new();
    loop {
        tokio::select! {
            Some(query) = heard.join_next() => {
                if let Ok(Some(query)) = query {
                    return query;
                }
            }
            accepted = listener.accept(), if heard.len() < MAX_CONNECTIONS => {
                if let Ok((stream, _)) = accepted {
                    heard.spawn(hear(stream, wanted.clone()));
                }
            }
        }
    }
}

/// Answers one connection; what it asked, if it is what is waited for.
async fn hear(mut stream: TcpStream, wanted: Arc<Wanted>) -> Option<Query> {
    let head = tokio::time::timeout(HEAD_PATIENCE, read_head(&mut stream)).await;
    let query = head.ok().flatten().and_then(|head| wanted.query(&head));
    let (status, text) = match query {
        Some(_) => ("200 OK", "Done. This window can be closed."),
        None => ("404 Not Found", "Nothing is here."),
    };
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{text}",
        text.len()
    );
    // Who asked may be gone; what was asked counts.
    stream.write_all(answer.as_bytes()).await.ok();
    stream.shutdown().await.ok();
    query
}

async fn read_head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    let mut piece = [0; 2048];
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        let count = stream.read(&mut piece).await.ok()?;
        if count == 0 || head.len() + count > MAX_HEAD_BYTES {
            return None;
        }
        head.extend_from_slice(&piece[..count]);
    }
    String::from_utf8(head).ok()
}

impl Wanted {
    /// The query of a request, if it is the one that is waited for.
    fn query(&self, head: &str) -> Option<Query> {
        let mut lines = head.lines();
        let target = lines.next()?.strip_prefix("GET ")?.split(' ').next()?;
        let host = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("host").then(|| value.trim().to_owned())
        })?;
        // A page that a browser was lured to does not know this name and port.
        let own = ["127.0.0.1", "localhost"].map(|name| format!("{name}:{}", self.port));
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        if !own.contains(&host) || path != self.path {
            return None;
        }
        let query: Query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let fits = self.state.as_ref().is_none_or(|state| query.get("state") == Some(state));
        fits.then_some(query)
    }
}
