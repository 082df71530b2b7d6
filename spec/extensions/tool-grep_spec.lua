describe("tool grep", function()
  local function grep(params)
    return zi.test.tool("grep", params)
  end

  before_each(function()
    zi.test.file("a.lua", "local one = 1\nlocal two = 2\nreturn one + two\n")
    zi.test.file("src/b.rs", "fn one() {}\n")
  end)

  it("gives path, line and text, sorted by path", function()
    local result = grep({ pattern = "one" })
    expect(zi.text.lines(result.text)):equals({
      "a.lua:1: local one = 1",
      "a.lua:3: return one + two",
      "src/b.rs:1: fn one() {}",
    })
    expect(result.details):equals({ matches = 3, files = 2, truncated = false })
  end)

  it("looks into files that fit the glob only", function()
    expect(grep({ pattern = "one", glob = "*.rs" }).text):is("src/b.rs:1: fn one() {}")
  end)

  it("takes a text literally when asked to", function()
    expect(grep({ pattern = "one()", literal = true }).text):contains("b.rs:1")
    expect(grep({ pattern = "one + t", literal = true }).text):contains("a.lua:3")
  end)

  it("shows lines around a match", function()
    local text = grep({ pattern = "two = 2", context = 1 }).text
    expect(text):is("a.lua-1- local one = 1\na.lua:2: local two = 2\na.lua-3- return one + two")
  end)

  it("says that there are more matches than it shows", function()
    local result = grep({ pattern = "o", limit = 1 })
    expect(result.details.truncated):is_true()
    expect(result.text):contains("There are more matches than these 1.")
  end)

  it("says that nothing matches, and what was left out", function()
    expect(grep({ pattern = "absent" }).text):contains("No matches.")
  end)

  it("leaves ignored files out", function()
    zi.test.file(".ignore", "src/\n")
    expect(grep({ pattern = "one", path = "." }).text):never():contains("b.rs")
  end)

  it("tells what is wrong with a pattern", function()
    local result = grep({ pattern = "(" })
    expect(result.is_error):is_true()
    expect(result.text):contains("unclosed group")
    expect(result.text):never():contains("zi.fs.grep")
  end)
end)
