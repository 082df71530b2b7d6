-- name: command-theme
-- description: The slash command that chooses the theme.
-- api: 1

local picker = require("zi.picker")

zi.command({
  name = "theme",
  description = "Choose the colours",
  complete = function(_, ctx) return ctx.ui and ctx.ui.themes() or {} end,
  handler = function(args, ctx)
    if not ctx.ui or not ctx.ui.size() then return ctx.notice("there is no screen to colour") end
    local before, name = ctx.ui.theme(), args
    if name == "" then
      local themes, selected = ctx.ui.themes(), 1
      for index, theme in ipairs(themes) do
        if theme == before then selected = index end
      end
      local chosen = picker.pick(ctx, {
        title = "Theme",
        items = themes,
        selected = selected,
        -- What is selected shows at once.
        preview = function(theme)
          local _, err = ctx.ui.theme(theme)
          return err and tostring(err) or "enter keeps it, escape goes back"
        end,
      })
      if not chosen then return ctx.ui.theme(before) end
      name = chosen
    end
    local _, err = ctx.ui.theme(name)
    if err then ctx.notice(tostring(err), "error") end
  end,
})
