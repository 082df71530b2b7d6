//! What goes to a provider: every body is valid in the vendor's own schema, says nothing twice, and
//! starts with what the one before it said.

use serde_json::{Value, json};
use zi_testkit::{Reply, Request, Server, Zi, anthropic, openai, wire};

/// The smallest PNG there is.
const DOT: &str = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

/// Tools with every kind of result, and `/ask FILE`, which asks a model what the file says.
const HARNESS: &str = r#"
-- name: harness
-- api: 1
local function tool(name, result)
  zi.tool({
    name = name,
    description = "Does what `" .. name .. "` says.",
    parallel = true,
    parameters = { type = "object", properties = { at = { type = "string", default = zi.json.null } } },
    execute = function() return result end,
  })
end
local dot = { type = "image", media_type = "image/png", data = "DOT" }
tool("look", { content = { { type = "text", text = "seen" }, dot } })
tool("fail", { content = { { type = "text", text = "broken" }, dot }, is_error = true })
tool("nothing", { content = "" })
zi.command({
  name = "ask",
  description = "Asks what a file says.",
  handler = function(args, ctx)
    local text = assert(zi.fs.read(args))
    local answer = ctx.ai.complete(zi.json.decode(text, { null = zi.json.null }))
    if answer.status ~= "completed" then error(answer.error.message) end
  end,
})
zi.provider("bearer", {
  api = "anthropic-messages",
  base_url = "http://127.0.0.1:1",
  api_key = "sk-own",
  headers = { ["X-Extra"] = "yes" },
  compat = { auth = "bearer" },
  models = { { id = "claude-opus-5-5" } },
})
"#;

fn zi() -> Zi {
    with_harness(Zi::new(env!("CARGO_BIN_EXE_zi")))
        .settings(&json!({ "retry": { "max_attempts": 1 } }))
        .home_file("harness.lua", HARNESS.replace("DOT", DOT))
}

fn with_harness(zi: Zi) -> Zi {
    let harness = zi.home().join("harness.lua");
    zi.arg("-e").arg(harness).args(["--tools", "look,fail,nothing", "--mode", "json"])
}

/// Asks through `/ask` and answers the body that came of it.
fn ask(provider: &str, model: &str, mut request: Value) -> Value {
    let server = Server::start();
    let answer = if matches!(provider, "anthropic" | "bearer") {
        anthropic::text("ok")
    } else {
        openai::text("ok")
    };
    server.reply(Reply::sse(answer));
    request["model"] = format!("{provider}/{model}").into();
    let done = zi()
        .file("request.json", request.to_string())
        .args(["--no-session", "--base-url", server.url(), "--api-key", "sk-test"])
        .args(["-p", "/ask request.json"])
        .run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    server.requests()[0].json()
}

fn assert_valid(protocol: &str, body: &Value) {
    let validator = jsonschema::options()
        .build(&wire::request_schema(protocol))
        .expect("the schema of the fixtures is one");
    let faults: Vec<String> = validator
        .iter_errors(body)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect();
    assert!(faults.is_empty(), "{}\nin {body:#}", faults.join("\n"));
}

