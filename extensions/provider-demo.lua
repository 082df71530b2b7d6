-- name: provider-demo
-- description: An offline stand-in for a model, to try zi without a key. It works by rules.
-- api: 1

local rules = require("zi.demo_rules")

-- What a reader sees: a few words at a time. `ZI_DEMO_DELAY_MS=0` leaves the pauses out.
local WORDS_PER_DELTA = 3
local DELAY_MS = 12

local function text_of(message)
  if type(message.content) == "string" then return message.content end
  local parts = {}
  for _, block in ipairs(message.content) do
    if block.type == "text" then parts[#parts + 1] = block.text end
  end
  return table.concat(parts, "\n")
end

--- The newest request, and the results of the calls that were made for it.
---@return string request, table[] results
local function situation(messages)
  local request, results = "", {}
  for _, message in ipairs(messages) do
    if message.role == "user" then
      request, results = text_of(message), {}
    elseif message.role == "tool_result" then
      results[#results + 1] = message
    end
  end
  return request, results
end

--- Only calls of tools that are on offer are made.
local function offered(calls, tools)
  local names = {}
  for _, tool in ipairs(tools) do
    names[tool.name] = true
  end
  for _, call in ipairs(calls) do
    if not names[call.name] then return nil, call.name end
  end
  return calls
end

---@return table[]? calls, string text, string? thought
local function decide(request)
  local prompt, results = situation(request.messages)
  local conversation = prompt:match("<conversation>(.*)</conversation>")
  if conversation then
    local said = {}
    for text in conversation:gmatch('<message from="user">\n(.-)\n</message>') do
      said[#said + 1] = "- " .. text
    end
    return nil, "## Goal\n" .. table.concat(said, "\n")
  end
  local plan = rules.plan(prompt)
  if not plan then return nil, rules.HELP end
  local calls, text, thought = plan(results)
  if not calls then
    return nil, text .. "\n\n(This is the demo: rules, not a language model.)", thought
  end
  local possible, missing = offered(calls, request.tools)
  if not possible then return nil, ("I would need the tool `%s`, which I was not given."):format(missing) end
  return possible, ""
end

---@async
local function speak(emit, kind, text, delay)
  local words, count = {}, 0
  for word in text:gmatch("%s*%S+%s*") do
    words[#words + 1], count = word, count + 1
    if count == WORDS_PER_DELTA then
      emit({ type = kind, text = table.concat(words) })
      words, count = {}, 0
      if delay > 0 then zi.task.sleep(delay) end
    end
  end
  if count > 0 then emit({ type = kind, text = table.concat(words) }) end
end

local function count_tokens(request)
  local tokens = zi.text.tokens(request.system_prompt) + zi.text.tokens(zi.json.encode(request.tools))
  for _, message in ipairs(request.messages) do
    tokens = tokens + zi.text.tokens(zi.json.encode(message.content)) + 4
  end
  return tokens
end

---@async
local function stream(request, emit)
  local delay = tonumber(zi.env("ZI_DEMO_DELAY_MS") or DELAY_MS) or DELAY_MS
  local calls, text, thought = decide(request)
  local said = text
  if calls then thought = ("A rule of the demo fits: call %s."):format(calls[1].name) end
  if thought then speak(emit, "thinking", thought, delay) end
  if calls then
    for index, call in ipairs(calls) do
      local arguments = zi.json.encode(call.arguments)
      emit({ type = "tool_call", block = index, name = call.name, arguments = arguments })
      said = said .. thought .. arguments
    end
  else
    speak(emit, "text", text, delay)
  end
  emit({ type = "usage", input = count_tokens(request), output = zi.text.tokens(said) })
  emit({ type = "stop", reason = calls and "tool_use" or "stop" })
end

zi.api("demo", { stream = stream })

zi.provider("demo", {
  api = "demo",
  base_url = "none:",
  default_model = "demo",
  models = {
    {
      id = "demo",
      name = "Demo (offline rules, not a language model)",
      context_window = 100000,
      max_tokens = 4096,
      cost = { input = 0, output = 0, cache_read = 0, cache_write = 0 },
    },
  },
})
