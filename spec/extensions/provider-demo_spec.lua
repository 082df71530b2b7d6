describe("provider-demo", function()
  before_each(function()
    zi.test.use_model("demo")
  end)

  it("reads a file when it is asked to", function()
    zi.test.file("a.txt", "what it holds\n")
    local run = zi.test.prompt("read a.txt")
    expect(run.status):is("ok")
    expect(run.tool_results[1].tool_name):is("read")
    expect(run.text):contains("what it holds")
  end)

  it("replaces a word in a file", function()
    zi.test.file("a.txt", "hello you\n")
    zi.test.prompt("replace hello by goodbye in a.txt")
    expect(zi.test.read("a.txt")):is("goodbye you\n")
  end)

  it("tells what it can do when no rule fits", function()
    expect(zi.test.prompt("be wise").text):contains("I am zi's demo")
  end)

  it("calls no tool that it was not given", function(ctx)
    ctx.tools.set_active({ "ls" })
    local run = zi.test.prompt("read a.txt")
    expect(run.text):is("I would need the tool `read`, which I was not given.")
  end)

  it("speaks a few words at a time", function()
    zi.test.prompt("be wise")
    expect(#zi.test.events("message_update") > 1):is_true()
  end)

  it("reports what it used", function()
    local usage = zi.test.prompt("be wise").usage
    expect(usage.input > 100 and usage.output > 10):is_true()
  end)
end)
