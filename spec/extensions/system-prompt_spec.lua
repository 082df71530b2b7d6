describe("system-prompt", function()
  local model

  before_each(function()
    model = zi.test.model():reply("ok")
  end)

  local function system_prompt()
    zi.test.prompt("hi")
    return model.requests[1].system_prompt
  end

  it("says what the tools are for and where it works", function()
    local text = system_prompt()
    expect(text):matches("^You are zi")
    expect(text):contains("- `read`: read a file or look at an image")
    expect(text):contains("The working directory is " .. zi.test.workspace .. ".")
  end)

  it("gives each guideline once", function()
    zi.on("system_prompt_options", function()
      return { guidelines = { "Only this once." } }
    end)
    local _, count = system_prompt():gsub("%- Only this once%.", "")
    expect(count):is(1)
  end)

  it("gives way to SYSTEM.md, to which APPEND_SYSTEM.md is added", function()
    zi.fs.write(zi.path.join(zi.dirs.config, "SYSTEM.md"), "Be brief.\n")
    zi.fs.write(zi.path.join(zi.dirs.config, "APPEND_SYSTEM.md"), "Be kind.\n")
    expect(system_prompt()):is("Be brief.\n\nBe kind.")
  end)

  it("lists the skills that extensions found", function()
    zi.on("system_prompt_options", function()
      return { skills = { { name = "deploy", description = "put a version online" } } }
    end)
    expect(system_prompt()):contains("- `deploy`: put a version online")
  end)

  it("comes after an extension that answers itself", function()
    zi.on("system_prompt", function()
      return { system_prompt = "mine" }
    end)
    expect(system_prompt()):is("mine")
  end)
end)
