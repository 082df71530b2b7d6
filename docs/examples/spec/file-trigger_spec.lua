describe("file-trigger", function()
  local model

  -- Looks at the file until something was said, and answers the runs of that. A look is over when
  -- the next one can begin, so three are enough for whatever the first one finds.
  local function said()
    for _ = 1, 3 do
      zi.test.clock.next()
      local runs = zi.test.command("/settle").runs
      if #runs > 0 then return runs end
    end
    fail("nothing was said")
  end

  -- Whether nothing is said of what the file holds now.
  local function is_quiet()
    for _ = 1, 4 do
      zi.test.clock.next()
    end
    return #zi.test.command("/settle").runs == 0
  end

  before_each(function()
    zi.test.clock.freeze()
    model = zi.test.model()
    zi.command({ name = "settle", handler = function() end })
  end)

  it("says what is written into the file", function()
    zi.test.command("/watch inbox.txt")
    expect(is_quiet()):is_true()
    zi.test.file("inbox.txt", "build it")
    model:reply("built")
    local runs = said()
    expect(runs[1].messages[1].text):is("build it")
    expect(runs[1].text):is("built")
    expect(is_quiet()):is_true()
  end)

  it("says it again when it changes, and nothing that was there before", function()
    zi.test.file("inbox.txt", "old")
    zi.test.command("/watch inbox.txt")
    expect(is_quiet()):is_true()
    for _, text in ipairs({ "newer", "newest" }) do
      zi.test.file("inbox.txt", text)
      model:reply("ok")
      expect(said()[1].messages[1].text):is(text)
    end
  end)

  it("waits until the file stays as it is", function()
    zi.test.command("/watch inbox.txt")
    zi.test.file("inbox.txt", "ha")
    zi.test.clock.next()
    zi.test.file("inbox.txt", "half")
    model:reply("ok")
    local runs = said()
    expect(runs[1].messages[1].text):is("half")
    expect(is_quiet()):is_true()
  end)

  it("keeps quiet about an empty file and one that goes away", function()
    local path = zi.test.file("inbox.txt", "old")
    zi.test.command("/watch inbox.txt")
    zi.test.file("inbox.txt", "\n")
    expect(is_quiet()):is_true()
    zi.fs.remove(path)
    expect(is_quiet()):is_true()
    expect(zi.test.notices()):has_length(1)
  end)

  it("ends when it is told to", function()
    zi.test.command("/watch inbox.txt")
    zi.test.command("/watch")
    zi.test.file("inbox.txt", "build it")
    zi.test.clock.advance(5000)
    expect(zi.test.command("/settle").runs):has_length(0)
  end)
end)
