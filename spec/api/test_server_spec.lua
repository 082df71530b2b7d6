describe("zi.test.server", function()
  local server

  before_each(function() server = zi.test.server() end)

  it("gives each answer once, in order, and keeps what it was asked", function()
    server:reply({ status = 201, headers = { ["X-Mine"] = "1" }, body = "\0made" }):reply({
      json = { ok = true },
    })
    local first = zi.http.request({
      url = server.url .. "/a?b=c",
      method = "PUT",
      headers = { ["X-Ask"] = "please" },
      body = "some\0bytes",
    })
    expect(first.status):is(201)
    expect(first.headers["x-mine"]):is("1")
    expect(first.body):is("\0made")
    local second = zi.http.request({ url = server.url .. "/d" })
    expect(second.headers["content-type"]):is("application/json")
    expect(zi.json.decode(second.body)):equals({ ok = true })
    local third = zi.http.request({ url = server.url .. "/e" })
    expect(third.status):is(500)
    expect(third.body):contains("no reply is queued for GET /e")
    local asked = server.requests
    expect(asked):has_length(3)
    expect(asked[1].method .. " " .. asked[1].path):is("PUT /a?b=c")
    expect(asked[1].headers["x-ask"]):is("please")
    expect(asked[1].body):is("some\0bytes")
  end)

  it("streams events to an adapter", function()
    zi.provider("mine", { api = "openai-chat", base_url = server.url, models = { { id = "m" } } })
    zi.test.use_model("mine/m")
    server:reply({
      sse = {
        { choices = { { delta = { content = "hel" } } } },
        { choices = { { delta = { content = "lo" }, finish_reason = "stop" } } },
        "[DONE]",
      },
    })
    expect(zi.test.prompt("hi").text):is("hello")
    local asked = zi.json.decode(server.requests[1].body)
    expect(asked.messages[#asked.messages].content):is("hi")
  end)

  it("names what an answer cannot be", function()
    for _, row in ipairs({
      { { status = 199 }, "status" },
      { { status = 600 }, "status" },
      { { headers = { a = "1\r\nb: 2" } }, "headers" },
      { { body = "x", json = {} }, "body" },
      { { json = print }, "json" },
      { { sse = "x" }, "sse" },
    }) do
      expect(function() server:reply(row[1]) end):errors("server:reply: .*`" .. row[2] .. "`")
    end
  end)

  it("listens no more once it is closed", function()
    server:close()
    local answer, err = zi.http.request({ url = server.url })
    expect(answer):is_nil()
    expect(err):never():is_nil()
  end)

  it("has a port for each", function() expect(zi.test.server().url):never():is(server.url) end)
end)