/// All objects that carry a cache mark, anywhere in a body.
fn marks(value: &Value) -> usize {
    match value {
        Value::Object(fields) => {
            usize::from(fields.contains_key("cache_control"))
                + fields.values().map(marks).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(marks).sum(),
        _ => 0,
    }
}

fn without_marks(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .filter(|(name, _)| *name != "cache_control")
            .map(|(name, value)| (name.clone(), without_marks(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_marks).collect(),
        other => other.clone(),
    }
}

/// The messages of later requests start with those of earlier ones, and all else is the same.
fn assert_prefixes(requests: &[Request]) {
    for pair in requests.windows(2) {
        let (mut before, mut after) =
            (without_marks(&pair[0].json()), without_marks(&pair[1].json()));
        let (said, says) = (before["messages"].take(), after["messages"].take());
        let (said, says) = (said.as_array().expect("an array"), says.as_array().expect("an array"));
        assert!(says.len() > said.len());
        assert_eq!(says[..said.len()], said[..]);
        assert_eq!(before, after);
    }
}

/// The `type` of each block of a message.
fn kinds(message: &Value) -> Vec<&str> {
    let blocks = message["content"].as_array().into_iter().flatten();
    blocks.filter_map(|block| block["type"].as_str()).collect()
}

// Anthropic ---------------------------------------------------------------------------------------

#[test]
fn an_anthropic_conversation_with_tools_is_valid_and_keeps_its_prefix() {
    let server = Server::start();
    let first = anthropic::Answer::new()
        .thinking("Look first.", "sig-1")
        .redacted_thinking("secret")
        .text("Looking.")
        .tool_call("toolu_1", "fail", r#"{"at":"a"}"#)
        .tool_call("toolu_2", "look", "{}")
        .tool_call("toolu_3", "nothing", "");
    server.reply(Reply::sse(first.sse()));
    let second = anthropic::Answer::new().thinking("", "sig-2").tool_call(
        "toolu_4",
        "look",
        r#"{"z": [], "at": "b", "deep": {"list": [1, 2.5]}}"#,
    );
    server.reply(Reply::sse(second.sse()));
    server.reply(Reply::sse(anthropic::text("Done.")));
    let zi = zi().file("dot.png", unbase64(DOT));
    let next = with_harness(zi.another());
    let args = ["--provider", "anthropic", "--model", "claude-opus-5-5", "--reasoning", "high"];
    let target = ["--base-url", server.url(), "--api-key", "sk-test"];
    let done = zi.args(args).args(target).args(["-p", "@dot.png", "look here"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    // A session that goes on says the same bytes.
    server.reply(Reply::sse(anthropic::text("Bye.")));
    let done = next.args(args).args(target).args(["-c", "-p", "and now?"]).run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);

    let requests = server.requests();
    assert_eq!(requests.len(), 4);
    assert!(requests[..3].iter().all(|request| request.connection == 0), "one connection serves");
    for request in &requests {
        assert_eq!(request.path, "/v1/messages");
        assert_valid("anthropic-messages", &request.json());
        let count = marks(&request.json());
        assert!((3..=4).contains(&count), "{count} cache marks");
    }
    assert_prefixes(&requests);

    let body = requests[2].json();
    let messages = body["messages"].as_array().expect("an array");
    let roles: Vec<&Value> = messages.iter().map(|message| &message["role"]).collect();
    assert_eq!(roles, ["user", "assistant", "user", "assistant", "user"]);
    assert_eq!(kinds(&messages[0]), ["text", "image"]);
    assert_eq!(
        kinds(&messages[1]),
        ["thinking", "redacted_thinking", "text", "tool_use", "tool_use", "tool_use"]
    );
    assert_eq!(
        messages[1]["content"][0],
        json!({ "type": "thinking", "thinking": "Look first.", "signature": "sig-1" })
    );
    assert_eq!(messages[1]["content"][1]["data"], "secret");
    assert_eq!(messages[1]["content"][5]["input"], json!({}));
    // All results first, in one message; what an error shows comes after them.
    assert_eq!(kinds(&messages[2]), ["tool_result", "tool_result", "tool_result", "image"]);
    assert_eq!(messages[2]["content"][0]["is_error"], true);
    assert_eq!(kinds(&messages[2]["content"][0]), ["text"]);
    assert_eq!(kinds(&messages[2]["content"][1]), ["text", "image"]);
    assert_eq!(messages[2]["content"][1]["tool_use_id"], "toolu_2");
    assert!(messages[2]["content"][1].get("is_error").is_none());
    // Thinking that is not shown still has to go back.
    assert_eq!(messages[3]["content"][0]["signature"], "sig-2");
    let input = json!({ "z": [], "at": "b", "deep": { "list": [1, 2.5] } });
    assert_eq!(messages[3]["content"][1]["input"], input);
    // The marks stand at the end of each stretch that does not change.
    assert_eq!(marks(body["tools"].as_array().and_then(|it| it.last()).expect("a tool")), 1);
    assert_eq!((marks(&messages[2]), marks(&messages[4]), marks(&messages[0])), (1, 1, 0));
    assert_eq!(marks(messages[4]["content"].as_array().and_then(|it| it.last()).expect("one")), 1);
}

#[test]
fn thinking_goes_back_to_its_own_model_only() {
    let server = Server::start();
    let answer = anthropic::Answer::new().thinking("Hm.", "sig").text("One.");
    server.reply(Reply::sse(answer.sse()));
    let zi = zi();
    let (second, third) = (with_harness(zi.another()), with_harness(zi.another()));
    let target = ["--base-url", server.url(), "--api-key", "k", "-p", "go"];
    zi.args(["--model", "anthropic/claude-opus-5-5"]).args(target).run();
    server.reply(Reply::sse(anthropic::text("Two.")));
    second.args(["-c", "--model", "anthropic/claude-haiku-4-5"]).args(target).run();
    server.reply(Reply::sse(openai::text("Three.")));
    third.args(["-c", "--model", "openai/gpt-5.6-terra"]).args(target).run();
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    assert_eq!(kinds(&requests[1].json()["messages"][1]), ["text"]);
    let chat = requests[2].json();
    let contents: Vec<&Value> = chat["messages"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|message| message["role"] == "assistant")
        .map(|message| &message["content"])
        .collect();
    assert_eq!(contents, ["One.", "Two."]);
    assert!(!chat.to_string().contains("Hm."));
}

#[test]
fn anthropic_models_think_as_they_can() {
    let prompt = |level: &str, max_tokens: u64| json!({ "prompt": "hi", "reasoning": level, "max_tokens": max_tokens });
    let adaptive = ask("anthropic", "claude-opus-5-5", prompt("minimal", 100));
    assert_valid("anthropic-messages", &adaptive);
    assert_eq!(adaptive["thinking"], json!({ "type": "adaptive", "display": "summarized" }));
    // The nearest of the levels that the model has.
    assert_eq!(adaptive["output_config"]["effort"], "low");
    assert_eq!(adaptive["max_tokens"], 100);
    for (level, max_tokens) in [("low", 100), ("medium", 8192), ("max", 64000)] {
        let body = ask("anthropic", "claude-haiku-4-5", prompt(level, max_tokens));
        assert_valid("anthropic-messages", &body);
        assert_eq!(body["thinking"]["type"], "enabled");
        let budget = body["thinking"]["budget_tokens"].as_u64().expect("a budget");
        let most = body["max_tokens"].as_u64().expect("a limit");
        assert!(1024 <= budget && budget < most && most <= 64000, "{level}: {budget} of {most}");
        assert!(body.get("output_config").is_none());
    }
    let none = ask("anthropic", "claude-opus-5-5", json!({ "prompt": "hi" }));
    assert!(none.get("thinking").is_none() && none.get("output_config").is_none());
}

#[test]
fn a_conversation_with_calls_names_its_tools_even_when_none_may_be_used() {
    let messages = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [
            { "type": "tool_call", "id": "call:1/x", "name": "look", "arguments": {} },
        ] },
        { "role": "tool_result", "tool_call_id": "call:1/x", "tool_name": "look", "content": [] },
        { "role": "user", "content": "   " },
        { "role": "custom", "content": [{ "type": "text", "text": "note" }] },
        { "role": "user", "content": "sum up" },
    ]);
    let body = ask("anthropic", "claude-opus-5-5", json!({ "messages": messages }));
    assert_valid("anthropic-messages", &body);
    assert_eq!(body["tools"][0]["name"], "look");
    assert_eq!(body["tool_choice"]["type"], "none");
    assert!(body.get("system").is_none());
    // One message of the user holds the result, the note and the question, and nothing empty.
    let (call, result) = (&body["messages"][1]["content"][0], &body["messages"][2]["content"]);
    assert_eq!(body["messages"].as_array().map(Vec::len), Some(3));
    assert_eq!(kinds(&body["messages"][2]), ["tool_result", "text", "text"]);
    assert_eq!(call["id"], result[0]["tool_use_id"]);
    let id = call["id"].as_str().expect("a text");
    assert!(id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-'), "{id}");
}

#[test]
fn nulls_stay_in_arguments_and_schemas() {
    let arguments = json!({ "list": [1, null, 3], "none": null });
    let messages = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [
            { "type": "tool_call", "id": "a", "name": "look", "arguments": arguments },
        ] },
        { "role": "tool_result", "tool_call_id": "a", "tool_name": "look", "content": "ok" },
    ]);
    let body = ask("anthropic", "claude-opus-5-5", json!({ "messages": messages }));
    assert_eq!(body["messages"][1]["content"][0]["input"], arguments);
    let body = ask("openai", "gpt-5.6-terra", json!({ "messages": messages }));
    let sent = body["messages"][1]["tool_calls"][0]["function"]["arguments"].as_str();
    assert_eq!(serde_json::from_str::<Value>(sent.expect("a text")).ok(), Some(arguments));

    let server = Server::start();
    let zi = zi().args(["--no-session", "--model", "openai/gpt-5.6-terra", "--api-key", "k"]);
    zi.args(["--base-url", server.url(), "-p", "hi"]).run();
    let tools = server.requests()[0].json()["tools"].take();
    let properties = &tools[0]["function"]["parameters"]["properties"];
    assert_eq!(properties["at"], json!({ "type": "string", "default": null }));
}

