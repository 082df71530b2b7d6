--- The body of a request to Anthropic's Messages API.
local reasoning = require("zi.reasoning")
local transcript = require("zi.transcript")

local M = {}

local EFFORTS = { "low", "medium", "high", "xhigh", "max" }
local MIN_BUDGET = 1024

local valid_id = transcript.id_rule(64)

local function text_block(text)
  return { type = "text", text = text }
end

local function image_block(block)
  return {
    type = "image",
    source = { type = "base64", media_type = block.media_type, data = block.data },
  }
end

local function input_block(block)
  return block.type == "image" and image_block(block) or text_block(block.text)
end

local function output_block(block)
  if block.type == "text" then return text_block(block.text) end
  if block.type == "tool_call" then
    return { type = "tool_use", id = block.id, name = block.name, input = block.arguments }
  end
  if block.redacted then return { type = "redacted_thinking", data = block.data } end
  -- Without its signature, thinking is refused.
  if not block.signature then return nil end
  return { type = "thinking", thinking = block.text, signature = block.signature }
end

-- All results come first. The images of an error follow them: an error may hold text only.
local function user_content(turn)
  local content, later = {}, {}
  for _, result in ipairs(turn.results) do
    local parts = { text_block(result.text) }
    for _, image in ipairs(result.images) do
      table.insert(result.is_error and later or parts, image_block(image))
    end
    content[#content + 1] = {
      type = "tool_result",
      tool_use_id = result.id,
      content = parts,
      is_error = result.is_error or nil,
    }
  end
  table.move(later, 1, #later, #content + 1, content)
  for _, block in ipairs(turn.blocks) do
    content[#content + 1] = input_block(block)
  end
  return content
end

local function messages_of(turns)
  local messages = {}
  for _, turn in ipairs(turns) do
    local content = {}
    if turn.role == "user" then
      content = user_content(turn)
    else
      for _, block in ipairs(turn.blocks) do
        content[#content + 1] = output_block(block)
      end
    end
    if #content > 0 then messages[#messages + 1] = { role = turn.role, content = content } end
  end
  return messages
end

-- A conversation with calls needs tools, even when none may be used any more.
local function tools_of(request, turns)
  local tools = {}
  for _, tool in ipairs(request.tools) do
    tools[#tools + 1] = {
      name = tool.name,
      description = tool.description,
      input_schema = tool.parameters,
    }
  end
  if #tools > 0 then return tools end
  local known = {}
  for _, turn in ipairs(turns) do
    for _, block in ipairs(turn.blocks) do
      if block.type == "tool_call" and not known[block.name] then
        known[block.name] = true
        tools[#tools + 1] = { name = block.name, input_schema = { type = "object" } }
      end
    end
  end
  return tools, #tools > 0 and { type = "none" } or nil
end

-- The cache is looked up at these marks: tools and system once, the conversation where it ends now
-- and where it ended before. Four is the most that the API takes.
local function mark(list)
  if list and #list > 0 then list[#list].cache_control = { type = "ephemeral" } end
end

local function mark_prefixes(body)
  mark(body.system)
  mark(body.tools)
  local left = 2
  for index = #body.messages, 1, -1 do
    local message = body.messages[index]
    if left > 0 and message.role == "user" then
      mark(message.content)
      left = left - 1
    end
  end
end

-- Older models think within a budget that is part of the answer's tokens, newer ones as they like.
local function add_thinking(body, request)
  local effort = reasoning.wire(request.model, request.reasoning, EFFORTS)
  if not effort then return end
  if request.model.thinking ~= "budget" then
    body.thinking = { type = "adaptive", display = "summarized" }
    body.output_config = { effort = effort }
    return
  end
  local budget = request.reasoning_budget or MIN_BUDGET
  local most = math.min(body.max_tokens + budget, request.model.max_tokens)
  budget = math.max(MIN_BUDGET, math.min(budget, most // 2))
  if budget >= most then return end
  body.max_tokens = most
  body.thinking = { type = "enabled", budget_tokens = budget }
end

---@param request table what an adapter is given
---@param api string the wire
---@return table
function M.body(request, api)
  local turns = transcript.turns(request, api, valid_id)
  local tools, tool_choice = tools_of(request, turns)
  local body = {
    model = request.model.id,
    max_tokens = request.max_tokens,
    stream = true,
    system = request.system_prompt ~= "" and { text_block(request.system_prompt) } or nil,
    messages = messages_of(turns),
    tools = #tools > 0 and tools or nil,
    tool_choice = tool_choice,
  }
  add_thinking(body, request)
  mark_prefixes(body)
  for name, value in pairs(request.options or {}) do
    body[name] = value
  end
  return body
end

return M
