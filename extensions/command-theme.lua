-- name: command-theme
-- description: The slash command that chooses the theme.
-- api: 1

local picker = require("zi.picker")

zi.command({
  name = "theme",
  description = "Choose the colours",
  complete = function(_, ctx) return ctx.ui and ctx.ui.themes() or {} end,
  handler = function(args, ctx)
    if not ctx.ui then return ctx.notice("there is no screen to colour") end
    local before, name = ctx.ui.theme(), args
    if name == "" then
      local list = {}
      for _, theme in ipairs(ctx.ui.themes()) do
        list[#list + 1] = { label = theme, value = theme, selected = theme == before }
      end
      local chosen = picker.pick(ctx, {
        title = "Theme",
        items = list,
        on_move = function(item) ctx.ui.theme(item.value) end,
      })
      if not chosen then return ctx.ui.theme(before) end
      name = chosen.value
    end
    local _, err = ctx.ui.theme(name)
    if err then ctx.notice(tostring(err), "error") end
  end,
})
