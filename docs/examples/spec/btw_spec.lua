describe("btw", function()
  local model

  local function last_notice()
    local notices = zi.test.notices()
    return notices[#notices]
  end

  before_each(function()
    model = zi.test.model():reply("We are building a boat.")
    zi.test.prompt("what are we doing?")
  end)

  it("answers with the conversation in mind and leaves no trace in it", function(ctx)
    model:reply("A boat, as I said."):reply("on we go")
    zi.test.command("/btw what was it?")
    expect(last_notice()):equals({ level = "info", text = "A boat, as I said." })
    local asked = model.requests[2]
    expect(asked.messages):has_length(3)
    expect(asked.messages[3].content):is("what was it?")

    expect(ctx.session.messages()):has_length(2)
    zi.test.prompt("go on")
    expect(model.requests[3].messages):has_length(3)
  end)

  it("lets the model look at files and change none", function()
    zi.test.file("a.txt", "the text")
    model:reply({ tool_call = { name = "read", arguments = { path = "a.txt" } } })
    model:reply({ tool_call = { name = "write", arguments = { path = "a.txt", content = "x" } } })
    model:reply("I cannot.")
    zi.test.command("/btw change a.txt")
    expect(model.requests[2].tools):has_length(4)
    local seen = model.requests[4].messages
    expect(seen[5].content[1].text):is("the text")
    expect(seen[7].content[1].text):contains("not available here")
    expect(zi.test.read("a.txt")):is("the text")
  end)

  it("goes on with the next question until it is told to forget", function()
    model:reply("one"):reply("two"):reply("three")
    zi.test.command("/btw first")
    zi.test.command("/btw second")
    expect(model.requests[3].messages):has_length(5)
    zi.test.command("/btw")
    zi.test.command("/btw third")
    expect(model.requests[4].messages):has_length(3)
  end)

  it("starts anew after a failure", function()
    model:reply({ error = { kind = "auth", message = "no key" } }):reply("fine")
    zi.test.command("/btw first")
    expect(last_notice()):equals({ level = "error", text = "no key" })
    zi.test.command("/btw again")
    expect(model.requests[3].messages):has_length(3)
  end)
end)
