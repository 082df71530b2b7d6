--- Logging in at an authority by its device flow (RFC 8628), and a token that is never stale.
local M = {}

-- A token that is about to expire would expire on its way.
local EARLY_MS = 60 * 1000
local DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"

---@class gateway.Login
---@field _where {authority: string, client_id: string, file: string}
---@field _turn zi.Semaphore
local Login = {}
Login.__index = Login

---@param where {authority: string, client_id: string, file: string}
---@return gateway.Login
function M.new(where)
  return setmetatable({ _where = where, _turn = zi.task.semaphore(1) }, Login)
end

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
---@return table?, string?
function Login:_post(path, fields)
  fields.client_id = self._where.client_id
  local answer, err = zi.http.request({
    url = self._where.authority .. path,
    headers = { ["content-type"] = "application/x-www-form-urlencoded" },
    body = form(fields),
    timeout_ms = 30000,
  })
  if not answer then return nil, tostring(err) end
  local ok, data = pcall(zi.json.decode, answer.body)
  if ok and type(data) == "table" then return data end
  return nil, ("%s answered %d without JSON"):format(answer.url, answer.status)
end

---@async
---@return string? access
---@return string? problem
function Login:_keep(said, refresh)
  if not said.access_token then return nil, said.error_description or said.error or "no token" end
  local credential = {
    access = said.access_token,
    -- Not every authority gives a new one each time.
    refresh = said.refresh_token or refresh,
    expires = zi.hash.now_ms() + (said.expires_in or 3600) * 1000,
  }
  local text = zi.json.encode(credential)
  local ok, err = zi.fs.write(self._where.file, text, { private = true })
  if not ok then return nil, tostring(err) end
  return credential.access
end

--- Logs in: `tell` says to the user where to go; then this waits until they were there.
---@async
---@param tell fun(text: string)
---@return string? access
---@return string? problem
function Login:start(tell)
  local device, problem = self:_post("/device", {})
  if not device then return nil, problem end
  if not device.device_code then return nil, device.error or "no device code" end
  tell(("Open %s and enter %s"):format(device.verification_uri, device.user_code))
  local pause = device.interval or 5
  while true do
    zi.task.sleep(pause * 1000)
    local said
    said, problem =
      self:_post("/token", { grant_type = DEVICE_GRANT, device_code = device.device_code })
    if not said then return nil, problem end
    if said.error == "slow_down" then
      pause = pause + 5
    elseif said.error ~= "authorization_pending" then
      return self:_keep(said)
    end
  end
end

---@async
function Login:_fresh()
  local text = zi.fs.read(self._where.file)
  if not text then return nil, "nobody is logged in" end
  local credential = zi.json.decode(text)
  if credential.expires - EARLY_MS > zi.hash.now_ms() then return credential.access end
  if not credential.refresh then return nil, "the login has expired" end
  local said, problem =
    self:_post("/token", { grant_type = "refresh_token", refresh_token = credential.refresh })
  if not said then return nil, problem end
  return self:_keep(said, credential.refresh)
end

--- A token that is good for a request. Requests at the same time share one renewal.
---@async
---@return string? access
---@return string? problem
function Login:token()
  return self._turn:with(function() return self:_fresh() end)
end

return M
