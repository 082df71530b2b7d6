describe("input-transform", function()
  local model

  local function sent(text)
    model:reply("ok")
    return zi.test.prompt(text).messages[1].text
  end

  before_each(function()
    model = zi.test.model()
  end)

  it("expands a shortcut with what follows it", function()
    expect(sent(";fix 100% of %1")):is(
      "Find out why this fails, fix the cause, and add a test: 100% of %1"
    )
    expect(sent(";review")):is("Review the changes that are not committed yet.")
  end)

  it("leaves everything else alone", function()
    for _, text in ipairs({ "fix it", "say ;fix", ";unknown thing", "; a comment", ";) hello" }) do
      expect(sent(text)):is(text)
    end
  end)

  it("lists the shortcuts instead of asking the model", function()
    for _, text in ipairs({ ";", ";fxi" }) do
      expect(zi.test.prompt(text).status):is("handled")
      expect(zi.test.notices()[1].text):matches("^;fix  .*\n;review  .*\n;tests  ")
    end
    expect(model.requests):has_length(0)
  end)

  it("does not touch what extensions say", function()
    zi.command({
      name = "say",
      handler = function(text, ctx)
        ctx.send_user_message(text)
      end,
    })
    model:reply("ok")
    expect(zi.test.command("/say ;fix x").runs[1].messages[1].text):is(";fix x")
  end)

  it("takes the shortcuts of the settings", function()
    local shortcuts = { hi = "Say hello." }
    zi.test.load("../input-transform.lua", { settings = { shortcuts = shortcuts } })
    expect(sent(";hi")):is("Say hello.")
    expect(sent(";fix x")):is(";fix x")
  end)
end)
