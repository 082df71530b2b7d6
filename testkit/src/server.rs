//! A scripted HTTP/1.1 server on the loopback device.
//!
//! Every connection has two threads: one reads requests and notices when the client leaves, one writes
//! the answers. They share one state with the tests, and whoever waits, waits for it to change.

use std::{
    collections::{HashMap, VecDeque},
    fmt, io,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        mpsc::{self, Receiver, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    PATIENCE,
    reply::{End, Framing, Gate, Reply, Step},
};

/// A request that came.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// With its query.
    pub path: String,
    /// Names are lower case.
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
    /// The number of its connection, from 0: requests that share one were kept alive.
    pub connection: usize,
    /// Whether the client left before the answer was whole.
    pub hung_up: bool,
}

impl Request {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body of the request is JSON")
    }

    /// A header, or the empty text.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct GateState {
    pub(crate) is_open: bool,
    pub(crate) reached: bool,
}

/// What the threads and the test share.
#[derive(Debug, Default)]
pub(crate) struct State {
    replies: VecDeque<Reply>,
    fallback: Option<Reply>,
    requests: Vec<Request>,
    pub(crate) gates: Vec<GateState>,
    connections: Vec<Connection>,
    stopping: bool,
}

#[derive(Debug)]
struct Connection {
    /// A handle to close it with.
    stream: Option<TcpStream>,
    /// Whether the client closed it.
    is_gone: bool,
}

