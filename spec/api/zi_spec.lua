-- What stands in `zi` itself: registering, and where the extension runs.

local function tool(fields)
  local spec = { name = "probe", description = "probes", parameters = {}, execute = function() end }
  for name, value in pairs(fields or {}) do
    spec[name] = value
  end
  return spec
end

describe("zi.tool", function()
  it("registers a tool that a call reaches with checked arguments", function()
    zi.tool(tool({
      parameters = { properties = { n = { type = "integer" } }, required = { "n" } },
      execute = function(params)
        return "n is " .. params.n
      end,
    }))
    expect(zi.test.tool("probe", { n = 2 }).text):is("n is 2")
    expect(zi.test.tool("probe", { n = "two" }).text):contains('"two" is not of type "integer"')
    expect(zi.test.tool("probe", {}).outcome):is("error")
  end)

  it("makes an error result of what a tool raises", function()
    zi.tool(tool({
      execute = function()
        error("broken")
      end,
    }))
    local result = zi.test.tool("probe")
    expect(result.is_error):is_true()
    expect(result.text):matches("zi_spec%.lua:%d+: broken$")
  end)

  it("answers false for a name that was registered before", function()
    expect(zi.tool(tool())):is_true()
    expect(zi.tool(tool())):is_false()
  end)

  it("names the tool and the field that are wrong", function()
    expect(function()
      zi.tool(tool({ kind = "raed" }))
    end):errors("^zi%.tool `probe`: field `kind`: `raed` is none of read, .*read")
    expect(function()
      zi.tool(tool({ name = "no blanks" }))
    end):errors("zi%.tool `no blanks`: field `name`")
    expect(function()
      zi.tool({ nmae = "x" })
    end):errors("^zi%.tool: field `name` is required %(a string%); is `nmae` meant to be it%?")
    expect(function()
      zi.tool("x")
    end):errors("^zi%.tool: expected a table, got string")
  end)
end)

describe("zi.untool", function()
  it("removes one's own tool and shows what it hid", function()
    zi.test.file("a.txt", "x")
    zi.tool(tool({ name = "read" }))
    expect(zi.test.tool("read", { path = "a.txt" }).text):is("")
    expect(zi.untool("read")):is_true()
    expect(zi.test.tool("read", { path = "a.txt" }).text):is("x")
  end)

  it("does not remove what others registered", function()
    expect(zi.untool("read")):is_false()
  end)
end)

describe("zi.command", function()
  it("gives the handler what follows the name", function()
    local heard
    zi.command({
      name = "hear",
      handler = function(args)
        heard = args
      end,
    })
    expect(zi.test.command("/hear  one two ").status):is("ok")
    expect(heard):is("one two ")
  end)

  it("answers with what the handler raised", function()
    zi.command({
      name = "fail",
      handler = function()
        error("no")
      end,
    })
    expect(zi.test.command("/fail").error):matches(": no$")
  end)

  it("refuses a name with a slash or a blank", function()
    expect(function()
      zi.command({ name = "/x", handler = print })
    end):errors("^zi%.command: field `name`: is written without `/`")
  end)
end)

describe("zi.on", function()
  it("calls handlers with the event until they are taken off", function()
    local heard = {}
    local handle = zi.on("my:thing", function(event)
      table.insert(heard, event.data)
    end)
    zi.test.emit("my:thing", { data = 1 })
    handle:off()
    zi.test.emit("my:thing", { data = 2 })
    expect(heard):equals({ 1 })
  end)

  it("takes both spellings of an event and of its fields", function()
    local name
    zi.on("toolExecutionStart", function(event)
      name = { event.toolName, event.tool_name }
    end)
    zi.test.tool("ls", {})
    expect(name):equals({ "ls", "ls" })
  end)

  it("lets a handler block a call, and blocks when it fails", function()
    local handle = zi.on("tool_call", function()
      return { block = true, reason = "not today" }
    end)
    expect(zi.test.tool("ls", {}).text):is("Blocked: not today")
    handle:off()
    zi.on("tool_call", function()
      error("broken")
    end)
    expect(zi.test.tool("ls", {}).outcome):is("blocked")
  end)

  it("names an event that is meant", function()
    expect(function()
      zi.on("tool_cal", print)
    end):errors("^zi%.on: there is no event `tool_cal`.*tool_call")
    expect(function()
      zi.on("tool_call", "x")
    end):errors("the handler of `tool_call` must be a function, not string")
  end)
end)

