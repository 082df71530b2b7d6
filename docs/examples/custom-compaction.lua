-- name: custom-compaction
-- description: Summarises a conversation without asking a model: requests, files, the last answer.
-- api: 1

local MAX_REQUESTS, MAX_REQUEST_BYTES = 40, 400
local MAX_FILES = 100
local MAX_ANSWER_BYTES = 3000

local CHANGES = { write = true, edit = true }

local function shorten(text, most)
  local head, tail, omitted = zi.text.clip(text, most)
  return omitted == 0 and head or ("%s […] %s"):format(head, tail)
end

local function blocks_of(message)
  if type(message.content) ~= "string" then return message.content end
  return { { type = "text", text = message.content } }
end

local function text_of(message)
  local parts = {}
  for _, block in ipairs(blocks_of(message)) do
    parts[#parts + 1] = block.type == "text" and block.text or nil
  end
  return table.concat(parts, "\n")
end

-- Puts an item at the end of a list that holds each once and at most so many, the newest last.
local function push(list, item, most)
  for index, other in ipairs(list) do
    if other == item then table.remove(list, index) end
  end
  list[#list + 1] = item
  if #list > most then table.remove(list, 1) end
end

local function note_calls(kept, message)
  for _, block in ipairs(blocks_of(message)) do
    local path = block.type == "tool_call" and block.arguments.path
    if type(path) == "string" then
      push(CHANGES[block.name] and kept.changed or kept.read, path, MAX_FILES)
    end
  end
end

local function collect(kept, messages, first)
  for index = first, #messages do
    local message = messages[index]
    local text = text_of(message)
    if message.role == "user" then
      push(kept.requests, shorten(text, MAX_REQUEST_BYTES), MAX_REQUESTS)
    elseif message.role == "assistant" then
      note_calls(kept, message)
      if text:find("%S") then kept.answer = shorten(text, MAX_ANSWER_BYTES) end
    end
  end
end

local function section(title, items)
  if #items == 0 then return nil end
  return ("## %s\n- %s"):format(title, table.concat(items, "\n- "))
end

local function write(kept)
  local parts = { "These are excerpts; read a file again before you rely on what it said." }
  parts[#parts + 1] = kept.earlier and "## Before that\n" .. kept.earlier
  parts[#parts + 1] = section("What the user asked for, in order", kept.requests)
  parts[#parts + 1] = section("Files that were changed", kept.changed)
  parts[#parts + 1] = section("Files that were read", kept.read)
  parts[#parts + 1] = kept.answer and "## The last answer\n" .. kept.answer
  return table.concat(parts, "\n\n")
end

-- The first answer counts, and handlers of the bundle come last: no model is asked. What was kept
-- is in `details`, so the next summary starts from the lists, not from a summary of a summary.
zi.on("session_before_compact", function(event, ctx)
  local previous = ctx.session.entries({ type = "compaction", limit = 1 })[1]
  local kept = previous and previous.details or {}
  if previous and not kept.requests then kept = { earlier = previous.summary } end
  for _, list in ipairs({ "requests", "changed", "read" }) do
    kept[list] = kept[list] or {}
  end
  -- After a compaction the first message is its summary.
  collect(kept, event.preparation.messages, previous and 2 or 1)
  return { compaction = { summary = write(kept), details = kept } }
end)
