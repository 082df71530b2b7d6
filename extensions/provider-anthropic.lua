-- name: provider-anthropic
-- description: Anthropic, and whoever else speaks its Messages API.
-- api: 1

local answer = require("zi.anthropic_answer")
local messages = require("zi.anthropic_request")
local wire = require("zi.wire")

local API = "anthropic-messages"
-- What we send is valid in later versions too, and gateways know only this one.
local VERSION = "2023-06-01"
local THINKING_BETWEEN_CALLS = "interleaved-thinking-2025-05-14"

local function headers_of(request, body)
  local more = { ["anthropic-version"] = VERSION }
  if body.thinking and body.thinking.type == "enabled" and body.tools then
    more["anthropic-beta"] = THINKING_BETWEEN_CALLS
  end
  local is_bearer = request.provider.compat.auth == "bearer"
  return wire.headers(request, not is_bearer and "x-api-key" or nil, more)
end

---@async
local function stream(request, emit)
  local body = messages.body(request, API)
  wire.read({
    url = request.provider.base_url .. "/v1/messages",
    headers = headers_of(request, body),
    body = body,
    provider = request.provider.name,
    idle_ignore = { "ping" },
  }, answer.reader(emit))
end

zi.api(API, { stream = stream })

zi.provider("anthropic", {
  api = API,
  base_url = "https://api.anthropic.com",
  api_key = "$ANTHROPIC_API_KEY",
  default_model = "claude-sonnet-5-5",
})
