describe("context-files", function()
  local model

  before_each(function()
    model = zi.test.model():reply("ok")
  end)

  local function system_prompt()
    zi.test.prompt("hi")
    return model.requests[1].system_prompt
  end

  it("puts AGENTS.md of the working directory into the system prompt", function()
    local path = zi.test.file("AGENTS.md", "Use tabs.\n\n")
    expect(system_prompt()):contains(('<file path="%s">\nUse tabs.\n</file>'):format(path))
  end)

  it("takes CLAUDE.md where there is no AGENTS.md", function()
    zi.test.file("CLAUDE.md", "second")
    expect(system_prompt()):contains("second")
  end)

  it("leaves CLAUDE.md beside an AGENTS.md alone", function()
    zi.test.file("AGENTS.md", "first")
    zi.test.file("CLAUDE.md", "second")
    expect(system_prompt()):never():contains("second")
  end)

  it("puts the user's own file before the project's", function()
    zi.fs.write(zi.path.join(zi.dirs.config, "AGENTS.md"), "mine")
    zi.test.file("AGENTS.md", "theirs")
    expect(system_prompt()):matches("mine.*theirs")
  end)

  it("shortens a file that is too long and says by how much", function()
    zi.test.file("AGENTS.md", ("x"):rep(64 * 1024 + 100))
    expect(system_prompt()):contains("[… 100 bytes are left out here …]")
  end)

  it("goes on when a file cannot be read", function()
    zi.fs.mkdir("AGENTS.md")
    expect(zi.test.prompt("hi").status):is("ok")
  end)
end)
