//! HTTP against a scripted server: what arrives, what breaks, and what is closed.

use std::time::Duration;

use zi_kernel::http::{Client, Decode, HttpError, Item, Request, Response, Timeouts};
use zi_testkit::{Reply, Server};

fn get(url: &str) -> Request {
    Request {
        method: "GET".into(),
        url: url.into(),
        headers: Vec::new(),
        body: None,
        timeouts: Timeouts::default(),
        decode: Decode::Bytes,
        idle_ignores: Vec::new(),
        max_bytes: None,
    }
}

async fn body(mut response: Response) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    while let Some(items) = response.next().await {
        for item in items? {
            match item {
                Item::Bytes(bytes) => body.extend_from_slice(&bytes),
                Item::Line(line) => body.extend_from_slice(&line),
                Item::Event(event) => body.extend_from_slice(event.data.as_bytes()),
            }
        }
    }
    Ok(body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn items_come_while_the_body_is_still_being_sent() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(Reply::sse("data: one\n\n").wait(&gate).then("data: two\n\n"));
    let request = Request { decode: Decode::Sse, ..get(server.url()) };
    let mut response = Client::default().send(request).await.expect("it answers");
    let first = response.next().await.expect("an item").expect("it is whole");
    assert!(matches!(&first[0], Item::Event(event) if event.data == "one"));
    gate.open();
    let second = response.next().await.expect("an item").expect("it is whole");
    assert!(matches!(&second[0], Item::Event(event) if event.data == "two"));
    assert!(response.next().await.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_cut_off_is_an_error_and_not_an_end() {
    for reply in [
        Reply::sse("data: one\n\n").short_by(10),
        Reply::sse("data: one\n\ndata: two\n\n").cut_at(14),
        Reply::sse("data: one\n\n").reset(),
    ] {
        let server = Server::start();
        server.reply(reply);
        let request = Request { decode: Decode::Sse, ..get(server.url()) };
        let outcome = match Client::default().send(request).await {
            Ok(response) => body(response).await,
            Err(err) => Err(err),
        };
        assert!(matches!(outcome, Err(HttpError::Broken { .. })), "{outcome:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_answer_closes_the_connection() {
    let server = Server::start();
    let gate = server.gate();
    server.reply(Reply::sse("data: one\n\n").wait(&gate).then("data: two\n\n"));
    let request = Request { decode: Decode::Sse, ..get(server.url()) };
    let mut response = Client::default().send(request).await.expect("it answers");
    response.next().await.expect("an item").expect("it is whole");
    drop(response);
    tokio::task::spawn_blocking(move || server.wait_for_hang_up(0)).await.expect("it hangs up");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_told_by_its_phase_and_pings_are_silence() {
    let short = Timeouts {
        first_byte: Duration::from_millis(100),
        idle: Duration::from_millis(100),
        ..Timeouts::default()
    };
    // Accepts, and says nothing.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let silent = Request { timeouts: short.clone(), ..get(&url) };
    let err = Client::default().send(silent).await.expect_err("nothing comes");
    assert!(matches!(&err, HttpError::Timeout { phase: "answer", .. }), "{err}");

    let server = Server::start();
    let gate = server.gate();
    server.reply(Reply::sse("data: one\n\nevent: ping\ndata: {}\n\n: note\n").wait(&gate));
    let request = Request {
        decode: Decode::Sse,
        timeouts: short,
        idle_ignores: vec!["ping".into()],
        ..get(server.url())
    };
    let response = Client::default().send(request).await.expect("it answers");
    let err = body(response).await.expect_err("it stays silent");
    assert!(matches!(&err, HttpError::Timeout { phase: "send anything", .. }), "{err}");
    gate.open();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_reached_is_named() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let err = Client::default().send(get(&format!("http://{address}/"))).await.expect_err("closed");
    assert!(matches!(&err, HttpError::Connect { host, .. } if *host == address), "{err}");
    for url in ["nonsense", "ftp://host/", "http://"] {
        let err = Client::default().send(get(url)).await.expect_err("no address");
        assert!(matches!(&err, HttpError::Url { .. }) && err.to_string().contains(url), "{err}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redirects_leave_the_callers_headers_behind() {
    let (first, second) = (Server::start(), Server::start());
    let target = format!("{}/there", second.url());
    first.reply(Reply::new(302).header("location", &target));
    second.reply(Reply::new(200).then("found"));
    let request =
        Request { headers: vec![("x-api-key".into(), "secret".into())], ..get(first.url()) };
    let response = Client::default().send(request).await.expect("it follows");
    assert_eq!(body(response).await.expect("a body"), b"found");
    assert_eq!(first.requests()[0].header("x-api-key"), "secret");
    assert_eq!(second.requests()[0].header("x-api-key"), "");

    first.reply(Reply::new(307).header("location", &target));
    let post = Request { method: "POST".into(), body: Some(b"x".to_vec()), ..get(first.url()) };
    let response = Client::default().send(post).await.expect("it answers");
    assert_eq!(
        (response.status, second.requests().len()),
        (307, 1),
        "a POST is not sent elsewhere"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_used_again() {
    let server = Server::start();
    server.otherwise(Reply::new(200).then("ok"));
    let client = Client::default();
    for _ in 0..3 {
        let response = client.send(get(server.url())).await.expect("it answers");
        assert_eq!(body(response).await.expect("a body"), b"ok");
    }
    let connections: Vec<usize> = server.requests().iter().map(|it| it.connection).collect();
    assert_eq!(connections, [0, 0, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_past_its_bound_is_refused() {
    let server = Server::start();
    server.reply(Reply::new(200).then(vec![b'x'; 100_000]));
    let request = Request { max_bytes: Some(1000), ..get(server.url()) };
    let response = Client::default().send(request).await.expect("it answers");
    let err = body(response).await.expect_err("too large");
    assert!(matches!(err, HttpError::TooLarge { .. }), "{err}");
}
