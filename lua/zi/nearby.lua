--- What somebody may have meant by a path that leads nowhere.
local M = {}

local MOST_NAMES = 3
--- How alike two names must be to be taken for each other, and how near to the best the others.
local LIKENESS, NEAR_BEST = 0.5, 0.85
local MAX_SLIPS = 3
--- How deep a file is looked for whose folder is missing.
local SEARCH_DEPTH = 6

-- How many letters must be changed, put in, taken out or swapped to make `b` of `a`.
local function distance(a, b)
  local above, row = {}, {}
  for column = 0, #b do
    row[column] = column
  end
  for line = 1, #a do
    local highest
    highest, above, row = above, row, { [0] = line }
    for column = 1, #b do
      local same = a:byte(line) == b:byte(column)
      local cost = above[column - 1] + (same and 0 or 1)
      cost = math.min(cost, above[column] + 1, row[column - 1] + 1)
      local swapped = line > 1
        and column > 1
        and a:byte(line) == b:byte(column - 1)
        and a:byte(line - 1) == b:byte(column)
      if swapped then cost = math.min(cost, highest[column - 2] + 1) end
      row[column] = cost
    end
  end
  return row[#b]
end

-- Slips of the finger are told by the letters, other words of the same parts by their pairs.
local function likeness(a, b)
  local longer = math.max(#a, #b)
  local by_letter = 0
  if math.abs(#a - #b) <= MAX_SLIPS then by_letter = 1 - distance(a, b) / longer end
  return math.max(by_letter, zi.text.similarity(a, b))
end

---@async
local function alike(dir, name)
  local scored = {}
  for _, entry in ipairs(zi.fs.list(dir) or {}) do
    local score = likeness(entry.name:lower(), name:lower())
    local path = zi.path.relative(zi.path.join(dir, entry.name))
    if score >= LIKENESS then scored[#scored + 1] = { path = path, score = score } end
  end
  table.sort(scored, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.path < b.path
  end)
  while #scored > 0 and scored[#scored].score < NEAR_BEST * scored[1].score do
    table.remove(scored)
  end
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
