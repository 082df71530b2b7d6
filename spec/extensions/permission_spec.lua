describe("permission", function()
  local ran

  before_each(function()
    ran = 0
    zi.test.load("../../extensions/permission.lua", { flags = { ["no-yolo"] = true } })
    zi.tool({
      name = "count",
      description = "counts",
      parameters = {},
      execute = function()
        ran = ran + 1
        return "counted"
      end,
    })
  end)

  -- Calls the tool, and presses keys when it is asked about.
  local function call(screen, ...)
    local keys = { ... }
    local calling = zi.task.spawn(function() return zi.test.tool("count", {}) end)
    screen:wait_for("Run count?")
    screen:key(table.unpack(keys))
    return calling:join()
  end

  it("runs a tool that the user allows, each time anew", function()
    local screen = zi.test.screen()
    zi.test.emit("session_start", { reason = "startup" })
    expect(call(screen, "enter").outcome):is("ok")
    expect(call(screen, "enter").outcome):is("ok")
    expect(ran):is(2)
  end)

  it("refuses by choice, and when the question is left", function()
    local screen = zi.test.screen()
    zi.test.emit("session_start", { reason = "startup" })
    expect(call(screen, "escape").outcome):is("blocked")
    expect(call(screen, "up", "enter").outcome):is("blocked")
    expect(ran):is(0)
  end)

  it("asks no more about a tool that may always run", function()
    local screen = zi.test.screen()
    zi.test.emit("session_start", { reason = "startup" })
    expect(call(screen, "down", "enter").outcome):is("ok")
    expect(zi.test.tool("count", {}).outcome):is("ok")
    expect(ran):is(2)
  end)

  it("stops asking, and asks again, by /yolo", function()
    local screen = zi.test.screen()
    zi.test.emit("session_start", { reason = "startup" })
    zi.test.command("/yolo")
    expect(zi.test.tool("count", {}).outcome):is("ok")
    zi.test.command("/yolo off")
    expect(call(screen, "escape").outcome):is("blocked")
  end)
end)
