--- What a program printed, made fit for a model: as a terminal would show it in the end, and no
--- more of it than helps.
local lines = require("zi.lines")

local M = {}

--- Most that is shown of an output, and how it is shared between its start and its end. Programs say
--- at the end what went wrong.
M.MAX_LINES, M.MAX_BYTES = 2000, 50 * 1024
local HEAD_LINES, HEAD_BYTES = 400, 10 * 1024
local TAIL_LINES, TAIL_BYTES = M.MAX_LINES - HEAD_LINES, M.MAX_BYTES - HEAD_BYTES
--- How far from either end is looked for lines to show: colours and progress bars take room that
--- does not count.
M.WINDOW_BYTES = 256 * 1024
--- How many states of a line are looked at for one that is not blank.
local STATES = 8
--- How much longer bytes get that are not UTF-8: each is replaced by a character of three bytes.
local REPLACED = 3

-- A line that was written over with carriage returns, as it was last.
local function last_state(line)
  local rest = line:match("^(.*[^\r])\r*$") or ""
  for _ = 1, STATES do
    local before, state = rest:match("^(.*)\r([^\r]*)$")
    if not before then break end
    if zi.text.strip_ansi(state):find("%S") then return state end
    rest = before
  end
  return rest
end

--- The text in UTF-8, with each line as it was last and without terminal control.
---@param text string
---@return string
function M.clean(text)
  text = zi.text.to_utf8(text)
  if text:find("\r", 1, true) then
    text = text:gsub("[^\n]+", function(line)
      return line:find("\r", 1, true) and last_state(line)
    end)
  end
  return zi.text.strip_ansi(text)
end

-- Lines from the start of `raw` that fit, and where they end. Of a line that is too long by itself
-- the start is taken.
local function take_head(raw)
  local kept, size, finish = {}, 0, 0
  while #kept < HEAD_LINES do
    local feed = raw:find("\n", finish + 1, true)
    if not feed then break end
    local line = M.clean(raw:sub(finish + 1, feed - 1))
    size = size + #line + 1
    if size > HEAD_BYTES then break end
    kept[#kept + 1] = line
    finish = feed
  end
  if #kept > 0 then return table.concat(kept, "\n"), finish, false end
  local part = lines.cut(raw, HEAD_BYTES)
  if #M.clean(part) > HEAD_BYTES then part = lines.cut(raw, HEAD_BYTES // REPLACED) end
  return M.clean(part), #part, true
end

-- The end of a text, about `bytes` long, from the start of a character on, and where that is.
local function cut_start(raw, bytes)
  local start = math.max(1, #raw - bytes + 1)
  for _ = 1, 3 do
    if (raw:byte(start) or 0) & 0xC0 ~= 0x80 then break end
    start = start + 1
  end
  return M.clean(raw:sub(start)), start
end

-- Lines from the end of `raw` that fit, and where they start. What is before the first line feed is
-- not known to be a whole line.
local function take_tail(raw)
  local stop = raw:sub(-1) == "\n" and #raw - 1 or #raw
  local feeds = {}
  for at in raw:sub(1, stop):gmatch("()\n") do
    feeds[#feeds + 1] = at
  end
  local kept, size, start = {}, 0, nil
  local function take(from)
    local line = M.clean(raw:sub(from, stop))
    size = size + #line + 1
    if size > TAIL_BYTES or #kept == TAIL_LINES then return false end
    table.insert(kept, line)
    start, stop = from, from - 2
    return true
  end
  local index = #feeds
  while index > 0 and take(feeds[index] + 1) do
    index = index - 1
  end
  -- Of a line that was written over the last state counts, wherever it began.
  if index == 0 and raw:sub(1, stop - 1):find("\r", 1, true) then take(1) end
  if not start then
    local text
    text, start = cut_start(raw, TAIL_BYTES)
    if #text > TAIL_BYTES then
      text, start = cut_start(raw, TAIL_BYTES // REPLACED)
    end
    return text, start
  end
  for index = 1, #kept // 2 do
    kept[index], kept[#kept - index + 1] = kept[#kept - index + 1], kept[index]
  end
  return table.concat(kept, "\n"), start
end

--- The whole output, cleaned, when it may be shown whole.
---@param raw string
---@return string?
function M.whole(raw)
  local text = M.clean(raw)
  local count = lines.feeds(text) + (text:sub(-1) == "\n" and 0 or 1)
  if #text <= M.MAX_BYTES and count <= M.MAX_LINES then return text end
  return nil
end

---@class (exact) zi.OutputEnds
---@field head string
---@field tail string
---@field omitted_bytes integer of the raw output, between the two
---@field omitted_lines? integer whole lines among them; nil when `total_feeds` is not known

--- The two ends of an output that is not shown whole.
---@param raw string the output; its first and last `WINDOW_BYTES` count
---@param total_bytes integer how long it was in truth
---@param total_feeds? integer how many line feeds it had
---@return zi.OutputEnds
function M.ends(raw, total_bytes, total_feeds)
  local head, finish, is_open = take_head(raw:sub(1, M.WINDOW_BYTES))
  local rest = raw:sub(math.max(finish + 1, #raw - M.WINDOW_BYTES + 1))
  local tail, start = take_tail(rest)
  local tail_bytes = #rest - start + 1
  local ends = { head = head, tail = tail, omitted_bytes = total_bytes - finish - tail_bytes }
  if total_feeds then
    local feeds = total_feeds - lines.feeds(raw:sub(1, finish)) - lines.feeds(rest:sub(start))
    -- Where the head stops inside a line, the first line feed ends what is left of that line.
    ends.omitted_lines = is_open and math.max(feeds - 1, 0) or feeds
  end
  return ends
end

return M
