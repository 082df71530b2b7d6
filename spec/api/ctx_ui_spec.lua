local function hello(extra)
  local spec = {
    id = "hello",
    slot = { kind = "overlay", preset = "centered" },
    focus = true,
    keys = { { key = "escape", action = "close" }, { key = "q", action = "close" } },
    root = {
      type = "view",
      style = { chrome = { kind = "frame", title = "hello", border = "rounded" }, padding = 1 },
      children = { { type = "text", text = "hello, zi" } },
    },
  }
  for name, value in pairs(extra or {}) do
    spec[name] = value
  end
  return spec
end

-- Collects the events of the view, as handlers get them.
local function collect()
  local events = {}
  zi.on("ui", function(event)
    events[#events + 1] = event
  end)
  return events
end

describe("ctx.ui.render", function()
  it("shows a view, puts another one in its place and takes it away", function(ctx)
    local screen = zi.test.screen()
    expect(ctx.ui.render(hello())):is_true()
    expect(screen):contains("╭ hello ─")
    expect(screen):contains("hello, zi")
    ctx.ui.render(hello({ root = { type = "text", text = "bye" } }))
    expect(screen):contains("bye")
    expect(screen):never():contains("hello, zi")
    ctx.ui.render({ id = "hello", remove = true })
    expect(screen):never():contains("bye")
  end)

  it("answers where a fault is, and leaves the view as it was", function(ctx)
    ctx.ui.render(hello())
    local bad = { type = "view", children = { { type = "text", text = "x", style = { tone = 1 } } } }
    local ok, err = ctx.ui.render(hello({ root = bad }))
    expect(ok):is_nil()
    expect(err.kind):is("invalid")
    expect(err.message):contains("`root.children[1].style.tone`")
    expect(zi.test.screen()):contains("hello, zi")
    ok, err = ctx.ui.render(hello({ title = "x" }))
    expect(ok):is_nil()
    expect(err.message):contains("a frame belongs to a node")
    ok, err = ctx.ui.render({ root = { type = "text", text = "x" } })
    expect(ok):is_nil()
    expect(err.message):contains("`id`: is required")
  end)

  it("tells the owner of keys, and swallows the others", function(ctx)
    local events = collect()
    ctx.ui.render(hello())
    local screen = zi.test.screen()
    screen:key("x", "q")
    expect(screen:draft()):is("")
    expect(#events):is(2)
    expect(events[1].action):is_nil()
    expect(events[2].type):is("key")
    expect(events[2].view):is("hello")
    expect(events[2].key):is("q")
    expect(events[2].action):is("close")
    expect(events[2].ctrl):is_false()
    ctx.ui.render({ id = "hello", remove = true })
    screen:type("hi")
    expect(screen:draft()):is("hi")
    expect(#events):is(2)
  end)

  it("has inputs that are edited by the host", function(ctx)
    local events = collect()
    ctx.ui.render({
      id = "form",
      focus = true,
      root = { type = "input", id = "name", on_change = "changed", on_submit = "done" },
    })
    local screen = zi.test.screen()
    screen:type("ab")
    screen:key("enter")
    expect(events[1].type):is("change")
    expect(events[1].node):is("name")
    expect(events[1].value):is("a")
    expect(events[1].action):is("changed")
    expect(events[2].value):is("ab")
    expect(events[3].type):is("submit")
    expect(events[3].value):is("ab")
    expect(events[3].action):is("done")
  end)

  it("takes a value from a handler that has seen the newest edit", function(ctx)
    zi.on("ui", function(event, handler)
      handler.ui.render({
        id = "form",
        focus = true,
        root = { type = "input", id = "name", value = event.value:upper() },
      })
    end)
    ctx.ui.render({ id = "form", focus = true, root = { type = "input", id = "name" } })
    local screen = zi.test.screen()
    screen:type("ab")
    expect(screen):contains("AB")
    ctx.ui.render({ id = "form", remove = true })
  end)
end)

describe("ctx.ui.wait", function()
  it("answers the events of a view, and nil when it is gone", function(ctx)
    ctx.ui.render(hello())
    local screen = zi.test.screen()
    screen:key("q")
    expect(ctx.ui.wait("hello").action):is("close")
    ctx.ui.render({ id = "hello", remove = true })
    expect(ctx.ui.wait("hello")):is_nil()
  end)

  it("gives up when the time is over", function(ctx)
    ctx.ui.render(hello())
    local event, err = ctx.ui.wait("hello", { timeout_ms = 1 })
    expect(event):is_nil()
    expect(err.kind):is("timeout")
  end)

  it("does not count as the time of an interceptor", function(ctx)
    zi.tool({
      name = "danger",
      description = "Does something.",
      parameters = { type = "object" },
      execute = function()
        return "done"
      end,
    })
    zi.on("tool_call", function(_, handler)
      if not handler.ui.confirm({ title = "Allow it?" }) then
        return { block = true, reason = "not allowed" }
      end
    end)
    local task = zi.task.spawn(function()
      return zi.test.tool("danger")
    end)
    local screen = zi.test.screen()
    screen:wait_for("Allow it?")
    screen:key("y")
    expect(task:join().text):is("done")
    expect(ctx.ui):never():is_nil()
  end)
end)

describe("ctx.ui.frame", function()
  local surface = {
    id = "picture",
    root = { type = "surface", id = "s", style = { width = 4, height = 2 } },
    slot = { kind = "overlay", anchor = "top_left" },
  }

  it("draws a picture in half blocks", function(ctx)
    ctx.ui.render(surface)
    local cell = string.char(255, 0, 0, 0, 0, 255)
    local frame = {
      view = "picture",
      node = "s",
      width = 4,
      height = 2,
      format = "halfblock_rgb",
      data = cell:rep(8),
    }
    expect(ctx.ui.frame(frame)):is_true()
    local shown = zi.test.screen():style(4, 2)
    expect(shown.text):is("▀")
    expect(shown.fg):is("#FF0000")
    expect(shown.bg):is("#0000FF")
  end)

  it("refuses what does not fit", function(ctx)
    ctx.ui.render(surface)
    local frame = { view = "picture", node = "s", width = 2, height = 2, format = "rgba8888" }
    frame.data = ("x"):rep(15)
    expect(select(2, ctx.ui.frame(frame)).kind):is("invalid")
    frame.data, frame.view = ("x"):rep(16), "other"
    expect(select(2, ctx.ui.frame(frame)).kind):is("not_found")
  end)

  it("tells of the size of a surface", function(ctx)
    local events = collect()
    ctx.ui.render(surface)
    local screen = zi.test.screen()
    screen:key("f1")
    screen:text()
    screen:key("f1")
    expect(events[1].type):is("resize")
    expect(events[1].width):is(4)
    expect(events[1].height):is(2)
  end)
end)

describe("ctx.ui.notify", function()
  it("shows notices in the corner, one for each id", function(ctx)
    local screen = zi.test.screen()
    ctx.ui.notify("Ready for input", { id = "ready", title = "Agent", annote = "until input" })
    ctx.ui.notify("Still ready", { id = "ready" })
    ctx.ui.notify("Again")
    ctx.ui.notify("Again")
    expect(screen):contains("Still ready")
    expect(screen):never():contains("Ready for input")
    expect(screen):contains("Again (2×)")
  end)

  it("raises for what is no option", function(ctx)
    expect(function()
      ctx.ui.notify("x", { level = "loud" })
    end):errors("`loud` is none of")
  end)
end)

describe("ctx.ui.notify_clear", function()
  it("takes one notice away, or all", function(ctx)
    local screen = zi.test.screen()
    for _, id in ipairs({ "one", "two", "three" }) do
      ctx.ui.notify("notice " .. id, { id = id, progress = true })
    end
    ctx.ui.notify_clear("two")
    expect(screen):never():contains("notice two")
    expect(screen):contains("notice three")
    ctx.ui.notify_clear()
    expect(screen):never():contains("notice")
  end)
end)

describe("ctx.ui.title and ctx.ui.copy", function()
  it("reach the terminal", function(ctx)
    ctx.ui.title("zi\27]0;x")
    ctx.ui.copy("some text")
    local screen = zi.test.screen()
    expect(screen:title()):is("zi ]0;x")
    expect(screen:clipboard()):is("some text")
    expect(select(2, ctx.ui.copy(("x"):rep(1024 * 1024 + 1))).kind):is("too_large")
  end)

  it("titles hide nothing", function(ctx)
    ctx.ui.title("a\u{E0041}\u{E0042}b")
    expect(zi.test.screen():title()):is("a<2 hidden characters>b")
  end)

  it("copy only what the user asked for", function()
    local screen, done, refused = zi.test.screen(), nil, nil
    zi.on("agent_end", function(_, ctx)
      done, refused = ctx.ui.copy("from a handler")
    end)
    zi.test.model():reply({ text = "ok" })
    zi.test.prompt("hi")
    expect(done):is_nil()
    expect(refused.kind):is("refused")
    expect(screen:clipboard()):is_nil()
    zi.command({
      name = "mine",
      description = "copies",
      handler = function(_, ctx) ctx.ui.copy("from a command") end,
    })
    zi.test.command("/mine")
    expect(screen:clipboard()):is("from a command")
  end)

  it("copy what a view was asked for, in whatever call that waits for it", function()
    local screen = zi.test.screen()
    zi.tool({
      name = "show",
      description = "shows",
      parameters = {},
      execute = function(_, ctx)
        ctx.ui.render({ id = "v", focus = true, keys = { { key = "y" } }, root = { type = "text", text = "press y" } })
        local before = ctx.ui.copy("before")
        ctx.ui.wait("v")
        ctx.ui.copy("after")
        ctx.ui.render({ id = "v", remove = true })
        return before and "copied too early" or "fine"
      end,
    })
    local calling = zi.task.spawn(function() return zi.test.tool("show", {}) end)
    screen:wait_for("press y")
    screen:key("y")
    expect(calling:join().content[1].text):is("fine")
    expect(screen:clipboard()):is("after")
  end)
end)

-- Runs a dialog beside, so that the spec can answer it.
local function beside(ask)
  return zi.task.spawn(ask), zi.test.screen()
end

describe("ctx.ui.select", function()
  it("answers the item that was chosen", function(ctx)
    local task, screen = beside(function()
      return { ctx.ui.select({ title = "Fruit", items = { "apple", "banana", "cherry" } }) }
    end)
    screen:wait_for("Fruit")
    screen:type("ban")
    screen:wait_for("cherry", { gone = true })
    screen:key("enter")
    expect(task:join()):equals({ "banana", 2 })
    expect(screen):never():contains("Fruit")
  end)

  it("marks several, and shows what is beside", function(ctx)
    local task, screen = beside(function()
      return ctx.ui.select({
        title = "Files",
        multiple = true,
        items = { { label = "a", value = { path = "/a" } }, { label = "b", value = { path = "/b" } } },
        preview = function(item)
          return "this is " .. item.path
        end,
      })
    end)
    screen:wait_for("this is /a")
    screen:key("tab", "down")
    screen:wait_for("this is /b")
    screen:key("tab", "enter")
    expect(task:join()):equals({ { path = "/a" }, { path = "/b" } })
  end)

  it("answers nil when the user leaves it", function(ctx)
    local task, screen = beside(function()
      return { answer = ctx.ui.select({ title = "Fruit", items = { "apple" } }) }
    end)
    screen:wait_for("Fruit")
    screen:key("escape")
    expect(task:join()):equals({})
    expect(ctx.ui.select({ items = { "apple" }, timeout_ms = 1 })):is_nil()
  end)
end)

describe("ctx.ui.confirm", function()
  it("goes with the code that asks, and hides nothing", function(ctx)
    local task, screen = beside(function()
      ctx.ui.confirm({ title = "Run it?", text = "rm \u{202e}x" })
    end)
    screen:wait_for("rm <U+202E>x")
    task:cancel()
    screen:wait_for("Run it?", { gone = true })
  end)

  it("answers yes or no", function(ctx)
    for key, answer in pairs({ y = true, n = false, enter = false }) do
      local task, screen = beside(function()
        return ctx.ui.confirm({ title = "Delete it?", text = "It is gone then." })
      end)
      screen:wait_for("It is gone then.")
      screen:key(key)
      expect(task:join()):is(answer)
    end
  end)
end)

describe("ctx.ui.input", function()
  it("answers what was written", function(ctx)
    local task, screen = beside(function()
      return ctx.ui.input({ title = "Name", value = "zi" })
    end)
    screen:wait_for("Name")
    screen:type("!")
    screen:key("enter")
    expect(task:join()):is("zi!")
  end)

  it("hides a password", function(ctx)
    local task, screen = beside(function()
      return ctx.ui.input({ title = "Key", password = true })
    end)
    screen:wait_for("Key")
    screen:paste("secret")
    expect(screen):contains("••••••")
    expect(screen):never():contains("secret")
    screen:key("enter")
    expect(task:join()):is("secret")
  end)
end)

describe("ctx.ui.edit", function()
  it("answers a text of several lines", function(ctx)
    local task, screen = beside(function()
      return ctx.ui.edit({ title = "Note", text = "one" })
    end)
    screen:wait_for("Note")
    screen:key("alt+enter")
    screen:type("two")
    screen:key("enter")
    expect(task:join()):is("one\ntwo")
  end)
end)

describe("ctx.ui.open", function()
  it("asks before it opens anything", function(ctx)
    local task, screen = beside(function()
      return ctx.ui.open("https://example.com/")
    end)
    screen:wait_for("https://example.com/")
    screen:key("n")
    expect(task:join()):is_false()
  end)

  it("opens nothing but web addresses", function(ctx)
    local opened, err = ctx.ui.open("file:///etc/passwd")
    expect(opened):is_nil()
    expect(tostring(err)):contains("web addresses")
  end)
end)

describe("ctx.ui and ctx.editor", function()
  it("raise an error with their name or answer, whatever they are given", function(ctx)
    local values = { nil, true, -1, 0 / 0, "", "\255\0", ("y"):rep(100000), {}, { 1, nil, 3 }, print }
    values[#values + 1] = { id = {}, root = 5, view = 7, items = "x", width = 1e99, data = {} }
    values[#values + 1] = { id = "v", root = { type = "view", children = { 5, print } } }
    values[#values + 1] = setmetatable({}, { __index = function() error("index") end })
    local names = { "render", "frame", "notify", "notify_clear", "title", "copy" }
    local function try(where, name, ...)
      local ok, err = pcall(ctx[where][name], ...)
      local text = tostring(err)
      local is_named = text:find(("ctx.%s.%s"):format(where, name), 1, true) or text:find("index")
      expect(ok or is_named ~= nil):is_true()
    end
    for first = 1, 14 do
      for second = 1, 14 do
        for _, name in ipairs(names) do
          try("ui", name, values[first], values[second])
        end
      end
      for _, name in ipairs({ "set_text", "insert_text", "clear", "text" }) do
        try("editor", name, values[first])
      end
      for _, name in ipairs({ "wait", "select", "confirm", "input", "edit", "open" }) do
        local given = values[first]
        local waits = name ~= "wait" and type(given) == "table"
        if not waits then try("ui", name, given, { timeout_ms = 1 }) end
      end
    end
    expect(zi.test.screen():text()):is_a("string")
  end)
end)