#[test]
fn keys_and_versions_go_where_each_provider_looks_for_them() {
    let run = |provider: &str, slash: &str, key: &[&str]| {
        let server = Server::start();
        let base_url = format!("{}/base{slash}", server.url());
        let zi = zi().args(["--no-session", "--provider", provider, "--model", "claude-opus-5-5"]);
        zi.args(["--base-url", &base_url, "-p", "hi"]).args(key).run();
        server.wait_for_requests(1).remove(0)
    };
    let key = ["--api-key", "sk-test"];
    let anthropic = run("anthropic", "", &key);
    assert_eq!((anthropic.method.as_str(), anthropic.path.as_str()), ("POST", "/base/v1/messages"));
    assert_eq!(anthropic.header("x-api-key"), "sk-test");
    assert_eq!(anthropic.header("authorization"), "");
    assert_eq!(anthropic.header("anthropic-version"), "2023-06-01");
    assert_eq!(anthropic.header("content-type"), "application/json");
    assert!(anthropic.header("user-agent").starts_with("zi/"));
    let bearer = run("bearer", "/", &[]);
    assert_eq!(bearer.path, "/base/v1/messages");
    assert_eq!((bearer.header("authorization"), bearer.header("x-api-key")), ("Bearer sk-own", ""));
    assert_eq!(bearer.header("x-extra"), "yes");
    let openai = run("openai", "/", &key);
    assert_eq!(openai.path, "/base/chat/completions");
    assert_eq!(openai.header("authorization"), "Bearer sk-test");
    // A server of one's own may need no key, and is sent none.
    assert_eq!(run("openai", "", &[]).header("authorization"), "");
    assert_eq!(run("ollama", "", &[]).header("authorization"), "");
}

