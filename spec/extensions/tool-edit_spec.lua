describe("tool edit", function()
  local function edit(params)
    return zi.test.tool("edit", params)
  end

  before_each(function()
    zi.test.file("a.txt", "one\ntwo\nthree\ntwo again\n")
  end)

  it("replaces a passage", function()
    local result = edit({ path = "a.txt", edits = { { old_text = "three", new_text = "3" } } })
    expect(result.text):contains("1 place replaced (+1 -1 lines)")
    expect(zi.test.read("a.txt")):is("one\ntwo\n3\ntwo again\n")
  end)

  it("makes all edits or none", function()
    local before = zi.test.read("a.txt")
    local result = edit({
      path = "a.txt",
      edits = {
        { old_text = "one", new_text = "1" },
        { old_text = "nowhere", new_text = "x" },
      },
    })
    expect(result.is_error):is_true()
    expect(result.text):contains("`a.txt` was not changed.")
    expect(zi.test.read("a.txt")):is(before)
  end)

  it("refuses a passage that is there twice, unless all are meant", function()
    local edits = { { old_text = "two", new_text = "2" } }
    expect(edit({ path = "a.txt", edits = edits }).is_error):is_true()
    edits[1].replace_all = true
    expect(edit({ path = "a.txt", edits = edits }).is_error):is_false()
    expect(zi.test.read("a.txt")):is("one\n2\nthree\n2 again\n")
  end)

  it("keeps CRLF", function()
    zi.test.file("dos.txt", "a\r\nb\r\n")
    edit({ path = "dos.txt", edits = { { old_text = "a\nb", new_text = "c\nd" } } })
    expect(zi.test.read("dos.txt")):is("c\r\nd\r\n")
  end)

  it("takes the names and the shape that other tools use", function()
    edit({ file_path = "a.txt", old_string = "one", new_string = "1" })
    expect(zi.test.read("a.txt")):matches("^1\n")
    edit({ path = "a.txt", edits = '[{"oldText":"three","newText":"3"}]' })
    expect(zi.test.read("a.txt")):contains("\n3\n")
  end)

  it("sends one who wants a new file to write", function()
    local result = edit({ path = "b.txt", edits = { { old_text = "a", new_text = "b" } } })
    expect(result.is_error):is_true()
    expect(result.text):contains("Use write to make a new one.")
  end)
end)
