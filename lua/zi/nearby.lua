--- What somebody may have meant by a path that leads nowhere.
local M = {}

local MOST_NAMES = 3
--- How alike two names must be to be taken for each other.
local LIKENESS = 0.5
--- How deep a file is looked for whose folder is missing.
local SEARCH_DEPTH = 6

---@async
local function alike(dir, name)
  local scored = {}
  for _, entry in ipairs(zi.fs.list(dir) or {}) do
    local score = zi.text.similarity(entry.name:lower(), name:lower())
    if score >= LIKENESS then
      scored[#scored + 1] = { path = zi.path.relative(zi.path.join(dir, entry.name)), score = score }
    end
  end
  table.sort(scored, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.path < b.path
  end)
  return scored
end

---@async
local function of_the_same_name(path, name)
  -- Only below the working directory: elsewhere there may be no end to it.
  if zi.path.relative(path):sub(1, 1) == "/" then return {} end
  local found = zi.fs.walk(".", {
    glob = (name:gsub("[%[%]*?{}\\!]", "[%0]")),
    max_depth = SEARCH_DEPTH,
    limit = MOST_NAMES,
    type = "any",
  })
  local list = {}
  for _, inner in ipairs(found and found.paths or {}) do
    list[#list + 1] = { path = inner }
  end
  return list
end

--- A sentence that names near paths, to be put after the one that says what is missing; empty when
--- nothing is near.
---@async
---@param path string
---@return string
function M.hint(path)
  local whole = zi.path.expand(path)
  local dir, name = zi.path.dirname(whole), zi.path.basename(whole)
  local missing = ""
  local near
  if zi.fs.exists(dir) then
    near = alike(dir, name)
  else
    near = of_the_same_name(whole, name)
    missing = (" The folder `%s` does not exist either."):format(zi.path.relative(dir))
  end
  local names = {}
  for index = 1, math.min(#near, MOST_NAMES) do
    names[index] = ("`%s`"):format(near[index].path)
  end
  if #names == 0 then return missing end
  return ("%s Did you mean %s?"):format(missing, table.concat(names, " or "))
end

return M