// Chat Completions --------------------------------------------------------------------------------

#[test]
fn a_chat_conversation_with_tools_is_valid_and_keeps_its_prefix() {
    let server = Server::start();
    let arguments = r#"{ "z": 1.0, "at" : "caf\u00e9" }"#;
    let first = openai::Answer::new()
        .thinking("reasoning", "Hm.")
        .text("Looking.")
        .tool_call("call_1", "look", arguments)
        .tool_call("call_2", "fail", "{}");
    server.reply(Reply::sse(first.sse()));
    server.reply(Reply::sse(openai::tool_call("call_3", "nothing", &json!({}))));
    server.reply(Reply::sse(openai::text("Done.")));
    let done = zi()
        .file("dot.png", unbase64(DOT))
        .args(["--provider", "openai", "--model", "gpt-5.6-terra", "--reasoning", "medium"])
        .args(["--base-url", server.url(), "--api-key", "sk-test", "-p", "@dot.png", "look"])
        .run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let requests = server.requests();
    assert_eq!(requests.len(), 3);
    for request in &requests {
        assert_valid("openai-chat", &request.json());
    }
    assert_prefixes(&requests);
    let body = requests[2].json();
    assert_eq!(body["reasoning_effort"], "medium");
    assert_eq!(body["stream_options"], json!({ "include_usage": true }));
    assert!(body["max_completion_tokens"].as_u64() > Some(0) && body.get("max_tokens").is_none());
    assert_eq!(body["prompt_cache_key"], done.json_lines()[0]["id"]);
    let messages = body["messages"].as_array().expect("an array");
    let roles: Vec<&str> = messages.iter().filter_map(|message| message["role"].as_str()).collect();
    assert_eq!(roles, ["system", "user", "assistant", "tool", "tool", "user", "assistant", "tool"]);
    assert_eq!(kinds(&messages[1]), ["text", "image_url"]);
    let url = format!("data:image/png;base64,{DOT}");
    assert_eq!(messages[1]["content"][1]["image_url"]["url"], *url);
    assert_eq!(messages[2]["content"], "Looking.");
    // The same bytes as the model wrote: other ones would not be found in the cache.
    assert_eq!(messages[2]["tool_calls"][0]["function"]["arguments"], arguments);
    assert_eq!(messages[3]["tool_call_id"], "call_1");
    assert_eq!(
        (&messages[3]["content"], &messages[4]["content"]),
        (&"seen".into(), &"broken".into())
    );
    assert_eq!(kinds(&messages[5]), ["text", "image_url", "text", "image_url"]);
    assert_eq!(messages[7]["content"], "(no output)");
}

