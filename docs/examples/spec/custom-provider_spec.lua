-- `zi login` with it is tested in `runtime/tests/examples.rs`.

describe("custom-provider", function()
  local server

  before_each(function()
    server = zi.test.server()
    zi.test.load("../custom-provider", {
      settings = { base_url = server.url .. "/v1", authority = server.url, client_id = "me & you" },
    })
    zi.test.use_model("gateway/small")
  end)

  local function keep(login)
    login.type = "oauth"
    local path = zi.path.join(zi.dirs.state, "auth.json")
    assert(zi.fs.write(path, zi.json.encode({ gateway = login }), { private = true }))
  end

  local function answer(text)
    server:reply({ sse = {
      { choices = { { delta = { content = text }, finish_reason = "stop" } } },
      "[DONE]",
    } })
  end

  it("says how to log in when nobody is", function()
    local run = zi.test.prompt("hi")
    expect(run.error.kind):is("auth")
    expect(run.error.message):contains("zi login gateway")
    expect(server.requests):has_length(0)
  end)

  it("renews a login once for requests at the same time, and shows no handler how", function(ctx)
    local urls = {}
    zi.on("before_provider_send", function(event)
      urls[#urls + 1] = event.url .. " " .. event.headers.authorization
    end)
    keep({ access = "old", refresh = "r1", expires = 0 })
    server:reply({ json = { access_token = "new", expires_in = 3600 } })
    answer("hello")
    answer("hello")
    local function ask() return ctx.ai.complete("hi").text end
    expect(zi.task.all({ ask, ask })):equals({ "hello", "hello" })
    local renewal, first, second = table.unpack(server.requests)
    expect(renewal.path):is("/token")
    expect(renewal.body):contains("grant_type=refresh_token")
    expect(renewal.body):contains("refresh_token=r1")
    expect(renewal.body):contains("client_id=me%20%26%20you")
    for _, request in ipairs({ first, second }) do
      expect(request.path):is("/v1/chat/completions")
      expect(request.headers.authorization):is("Bearer new")
    end
    local shown = server.url .. "/v1/chat/completions [redacted]"
    expect(urls):equals({ shown, shown })
  end)

  it("says why a renewal failed", function()
    keep({ access = "old", refresh = "r1", expires = 0 })
    server:reply({ status = 400, json = { error = "invalid_grant" } })
    expect(zi.test.prompt("hi").error.message):contains("invalid_grant")
    keep({ access = "old", expires = 0 })
    expect(zi.test.prompt("hi").error.message):contains("it has expired")
  end)
end)
