-- name: statusline
-- description: The line at the bottom: model, context, cost, folder, branch, session.
-- api: 1

-- Other extensions add to it: `zi.emit("statusline:segment", {id = "clock", text = "12:30"})`, with
-- `order` (0 is before all of ours), `side` (`left` or `right`), `tone`; without a text it goes.

local screen = require("zi.screen")

local HOME = zi.env("HOME") or ""

--- Segments by id: `{text, order, side, tone}`.
local segments = {}

local function put(id, order, side, text, tone)
  if not text or text == "" then
    segments[id] = nil
  else
    segments[id] = { text = text, order = order, side = side, tone = tone }
  end
end

local function render(ctx)
  local sides = { left = {}, right = {} }
  for _, segment in pairs(segments) do
    table.insert(sides[segment.side], segment)
  end
  local function spans(side)
    table.sort(side, function(a, b) return a.order < b.order end)
    local list = {}
    for index, segment in ipairs(side) do
      if index > 1 then list[#list + 1] = { text = " · ", style = { tone = "muted" } } end
      list[#list + 1] = { text = segment.text, style = { tone = segment.tone or "muted" } }
    end
    return list
  end
  ctx.ui.render({
    id = "status",
    slot = "status",
    root = {
      type = "view",
      style = { flex_direction = "row", gap = 1, padding = { 0, 1 } },
      children = {
        { type = "text", spans = spans(sides.left), wrap = "none", overflow = "ellipsis", style = { flex_grow = 1 } },
        { type = "text", spans = spans(sides.right), wrap = "none", overflow = "clip" },
      },
    },
  })
end

local function short_dir(dir)
  if HOME ~= "" and dir:sub(1, #HOME) == HOME then dir = "~" .. dir:sub(#HOME + 1) end
  if #dir > 40 then dir = "…" .. dir:sub(-39) end
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
  local model = ctx.models.current()
  put("model", 10, "left", model and model.id or "no model", "accent")
  local reasoning = ctx.models.reasoning()
  put("reasoning", 20, "left", reasoning ~= "off" and reasoning or nil)
  local usage = ctx.context_usage()
  if usage and usage.percent then
    put("context", 30, "left", ("%.0f%%"):format(usage.percent), tone_of(usage.percent))
  end
  local used = ctx.session.usage()
  put("cost", 40, "left", used.cost and used.cost > 0 and ("$%.2f"):format(used.cost) or nil)
  put("session", 10, "right", ctx.session.name())
  put("branch", 20, "right", branch(ctx))
  put("folder", 30, "right", short_dir(ctx.cwd))
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
  refresh(first)
end)

zi.on("statusline:segment", function(event, ctx)
  local data = event.data
  if type(data) ~= "table" or type(data.id) ~= "string" then return end
  local side = data.side == "right" and "right" or "left"
  put("own:" .. data.id, tonumber(data.order) or 50, side, data.text, data.tone)
  if ctx.ui then render(ctx) end
end)
