local answer = require("zi.anthropic_answer")
local request = require("zi.anthropic_request")

describe("provider-anthropic", function()
  it("speaks for the provider of that name", function(ctx)
    local model = ctx.models.get("anthropic/claude-sonnet-5-5")
    expect(model.provider):is("anthropic")
  end)

  -- Nothing answers at that address: what would have been sent is all that matters.
  it("sends the key and the version in its headers, and the model in the body", function(ctx)
    zi.provider("near", {
      api = "anthropic-messages",
      base_url = "http://127.0.0.1:9",
      api_key = "secret",
      models = { { id = "m", max_tokens = 100 } },
    })
    local sent
    zi.on("before_provider_send", function(event)
      sent = { url = event.url, headers = event.headers, body = event.body }
    end)
    local result = ctx.ai.complete({ prompt = "hi", model = "near/m" })
    expect(result.error.kind):is("connection")
    expect(sent.url):is("http://127.0.0.1:9/v1/messages")
    expect(sent.headers["x-api-key"]):is("[redacted]")
    expect(sent.headers["anthropic-version"]):is("2023-06-01")
    expect(sent.body.model):is("m")
  end)
end)

describe("anthropic request", function()
  local function body(fields)
    local asked = {
      model = { id = "m", max_tokens = 8000 },
      provider = { name = "anthropic", compat = {} },
      system_prompt = "be kind",
      messages = { { role = "user", content = "hi" } },
      tools = {},
      max_tokens = 100,
    }
    for name, value in pairs(fields or {}) do
      asked[name] = value
    end
    return request.body(asked, "anthropic-messages")
  end

  it("marks what the cache is to hold", function()
    local made = body()
    expect(made.system):equals({
      { type = "text", text = "be kind", cache_control = { type = "ephemeral" } },
    })
    expect(made.messages[1].content[1].cache_control):equals({ type = "ephemeral" })
  end)

  it("puts results before what the user says", function()
    local made = body({
      messages = {
        { role = "user", content = "go" },
        {
          role = "assistant",
          content = { { type = "tool_call", id = "a", name = "ls", arguments = { path = "." } } },
          stop_reason = "tool_use",
        },
        {
          role = "tool_result",
          tool_call_id = "a",
          tool_name = "ls",
          content = { { type = "text", text = "x" } },
        },
        { role = "user", content = "wait" },
      },
    })
    local last = made.messages[3]
    expect(last.content[1].type):is("tool_result")
    expect(last.content[1].tool_use_id):is("a")
    expect(last.content[2].text):is("wait")
    -- The conversation has calls, so the request needs tools although none may be used.
    expect(made.tools[1].name):is("ls")
    expect(made.tool_choice):equals({ type = "none" })
  end)

  it("lets a model that thinks within a budget do so", function()
    local made = body({
      model = { id = "m", max_tokens = 8000, thinking = "budget" },
      reasoning = "high",
      reasoning_budget = 2000,
    })
    expect(made.thinking):equals({ type = "enabled", budget_tokens = 1050 })
    expect(made.max_tokens):is(2100)
  end)
end)

describe("anthropic answer", function()
  local function read(events)
    local said = {}
    local take = answer.reader(function(item)
      said[#said + 1] = item
    end)
    for _, event in ipairs(events) do
      take(event)
    end
    return said
  end

  it("passes text on as it comes, and says how it ended", function()
    local said = read({
      { type = "message_start", message = { id = "1", model = "m", usage = { input_tokens = 3 } } },
      { type = "content_block_start", index = 0, content_block = { type = "text", text = "" } },
      { type = "content_block_delta", index = 0, delta = { type = "text_delta", text = "hel" } },
      { type = "content_block_delta", index = 0, delta = { type = "text_delta", text = "lo" } },
      { type = "message_delta", delta = { stop_reason = "end_turn" } },
      { type = "message_stop" },
    })
    local text, stop = "", nil
    for _, item in ipairs(said) do
      if item.type == "text" then text = text .. (item.text or "") end
      if item.type == "stop" then stop = item.reason end
    end
    expect(text):is("hello")
    expect(stop):is("stop")
  end)

  it("raises what the server reports in the middle of an answer", function()
    expect(function()
      read({ { type = "error", error = { type = "overloaded_error", message = "Overloaded" } } })
    end):errors("Overloaded")
  end)
end)