#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    changed: Condvar,
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hub")
    }
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until `ready` finds what it looks for.
    fn wait<T>(&self, ready: impl Fn(&State) -> Option<T>) -> T {
        let mut state = self.lock();
        loop {
            if let Some(found) = ready(&state) {
                return found;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The same for tests, which fail when it does not happen.
    pub(crate) fn wait_for<T>(&self, what: &str, ready: impl Fn(&State) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        let found = {
            let mut state = self.lock();
            loop {
                let found = ready(&state);
                let left = end.saturating_duration_since(Instant::now());
                if found.is_some() || left.is_zero() {
                    break found;
                }
                let waited = self.changed.wait_timeout(state, left);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        };
        found.unwrap_or_else(|| panic!("waited in vain until {what}"))
    }
}

/// A server that says what the test scripted. It and its threads end with this value.
#[derive(Debug)]
pub struct Server {
    url: String,
    hub: Arc<Hub>,
    accepting: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts on a free port of 127.0.0.1.
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let hub = Arc::new(Hub::default());
        let shared = hub.clone();
        let accepting = thread::spawn(move || accept(&listener, &shared));
        Self { url: format!("http://{address}"), hub, accepting: Some(accepting) }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Queues the answer to the next request that has none yet.
    pub fn reply(&self, reply: Reply) {
        self.hub.change(|state| state.replies.push_back(reply));
    }

    /// Sets the answer to every request that finds the queue empty; a status 500 without it.
    pub fn otherwise(&self, reply: Reply) {
        self.hub.change(|state| state.fallback = Some(reply));
    }

    /// Makes a closed gate, to put into answers.
    pub fn gate(&self) -> Gate {
        let number = self.hub.change(|state| {
            state.gates.push(GateState::default());
            state.gates.len() - 1
        });
        Gate { hub: self.hub.clone(), number }
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.hub.lock().requests.clone()
    }

    /// Waits until there were `count` requests, and answers them all.
    pub fn wait_for_requests(&self, count: usize) -> Vec<Request> {
        self.hub.wait_for(&format!("there are {count} requests"), |state| {
            (state.requests.len() >= count).then(|| state.requests.clone())
        })
    }

    /// Waits until the client left in the middle of the answer to request `index`.
    pub fn wait_for_hang_up(&self, index: usize) {
        self.hub.wait_for(&format!("the client leaves request {index}"), |state| {
            state.requests.get(index).filter(|request| request.hung_up).map(drop)
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.hub.change(|state| {
            state.stopping = true;
            // They hold gates, and gates hold the state.
            state.replies.clear();
            state.fallback = None;
            for stream in state.connections.iter().filter_map(|known| known.stream.as_ref()) {
                stream.shutdown(Shutdown::Both).ok();
            }
        });
        // Wakes the listener; when it cannot be reached any more it has ended.
        TcpStream::connect(self.url.trim_start_matches("http://")).ok();
        if let Some(accepting) = self.accepting.take() {
            accepting.join().ok();
        }
    }
}

fn accept(listener: &TcpListener, hub: &Arc<Hub>) {
    let mut threads = Vec::new();
    for stream in listener.incoming().flatten() {
        let Ok(kept) = stream.try_clone() else { continue };
        let number = hub.change(|state| {
            state.connections.push(Connection { stream: Some(kept), is_gone: false });
            (!state.stopping).then_some(state.connections.len() - 1)
        });
        let Some(number) = number else { break };
        stream.set_nodelay(true).ok();
        let (Ok(reading), hub) = (stream.try_clone(), hub.clone()) else { continue };
        let (sender, requests) = mpsc::channel();
        let reader = hub.clone();
        threads.push(thread::spawn(move || {
            read_requests(reading, number, &sender);
            reader.change(|state| state.connections[number].is_gone = true);
        }));
        threads.push(thread::spawn(move || answer(&stream, number, &requests, &hub)));
    }
    for thread in threads {
        thread.join().ok();
    }
}

/// Reads until the client closes or says what is no HTTP.
fn read_requests(stream: TcpStream, connection: usize, requests: &Sender<Request>) {
    let mut stream = BufReader::new(stream);
    while let Ok(Some(request)) = read_request(&mut stream, connection) {
        if requests.send(request).is_err() {
            return;
        }
    }
}

fn read_request(
    stream: &mut BufReader<TcpStream>,
    connection: usize,
) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if stream.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let mut word = || words.next().unwrap_or_default().to_owned();
    let mut request = Request { method: word(), path: word(), connection, ..Request::default() };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        request.headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    request.body = vec![0; length];
    stream.read_exact(&mut request.body)?;
    Ok(Some(request))
}

fn answer(stream: &TcpStream, connection: usize, requests: &Receiver<Request>, hub: &Arc<Hub>) {
    let mut how = Shutdown::Both;
    while let Ok(request) = requests.recv() {
        let (index, reply) = hub.change(|state| {
            state.requests.push(request);
            let reply = state.replies.pop_front().or_else(|| state.fallback.clone());
            (state.requests.len() - 1, reply)
        });
        let reply = reply.unwrap_or_else(|| Reply::new(500).then("no answer is scripted"));
        if send(stream, connection, &reply, hub).is_err() {
            hub.change(|state| state.requests[index].hung_up = true);
            break;
        }
        if reply.end == End::Reset {
            // The last handle that closes now resets; an orderly end must not come before it.
            socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).ok();
            how = Shutdown::Read;
        }
        if !reply.keeps_alive() {
            break;
        }
    }
    // Wakes the reader, so that its handle closes too.
    stream.shutdown(how).ok();
    hub.change(|state| state.connections[connection].stream = None);
}

/// Sends one answer; an error when the client left, or the server is to stop, before its end.
fn send(stream: &TcpStream, connection: usize, reply: &Reply, hub: &Hub) -> io::Result<()> {
    let mut out = stream;
    out.write_all(reply.head().as_bytes())?;
    for step in &reply.steps {
        match step {
            Step::Wait(gate) => pass(gate, connection, hub)?,
            Step::Write(bytes) if bytes.is_empty() => {}
            Step::Write(bytes) if reply.framing == Framing::Chunked => {
                let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
                chunk.extend_from_slice(bytes);
                chunk.extend_from_slice(b"\r\n");
                out.write_all(&chunk)?;
            }
            Step::Write(bytes) => out.write_all(bytes)?,
        }
    }
    if reply.framing == Framing::Chunked && reply.end == End::Whole {
        out.write_all(b"0\r\n\r\n")?;
    }
    Ok(())
}

fn pass(gate: &Gate, connection: usize, hub: &Hub) -> io::Result<()> {
    hub.change(|state| state.gates[gate.number].reached = true);
    let is_here = hub.wait(|state| {
        let is_gone = state.stopping || state.connections[connection].is_gone;
        if is_gone { Some(false) } else { state.gates[gate.number].is_open.then_some(true) }
    });
    if is_here { Ok(()) } else { Err(io::ErrorKind::ConnectionAborted.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connect(server: &Server) -> BufReader<TcpStream> {
        let address = server.url().trim_start_matches("http://");
        BufReader::new(TcpStream::connect(address).expect("the server listens"))
    }

    fn post(stream: &mut BufReader<TcpStream>, path: &str, body: &str) {
        let head = format!("POST {path} HTTP/1.1\r\nX-Test: a\r\ncontent-length: {}", body.len());
        let request = format!("{head}\r\n\r\n{body}");
        stream.get_mut().write_all(request.as_bytes()).expect("the server reads");
    }

    fn head(stream: &mut BufReader<TcpStream>) -> String {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            let read = stream.read_line(&mut head).expect("the server answers");
            assert!(read > 0, "the head ends: {head}");
        }
        head
    }

    fn rest(stream: &mut BufReader<TcpStream>) -> io::Result<String> {
        let mut body = String::new();
        stream.read_to_string(&mut body).map(|_| body)
    }

    #[test]
    fn answers_come_in_their_order_and_share_a_connection() {
        let server = Server::start();
        server.reply(Reply::sse("data: 1\n\n").split(&[3]));
        server.reply(Reply::new(404).then("none").until_close());
        let mut stream = connect(&server);
        post(&mut stream, "/a?b", r#"{"x":1}"#);
        assert!(head(&mut stream).contains("transfer-encoding: chunked"));
        let mut chunks = [0; 22];
        stream.read_exact(&mut chunks).expect("the chunks come");
        assert_eq!(&chunks, b"3\r\ndat\r\n6\r\na: 1\n\n\r\n0\r\n");
        stream.read_exact(&mut [0; 2]).expect("the end of the body comes");
        post(&mut stream, "/c", "");
        assert!(head(&mut stream).starts_with("HTTP/1.1 404 "));
        assert_eq!(rest(&mut stream).expect("it closes in good order"), "none");
        let requests = server.requests();
        assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", "/a?b"));
        assert_eq!(
            (requests[0].json()["x"].as_u64(), requests[0].header("x-test")),
            (Some(1), "a")
        );
        assert_eq!(requests[1].connection, requests[0].connection);
    }

    #[test]
    fn a_gate_holds_an_answer_until_the_test_opens_it() {
        let server = Server::start();
        let gate = server.gate();
        server.reply(Reply::new(200).then("one").wait(&gate).then("two").until_close());
        let mut stream = connect(&server);
        post(&mut stream, "/", "");
        gate.wait_reached();
        gate.open();
        head(&mut stream);
        assert_eq!(rest(&mut stream).expect("it closes in good order"), "onetwo");
    }

    #[test]
    fn a_client_that_leaves_at_a_gate_is_noticed() {
        let server = Server::start();
        let gate = server.gate();
        server.reply(Reply::sse("data: 1\n\n").wait(&gate));
        let mut stream = connect(&server);
        post(&mut stream, "/", "");
        gate.wait_reached();
        drop(stream);
        server.wait_for_hang_up(0);
    }

    #[test]
    fn bodies_can_be_cut_short_and_connections_reset() {
        let server = Server::start();
        server.reply(Reply::new(200).then("whole").short_by(3));
        server.reply(Reply::sse("data: 1\n\n").cut_at(4));
        server.reply(Reply::sse("data: 1\n\n").reset());
        let mut stream = connect(&server);
        post(&mut stream, "/", "");
        assert!(head(&mut stream).contains("content-length: 8"));
        assert_eq!(rest(&mut stream).expect("it closes"), "whole");
        let mut stream = connect(&server);
        post(&mut stream, "/", "");
        head(&mut stream);
        assert_eq!(rest(&mut stream).expect("it closes"), "4\r\ndata\r\n");
        let mut stream = connect(&server);
        post(&mut stream, "/", "");
        // The reset may overtake what was sent before it.
        let error = loop {
            match stream.read(&mut [0; 64]) {
                Ok(0) => panic!("the connection ended in good order"),
                Ok(_) => {}
                Err(err) => break err,
            }
        };
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn a_server_ends_while_a_client_waits_at_a_gate() {
        let server = Server::start();
        let gate = server.gate();
        server.reply(Reply::sse("data: 1\n\n").wait(&gate));
        let mut stream = connect(&server);
        post(&mut stream, "/", "");
        gate.wait_reached();
        drop(server);
        assert!(rest(&mut stream).is_ok_and(|body| !body.ends_with("0\r\n\r\n")));
    }
}
