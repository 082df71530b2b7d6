-- name: permission-gate
-- description: Asks before shell commands that look destructive; without a screen it refuses them.
-- api: 1

-- A seat belt and no prison: it knows a slip when it sees one. Against a command that hides what it
-- does (`sh -c "$(base64 -d …)"`) only a sandbox helps.
local START = "%f[%w_-]"
--- Whatever the same command says before the word that counts.
local WORDS = "%f[%s][^;&|\n]*%s"
local GIT = START .. "git" .. WORDS

local RULES = {
  { pattern = START .. "rm" .. WORDS .. "%-%a*[rRf]", what = "delete files for good" },
  { pattern = START .. "rm" .. WORDS .. "%-%-[rf]", what = "delete files for good" },
  { pattern = START .. "find" .. WORDS .. "%-delete", what = "delete files for good" },
  { pattern = GIT .. "reset" .. WORDS .. "%-%-hard", what = "drop changes" },
  { pattern = GIT .. "clean" .. WORDS .. "%-%-?%a*f", what = "delete files" },
  { pattern = GIT .. "push" .. WORDS .. "%-f", what = "rewrite a branch" },
  { pattern = GIT .. "push" .. WORDS .. "%-%-force", what = "rewrite a branch" },
  { pattern = START .. "mkfs", what = "format a disk" },
  { pattern = START .. "dd" .. WORDS .. "of=", what = "overwrite a device or a file" },
  { pattern = ">%s*/dev/[sn][dv]", what = "overwrite a disk" },
  { pattern = START .. "chmod" .. WORDS .. "%-%a*R", what = "change the modes of a whole folder" },
  { pattern = START .. "chown" .. WORDS .. "%-%a*R", what = "change the owner of a whole folder" },
  { pattern = START .. "sudo%s", what = "act as root" },
  { pattern = "|%s*[bdkz]?a?sh%f[%W]", what = "run what another command prints" },
}

local REFUSAL = "this command would %s, and there is nobody to ask. Whoever runs zi may pass "
  .. "`--allow-destructive`, or list the command in `extensions.permission-gate.allow` of "
  .. "settings.json. Do not work around this; say what you wanted to do."

local settings = zi.settings({
  properties = {
    allow = {
      type = "array",
      items = { type = "string" },
      default = {},
      description = "Commands that need no question, word for word",
    },
  },
})

local allow_all = zi.flag({
  name = "allow-destructive",
  description = "Let shell commands through that permission-gate would ask about",
})

-- Whole commands only: a pattern for one would let through whatever is written behind it.
local allowed = {}
for _, command in ipairs(settings.allow) do
  allowed[command] = true
end

local function danger(command)
  for _, rule in ipairs(RULES) do
    if command:find(rule.pattern) then return rule.what end
  end
end

-- An error in here blocks the call, too: handlers of `tool_call` fail closed.
zi.on("tool_call", function(event, ctx)
  if event.tool_name ~= "bash" or allow_all then return end
  local command = event.input.command
  local what = not allowed[command] and danger(command)
  if not what then return end
  if not ctx.has_ui then return { block = true, reason = REFUSAL:format(what) } end
  local title = ("This would %s. Run it?"):format(what)
  if ctx.ui.confirm({ title = title, text = command }) then return end
  return { block = true, reason = "the user does not want this command to run" }
end)
