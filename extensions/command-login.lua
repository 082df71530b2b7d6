-- name: command-login
-- description: Slash commands that log in to providers and out again.
-- api: 1

local picker = require("zi.picker")

local function providers(ctx)
  local names, seen = {}, {}
  for _, model in ipairs(ctx.models.list()) do
    if not seen[model.provider] then
      seen[model.provider] = true
      names[#names + 1] = model.provider
    end
  end
  table.sort(names)
  return names
end

---@async
local function choose(ctx, args, title)
  if args ~= "" then return args end
  if not ctx.ui then return nil end
  local items = {}
  for _, name in ipairs(providers(ctx)) do items[#items + 1] = { label = name, value = name } end
  local chosen = picker.pick(ctx, { title = title, items = items })
  return chosen
end

-- Logins ask for keys and open pages, so they get the terminal for as long as they take.
---@async
local function in_terminal(ctx, verb, provider)
  local argv = { zi.executable, verb, provider }
  for _, extension in ipairs(verb == "login" and ctx.extensions.list() or {}) do
    -- A provider may be there for this run only.
    if extension.source == "explicit" then
      argv[#argv + 1] = "--ext=" .. extension.entry
    end
  end
  local ended = zi.system(argv, { stdio = "terminal" })
  if ended.status == "error" then return ctx.notice(ended.error, "error") end
  if ended.code ~= 0 then return ctx.notice(("`zi %s %s` failed"):format(verb, provider), "error") end
  ctx.notice(("`zi %s %s`: done"):format(verb, provider))
end

local VERBS = {
  { "login", "Log in to a provider" },
  { "logout", "Forget a provider's credentials" },
}

for _, row in ipairs(VERBS) do
  local verb, about = table.unpack(row)
  zi.command({
    name = verb,
    description = about,
    complete = function(_, ctx) return providers(ctx) end,
    handler = function(args, ctx)
      local provider = choose(ctx, args, about)
      if provider then in_terminal(ctx, verb, provider) end
    end,
  })
end
