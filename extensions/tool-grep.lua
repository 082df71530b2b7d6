-- name: tool-grep
-- description: Searches the text of files.
-- api: 1

local arguments = require("zi.arguments")
local lines = require("zi.lines")
local nearby = require("zi.nearby")

local DEFAULT_LIMIT, MAX_LIMIT = 100, 1000
local MAX_BYTES = 50 * 1024
local MAX_LINE_BYTES = 500

---@class (exact) zi.GrepParams
---@field pattern string
---@field path? string
---@field glob? string
---@field ignore_case? boolean
---@field literal? boolean
---@field context? integer
---@field limit? integer

local function refuse(text, ...)
  return { content = text:format(...), is_error = true }
end

-- What a search that could not start says, without the name of the function that says it.
local function explain(err)
  return (tostring(err):gsub("^.-zi%.fs%.grep: ", ""):gsub("\nstack traceback:.*", ""))
end

-- Matches and the lines around them as rows, in the order of the files.
local function rows_of(matches)
  local rows = {}
  for _, match in ipairs(matches) do
    for _, around in ipairs(match.context or {}) do
      rows[#rows + 1] = { path = match.path, line = around.line, text = around.text }
    end
    rows[#rows + 1] = { path = match.path, line = match.line, text = match.text, is_match = true }
  end
  table.sort(rows, function(a, b)
    if a.path ~= b.path then return a.path < b.path end
    return a.line < b.line
  end)
  return rows
end

-- `path:12: text` for a match, `path-12- text` for a line around one, `--` where lines are left out.
local function print_rows(rows, with_context)
  local list, before = {}, nil
  for _, row in ipairs(rows) do
    local is_next = before and before.path == row.path and before.line + 1 >= row.line
    if with_context and before and not is_next then list[#list + 1] = "--" end
    local format = row.is_match and "%s:%d: %s" or "%s-%d- %s"
    list[#list + 1] = format:format(row.path, row.line, lines.clip(row.text, MAX_LINE_BYTES))
    before = row
  end
  return list
end

---@async
---@param params zi.GrepParams
---@return zi.ToolResult
local function execute(params)
  local path = params.path or "."
  local limit = params.limit or DEFAULT_LIMIT
  local is_started, found, err = pcall(zi.fs.grep, params.pattern, {
    path = path,
    glob = params.glob,
    ignore_case = params.ignore_case,
    literal = params.literal,
    context = params.context,
    limit = limit,
    multiline = not params.literal and params.pattern:find("\\n", 1, true) ~= nil,
  })
  if not is_started then return refuse("Not searched: %s", explain(found)) end
  if not found and err.kind == "not_found" then
    return refuse("There is nothing at `%s`.%s", path, nearby.hint(path))
  elseif not found then
    return refuse("The pattern is no regular expression (set literal to search for text): %s", err)
  end

  local details = { matches = #found.matches, files = found.files, truncated = found.truncated }
  if #found.matches == 0 then
    local text = "No matches. (Hidden, ignored and binary files are not searched.)"
    return { content = text, details = details }
  end
  local list = print_rows(rows_of(found.matches), (params.context or 0) > 0)
  local text, shown = lines.join(list, MAX_BYTES)
  if shown < #list then
    details.truncated = true
    local more = "%s\n[These are the first %d lines of %d. Narrow with path, glob or pattern.]"
    text = more:format(text, shown, #list)
  elseif found.truncated then
    local more = "%s\n[There are more matches than these %d. "
      .. "Narrow with path, glob or pattern, or raise limit.]"
    text = more:format(text, #found.matches)
  end
  return { content = text, details = details }
end

zi.tool({
  name = "grep",
  description = "Search files for a regular expression (Rust syntax). Gives `path:line: text`, "
    .. "sorted by path. Files that .gitignore names, hidden and binary ones are left out.",
  prompt_snippet = "search the text of files",
  kind = "search",
  parallel = true,
  parameters = {
    type = "object",
    required = { "pattern" },
    properties = {
      pattern = { type = "string", minLength = 1, description = "Regular expression to look for" },
      path = { type = "string", description = "File or folder to search (working directory)" },
      glob = { type = "string", description = "Only files that fit, as *.rs or src/**" },
      ignore_case = { type = "boolean", description = "Take capitals and small letters as the same" },
      literal = { type = "boolean", description = "Take the pattern as plain text" },
      context = {
        type = "integer",
        minimum = 0,
        maximum = 50,
        description = "Lines to show around a match (0)",
      },
      limit = {
        type = "integer",
        minimum = 1,
        maximum = MAX_LIMIT,
        description = "Most matches to show (100)",
      },
    },
  },
  prepare = arguments.prepare({ ignoreCase = "ignore_case", include = "glob" }),
  execute = execute,
})
