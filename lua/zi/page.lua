--- A page of text over the conversation, to scroll and to close.
local M = {}

local LOG_LINES = 500

--- Shows `text` until the user closes it.
---@async
---@param ctx zi.Ctx
---@param title string
---@param text string
function M.show(ctx, title, text)
  if not ctx.ui then return ctx.notice(text) end
  local id = "page:" .. title
  local top, lines = 0, select(2, text:gsub("\n", "\n")) + 1
  local steps = { up = -1, down = 1, k = -1, j = 1, pageup = -10, pagedown = 10, home = -lines, ["end"] = lines }
  local keys = { { key = "escape", action = "close" }, { key = "q", action = "close" }, { key = "enter", action = "close" } }
  for key in pairs(steps) do keys[#keys + 1] = { key = key, action = "move" } end
  while true do
    ctx.ui.render({
      id = id,
      slot = { kind = "overlay", preset = "centered", width = "90%", height = "80%" },
      focus = true,
      keys = keys,
      root = {
        type = "view",
        style = {
          height = "fill",
          padding = { 0, 1 },
          chrome = { kind = "frame", title = title, trailing = "↑↓ scrolls · esc closes" },
        },
        children = { { type = "text", text = text, scroll_y = top, style = { flex_grow = 1 } } },
      },
    })
    local event = ctx.ui.wait(id)
    if not event or event.action == "close" then break end
    local step = event.action == "move" and steps[event.key] or 0
    top = math.max(0, math.min(lines - 1, top + step))
  end
  ctx.ui.render({ id = id, remove = true })
end

--- Shows the end of a log: that of an extension, or of `zi` itself.
---@async
---@param ctx zi.Ctx
---@param name string
function M.log(ctx, name)
  local text, err = ctx.extensions.log(name, { lines = LOG_LINES })
  if not text then return ctx.notice(tostring(err), "warn") end
  M.show(ctx, "Log of " .. name, text ~= "" and text or "(empty)")
end

return M
