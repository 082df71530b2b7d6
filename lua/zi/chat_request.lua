--- The body of a Chat Completions request, in the dialect of each server.
local reasoning = require("zi.reasoning")
local transcript = require("zi.transcript")

local M = {}

--- What a server wants otherwise than OpenAI; `compat` of its provider, or of one of its models.
---@class (exact) zi.ChatCompat
---@field max_tokens_field? string `max_completion_tokens`
---@field session_field? string where the session's name goes, so that its requests find their cache
---@field usage_option? boolean false: usage comes unasked, and asking is an error
---@field effort? "object" the level as `reasoning = {effort}`, not as `reasoning_effort`
---@field with_reasoning? table more fields when the model is to think
---@field extra? table more fields, always
---@field replay? string field that carries thinking back; it is left out without one
---@field cache_control_for? string pattern of models whose cache must be asked for
---@field short_ids? boolean ids of calls are nine letters or digits
---@field named_results? boolean results name their tool
---@field answer_after_results? boolean no user message may follow a result

local portable_id = transcript.id_rule(40)

local function short_id(id)
  if #id == 9 and id:find("^%w+$") then return id end
  return zi.hash.sha256(id):sub(1, 9)
end

---@return zi.ChatCompat
local function compat_of(request)
  return setmetatable(request.model.compat or {}, { __index = request.provider.compat })
end

local function part_of(block)
  if block.type == "text" then return { type = "text", text = block.text } end
  local url = ("data:%s;base64,%s"):format(block.media_type, block.data)
  return { type = "image_url", image_url = { url = url } }
end

-- Plain text as a string: every server takes that.
local function user_content(parts)
  if #parts == 1 and parts[1].type == "text" then return parts[1].text end
  return parts
end

-- Results hold text only, so their images follow in the name of the user.
local function add_user_turn(messages, turn, compat)
  local parts = {}
  for _, result in ipairs(turn.results) do
    messages[#messages + 1] = {
      role = "tool",
      tool_call_id = result.id,
      content = result.text,
      name = compat.named_results and result.name or nil,
    }
    if #result.images > 0 then
      parts[#parts + 1] = { type = "text", text = ("What `%s` shows:"):format(result.name) }
    end
    for _, image in ipairs(result.images) do
      parts[#parts + 1] = part_of(image)
    end
  end
  for _, block in ipairs(turn.blocks) do
    parts[#parts + 1] = part_of(block)
  end
  if #parts == 0 then return end
  if compat.answer_after_results and #turn.results > 0 then
    messages[#messages + 1] = { role = "assistant", content = "I have the results." }
  end
  messages[#messages + 1] = { role = "user", content = user_content(parts) }
end

local function call_of(block)
  local call = {
    id = block.id,
    type = "function",
    ["function"] = {
      name = block.name,
      arguments = block.raw_arguments or zi.json.encode(block.arguments),
    },
  }
  if block.signature then
    call.extra_content = { google = { thought_signature = block.signature } }
  end
  return call
end

-- Gives thinking back in the field that the server reads it from.
local function add_thinking(message, thinking, compat)
  local text, details = {}, zi.json.array({})
  for _, block in ipairs(thinking) do
    text[#text + 1] = block.text
    local more = block.reasoning_details or {}
    table.move(more, 1, #more, #details + 1, details)
  end
  text = table.concat(text)
  if compat.replay == "reasoning_details" then
    if #details > 0 then message.reasoning_details = details end
  elseif compat.replay == "content.thinking" then
    if text == "" then return end
    local chunks = { { type = "thinking", thinking = { { type = "text", text = text } } } }
    if message.content then chunks[2] = { type = "text", text = message.content } end
    message.content = chunks
  elseif compat.replay == "reasoning_content" then
    -- Together with calls the field is required, even when it is empty.
    if text ~= "" or message.tool_calls then message.reasoning_content = text end
  elseif compat.replay and text ~= "" then
    message[compat.replay] = text
  end
end

local function assistant_message(turn, compat)
  local texts, calls, thinking = {}, {}, {}
  for _, block in ipairs(turn.blocks) do
    if block.type == "text" then
      texts[#texts + 1] = block.text
    elseif block.type == "tool_call" then
      calls[#calls + 1] = call_of(block)
    else
      thinking[#thinking + 1] = block
    end
  end
  if #texts == 0 and #calls == 0 then return nil end
  local message = {
    role = "assistant",
    content = #texts > 0 and table.concat(texts, "\n\n") or nil,
    tool_calls = #calls > 0 and calls or nil,
  }
  add_thinking(message, thinking, compat)
  -- Some servers want the field to be there, and none minds that it is empty.
  message.content = message.content or ""
  return message
end

local function messages_of(request, api, compat)
  local messages = {}
  if request.system_prompt ~= "" then
    messages[1] = { role = "system", content = request.system_prompt }
  end
  local rule = compat.short_ids and short_id or portable_id
  for _, turn in ipairs(transcript.turns(request, api, rule)) do
    if turn.role == "user" then
      add_user_turn(messages, turn, compat)
    else
      messages[#messages + 1] = assistant_message(turn, compat)
    end
  end
  return messages
end

local function tools_of(request)
  local tools = {}
  for _, tool in ipairs(request.tools) do
    tools[#tools + 1] = {
      type = "function",
      ["function"] = {
        name = tool.name,
        description = tool.description,
        parameters = tool.parameters,
      },
    }
  end
  return #tools > 0 and tools or nil
end

local function set_all(body, fields)
  for name, value in pairs(fields or {}) do
    body[name] = value
  end
end

---@param request table what an adapter is given
---@param api string the wire
---@return table
function M.body(request, api)
  local compat = compat_of(request)
  local body = {
    model = request.model.id,
    messages = messages_of(request, api, compat),
    tools = tools_of(request),
    stream = true,
  }
  body[compat.max_tokens_field or "max_completion_tokens"] = request.max_tokens
  if compat.usage_option ~= false then body.stream_options = { include_usage = true } end
  if compat.session_field then body[compat.session_field] = request.session_id:sub(1, 64) end
  if compat.cache_control_for and request.model.id:find(compat.cache_control_for) then
    body.cache_control = { type = "ephemeral" }
  end
  local effort = reasoning.wire(request.model, request.reasoning)
  if effort then
    if compat.effort == "object" then
      body.reasoning = { effort = effort }
    else
      body.reasoning_effort = effort
    end
    set_all(body, compat.with_reasoning)
  end
  set_all(body, compat.extra)
  set_all(body, request.options)
  return body
end

return M