#[test]
fn every_dialect_is_sent_what_it_takes() {
    // provider, model, schema, field of the limit, what is set besides
    let cases = [
        ("openrouter", "anthropic/claude-opus-5.5", Some("openrouter-chat"), "max_tokens"),
        ("groq", "openai/gpt-oss-120b", Some("groq-chat"), "max_completion_tokens"),
        ("cerebras", "gpt-oss-120b", Some("cerebras-chat"), "max_completion_tokens"),
        ("mistral", "mistral-medium-latest", None, "max_tokens"),
        ("deepseek", "deepseek-v4-pro", None, "max_tokens"),
        ("moonshotai", "kimi-k3", None, "max_tokens"),
        ("zai", "glm-5.3", None, "max_tokens"),
        ("ollama", "qwen3.6:27b", None, "max_tokens"),
        ("lmstudio", "local", None, "max_tokens"),
    ];
    for (provider, model, schema, limit) in cases {
        let server = Server::start();
        let details = json!([{
            "type": "reasoning.text", "text": "Hm.", "signature": "sig", "index": 0,
            "format": "anthropic-claude-v1",
        }]);
        let field = if provider == "deepseek" { "reasoning_content" } else { "reasoning" };
        let mut thinking = json!({ field: "Hm." });
        if provider == "openrouter" {
            thinking["reasoning_details"] = details.clone();
        }
        let first = openai::Answer::new().delta(thinking).text("On it.");
        let first =
            first.tool_call("call_that_is_long_enough_to_be_cut_at_forty_bytes", "look", "{}");
        server.reply(Reply::sse(first.sse()));
        server.reply(Reply::sse(openai::text("Done.")));
        let done = zi()
            .args(["--provider", provider, "--model", model, "--reasoning", "high"])
            .args(["--base-url", server.url(), "--api-key", "sk-test", "-p", "go"])
            .run();
        assert_eq!(done.code, Some(0), "{provider}: {}", done.stderr);
        let requests = server.requests();
        assert_prefixes(&requests);
        let body = requests[1].json();
        if let Some(schema) = schema {
            assert_valid(schema, &body);
        }
        assert!(body[limit].as_u64() > Some(0), "{provider}: {body:#}");
        let system = &body["messages"][0];
        assert_eq!(system["role"], "system", "{provider}");
        let assistant = &body["messages"][2];
        let result = &body["messages"][3];
        let id = assistant["tool_calls"][0]["id"].as_str().expect("a text");
        assert_eq!(result["tool_call_id"], id, "{provider}");
        assert!(id.len() <= 40, "{provider}: {id}");
        match provider {
            "openrouter" => {
                assert_eq!(body["reasoning"], json!({ "effort": "high" }));
                assert!(body.get("reasoning_effort").is_none());
                assert_eq!(assistant["reasoning_details"], details);
                assert_eq!(body["cache_control"], json!({ "type": "ephemeral" }));
                assert!(body["session_id"].is_string());
            }
            "groq" | "cerebras" | "ollama" => {
                assert_eq!(assistant["reasoning"], "Hm.", "{provider}");
                assert_eq!(body["reasoning_effort"], "high", "{provider}");
            }
            "mistral" => {
                assert_eq!(id.len(), 9);
                assert!(id.chars().all(|c| c.is_ascii_alphanumeric()), "{id}");
                assert_eq!(result["name"], "look");
                assert_eq!(kinds(assistant), ["thinking", "text"]);
                // The images of the result are the user's, and the user may not answer a result.
                assert_eq!(body["messages"][4]["role"], "assistant");
                assert_eq!(body["messages"][5]["role"], "user");
                assert!(body.get("stream_options").is_none());
            }
            "deepseek" | "zai" | "moonshotai" => {
                assert_eq!(assistant["reasoning_content"], "Hm.", "{provider}");
            }
            _ => assert!(!body.to_string().contains("Hm."), "{provider}"),
        }
        if matches!(provider, "deepseek" | "zai") {
            assert_eq!(body["thinking"]["type"], "enabled", "{provider}");
        }
    }
}

