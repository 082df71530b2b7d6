-- name: todo
-- description: A list of what is to do, for the model (`todo`) and for you (`/todo`).
-- api: 1

-- The list is in the session and not in a variable: it follows the user through branches, and is
-- there again when the session is continued.

local KIND = "todo"

---@param ctx zi.Ctx
---@return {text: string, done: boolean}[]
local function load(ctx)
  local newest = ctx.session.artifacts({ kind = KIND, limit = 1 })[1]
  return newest and newest.data.items or {}
end

---@return string? problem
local function save(ctx, items)
  local id, err = ctx.session.append_artifact({ kind = KIND, data = { items = items } })
  return not id and tostring(err) or nil
end

local function show(items)
  if #items == 0 then return "Nothing is to do." end
  local lines = {}
  for number, item in ipairs(items) do
    lines[number] = ("%d. [%s] %s"):format(number, item.done and "x" or " ", item.text)
  end
  return table.concat(lines, "\n")
end

-- Each changes the list and answers nothing, or what is wrong with the call.
local ACTIONS = {
  list = function() end,
  add = function(items, params)
    if not params.text then return "`add` needs `text`" end
    items[#items + 1] = { text = params.text, done = false }
  end,
  done = function(items, params)
    local item = items[params.number or 0]
    if not item then return "`done` needs the `number` of an item" end
    item.done = true
  end,
  remove = function(items, params)
    if not items[params.number or 0] then return "`remove` needs the `number` of an item" end
    table.remove(items, params.number)
  end,
}

local function execute(params, ctx)
  local items = load(ctx)
  local problem = ACTIONS[params.action](items, params)
  if not problem and params.action ~= "list" then problem = save(ctx, items) end
  if problem then return { content = problem, is_error = true } end
  return { content = show(items), details = { items = zi.json.array(items) } }
end

zi.tool({
  name = "todo",
  description = "Keep a list of what is to do. Answers the whole list.",
  prompt_snippet = "keep a list of what is to do",
  prompt_guidelines = { "Note the steps of longer work with `todo`; mark each as done." },
  parameters = {
    type = "object",
    required = { "action" },
    properties = {
      action = { type = "string", enum = { "list", "add", "done", "remove" } },
      text = { type = "string", minLength = 1, description = "What is to do (add)" },
      number = { type = "integer", minimum = 1, description = "Which item (done, remove)" },
    },
  },
  execute = execute,
})

zi.command({
  name = "todo",
  description = "Show what is to do, or add to it: /todo [text]",
  handler = function(text, ctx)
    local action = text == "" and "list" or "add"
    local result = execute({ action = action, text = text }, ctx)
    ctx.notice(result.content, result.is_error and "error" or "info")
  end,
})
