-- name: permission
-- description: Asks before tools run, where zi was started with --no-yolo.
-- api: 1

local picker = require("zi.picker")
local plain = require("zi.plain")

--- What is typed while the question comes up is not an answer to it.
local QUIET_MS = 300
--- Arguments are shown whole or not asked about.
local LONGEST, MOST_LINES = 200 * 1024, 20000
local TOO_LONG = "the arguments are too long to be shown to the user; do it in smaller steps"

local ask_first = zi.flag({
  name = "no-yolo",
  description = "Run tools only after asking (in the terminal; a batch run warns and goes on)",
})

--- Tools that may always run, by the user's word.
local allowed = {}
local allow_all = not ask_first
--- One question at a time.
local turn

-- All that the tool is given, to the letter. Lines are broken anywhere: blanks are part of it.
local function whole(text)
  local shown = { type = "text", text = text, format = "exact", wrap = "char" }
  return { type = "scroll", style = { height = "fill" }, children = { shown } }
end

---@async
local function ask(event, text, ctx)
  return picker.pick(ctx, {
    title = ("Run %s?"):format(event.tool_name),
    hint = "pgup pgdn scroll · esc is no",
    above = { whole(text), { type = "separator" } },
    filter = false,
    quiet_ms = QUIET_MS,
    tone = "warning",
    slot = { kind = "overlay", preset = "centered", width = "90%", max_height = "90%" },
    items = {
      { label = "yes", value = "yes" },
      { label = ("always %s"):format(event.tool_name), value = "tool" },
      { label = "always, whatever it is", value = "all" },
      { label = "no", value = "no" },
    },
  })
end

-- The bundle's handlers come last, so that what is shown is what the other handlers left.
if ask_first then
  zi.on("tool_call", function(event, ctx)
    if not ctx.ui then return end
    turn = turn or zi.task.semaphore(1)
    local verdict
    turn:with(function()
      if allow_all or allowed[event.tool_name] then return end
      local text = next(event.input) ~= nil and plain.fields(event.input) or "(no arguments)"
      if #text > LONGEST or select(2, text:gsub("\n", "")) > MOST_LINES then
        verdict = { block = true, reason = TOO_LONG }
        return
      end
      local choice = ask(event, text, ctx)
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
end

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
