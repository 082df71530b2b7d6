-- name: compaction
-- description: Writes the summary that replaces the older part of a conversation.
-- api: 1

local MAX_BYTES_PER_MESSAGE = 4000
local MAX_SUMMARY_TOKENS = 4096

local INSTRUCTIONS = [[
You write the notes from which a coding agent goes on with its work after the conversation below is gone. Write only the notes, in Markdown, with these headings:

## Goal
What the user wants, in their own words where it matters.
## Constraints
What they asked for or ruled out; conventions that were found.
## Progress
What is done, what is half done, what failed and why. Name files, functions, commands and their results exactly.
## Decisions
What was decided, and the reason.
## Next steps
What comes next, in order.
## Facts to keep
Paths, names, values, error messages and code that will be needed word for word.

Leave out what no longer matters. Do not address the user and do not call tools.]]

local function shorten(text)
  local head, tail, omitted = zi.text.clip(text, MAX_BYTES_PER_MESSAGE)
  if omitted == 0 then return head end
  return ("%s\n[… %d bytes …]\n%s"):format(head, omitted, tail)
end

local function block_text(block)
  if block.type == "text" then return block.text end
  if block.type == "tool_call" then return ("[calls %s %s]"):format(block.name, zi.json.encode(block.arguments)) end
  if block.type == "image" then return "[an image]" end
  return nil
end

local function message_text(message)
  local content = message.content
  if type(content) == "string" then return shorten(content) end
  local parts = {}
  for _, block in ipairs(content or {}) do
    parts[#parts + 1] = block_text(block)
  end
  return shorten(table.concat(parts, "\n"))
end

local function transcript(messages)
  local parts = {}
  for _, message in ipairs(messages) do
    local who = message.role
    if who == "tool_result" then who = "result of " .. message.tool_name end
    parts[#parts + 1] = ("<message from=%q>\n%s\n</message>"):format(who, message_text(message))
  end
  return table.concat(parts, "\n")
end

zi.on("session_before_compact", function(event, ctx)
  local prompt = INSTRUCTIONS .. "\n\n"
  if event.instructions then prompt = prompt .. "The user asks in particular: " .. event.instructions .. "\n\n" end
  prompt = prompt .. "<conversation>\n" .. transcript(event.preparation.messages) .. "\n</conversation>"

  local answer = ctx.ai.complete({ prompt = prompt, max_tokens = MAX_SUMMARY_TOKENS })
  if answer.status ~= "completed" then
    local why = answer.error and answer.error.message or answer.status
    return { cancel = true, reason = "the summary failed: " .. why }
  end
  return { compaction = { summary = answer.text, details = { usage = answer.usage, reason = event.reason } } }
end)
