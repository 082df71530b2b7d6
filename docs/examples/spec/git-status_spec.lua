describe("git-status", function()
  local function git(...)
    local result = zi.system({ "git", ... })
    expect(result.stderr .. result.code):matches("0$")
  end

  local function sent()
    local model = zi.test.model():reply("ok")
    zi.test.prompt("hi")
    return model.requests[1].messages
  end

  it("says nothing outside of a repository", function()
    expect(sent()):has_length(1)
    local result = zi.test.tool("git_status")
    expect(result.is_error):is_true()
    expect(result.text):contains("not a git repository")
  end)

  it("tells the branch and the changed files, for one run", function(ctx)
    git("init", "--quiet", "--initial-branch=work")
    zi.test.file("a b.txt", "x")
    local messages = sent()
    expect(messages):has_length(2)
    expect(messages[2].content):contains("Branch No commits yet on work; changed files:\n?? ")
    expect(messages[2].content):contains("a b.txt")
    expect(sent()):has_length(4)
    expect(ctx.session.messages()):has_length(4)
  end)

  it("shortens a long list", function()
    git("init", "--quiet")
    for number = 1, 50 do
      zi.test.file(("f%d"):format(number), "x")
    end
    expect(zi.test.tool("git_status").text):matches("… and 10 more$")
  end)

  it("runs no program that the repository names", function()
    git("init", "--quiet")
    git("config", "core.fsmonitor", "touch ran; false")
    zi.test.tool("git_status")
    expect(zi.test.read("ran")):is_nil()
  end)
end)
