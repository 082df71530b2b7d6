describe("zi.text", function()
  it("width counts cells, not bytes", function()
    expect(zi.text.width("aé日")):is(4)
  end)

  it("truncate marks what it cuts, and never cuts a character", function()
    expect(zi.text.truncate("hello", 5)):is("hello")
    expect(zi.text.truncate("hello!", 5)):is("hell…")
    expect(zi.text.truncate("日本語", 4)):is("日…")
    expect(zi.text.truncate("x", 0)):is("")
  end)

  it("wrap breaks at blanks, and long words where it must", function()
    expect(zi.text.wrap("one two three", 7)):equals({ "one two", "three" })
    expect(zi.text.wrap("abcdef", 4)):equals({ "abcd", "ef" })
    expect(zi.text.wrap("a\n\nb", 4)):equals({ "a", "", "b" })
  end)

  it("clip keeps both ends", function()
    local head, tail, omitted = zi.text.clip(("a"):rep(10) .. ("z"):rep(10), 6)
    expect({ head, tail, omitted }):equals({ "aaa", "zzz", 14 })
    expect({ zi.text.clip("short", 10) }):equals({ "short", "", 0 })
  end)

  it("diff gives hunks and counts", function()
    local diff, counts = zi.text.diff("a\nb\n", "a\nc\n")
    expect(diff):is("@@ -1,2 +1,2 @@\n a\n-b\n+c\n")
    expect(counts):equals({ added = 1, removed = 1 })
    expect((zi.text.diff("same", "same"))):is("")
  end)

  it("similarity goes from 0 to 1", function()
    expect(zi.text.similarity("read", "read")):is(1.0)
    expect(zi.text.similarity("abc", "xyz")):is(0.0)
    expect(zi.text.similarity("praser", "parser") > 0.7):is_true()
  end)

  it("lines takes either end of a line", function()
    expect(zi.text.lines("a\r\nb\n\nc")):equals({ "a", "b", "", "c" })
    expect(zi.text.lines("")):equals({})
  end)

  it("is_utf8 and to_utf8 deal with bytes that are none", function()
    expect(zi.text.is_utf8("é")):is_true()
    expect(zi.text.is_utf8("\xff")):is_false()
    expect(zi.text.to_utf8("a\xffb")):is("a\u{FFFD}b")
  end)

  it("strip_ansi takes terminal control out", function()
    expect(zi.text.strip_ansi("\27[31mred\27[0m\7\tx\n")):is("red\tx\n")
    expect(zi.text.strip_ansi("\27]52;c;c2VjcmV0\7ok")):is("ok")
  end)

  it("tokens counts four bytes each", function()
    expect(zi.text.tokens("12345")):is(2)
  end)

  it("names the function whose text is none", function()
    for _, name in ipairs({ "width", "truncate", "wrap", "clip", "strip_ansi" }) do
      expect(function()
        zi.text[name]({}, 5)
      end):errors(("^zi%%.text%%.%s: `text` must be a string, not table"):format(name))
    end
  end)
end)

describe("zi.text.fuzzy", function()
  local function found(needle, items, opts)
    local texts = {}
    for _, one in ipairs(zi.text.fuzzy(needle, items, opts)) do
      texts[#texts + 1] = one.text
    end
    return texts
  end

  it("finds letters in their order, the best first", function()
    expect(found("fb", { "prelude", "foo_bar", "fb" })):equals({ "fb", "foo_bar" })
    expect(found("foo !^bar", { "foo", "barfoo", "bar/foo" })):equals({ "foo" })
    expect(zi.text.fuzzy("bar", { "foo", "bar" })[1].index):is(2)
  end)

  it("keeps the order without a needle, and the limit", function()
    expect(found("", { "b", "a", "c" }, { limit = 2 })):equals({ "b", "a" })
  end)

  it("names what is wrong", function()
    expect(function()
      zi.text.fuzzy("x", "y")
    end):errors("^zi%.text%.fuzzy: `items` must be an array, not string")
  end)
end)
