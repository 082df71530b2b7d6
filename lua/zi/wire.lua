--- Asking a provider over HTTP and reading the events of its answer.
local failures = require("zi.failures")

local M = {}

-- How long a server that has said everything may take to close the answer. A connection whose answer
-- was read to its end serves the next request.
local CLOSING_MS = 500

---@class (exact) zi.wire.Call
---@field url string
---@field headers table<string, string>
---@field body table
---@field provider string its name, for the quirks of its errors
---@field idle_ignore? string[] events that only keep the connection open

---@async
local function open(call)
  local headers = { accept = "text/event-stream", ["content-type"] = "application/json" }
  for name, value in pairs(call.headers) do
    headers[name:lower()] = value
  end
  local stream, err = zi.http.stream({
    url = call.url,
    headers = headers,
    body = zi.json.encode(call.body),
    decode = "sse",
    json = true,
    idle_ignore = call.idle_ignore,
  })
  if not stream then error(failures.of_request(err), 0) end
  if stream.status ~= 200 then
    error(failures.of_answer(stream, stream:read() or "", call.provider), 0)
  end
  return stream
end

-- The event as data; nil for what says nothing.
local function decode(item)
  if type(item.json) == "table" then return item.json end
  -- A last event that the end of the body cut in two says nothing: its stream has no end mark either.
  if item.cut or item.data == "" then return nil end
  if item.event == "error" then error(failures.of_event(item.data), 0) end
  local message = ("an event is not JSON: %s"):format((zi.text.clip(item.data, 80)))
  error(zi.failure({ kind = "protocol", message = message, retryable = true }), 0)
end

--- Sends a request and passes the events of its answer to `on_event`, decoded, until that answers true
--- or the body ends; `[DONE]` ends it too. Raises a `zi.Failure` when the provider or the connection
--- fails. A body that ends early raises nothing: the answer then lacks its `stop`.
---@async
---@param call zi.wire.Call
---@param on_event fun(event: table): boolean?
---@return boolean done whether the answer said that it is complete
function M.read(call, on_event)
  local stream = open(call)
  local next_item = stream:each()
  local done = false
  while not done do
    local ok, item = pcall(next_item)
    if not ok then error(failures.of_break(item), 0) end
    if not item then return false end
    if item.data == "[DONE]" then
      done = true
    else
      local event = decode(item)
      done = event ~= nil and on_event(event) == true
    end
  end
  zi.task.race({
    function() pcall(stream.read, stream) end,
    function() zi.task.sleep(CLOSING_MS) end,
  })
  stream:close()
  return true
end

--- The headers of a provider and the credential in the way it wants to see it.
---@param request table
---@param key_header? string header of its own for keys; `authorization: Bearer …` without one
---@param more? table<string, string>
---@return table<string, string>
function M.headers(request, key_header, more)
  local headers = {}
  for name, value in pairs(more or {}) do
    headers[name] = value
  end
  local token = request.auth.token
  if token and key_header then
    headers[key_header] = token
  elseif token then
    headers.authorization = "Bearer " .. token
  end
  for name, value in pairs(request.provider.headers or {}) do
    headers[name:lower()] = value
  end
  return headers
end

return M
