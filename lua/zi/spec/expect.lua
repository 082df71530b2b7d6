--- Expectations: what a value must be, told at the place where it is not.
local failure = require("zi.spec.failure")
local values = require("zi.spec.values")

local M = {}

---@class (exact) zi.spec.Expectation
---@field _value any
---@field _never boolean
local Expectation = {}
Expectation.__index = Expectation

-- The text of a screen; nothing for other values that are no tables.
local function screen_text(value)
  local ok, text = pcall(function()
    return value:text()
  end)
  return ok and type(text) == "string" and text or nil
end

--- What is to be looked at. Every check answers the expectation again, so that checks can follow.
---@return zi.spec.Expectation
function M.expect(value)
  if type(value) == "userdata" then value = screen_text(value) or value end
  return setmetatable({ _value = value, _never = false }, Expectation)
end

--- Turns what follows round.
function Expectation:never()
  return setmetatable({ _value = self._value, _never = not self._never }, Expectation)
end

-- Fails unless `ok` is what is wanted. `diff` is made only when it is shown.
local function check(self, ok, what, diff)
  if ok ~= self._never then return self end
  local verb = self._never and "never to " or "to "
  local text = ("expected %s %s%s"):format(values.brief(self._value), verb, what)
  failure.raise(text, diff and not self._never and diff() or nil)
end

local function misused(name, wanted, got)
  failure.raise(("expect(…):%s needs %s, not %s"):format(name, wanted, type(got)))
end

--- The same value: tables by what they hold.
function Expectation:equals(wanted)
  return check(self, values.equal(self._value, wanted), "equal " .. values.brief(wanted), function()
    return values.diff(wanted, self._value)
  end)
end

--- The very same value (`==`).
function Expectation:is(wanted)
  return check(self, self._value == wanted, "be " .. values.brief(wanted), function()
    return values.diff(wanted, self._value)
  end)
end

function Expectation:is_true()
  return check(self, self._value == true, "be true")
end

function Expectation:is_false()
  return check(self, self._value == false, "be false")
end

function Expectation:is_nil()
  return check(self, self._value == nil, "be nil")
end

--- Of a type: `"string"`, `"table"`, …
function Expectation:is_a(kind)
  return check(self, type(self._value) == kind, "be a " .. kind)
end

--- A text in which the Lua pattern is found.
function Expectation:matches(pattern)
  if type(pattern) ~= "string" then misused("matches", "a pattern", pattern) end
  local ok = type(self._value) == "string" and self._value:find(pattern) ~= nil
  return check(self, ok, ("match %q"):format(pattern))
end

--- A text with this part in it, or an array with this item.
function Expectation:contains(part)
  local value, ok = self._value, false
  if type(value) == "string" then
    if type(part) ~= "string" then misused("contains", "a part of the text", part) end
    ok = value:find(part, 1, true) ~= nil
  elseif type(value) == "table" then
    for _, item in ipairs(value) do
      ok = ok or values.equal(item, part)
    end
  end
  return check(self, ok, "contain " .. values.brief(part), type(value) == "string" and function()
    return values.show(value)
  end or nil)
end

--- A table with all of these keys; of `never`, with not all of them.
function Expectation:has_keys(...)
  local missing = {}
  for _, key in ipairs({ ... }) do
    local has = type(self._value) == "table" and self._value[key] ~= nil
    if not has then missing[#missing + 1] = tostring(key) end
  end
  local names = table.concat(#missing > 0 and missing or { ... }, ", ")
  return check(self, #missing == 0, "have the keys " .. names)
end

--- A text or an array of this length.
function Expectation:has_length(length)
  local value = self._value
  local has_any = type(value) == "string" or type(value) == "table"
  local what = ("have the length %s"):format(length)
  if has_any then what = ("%s, not %d"):format(what, #value) end
  return check(self, has_any and #value == length, what)
end

--- A function that raises; its text must match the Lua pattern, if one is given.
function Expectation:errors(pattern)
  if type(self._value) ~= "function" then misused("errors", "a function to call", self._value) end
  local ok, raised = pcall(self._value)
  local text = tostring(raised)
  local fits = not ok and (pattern == nil or text:find(pattern) ~= nil)
  local what = pattern and ("raise %q"):format(pattern) or "raise an error"
  return check(self, fits, what, function()
    return ok and "it raised nothing" or "it raised: " .. text
  end)
end

return M
