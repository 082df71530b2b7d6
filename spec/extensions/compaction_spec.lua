describe("compaction", function()
  local model

  -- Three exchanges; after the last the conversation is nearly full, as the model reports it.
  local function fill(first)
    zi.test.prompt(first or "the first thing")
    zi.test.prompt("the second thing")
    return zi.test.prompt("the third thing")
  end

  before_each(function()
    model = zi.test.model({ context_window = 1000 }):reply("one"):reply("two")
    model:reply({ text = ("word "):rep(4000), usage = { input = 900, output = 90 } })
  end)

  it("summarises the older part when the conversation is nearly full", function()
    model:reply("SUMMARY"):reply("four")
    fill()
    zi.test.prompt("the fourth thing")
    local asked = model.requests[4]
    expect(asked.messages[1].content):contains("You write the notes")
    expect(asked.messages[1].content):contains('<message from="user">\nthe first thing\n</message>')
    expect(asked.tools):has_length(0)
    local seen = model.requests[5].messages
    expect(seen[1].content):contains("SUMMARY")
    expect(seen[2].content):is("the second thing")
  end)

  it("shortens what is too long to be read twice", function()
    model:reply("SUMMARY")
    fill(("x"):rep(9000))
    expect(model.requests[4].messages[1].content):contains("[… 5000 bytes …]")
  end)

  it("leaves the conversation as it is when the summary fails", function()
    model:reply({ error = { kind = "auth", message = "no key" } })
    expect(fill().status):is("ok")
    expect(zi.test.events("session_compact")):has_length(0)
    local notices = zi.test.notices()
    expect(notices[#notices].text):contains("the summary failed: no key")
  end)

  it("makes room when the provider says that the request is too long", function()
    local small = zi.test.model():reply("one"):reply("two")
    small:reply({ error = { kind = "context_overflow" } }):reply("SUMMARY"):reply("now it fits")
    expect(fill().text):is("now it fits")
    expect(zi.test.events("session_compact")[1].reason):is("overflow")
  end)

  it("gives way to an extension that summarises itself", function()
    zi.on("session_before_compact", function()
      return { compaction = { summary = "mine" } }
    end)
    model:reply("four")
    fill()
    zi.test.prompt("the fourth thing")
    expect(model.requests[4].messages[1].content):contains("mine")
  end)
end)
