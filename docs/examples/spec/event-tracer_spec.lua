describe("event-tracer", function()
  local function load(name)
    zi.test.load("../event-tracer.lua", { flags = { trace = zi.test.workspace .. "/" .. name } })
  end

  local function lines(name)
    local events = {}
    for _, line in ipairs(zi.text.lines(zi.test.read(name) or "")) do
      events[#events + 1] = zi.json.decode(line)
    end
    return events
  end

  it("does nothing without its flag", function()
    zi.test.model():reply("ok")
    zi.test.prompt("hi")
    expect(zi.fs.list(".")):has_length(0)
  end)

  it("writes the events of a run in their order", function()
    load("trace.jsonl")
    zi.test.model():reply({ tool_call = { name = "ls", arguments = {} } }):reply("ok")
    zi.test.prompt("hi")
    local place = {}
    for index, line in ipairs(lines("trace.jsonl")) do
      place[line.event.type] = place[line.event.type] or index
      expect(line.at):is_a("number")
    end
    local order =
      { "input", "agent_start", "before_provider_request", "tool_call", "tool_result", "agent_end" }
    for index = 2, #order do
      expect(place):has_keys(order[index - 1], order[index])
      expect(place[order[index - 1]] < place[order[index]]):is_true()
    end
  end)

  it("keeps lines short", function()
    load("trace.jsonl")
    zi.test.model():reply("ok")
    zi.test.prompt(("x"):rep(100000))
    local longest = 0
    for line in zi.test.read("trace.jsonl"):gmatch("[^\n]+") do
      longest = math.max(longest, #line)
    end
    expect(longest <= 16 * 1024):is_true()
    expect(lines("trace.jsonl")[1].bytes > 100000):is_true()
  end)

  it("sets a full file aside", function()
    zi.test.file("trace.jsonl", ("x"):rep(8 * 1024 * 1024))
    load("trace.jsonl")
    zi.test.model():reply("ok")
    zi.test.prompt("hi")
    expect(#zi.test.read("trace.jsonl.1")):is(8 * 1024 * 1024)
    expect(lines("trace.jsonl")[1].event.type):is("input")
  end)

  it("is not in the way when it cannot write", function()
    load("no/such/folder")
    expect(zi.test.tool("ls").outcome):is("ok")
  end)
end)
