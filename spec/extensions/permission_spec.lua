describe("permission", function()
  local ran

  before_each(function()
    ran = {}
    zi.test.clock.freeze()
    zi.test.load("../../extensions/permission.lua", { flags = { ["no-yolo"] = true } })
    zi.tool({
      name = "count",
      description = "counts",
      parameters = {},
      execute = function(params)
        table.insert(ran, params)
        return "counted"
      end,
    })
  end)

  -- Waits until the question that is shown takes answers.
  local function wait_quietly(screen)
    screen:wait_for("Run count?")
    repeat
      zi.test.clock.advance(300)
    until screen:text():find("› yes", 1, true)
  end

  -- Calls the tool, and presses keys once the question about it takes answers.
  local function call(screen, ...)
    local keys = { ... }
    local calling = zi.task.spawn(function() return zi.test.tool("count", {}) end)
    wait_quietly(screen)
    screen:key(table.unpack(keys))
    return calling:join()
  end

  it("runs a tool that the user allows, each time anew", function()
    local screen = zi.test.screen()
    expect(call(screen, "enter").outcome):is("ok")
    expect(call(screen, "enter").outcome):is("ok")
    expect(#ran):is(2)
  end)

  it("refuses by choice, and when the question is left", function()
    local screen = zi.test.screen()
    expect(call(screen, "escape").outcome):is("blocked")
    expect(call(screen, "up", "enter").outcome):is("blocked")
    expect(#ran):is(0)
  end)

  it("asks no more about a tool that may always run", function()
    local screen = zi.test.screen()
    expect(call(screen, "down", "enter").outcome):is("ok")
    expect(zi.test.tool("count", {}).outcome):is("ok")
    expect(#ran):is(2)
  end)

  it("stops asking, and asks again, by /yolo", function()
    local screen = zi.test.screen()
    zi.test.command("/yolo")
    expect(zi.test.tool("count", {}).outcome):is("ok")
    zi.test.command("/yolo off")
    expect(call(screen, "escape").outcome):is("blocked")
  end)

  it("takes no answer before the keys have been quiet for a while", function()
    local screen = zi.test.screen()
    local calling = zi.task.spawn(function() return zi.test.tool("count", {}) end)
    screen:wait_for("Run count?")
    for _ = 1, 5 do
      screen:key("enter", "y", "1")
      zi.test.clock.advance(200)
    end
    expect(screen):contains("always count")
    expect(screen):never():contains("›")
    expect(#ran):is(0)
    wait_quietly(screen)
    screen:key("enter")
    expect(calling:join().outcome):is("ok")
  end)

  it("is left at any time", function()
    local screen = zi.test.screen()
    local calling = zi.task.spawn(function() return zi.test.tool("count", {}) end)
    screen:wait_for("Run count?")
    screen:key("escape")
    expect(calling:join().outcome):is("blocked")
  end)

  it("goes, and runs nothing, when the run is stopped", function(ctx)
    local screen = zi.test.screen()
    zi.test.model():reply({ tool_calls = { { name = "count", arguments = {} } } })
    local running = zi.task.spawn(function() return zi.test.prompt("count") end)
    screen:wait_for("Run count?")
    ctx.abort()
    running:join()
    screen:wait_for("Run count?", { gone = true })
    expect(#ran):is(0)
  end)

  it("asks about two calls one after the other", function()
    local screen = zi.test.screen()
    local calls = {}
    for index = 1, 2 do
      calls[index] = zi.task.spawn(function() return zi.test.tool("count", { number = index }) end)
    end
    wait_quietly(screen)
    local first = screen:text():match("number: (%d)")
    screen:key("enter")
    screen:wait_for("number: " .. (3 - first))
    wait_quietly(screen)
    screen:key("escape")
    local outcomes = { calls[1]:join().outcome, calls[2]:join().outcome }
    table.sort(outcomes)
    expect(outcomes):equals({ "blocked", "ok" })
    expect(ran[1].number):is(math.tointeger(first))
  end)

  it("shows every argument to the letter, and the end of long ones by scrolling", function()
    local screen = zi.test.screen({ width = 100, height = 20 })
    local hidden = "\u{202E}\u{200B}\u{E0041}\27]52;c;aGk=\7"
    local input = {
      command = "ls " .. hidden .. (" "):rep(300) .. "; rm -rf ~",
      content = ("line\n"):rep(50) .. "the end",
      timeout = 5,
      nested = { { old = "a", new = "" } },
    }
    local calling = zi.task.spawn(function() return zi.test.tool("count", input) end)
    wait_quietly(screen)
    expect(screen):contains("<U+202E><U+200B><U+E0041><U+001B>]52;c;aGk=<U+0007>")
    local seen = screen:text()
    repeat
      local before = screen:text()
      screen:key("pagedown")
      seen = seen .. screen:text()
    until screen:text() == before
    for _, part in ipairs({ "; rm -rf ~", "the end", "timeout: 5", "old: a", 'new: ""' }) do
      expect(seen):contains(part)
    end
    screen:key("enter")
    calling:join()
    expect(ran[1]):equals(input)
  end)

  it("shows what the handlers before it made of the call, which is what runs", function(ctx)
    local screen = zi.test.screen()
    local path = zi.path.join(ctx.cwd, "rewrite.lua")
    zi.fs.write(path, [[
zi.on("tool_call", function() return { input = { what = "something else" } } end)
]])
    zi.test.load(path)
    -- The bundle's own is after all others; here the last one loaded is.
    zi.test.load("../../extensions/permission.lua", { flags = { ["no-yolo"] = true } })
    local calling = zi.task.spawn(function() return zi.test.tool("count", { what = "this" }) end)
    screen:wait_for("what: something else")
    wait_quietly(screen)
    screen:key("enter")
    calling:join()
    expect(ran[1].what):is("something else")
  end)

  it("does not ask about what is too long to be shown", function()
    zi.test.screen()
    local result = zi.test.tool("count", { text = ("x"):rep(300 * 1024) })
    expect(result.outcome):is("blocked")
    expect(#ran):is(0)
  end)

  it("lets all choices be reached on the smallest screen", function()
    local screen = zi.test.screen({ width = 20, height = 6 })
    local calling = zi.task.spawn(function() return zi.test.tool("count", { a = ("b"):rep(200) }) end)
    wait_quietly(screen)
    screen:key("up")
    screen:wait_for("› no")
    screen:key("enter")
    expect(calling:join().outcome):is("blocked")
  end)
end)
