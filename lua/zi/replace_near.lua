--- What a passage that is not in a text was probably meant to be.
local lines = require("zi.lines")

local M = {}

--- Larger texts are not searched for what is only alike.
local MAX_TEXT_BYTES = 2 * 1024 * 1024
--- How alike a line must be to the passage's own.
local LIKENESS = 0.5
local MAX_CANDIDATES = 2
local MAX_SHOWN_LINES = 12
local MAX_SHOWN_BYTES = 300

-- Some lines of a text with their numbers, as they are.
local function show(list, first, last)
  local shown = {}
  for number = first, math.min(last, first + MAX_SHOWN_LINES - 1) do
    shown[#shown + 1] = ("%d: %s"):format(number, lines.clip(list[number], MAX_SHOWN_BYTES))
  end
  if last - first + 1 > MAX_SHOWN_LINES then shown[#shown + 1] = "…" end
  return table.concat(shown, "\n")
end

local function range(first, last)
  if first == last then return ("line %d"):format(first) end
  return ("lines %d-%d"):format(first, last)
end

-- Where the passage is when no blank counts: the first and the last line.
local function find_without_blanks(list, passage)
  local wanted = passage:gsub("%s+", "")
  if wanted == "" then return nil end
  local parts, starts, size = {}, {}, 0
  for number, line in ipairs(list) do
    parts[number] = line:gsub("%s+", "")
    starts[number] = size + 1
    size = size + #parts[number]
  end
  local first, last = table.concat(parts):find(wanted, 1, true)
  if not first then return nil end
  local function line_of(place)
    local low, high = 1, #starts
    while low < high do
      local middle = (low + high + 1) // 2
      if starts[middle] <= place then low = middle else high = middle - 1 end
    end
    return low
  end
  return line_of(first), line_of(last)
end

-- The longest line of the passage says most; it is looked for. Answers it and its number.
local function anchor_of(passage_lines)
  local anchor, place = "", 1
  for number, line in ipairs(passage_lines) do
    local text = line:match("^%s*(.-)%s*$")
    if #text > #anchor then
      anchor, place = text, number
    end
  end
  return anchor, place
end

-- Lines that are like the passage's longest, best first: `{line, score}`.
local function alike(list, anchor)
  local found = {}
  for number, line in ipairs(list) do
    -- Far longer or shorter lines cannot be alike, and comparing costs.
    if #line < #anchor * 3 + 40 and #line * 3 + 40 > #anchor then
      local score = zi.text.similarity(line, anchor)
      if score >= LIKENESS then found[#found + 1] = { line = number, score = score } end
    end
  end
  table.sort(found, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.line < b.line
  end)
  return found
end

--- Says what is near to a passage that is not there, and what to do.
---@param text string with LF line ends
---@param passage string with LF line ends
---@return string
function M.describe(text, passage)
  if #text > MAX_TEXT_BYTES then return "Read the place again and quote it exactly." end
  local list, wanted = zi.text.lines(text), zi.text.lines(passage)
  local first, last = find_without_blanks(list, passage)
  if first then
    local said = "Only blanks differ from %s (indentation, tabs, line breaks). Quote it exactly:\n%s"
    return said:format(range(first, last), show(list, first, last))
  end
  local anchor, place = anchor_of(wanted)
  local found = alike(list, anchor)
  if #found == 0 then return "Nothing is like it. Read the file again and quote it exactly." end
  local shown = {}
  for index = 1, math.min(#found, MAX_CANDIDATES) do
    local start = math.max(found[index].line - place + 1, 1)
    local stop = math.min(start + #wanted - 1, #list)
    shown[index] = ("Nearest is %s:\n%s"):format(range(start, stop), show(list, start, stop))
  end
  return table.concat(shown, "\n") .. "\nQuote it exactly."
end

return M
