--- The answer of Anthropic's Messages API, read from its events.
local failures = require("zi.failures")

local M = {}

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

-- What a delta adds: the type of its block, and which of its fields is which of ours.
local DELTAS = {
  text_delta = { type = "text", from = "text", to = "text" },
  thinking_delta = { type = "thinking", from = "thinking", to = "text" },
  signature_delta = { type = "thinking", from = "signature", to = "signature" },
  input_json_delta = { type = "tool_call", from = "partial_json", to = "arguments" },
}

--- Makes the reader of one answer: a function that takes its events, and answers true at the last.
---@param emit fun(part: table)
---@return fun(event: table): boolean?
function M.reader(emit)
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
    local block = event.content_block
    local start = STARTS[block.type]
    if not start then return end
    local part = start(block)
    taken[event.index] = part.type
    part.block = event.index
    emit(part)
  end

  function on.content_block_delta(event)
    local delta = event.delta
    local kind = DELTAS[delta.type]
    if not kind or taken[event.index] ~= kind.type then return end
    emit({ type = kind.type, block = event.index, [kind.to] = delta[kind.from] })
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

return M
