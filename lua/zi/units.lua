--- Sizes and times as people read them.
local M = {}

--- `812 bytes`, `4.2 KiB`, `17 MiB`.
---@param bytes integer
---@return string
function M.bytes(bytes)
  if bytes < 1024 then return ("%d byte%s"):format(bytes, bytes == 1 and "" or "s") end
  local size, unit = bytes / 1024, "KiB"
  if size >= 1024 then
    size, unit = size / 1024, "MiB"
  end
  return (size < 10 and "%.1f %s" or "%.0f %s"):format(size, unit)
end

--- `0.4 s`, `75 s`.
---@param ms integer
---@return string
function M.seconds(ms)
  return (ms < 10000 and "%.1f s" or "%.0f s"):format(ms / 1000)
end

--- `1 line`, `3 lines`.
---@param count integer
---@param word string
---@param plural? string what to say when it is not one (`word` with an s)
---@return string
function M.count(count, word, plural)
  return ("%d %s"):format(count, count == 1 and word or plural or word .. "s")
end

return M
