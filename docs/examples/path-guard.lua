-- name: path-guard
-- description: Keeps tools that take a path inside the working directory and off protected files.
-- api: 1

-- `bash` is not held by this: a command says in too many ways which files it means.

local settings = zi.settings({
  properties = {
    protected = {
      type = "array",
      items = { type = "string" },
      default = { ".git", ".env" },
      description = "Names of files and folders that are not touched, wherever they are",
    },
    also = {
      type = "array",
      items = { type = "string" },
      default = {},
      description = "Folders outside of the working directory that are allowed as well",
    },
  },
})

-- Some file systems take `.GIT` for `.git`.
local protected = {}
for _, name in ipairs(settings.protected) do
  protected[name:lower()] = true
end

-- Where a path leads when every link is followed. What does not exist yet has no links, so its
-- deepest folder that exists decides. Nil for a link that leads nowhere: it may be filled later.
---@async
local function resolve(path)
  local real = zi.fs.realpath(path)
  if real then return real end
  if zi.fs.stat(path, { follow = false }) then return nil end
  local folder = resolve(zi.path.dirname(path))
  return folder and zi.path.join(folder, zi.path.basename(path))
end

local function is_below(path, folder)
  return path == folder or path:sub(1, #folder + 1) == folder .. "/"
end

---@async
local function is_inside(real, cwd)
  for _, folder in ipairs({ cwd, table.unpack(settings.also) }) do
    local root = zi.fs.realpath(folder)
    if root and is_below(real, root) then return true end
  end
  return false
end

-- A link to a protected file is found by where it leads, one that is called like it by its name.
local function protected_part(...)
  for _, path in ipairs({ ... }) do
    for part in path:gmatch("[^/]+") do
      if protected[part:lower()] then return part end
    end
  end
end

zi.on("tool_call", function(event, ctx)
  local path = event.input.path
  if type(path) ~= "string" then return end
  -- As the tools read it: `~` is home, and `..` is taken out before any link is followed.
  local whole = zi.path.expand(path)
  local real = resolve(whole)
  if not real or not is_inside(real, ctx.cwd) then
    return { block = true, reason = ("`%s` leads out of the working directory"):format(path) }
  end
  local part = protected_part(zi.path.relative(whole), zi.path.relative(real))
  if part then return { block = true, reason = ("`%s` is protected"):format(part) } end
end)
