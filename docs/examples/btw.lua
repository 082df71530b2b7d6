-- name: btw
-- description: /btw asks something on the side; the conversation never hears of it.
-- api: 1

local TOOLS = { "read", "grep", "find", "ls" }

local SYSTEM = "You answer a question beside a conversation between a user and a coding agent. "
  .. "What was said so far comes before the question. Answer briefly. You may look at files; you "
  .. "cannot change anything, and nothing of this is seen by the agent."

-- The side conversation goes on with the next /btw until /btw alone ends it.
---@type zi.AiSession?
local session

---@param ctx zi.Ctx
local function open(ctx)
  return ctx.ai.session({ system_prompt = SYSTEM, tools = TOOLS, context = true })
end

local function close()
  if session then session:dispose() end
  session = nil
end

---@async
---@param ctx zi.Ctx
local function ask(question, ctx)
  session = session or open(ctx)
  local answer, err = session:prompt(question)
  if not answer then return ctx.notice(tostring(err), "error") end
  if answer.status == "completed" then return ctx.notice(answer.text) end
  -- A question without an answer would confuse the next one.
  close()
  if answer.status == "error" then ctx.notice(answer.error.message, "error") end
end

zi.command({
  name = "btw",
  description = "Ask something on the side: /btw question; /btw alone forgets what was asked",
  handler = function(question, ctx)
    if question ~= "" then return ask(question, ctx) end
    close()
    ctx.notice("The next /btw starts anew.")
  end,
})
