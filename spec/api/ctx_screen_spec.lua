describe("the screen's own controls", function()
  it("ctx.ui.keys lists what keys do, and the user's own come first", function(ctx)
    zi.test.screen()
    local by_key = {}
    for _, row in ipairs(ctx.ui.keys()) do
      by_key[row.key] = by_key[row.key] or row
    end
    expect(by_key.enter.what):is("submit")
    expect(by_key["ctrl+w"].what):is("kill_blank_word_left")
    zi.keymap("f5", "/compact", { description = "make room" })
    for _, row in ipairs(ctx.ui.keys()) do
      if row.key == "f5" then by_key.f5 = row end
    end
    expect(by_key.f5.what):is("/compact")
    expect(by_key.f5.about):is("make room")
  end)

  it("ctx.ui.commands lists them with their extensions", function(ctx)
    zi.test.screen()
    local found
    for _, command in ipairs(ctx.ui.commands()) do
      if command.name == "help" then found = command end
    end
    expect(found.extension):is("command-help")
    expect(found.description):matches("commands")
  end)

  it("ctx.ui.action does what a key does, and knows no others", function(ctx)
    zi.test.screen()
    ctx.ui.action("search", "needle")
    expect(zi.test.events("screen:action")[1].argument):is("needle")
    expect(function() ctx.ui.action("serch") end):errors("did you mean `search`")
  end)

  it("ctx.ui.size tells how large it is, and an event when that changes", function(ctx)
    local screen = zi.test.screen({ width = 60, height = 20 })
    expect({ ctx.ui.size() }):equals({ 60, 20 })
    screen:resize(30, 10)
    expect({ ctx.ui.size() }):equals({ 30, 10 })
    local told = zi.test.events("screen_resize")
    expect(told[#told].columns):is(30)
  end)

  it("ctx.ui.alert calls the user", function(ctx)
    zi.test.screen()
    ctx.ui.alert("look here")
    expect(zi.test.events("screen:alert")[1].text):is("look here")
  end)

  it("ctx.ui.theme chooses one of ctx.ui.themes", function(ctx)
    zi.test.screen()
    expect(ctx.ui.themes()):contains("dark")
    expect(ctx.ui.theme()):is("auto")
    expect(ctx.ui.theme("dark")):is("dark")
    local name, err = ctx.ui.theme("drak")
    expect(name):is_nil()
    expect(err.kind):is("invalid")
    expect(ctx.ui.theme()):is("dark")
  end)
end)