#[test]
fn a_call_without_thinking_says_so_where_the_field_is_required() {
    let messages = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [
            { "type": "tool_call", "id": "a", "name": "look", "arguments": {} },
        ] },
        { "role": "tool_result", "tool_call_id": "a", "tool_name": "look", "content": "ok" },
    ]);
    let request = json!({ "messages": messages });
    let deepseek = ask("deepseek", "deepseek-v4-pro", request.clone());
    assert_eq!(deepseek["messages"][1]["reasoning_content"], "");
    let openai = ask("openai", "gpt-5.6-terra", request);
    assert!(openai["messages"][1].get("reasoning_content").is_none());
}

#[test]
fn what_a_model_cannot_see_is_said_in_words() {
    let image = json!({ "type": "image", "media_type": "image/png", "data": DOT });
    let messages = json!([{ "role": "user", "content": [image] }]);
    let request = json!({ "messages": messages });
    let blind = ask("groq", "openai/gpt-oss-120b", request.clone());
    let said = blind["messages"][0]["content"].as_str().expect("a plain text");
    assert!(said.contains("image") && !blind.to_string().contains(DOT), "{said}");
    // Of a model that nobody described, nothing is known to be missing.
    let unknown = ask("ollama", "some-model", request);
    assert_eq!(kinds(&unknown["messages"][0]), ["image_url"]);
}

#[test]
fn a_call_that_was_cut_off_goes_back_as_an_empty_one() {
    let messages = json!([
        { "role": "user", "content": "go" },
        { "role": "assistant", "content": [{
            "type": "tool_call", "id": "a", "name": "look", "arguments": {},
            "raw_arguments": "{\"at\": \"ha", "incomplete": true,
        }] },
        { "role": "tool_result", "tool_call_id": "a", "tool_name": "look", "content": "cut" },
    ]);
    let body = ask("openai", "gpt-5.6-terra", json!({ "messages": messages }));
    assert_valid("openai-chat", &body);
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["arguments"], "{}");
}

#[test]
fn a_signature_of_a_call_goes_back_with_it() {
    let signed = json!({ "google": { "thought_signature": "sig" } });
    let call = json!({ "tool_calls": [{
        "index": 0, "id": "c", "type": "function", "extra_content": signed,
        "function": { "name": "look", "arguments": "{}" },
    }] });
    let server = Server::start();
    server.reply(Reply::sse(openai::Answer::new().delta(call).sse()));
    server.reply(Reply::sse(openai::text("Done.")));
    let done = zi()
        .args(["--provider", "openai", "--model", "gemini", "--base-url", server.url(), "-p", "go"])
        .run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let body = server.requests()[1].json();
    assert_eq!(body["messages"][2]["tool_calls"][0]["extra_content"], signed);
}

#[test]
fn handlers_can_add_to_a_request() {
    let extension = r#"
zi.on("before_provider_request", function(event)
  event.request.options = { temperature = 0.5 }
  return { request = event.request }
end)
"#;
    for (provider, model) in [("anthropic", "claude-opus-5-5"), ("openai", "gpt-5.6-terra")] {
        let server = Server::start();
        let zi = zi().home_file("extensions/warm.lua", extension);
        zi.args(["--no-session", "--provider", provider, "--model", model, "--api-key", "k"])
            .args(["--base-url", server.url(), "-p", "hi"])
            .run();
        assert_eq!(server.requests()[0].json()["temperature"], 0.5, "{provider}");
    }
}

fn unbase64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for c in text.bytes().filter(|c| *c != b'=') {
        bits = bits << 6 | u32::from(value(c));
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    bytes
}
