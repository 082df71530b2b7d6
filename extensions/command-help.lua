-- name: command-help
-- description: Slash commands that tell what there is: help, keys.
-- api: 1

local page = require("zi.page")

-- A line for each paragraph: the page wraps them.
local INTRODUCTION = [[
Say what you want done; Enter sends it. While zi works, what you say waits for its turn, and Esc stops.

@ names files, / commands. !command runs a shell command whose output the model sees, !!command one that it does not. Keys can be changed in settings.json: "keys": {"submit": ["ctrl+enter"]}.
]]

-- Each thing that keys do, with all its keys.
local function keys(ctx)
  local rows, by_what = {}, {}
  for _, row in ipairs(ctx.ui.keys()) do
    local known = by_what[row.what]
    if known then
      known[1] = known[1] .. ", " .. row.key
    else
      by_what[row.what] = { row.key, row.about ~= "" and row.about or row.what, row.what }
      rows[#rows + 1] = by_what[row.what]
    end
  end
  return {
    type = "table",
    columns = { { title = "key", width = "30%" }, { title = "does", width = "fill" }, { title = "action", width = "25%" } },
    rows = zi.json.array(rows),
  }
end

local function commands(ctx)
  local rows = {}
  for index, command in ipairs(ctx.ui.commands()) do
    rows[index] = { "/" .. command.name, command.description }
  end
  return { type = "table", columns = { { title = "command" }, { title = "does", width = "fill" } }, rows = rows }
end

zi.command({
  name = "keys",
  description = "List the keys and what they do",
  handler = function(_, ctx)
    if not ctx.ui or not ctx.ui.size() then return ctx.notice("there is no keyboard to explain") end
    page.show(ctx, "Keys", { keys(ctx) })
  end,
})

zi.command({
  name = "help",
  description = "List the commands and the keys",
  handler = function(_, ctx)
    if not ctx.ui then return ctx.notice("`zi --help` lists the flags, `zi COMMAND --help` more") end
    local nodes = { { type = "text", text = INTRODUCTION }, commands(ctx) }
    if ctx.ui.size() then
      nodes[3] = { type = "text", text = "" }
      nodes[4] = keys(ctx)
    end
    page.show(ctx, "Help", nodes)
  end,
})
