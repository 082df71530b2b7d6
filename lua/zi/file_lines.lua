--- Lines of a file that may be too large to hold: it is gone through in parts.
local lines = require("zi.lines")

local M = {}

local PART_BYTES = 1024 * 1024

--- The byte, counted from 0, at which line `wanted` starts; where the file ends when it has fewer.
---@async
---@param path string
---@param wanted integer 1 is the first
---@return integer? offset
---@return zi.Error? err
function M.start_of(path, wanted)
  local line, offset = 1, 0
  while line < wanted do
    local part, err = zi.fs.read(path, { offset = offset, limit = PART_BYTES })
    if not part then return nil, err end
    if part == "" then return offset end
    local feeds = lines.feeds(part)
    if line + feeds < wanted then
      line, offset = line + feeds, offset + #part
    else
      local feed = 0
      for _ = line + 1, wanted do
        feed = part:find("\n", feed + 1, true)
      end
      line, offset = wanted, offset + feed
    end
  end
  return offset
end

--- How many line feeds there are from a byte on, and whether text follows the last one.
---@async
---@param path string
---@param offset integer
---@return integer? feeds nil when the file cannot be read
---@return boolean is_open
function M.feeds(path, offset)
  local feeds, last = 0, "\n"
  repeat
    local part = zi.fs.read(path, { offset = offset, limit = PART_BYTES })
    if not part then return nil, false end
    feeds, offset = feeds + lines.feeds(part), offset + #part
    if part ~= "" then last = part:sub(-1) end
  until part == ""
  return feeds, last ~= "\n"
end

--- How many lines there are from a byte on.
---@async
---@param path string
---@param offset integer
---@return integer
function M.count(path, offset)
  local feeds, is_open = M.feeds(path, offset)
  return (feeds or 0) + (is_open and 1 or 0)
end

return M
