--- Replacing passages of a text: all found in the text as it is, all replaced, or none.
--- How lines end does not count for finding; what is put in gets the line ends of its surroundings.
local near = require("zi.replace_near")

local M = {}

local BOM = "\u{FEFF}"
--- How many places of an ambiguous passage are named.
local MAX_PLACES = 10

---@class (exact) zi.Edit
---@field old_text string
---@field new_text string
---@field replace_all? boolean

local function lf(text)
  return (text:gsub("\r\n", "\n"))
end

local function without_bom(text)
  if text:sub(1, #BOM) == BOM then return text:sub(#BOM + 1), BOM end
  return text, ""
end

-- Where carriage returns stand in a text of CRLF lines: the places in the LF text of the line feeds
-- that follow them.
local function returns_of(text)
  local returns = {}
  for at in text:gmatch("()\r\n") do
    returns[#returns + 1] = at - #returns
  end
  return returns
end

-- How many of the sorted numbers are less than `limit`.
local function count_below(numbers, limit)
  local low, high = 0, #numbers
  while low < high do
    local middle = (low + high + 1) // 2
    if numbers[middle] < limit then low = middle else high = middle - 1 end
  end
  return low
end

local function line_at(text, place)
  return select(2, text:sub(1, place - 1):gsub("\n", "")) + 1
end

-- Every place of `passage`; with `overlapping` also those that begin inside another.
local function places(text, passage, overlapping)
  local found, from = {}, 1
  while true do
    local first, last = text:find(passage, from, true)
    if not first then return found end
    found[#found + 1] = { first = first, last = last }
    from = overlapping and first + 1 or last + 1
  end
end

local function lines_of_places(text, found)
  local numbers = {}
  for index = 1, math.min(#found, MAX_PLACES) do
    numbers[index] = line_at(text, found[index].first)
  end
  return table.concat(numbers, ", ") .. (#found > MAX_PLACES and ", …" or "")
end

-- The places that an edit is for, or what is wrong with it.
local function resolve(text, edit, edits)
  local old, new = lf(without_bom(edit.old_text)), lf(without_bom(edit.new_text))
  if old == "" then
    return nil, "old_text is empty. Quote the text to replace; to write a file whole use write."
  end
  if old == new then return nil, "old_text and new_text are the same." end
  local found = places(text, old, not edit.replace_all)
  if #found == 0 then
    for _, other in ipairs(edits) do
      if other ~= edit and lf(other.new_text):find(old, 1, true) then
        return nil, "old_text is only in the new_text of another edit. "
          .. "All edits are for the file as it is now: join the two."
      end
    end
    return nil, "old_text is not in the file. " .. near.describe(text, old)
  end
  if #found > 1 and not edit.replace_all then
    local numbers = lines_of_places(text, found)
    return nil, ("old_text is there %d times, on lines %s. "):format(#found, numbers)
      .. "Add lines around it until only one place fits, or set replace_all."
  end
  for _, place in ipairs(found) do
    place.new = new
  end
  return found
end

local function overlap_of(text, places_in_order)
  for index = 2, #places_in_order do
    local before, after = places_in_order[index - 1], places_in_order[index]
    if after.first <= before.last then
      return ("edits[%d] and edits[%d] overlap on line %d. Join them into one edit."):format(
        math.min(before.edit, after.edit) - 1,
        math.max(before.edit, after.edit) - 1,
        line_at(text, after.first)
      )
    end
  end
end

-- All places in order, or what is wrong with the edits, one line each.
local function resolve_all(text, edits)
  local all, problems = {}, {}
  for index, edit in ipairs(edits) do
    local found, problem = resolve(text, edit, edits)
    for _, place in ipairs(found or {}) do
      place.edit = index
      all[#all + 1] = place
    end
    if problem and #edits > 1 then problem = ("edits[%d]: %s"):format(index - 1, problem) end
    problems[#problems + 1] = problem
  end
  table.sort(all, function(a, b)
    if a.first ~= b.first then return a.first < b.first end
    return a.edit < b.edit
  end)
  if #problems == 0 then problems[1] = overlap_of(text, all) end
  if #problems > 0 then return nil, problems end
  return all
end

--- Applies edits to a text. Answers the new text and how many places changed, or nil and what is
--- wrong with the edits.
---@param text string
---@param edits zi.Edit[]
---@return string? text
---@return integer|string[] count_or_problems
function M.apply(text, edits)
  local body, bom = without_bom(text)
  local plain, returns = lf(body), returns_of(body)
  local all, problems = resolve_all(plain, edits)
  if not all then return nil, problems end
  local mostly_crlf = #returns * 2 > select(2, plain:gsub("\n", ""))
  local parts, from = { bom }, 1
  for _, place in ipairs(all) do
    local before, upto = count_below(returns, place.first), count_below(returns, place.last + 1)
    local feeds = select(2, plain:sub(place.first, place.last):gsub("\n", ""))
    local crlf = mostly_crlf
    if feeds > 0 then crlf = (upto - before) * 2 > feeds end
    parts[#parts + 1] = body:sub(from, place.first + before - 1)
    parts[#parts + 1] = crlf and place.new:gsub("\n", "\r\n") or place.new
    from = place.last + upto + 1
  end
  parts[#parts + 1] = body:sub(from)
  return table.concat(parts), #all
end

return M
