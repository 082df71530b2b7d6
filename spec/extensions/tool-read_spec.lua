describe("tool read", function()
  local function read(params)
    return zi.test.tool("read", params)
  end

  it("gives the text as it is", function()
    zi.test.file("a.txt", "one\ntwo\n")
    local result = read({ path = "a.txt" })
    expect(result.text):is("one\ntwo\n")
    expect(result.details):equals({
      path = "a.txt",
      bytes = 8,
      first_line = 1,
      last_line = 2,
      total_lines = 2,
      truncated = false,
    })
  end)

  it("says how a part goes on", function()
    zi.test.file("a.txt", "1\n2\n3\n4\n5\n")
    expect(read({ path = "a.txt", offset = 2, limit = 2 }).text):is(
      "2\n3\n\n[Lines 2-3 of 5. Go on with offset=4.]"
    )
  end)

  it("refuses an offset past the end and tells the length", function()
    zi.test.file("a.txt", "1\n2\n")
    local result = read({ path = "a.txt", offset = 9 })
    expect(result.is_error):is_true()
    expect(result.text):contains("only 2 lines")
  end)

  it("names a file that may be meant", function()
    zi.test.file("parser.lua", "x")
    local result = read({ path = "praser.lua" })
    expect(result.is_error):is_true()
    expect(result.text):contains("Did you mean `parser.lua`?")
  end)

  it("tells of an empty file, a folder and a binary", function()
    zi.test.file("empty", "")
    zi.test.file("folder/x", "x")
    zi.test.file("binary", "a\0b")
    expect(read({ path = "empty" }).text):is("`empty` is empty.")
    expect(read({ path = "folder" }).text):contains("ls lists it")
    expect(read({ path = "binary" }).text):contains("is a binary file (3 bytes)")
  end)

  it("shows an image as a block", function()
    zi.test.file("dot.gif", "GIF89a\1\0\1\0\0\0\0;")
    local image = read({ path = "dot.gif" }).content[2]
    expect(image.type):is("image")
    expect(image.media_type):is("image/gif")
    expect(zi.hash.unbase64(image.data)):is(zi.test.read("dot.gif"))
  end)

  it("cuts a file of one long line and tells how to see more", function()
    zi.test.file("long", ("x"):rep(60 * 1024))
    local result = read({ path = "long" })
    expect(result.text):contains("cut after 51200 bytes")
    expect(result.details.truncated):is_true()
  end)

  it("shows CRLF as line feeds and says so", function()
    zi.test.file("dos.txt", "a\r\nb\r\n")
    expect(read({ path = "dos.txt" }).text):matches("^a\nb\n\n%[Lines end in CRLF")
  end)

  it("takes file_path for path", function()
    zi.test.file("a.txt", "x")
    expect(read({ file_path = "a.txt" }).text):is("x")
  end)
end)
