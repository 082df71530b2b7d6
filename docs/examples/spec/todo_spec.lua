describe("todo", function()
  local function todo(params)
    return zi.test.tool("todo", params)
  end

  local function last_notice()
    local notices = zi.test.notices()
    return notices[#notices].text
  end

  it("keeps what the model notes", function()
    expect(todo({ action = "list" }).text):is("Nothing is to do.")
    todo({ action = "add", text = "tests" })
    todo({ action = "add", text = "docs" })
    expect(todo({ action = "done", number = 1 }).text):is("1. [x] tests\n2. [ ] docs")
    expect(todo({ action = "remove", number = 1 }).text):is("1. [ ] docs")
  end)

  it("tells the model what a call lacks", function()
    expect(todo({ action = "add" }).text):contains("needs `text`")
    expect(todo({ action = "done", number = 3 }).is_error):is_true()
    expect(todo({ action = "clear" }).is_error):is_true()
  end)

  it("is the same list for the user", function()
    todo({ action = "add", text = "tests" })
    zi.test.command("/todo docs")
    expect(last_notice()):is("1. [ ] tests\n2. [ ] docs")
    zi.test.command("/todo")
    expect(last_notice()):is("1. [ ] tests\n2. [ ] docs")
  end)

  it("follows the user to another branch and back", function(ctx)
    todo({ action = "add", text = "common" })
    local fork = ctx.session.leaf()
    todo({ action = "add", text = "only here" })
    local here = ctx.session.leaf()

    ctx.session.navigate(fork)
    zi.test.command("/todo")
    expect(last_notice()):is("1. [ ] common")
    zi.test.command("/todo only there")
    expect(last_notice()):is("1. [ ] common\n2. [ ] only there")

    ctx.session.navigate(here)
    zi.test.command("/todo")
    expect(last_notice()):is("1. [ ] common\n2. [ ] only here")
  end)

  it("is no part of what the model is shown", function()
    todo({ action = "add", text = "secret plan" })
    local model = zi.test.model():reply("hi")
    zi.test.prompt("hello")
    expect(model.requests[1].messages):has_length(1)
  end)
end)
