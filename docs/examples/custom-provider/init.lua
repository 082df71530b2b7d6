-- name: custom-provider
-- description: A company's gateway to models, behind its own login: zi login gateway.
-- api: 1

local device_login = require("device_login")

local settings = zi.settings({
  properties = {
    base_url = { type = "string", default = "https://models.example.com/v1" },
    authority = { type = "string", default = "https://login.example.com" },
    client_id = { type = "string", default = "zi" },
    models = { type = "array", items = { type = "object" }, default = { { id = "small" } } },
  },
})

-- The gateway speaks Chat Completions, which the bundle does. The host keeps what a login answers,
-- and asks for a renewal before a request, once for all requests that wait for it.
zi.provider("gateway", {
  api = "openai-chat",
  base_url = settings.base_url,
  models = settings.models,
  oauth = device_login.new({ authority = settings.authority, client_id = settings.client_id }),
})
