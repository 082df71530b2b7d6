--- Why a test failed: a text, the place in the spec, and what there is besides.
local M = {}

---@class (exact) zi.spec.Failure
---@field message string
---@field place? string file:line of the expectation
---@field diff? string
---@field traceback? string

local Failure = {
  __tostring = function(self)
    return self.message
  end,
}

-- The innermost place that is neither in these modules nor in zi itself.
local function place()
  for level = 3, 60 do
    local frame = debug.getinfo(level, "Sl")
    if not frame then return nil end
    local file = frame.source:match("^@(.*)")
    if file and not file:find("lua/zi/spec/", 1, true) then
      return ("%s:%d"):format(file, frame.currentline)
    end
  end
end

--- Fails the test, at the place that the caller was called from.
---@param message string
---@param diff? string
function M.raise(message, diff)
  local failure = { message = zi.text.to_utf8(message), place = place() }
  if diff then failure.diff = zi.text.to_utf8(diff) end
  error(setmetatable(failure, Failure), 0)
end

-- What a host function raised comes with how it travelled; that says nothing.
local function text_of(raised)
  local text = tostring(raised)
  if type(raised) ~= "userdata" then return text end
  return (text:gsub("\nstack traceback:.*", ""):gsub("^runtime error: ", ""))
end

--- A raised value as a failure; for `xpcall`.
---@return zi.spec.Failure
function M.of(raised)
  if getmetatable(raised) == Failure then return raised end
  return setmetatable({
    message = zi.text.to_utf8(text_of(raised)),
    traceback = zi.text.to_utf8(debug.traceback("", 2)),
  }, Failure)
end

return M
