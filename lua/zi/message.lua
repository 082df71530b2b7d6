--- Messages of a conversation, as they are kept.
local M = {}

--- The text of a message: all its text blocks.
---@param message {content: string|table[]}
---@return string
function M.text(message)
  local content = message.content
  if type(content) == "string" then return content end
  local parts = {}
  for _, block in ipairs(content or {}) do
    if block.type == "text" then parts[#parts + 1] = block.text end
  end
  return table.concat(parts, "\n")
end

return M
