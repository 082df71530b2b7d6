-- name: command-extensions
-- description: Slash commands about extensions: what each costs, its log.
-- api: 1

local page = require("zi.page")
local picker = require("zi.picker")
local units = require("zi.units")

local function row(extension)
  local state = extension.state
  if extension.error then state = "broken: " .. extension.error end
  local usage = {}
  if extension.memory then usage[#usage + 1] = units.bytes(extension.memory) end
  if extension.busy_ms then usage[#usage + 1] = ("%.0f ms"):format(extension.busy_ms) end
  if (extension.errors or 0) > 0 then usage[#usage + 1] = units.count(extension.errors, "error") end
  return {
    label = extension.id,
    detail = table.concat({ extension.source, state, table.concat(usage, ", ") }, " · "),
    value = extension.id,
  }
end

---@async
local function disable(ctx, id)
  local done = zi.system({ zi.executable, "ext", "disable", id }, { timeout_ms = 10000 })
  if done.code ~= 0 then return ctx.notice(done.stderr or done.error, "error") end
  ctx.notice(("`%s` is disabled; `zi ext enable %s` brings it back"):format(id, id))
  ctx.reload()
end

zi.command({
  name = "extensions",
  aliases = { "ext" },
  description = "Show the extensions: state, memory, CPU, errors; reload one or read its log",
  handler = function(_, ctx)
    local rows = {}
    for _, extension in ipairs(ctx.extensions.list()) do rows[#rows + 1] = row(extension) end
    if not ctx.ui then
      local lines = {}
      for _, item in ipairs(rows) do lines[#lines + 1] = ("%-24s %s"):format(item.label, item.detail) end
      return ctx.notice(table.concat(lines, "\n"))
    end
    local chosen = picker.pick(ctx, { title = "Extensions", items = rows })
    if not chosen then return end
    local what = ctx.ui.select({
      title = chosen,
      items = {
        { label = "reload", value = "reload" },
        { label = "show its log", value = "log" },
        { label = "disable", value = "disable" },
      },
    })
    if what == "reload" then ctx.reload(chosen) end
    if what == "disable" then disable(ctx, chosen) end
    if what == "log" then page.log(ctx, chosen) end
  end,
})

zi.command({
  name = "logs",
  description = "Show the log of an extension, or of zi itself",
  complete = function(_, ctx)
    local names = { "zi" }
    for _, extension in ipairs(ctx.extensions.list()) do names[#names + 1] = extension.id end
    return names
  end,
  handler = function(args, ctx)
    page.log(ctx, args ~= "" and args or "zi")
  end,
})
