--- Lines and bytes of a text, for what has to fit.
local M = {}

--- How many line feeds a text holds.
---@param text string
---@return integer
function M.feeds(text)
  return (select(2, text:gsub("\n", "")))
end

--- The longest start of a text that has at most `bytes` bytes and ends at a character.
---@param text string
---@param bytes integer
---@return string
function M.cut(text, bytes)
  if #text <= bytes then return text end
  local last = bytes
  -- A character has at most three bytes after its first; more of them are no UTF-8 anyway.
  for _ = 1, 3 do
    if text:byte(last + 1) & 0xC0 ~= 0x80 then break end
    last = last - 1
  end
  return text:sub(1, last)
end

--- The line without what is past `bytes` bytes, which `…` stands for.
---@param line string
---@param bytes integer
---@return string
function M.clip(line, bytes)
  if #line <= bytes then return line end
  return M.cut(line, bytes) .. "…"
end

--- Joins lines as long as they fit.
---@param list string[]
---@param bytes integer
---@return string text
---@return integer count how many lines of the list are in it
function M.join(list, bytes)
  local size, count = 0, 0
  for _, line in ipairs(list) do
    size = size + #line + 1
    if size > bytes then break end
    count = count + 1
  end
  return table.concat(list, "\n", 1, count), count
end

return M
