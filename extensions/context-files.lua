-- name: context-files
-- description: Puts AGENTS.md (or CLAUDE.md) files into the system prompt.
-- api: 1

local NAMES = { "AGENTS.md", "CLAUDE.md" }
local MAX_BYTES = 64 * 1024

---@async
---@return {path: string, text: string}?
local function read_first(dir)
  for _, name in ipairs(NAMES) do
    local path = zi.path.join(dir, name)
    local text, err = zi.fs.read(path)
    if text then
      local head, tail, omitted = zi.text.clip(zi.text.to_utf8(text), MAX_BYTES)
      if omitted > 0 then head = ("%s\n[… %d bytes are left out here …]\n%s"):format(head, omitted, tail) end
      return { path = path, text = (head:gsub("%s+$", "")) }
    elseif err.kind ~= "not_found" and err.kind ~= "not_a_directory" then
      zi.log.warn(tostring(err))
    end
  end
end

--- The directories from the root down to `dir`.
local function ancestors(dir)
  local dirs = { dir }
  while zi.path.dirname(dir) ~= dir do
    dir = zi.path.dirname(dir)
    table.insert(dirs, 1, dir)
  end
  return dirs
end

zi.on("system_prompt_options", function(event)
  local files, seen = {}, {}
  -- The user's own first, then from far to near: what is said last and nearest weighs most.
  for _, dir in ipairs({ event.config_dir, table.unpack(ancestors(event.cwd)) }) do
    if not seen[dir] then
      seen[dir] = true
      files[#files + 1] = read_first(dir)
    end
  end
  return { context_files = files }
end)
