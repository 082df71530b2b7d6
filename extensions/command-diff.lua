-- name: command-diff
-- description: The slash command that shows what changed in the working tree.
-- api: 1

local page = require("zi.page")

--- Longer ones are cut, and say so.
local MAX_BYTES = 200 * 1024

---@async
local function git(...)
  return zi.system({ "git", ... }, { timeout_ms = 20000 })
end

-- Files that git does not know yet are no part of its diff.
---@async
local function untracked()
  local listed = git("ls-files", "--others", "--exclude-standard")
  local text = listed.code == 0 and listed.stdout or ""
  return text ~= "" and "\nnot yet known to git:\n" .. text or ""
end

zi.command({
  name = "diff",
  description = "Show what changed since the last commit; names of files limit it to them",
  handler = function(args, ctx)
    local argv = { "diff", "--color=" .. (ctx.ui and "always" or "never"), "HEAD", "--" }
    for name in args:gmatch("%S+") do argv[#argv + 1] = name end
    local done = git(table.unpack(argv))
    if done.code ~= 0 then
      local why = done.error or done.stderr or "it failed"
      return ctx.notice("`git diff` did not work: " .. why, "warn")
    end
    local text = done.stdout .. (args == "" and untracked() or "")
    if text == "" then return ctx.notice("nothing changed since the last commit") end
    if #text > MAX_BYTES then
      text = zi.text.to_utf8(text:sub(1, MAX_BYTES)) .. ("\n… (%d bytes more)"):format(#text - MAX_BYTES)
    end
    if not ctx.ui then return ctx.notice(text) end
    page.show(ctx, "Changes", { { type = "text", text = text, format = "ansi", wrap = "char" } })
  end,
})
