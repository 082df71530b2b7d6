-- name: command-copy
-- description: Slash commands that take text out of the conversation: copy, jump.
-- api: 1

local message_text = require("zi.message").text

-- The text of the last answer.
local function last_answer(messages)
  for index = #messages, 1, -1 do
    local message = messages[index]
    local text = message_text(message)
    if message.role == "assistant" and text ~= "" then return text end
  end
end

-- The last block of code, without its fences.
local function last_code(text)
  local code
  for block in (text .. "\n"):gmatch("```[^\n]*\n(.-)\n?```") do code = block end
  return code
end

-- What was said since the user last said something, as one text.
local function last_turn(messages)
  local parts = {}
  for index = #messages, 1, -1 do
    local message = messages[index]
    local text = message_text(message)
    if text ~= "" then
      local who = ({ user = "You", assistant = "zi" })[message.role] or message.tool_name or message.role
      table.insert(parts, 1, ("%s:\n%s"):format(who, text))
    end
    if message.role == "user" then break end
  end
  return table.concat(parts, "\n\n")
end

zi.command({
  name = "copy",
  description = "Copy the last answer, or its `code`, or the whole `turn`",
  complete = function() return { "last", "code", "turn" } end,
  handler = function(args, ctx)
    if not ctx.ui or not ctx.ui.size() then return ctx.notice("there is no clipboard without a screen") end
    local messages = ctx.session.messages({ limit = 500 })
    local text
    if args == "turn" then
      text = last_turn(messages)
    elseif args == "" or args == "last" or args == "code" then
      text = last_answer(messages)
      if args == "code" and text then
        text = last_code(text)
        if not text then return ctx.notice("the last answer has no block of code") end
      end
    else
      return ctx.notice("`/copy` takes `last`, `code` or `turn`", "error")
    end
    if not text or text == "" then return ctx.notice("there is nothing to copy yet") end
    local copied, err = ctx.ui.copy(text)
    if not copied then return ctx.notice(tostring(err), "error") end
    ctx.notice(("copied %d characters"):format(utf8.len(text) or #text))
  end,
})

zi.command({
  name = "jump",
  description = "Look for a text in the conversation",
  handler = function(args, ctx)
    if not ctx.ui or not ctx.ui.size() then return ctx.notice("there is no screen to look on") end
    ctx.ui.action("search", args)
  end,
})
