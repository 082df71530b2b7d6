-- name: NAME
-- version: 0.1.0
-- description: Greets.
-- api: 1

---@param who string
---@return string
local function greeting(who)
  return "hello, " .. (who ~= "" and who or "world")
end

zi.tool({
  name = "TOOL",
  description = "Make a greeting for somebody.",
  kind = "read",
  parameters = {
    type = "object",
    properties = { who = { type = "string", description = "Who is greeted." } },
    required = { "who" },
  },
  execute = function(params)
    return greeting(params.who)
  end,
})

zi.command({
  name = "NAME",
  description = "Greet somebody in the log",
  handler = function(args)
    zi.log.info(greeting(args))
  end,
})
