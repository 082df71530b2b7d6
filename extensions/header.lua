-- name: header
-- description: What a new session begins with: where to find out more.
-- api: 1

local screen = require("zi.screen")

local ID = "header"

local function show(ctx)
  if #ctx.session.messages({ limit = 1 }) > 0 then return end
  ctx.ui.render({
    id = ID,
    slot = "header",
    root = {
      type = "text",
      wrap = "none",
      overflow = "ellipsis",
      spans = {
        { text = " zi " .. zi.version, style = { tone = "accent", bold = true } },
        { text = "  /help lists commands and keys · /resume goes on with a session", style = { tone = "muted" } },
      },
    },
  })
end

screen.ready(function(first)
  zi.on("agent_start", function(_, ctx) ctx.ui.render({ id = ID, remove = true }) end)
  show(first)
end)
