--- Logging in at an authority by its device flow (RFC 8628): what a provider's `oauth` takes.
local M = {}

local DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

local function fail(text) error(zi.failure({ kind = "auth", message = text }), 0) end

local function form(fields)
  local parts = {}
  for name, value in pairs(fields) do
    local safe = value:gsub("[^%w._~-]", function(c) return ("%%%02X"):format(c:byte()) end)
    parts[#parts + 1] = name .. "=" .. safe
  end
  return table.concat(parts, "&")
end

-- What the authority says; a refusal is an answer with `error`.
---@async
local function post(where, path, fields)
  fields.client_id = where.client_id
  local answer, err = zi.http.request({
    url = where.authority .. path,
    headers = { ["content-type"] = "application/x-www-form-urlencoded" },
    body = form(fields),
    timeout_ms = 30000,
  })
  if not answer then fail(tostring(err)) end
  local ok, said = pcall(zi.json.decode, answer.body)
  if ok and type(said) == "table" then return said end
  fail(("%s answered %d without JSON"):format(answer.url, answer.status))
end

local function credential(said)
  if not said.access_token then fail(said.error_description or said.error or "no token") end
  return {
    access = said.access_token,
    -- Not every authority gives a new one each time; then the host keeps the old one.
    refresh = said.refresh_token,
    expires = zi.hash.now_ms() + (said.expires_in or 3600) * 1000,
  }
end

---@async
local function login(where, callbacks)
  local device = post(where, "/device", {})
  if not device.device_code then fail(device.error or "no device code") end
  callbacks.on_auth({ url = device.verification_uri })
  callbacks.on_progress("enter this code there: " .. device.user_code)
  local pause = device.interval or 5
  while true do
    zi.task.sleep(pause * 1000)
    local fields = { grant_type = DEVICE_GRANT, device_code = device.device_code }
    local said = post(where, "/token", fields)
    if said.error == "slow_down" then
      pause = pause + 5
    elseif said.error ~= "authorization_pending" then
      return credential(said)
    end
  end
end

---@async
local function refresh_token(where, old)
  if not old.refresh then fail("it has expired") end
  local fields = { grant_type = "refresh_token", refresh_token = old.refresh }
  return credential(post(where, "/token", fields))
end

---@param where {authority: string, client_id: string}
---@return {login: function, refresh_token: function}
function M.new(where)
  return {
    login = function(callbacks) return login(where, callbacks) end,
    refresh_token = function(old) return refresh_token(where, old) end,
  }
end

return M
