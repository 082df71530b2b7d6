-- name: auto-label
-- description: Names a session after its first exchange.
-- api: 1

local MAX_WIDTH = 50
local MAX_SHOWN_BYTES = 2000
local SYSTEM = "You name conversations. Answer with a name of two to six words and nothing else: "
  .. "what the work is about, in the language of the user, without quotes or a period."

-- A session gets one try: a model that gives no name is not asked again after each run.
local tried = false

local function clean(text)
  local line = text:match("[^\r\n]+") or ""
  line = zi.text.strip_ansi(line):gsub("^[%s\"'`#*]+", ""):gsub("[%s\"'`.*]+$", "")
  return zi.text.truncate(line, MAX_WIDTH)
end

---@param ctx zi.Ctx
local function first_words(ctx)
  for _, message in ipairs(ctx.session.messages({ include_tools = false })) do
    local content = message.content
    local text = type(content) == "string" and content or (content[1] or {}).text
    if message.role == "user" and text then return (zi.text.clip(text, MAX_SHOWN_BYTES)) end
  end
end

zi.on("agent_end", function(event, ctx)
  if tried or event.status ~= "completed" or ctx.session.name() then return end
  tried = true
  local request = first_words(ctx)
  if not request then return end
  local answer = ctx.ai.complete({
    system_prompt = SYSTEM,
    prompt = "The conversation begins so:\n\n" .. request,
    reasoning = "off",
    max_tokens = 40,
  })
  local name = answer.status == "completed" and clean(answer.text) or ""
  -- The user may have found a name in the meantime.
  if name ~= "" and not ctx.session.name() then ctx.session.rename(name) end
end)
