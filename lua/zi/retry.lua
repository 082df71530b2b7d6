--- When to try a failed request again, and after how long.
--- Exponential back-off with jitter; a server that names a delay is taken at its word.
local M = {}

---@class (exact) zi.RetrySettings
---@field max_attempts integer requests in all, the first included
---@field base_ms integer first pause
---@field max_ms integer longest pause of our own
---@field max_server_ms integer longest pause that a server may ask for
---@field max_total_ms integer longest time from the first failure to the last attempt

local Attempts = {}
Attempts.__index = Attempts

---@param settings zi.RetrySettings
function M.new(settings)
  return setmetatable({ _settings = settings, _failed = 0, _waited = 0 }, Attempts)
end

--- Answers how long to wait before the next attempt and what to tell the user, or nil when there is
--- no point in another one.
---@param failure {kind: string, message: string, retryable: boolean, retry_after_ms?: integer}
---@return number? ms, string? label
function Attempts:pause(failure)
  local settings = self._settings
  self._failed = self._failed + 1
  if not failure.retryable or self._failed >= settings.max_attempts then return nil end
  local pause
  if failure.retry_after_ms then
    if failure.retry_after_ms > settings.max_server_ms then return nil end
    -- Never earlier than asked, and not all clients at the same moment.
    pause = failure.retry_after_ms * (1 + 0.1 * math.random())
  else
    local longest = math.min(settings.base_ms * 2 ^ (self._failed - 1), settings.max_ms)
    pause = longest * (0.5 + 0.5 * math.random())
    if self._waited + pause > settings.max_total_ms then return nil end
  end
  self._waited = self._waited + pause
  local label = ("%s (attempt %d of %d failed)"):format(failure.message, self._failed, settings.max_attempts)
  return pause, label
end

return M
