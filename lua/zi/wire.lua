--- Asking a provider over HTTP and reading the events of its answer.
local failures = require("zi.failures")

local M = {}

-- How long a server that has said everything may take to end the answer. A connection whose answer
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
  -- What the end of the body cut in two says nothing: an end mark is missing, too.
  if item.cut or item.data == "" then return nil end
  if item.event == "error" then error(failures.of_event(item.data), 0) end
  local excerpt = zi.text.clip(item.data, 80)
  error(failures.of_nonsense(("an event is not JSON: %s"):format(excerpt)), 0)
end

-- Lets `on_event` take an event. What it does not expect is the provider's fault.
local function pass(event, on_event)
  local ok, result = pcall(on_event, event)
  if ok then return result == true end
  if type(result) == "table" and result.kind then error(result, 0) end
  error(failures.of_nonsense(("an event makes no sense: %s"):format(result)), 0)
end

local function check_type(stream)
  local kind = stream.headers["content-type"] or ""
  if kind == "" or kind:find("event-stream", 1, true) then return end
  error(failures.of_nonsense(("the server sent `%s`, not a stream of events"):format(kind)), 0)
end

--- Sends a request and passes the events of its answer to `on_event`, decoded, until that answers
--- true or the body ends; `[DONE]` ends it too. Raises a `zi.Failure` when the provider or the
--- connection fails. A body that ends early raises nothing: the answer then lacks its `stop`.
---@async
---@param call zi.wire.Call
---@param on_event fun(event: table): boolean?
---@return boolean done whether the answer said that it is complete
function M.read(call, on_event)
  local stream = open(call)
  local next_item = stream:each()
  local done, is_empty = false, true
  while not done do
    local ok, item = pcall(next_item)
    if not ok then error(failures.of_break(item), 0) end
    if not item then
      if is_empty then check_type(stream) end
      return false
    end
    is_empty = false
    if item.data == "[DONE]" then
      done = true
    else
      local event = decode(item)
      done = event ~= nil and pass(event, on_event)
    end
  end
  zi.task.race({
    function() pcall(stream.read, stream) end,
    function() zi.task.sleep(CLOSING_MS) end,
  })
  stream:close()
  return true
end

--- The headers of a provider, with the credential where it looks for it.
---@param request table what an adapter is given
---@param key_header? string header for keys; `authorization: Bearer …` without one, and for logins
---@param more? table<string, string>
---@return table<string, string>
function M.headers(request, key_header, more)
  local headers = {}
  for name, value in pairs(more or {}) do
    headers[name] = value
  end
  local token = request.auth.token
  if token and key_header and request.auth.kind ~= "oauth" then
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
