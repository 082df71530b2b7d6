describe("animation", function()
  local function has_python() return zi.system({ "sh", "-c", "command -v python3" }).code == 0 end

  it("plays until it is asked again, and no Lua sees its frames", function()
    if not has_python() then return end
    local seen = 0
    zi.on("job_stdout", function() seen = seen + 1 end)
    for _, scene in ipairs({ "plasma", "life", "logo" }) do
      local ended = #zi.test.events("animation:ended")
      zi.test.command("/animation " .. scene)
      expect(zi.job.list()):has_length(1)
      zi.test.command("/animation")
      while #zi.test.events("animation:ended") == ended do
        zi.task.sleep(5)
      end
    end
    expect(zi.job.list()):has_length(0)
    expect(seen):is(0)
  end)
end)
