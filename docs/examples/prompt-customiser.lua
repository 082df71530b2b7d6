-- name: prompt-customiser
-- description: Puts a project's rules into the system prompt, some of them only on demand.
-- api: 1

-- `rules/*.md` hold for every run. `rules/topics/NAME.md` holds for a prompt that says `#NAME`.
local ALWAYS, TOPICS = "rules/*.md", "rules/topics"
local MAX_BYTES = 16 * 1024

---@async
local function read_rules(path)
  local text, err = zi.fs.read(path, { limit = MAX_BYTES })
  if text then return { path = path, text = zi.text.to_utf8(text) } end
  if err.kind ~= "not_found" then zi.log.warn(tostring(err)) end
end

-- What is returned here is joined with what others know, and the bundle makes the prompt of it.
zi.on("system_prompt_options", function()
  local found, err = zi.fs.glob(ALWAYS)
  if not found then return zi.log.warn(tostring(err)) end
  local files = {}
  for _, path in ipairs(found.paths) do
    files[#files + 1] = read_rules(path)
  end
  return { context_files = files, guidelines = { "Say which rule of `rules/` you follow." } }
end)

-- This comes last and sees the prompt that was made, and what the user asks for.
zi.on("before_agent_start", function(event)
  local parts, seen = { event.system_prompt }, {}
  for name in event.prompt:gmatch("#([%w_-]+)") do
    local rules = not seen[name] and read_rules(zi.path.join(TOPICS, name .. ".md"))
    if rules then
      parts[#parts + 1] = ("# Rules for %s\n\n%s"):format(name, rules.text)
    end
    seen[name] = true
  end
  if #parts > 1 then return { system_prompt = table.concat(parts, "\n\n") } end
end)
