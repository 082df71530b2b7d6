describe("working", function()
  it("shows that zi works, and goes when it is done", function()
    local screen = zi.test.screen()
    zi.test.emit("session_start", { reason = "startup" })
    zi.tool({
      name = "slow",
      description = "waits",
      parameters = {},
      execute = function()
        screen:wait_for("running slow")
        expect(screen):contains("esc stops")
        return "done"
      end,
    })
    local model = zi.test.model()
    model:reply({ tool_call = { name = "slow", arguments = {} } })
    model:reply("ok")
    zi.test.prompt("go")
    screen:wait_for("esc stops", { gone = true })
  end)
end)
