//! The client: one pool of connections, and one task per answer that reads and frames it.

use std::{
    error::Error as _,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::Bytes;
use futures_util::StreamExt;
use reqwest::{
    Method, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue, LOCATION},
    redirect,
};
use tokio::{sync::mpsc, task::AbortHandle, time};

use super::framing::{Decode, Framer, Item};

/// Batches of items that may wait for their reader; past that the socket is not read.
const QUEUED_BATCHES: usize = 32;
/// Redirects that are followed.
const MAX_REDIRECTS: usize = 5;

/// How long each phase may take.
#[derive(Clone, Debug)]
pub struct Timeouts {
    /// Until the connection stands.
    pub connect: Duration,
    /// From the request to the first bytes of the answer.
    pub first_byte: Duration,
    /// Between two items; events named in [`Request::idle_ignores`] do not count.
    pub idle: Duration,
    /// For the whole exchange; unlimited when absent.
    pub total: Option<Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle: Duration::from_secs(120),
            total: None,
        }
    }
}

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    pub url: String,
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    pub timeouts: Timeouts,
    /// How the body of a successful answer is framed; that of any other comes as bytes.
    pub decode: Decode,
    /// Names of events that keep a connection open without saying anything.
    pub idle_ignores: Vec<String>,
    /// Most bytes of body; unlimited when absent.
    pub max_bytes: Option<u64>,
}

/// Why there is no answer, or why it ended early.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    #[error("`{url}` is not a usable address: {message}")]
    Url { url: String, message: String },
    #[error("header `{name}` has characters that HTTP does not allow")]
    Header { name: String },
    #[error("`{0}` is not an HTTP method")]
    Method(String),
    #[error("cannot connect to `{host}`: {message}")]
    Connect { host: String, message: String },
    #[error("`{host}` did not {phase} within {} s", limit.as_secs_f32())]
    Timeout { host: String, phase: &'static str, limit: Duration },
    #[error("the connection to `{host}` broke: {message}")]
    Broken { host: String, message: String },
    #[error("the answer of `{host}` is too large: {message}")]
    TooLarge { host: String, message: String },
    #[error("`{host}` redirects to another scheme or too often: `{to}`")]
    Redirect { host: String, to: String },
}

impl HttpError {
    /// A word for programs: `url`, `connect`, `timeout`, `broken`, `too_large` or `redirect`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Url { .. } | Self::Header { .. } | Self::Method(_) => "url",
            Self::Connect { .. } => "connect",
            Self::Timeout { .. } => "timeout",
            Self::Broken { .. } => "broken",
            Self::TooLarge { .. } => "too_large",
            Self::Redirect { .. } => "redirect",
        }
    }
}

/// An answer: its head, and its items as they come.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Where the answer came from, after redirects.
    pub url: String,
    items: mpsc::Receiver<Result<Vec<Item>, HttpError>>,
    reader: AbortHandle,
}

impl Response {
    /// Waits for the next items. `None` is the end of a complete body.
    pub async fn next(&mut self) -> Option<Result<Vec<Item>, HttpError>> {
        self.items.recv().await
    }

    /// Items that are here already.
    pub fn ready(&mut self) -> Option<Result<Vec<Item>, HttpError>> {
        self.items.try_recv().ok()
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Makes requests. Clones share their connections.
#[derive(Clone, Debug, Default)]
pub struct Client(Arc<Pools>);

/// Reading the machine's certificates takes tens of milliseconds, so plain HTTP does without.
#[derive(Debug, Default)]
struct Pools {
    plain: OnceLock<Result<reqwest::Client, String>>,
    secure: OnceLock<Result<reqwest::Client, String>>,
}

impl Client {
    /// Sends `request` and waits for the head of its answer. Runs on the current I/O runtime.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let url = parse_url(&request.url)?;
        let headers = parse_headers(&request.headers)?;
        let method = Method::from_bytes(request.method.as_bytes())
            .map_err(|_| HttpError::Method(request.method.clone()))?;
        let deadline = request.timeouts.total.map(|total| time::Instant::now() + total);
        let first = request.timeouts.first_byte;
        let limit = request.timeouts.total.map_or(first, |total| total.min(first));
        let host = host_of(&url);
        let timeout = HttpError::Timeout { host, phase: "answer", limit };
        let sent = self.follow(url, method, headers, request.body.clone(), &request.timeouts);
        let answer = time::timeout(limit, sent).await.map_err(|_| timeout)??;
        Ok(read_answer(answer, request, deadline))
    }

    /// Sends, and follows redirects of GET and HEAD. The caller's headers stay with the first host.
    async fn follow(
        &self,
        mut url: Url,
        method: Method,
        mut headers: HeaderMap,
        body: Option<Vec<u8>>,
        timeouts: &Timeouts,
    ) -> Result<reqwest::Response, HttpError> {
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self
                .pool(&url, timeouts.connect)?
                .request(method.clone(), url.clone())
                .headers(headers.clone());
            if let Some(body) = &body {
                request = request.body(body.clone());
            }
            let answer =
                request.send().await.map_err(|err| describe(&err, &host_of(&url), timeouts))?;
            let moved =
                is_redirect(answer.status()) && matches!(method, Method::GET | Method::HEAD);
            let target = answer.headers().get(LOCATION).and_then(|to| to.to_str().ok());
            let (true, Some(target)) = (moved, target) else { return Ok(answer) };
            let next = url
                .join(target)
                .map_err(|_| HttpError::Redirect { host: host_of(&url), to: target.to_owned() })?;
            if next.scheme() != url.scheme() && next.scheme() != "https" {
                return Err(HttpError::Redirect { host: host_of(&url), to: next.to_string() });
            }
            if next.origin() != url.origin() {
                headers.clear();
            }
            url = next;
        }
        Err(HttpError::Redirect { host: host_of(&url), to: url.to_string() })
    }

