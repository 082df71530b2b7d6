--- Data as a person reads it who has to agree to it: nothing is left out, and no text of one field
--- can pass for another field.
local M = {}

local function key_text(key)
  if type(key) == "string" and key:find("^[%w_-]+$") then return key end
  return zi.json.encode(key)
end

-- Texts that would look like something else, or like nothing, stand in quotation marks.
local function is_clear(text)
  if text == "" or text:find("^%s") or text:find("%s$") then return false end
  return not pcall(zi.json.decode, text)
end

local function keys_of(map)
  local keys = {}
  for key in pairs(map) do keys[#keys + 1] = key end
  local function is_long(key)
    local value = map[key]
    return type(value) == "table" or type(value) == "string" and value:find("\n", 1, true) ~= nil
  end
  table.sort(keys, function(a, b)
    local long_a, long_b = is_long(a), is_long(b)
    if long_a ~= long_b then return long_b end
    if math.type(a) == "integer" and math.type(b) == "integer" then return a < b end
    return tostring(a) < tostring(b)
  end)
  return keys
end

local add

local function add_fields(lines, indent, map)
  for _, key in ipairs(keys_of(map)) do add(lines, indent, key_text(key), map[key]) end
end

function add(lines, indent, name, value)
  local head = indent .. name .. ":"
  if type(value) == "table" and next(value) ~= nil then
    lines[#lines + 1] = head
    return add_fields(lines, indent .. "  ", value)
  end
  if type(value) == "string" and value:find("\n", 1, true) then
    lines[#lines + 1] = head
    for line in (value .. "\n"):gmatch("(.-)\n") do lines[#lines + 1] = indent .. "  " .. line end
    return
  end
  local text = type(value) == "string" and is_clear(value) and value or zi.json.encode(value)
  lines[#lines + 1] = head .. " " .. text
end

--- The fields of `map`, each on lines of its own: short ones first. Lines of a text that has several
--- stand further in than its name.
---@param map table
---@return string
function M.fields(map)
  local lines = {}
  add_fields(lines, "", map)
  return table.concat(lines, "\n")
end

return M