describe("zi.emit", function()
  it("copies data to whoever listens", function()
    local heard, data = nil, { list = { 1 } }
    zi.on("my:thing", function(event)
      heard = event
    end)
    zi.emit("my:thing", data)
    zi.test.emit("my:other")
    expect(heard.data):equals(data)
    expect(heard.data):never():is(data)
    expect(heard.from):is("zi_spec")
  end)

  it("takes names with a colon only, and data only", function()
    expect(function()
      zi.emit("agent_end")
    end):errors("^zi%.emit: `agent_end` must have a colon")
    expect(function()
      zi.emit("my:thing", { f = print })
    end):errors("^zi%.emit: .*f")
  end)
end)

describe("zi.api and zi.provider", function()
  it("make a model that answers", function(ctx)
    zi.api("echo", {
      stream = function(request, emit)
        emit({ type = "text", text = request.messages[#request.messages].content })
        emit({ type = "stop", reason = "stop" })
      end,
    })
    zi.provider("echo", { api = "echo", base_url = "none:", models = { { id = "echo" } } })
    expect(ctx.ai.complete({ prompt = "hello", model = "echo/echo" }).text):is("hello")
  end)

  it("report an adapter that breaks a rule", function(ctx)
    zi.api("bad", {
      stream = function(_, emit)
        emit({ type = "stop", reason = "never" })
      end,
    })
    zi.provider("bad", { api = "bad", base_url = "none:", models = { { id = "m" } } })
    local answer = ctx.ai.complete({ prompt = "hello", model = "bad/m" })
    expect(answer.error.message):contains("`never` is none of stop")
  end)

  it("name the provider and the field that are wrong", function()
    expect(function()
      zi.provider("mine", { base_url = "ftp://x" })
    end):errors("^zi%.provider `mine`: field `base_url`: must start with http")
    expect(function()
      zi.provider("mine", { base_url = "http://x" })
    end):errors("^zi%.provider `mine`: field `api`: is required")
    expect(function()
      zi.api("mine", {})
    end):errors("^zi%.api `mine`: field `stream` is required")
  end)
end)

describe("zi.unprovider", function()
  it("removes one's own claim only", function()
    zi.provider("mine", { api = "demo", base_url = "none:", models = {} })
    expect(zi.unprovider("mine")):is_true()
    expect(zi.unprovider("mine")):is_false()
    expect(zi.unprovider("demo")):is_false()
  end)
end)

describe("zi.loop", function()
  it("stands for the bundled loop", function()
    zi.test.model():reply("one")
    expect(zi.loop(function(run)
      run:turn()
      return "limit"
    end)):is_true()
    expect(zi.test.prompt("hi").status):is("limit")
  end)

  it("takes a function", function()
    expect(function()
      zi.loop({})
    end):errors("^zi%.loop: expected a function, got table")
  end)
end)

describe("zi.failure", function()
  it("is worth another try or not by its kind, unless it says so itself", function(ctx)
    local model = zi.test.model()
    local function retryable(failure)
      model:reply(function()
        error(zi.failure(failure))
      end)
      return ctx.ai.complete("hi").error.retryable
    end
    expect(retryable({ kind = "overloaded" })):is_true()
    expect(retryable({ kind = "auth" })):is_false()
    expect(retryable({ kind = "auth", retryable = true })):is_true()
  end)

  it("takes other words for a kind and prints as its message", function()
    local failure = zi.failure({ kind = "overflow", message = "too long" })
    expect(failure.kind):is("context_overflow")
    expect(tostring(failure)):is("too long")
  end)

  it("names a kind that is meant", function()
    expect(function()
      zi.failure({ kind = "rate_limits" })
    end):errors("^zi%.failure: field `kind`: `rate_limits` is no kind of failure.*rate_limit")
  end)
end)

describe("surroundings", function()
  it("zi.env gives variables, but no provider's key", function()
    expect(zi.env("HOME")):is_a("string")
    expect(zi.env("ANTHROPIC_API_KEY")):is_nil()
    expect(zi.env("NO_SUCH_VARIABLE")):is_nil()
    expect(function()
      zi.env(5)
    end):errors("^zi%.env: `name` must be a string, not integer")
  end)

  it("zi.version and zi.os say what runs", function()
    expect(zi.version):matches("^%d+%.%d+%.%d+")
    expect({ "linux", "macos" }):contains(zi.os)
  end)

  it("zi.dirs names four folders", function()
    expect(zi.dirs):has_keys("config", "data", "state", "cache")
  end)

  it("zi.executable is this program", function()
    local ran = zi.system({ zi.executable, "--version" })
    expect(ran.code):is(0)
    expect(ran.stdout):contains(zi.version)
  end)
end)
