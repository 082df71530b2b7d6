-- name: permission
-- description: Asks before tools run, where zi was started with --no-yolo.
-- api: 1

local screen = require("zi.screen")

local ask_first = zi.flag({
  name = "no-yolo",
  description = "Run tools only after asking (in the terminal; a batch run warns and goes on)",
})

--- Tools that may always run, by the user's word.
local allowed = {}
local allow_all = not ask_first
--- One question at a time.
local turn

local function preview(event)
  local text = zi.json.encode(event.input, { indent = 2 })
  local command = event.input.command
  if type(command) == "string" then text = command end
  return text
end

screen.ready(function()
  if not ask_first then return end
  turn = zi.task.semaphore(1)
  zi.on("tool_call", function(event, ctx)
    local verdict
    turn:with(function()
      if allow_all or allowed[event.tool_name] then return end
      local choice = ctx.ui.select({
        title = ("Run %s?"):format(event.tool_name),
        text = preview(event),
        filter = false,
        slot = { kind = "overlay", preset = "centered" },
        items = {
          { label = "yes", value = "yes" },
          { label = ("always %s"):format(event.tool_name), value = "tool" },
          { label = "always, whatever it is", value = "all" },
          { label = "no", value = "no" },
        },
      })
      if choice == "tool" then
        allowed[event.tool_name] = true
      elseif choice == "all" then
        allow_all = true
      elseif choice ~= "yes" then
        verdict = { block = true, reason = "the user refused it" }
      end
    end)
    return verdict
  end)
end)

zi.command({
  name = "yolo",
  description = "Run tools without asking; `/yolo off` asks again",
  handler = function(args, ctx)
    if not ask_first then return ctx.notice("tools run unasked; `zi --no-yolo` asks first") end
    allow_all = args ~= "off"
    if not allow_all then allowed = {} end
    ctx.notice(allow_all and "tools run without asking" or "tools run after asking")
  end,
})
