-- name: statusline
-- description: The line at the bottom: model, context, cost, folder, branch, session.
-- api: 1

-- Other extensions add to it: `zi.emit("statusline:segment", {id = "clock", text = "12:30"})`, with
-- `order` (0 is before all of ours), `side` (`left` or `right`), `tone`, and `rank`: where the line is
-- too short the lowest ranks go first (50 unless it is said). Without a text the segment goes.

local screen = require("zi.screen")

local HOME = zi.env("HOME") or ""
local DOT = " · "

--- Segments by id: `{text, short, order, side, tone, rank}`.
local segments = {}

---@param id string
---@param segment table
local function put(id, segment)
  local text = segment.text and tostring(segment.text):gsub("%s+", " ") or ""
  segment.text = text
  segments[id] = text ~= "" and segment or nil
end

local function width_of(side)
  local sum = 0
  for index, segment in ipairs(side) do
    sum = sum + zi.text.width(segment.text) + (index > 1 and #DOT - 1 or 0)
  end
  return sum
end

-- The segments of both sides, in order.
local function all_sides()
  local sides = { left = {}, right = {} }
  for _, segment in pairs(segments) do
    table.insert(sides[segment.side], {
      text = segment.text,
      short = segment.short,
      order = segment.order,
      tone = segment.tone,
      rank = segment.rank,
    })
  end
  for _, side in pairs(sides) do
    table.sort(side, function(a, b) return a.order < b.order end)
  end
  return sides
end

-- Shortens what matters least, or else leaves it out; false when there is nothing left to leave out.
local function give_way(sides)
  local least, side_of, place
  for _, side in pairs(sides) do
    for index, segment in ipairs(side) do
      if not least or segment.rank < least.rank then
        least, side_of, place = segment, side, index
      end
    end
  end
  if not least or #sides.left + #sides.right == 1 then return false end
  if least.short and least.short ~= least.text then
    least.text = least.short
  else
    table.remove(side_of, place)
  end
  return true
end

-- What there is room for.
local function fitting(columns)
  local sides = all_sides()
  local function missing()
    local gap = #sides.left > 0 and #sides.right > 0 and 2 or 0
    return width_of(sides.left) + gap + width_of(sides.right) > columns - 2
  end
  while missing() and give_way(sides) do
  end
  return sides
end

local function spans(side)
  local list = {}
  for index, segment in ipairs(side) do
    if index > 1 then list[#list + 1] = { text = DOT, style = { tone = "muted" } } end
    list[#list + 1] = { text = segment.text, style = { tone = segment.tone or "muted" } }
  end
  return list
end

local function render(ctx)
  local columns = ctx.ui.size()
  if not columns then return end
  local sides = fitting(columns)
  -- Names of branches and folders are shown to the letter.
  local function text(side, style)
    local overflow = style and "ellipsis" or "clip"
    return { type = "text", spans = spans(side), format = "exact", wrap = "none", overflow = overflow, style = style }
  end
  ctx.ui.render({
    id = "status",
    slot = "status",
    root = {
      type = "view",
      style = { flex_direction = "row", gap = 1, padding = { 0, 1 } },
      children = { text(sides.left, { flex_grow = 1 }), #sides.right > 0 and text(sides.right) or nil },
    },
  })
end

local function short_dir(dir)
  if HOME ~= "" and dir:sub(1, #HOME) == HOME then dir = "~" .. dir:sub(#HOME + 1) end
  return dir
end

---@async
local function branch(ctx)
  local dir = ctx.cwd
  while true do
    local head = zi.fs.read(zi.path.join(dir, ".git", "HEAD"))
    if head then
      return head:match("^ref: refs/heads/(%S+)") or head:sub(1, 7)
    end
    local parent = zi.path.dirname(dir)
    if parent == dir then return nil end
    dir = parent
  end
end

local function tone_of(percent)
  if percent >= 85 then return "danger" end
  return percent >= 60 and "warning" or "muted"
end

---@async
local function refresh(ctx)
  local model, reasoning = ctx.models.current(), ctx.models.reasoning()
  local usage, used = ctx.context_usage(), ctx.session.usage()
  local percent = usage and usage.percent
  put("model", { text = model and model.id or "no model", order = 10, side = "left", tone = "accent", rank = 100 })
  put("reasoning", { text = reasoning ~= "off" and reasoning or nil, order = 20, side = "left", rank = 40 })
  put("context", {
    text = percent and ("%.0f%%"):format(percent) or nil,
    order = 30,
    side = "left",
    tone = percent and tone_of(percent),
    rank = 90,
  })
  local cost = used.cost and used.cost > 0 and ("$%.2f"):format(used.cost) or nil
  put("cost", { text = cost, order = 40, side = "left", rank = 30 })
  local name, folder = ctx.session.name(), short_dir(ctx.cwd)
  put("session", { text = name, short = name and zi.text.truncate(name, 16), order = 10, side = "right", rank = 45 })
  local on = branch(ctx)
  put("branch", { text = on, short = on and zi.text.truncate(on, 20), order = 20, side = "right", rank = 70 })
  put("folder", { text = folder, short = zi.path.basename(folder), order = 30, side = "right", rank = 20 })
  render(ctx)
end

screen.ready(function(first)
  local changes = {
    "session_start",
    "turn_end",
    "agent_end",
    "session_compact",
    "session_tree",
    "model_select",
    "reasoning_select",
    "session_rename",
  }
  for _, event in ipairs(changes) do
    zi.on(event, function(_, ctx) refresh(ctx) end)
  end
  zi.on("screen_resize", function(_, ctx) render(ctx) end)
  refresh(first)
end)

zi.on("statusline:segment", function(event, ctx)
  local data = event.data
  if type(data) ~= "table" or type(data.id) ~= "string" then return end
  put("own:" .. data.id, {
    text = data.text,
    order = tonumber(data.order) or 50,
    side = data.side == "right" and "right" or "left",
    tone = data.tone,
    rank = tonumber(data.rank) or 50,
  })
  if ctx.ui then render(ctx) end
end)
