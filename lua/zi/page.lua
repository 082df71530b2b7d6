--- A page of text over the conversation, to scroll and to close.
local M = {}

local LOG_LINES = 500
--- Further down than anything is.
local FAR = 1000000

--- Shows `content` until the user closes it: a text, or nodes below each other. With `at_end` the
--- end of it is seen first.
---@async
---@param ctx zi.Ctx
---@param title string
---@param content string|table[]
---@param at_end? boolean
function M.show(ctx, title, content, at_end)
  local nodes = content
  if type(content) == "string" then
    if not ctx.ui then return ctx.notice(content) end
    nodes = { { type = "text", text = content } }
  end
  local id = "page:" .. title
  ctx.ui.render({
    id = id,
    slot = { kind = "overlay", preset = "centered", width = "fill", max_width = 110, height = "90%", max_height = "90%" },
    focus = true,
    keys = { { key = "escape", action = "close" }, { key = "q", action = "close" } },
    root = {
      type = "view",
      style = {
        height = "fill",
        padding = { 0, 1 },
        chrome = { kind = "frame", title = title, trailing = "↑↓ scrolls · esc closes" },
      },
      children = {
        {
          type = "scroll",
          id = "page",
          scroll_y = at_end and FAR or nil,
          style = { flex_grow = 1 },
          children = nodes,
        },
      },
    },
  })
  repeat
    local event = ctx.ui.wait(id)
  until not event or event.action == "close"
  ctx.ui.render({ id = id, remove = true })
end

--- Shows the end of a log: that of an extension, or of `zi` itself.
---@async
---@param ctx zi.Ctx
---@param name string
function M.log(ctx, name)
  local text, err = ctx.extensions.log(name, { lines = LOG_LINES })
  if not text then return ctx.notice(tostring(err), "warn") end
  M.show(ctx, "Log of " .. name, text ~= "" and text or "(empty)", true)
end

return M
