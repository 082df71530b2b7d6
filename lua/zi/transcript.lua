--- The conversation as providers take it: turns of user and assistant that alternate, with what is
--- only valid for one model left out for every other.
local M = {}

---@class (exact) zi.transcript.Result
---@field id string
---@field name string
---@field text string never empty
---@field images table[]
---@field is_error boolean

---@class (exact) zi.transcript.Turn
---@field role "user"|"assistant"
---@field results zi.transcript.Result[] user: the results of the calls of the turn before
---@field blocks table[] user: `text` and `image`; assistant: `thinking`, `text` and `tool_call`

local NO_IMAGE = { type = "text", text = "[An image was left out: the model cannot see images.]" }

local function is_blank(text)
  return not text or not text:find("%S")
end

local function blocks_of(message)
  local content = message.content
  if type(content) == "string" then return { { type = "text", text = content } } end
  return type(content) == "table" and content or {}
end

local function sees_images(model)
  if not model.input then return true end
  for _, kind in ipairs(model.input) do
    if kind == "image" then return true end
  end
  return false
end

-- Text and images, without what is empty or cannot be seen.
local function visible(message, with_images)
  local kept = {}
  for _, block in ipairs(blocks_of(message)) do
    if block.type == "text" and not is_blank(block.text) then
      kept[#kept + 1] = { type = "text", text = block.text }
    elseif block.type == "image" then
      kept[#kept + 1] = with_images and block or NO_IMAGE
    end
  end
  return kept
end

local function result_of(message, with_images, rule)
  local texts, images = {}, {}
  for _, block in ipairs(visible(message, with_images)) do
    if block.type == "text" then
      texts[#texts + 1] = block.text
    else
      images[#images + 1] = block
    end
  end
  local text = table.concat(texts, "\n")
  if text == "" then text = #images > 0 and "(see the image)" or "(no output)" end
  return {
    id = rule(message.tool_call_id),
    name = message.tool_name,
    text = text,
    images = images,
    is_error = message.is_error == true,
  }
end

local function call_of(block, rule, is_own)
  return {
    type = "tool_call",
    id = rule(block.id),
    name = block.name,
    arguments = block.arguments,
    -- The text of a call that was cut off is no JSON.
    raw_arguments = not block.incomplete and block.raw_arguments or nil,
    signature = is_own and block.signature or nil,
  }
end

local function said(message, rule, is_own)
  local kept = {}
  for _, block in ipairs(blocks_of(message)) do
    if block.type == "tool_call" then
      kept[#kept + 1] = call_of(block, rule, is_own)
    elseif block.type == "thinking" and is_own then
      kept[#kept + 1] = block
    elseif block.type == "text" and not is_blank(block.text) then
      kept[#kept + 1] = { type = "text", text = block.text }
    end
  end
  return kept
end

--- Turns the messages of a request into turns. Thinking and signatures only go back to the
--- provider, wire and model that they are from.
---@param request table
---@param api string the wire
---@param rule fun(id: string): string what becomes of ids, see `id_rule`
---@return zi.transcript.Turn[]
function M.turns(request, api, rule)
  local turns = {}
  local with_images = sees_images(request.model)
  local function turn(role)
    local last = turns[#turns]
    if last and last.role == role then return last end
    turns[#turns + 1] = { role = role, results = {}, blocks = {} }
    return turns[#turns]
  end
  local function add(role, blocks)
    if #blocks == 0 then return end
    local list = turn(role).blocks
    table.move(blocks, 1, #blocks, #list + 1, list)
  end
  for _, message in ipairs(request.messages) do
    if message.role == "assistant" then
      local is_own = message.provider == request.provider.name
        and message.api == api
        and message.model == request.model.id
      add("assistant", said(message, rule, is_own))
    elseif message.role == "tool_result" then
      local results = turn("user").results
      results[#results + 1] = result_of(message, with_images, rule)
    else
      add("user", visible(message, with_images))
    end
  end
  return turns
end

--- A rule that makes ids of letters, digits, `_` and `-`, of at most `longest` bytes. What is valid
--- stays; anything else becomes the same id each time, and no other's.
---@param longest integer
---@return fun(id: string): string
function M.id_rule(longest)
  return function(id)
    local clean = id:gsub("[^%w_-]", "_")
    if clean == id and #id <= longest then return id end
    return clean:sub(1, longest - 9) .. "_" .. zi.hash.sha256(id):sub(1, 8)
  end
end

return M
