-- A test gets the `ctx` of the call that it is.

describe("ctx", function()
  it("tells where and how it runs", function(ctx)
    expect(ctx.cwd):is(zi.test.workspace)
    expect(ctx.mode):is("test")
    expect(ctx.has_ui):is_true()
    zi.test.screen(false)
    expect(ctx.has_ui):is_false()
    expect(ctx.ui):is_nil()
    expect(ctx.editor):is_nil()
  end)

  it("tells what it is bound to", function(ctx)
    expect(ctx.binding.session_id):is(ctx.session.info().id)
    expect(ctx.binding.namespace_id):is("ctx_spec")
    expect(ctx.binding):has_keys("workspace_id", "generation_id", "state_owner_id")
    expect(ctx.binding.runtime_root_id):is(ctx.extension.root)
  end)

  it("tells of the extension itself", function(ctx)
    expect(ctx.extension.id):is("ctx_spec")
    expect(ctx.extension.source):is("explicit")
    expect(ctx.extension.entry):matches("spec/api/ctx_spec%.lua$")
    expect(ctx.extension.data_dir):contains(zi.dirs.data)
  end)

  it("is_idle knows whether a run goes on", function(ctx)
    local during
    zi.on("before_turn", function(_, inner)
      during = inner.is_idle()
    end)
    zi.test.model():reply("ok")
    expect(ctx.is_idle()):is_true()
    zi.test.prompt("hi")
    expect(during):is_false()
  end)

  it("abort ends a run, and signal hears of it", function()
    local heard = false
    zi.tool({
      name = "endless",
      description = "never ends",
      parameters = {},
      execute = function(_, ctx)
        ctx.signal.on_abort(function()
          heard = true
        end)
        ctx.abort()
        zi.task.sleep(1e6)
      end,
    })
    zi.test.model():reply({ tool_call = { name = "endless" } })
    local run = zi.test.prompt("go")
    expect(run.status):is("aborted")
    expect(run.tool_results[1].outcome):is("aborted")
    expect(heard):is_true()
  end)

  it("signal is not aborted as long as nothing is", function(ctx)
    expect(ctx.signal.aborted):is_false()
    expect(ctx.signal.reason):is_nil()
  end)

  it("send_user_message submits a prompt when nothing runs", function()
    zi.command({
      name = "go",
      handler = function(_, ctx)
        expect(ctx.send_user_message("do it").status):is("submitted")
      end,
    })
    zi.test.model():reply("done")
    local done = zi.test.command("/go")
    expect(done.status):is("ok")
    expect(done.runs[1].messages[1].text):is("do it")
    expect(done.runs[1].text):is("done")
  end)

  it("send_user_message queues while a run goes on", function(ctx)
    local status, waiting
    zi.on("agent_start", function(_, inner)
      status = inner.send_user_message("more", { target = "follow_up" }).status
      waiting = inner.has_pending_messages()
    end)
    zi.test.model():reply("one"):reply("two")
    zi.test.prompt("go")
    expect(status):is("queued")
    expect(waiting):is_true()
    expect(ctx.has_pending_messages()):is_false()
  end)

  it("send_user_message names a target that is none", function(ctx)
    expect(function()
      ctx.send_user_message("x", { target = "later" })
    end):errors("^ctx%.send_user_message: field `target`: `later` is none of auto")
    expect(function()
      ctx.send_user_message({})
    end):errors("^ctx%.send_user_message: `text` must be a string, not table")
  end)

  it("notice tells the user something", function(ctx)
    ctx.notice("done")
    ctx.notice("careful", "warn")
    expect(zi.test.notices()):equals({
      { level = "info", text = "done" },
      { level = "warning", text = "careful" },
    })
    expect(ctx.session.messages()):has_length(0)
    expect(function()
      ctx.notice("x", "loud")
    end):errors("^ctx%.notice: `loud` is none of info, warn, error")
    expect(function()
      ctx.notice({})
    end):errors("^ctx%.notice: `text` must be a string, not table")
  end)

  it("update shows a result in the making, in a tool only", function(ctx)
    expect(ctx.update):is_nil()
    zi.tool({
      name = "slow",
      description = "shows something early",
      parameters = {},
      execute = function(_, inner)
        inner.update("half")
        return "whole"
      end,
    })
    zi.test.tool("slow")
    local update = zi.test.events("tool_execution_update")[1]
    expect(update.partial_result.content[1].text):is("half")
  end)

  it("super runs the tool that another one hides", function(ctx)
    expect(ctx.super):is_nil()
    zi.test.file("a.txt", "quiet")
    zi.tool({
      name = "read",
      description = "reads louder",
      parameters = {},
      execute = function(params, inner)
        return inner.super(params).content[1].text:upper()
      end,
    })
    expect(zi.test.tool("read", { path = "a.txt" }).text):is("QUIET")
  end)

  it("super checks the arguments as any call does", function()
    local problem
    zi.tool({
      name = "read",
      description = "forgets the path",
      parameters = {},
      execute = function(_, inner)
        local _, err = inner.super({ path = 7 })
        problem = err
        return "done"
      end,
    })
    zi.test.tool("read", { path = "a.txt" })
    expect(problem.kind):is("invalid")
    expect(problem.message):matches("path")
  end)

  it("context_usage tells how full the context is", function(ctx)
    expect(ctx.context_usage()):is_nil()
    local model = zi.test.model({ context_window = 1000 })
    model:reply({ text = "ok", usage = { input = 90, output = 10 } })
    zi.test.prompt("hi")
    expect(ctx.context_usage()):equals({ tokens = 100, context_window = 1000, percent = 10.0 })
  end)

  it("system_prompt is that of the run", function(ctx)
    local during
    zi.on("before_turn", function(_, inner)
      during = inner.system_prompt()
    end)
    zi.test.model():reply("ok")
    zi.test.prompt("hi")
    expect(during):matches("^You are zi")
    expect(ctx.system_prompt()):is("")
  end)

  it("shutdown asks for the end and comes back", function(ctx)
    ctx.shutdown()
    expect(ctx.is_idle()):is_true()
  end)
end)
