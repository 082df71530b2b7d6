--- What it means when a provider refuses, breaks off or cannot be reached, whatever its dialect.
--- Answers values for `error(…)`; the kinds are those of `zi.failure`.
local delays = require("zi.delays")

local M = {}

---@class (exact) zi.failures.Rule
---@field kind string
---@field status? integer[]
---@field words? string[] patterns, looked for in all that the provider said, in lower case

-- The first rule that fits counts. Their order is the point: a quota often looks like a rate limit,
-- and "too many tokens, please wait" is not a prompt that is too long.
---@type zi.failures.Rule[]
local RULES = {
  {
    kind = "content_policy",
    words = { "flagged by moderation", "flagged as potentially", "content_policy" },
  },
  {
    kind = "auth",
    status = { 401, 403 },
    words = {
      "invalid_api_key",
      "api key not valid",
      "authentication_error",
      "permission_error",
      "token_expired",
    },
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
      "exceed context limit",
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

-- Any value as words: some servers put objects where others put texts, and numbers where codes are.
local function text_of(value)
  if type(value) == "table" then return zi.json.encode(value) end
  if math.type(value) == "float" then value = math.tointeger(value) or value end
  return value ~= nil and tostring(value) or ""
end

local function table_of(value)
  return type(value) == "table" and value or {}
end

local function code_of(report)
  local details = table_of(report.details)
  for _, code in ipairs({ details.error_code or "", report.code or "", report.type or "" }) do
    if code ~= "" then return text_of(code) end
  end
end

-- Google says it in the details, others in a sentence.
local function told_delay(report, said)
  for _, detail in ipairs(table_of(report.details)) do
    local delay = table_of(detail).retryDelay
    if delay then return delays.parse(text_of(delay)) end
  end
  return delays.of_sentence(said)
end

---@param report table what the provider said went wrong
---@param facts {status?: integer, headers?: table<string, string>, request_id?: string}
---@return zi.Failure
local function describe(report, facts)
  local headers, metadata = facts.headers or {}, table_of(report.metadata)
  local message = text_of(report.message or report.detail)
  -- Gateways put the words of the server behind them into a field of their own.
  local cause = text_of(metadata.raw)
  local said = table.concat({
    text_of(report.code),
    text_of(report.type),
    text_of(report.status),
    text_of(report.details),
    text_of(metadata.error_type),
    message,
    cause,
  }, " "):lower()
  if message == "" then
    message = ("the server answered with status %s"):format(facts.status or "unknown")
  end
  if cause ~= "" then message = ("%s: %s"):format(message, (zi.text.clip(cause, 300))) end
  local advice = headers["x-should-retry"]
  local retryable
  if advice == "true" or advice == "false" then retryable = advice == "true" end
  return zi.failure({
    kind = kind_of(facts.status, said),
    message = message,
    status = facts.status,
    code = code_of(report),
    retryable = retryable,
    retry_after_ms = delays.of_headers(headers) or told_delay(report, said),
    request_id = facts.request_id or headers["request-id"] or headers["x-request-id"],
  })
end

-- The part of an error body that says what is wrong, and the body: `{error = {…}}`,
-- `{error = "…"}`, `{message = …}`, `{detail = …}`, a list of one of these, or no JSON at all.
local function report_of(body)
  local ok, whole = pcall(zi.json.decode, body)
  if not ok or type(whole) ~= "table" then
    local text = zi.text.to_utf8(body):match("^%s*(.-)%s*$")
    return { message = not text:find("^<") and zi.text.clip(text, 300) or nil }, {}
  end
  if type(whole[1]) == "table" then whole = whole[1] end
  if type(whole.error) == "table" then return whole.error, whole end
  local message = whole.error or whole.message or whole.detail
  return { message = message, code = whole.code, type = whole.type }, whole
end

--- The failure that an answer with a bad status stands for.
---@param answer {status: integer, headers: table<string, string>}
---@param body string
---@param provider string
---@return zi.Failure
function M.of_answer(answer, body, provider)
  if provider == "cerebras" and body == "" and answer.status == 400 then
    local message = "the request is too large"
    return zi.failure({ kind = "context_overflow", status = 400, message = message })
  end
  local report, whole = report_of(body)
  local request_id = type(whole.request_id) == "string" and whole.request_id or nil
  local facts = { status = answer.status, headers = answer.headers, request_id = request_id }
  return describe(report, facts)
end

--- The failure that an error inside of a stream stands for, where HTTP had said that all is well.
---@param report any
---@param facts? {status?: integer, request_id?: string}
---@return zi.Failure
function M.of_event(report, facts)
  if type(report) ~= "table" then report = { message = text_of(report) } end
  facts = facts or {}
  local status = tonumber(facts.status) or tonumber(report.status_code) or tonumber(report.code)
  return describe(report, { request_id = facts.request_id, status = status })
end

-- What the kinds of `zi.http` come to, before and after the answer began.
local BEFORE = {
  timeout = "timeout",
  url = "invalid_request",
  redirect = "protocol",
  too_large = "protocol",
}
local AFTER = { timeout = "timeout", too_large = "protocol", protocol = "protocol" }

--- The failure of a request that got no answer.
---@param err zi.Error
---@return zi.Failure
function M.of_request(err)
  return zi.failure({ kind = BEFORE[err.kind] or "connection", message = tostring(err) })
end

--- The failure of an answer that broke off.
---@param err zi.Error what the stream raised
---@return zi.Failure
function M.of_break(err)
  return zi.failure({ kind = AFTER[err.kind] or "stream_truncated", message = tostring(err) })
end

--- The failure of an answer that is not what the protocol says. Another one may be.
---@param problem string
---@return zi.Failure
function M.of_nonsense(problem)
  return zi.failure({ kind = "protocol", message = problem, retryable = true })
end

return M
