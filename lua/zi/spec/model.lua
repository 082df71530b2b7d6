--- A model that says what a spec has it say.
local M = {}

---@class (exact) zi.spec.Reply
---@field text? string
---@field thinking? string
---@field tool_call? {name: string, arguments?: table|string, id?: string}
---@field tool_calls? table[] several calls
---@field deltas? (string|table)[] text piece by piece, or what `emit` of an adapter takes
---@field usage? table `input`, `output`, … in tokens
---@field stop_reason? string what follows from the rest, unless it is given
---@field cut? boolean the answer ends without its end mark
---@field error? table what `zi.failure` takes: the request fails, after the rest was said

---@class (exact) zi.spec.Model
---@field name string `provider/id`
---@field requests table[] what it was asked, as adapters get it
---@field _script (zi.spec.Reply|function)[]
local Model = {}
Model.__index = Model

local count = 0

local function say_call(emit, call, index)
  emit({
    type = "tool_call",
    block = index,
    id = call.id,
    name = call.name,
    arguments = call.arguments or {},
  })
end

local function play(reply, emit)
  if reply.thinking then emit({ type = "thinking", text = reply.thinking }) end
  if reply.text then emit({ type = "text", text = reply.text }) end
  for _, delta in ipairs(reply.deltas or {}) do
    emit(type(delta) == "string" and { type = "text", text = delta } or delta)
  end
  local calls = reply.tool_calls or { reply.tool_call }
  for index, call in ipairs(calls) do
    say_call(emit, call, index)
  end
  local usage = { type = "usage", input = 1, output = 1 }
  for name, tokens in pairs(reply.usage or {}) do
    usage[name] = tokens
  end
  emit(usage)
  if reply.error then error(zi.failure(reply.error), 0) end
  if reply.cut then return end
  emit({ type = "stop", reason = reply.stop_reason or (#calls > 0 and "tool_use" or "stop") })
end

-- The array of messages is used again for the next request, so it is copied.
local function kept(request)
  local copy = {}
  for name, value in pairs(request) do
    copy[name] = value
  end
  copy.messages = table.move(request.messages, 1, #request.messages, 1, {})
  return copy
end

local function stream(model, request, emit, ctx)
  table.insert(model.requests, kept(request))
  local reply = table.remove(model._script, 1)
  if not reply then
    local text = "request %d of the spec's model has no reply; add one with model:reply{…}"
    error(zi.failure({ kind = "invalid_request", message = text:format(#model.requests) }), 0)
  end
  if type(reply) == "function" then return reply(request, emit, ctx) end
  play(reply, emit)
end

--- Adds an answer: the next request without one gets it. A function is called as an adapter's
--- `stream` is, and emits by itself.
---@param reply zi.spec.Reply|fun(request: table, emit: function, ctx: zi.Ctx)
---@return zi.spec.Model
function Model:reply(reply)
  if type(reply) == "string" then reply = { text = reply } end
  if type(reply) ~= "table" and type(reply) ~= "function" then
    error("model:reply: expected a table or a function, got " .. type(reply), 2)
  end
  table.insert(self._script, reply)
  return self
end

--- Makes a model and chooses it.
---@param facts? table what is known of the model: `context_window`, `max_tokens`, …
---@return zi.spec.Model
function M.new(facts)
  count = count + 1
  local name = count == 1 and "test" or "test" .. count
  local model = setmetatable({ requests = {}, _script = {} }, Model)
  local known = { id = name, context_window = 100000, max_tokens = 4096 }
  for fact, value in pairs(facts or {}) do
    known[fact] = value
  end
  model.name = ("%s/%s"):format(name, known.id)
  zi.api(name, {
    stream = function(request, emit, ctx)
      stream(model, request, emit, ctx)
    end,
  })
  zi.provider(name, { api = name, base_url = "none:", models = { known } })
  zi.test.use_model(model.name)
  return model
end

return M
