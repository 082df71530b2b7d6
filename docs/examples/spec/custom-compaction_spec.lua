describe("custom-compaction", function()
  local model

  local function call(name, arguments)
    return { tool_call = { name = name, arguments = arguments } }
  end

  -- The newest messages stay as they are; three long answers push everything before them out.
  local function compact(ctx)
    for _, word in ipairs({ "red", "green", "blue" }) do
      model:reply((word .. " "):rep(1000))
      zi.test.prompt("say " .. word)
    end
    ctx.session.compact()
    model:reply("and on")
    zi.test.prompt("go on")
    return model.requests[#model.requests].messages[1].content
  end

  before_each(function()
    model = zi.test.model()
    zi.test.file("a.txt", "x")
    model:reply(call("read", { path = "a.txt" }))
    model:reply(call("write", { path = "b.txt", content = "y" }))
    model:reply("I copied it.")
    zi.test.prompt("copy a.txt to b.txt")
  end)

  it("keeps requests, files and the last answer, and asks no model", function(ctx)
    local summary = compact(ctx)
    expect(model.requests):has_length(3 + 3 + 1)
    expect(summary):contains("in order\n- copy a.txt to b.txt\n- say red\n")
    expect(summary):contains("were changed\n- b.txt\n")
    expect(summary):contains("were read\n- a.txt\n")
    expect(summary):matches("## The last answer\nred .* %[…%] .*red")
    expect(zi.test.events("session_compact")[1].from_extension):is("custom-compaction")
  end)

  it("carries what it kept through the next compaction", function(ctx)
    compact(ctx)
    model:reply(call("read", { path = "c.txt" })):reply("There is no such file.")
    zi.test.prompt("now c.txt")
    local summary = compact(ctx)
    expect(summary):contains("in order\n- copy a.txt to b.txt\n")
    expect(summary):contains("- go on\n- now c.txt\n")
    expect(summary):contains("were changed\n- b.txt\n")
    expect(summary):contains("were read\n- a.txt\n- c.txt\n")
    expect(select(2, summary:gsub("These are excerpts", ""))):is(1)
  end)

  it("keeps what another one summarised before", function(ctx)
    -- In its place something that leaves the summary to the bundle.
    zi.test.load(zi.test.file("custom-compaction.lua", "return function() end"))
    for _, word in ipairs({ "one", "two", "three" }) do
      model:reply(word)
      zi.test.prompt("say " .. word)
    end
    model:reply("The boat is blue.")
    ctx.session.compact()
    model:reply("ok")
    zi.test.prompt("hello")
    zi.test.load("../custom-compaction.lua")
    local summary = compact(ctx)
    expect(summary):contains("## Before that\nThe boat is blue.")
    expect(summary):contains("in order\n")
  end)
end)
