--- The answer of a Chat Completions server, read from its chunks whatever its dialect.
local failures = require("zi.failures")

local M = {}

local STOP_REASONS = {
  stop = "stop",
  length = "length",
  model_length = "length",
  model_context_window_exceeded = "length",
  tool_calls = "tool_use",
  function_call = "tool_use",
  content_filter = "refusal",
  sensitive = "refusal",
}

-- Ends that are no ends: the server gave up.
local BREAKDOWNS = {
  error = "server",
  network_error = "server",
  insufficient_system_resource = "overloaded",
}

---@class zi.ChatAnswer
local Answer = {}
Answer.__index = Answer

---@param emit fun(part: table)
---@return zi.ChatAnswer
function M.new(emit)
  local answer = { _emit = emit, _calls = {}, _count = 0, _details = zi.json.array({}) }
  return setmetatable(answer, Answer)
end

-- The text, when it says something.
local function some(text)
  return type(text) == "string" and text ~= "" and text or nil
end

-- Their input counts what the cache held; ours does not.
local function usage_of(usage)
  local input = usage.prompt_tokens_details or {}
  local read = input.cached_tokens or usage.cached_tokens or usage.prompt_cache_hit_tokens or 0
  local written = input.cache_write_tokens or 0
  return {
    type = "usage",
    input = usage.prompt_tokens and math.max(0, usage.prompt_tokens - read - written),
    output = usage.completion_tokens,
    cache_read = read,
    cache_write = written,
    reasoning = (usage.completion_tokens_details or {}).reasoning_tokens,
    cost = usage.cost,
  }
end

function Answer:_text(text)
  if some(text) then self._emit({ type = "text", block = "text", text = text }) end
end

function Answer:_thinking(text, field)
  if not text then return end
  self._emit({ type = "thinking", block = "thinking", text = text, field = field })
end

-- Content is text, or a list of chunks of text and thinking.
function Answer:_content(content)
  if type(content) ~= "table" then return self:_text(content) end
  for _, chunk in ipairs(content) do
    if chunk.type == "text" then
      self:_text(chunk.text)
    elseif chunk.type == "thinking" then
      for _, part in ipairs(chunk.thinking or {}) do
        self:_thinking(some(part.text), "content.thinking")
      end
    end
  end
end

-- Pieces of one detail share its index and type. Their texts are joined; all else is the same in
-- each, or comes once.
local JOINED = { text = true, summary = true, data = true }

function Answer:_merge_detail(piece)
  for _, detail in ipairs(self._details) do
    if detail.index == piece.index and detail.type == piece.type and detail.index then
      for name, value in pairs(piece) do
        detail[name] = JOINED[name] and (detail[name] or "") .. value or value
      end
      return
    end
  end
  table.insert(self._details, piece)
end

function Answer:_reasoning(delta)
  local content = some(delta.reasoning_content)
  local field = content and "reasoning_content" or "reasoning"
  self:_thinking(content or some(delta.reasoning), field)
  if type(delta.reasoning_details) ~= "table" or #delta.reasoning_details == 0 then return end
  for _, piece in ipairs(delta.reasoning_details) do
    self:_merge_detail(piece)
  end
  self._emit({ type = "thinking", block = "thinking", reasoning_details = self._details })
end

-- The call that a piece belongs to: that of its index, else that of its id, else the newest. An id
-- that is not the one of the call at hand starts another: some servers repeat the same index.
function Answer:_call_of(piece)
  local id = some(piece.id)
  local place = piece.index or (id and "id " .. id)
  local call = place and self._calls[place] or not place and self._newest
  if not call or (id and call.id and id ~= call.id) then
    self._count = self._count + 1
    call = { block = "call " .. self._count }
    if place then self._calls[place] = call end
  end
  if id then
    call.id = id
    self._calls["id " .. id] = call
  end
  self._newest = call
  return call
end

function Answer:_tool_call(piece)
  local call, func = self:_call_of(piece), piece["function"] or {}
  local google = (piece.extra_content or {}).google or {}
  self._emit({
    type = "tool_call",
    block = call.block,
    id = call.id,
    name = func.name,
    arguments = func.arguments,
    signature = google.thought_signature,
  })
end

function Answer:_choice(choice)
  local delta = choice.delta or {}
  self:_reasoning(delta)
  self:_content(delta.content)
  local refusal = some(delta.refusal)
  if refusal then
    self._refused = true
    self._emit({ type = "text", block = "refusal", text = refusal, refusal = true })
  end
  for _, piece in ipairs(delta.tool_calls or {}) do
    self:_tool_call(piece)
  end
  self._finish = choice.finish_reason or self._finish
  if choice.usage then self._emit(usage_of(choice.usage)) end
end

--- Takes the next chunk. Raises a `zi.Failure` when it is an error.
---@param chunk table
function Answer:take(chunk)
  if chunk.id and not self._started then
    self._started = true
    self._emit({ type = "response", id = chunk.id, model = chunk.model })
  end
  for _, choice in ipairs(chunk.choices or {}) do
    self:_choice(choice)
  end
  local usage = chunk.usage or (chunk.x_groq or {}).usage
  if usage then self._emit(usage_of(usage)) end
  if chunk.error then error(failures.of_event(chunk.error, { status = chunk.status_code }), 0) end
end

--- Ends the answer. With neither a reason nor the server's last word it was cut off: no end for it.
---@param is_done boolean whether the server said that this was all
function Answer:finish(is_done)
  local raw = self._finish
  if not raw and not is_done then return end
  if BREAKDOWNS[raw] then
    local message = ("the server gave up: %s"):format(raw)
    error(zi.failure({ kind = BREAKDOWNS[raw], message = message, code = raw }), 0)
  end
  local reason = self._refused and "refusal" or STOP_REASONS[raw] or "stop"
  self._emit({ type = "stop", reason = reason, raw = raw })
end

return M
