-- name: working
-- description: Shows that something is going on, and for how long.
-- api: 1

local screen = require("zi.screen")

local started, doing, ticking

local function clock(seconds)
  if seconds < 60 then return ("%ds"):format(seconds) end
  return ("%dm %02ds"):format(seconds // 60, seconds % 60)
end

local function draw(ctx)
  if not started then return end
  local seconds = (zi.hash.now_ms() - started) // 1000
  ctx.ui.render({
    id = "working",
    slot = "editor.above",
    root = {
      type = "view",
      style = { flex_direction = "row", gap = 1, padding = { 0, 1 } },
      children = {
        { type = "spinner", style = { tone = "accent" } },
        { type = "text", text = doing, style = { tone = "muted" }, wrap = "none", overflow = "ellipsis" },
        { type = "text", text = clock(seconds) .. " · esc stops", style = { tone = "muted" }, wrap = "none" },
      },
    },
  })
end

local function stop(ctx)
  started = nil
  if ticking then
    ticking:cancel()
    ticking = nil
  end
  ctx.ui.render({ id = "working", remove = true })
end

screen.ready(function()
  zi.on("agent_start", function(_, ctx)
    started, doing = zi.hash.now_ms(), "waiting for the model"
    draw(ctx)
    if ticking then ticking:cancel() end
    ticking = zi.task.every(1000, function() draw(ctx) end)
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
