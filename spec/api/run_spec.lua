-- A loop of the test's own: what it finds in `run` is what the bundled one has.

describe("run", function()
  local model

  before_each(function()
    model = zi.test.model()
  end)

  local function with_loop(loop)
    zi.loop(loop)
    return zi.test.prompt("go")
  end

  it("run:turn asks once and run.steps counts", function()
    model:reply("hello")
    local steps
    local run = with_loop(function(run)
      steps = { run.steps }
      local turn = run:turn()
      steps[2] = run.steps
      expect(turn.stop_reason):is("stop")
      expect(turn.tool_calls):has_length(0)
    end)
    expect(run.text):is("hello")
    expect(steps):equals({ 0, 1 })
  end)

  it("run:turn answers a failure instead of raising it", function()
    model:reply({ error = { kind = "auth" } })
    local kind
    with_loop(function(run)
      kind = run:turn().error.kind
    end)
    expect(kind):is("auth")
  end)

  it("run:call_tools runs calls and says whether the turn is over", function()
    model:reply({ tool_calls = { { name = "ls" }, { name = "ls" } } })
    local batch
    local run = with_loop(function(run)
      local turn = run:turn()
      batch = run:call_tools(turn.tool_calls, { mode = "parallel" })
    end)
    expect(batch):equals({ done = 2, ends_turn = false })
    expect(run.tool_results):has_length(2)
  end)

  it("run:skip gives calls a result that says why", function()
    model:reply({ tool_call = { name = "bash", arguments = { command = "touch x" } } })
    local run = with_loop(function(run)
      run:skip(run:turn().tool_calls, "not now")
    end)
    expect(run.tool_results[1].text):is("not now")
    expect(zi.test.read("x")):is_nil()
  end)

  it("gives calls that a loop forgets a result", function()
    model:reply({ tool_call = { name = "ls" } })
    local run = with_loop(function(run)
      run:turn()
    end)
    expect(run.tool_results[1].text):is("The run ended before the call ran.")
  end)

  it("run:take brings queued messages into the conversation", function()
    zi.on("before_agent_start", function(_, ctx)
      ctx.send_user_message("one", { target = "steering" })
      ctx.send_user_message("two", { target = "steering" })
    end)
    local taken
    local run = with_loop(function(run)
      taken = { run:take("steering", 1), run:take("steering"), run:take("steering") }
    end)
    expect(taken):equals({ 1, 1, 0 })
    expect(run.messages[3].text):is("two")
  end)

  it("run:compact does nothing when there is too little", function()
    local done
    with_loop(function(run)
      done = run:compact({ reason = "manual" })
    end)
    expect(done):is_false()
  end)

  it("run:wait waits where everybody sees it", function()
    zi.test.clock.freeze()
    zi.loop(function(run)
      run:wait(5000, "the server")
    end)
    local asking = zi.task.spawn(function()
      return zi.test.prompt("go")
    end)
    expect(zi.test.clock.next()):is(5000.0)
    expect(asking:join().status):is("ok")
    expect(zi.test.events("retry")[1].label):is("the server")
  end)

  it("run:context_usage tells how full the context is", function()
    local usage
    with_loop(function(run)
      usage = run:context_usage()
    end)
    expect(usage.context_window):is(100000)
    expect(usage.tokens > 0):is_true()
  end)

  it("run:notice tells the user", function()
    with_loop(function(run)
      run:notice("take care", "warn")
    end)
    expect(zi.test.notices()):contains({ level = "warning", text = "take care" })
  end)

  it("run.max_steps, run.settings and run.aborted are there to decide by", function()
    local seen
    with_loop(function(run)
      seen = { run.max_steps, run.settings.retry.max_attempts, run.aborted }
    end)
    expect(seen):equals({ 50, 8, false })
  end)

  it("reports a loop that raises, and keeps the transcript whole", function(ctx)
    local run = with_loop(function()
      error("broken")
    end)
    expect(run.status):is("error")
    expect(run.error.message):contains("the loop failed")
    expect(ctx.session.messages()):has_length(1)
  end)

  it("names the method and what is wrong", function()
    local problems = {}
    with_loop(function(run)
      for _, misuse in ipairs({
        function()
          run:take("later")
        end,
        function()
          run:call_tools(5)
        end,
        function()
          run:skip({ { name = "x" } }, "y")
        end,
      }) do
        table.insert(problems, tostring(select(2, pcall(misuse))))
      end
    end)
    expect(problems[1]):contains("run:take: `later` is no queue")
    expect(problems[2]):contains("run:call_tools: expected an array of calls")
    expect(problems[3]):contains("run:skip: a call needs `id` and `name`")
  end)
end)
