--- What it means when a provider refuses, breaks off or cannot be reached, whatever its dialect.
--- Answers values for `error(…)`; the kinds are those of `zi.failure`.
local M = {}

---@class (exact) zi.failures.Rule
---@field kind string
---@field status? integer[]
---@field words? string[] patterns, looked for in everything the provider said, in lower case

-- The first rule that fits counts. Their order is the point: a quota often looks like a rate limit, and
-- "too many tokens, please wait" is not a prompt that is too long.
---@type zi.failures.Rule[]
local RULES = {
  { kind = "content_policy", words = { "flagged by moderation", "flagged as potentially", "content_policy" } },
  {
    kind = "auth",
    status = { 401, 403 },
    words = { "invalid_api_key", "api key not valid", "authentication_error", "permission_error", "token_expired" },
  },
  -- No wait makes a request smaller that is above the limit of a minute.
  { kind = "context_overflow", words = { "request too large" } },
  {
    kind = "quota",
    status = { 402 },
    words = {
      "insufficient_quota",
      "insufficient balance",
      "insufficient credits",
      "credit balance",
      "billing_error",
      "usage_limit_reached",
      "usage_not_included",
      "regain access",
      "limit will reset at",
      "requestsperday",
    },
  },
  { kind = "tool_call_failed", words = { "tool_use_failed" } },
  {
    kind = "overloaded",
    status = { 498, 529 },
    words = { "overloaded", "loading model", "capacity_exceeded", "slow_down" },
  },
  {
    kind = "rate_limit",
    status = { 429 },
    words = { "rate_limit", "rate limit", "too many requests", "throttl", "resource_exhausted" },
  },
  {
    kind = "context_overflow",
    status = { 413 },
    words = {
      "context_length_exceeded",
      "exceed_context_size",
      "request_too_large",
      "prompt is too long",
      "prompt too long",
      "exceeds? context limit",
      "exceeds the context window",
      "context window exceeds",
      "maximum context length",
      "maximum prompt length",
      "exceeds the maximum number of tokens",
      "exceeded model token limit",
      "exceeds the limit of %d",
      "available context size",
      "than the context length",
      "than the model's context length",
      "reduce the length of the messages",
    },
  },
  { kind = "invalid_request", words = { "items are not persisted" } },
  { kind = "not_found", status = { 404 }, words = { "model_not_found", "not_found_error" } },
  { kind = "timeout", status = { 408, 504 }, words = { "timeout_error" } },
  { kind = "server", status = { 409 }, words = { "server_error", "api_error" } },
}

local function fits(rule, status, said)
  for _, known in ipairs(rule.status or {}) do
    if known == status then return true end
  end
  for _, word in ipairs(rule.words or {}) do
    if said:find(word) then return true end
  end
  return false
end

local function kind_of(status, said)
  for _, rule in ipairs(RULES) do
    if fits(rule, status, said) then return rule.kind end
  end
  if status then return status >= 500 and "server" or "invalid_request" end
  return said:find("invalid_request", 1, true) and "invalid_request" or "server"
end

local function text_of(value)
  if type(value) == "table" then return zi.json.encode(value) end
  if math.type(value) == "float" then value = math.tointeger(value) or value end
  return value ~= nil and tostring(value) or ""
end

-- `39s`, `1.5s`, `6m0s`, `120ms`
local MS = { ms = 1, s = 1000, m = 60000, h = 3600000 }

local function duration_ms(text)
  local total
  for number, unit in text:gmatch("(%d+%.?%d*)(%a+)") do
    if not MS[unit] then return nil end
    total = (total or 0) + tonumber(number) * MS[unit]
  end
  return total
end

local function header_delay_ms(headers)
  local ms = tonumber(headers["retry-after-ms"])
  if ms then return ms end
  local after = headers["retry-after"]
  if not after then return nil end
  if tonumber(after) then return tonumber(after) * 1000 end
  local at = zi.hash.parse_date(after)
  local now = headers.date and zi.hash.parse_date(headers.date) or zi.hash.now_ms()
  return at and math.max(0, at - now)
end

-- Google says it in the details, others in a sentence.
local function told_delay_ms(report, said)
  for _, detail in ipairs(type(report.details) == "table" and report.details or {}) do
    if type(detail) == "table" and detail.retryDelay then return duration_ms(detail.retryDelay) end
  end
  local told = said:match("again in (%d[%w%.]*)") or said:match("retry in (%d[%w%.]*)")
  return told and duration_ms(told)
