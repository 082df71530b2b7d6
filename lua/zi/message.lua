--- Messages of a session, as texts.
local M = {}

--- What a message says: its text, or that of its blocks.
---@param message table
---@return string
function M.text(message)
  local content = message.content
  if type(content) ~= "table" then return tostring(content or "") end
  local parts = {}
  for _, block in ipairs(content) do
    if block.type == "text" then parts[#parts + 1] = block.text end
  end
  return table.concat(parts)
end

return M
