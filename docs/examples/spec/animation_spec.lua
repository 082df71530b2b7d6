describe("animation", function()
  local function has_python() return zi.system({ "sh", "-c", "command -v python3" }).code == 0 end

  it("plays until it is closed, and no Lua sees its frames", function()
    if not has_python() then return end
    local screen, seen = zi.test.screen(), 0
    zi.on("job_stdout", function() seen = seen + 1 end)
    for _, scene in ipairs({ "plasma", "life", "logo" }) do
      local ended = #zi.test.events("animation:ended")
      zi.test.command("/animation " .. scene)
      screen:wait_for("▀", { timeout_ms = 10000 })
      screen:key("2", "q")
      while #zi.test.events("animation:ended") == ended do
        zi.task.sleep(5)
      end
      expect(screen):never():contains("▀")
    end
    expect(seen):is(0)
  end)
end)
