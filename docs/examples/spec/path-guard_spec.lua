describe("path-guard", function()
  local function outcome(name, params)
    return zi.test.tool(name, params).outcome
  end

  local function link(target, name)
    expect(zi.system({ "ln", "-s", target, name }).code):is(0)
  end

  it("lets tools work inside the working directory", function()
    expect(outcome("write", { path = "a/b.txt", content = "x" })):is("ok")
    expect(outcome("read", { path = "./a/../a/b.txt" })):is("ok")
    expect(outcome("read", { path = zi.test.workspace .. "/a/b.txt" })):is("ok")
    expect(outcome("ls")):is("ok")
  end)

  it("blocks what lies outside", function()
    for _, path in ipairs({ "/etc/passwd", "../x", "a/../../x", "~/x" }) do
      expect(path .. ": " .. outcome("read", { path = path })):is(path .. ": blocked")
    end
    expect(outcome("write", { path = "../x", content = "x" })):is("blocked")
    -- A folder whose name only begins like the working directory's.
    expect(outcome("read", { path = zi.test.workspace .. "2/x" })):is("blocked")
  end)

  it("follows links", function()
    link("/etc", "out")
    link("inside.txt", "in.txt")
    zi.test.file("inside.txt", "x")
    expect(outcome("read", { path = "out/passwd" })):is("blocked")
    expect(outcome("write", { path = "out/new/x", content = "x" })):is("blocked")
    expect(outcome("read", { path = "in.txt" })):is("ok")
  end)

  it("blocks links that lead nowhere", function()
    link("../later.txt", "dangling")
    expect(outcome("write", { path = "dangling", content = "x" })):is("blocked")
  end)

  it("blocks protected files under any name", function()
    zi.test.file(".git/config", "x")
    zi.test.file("sub/.env", "x")
    link(".git/config", "harmless.txt")
    zi.test.file("settings.txt", "x")
    link("settings.txt", ".env")
    for _, path in ipairs({ ".git/config", "sub/.env", ".GIT/config", "harmless.txt", ".env" }) do
      expect(path .. ": " .. outcome("read", { path = path })):is(path .. ": blocked")
    end
    zi.test.file(".gitignore", "x")
    expect(outcome("read", { path = ".gitignore" })):is("ok")
  end)

  it("allows folders and protects names that the settings give", function()
    local settings = { also = { "/etc" }, protected = { "passwd" } }
    zi.test.load("../path-guard.lua", { settings = settings })
    expect(outcome("read", { path = "/etc/hostname" })):never():is("blocked")
    expect(outcome("read", { path = "/etc/passwd" })):is("blocked")
    zi.test.file(".env", "x")
    expect(outcome("read", { path = ".env" })):is("ok")
  end)
end)
