-- name: provider-anthropic
-- description: Anthropic, and whoever else speaks its Messages API.
-- api: 1

local failures = require("zi.failures")
local reasoning = require("zi.reasoning")
local transcript = require("zi.transcript")
local wire = require("zi.wire")

local API = "anthropic-messages"
-- What we send is valid in later versions too, and gateways know only this one.
local VERSION = "2023-06-01"
local EFFORTS = { "low", "medium", "high", "xhigh", "max" }
local MIN_BUDGET = 1024
local STOP_REASONS = {
  end_turn = "stop",
  stop_sequence = "stop",
  tool_use = "tool_use",
  max_tokens = "length",
  model_context_window_exceeded = "length",
  pause_turn = "pause",
  refusal = "refusal",
  sensitive = "refusal",
}

local valid_id = transcript.id_rule(64)

-- The request -----------------------------------------------------------------------------------------

local function text_block(text)
  return { type = "text", text = text }
end

local function image_block(block)
  return {
    type = "image",
    source = { type = "base64", media_type = block.media_type, data = block.data },
  }
end

local function input_block(block)
  return block.type == "image" and image_block(block) or text_block(block.text)
end

local function output_block(block)
  if block.type == "text" then return text_block(block.text) end
  if block.type == "tool_call" then
    return { type = "tool_use", id = block.id, name = block.name, input = block.arguments }
  end
  if block.redacted then return { type = "redacted_thinking", data = block.data } end
  -- Without its signature, thinking is refused.
  if not block.signature then return nil end
  return { type = "thinking", thinking = block.text, signature = block.signature }
end

