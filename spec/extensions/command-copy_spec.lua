describe("command-copy", function()
  local ANSWER = "Here:\n```lua\nprint(1)\n```\nand\n```sh\nls\n```"

  local function talk()
    zi.test.model():reply(ANSWER)
    zi.test.prompt("show me")
  end

  it("copies the last answer, its last code, or the turn", function()
    local screen = zi.test.screen()
    talk()
    zi.test.command("/copy")
    expect(screen:clipboard()):is(ANSWER)
    zi.test.command("/copy code")
    expect(screen:clipboard()):is("ls")
    zi.test.command("/copy turn")
    expect(screen:clipboard()):contains("You:\nshow me")
    expect(screen:clipboard()):contains("zi:\nHere:")
  end)

  it("says that there is nothing to copy", function()
    zi.test.screen()
    zi.test.command("/copy")
    expect(zi.test.notices()[1].text):contains("nothing to copy")
  end)

  it("looks for a text", function()
    zi.test.screen()
    zi.test.command("/jump needle")
    expect(zi.test.events("screen:action")[1]):equals({
      type = "screen:action",
      action = "search",
      argument = "needle",
    })
  end)
end)
