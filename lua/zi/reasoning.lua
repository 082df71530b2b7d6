--- Thinking levels: what a model makes of the level that the user chose.
local M = {}

local ORDER = { "minimal", "low", "medium", "high", "xhigh", "max" }
--- Every level that there is.
M.LEVELS = { "off", table.unpack(ORDER) }
local RANK = {}
for rank, level in ipairs(ORDER) do
  RANK[level] = rank
end

-- The level of `levels` that is nearest to `wanted`; the smaller one of two.
local function nearest(levels, wanted)
  local best, distance
  for _, level in ipairs(levels) do
    local rank = RANK[level]
    local away = rank and math.abs(rank - RANK[wanted])
    if rank and (not distance or away < distance or (away == distance and rank < RANK[best])) then
      best, distance = level, away
    end
  end
  return best
end

--- The word on the wire for `level`, or nil when the model has no levels to choose from.
---@param model table
---@param level? string
---@param levels? string[] those of a model that nobody described; all when left out
---@return string?
function M.wire(model, level, levels)
  if not level or not RANK[level] or model.reasoning == false then return nil end
  local chosen = nearest(model.levels or levels or ORDER, level)
  return chosen and (model.level_wire or {})[chosen] or chosen
end

return M
