-- name: tool-find
-- description: Finds files by name.
-- api: 1

local arguments = require("zi.arguments")
local lines = require("zi.lines")
local nearby = require("zi.nearby")

local DEFAULT_LIMIT, MAX_LIMIT = 500, 5000
local MAX_BYTES = 50 * 1024

local function refuse(text, ...)
  return { content = text:format(...), is_error = true }
end

-- A pattern that starts elsewhere, as `/usr/**/*.h` or `../a/*.c`: the folder and what follows.
local function split(pattern)
  if not pattern:find("^[/~]") and not pattern:find("^%.%./") then return nil, pattern end
  local dir, rest = pattern:match("^([^*?%[{]*)/(.*)$")
  if not dir or rest == "" then return nil, pattern end
  return dir == "" and "/" or dir, rest
end

---@async
---@param params {pattern: string, path?: string, type?: string, limit?: integer}
---@return zi.ToolResult
local function execute(params)
  local dir, pattern = split(params.pattern)
  local path = dir or params.path or "."
  local limit = params.limit or DEFAULT_LIMIT
  local stat = zi.fs.stat(path)
  if not stat then return refuse("There is no folder `%s`.%s", path, nearby.hint(path)) end
  if stat.type ~= "dir" then return refuse("`%s` is not a folder.", path) end
  local found, err = zi.fs.glob(pattern, {
    cwd = path,
    type = params.type,
    limit = limit,
    -- Who asks for a name with a dot in front means hidden files.
    hidden = ("/" .. pattern):find("/%.[^./]") ~= nil,
  })
  if not found then return refuse("`%s` is no pattern: %s", pattern, err) end

  local base = zi.path.relative(path)
  if base ~= "." then
    for index, inner in ipairs(found.paths) do
      found.paths[index] = ("%s/%s"):format(base == "/" and "" or base, inner)
    end
  end
  if #found.paths == 0 then
    local text = "Nothing fits `%s` in `%s`. Ignored files are left out, hidden ones as well unless "
      .. "the pattern has the dot."
    return { content = text:format(pattern, path), details = { count = 0, truncated = false } }
  end
  local text, shown = lines.join(found.paths, MAX_BYTES)
  local truncated = found.truncated or shown < #found.paths
  if truncated then
    local more = "%s\n[There are more than these %d. Narrow pattern or path, or raise limit.]"
    text = more:format(text, shown)
  end
  return { content = text, details = { count = shown, truncated = truncated } }
end

zi.tool({
  name = "find",
  description = "Find files by a pattern: *, ?, [a], {a,b}, ** for any folders. A pattern without / "
    .. "is matched against names at any depth. Gives sorted paths; files that .gitignore names are "
    .. "left out.",
  prompt_snippet = "find files by name",
  kind = "search",
  parallel = true,
  parameters = {
    type = "object",
    required = { "pattern" },
    properties = {
      pattern = { type = "string", minLength = 1, description = "As *.rs or src/**/test_*.py" },
      path = { type = "string", description = "Folder to search (the working directory)" },
      type = {
        type = "string",
        enum = { "file", "dir", "any" },
        description = "What to find (file)",
      },
      limit = {
        type = "integer",
        minimum = 1,
        maximum = MAX_LIMIT,
        description = "Most paths to show (500)",
      },
    },
  },
  prepare = arguments.prepare({ glob = "pattern" }),
  execute = execute,
})
