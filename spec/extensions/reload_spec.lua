describe("/reload-ext", function()
  it("reloads the extension that is named", function(ctx)
    local function generation()
      for _, one in ipairs(ctx.extensions.list()) do
        if one.id == "tool-read" then return one.generation end
      end
    end
    local before = generation()
    expect(zi.test.command("/reload-ext tool-read").status):is("ok")
    expect(generation() > before):is_true()
    expect(zi.test.notices()[1].text):is("reloaded tool-read")
  end)

  it("says when there is no such extension", function()
    zi.test.command("/reload-ext tool-raed")
    expect(zi.test.notices()[1].text):is("there is no extension `tool-raed`; did you mean `tool-read`?")
  end)
end)
