-- name: tool-edit
-- description: Replaces passages of a text file.
-- api: 1

local arguments = require("zi.arguments")
local change = require("zi.change")
local nearby = require("zi.nearby")
local replace = require("zi.replace")
local units = require("zi.units")

local rename = arguments.prepare({
  file_path = "path",
  oldText = "old_text",
  newText = "new_text",
  old_string = "old_text",
  new_string = "new_text",
  replaceAll = "replace_all",
})

-- Brings one edit beside the path, edits as JSON text and other names to the shape of the schema.
local function prepare(args)
  args = rename(args)
  if not args then return nil end
  local edits = args.edits
  if type(edits) == "string" then
    local is_json, decoded = pcall(zi.json.decode, edits)
    edits = is_json and decoded or edits
  end
  if type(edits) == "table" and next(edits) ~= nil and #edits == 0 then edits = { edits } end
  if edits == nil and args.old_text ~= nil then
    local edit = { old_text = args.old_text, new_text = args.new_text }
    edit.replace_all = args.replace_all
    edits = { edit }
  end
  for _, edit in ipairs(type(edits) == "table" and edits or {}) do
    rename(edit)
  end
  args.edits, args.old_text, args.new_text, args.replace_all = edits, nil, nil, nil
  return args
end

local function refuse(text, ...)
  return { content = text:format(...), is_error = true }
end

---@async
---@param params {path: string, edits: zi.Edit[]}
---@return zi.ToolResult
local function execute(params)
  local path = params.path
  local stat, err = zi.fs.stat(path)
  if not stat and err.kind == "not_found" then
    return refuse("There is no file `%s`.%s Use write to make a new one.", path, nearby.hint(path))
  elseif stat and stat.type ~= "file" then
    return refuse("`%s` is %s.", path, stat.type == "dir" and "a folder" or "a device or a pipe, not a file")
  end
  local before
  before, err = zi.fs.read(path)
  if not before then return refuse("%s", err) end

  local after, outcome = replace.apply(before, params.edits)
  if not after then
    return refuse("`%s` was not changed. %s", path, table.concat(outcome, "\n"))
  end
  local written
  written, err = zi.fs.write(path, after)
  if not written then return refuse("%s", err) end

  local details = change.between(before, after)
  details.path, details.replaced = path, outcome
  local text = ("Edited `%s`: %s replaced"):format(path, units.count(outcome, "place"))
  if details.added then
    text = ("%s (+%d -%d lines)"):format(text, details.added, details.removed)
  end
  return { content = text .. ".", details = details }
end

zi.tool({
  name = "edit",
  description = "Replace passages of a text file. Each old_text is quoted exactly as it stands in "
    .. "the file now, with enough around it to fit one place only. All edits are made together or, "
    .. "when one does not fit, none. How lines end (LF, CRLF) is kept.",
  prompt_snippet = "replace passages of a file",
  prompt_guidelines = {
    "Make all changes to one file in one edit call; its edits must not overlap.",
  },
  kind = "edit",
  parameters = {
    type = "object",
    required = { "path", "edits" },
    properties = {
      path = { type = "string", minLength = 1, description = "File to change" },
      edits = {
        type = "array",
        minItems = 1,
        items = {
          type = "object",
          required = { "old_text", "new_text" },
          properties = {
            old_text = { type = "string", description = "Text to replace, exactly as it is" },
            new_text = { type = "string", description = "Text to put there; empty removes it" },
            replace_all = { type = "boolean", description = "Replace it everywhere" },
          },
        },
      },
    },
  },
  prepare = prepare,
  execute = execute,
})
