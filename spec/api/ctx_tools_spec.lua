describe("ctx.tools", function()
  it("list tells of every tool and whether it is active", function(ctx)
    ctx.tools.set_active({ "ls" })
    local active = {}
    for _, tool in ipairs(ctx.tools.list()) do
      active[tool.name] = tool.active
    end
    expect(active.ls):is_true()
    expect(active.read):is_false()
  end)

  it("set_active narrows what the model gets", function(ctx)
    local model = zi.test.model():reply("one"):reply("two")
    ctx.tools.set_active({ "ls", "read" })
    expect(ctx.tools.active()):equals({ "ls", "read" })
    zi.test.prompt("hi")
    expect(model.requests[1].tools):has_length(2)
    ctx.tools.set_active(nil)
    zi.test.prompt("hi")
    expect(#model.requests[2].tools > 2):is_true()
  end)

  it("call goes past the same checks as the model's calls", function(ctx)
    zi.test.file("a.txt", "x")
    local source
    zi.on("tool_call", function(event)
      source = event.source
      if event.input.path == "secret" then return { block = true, reason = "no" } end
    end)
    expect(ctx.tools.call("read", { path = "a.txt" }).content[1].text):is("x")
    expect(source):is("extension")
    local refused = ctx.tools.call("read", { path = "secret" })
    expect(refused.outcome):is("blocked")
    expect(refused.is_error):is_true()
  end)

  it("call names a tool that may be meant", function(ctx)
    expect(ctx.tools.call("raed").content[1].text):matches("There is no tool `raed`.*read")
  end)

  it("call takes a name and data", function(ctx)
    expect(function()
      ctx.tools.call()
    end):errors("^ctx%.tools%.call: `name` must be a string, not nothing")
    expect(function()
      ctx.tools.call("ls", { f = print })
    end):errors("^ctx%.tools%.call: `params`: .*f")
  end)
end)
