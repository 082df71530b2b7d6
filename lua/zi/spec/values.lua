--- Values as people read them, and what makes two of them differ.
local M = {}

local MAX_DEPTH = 12
--- A table that fits into this is shown on one line.
local LINE_CHARS = 72
local MAX_BYTES = 8000

--- Whether two values are the same: tables by what they hold, whatever their metatables.
---@param seen? table
---@return boolean
function M.equal(a, b, seen)
  if a == b or (a ~= a and b ~= b) then return true end
  if type(a) ~= "table" or type(b) ~= "table" then return false end
  seen = seen or {}
  -- Met again on the way down: the same if nothing else tells them apart.
  if seen[a] == b then return true end
  seen[a] = b
  for key, value in next, a do
    if not M.equal(value, rawget(b, key), seen) then return false end
  end
  for key in next, b do
    if rawget(a, key) == nil then return false end
  end
  return true
end

local function quoted(text)
  local plain = ("%q"):format(text):gsub("\\\n", "\\n"):gsub("\r", "\\r"):gsub("\t", "\\t")
  return plain
end

local function sorted_keys(t)
  local keys = {}
  for key in next, t do
    local in_sequence = math.type(key) == "integer" and key >= 1 and key <= #t
    if not in_sequence then keys[#keys + 1] = key end
  end
  table.sort(keys, function(a, b)
    if type(a) ~= type(b) then return type(a) < type(b) end
    if type(a) == "number" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local function key_text(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return key end
  return ("[%s]"):format(type(key) == "string" and quoted(key) or tostring(key))
end

local show

local function show_table(t, indent, open)
  if open[t] then return "<a table that contains itself>" end
  if #indent / 2 >= MAX_DEPTH then return "{…}" end
  open[t] = true
  local inner, parts = indent .. "  ", {}
  for index = 1, #t do
    parts[index] = show(t[index], inner, open)
  end
  for _, key in ipairs(sorted_keys(t)) do
    parts[#parts + 1] = ("%s = %s"):format(key_text(key), show(rawget(t, key), inner, open))
  end
  open[t] = nil
  if #parts == 0 then return "{}" end
  local line = ("{ %s }"):format(table.concat(parts, ", "))
  if #line + #indent <= LINE_CHARS and not line:find("\n", 1, true) then return line end
  return ("{\n%s%s,\n%s}"):format(inner, table.concat(parts, ",\n" .. inner), indent)
end

function show(value, indent, open)
  if type(value) == "string" then return quoted(value) end
  if type(value) == "table" then return show_table(value, indent, open) end
  if value == zi.json.null then return "zi.json.null" end
  return tostring(value)
end

--- A value as text; tables with sorted keys, over several lines when they are long.
---@return string
function M.show(value)
  local text = show(value, "", {})
  local head, tail, omitted = zi.text.clip(text, MAX_BYTES)
  if omitted == 0 then return text end
  return ("%s\n[… %d bytes …]\n%s"):format(head, omitted, tail)
end

--- A value in a sentence: short, on one line.
---@return string
function M.brief(value)
  local text = show(value, "", {}):gsub(",\n%s*}", " }"):gsub("\n%s*", " ")
  return zi.text.truncate(zi.text.to_utf8(text), 200)
end

local function is_long_text(value)
  return type(value) == "string" and value:find("\n.") ~= nil
end

--- What is different: lines with `-` are only in `wanted`, those with `+` only in `got`.
---@return string
function M.diff(wanted, got)
  local a, b = M.show(wanted), M.show(got)
  if is_long_text(wanted) and type(got) == "string" then
    a, b = zi.text.to_utf8(wanted), zi.text.to_utf8(got)
  end
  local is_short = not (a .. b):find("\n", 1, true)
  if is_short then return ("- %s\n+ %s"):format(a, b) end
  local diff = zi.text.diff(a .. "\n", b .. "\n")
  return (diff:gsub("^@@[^\n]*\n", ""):gsub("\n@@[^\n]*", "\n …"):gsub("\n$", ""))
end

return M
