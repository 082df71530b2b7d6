-- name: command-help
-- description: Slash commands that tell what there is: help, keys.
-- api: 1

local page = require("zi.page")

local function pad(text, width) return text .. (" "):rep(math.max(1, width - zi.text.width(text))) end

local function key_lines(ctx)
  local rows, width = {}, 0
  local by_what, order = {}, {}
  for _, row in ipairs(ctx.ui.keys()) do
    local what = row.what
    if not by_what[what] then
      by_what[what] = { keys = {}, about = row.about }
      order[#order + 1] = what
    end
    table.insert(by_what[what].keys, row.key)
  end
  for _, what in ipairs(order) do
    local entry = by_what[what]
    local keys = table.concat(entry.keys, ", ")
    width = math.max(width, math.min(34, zi.text.width(keys)))
    rows[#rows + 1] = { keys, what, entry.about }
  end
  local lines = {}
  for _, row in ipairs(rows) do
    lines[#lines + 1] = ("%s %s%s"):format(pad(row[1], width), pad(row[2], 22), row[3])
  end
  return lines
end

local function command_lines(ctx)
  local lines = {}
  for _, command in ipairs(ctx.ui.commands()) do
    lines[#lines + 1] = pad("/" .. command.name, 16) .. command.description
  end
  return lines
end

zi.command({
  name = "keys",
  description = "List the keys and what they do",
  handler = function(_, ctx)
    if not ctx.ui then return ctx.notice("there is no keyboard to explain") end
    page.show(ctx, "Keys", table.concat(key_lines(ctx), "\n"))
  end,
})

zi.command({
  name = "help",
  description = "List the commands and the keys",
  handler = function(_, ctx)
    if not ctx.ui then return ctx.notice("`zi --help` lists the flags, `zi COMMAND --help` more") end
    local lines = {
      "Say what you want done. Enter sends it; while zi works it waits for its turn.",
      "@ names files, / commands; !command runs a shell command that the model sees, !!command one",
      "that it does not. The keys can be changed in settings.json (`keys`).",
      "",
      "COMMANDS",
    }
    table.move(command_lines(ctx), 1, 1000, #lines + 1, lines)
    lines[#lines + 1] = ""
    lines[#lines + 1] = "KEYS"
    table.move(key_lines(ctx), 1, 1000, #lines + 1, lines)
    page.show(ctx, "Help", table.concat(lines, "\n"))
  end,
})
