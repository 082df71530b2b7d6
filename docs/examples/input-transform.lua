-- name: input-transform
-- description: Expands shortcuts such as `;fix` in front of what you type; `;` lists them.
-- api: 1

local settings = zi.settings({
  properties = {
    shortcuts = {
      type = "object",
      additionalProperties = { type = "string" },
      default = {
        fix = "Find out why this fails, fix the cause, and add a test: $@",
        review = "Review the changes that are not committed yet. $@",
        tests = "Run the tests and tell me in one line how they went.",
      },
      description = "What each shortcut stands for; `$@` is what follows it",
    },
  },
})

local function list()
  local lines = {}
  for name, text in pairs(settings.shortcuts) do
    lines[#lines + 1] = (";%s  %s"):format(name, text)
  end
  table.sort(lines)
  return table.concat(lines, "\n")
end

-- In a replacement `%` would be special, so what the user typed comes from a function.
local function expand(template, rest)
  return (template:gsub("%$@", function() return rest end):gsub("%s+$", ""))
end

zi.on("input", function(event, ctx)
  -- What extensions say is meant as it stands.
  if event.source ~= "user" then return end
  local name, rest = event.text:match("^;([%w_-]*)%s*(.*)$")
  local template = name and settings.shortcuts[name]
  if template then return { action = "transform", text = expand(template, rest) } end
  if event.text:find("^;[%w_-]*%s*$") then
    ctx.notice(list())
    return { action = "handled" }
  end
end)
