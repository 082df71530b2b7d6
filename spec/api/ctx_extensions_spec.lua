describe("ctx.extensions", function()
  it("list tells what there is and what it costs", function(ctx)
    local found
    for _, one in ipairs(ctx.extensions.list()) do
      if one.id == "tool-bash" then found = one end
    end
    expect(found.source):is("builtin")
    expect(found.state):is("loaded")
    expect(found.tools):is(1)
    expect(found.errors):is(0)
    expect(found.memory > 10000):is_true()
  end)

  it("reload waits and answers what it did", function(ctx)
    local done = ctx.extensions.reload("tool-ls")
    expect(done.loaded):equals({ "tool-ls" })
    expect(done.failed):has_length(0)
    expect(ctx.extensions.reload("no-such-extension").loaded):has_length(0)
  end)
end)

describe("ctx.reload", function()
  it("reloads beside and tells the user", function(ctx)
    ctx.reload("tool-ls")
    zi.test.emit("spec:settle")
    expect(zi.test.notices()[1].text):is("reloaded tool-ls")
  end)

  it("log gives the end of a log", function(ctx)
    zi.log.info("first")
    zi.log.info("second")
    local text = ctx.extensions.log(ctx.extension.id, { lines = 1 })
    expect(text):contains("second")
    expect(text):never():contains("first")
    local none, err = ctx.extensions.log("nobody")
    expect(none):is_nil()
    expect(err.kind):is("not_found")
  end)
end)
