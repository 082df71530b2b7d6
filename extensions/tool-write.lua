-- name: tool-write
-- description: Writes whole files.
-- api: 1

local arguments = require("zi.arguments")
local change = require("zi.change")
local lines = require("zi.lines")
local units = require("zi.units")

--- Of larger files no diff is made.
local MAX_COMPARED_BYTES = 512 * 1024

-- The text that is to go, if it can be compared: nothing for a new file, nil for what is no text.
---@async
local function text_before(path, stat)
  if not stat then return "" end
  if stat.type ~= "file" or stat.size > MAX_COMPARED_BYTES then return nil end
  local text = zi.fs.read(path)
  if text and text:find("\0", 1, true) then return nil end
  return text
end

---@async
---@param params {path: string, content: string}
---@return zi.ToolResult
local function execute(params)
  local path, content = params.path, params.content
  local stat = zi.fs.stat(path)
  if stat and stat.type == "dir" then
    return { content = ("`%s` is a folder; name a file in it."):format(path), is_error = true }
  end
  local before = text_before(path, stat)
  local written, err = zi.fs.write(path, content)
  if not written then
    return { content = tostring(err), is_error = true }
  end

  local details = {}
  if before and #content <= MAX_COMPARED_BYTES then
    details = change.between(before, content)
  end
  details.path, details.bytes, details.is_new = path, #content, stat == nil
  local feeds = lines.feeds(content)
  local count = content:sub(-1) == "\n" and feeds or content == "" and 0 or feeds + 1
  local text = "Wrote the new file `%s`: %d bytes, %s."
  if stat then text = "Wrote `%s`: %d bytes, %s; what was there is replaced." end
  if stat and before == content then text = "Wrote `%s`: %d bytes, %s; nothing changed." end
  return { content = text:format(path, #content, units.count(count, "line")), details = details }
end

zi.tool({
  name = "write",
  description = "Write a file whole. Makes it and its folders when they are missing, and replaces "
    .. "all that was in it.",
  prompt_snippet = "write a new file, or a whole one anew",
  prompt_guidelines = {
    "Use edit to change a part of a file, and write for new files or to start one over.",
  },
  kind = "write",
  parameters = {
    type = "object",
    required = { "path", "content" },
    properties = {
      path = { type = "string", minLength = 1, description = "File to write" },
      content = { type = "string", description = "All that the file is to hold" },
    },
  },
  prepare = arguments.prepare({ file_path = "path" }),
  execute = execute,
})
