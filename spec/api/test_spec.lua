-- What a spec itself works with.

local count = 0

describe("zi.test", function()
  it("begins anew for each test", function()
    count = count + 1
    zi.test.file("left.txt", "x")
    zi.tool({ name = "left", description = "x", parameters = {}, execute = function() end })
    expect(count):is(1)
  end)

  it("has nothing left of another test", function(ctx)
    count = count + 1
    expect(count):is(1)
    expect(zi.test.read("left.txt")):is_nil()
    expect(zi.test.tool("left").text):contains("There is no tool `left`")
    expect(ctx.session.messages()):has_length(0)
  end)

  it("load loads an extension, once more when it is there", function()
    local path = zi.test.file("mine.lua", 'zi.command({ name = "mine", handler = function() end })')
    zi.test.load(path)
    expect(zi.test.command("/mine").status):is("ok")
    zi.test.load(path)
    expect(zi.test.command("/mine").status):is("ok")
    expect(zi.test.command("/mine:2").status):is("unknown")
  end)

  it("load gives an extension settings and flags", function()
    local path = zi.test.file(
      "mine.lua",
      [[
        local settings = zi.settings({
          properties = { size = { type = "integer", default = 1 }, name = { type = "string" } },
        })
        local loud = zi.flag({ name = "loud" })
        local rate = zi.flag({ name = "rate", type = "number", default = 5 })
        zi.on("my:question", function()
          zi.emit("my:answer", { settings = settings, loud = loud, rate = rate })
        end)
      ]]
    )
    local function told()
      zi.test.emit("my:question")
      local answers = zi.test.events("my:answer")
      return answers[#answers].data
    end
    zi.test.load(path)
    expect(told()):equals({ settings = { size = 1 }, loud = false, rate = 5 })
    zi.test.load(path, { settings = { size = "x", name = "n" }, flags = { loud = true, rate = 2 } })
    expect(told()):equals({ settings = { size = 1, name = "n" }, loud = true, rate = 2 })
    expect(zi.test.notices()[1].text):contains("`extensions.mine.size`")
  end)

  it("prompt and command first make the changes of session that wait", function(ctx)
    local model = zi.test.model():reply("one"):reply("two")
    zi.test.prompt("first")
    ctx.session.navigate(nil)
    zi.test.prompt("second")
    expect(model.requests[2].messages):has_length(1)
    local count
    zi.command({
      name = "count",
      handler = function(_, inner)
        count = #inner.session.messages()
      end,
    })
    ctx.session.navigate(nil)
    zi.test.command("/count")
    expect(count):is(0)
  end)

  it("load tells what is wrong with an extension", function()
    local path = zi.test.file("bad.lua", "local x = ")
    expect(function()
      zi.test.load(path)
    end):errors("^zi%.test%.load: extension `bad` did not load: .*bad%.lua:1:")
    expect(function()
      zi.test.load("absent.lua")
    end):errors("^zi%.test%.load: there is no extension `.*/absent%.lua`")
  end)

  it("model plays what it was given and keeps what it was asked", function()
    local model = zi.test.model({ context_window = 500 })
    model:reply({ thinking = "hm", deltas = { "a", "b" }, stop_reason = "length" })
    model:reply(function(request, emit)
      emit({ type = "text", text = request.messages[#request.messages].content .. "!" })
      emit({ type = "stop", reason = "stop" })
    end)
    local first = zi.test.prompt("one")
    expect(first.text):is("ab")
    expect(first.stop_reason):is("length")
    expect(zi.test.prompt("two").text):is("two!")
    expect(model.requests[1].messages):has_length(1)
    expect(model.requests[2].messages):has_length(3)
  end)

  it("model fails when the spec has no more replies", function()
    zi.test.model()
    local run = zi.test.prompt("one")
    expect(run.status):is("error")
    expect(run.error.message):contains("request 1 of the spec's model has no reply")
  end)

  it("use_model names a model that is none", function()
    expect(function()
      zi.test.use_model("no-such-model")
    end):errors("^zi%.test%.use_model: ")
  end)

  it("prompt needs a model", function()
    expect(function()
      zi.test.prompt("hi")
    end):errors("^zi%.test%.prompt: there is no model; make one with zi%.test%.model%(%)")
  end)

  it("prompt says that an extension took the input", function()
    zi.test.model()
    zi.on("input", function()
      return { action = "handled" }
    end)
    expect(zi.test.prompt("hi").status):is("handled")
  end)

  it("prompt gives the events of its run", function()
    zi.test.model():reply("ok")
    local names = {}
    for _, event in ipairs(zi.test.prompt("hi").events) do
      names[#names + 1] = event.type
    end
    expect(names):contains("agent_start")
    expect(names[#names]):is("agent_settled")
  end)

  it("command knows commands that there are", function()
    expect(zi.test.command("/absent").status):is("unknown")
    expect(function()
      zi.test.command("absent")
    end):errors("^zi%.test%.command: `absent` does not start with `/`")
  end)

  it("emit waits for those who listen", function()
    local heard
    zi.on("my:thing", function(event)
      zi.task.sleep(5)
      heard = event.n
    end)
    zi.test.emit("my:thing", { n = 5 })
    expect(heard):is(5)
    expect(zi.test.events("my:thing")):equals({ { type = "my:thing", n = 5 } })
  end)

  it("notices holds what the user was told", function()
    zi.on("my:thing", function()
      error("broken")
    end)
    zi.test.emit("my:thing")
    local notice = zi.test.notices()[1]
    expect(notice.level):is("warning")
    expect(notice.text):matches("^on my:thing: extension `test_spec`: .*broken")
  end)

  it("file and read stay in the workspace", function()
    expect(zi.test.file("a/b.txt", "x")):is(zi.test.workspace .. "/a/b.txt")
    expect(zi.test.read("a/b.txt")):is("x")
    for _, name in ipairs({ "../x", "/etc/passwd", "a/../../x", "" }) do
      expect(function()
        zi.test.file(name, "x")
      end):errors("^zi%.test%.file: `.*` is no path inside of the workspace")
    end
  end)

  it("case is not for tests inside of tests", function()
    expect(function()
      zi.test.case({ title = "inner" })
    end):errors("^zi%.test%.case: tests are added while the spec loads")
  end)

  pending("shows a planned test as skipped")

  it("shell runs a command as the user would", function()
    expect(zi.test.shell("!echo hi").output):contains("hi")
    expect(function() zi.test.shell("echo") end):errors("does not start with `!`")
  end)
end)

describe("expect", function()
  local function problem(check)
    local ok, failure = pcall(check)
    return not ok and failure or nil
  end

  it("passes what is as expected", function()
    expect({ a = { 1, 2 } }):equals({ a = { 1, 2 } }):never():equals({ a = { 1 } })
    expect("text"):matches("^t"):contains("ex"):has_length(4):is_a("string")
    expect({ { 1 }, 2 }):contains({ 1 }):has_length(2):never():contains(3)
    expect({ a = false }):has_keys("a"):never():has_keys("a", "b")
    expect(nil):is_nil()
    expect(true):is_true()
    expect(false):is_false():never():is(nil)
  end)

  it("tells what differs, and where", function()
    local failure = problem(function()
      local long = ("long enough to be shown on lines of its own "):rep(2)
      expect({ a = 1, b = long }):equals({ a = 2, b = long })
    end)
    expect(failure.diff):contains("-  a = 2,\n+  a = 1,")
    expect(failure.place):matches("test_spec%.lua:%d+$")
  end)

  it("compares tables that contain themselves", function()
    local a, b = {}, {}
    a.me, b.me = a, b
    expect(a):equals(b)
    b.more = 1
    expect(a):never():equals(b)
  end)

  it("fails a function that does not raise, or says something else", function()
    expect(problem(function()
      expect(function() end):errors()
    end).diff):is("it raised nothing")
    expect(problem(function()
      expect(function()
        error("other", 0)
      end):errors("this")
    end).diff):is("it raised: other")
  end)

  it("fail gives up with a reason", function()
    expect(function()
      fail("no way")
    end):errors("^no way$")
  end)
end)

describe("before_each and after_each", function()
  local order = {}

  before_each(function()
    table.insert(order, "outer before")
  end)
  after_each(function()
    table.insert(order, "outer after")
    expect(order):equals({ "outer before", "inner before", "body", "inner after", "outer after" })
  end)

  describe("in groups of groups", function()
    before_each(function()
      table.insert(order, "inner before")
    end)
    after_each(function()
      table.insert(order, "inner after")
    end)

    it("run from the outside in, and back", function()
      table.insert(order, "body")
    end)
  end)
end)
