-- name: command-model
-- description: Slash commands that choose the model and how much it thinks.
-- api: 1

local picker = require("zi.picker")
local reasoning = require("zi.reasoning")

local function context(model)
  local window = model.context_window
  if not window then return "" end
  return window >= 1000000 and ("%.1fM"):format(window / 1000000) or ("%dk"):format(window // 1000)
end

local function full_name(model) return model.provider .. "/" .. model.id end

local function rows(ctx)
  local current, list, selected = ctx.models.current(), {}, 1
  for index, model in ipairs(ctx.models.list()) do
    list[index] = { label = full_name(model), detail = context(model), value = full_name(model) }
    if current and full_name(current) == full_name(model) then selected = index end
  end
  return list, selected
end

zi.command({
  name = "model",
  description = "Choose the model",
  complete = function(_, ctx)
    local names = {}
    for _, model in ipairs(ctx.models.list()) do names[#names + 1] = full_name(model) end
    return names
  end,
  handler = function(args, ctx)
    local wanted = args
    if wanted == "" then
      local items, selected = rows(ctx)
      local chosen = picker.pick(ctx, { title = "Model", items = items, selected = selected })
      if not chosen then return end
      wanted = chosen
    end
    local model, err = ctx.models.select(wanted)
    if not model then return ctx.notice(tostring(err), "error") end
    ctx.notice("the model is " .. full_name(model))
  end,
})

-- The level after the present one, and after the last the first.
local function next_level(ctx)
  local current = ctx.models.reasoning()
  for index, name in ipairs(reasoning.LEVELS) do
    if name == current then return reasoning.LEVELS[index % #reasoning.LEVELS + 1] end
  end
  return reasoning.LEVELS[1]
end

zi.command({
  name = "reasoning",
  aliases = { "thinking" },
  description = "Choose how much the model thinks; `/reasoning next` takes the next level",
  complete = function() return reasoning.LEVELS end,
  handler = function(args, ctx)
    local level = args
    if level == "" then
      local selected, current = 1, ctx.models.reasoning()
      for index, name in ipairs(reasoning.LEVELS) do
        if name == current then selected = index end
      end
      local chosen = picker.pick(ctx, { title = "Thinking", items = reasoning.LEVELS, selected = selected })
      if not chosen then return end
      level = chosen
    end
    if level == "next" then level = next_level(ctx) end
    local known = false
    for _, name in ipairs(reasoning.LEVELS) do known = known or name == level end
    if not known then
      return ctx.notice(("`%s` is none of %s"):format(level, table.concat(reasoning.LEVELS, ", ")), "error")
    end
    ctx.notice("the model thinks: " .. ctx.models.reasoning(level))
  end,
})

zi.keymap("shift+tab", "/reasoning next", { description = "the next level of thinking" })
