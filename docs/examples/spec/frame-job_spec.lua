describe("frame-job", function()
  local function ended()
    while #zi.test.events("plasma:ended") == 0 do
      zi.task.sleep(5)
    end
    return zi.test.events("plasma:ended")[1].data
  end

  it("draws frames that are whole, and no Lua sees them", function()
    local seen = 0
    zi.on("job_stdout", function() seen = seen + 1 end)
    zi.test.command("/plasma 2")
    expect(ended().code):is(0)
    expect(seen):is(0)
    expect(zi.test.notices()):has_length(0)
  end)

  it("ends when it is asked again", function()
    zi.test.command("/plasma")
    zi.test.command("/plasma")
    ended()
    expect(zi.job.list()):has_length(0)
  end)
end)
