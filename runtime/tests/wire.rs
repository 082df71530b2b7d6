//! Every dialect, byte for byte: what a provider sends, and the message that it must become.

use serde_json::{Value, json};
use zi_testkit::{
    Done, Reply, Server, Zi, anthropic, openai,
    wire::{self, Fixture},
};

/// A protocol of the fixtures, and the provider that speaks it.
struct Speaker {
    protocol: &'static str,
    provider: &'static str,
    model: &'static str,
}

const ANTHROPIC: Speaker =
    Speaker { protocol: "anthropic-messages", provider: "anthropic", model: "claude-opus-5-5" };
const OPENAI: Speaker =
    Speaker { protocol: "openai-chat", provider: "openai", model: "gpt-5.6-terra" };
const OPENROUTER: Speaker = Speaker {
    protocol: "openrouter-chat",
    provider: "openrouter",
    model: "anthropic/claude-opus-5.5",
};

/// One request, without tools and without another try.
fn zi(server: &Server, provider: &str, model: &str) -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
        .settings(&json!({ "retry": { "max_attempts": 1 } }))
        .args(["-p", "hi", "--mode", "json", "--no-session", "--no-tools"])
        .args(["--provider", provider, "--model", model, "--api-key", "sk-test"])
        .args(["--base-url", server.url()])
}

fn ask(speaker: &Speaker, reply: Reply) -> Done {
    let server = Server::start();
    server.reply(reply);
    let done = zi(&server, speaker.provider, speaker.model).args(["--max-steps", "1"]).run();
    assert_eq!(server.requests().len(), 1, "{}", done.stderr);
    done
}

