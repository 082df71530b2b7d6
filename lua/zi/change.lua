--- What a changed file shows to the user: its diff and the numbers of it.
local M = {}

--- Larger texts are not compared, and longer diffs not kept.
local MAX_TEXT_BYTES = 4 * 1024 * 1024
local MAX_DIFF_BYTES = 128 * 1024
local BOM = "\u{FEFF}"

---@class (exact) zi.Change
---@field diff? string unified, three lines of context
---@field diff_omitted? boolean whether there is a diff that was too long to keep
---@field added? integer
---@field removed? integer
---@field first_line? integer of the new text, where the change begins

-- A mark at the start and carriage returns say nothing about a change when both texts have them.
local function without_dressing(before, after)
  if before:sub(1, #BOM) == BOM and after:sub(1, #BOM) == BOM then
    before, after = before:sub(#BOM + 1), after:sub(#BOM + 1)
  end
  if before:find("\r\n", 1, true) and after:find("\r\n", 1, true) then
    before, after = before:gsub("\r\n", "\n"), after:gsub("\r\n", "\n")
  end
  return before, after
end

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
  local diff, counts = zi.text.diff(without_dressing(before, after))
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
