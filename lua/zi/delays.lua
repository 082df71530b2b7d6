--- How long a server asks its clients to wait.
local M = {}

local MS = { ms = 1, s = 1000, m = 60000, h = 3600000 }

--- Reads a duration like `39s`, `6m0s` or `120ms`.
---@param text string
---@return number? ms
function M.parse(text)
  local total
  for number, unit in text:gmatch("(%d+%.?%d*)(%a+)") do
    if not MS[unit] then return nil end
    total = (total or 0) + tonumber(number) * MS[unit]
  end
  return total
end

--- What the headers ask for: milliseconds, seconds, or a date by the server's own clock.
---@param headers table<string, string>
---@return number? ms
function M.of_headers(headers)
  local ms, after = tonumber(headers["retry-after-ms"]), headers["retry-after"]
  if ms or not after then return ms end
  if tonumber(after) then return tonumber(after) * 1000 end
  local at = zi.hash.parse_date(after)
  local now = headers.date and zi.hash.parse_date(headers.date) or zi.hash.now_ms()
  return at and math.max(0, at - now)
end

--- What a sentence asks for, in lower case: `please try again in 11.05s`.
---@param sentence string
---@return number? ms
function M.of_sentence(sentence)
  local told = sentence:match("again in (%d[%w%.]*)") or sentence:match("retry in (%d[%w%.]*)")
  return told and M.parse(told)
end

return M
