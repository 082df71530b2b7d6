describe("loop", function()
  local model

  before_each(function()
    model = zi.test.model()
  end)

  local function call(name, arguments)
    return { name = name, arguments = arguments }
  end

  it("asks once when the model calls for nothing", function()
    model:reply("hello")
    local run = zi.test.prompt("hi")
    expect(run.status):is("ok")
    expect(run.text):is("hello")
    expect(model.requests):has_length(1)
  end)

  it("shows the model what its calls gave and asks again", function()
    zi.test.file("a.txt", "the text")
    model:reply({ tool_call = call("read", { path = "a.txt" }) }):reply("done")
    local run = zi.test.prompt("read it")
    expect(run.text):is("done")
    expect(run.turns):is(2)
    local last = model.requests[2].messages
    expect(last[#last].role):is("tool_result")
    expect(last[#last].content[1].text):is("the text")
  end)

  it("commits results in the order of the calls", function()
    zi.test.file("a.txt", "A")
    zi.test.file("b.txt", "B")
    local calls = { call("read", { path = "a.txt" }), call("read", { path = "b.txt" }) }
    model:reply({ tool_calls = calls }):reply("done")
    local results = zi.test.prompt("both").tool_results
    expect(results[1].text):is("A")
    expect(results[2].text):is("B")
  end)

  it("tries again after a failure that passes", function()
    zi.test.clock.freeze()
    model:reply({ error = { kind = "overloaded", message = "busy" } }):reply("late")
    local asking = zi.task.spawn(function()
      return zi.test.prompt("hi")
    end)
    local pause = zi.test.clock.next()
    expect(pause >= 500 and pause <= 1000):is_true()
    expect(asking:join().text):is("late")
    expect(zi.test.events("retry")[1].label):contains("busy (attempt 1 of 8 failed)")
  end)

  it("waits as long as the server asks for", function()
    zi.test.clock.freeze()
    model:reply({ error = { kind = "rate_limit", retry_after_ms = 20000 } }):reply("ok")
    local asking = zi.task.spawn(function()
      return zi.test.prompt("hi")
    end)
    expect(zi.test.clock.next() >= 20000):is_true()
    expect(asking:join().status):is("ok")
  end)

  it("gives up at once on a failure that stays", function()
    model:reply({ error = { kind = "auth", message = "no such key" } })
    local run = zi.test.prompt("hi")
    expect(run.status):is("error")
    expect(run.error.message):is("no such key")
    expect(model.requests):has_length(1)
  end)

  it("starts over when an answer breaks off, and runs no call of it", function()
    model:reply({ tool_call = call("write", { path = "x", content = "half" }), cut = true })
    model:reply("again")
    zi.test.clock.freeze()
    local asking = zi.task.spawn(function()
      return zi.test.prompt("hi")
    end)
    zi.test.clock.next()
    expect(asking:join().text):is("again")
    expect(zi.test.read("x")):is_nil()
  end)

  it("lets the model hear the user before it goes on with its calls", function()
    zi.tool({
      name = "interrupted",
      description = "hears the user",
      parameters = {},
      execute = function(_, ctx)
        ctx.send_user_message("stop that", { target = "steering" })
        return "one"
      end,
    })
    model:reply({ tool_calls = { call("interrupted"), call("bash", { command = "touch x" }) } })
    model:reply("stopped")
    local run = zi.test.prompt("go")
    expect(run.tool_results[2].text):contains("Skipped: the user said something first.")
    expect(zi.test.read("x")):is_nil()
    expect(run.messages[5].text):is("stop that")
  end)

  it("says what was to wait for the end at the end", function()
    zi.on("agent_start", function(_, ctx)
      ctx.send_user_message("and then?", { target = "follow_up" })
    end)
    model:reply("first"):reply("second")
    local run = zi.test.prompt("go")
    expect(run.text):is("second")
    expect(run.turns):is(2)
  end)

  it("ends at the limit of steps", function()
    for _ = 1, 50 do
      model:reply({ tool_call = call("ls", {}) })
    end
    local run = zi.test.prompt("go")
    expect(run.status):is("limit")
    expect(run.turns):is(50)
  end)

  it("goes on when the model only pauses", function()
    model:reply({ text = "wait", stop_reason = "pause" }):reply("done")
    expect(zi.test.prompt("go").text):is("done")
  end)

  it("does not go on after an abort", function()
    zi.tool({
      name = "give_up",
      description = "aborts",
      parameters = {},
      execute = function(_, ctx)
        ctx.abort()
      end,
    })
    model:reply({ tool_call = call("give_up") })
    expect(zi.test.prompt("go").status):is("aborted")
    expect(model.requests):has_length(1)
  end)
end)
