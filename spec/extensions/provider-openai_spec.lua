local answer = require("zi.chat_answer")
local request = require("zi.chat_request")

describe("provider-openai", function()
  it("knows the default models of its servers", function(ctx)
    local providers = {}
    for _, model in ipairs(ctx.models.list()) do
      providers[model.provider] = true
    end
    expect(providers):has_keys("openai", "openrouter", "groq")
  end)

  -- Nothing answers at that address: what would have been sent is all that matters.
  it("sends the key as a bearer and asks for the usage", function(ctx)
    zi.provider("near", {
      api = "openai-chat",
      base_url = "http://127.0.0.1:9/v1",
      api_key = "secret",
      models = { { id = "m", max_tokens = 100 } },
    })
    local sent
    zi.on("before_provider_send", function(event)
      sent = { url = event.url, headers = event.headers, body = event.body }
    end)
    local result = ctx.ai.complete({ prompt = "hi", model = "near/m" })
    expect(result.error.kind):is("connection")
    expect(sent.url):is("http://127.0.0.1:9/v1/chat/completions")
    expect(sent.headers.authorization):is("[redacted]")
    expect(sent.body.stream_options):equals({ include_usage = true })
  end)
end)

describe("chat request", function()
  local function body(compat, fields)
    local asked = {
      model = { id = "m", max_tokens = 8000 },
      provider = { name = "p", compat = compat or {} },
      system_prompt = "be kind",
      messages = { { role = "user", content = "hi" } },
      tools = {},
      max_tokens = 100,
      session_id = "s1",
    }
    for name, value in pairs(fields or {}) do
      asked[name] = value
    end
    return request.body(asked, "openai-chat")
  end

  local with_call = {
    { role = "user", content = "go" },
    {
      role = "assistant",
      content = {
        { type = "tool_call", id = "call_with_a_long_id", name = "ls", arguments = { a = 1 } },
      },
      stop_reason = "tool_use",
    },
    {
      role = "tool_result",
      tool_call_id = "call_with_a_long_id",
      tool_name = "ls",
      content = { { type = "text", text = "x" } },
    },
  }

  it("puts the system prompt first and plain text as a string", function()
    expect(body().messages):equals({
      { role = "system", content = "be kind" },
      { role = "user", content = "hi" },
    })
  end)

  it("names the field of the limit as the server wants it", function()
    expect(body().max_completion_tokens):is(100)
    expect(body({ max_tokens_field = "max_tokens" }).max_tokens):is(100)
  end)

  it("gives a call and its result the same id", function()
    local messages = body(nil, { messages = with_call }).messages
    expect(messages[3].tool_calls[1]["function"].arguments):is('{"a":1}')
    expect(messages[4].tool_call_id):is(messages[3].tool_calls[1].id)
  end)

  it("shortens ids and names results where a server wants it", function()
    local compat = { short_ids = true, named_results = true }
    local messages = body(compat, { messages = with_call }).messages
    expect(messages[4].tool_call_id):matches("^%w%w%w%w%w%w%w%w%w$")
    expect(messages[4].name):is("ls")
  end)

  it("asks for thinking in the words of the server", function()
    expect(body(nil, { reasoning = "low" }).reasoning_effort):is("low")
    expect(body({ effort = "object" }, { reasoning = "low" }).reasoning):equals({ effort = "low" })
    expect(body(nil, { reasoning = "off" }).reasoning_effort):is_nil()
  end)
end)

describe("chat answer", function()
  it("joins the pieces of a call", function()
    local said = {}
    local reader = answer.new(function(item)
      said[#said + 1] = item
    end)
    local function delta(call)
      reader:take({ choices = { { index = 0, delta = { tool_calls = { call } } } } })
    end
    delta({ index = 0, id = "c1", ["function"] = { name = "ls", arguments = '{"pa' } })
    delta({ index = 0, ["function"] = { arguments = 'th":"."}' } })
    reader:take({ choices = { { index = 0, delta = {}, finish_reason = "tool_calls" } } })
    reader:finish(true)
    local arguments, stop = "", nil
    for _, item in ipairs(said) do
      if item.type == "tool_call" then arguments = arguments .. (item.arguments or "") end
      if item.type == "stop" then stop = item.reason end
    end
    expect(zi.json.decode(arguments)):equals({ path = "." })
    expect(stop):is("tool_use")
  end)
end)
