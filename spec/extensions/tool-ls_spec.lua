describe("tool ls", function()
  local function ls(params)
    return zi.test.tool("ls", params)
  end

  it("lists folders first, then files with their size", function()
    zi.test.file("b.txt", "12345")
    zi.test.file("a.txt", "")
    zi.test.file("z/x", "")
    expect(ls().text):is("z/\na.txt  0 bytes\nb.txt  5 bytes")
  end)

  it("shows hidden files", function()
    zi.test.file(".env", "x")
    expect(ls({ path = "." }).text):contains(".env")
  end)

  it("says that a folder is empty", function()
    expect(ls({ path = "." }).text):is("`.` is empty.")
  end)

  it("says how many entries it left out", function()
    for index = 1, 4 do
      zi.test.file("f" .. index, "")
    end
    local result = ls({ limit = 3 })
    expect(result.text):contains("[These are 3 of 4 entries.")
    expect(result.details):equals({ count = 4, truncated = true })
  end)

  it("sends one who names a file to read", function()
    zi.test.file("a.txt", "")
    local result = ls({ path = "a.txt" })
    expect(result.is_error):is_true()
    expect(result.text):is("`a.txt` is a file; read shows it.")
  end)

  it("names a folder that may be meant", function()
    zi.test.file("source/x", "")
    expect(ls({ path = "sorce" }).text):contains("Did you mean `source`?")
  end)
end)
