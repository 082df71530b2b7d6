-- name: tool-ls
-- description: Lists folders.
-- api: 1

local arguments = require("zi.arguments")
local lines = require("zi.lines")
local nearby = require("zi.nearby")
local units = require("zi.units")

local DEFAULT_LIMIT, MAX_LIMIT = 500, 5000
local MAX_BYTES = 50 * 1024

local function refuse(text, ...)
  return { content = text:format(...), is_error = true }
end

-- Folders first; both parts are sorted by name already.
local function rows_of(entries)
  local folders, others = {}, {}
  for _, entry in ipairs(entries) do
    if entry.type == "dir" then
      folders[#folders + 1] = entry.name .. "/"
    elseif entry.type == "file" then
      others[#others + 1] = ("%s  %s"):format(entry.name, units.bytes(entry.size))
    else
      local what = entry.type == "link" and "link" or "special"
      others[#others + 1] = ("%s  %s"):format(entry.name, what)
    end
  end
  return table.move(others, 1, #others, #folders + 1, folders)
end

---@async
---@param params {path?: string, limit?: integer}
---@return zi.ToolResult
local function execute(params)
  local path = params.path or "."
  local entries, err = zi.fs.list(path)
  if not entries and err.kind == "not_found" then
    return refuse("There is no folder `%s`.%s", path, nearby.hint(path))
  elseif not entries and err.kind == "not_a_directory" then
    return refuse("`%s` is a file; read shows it.", path)
  elseif not entries then
    return refuse("%s", err)
  end
  if #entries == 0 then
    return { content = ("`%s` is empty."):format(path), details = { count = 0, truncated = false } }
  end

  local rows = rows_of(entries)
  local limit = math.min(params.limit or DEFAULT_LIMIT, #rows)
  local text, shown = lines.join(table.move(rows, 1, limit, 1, {}), MAX_BYTES)
  if shown < #rows then
    local more = "%s\n[These are %d of %d entries. Raise limit, or use find with a pattern.]"
    text = more:format(text, shown, #rows)
  end
  return { content = text, details = { count = #rows, truncated = shown < #rows } }
end

zi.tool({
  name = "ls",
  description = "List a folder: subfolders first, with / at their end, then files with their size. "
    .. "Hidden and ignored ones are there too.",
  prompt_snippet = "list a folder",
  kind = "read",
  parallel = true,
  parameters = {
    type = "object",
    properties = {
      path = { type = "string", description = "Folder to list (the working directory)" },
      limit = {
        type = "integer",
        minimum = 1,
        maximum = MAX_LIMIT,
        description = "Most entries to show (500)",
      },
    },
  },
  prepare = arguments.prepare({}),
  execute = execute,
})
