--- How long ago something was, in words.
local M = {}

local UNITS = {
  { 365 * 24 * 3600, "year" },
  { 30 * 24 * 3600, "month" },
  { 7 * 24 * 3600, "week" },
  { 24 * 3600, "day" },
  { 3600, "hour" },
  { 60, "minute" },
}

--- The seconds since 1970 of a time such as `2026-11-21T09:00:00Z`, in UTC.
---@param text string
---@return integer?
function M.seconds(text)
  local year, month, day, hour, minute, second = text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)")
  if not year then return nil end
  year, month, day = math.tointeger(year), math.tointeger(month), math.tointeger(day)
  -- Days from the civil calendar: March begins the year, so that leap days come last.
  if month <= 2 then year = year - 1 end
  local era = year // 400
  local of_era = year - era * 400
  local of_year = (153 * ((month + 9) % 12) + 2) // 5 + day - 1
  local days = era * 146097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719468
  return ((days * 24 + math.tointeger(hour)) * 60 + math.tointeger(minute)) * 60 + math.tointeger(second)
end

--- How long ago a time was: `3 hours ago`.
---@param text string
---@return string
function M.ago(text)
  local at = M.seconds(text)
  if not at then return "" end
  local seconds = zi.hash.now_ms() // 1000 - at
  for _, unit in ipairs(UNITS) do
    local count = seconds // unit[1]
    if count >= 1 then return ("%d %s%s ago"):format(count, unit[2], count == 1 and "" or "s") end
  end
  return "just now"
end

--- The same in a few cells: `3h`.
---@param text string
---@return string
function M.short(text)
  local count, unit = M.ago(text):match("^(%d+) (%l)")
  if not count then return M.seconds(text) and "now" or "" end
  return count .. (unit == "m" and M.ago(text):find("month", 1, true) and "mo" or unit)
end

return M
