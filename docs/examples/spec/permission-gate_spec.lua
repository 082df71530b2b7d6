describe("permission-gate", function()
  before_each(function()
    zi.test.screen(false)
  end)

  local function outcome(command)
    return zi.test.tool("bash", { command = command }).outcome
  end

  it("lets ordinary commands through", function()
    local commands = {
      "true",
      "ls -f",
      "cat /dev/null",
      "rm my-rare-file",
      "rm x\nls -r",
      "rm x; ls -r",
      "git push --follow-tags",
      "git clean -n some-file",
      "echo --rm -f",
      "echo x | sha256sum",
      "farm -r",
    }
    for _, command in ipairs(commands) do
      expect(command .. ": " .. outcome(command)):never():is(command .. ": blocked")
    end
  end)

  it("blocks what looks destructive where nobody can be asked", function()
    local commands = {
      "rm -rf build",
      "cd x && rm  --recursive y",
      "git reset --hard HEAD~1",
      "git -C sub clean -xfd",
      "git push origin main --force",
      "git push -f",
      "/bin/rm a -fr b",
      "find . -name '*.o' -delete",
      "dd if=/dev/zero of=disk.img",
      "sudo true",
      "cat script | sh",
      "chmod -R 777 .",
    }
    for _, command in ipairs(commands) do
      expect(command .. ": " .. outcome(command)):is(command .. ": blocked")
    end
  end)

  it("says how to allow it", function()
    local text = zi.test.tool("bash", { command = "rm -r x" }).text
    expect(text):contains("would delete files for good")
    expect(text):contains("--allow-destructive")
    expect(text):contains("extensions.permission-gate.allow")
  end)

  it("runs a command that the settings allow, and nothing behind it", function()
    zi.test.load("../permission-gate.lua", { settings = { allow = { "rm -rf build" } } })
    expect(outcome("rm -rf build")):is("ok")
    expect(outcome("rm -rf build src")):is("blocked")
  end)

  it("lets everything through with its flag", function()
    zi.test.load("../permission-gate.lua", { flags = { ["allow-destructive"] = true } })
    expect(outcome("rm -rf nothing-there")):is("ok")
  end)

  it("asks whoever sits before the screen", function()
    local screen = zi.test.screen()
    for key, answer in pairs({ y = "ok", n = "blocked", escape = "blocked" }) do
      local asked = zi.task.spawn(function()
        return outcome("rm -rf nothing-there")
      end)
      screen:wait_for("This would delete files for good. Run it?")
      screen:key(key)
      expect(asked:join()):is(answer)
    end
  end)

  it("looks at calls of extensions, too", function(ctx)
    expect(ctx.tools.call("bash", { command = "rm -rf x" }).outcome):is("blocked")
  end)
end)
