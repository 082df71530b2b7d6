-- name: notifications
-- description: Tells of what happens while nobody looks.
-- api: 1

local screen = require("zi.screen")

--- A run that took longer is worth a word when the user is elsewhere.
local LONG_MS = 10000

screen.ready(function()
  zi.on("agent_end", function(event, ctx)
    if event.elapsed_ms < LONG_MS or event.status == "aborted" then return end
    ctx.ui.alert(event.status == "completed" and "zi is done" or "zi stopped with an error")
  end)

  zi.on("session_compact", function(_, ctx)
    ctx.ui.notify("the conversation was summarised", { id = "compact", level = "info" })
  end)
end)
