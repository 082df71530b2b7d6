--- What a changed file shows to the user: its diff and the numbers of it.
local M = {}

--- Larger texts are not compared, and longer diffs not kept.
local MAX_TEXT_BYTES = 4 * 1024 * 1024
local MAX_DIFF_BYTES = 128 * 1024

---@class (exact) zi.Change
---@field diff? string unified, three lines of context
---@field diff_omitted? boolean whether there is a diff that was too long to keep
---@field added? integer
---@field removed? integer
---@field first_line? integer of the new text, where the change begins

-- A diff begins with a hunk's head, and a hunk with lines that did not change.
local function first_line(diff)
  local start, rest = diff:match("^@@ %-[%d,]+ %+(%d+)[%d,]* @@[^\n]*\n(.*)")
  if not start then return nil end
  local line = math.tointeger(start)
  for mark in rest:gmatch("([^\n])[^\n]*\n?") do
    if mark ~= " " then break end
    line = line + 1
  end
  return math.max(line, 1)
end

--- Compares two texts.
---@param before string
---@param after string
---@return zi.Change
function M.between(before, after)
  if #before + #after > MAX_TEXT_BYTES then return { diff_omitted = true } end
  local diff, counts = zi.text.diff(before, after)
  local too_long = #diff > MAX_DIFF_BYTES
  return {
    diff = not too_long and diff or nil,
    diff_omitted = too_long or nil,
    added = counts.added,
    removed = counts.removed,
    first_line = first_line(diff),
  }
end

return M
