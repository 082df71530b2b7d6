-- name: working
-- description: Shows that something is going on, and for how long.
-- api: 1

local screen = require("zi.screen")

local started, doing

local function draw(ctx)
  if not started then return end
  ctx.ui.render({
    id = "working",
    slot = "editor.above",
    root = {
      type = "view",
      style = { flex_direction = "row", gap = 1, padding = { 0, 1 } },
      children = {
        { type = "spinner", label = doing, since = started, style = { tone = "muted" } },
        { type = "text", text = "· esc stops", style = { tone = "muted" }, wrap = "none" },
      },
    },
  })
end

local function stop(ctx)
  started = nil
  ctx.ui.render({ id = "working", remove = true })
end

screen.ready(function()
  zi.on("agent_start", function(_, ctx)
    started, doing = zi.hash.now_ms(), "waiting for the model"
    draw(ctx)
  end)

  zi.on("message_update", function(event, ctx)
    local kind = event.assistantMessageEvent.type
    local now
    if kind == "thinking_delta" then now = "thinking" end
    if kind == "text_delta" then now = "writing" end
    if kind == "toolcall_delta" then now = "calling a tool" end
    if now and started and now ~= doing then
      doing = now
      draw(ctx)
    end
  end)

  zi.on("tool_execution_start", function(event, ctx)
    if not started then return end
    doing = "running " .. event.tool_name
    draw(ctx)
  end)

  zi.on("turn_start", function(_, ctx)
    if not started then return end
    doing = "waiting for the model"
    draw(ctx)
  end)

  zi.on("retry", function(event, ctx)
    if not started then return end
    doing = ("%s; trying again in %.0f s"):format(event.label or "the request failed", (event.wait_ms or 0) / 1000)
    draw(ctx)
  end)

  zi.on("agent_end", function(_, ctx) stop(ctx) end)
  zi.on("session_shutdown", function(_, ctx) stop(ctx) end)
end)