-- All results come first. The images of an error follow them: an error may hold text only.
local function user_content(turn)
  local content, later = {}, {}
  for _, result in ipairs(turn.results) do
    local parts = { text_block(result.text) }
    for _, image in ipairs(result.images) do
      table.insert(result.is_error and later or parts, image_block(image))
    end
    content[#content + 1] = {
      type = "tool_result",
      tool_use_id = result.id,
      content = parts,
      is_error = result.is_error or nil,
    }
  end
  table.move(later, 1, #later, #content + 1, content)
  for _, block in ipairs(turn.blocks) do
    content[#content + 1] = input_block(block)
  end
  return content
end

local function messages_of(turns)
  local messages = {}
  for _, turn in ipairs(turns) do
    local content = {}
    if turn.role == "user" then
      content = user_content(turn)
    else
      for _, block in ipairs(turn.blocks) do
        content[#content + 1] = output_block(block)
      end
    end
    if #content > 0 then messages[#messages + 1] = { role = turn.role, content = content } end
  end
  return messages
end

-- A conversation with calls needs tools, even when none may be used any more.
local function tools_of(request, turns)
  local tools = {}
  for _, tool in ipairs(request.tools) do
    tools[#tools + 1] = { name = tool.name, description = tool.description, input_schema = tool.parameters }
  end
  if #tools > 0 then return tools end
  local known = {}
  for _, turn in ipairs(turns) do
    for _, block in ipairs(turn.blocks) do
      if block.type == "tool_call" and not known[block.name] then
        known[block.name] = true
        tools[#tools + 1] = { name = block.name, input_schema = { type = "object" } }
      end
    end
  end
  return tools, #tools > 0 and { type = "none" } or nil
end

-- The cache is looked up at these marks: tools and system once, the conversation where it ends now and
-- where it ended before. Four is the most that the API takes.
local function mark(list)
  if list and #list > 0 then list[#list].cache_control = { type = "ephemeral" } end
end

local function mark_prefixes(body)
  mark(body.system)
  mark(body.tools)
  local left = 2
  for index = #body.messages, 1, -1 do
    local message = body.messages[index]
    if left > 0 and message.role == "user" then
      mark(message.content)
      left = left - 1
    end
  end
end

-- Older models think within a budget that is part of the answer's tokens, newer ones as they see fit.
local function add_thinking(body, request)
  local effort = reasoning.wire(request.model, request.reasoning, EFFORTS)
  if not effort then return end
  if request.model.thinking ~= "budget" then
    body.thinking = { type = "adaptive", display = "summarized" }
    body.output_config = { effort = effort }
    return
  end
  local budget = request.reasoning_budget or MIN_BUDGET
  local most = math.min(body.max_tokens + budget, request.model.max_tokens)
  budget = math.max(MIN_BUDGET, math.min(budget, most // 2))
  if budget >= most then return end
  body.max_tokens = most
  body.thinking = { type = "enabled", budget_tokens = budget }
end

local function body_of(request)
  local turns = transcript.turns(request, API, valid_id)
  local tools, tool_choice = tools_of(request, turns)
  local body = {
    model = request.model.id,
    max_tokens = request.max_tokens,
    stream = true,
    system = request.system_prompt ~= "" and { text_block(request.system_prompt) } or nil,
    messages = messages_of(turns),
    tools = #tools > 0 and tools or nil,
    tool_choice = tool_choice,
  }
  add_thinking(body, request)
  mark_prefixes(body)
  for name, value in pairs(request.options or {}) do
    body[name] = value
  end
  return body
end

local function headers_of(request, body)
  local more = { ["anthropic-version"] = VERSION }
  if body.thinking and body.thinking.type == "enabled" and body.tools then
    more["anthropic-beta"] = "interleaved-thinking-2025-05-14"
  end
  local is_bearer = request.provider.compat.auth == "bearer"
  return wire.headers(request, not is_bearer and "x-api-key" or nil, more)
end

-- The answer ------------------------------------------------------------------------------------------

-- Numbers are totals so far; those that are missing have not changed.
local function usage_of(usage)
  return {
    type = "usage",
    input = usage.input_tokens,
    output = usage.output_tokens,
    cache_read = usage.cache_read_input_tokens,
    cache_write = usage.cache_creation_input_tokens,
    reasoning = (usage.output_tokens_details or {}).thinking_tokens,
  }
end

-- What a block starts with, by its type; other types are not for us.
local STARTS = {
  text = function(block) return { type = "text", text = block.text } end,
  thinking = function(block)
    local signature = block.signature ~= "" and block.signature or nil
    return { type = "thinking", text = block.thinking or "", signature = signature }
  end,
  redacted_thinking = function(block)
    return { type = "thinking", text = "", redacted = true, data = block.data }
  end,
  tool_use = function(block)
    local input = block.input and next(block.input) and block.input or nil
    return { type = "tool_call", id = block.id, name = block.name, arguments = input }
  end,
}

local DELTAS = {
  text_delta = function(delta) return { type = "text", text = delta.text } end,
  thinking_delta = function(delta) return { type = "thinking", text = delta.thinking } end,
  signature_delta = function(delta) return { type = "thinking", signature = delta.signature } end,
  input_json_delta = function(delta) return { type = "tool_call", arguments = delta.partial_json } end,
}

-- Answers the function that takes the events of one answer; it answers true at the last.
local function reader(emit)
  local stop
  -- Which blocks we took, by their number in the answer.
  local taken = {}
  local on = {}

  function on.message_start(event)
    local message = event.message or {}
    emit({ type = "response", id = message.id, model = message.model })
    if message.usage then emit(usage_of(message.usage)) end
  end

  function on.content_block_start(event)
    local start = STARTS[event.content_block.type]
    if not start then return end
    local part = start(event.content_block)
    taken[event.index] = part.type
    part.block = event.index
    emit(part)
  end

  function on.content_block_delta(event)
    local read = DELTAS[event.delta.type]
    local part = read and read(event.delta)
    if not part or taken[event.index] ~= part.type then return end
    part.block = event.index
    emit(part)
  end

  function on.message_delta(event)
    local delta = event.delta or {}
    stop = delta.stop_reason or stop
    if delta.stop_details then emit({ type = "response", stop_details = delta.stop_details }) end
    if event.usage then emit(usage_of(event.usage)) end
  end

  function on.message_stop()
    emit({ type = "stop", reason = STOP_REASONS[stop] or "stop", raw = stop })
    return true
  end

  function on.error(event)
    error(failures.of_event(event.error or event, { request_id = event.request_id }), 0)
  end

  return function(event)
    local take = on[event.type]
    return take and take(event)
  end
end

---@async
local function stream(request, emit)
  local body = body_of(request)
  wire.read({
    url = request.provider.base_url .. "/v1/messages",
    headers = headers_of(request, body),
    body = body,
    provider = request.provider.name,
    idle_ignore = { "ping" },
  }, reader(emit))
end

zi.api(API, { stream = stream })

zi.provider("anthropic", {
  api = API,
  base_url = "https://api.anthropic.com",
  api_key = "$ANTHROPIC_API_KEY",
  default_model = "claude-sonnet-5-5",
})