    fn pool(&self, url: &Url, connect: Duration) -> Result<&reqwest::Client, HttpError> {
        let secure = url.scheme() == "https";
        let slot = if secure { &self.0.secure } else { &self.0.plain };
        slot.get_or_init(|| build(secure, connect))
            .as_ref()
            .map_err(|message| HttpError::Connect { host: host_of(url), message: message.clone() })
    }
}

fn build(secure: bool, connect: Duration) -> Result<reqwest::Client, String> {
    // A second installation only reports that one is there already.
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut builder = reqwest::Client::builder()
        .redirect(redirect::Policy::none())
        .connect_timeout(connect)
        .pool_idle_timeout(Duration::from_secs(90))
        .tcp_nodelay(true);
    if !secure {
        builder = builder.tls_certs_only([]);
    }
    builder.build().map_err(|err| chain(&err))
}

fn parse_url(text: &str) -> Result<Url, HttpError> {
    let fail = |message: &str| HttpError::Url { url: text.to_owned(), message: message.to_owned() };
    let url = Url::parse(text).map_err(|err| fail(&err.to_string()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        _ => Err(fail("it must start with http:// or https://")),
    }
}

fn parse_headers(pairs: &[(String, String)]) -> Result<HeaderMap, HttpError> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        let fail = || HttpError::Header { name: name.clone() };
        let key = HeaderName::from_bytes(name.as_bytes()).map_err(|_| fail())?;
        headers.append(key, HeaderValue::from_str(value).map_err(|_| fail())?);
    }
    Ok(headers)
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("?");
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// The whole story of an error, outermost first, without repeating itself.
fn chain(err: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut source = err.source();
    while let Some(cause) = source {
        let part = cause.to_string();
        if !text.contains(&part) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&part);
        }
        source = cause.source();
    }
    if text.is_empty() { err.to_string() } else { text }
}

fn describe(err: &reqwest::Error, host: &str, timeouts: &Timeouts) -> HttpError {
    let host = host.to_owned();
    if err.is_timeout() {
        HttpError::Timeout { host, phase: "connect", limit: timeouts.connect }
    } else if err.is_connect() {
        HttpError::Connect { host, message: chain(err) }
    } else {
        HttpError::Broken { host, message: chain(err) }
    }
}

/// Starts the task that reads `answer`; it ends with the body, an error, or its reader.
fn read_answer(
    answer: reqwest::Response,
    mut request: Request,
    deadline: Option<time::Instant>,
) -> Response {
    let status = answer.status().as_u16();
    let url = answer.url().to_string();
    if !answer.status().is_success() {
        request.decode = Decode::Bytes;
    }
    let headers = answer
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
        })
        .collect();
    let (sender, items) = mpsc::channel(QUEUED_BATCHES);
    let task = tokio::spawn(async move {
        let host = host_of(answer.url());
        let body = answer.bytes_stream();
        if let Err(err) = read_body(body, &request, deadline, &host, &sender).await {
            // A reader that left does not want the error either.
            sender.send(Err(err)).await.ok();
        }
    });
    Response { status, headers, url, items, reader: task.abort_handle() }
}

async fn read_body(
    body: impl futures_util::Stream<Item = reqwest::Result<Bytes>>,
    request: &Request,
    deadline: Option<time::Instant>,
    host: &str,
    sender: &mpsc::Sender<Result<Vec<Item>, HttpError>>,
) -> Result<(), HttpError> {
    let mut body = std::pin::pin!(body);
    let mut framer = Framer::new(request.decode);
    let mut received = 0_u64;
    let mut quiet_since = time::Instant::now();
    let idle = request.timeouts.idle;
    loop {
        let idle_end = quiet_since + idle;
        let (end, limit) = match (deadline, request.timeouts.total) {
            (Some(total_end), Some(total)) if total_end < idle_end => (total_end, total),
            _ => (idle_end, idle),
        };
        let chunk = time::timeout_at(end, body.next()).await.map_err(|_| HttpError::Timeout {
            host: host.to_owned(),
            phase: "send anything",
            limit,
        })?;
        let mut items = Vec::new();
        match chunk {
            None => {
                framer.finish(&mut items);
                if !items.is_empty() {
                    sender.send(Ok(items)).await.ok();
                }
                return Ok(());
            }
            Some(Err(err)) => {
                return Err(HttpError::Broken { host: host.to_owned(), message: chain(&err) });
            }
            Some(Ok(chunk)) => {
                received += chunk.len() as u64;
                if let Some(max) = request.max_bytes
                    && received > max
                {
                    let message = format!("more than {max} bytes");
                    return Err(HttpError::TooLarge { host: host.to_owned(), message });
                }
                let framed = framer.push(chunk, &mut items);
                let news = items.iter().any(|item| match item {
                    Item::Event(event) => !request.idle_ignores.contains(&event.event),
                    Item::Bytes(_) | Item::Line(_) => true,
                });
                if !items.is_empty() && sender.send(Ok(items)).await.is_err() {
                    return Ok(());
                }
                framed.map_err(|err| HttpError::TooLarge {
                    host: host.to_owned(),
                    message: err.to_string(),
                })?;
                if news {
                    // Counted from here: a reader that was slow to take the items is not the server.
                    quiet_since = time::Instant::now();
                }
            }
        }
    }
}
