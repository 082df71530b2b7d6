describe("tool find", function()
  local function find(params)
    return zi.test.tool("find", params)
  end

  before_each(function()
    zi.test.file("a.lua", "")
    zi.test.file("src/b.lua", "")
    zi.test.file("src/deep/c.rs", "")
    zi.test.file(".hidden/d.lua", "")
  end)

  it("matches a pattern without a slash against names at any depth", function()
    expect(find({ pattern = "*.lua" }).text):is("a.lua\nsrc/b.lua")
  end)

  it("gives paths that other tools can take when it looks into a folder", function()
    expect(find({ pattern = "**/*.rs", path = "src" }).text):is("src/deep/c.rs")
  end)

  it("finds folders when they are wanted", function()
    expect(find({ pattern = "*", type = "dir" }).text):is("src/\nsrc/deep/")
  end)

  it("finds hidden files when the pattern has the dot", function()
    expect(find({ pattern = ".hidden/*" }).text):is(".hidden/d.lua")
  end)

  it("says that there is more than it shows", function()
    local result = find({ pattern = "*", limit = 1 })
    expect(result.details):equals({ count = 1, truncated = true })
    expect(result.text):contains("There are more than these 1.")
  end)

  it("says that nothing fits", function()
    expect(find({ pattern = "*.py" }).text):contains("Nothing fits `*.py` in `.`.")
  end)

  it("refuses what is no folder and what is no pattern", function()
    expect(find({ pattern = "*", path = "a.lua" }).text):is("`a.lua` is not a folder.")
    expect(find({ pattern = "[" }).text):contains("`[` is no pattern")
  end)
end)