end

-- Gateways put the words of the server behind them into a field of their own.
local function inner_cause(report)
  local metadata = report.metadata
  return type(metadata) == "table" and text_of(metadata.raw) or ""
end

local function code_of(report)
  local details = type(report.details) == "table" and report.details or {}
  for _, code in ipairs({ text_of(details.error_code), text_of(report.code), text_of(report.type) }) do
    if code ~= "" then return code end
  end
end

---@param report table what the provider said went wrong
---@param facts {status?: integer, headers?: table<string, string>, request_id?: string}
---@return zi.Failure
local function describe(report, facts)
  local headers = facts.headers or {}
  local message, cause = text_of(report.message or report.detail), inner_cause(report)
  local said = table.concat({
    text_of(report.code),
    text_of(report.type),
    text_of(report.status),
    text_of(report.details),
    type(report.metadata) == "table" and text_of(report.metadata.error_type) or "",
    message,
    cause,
  }, " ")
  said = said:lower()
  if message == "" then message = ("the server answered with status %s"):format(facts.status or "unknown") end
  if cause ~= "" then message = ("%s: %s"):format(message, (zi.text.clip(cause, 300))) end
  local retryable
  local advice = headers["x-should-retry"]
  if advice == "true" or advice == "false" then retryable = advice == "true" end
  return zi.failure({
    kind = kind_of(facts.status, said),
    message = message,
    status = facts.status,
    code = code_of(report),
    retryable = retryable,
    retry_after_ms = header_delay_ms(headers) or told_delay_ms(report, said),
    request_id = facts.request_id or headers["request-id"] or headers["x-request-id"],
  })
end

-- The part of an error body that says what is wrong: `{error = {…}}`, `{error = "…"}`, `{message = …}`,
-- `{detail = …}`, a list of one of these, or no JSON at all.
local function report_of(body)
  local ok, value = pcall(zi.json.decode, body)
  if not ok or type(value) ~= "table" then
    local text = zi.text.to_utf8(body):match("^%s*(.-)%s*$")
    return { message = not text:find("^<") and zi.text.clip(text, 300) or nil }, {}
  end
  if value[1] ~= nil then value = value[1] end
  if type(value) ~= "table" then return { message = text_of(value) }, {} end
  if type(value.error) == "table" then return value.error, value end
  return { message = value.error or value.message or value.detail, code = value.code, type = value.type }, value
end

--- The failure that an answer with a bad status stands for.
---@param answer {status: integer, headers: table<string, string>}
---@param body string
---@param provider string
---@return zi.Failure
function M.of_answer(answer, body, provider)
  if provider == "cerebras" and body == "" and answer.status == 400 then
    return zi.failure({ kind = "context_overflow", status = 400, message = "the request is too large" })
  end
  local report, whole = report_of(body)
  local request_id = type(whole.request_id) == "string" and whole.request_id or nil
  return describe(report, { status = answer.status, headers = answer.headers, request_id = request_id })
end

--- The failure that an error inside of a stream stands for, where HTTP had said that all is well.
---@param report table|string
---@param facts? {status?: integer, request_id?: string}
---@return zi.Failure
function M.of_event(report, facts)
  if type(report) ~= "table" then report = { message = text_of(report) } end
  facts = facts or {}
  local status = tonumber(facts.status) or tonumber(report.status_code) or tonumber(report.code)
  return describe(report, { request_id = facts.request_id, status = status })
end

-- What the kinds of `zi.http` come to, before and after the answer began.
local BEFORE = { timeout = "timeout", url = "invalid_request", redirect = "protocol", too_large = "protocol" }
local AFTER = { timeout = "timeout", too_large = "protocol", protocol = "protocol" }

--- The failure of a request that got no answer.
---@param err zi.Error
---@return zi.Failure
function M.of_request(err)
  return zi.failure({ kind = BEFORE[err.kind] or "connection", message = tostring(err) })
end

--- The failure of an answer that broke off.
---@param err any what the stream raised
---@return zi.Failure
function M.of_break(err)
  local kind = type(err) == "table" and err.kind
  if not kind then return err end
  return zi.failure({ kind = AFTER[kind] or "stream_truncated", message = tostring(err) })
end

return M
