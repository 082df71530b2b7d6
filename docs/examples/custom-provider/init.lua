-- name: custom-provider
-- description: A company's gateway to models, behind its own login: /login-gateway.
-- api: 1

local answer = require("zi.chat_answer")
local chat = require("zi.chat_request")
local gateway_login = require("gateway_login")
local wire = require("zi.wire")

local NAME, API = "gateway", "gateway-chat"

local settings = zi.settings({
  properties = {
    base_url = { type = "string", default = "https://models.example.com/v1" },
    authority = { type = "string", default = "https://login.example.com" },
    client_id = { type = "string", default = "zi" },
    models = { type = "array", items = { type = "object" }, default = { { id = "small" } } },
  },
})

local login = gateway_login.new({
  authority = settings.authority,
  client_id = settings.client_id,
  file = zi.path.join(zi.dirs.data, "extensions", "custom-provider", "credential.json"),
})

-- In a task of its own, for two reasons. What an adapter sends itself is shown to the handlers of
-- `before_provider_send`, and a refresh token is not for them. And a renewal that was begun must be
-- kept although the run is aborted: the authority may take each refresh token only once.
---@async
local function token()
  local access, problem = zi.task.spawn(login.token, login):join()
  if access then return access end
  error(zi.failure({ kind = "auth", message = problem .. "; log in with /login-gateway" }), 0)
end

-- The gateway speaks Chat Completions, so the bundle's modules for it do the rest.
---@async
local function stream(request, emit)
  request.auth = { kind = "oauth", token = token() }
  local reader = answer.new(emit)
  local is_done = wire.read({
    url = request.provider.base_url .. "/chat/completions",
    headers = wire.headers(request),
    body = chat.body(request, API),
    provider = request.provider.name,
  }, function(event) reader:take(event) end)
  reader:finish(is_done)
end

zi.api(API, { stream = stream })

zi.provider(NAME, {
  api = API,
  base_url = settings.base_url,
  models = settings.models,
})

zi.command({
  name = "login-gateway",
  description = "Log in at the gateway",
  handler = function(_, ctx)
    local access, problem = login:start(function(text) ctx.notice(text) end)
    if not access then return ctx.notice("Not logged in: " .. problem, "error") end
    ctx.notice("Logged in at the gateway.")
  end,
})
