describe("zi.spawn", function()
  it("gives a task to a child and answers what it said", function()
    zi.test.file("here.txt", "")
    local events = 0
    local result = zi.spawn({
      task = "list .",
      model = "demo",
      on = function()
        events = events + 1
      end,
    })
    expect(result.is_error):is_false()
    expect(result.final_text):contains("here.txt")
    expect(result.exit_code):is(0)
    expect(result.usage.turns):is(2)
    expect(events > 5):is_true()
  end)

  it("answers with the error of a child that fails", function()
    local result = zi.spawn({ task = "x", model = "no-such-model" })
    expect(result.is_error):is_true()
    expect(result.error_message):contains("no-such-model")
    expect(result.exit_code):is(2)
  end)

  it("ends a child at its time limit", function()
    local result = zi.spawn({ task = "run sleep 1000", model = "demo", timeout_ms = 300 })
    expect(result.error_message):is("timed out after 300 ms")
  end)

  it("names the field that is wrong", function()
    expect(function()
      zi.spawn({ model = "demo" })
    end):errors("^zi%.spawn: field `task` is required")
  end)
end)
