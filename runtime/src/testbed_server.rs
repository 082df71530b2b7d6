//! A server of a spec: HTTP/1.1 on the loopback address, with answers that were queued before.
//!
//! Owns: its port and its connections, until it is dropped or closed. One request per connection.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::{Arc, Mutex},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Handle,
    task::{AbortHandle, JoinSet},
};

use crate::host::lock;

/// Largest head of a request.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// Largest body of a request.
const MAX_BODY_BYTES: usize = 16 << 20;

/// An answer that waits for its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    /// By their names in lower case; of several with one name the values are joined.
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

#[derive(Debug, Default)]
struct Script {
    replies: VecDeque<Reply>,
    requests: Vec<Request>,
}

/// See the module.
#[derive(Debug)]
pub struct TestServer {
    port: u16,
    script: Arc<Mutex<Script>>,
    task: AbortHandle,
}

impl TestServer {
    /// Listens on a port of its own; connections run on `io`.
    pub fn start(io: &Handle) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let _within = io.enter();
        let listener = TcpListener::from_std(listener)?;
        let script = Arc::<Mutex<Script>>::default();
        let task = io.spawn(accept(listener, script.clone())).abort_handle();
        Ok(Self { port, script, task })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Queues an answer: each one is given once, in order.
    pub fn reply(&self, reply: Reply) {
        lock(&self.script).replies.push_back(reply);
    }

    /// What was asked so far, oldest first.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.script).requests.clone()
    }

    /// Ends it, and every connection.
    pub fn close(&self) {
        self.task.abort();
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.close();
    }
}

async fn accept(listener: TcpListener, script: Arc<Mutex<Script>>) {
    // They end with this task.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(answer(stream, script.clone()));
                }
            }
        }
    }
}

async fn answer(mut stream: TcpStream, script: Arc<Mutex<Script>>) {
    let reply = match read_request(&mut stream).await {
        Ok(request) => {
            let mut script = lock(&script);
            let missing = format!("no reply is queued for {} {}", request.method, request.path);
            script.requests.push(request);
            script.replies.pop_front().unwrap_or_else(|| problem(500, &missing))
        }
        Err(Unread::Gone) => return,
        Err(Unread::Bad(status, why)) => problem(status, why),
    };
    let mut head = format!("HTTP/1.1 {} \r\nconnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", reply.body.len()));
    // Who asked may be gone; what was asked counts.
    stream.write_all(head.as_bytes()).await.ok();
    stream.write_all(&reply.body).await.ok();
    stream.shutdown().await.ok();
}

fn problem(status: u16, text: &str) -> Reply {
    let body = json!({ "error": { "message": format!("zi.test.server: {text}") } });
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Reply { status, headers, body: body.to_string().into_bytes() }
}

// Reading -----------------------------------------------------------------------------------------

enum Unread {
    Gone,
    Bad(u16, &'static str),
}

async fn read_request(stream: &mut TcpStream) -> Result<Request, Unread> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(Unread::Bad(431, "the head of the request is too large"));
        }
        more(stream, &mut bytes).await?;
    };
    let mut body = bytes.split_off(end + 4);
    let mut request = head(&bytes[..end]).ok_or(Unread::Bad(400, "that is no HTTP request"))?;
    if request.headers.contains_key("transfer-encoding") {
        return Err(Unread::Bad(411, "it takes bodies whose length is told"));
    }
    let length = request.headers.get("content-length").map_or(Ok(0), |text| text.parse::<usize>());
    let length = length.map_err(|_| Unread::Bad(400, "`content-length` is no number"))?;
    if length > MAX_BODY_BYTES {
        return Err(Unread::Bad(413, "the body of the request is too large"));
    }
    while body.len() < length {
        more(stream, &mut body).await?;
    }
    body.truncate(length);
    request.body = body;
    Ok(request)
}

async fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<(), Unread> {
    match stream.read_buf(bytes).await {
        Ok(0) | Err(_) => Err(Unread::Gone),
        Ok(_) => Ok(()),
    }
}

fn head(bytes: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    if !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let mut headers = BTreeMap::<String, String>::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        let joined = headers.get(&name).map(|old| format!("{old}, {value}"));
        headers.insert(name, joined.unwrap_or_else(|| value.to_owned()));
    }
    Some(Request { method: method.to_owned(), path: path.to_owned(), headers, body: Vec::new() })
}

// Writing -----------------------------------------------------------------------------------------

/// A stream of server-sent events: texts as they are, everything else as JSON. A table with a `type`
/// gives its event that name.
pub fn sse(events: &[Value]) -> Vec<u8> {
    let mut text = String::new();
    for event in events {
        if let Some(name) = event.get("type").and_then(Value::as_str) {
            text.push_str(&format!("event: {}\n", name.replace(['\r', '\n'], " ")));
        }
        let data = event.as_str().map_or_else(|| event.to_string(), str::to_owned);
        for line in data.split('\n') {
            text.push_str(&format!("data: {line}\n"));
        }
        text.push('\n');
    }
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(server: &TestServer, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).await.expect("it listens");
        stream.write_all(request).await.expect("it is sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("it answers");
        answer
    }

    #[tokio::test]
    async fn what_is_no_request_is_refused_and_takes_no_reply() {
        let server = TestServer::start(&Handle::current()).expect("a port is free");
        server.reply(Reply { status: 200, headers: Vec::new(), body: b"yes".to_vec() });
        for (request, status) in [
            ("nonsense\r\n\r\n", "400"),
            ("GET / HTTP/1.1\r\nno colon\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n", "400"),
            ("POST / HTTP/1.1\r\ncontent-length: 16777217\r\n\r\n", "413"),
            ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "411"),
        ] {
            let answer = ask(&server, request.as_bytes()).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}: {answer}");
        }
        assert_eq!(server.requests(), []);
        let answer =
            ask(&server, b"PUT /a?b HTTP/1.1\r\nX: 1\r\nx: 2\r\ncontent-length: 2\r\n\r\nhi");
        assert!(answer.await.ends_with("\r\n\r\nyes"));
        let asked = server.requests().remove(0);
        assert_eq!((asked.method.as_str(), asked.path.as_str()), ("PUT", "/a?b"));
        assert_eq!((asked.headers["x"].as_str(), asked.body.as_slice()), ("1, 2", &b"hi"[..]));
    }

    #[test]
    fn events_are_written_line_by_line() {
        let events = [json!("[DONE]"), json!({ "type": "ping\n", "n": 1 }), json!("a\nb")];
        let text = "data: [DONE]\n\nevent: ping \ndata: {\"n\":1,\"type\":\"ping\\n\"}\n\ndata: a\ndata: b\n\n";
        assert_eq!(String::from_utf8(sse(&events)).expect("it is text"), text);
    }
}