/// Reads every fixture of a protocol, its writes cut by `cut`.
fn read_all(speaker: &Speaker, cut: impl Fn(Reply, &Fixture) -> Reply) {
    let mut faults = Vec::new();
    for fixture in wire::fixtures(speaker.protocol) {
        let done = ask(speaker, cut(Reply::sse(fixture.body.clone()), &fixture));
        let messages = done.messages("assistant");
        let differences = match messages.as_slice() {
            [message] => differences(message, &fixture.expected),
            other => vec![format!("{} messages came; {}", other.len(), done.stderr)],
        };
        faults.extend(differences.into_iter().map(|it| format!("{}: {it}", fixture.name)));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Where `message` is not what the fixture expects.
fn differences(message: &Value, expected: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut same = |what: &str, got: &Value, wanted: &Value| {
        if got != wanted {
            faults.push(format!("{what} is {got}, not {wanted}"));
        }
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let (got, wanted) = (list(&message["content"]), list(&expected["content"]));
    same("the number of blocks", &got.len().into(), &wanted.len().into());
    for (index, (got, wanted)) in got.iter().zip(&wanted).enumerate() {
        let got = comparable(got, &expected["compare"]);
        let mut wanted = comparable(wanted, &expected["compare"]);
        let alternatives = list(&expected["compare"]["text_alternatives"]);
        if alternatives.contains(&got["text"]) {
            wanted["text"] = got["text"].clone();
        }
        same(&format!("block {index}"), &got, &wanted);
    }
    same("stop_reason", &message["stop_reason"], &expected["stop_reason"]);
    same("response_id", &message["response_id"], &expected["response_id"]);
    same("response_model", &message["response_model"], &expected["model"]);
    let wanted = &expected["usage"];
    match &message["usage"] {
        Value::Null => same("usage", &Value::Null, wanted),
        usage => {
            for field in ["input", "output", "cache_read", "cache_write", "reasoning"] {
                same(field, &usage[field], &wanted[field]);
            }
            same("total_tokens", &usage["total_tokens"], &wanted["total"]);
            if !wanted["cost"].is_null() {
                same("cost", &usage["cost"], &wanted["cost"]);
            }
        }
    }
    let wanted = &expected["error"];
    if wanted.is_null() {
        same("raw_stop_reason", &message["raw_stop_reason"], &expected["raw_stop_reason"]);
        same("error", &message["error"], &Value::Null);
    }
    // A field of the error that the fixture leaves open is ours to fill.
    for (field, wanted) in wanted.as_object().into_iter().flatten().filter(|(_, it)| !it.is_null())
    {
        same(&format!("error.{field}"), &message["error"][field], wanted);
    }
    faults
}

/// A block without what may differ.
fn comparable(block: &Value, compare: &Value) -> Value {
    let mut block = block.clone();
    let is_cut = block["incomplete"] == true;
    if let Some(fields) = block.as_object_mut() {
        fields.remove("fault");
        if compare["arguments"] == "skip" {
            fields.remove("arguments");
        }
        if compare["reasoning_details"] == "skip" {
            fields.remove("reasoning_details");
        }
        // The text of whole arguments is kept for replay; what it says is compared.
        if !is_cut {
            fields.remove("raw_arguments");
        }
    }
    block
}

#[test]
fn anthropic_streams_are_read_whole() {
    read_all(&ANTHROPIC, |reply, _| reply);
}

#[test]
fn anthropic_streams_are_read_where_they_are_cut() {
    read_all(&ANTHROPIC, |reply, fixture| reply.split(&fixture.splits));
}

#[test]
fn anthropic_streams_are_read_byte_by_byte() {
    read_all(&ANTHROPIC, |reply, _| reply.bytewise());
}

#[test]
fn chat_streams_are_read_whole() {
    read_all(&OPENAI, |reply, _| reply);
}

#[test]
fn chat_streams_are_read_where_they_are_cut() {
    read_all(&OPENAI, |reply, fixture| reply.split(&fixture.splits));
}

#[test]
fn chat_streams_are_read_byte_by_byte() {
    read_all(&OPENAI, |reply, _| reply.bytewise());
}

#[test]
fn openrouter_streams_are_read_at_any_cut() {
    read_all(&OPENROUTER, |reply, _| reply);
    read_all(&OPENROUTER, |reply, fixture| reply.split(&fixture.splits));
    read_all(&OPENROUTER, |reply, _| reply.bytewise());
}

/// Gets every refusal of a protocol and compares what it is taken for.
fn refuse_all(speaker: &Speaker) {
    let mut faults = Vec::new();
    for case in wire::http_errors(speaker.protocol) {
        let mut reply = Reply::new(case.status).then(case.body.clone());
        for (name, value) in &case.headers {
            reply = reply.header(name, value);
        }
        // The one refusal that depends on who says it.
        let speaker = match case.provider.as_str() {
            "cerebras" => &Speaker { provider: "cerebras", model: "gpt-oss-120b", ..*speaker },
            _ => speaker,
        };
        let done = ask(speaker, reply);
        let error = done.result()["error"].clone();
        for field in ["kind", "retryable", "retry_after_ms"] {
            if error[field] != case.expected[field] {
                let (got, wanted) = (&error[field], &case.expected[field]);
                faults.push(format!("{}: {field} is {got}, not {wanted}", case.id));
            }
        }
        let message = error["message"].as_str().unwrap_or_default();
        if message.is_empty() || message.contains('<') || message == "null" {
            faults.push(format!("{}: the message says nothing: {message:?}", case.id));
        }
        if error["status"] != case.status {
            faults.push(format!("{}: status is {}", case.id, error["status"]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn anthropic_refusals_are_understood() {
    refuse_all(&ANTHROPIC);
}

#[test]
fn chat_refusals_are_understood() {
    refuse_all(&OPENAI);
}

#[test]
fn openrouter_refusals_are_understood() {
    refuse_all(&OPENROUTER);
}

// What breaks --------------------------------------------------------------------------------------

/// The failure of a run and the text that was there before it.
fn failure(done: &Done) -> (Value, String) {
    let messages = done.messages("assistant");
    let text = messages.first().map(|message| &message["content"][0]["text"]);
    let text = text.and_then(Value::as_str).unwrap_or_default().to_owned();
    (done.result()["error"].clone(), text)
}

#[test]
fn a_connection_that_breaks_is_never_a_whole_answer() {
    let body = anthropic::text("one two");
    let middle = body.len() / 2;
    let with_half = |reply: Reply| reply.then(&body[..middle]);
    let breaks = [
        ("closed", Reply::sse(body.clone()).cut_at(middle)),
        ("reset", Reply::sse(body[..middle].to_vec()).reset()),
        ("too short", with_half(Reply::new(200)).short_by(body.len() - middle)),
        ("without length", with_half(Reply::new(200)).until_close()),
        ("empty", Reply::sse("")),
    ];
    for (how, reply) in breaks {
        let (error, text) = failure(&ask(&ANTHROPIC, reply));
        assert_eq!(error["kind"], "stream_truncated", "{how}: {error}");
        assert_eq!(error["retryable"], true, "{how}: {error}");
        // A reset may overtake what was sent before it.
        assert!("one two".starts_with(&text), "{how}: {text}");
    }
}

#[test]
fn an_answer_that_is_cut_anywhere_is_not_taken_for_whole() {
    let arguments = json!({ "path": "a/b", "text": "grüße" });
    let cases = [
        (&ANTHROPIC, anthropic::tool_call("c", "t", &arguments), "\"message_stop\"}"),
        (&OPENAI, openai::tool_call("c", "t", &arguments), "\"finish_reason\":\"tool_calls\""),
    ];
    for (speaker, body, end) in cases {
        let end =
            body.windows(end.len()).position(|it| it == end.as_bytes()).map(|at| at + end.len());
        let end = end.expect("the answer ends");
        for cut in (1..end).step_by(73) {
            let done = ask(speaker, Reply::sse(body[..cut].to_vec()));
            let (error, _) = failure(&done);
            assert_eq!(error["kind"], "stream_truncated", "{}: {cut}: {error}", speaker.protocol);
            for message in done.messages("assistant") {
                let blocks = message["content"].as_array().into_iter().flatten();
                assert!(blocks.into_iter().all(|block| block["incomplete"] == true), "{cut}");
            }
        }
    }
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let server = Server::start();
    let zi = zi(&server, "openai", "gpt-5.6-terra");
    let address = server.url().trim_start_matches("http://").to_owned();
    drop(server);
    let error = zi.run().result()["error"].clone();
    assert_eq!((&error["kind"], &error["retryable"]), (&"connection".into(), &true.into()));
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains(&address), "{message}");
}

#[test]
fn a_server_that_forgets_to_close_holds_nobody_up() {
    for (speaker, body) in [(&ANTHROPIC, anthropic::text("ok")), (&OPENAI, openai::text("ok"))] {
        let server = Server::start();
        let gate = server.gate();
        server.reply(Reply::sse(body).wait(&gate));
        let done = zi(&server, speaker.provider, speaker.model).run();
        assert_eq!(done.result()["text"], "ok", "{}", done.stderr);
        server.wait_for_hang_up(0);
    }
}

#[test]
fn an_interrupt_closes_the_connection_and_keeps_the_text() {
    for (speaker, body) in [(&ANTHROPIC, anthropic::text("half")), (&OPENAI, openai::text("half"))]
    {
        let server = Server::start();
        let gate = server.gate();
        // The second delta holds the other half.
        let at = body.windows(4).position(|it| it == b"\"lf\"").expect("it is there");
        server.reply(Reply::sse(&body[..at]).wait(&gate).then(&body[at..]));
        let run = zi(&server, speaker.provider, speaker.model).start();
        run.wait_for_stdout("text_delta");
        run.signal("INT");
        server.wait_for_hang_up(0);
        let done = run.wait();
        assert_eq!(done.code, Some(130), "{}", done.stderr);
        assert_eq!(done.result()["status"], "aborted");
        assert_eq!(done.messages("assistant")[0]["content"][0]["text"], "ha");
    }
}

#[test]
fn what_is_no_event_of_the_protocol_is_reported() {
    let html = Reply::new(200).header("content-type", "text/html").then("<html></html>");
    let (error, _) = failure(&ask(&OPENAI, html));
    assert_eq!((&error["kind"], &error["retryable"]), (&"protocol".into(), &true.into()));
    assert!(error["message"].as_str().is_some_and(|it| it.contains("text/html")), "{error}");
    let chat = |text: &str| ask(&OPENAI, Reply::sse(text));
    let cases = [
        ("data: {nope\n\n", "protocol", "{nope"),
        ("data: {\"choices\":[{\"delta\":7}]}\n\n", "protocol", "makes no sense"),
        ("event: error\ndata: out of memory\n\n", "server", "out of memory"),
        ("data: {\"error\":\"model crashed\"}\n\n", "server", "model crashed"),
        (
            "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"network_error\"}]}\n\ndata: [DONE]\n\n",
            "server",
            "network_error",
        ),
    ];
    for (body, kind, says) in cases {
        let (error, _) = failure(&chat(body));
        assert_eq!((&error["kind"], &error["retryable"]), (&kind.into(), &true.into()), "{body}");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains(says), "{body}: {message}");
    }
}

#[test]
fn a_refusal_that_passes_is_tried_again_after_the_pause_that_the_server_asks_for() {
    let server = Server::start();
    server.reply(Reply::new(529).header("retry-after-ms", "1").then("{}"));
    server.reply(Reply::sse(openai::text("half")).cut_at(200));
    server.reply(Reply::sse(openai::text("whole")));
    let done = zi(&server, "openai", "gpt-5.6-terra")
        .settings(&json!({ "retry": { "base_ms": 1 } }))
        .run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.result()["text"], "whole");
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    // Another try says the same.
    assert!(requests.iter().all(|request| request.body == requests[0].body));
    let pauses: Vec<Value> = done.events("retry");
    assert_eq!(pauses.len(), 2);
    assert!(pauses[0]["wait_ms"].as_f64().is_some_and(|ms| (1.0..2.0).contains(&ms)), "{pauses:?}");
}
