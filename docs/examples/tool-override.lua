-- name: tool-override
-- description: A `read` that hides secrets: it runs the bundled one and looks over what comes out.
-- api: 1

-- Every word of what follows a key's name is hidden; the name stays, so that the model knows of it.
local WORDS = {
  "%f[%w]AKIA[%u%d][%u%d][%u%d][%u%d][%u%d][%u%d][%u%d][%u%d]+",
  "%f[%w]gh[pousr]_%w+",
  "%f[%w]sk%-[%w_-]+",
  "%f[%w]eyJ[%w_-]+%.[%w_-]+%.[%w_-]+",
}
local NAMES = { "password", "passwd", "secret", "token", "api[_-]?key" }
local PRIVATE_KEY = "(%-%-%-%-%-BEGIN [%u ]*PRIVATE KEY%-%-%-%-%-).-(%-%-%-%-%-END)"

-- Letters in either case: Lua's patterns know no such switch.
local function any_case(pattern)
  return (pattern:gsub("%a", function(letter)
    return ("[%s%s]"):format(letter:lower(), letter:upper())
  end))
end

local function redact(text)
  local count, hits = 0, 0
  local function replace(pattern, with)
    text, hits = text:gsub(pattern, with)
    count = count + hits
  end
  replace(PRIVATE_KEY, "%1\n[redacted]\n%2")
  for _, word in ipairs(WORDS) do
    replace(word, "[redacted]")
  end
  for _, name in ipairs(NAMES) do
    replace("(" .. any_case(name) .. "[\"']?%s*[:=]%s*[\"']?)[^%s\"'%[][^%s\"']*", "%1[redacted]")
  end
  return text, count
end

---@async
---@param params table
---@param ctx zi.Ctx
local function execute(params, ctx)
  local result, err = ctx.super(params)
  if not result then return { content = tostring(err), is_error = true } end
  local total = 0
  for _, block in ipairs(result.content) do
    if block.type == "text" then
      local count
      block.text, count = redact(block.text)
      total = total + count
    end
  end
  result.details = result.details or {}
  result.details.redacted = total
  return result
end

zi.tool({
  name = "read",
  description = "Read a text file, or look at an image. Gives at most 2000 lines or 50 KiB, then "
    .. "says which offset to go on with. Secrets are shown as [redacted]; never write that back.",
  prompt_snippet = "read a file or look at an image; secrets are hidden",
  kind = "read",
  parallel = true,
  parameters = {
    type = "object",
    required = { "path" },
    properties = {
      path = { type = "string", minLength = 1, description = "File to read" },
      offset = { type = "integer", minimum = 1, description = "First line to read (1)" },
      limit = { type = "integer", minimum = 1, description = "How many lines to read (2000)" },
    },
  },
  execute = execute,
})
