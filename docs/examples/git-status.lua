-- name: git-status
-- description: Tells the model the branch and the changed files at the start of each run.
-- api: 1

local MAX_LINES = 40

-- `core.fsmonitor` names a program that `git status` would run: a repository that was only looked
-- at must not start one. Without the lock, a `git` of the user never meets ours.
local COMMAND = { "git", "-c", "core.fsmonitor=false", "status", "--short", "--branch" }
local OPTIONS = { env = { GIT_OPTIONAL_LOCKS = "0" }, timeout_ms = 3000 }

---@async
---@return {branch: string, files: string[]}?
---@return string? problem
local function status()
  local result = zi.system(COMMAND, OPTIONS)
  if result.status ~= "completed" then return nil, result.error end
  if result.code ~= 0 then return nil, (result.stderr:gsub("%s+$", "")) end
  local files = zi.text.lines(result.stdout)
  local branch = table.remove(files, 1):gsub("^## ", "")
  return { branch = branch, files = files }
end

local function describe_status(state)
  if #state.files == 0 then return ("Branch %s; nothing is changed."):format(state.branch) end
  local shown = table.move(state.files, 1, math.min(#state.files, MAX_LINES), 1, {})
  local missing = #state.files - #shown
  if missing > 0 then shown[#shown + 1] = ("… and %d more"):format(missing) end
  return ("Branch %s; changed files:\n%s"):format(state.branch, table.concat(shown, "\n"))
end

-- A message of one run: it is never in the journal, so an old state does not mislead later runs.
zi.on("before_agent_start", function()
  local state = status()
  if not state then return end
  return {
    message = {
      custom_type = "git-status",
      content = "The state of the git repository before this run. " .. describe_status(state),
      display = false,
      details = state,
    },
  }
end)

zi.tool({
  name = "git_status",
  description = "Tell the branch of the git repository and which files are changed.",
  prompt_snippet = "see the git branch and the changed files",
  kind = "read",
  parallel = true,
  parameters = { type = "object" },
  execute = function()
    local state, problem = status()
    if not state then return { content = problem, is_error = true } end
    return { content = describe_status(state), details = state }
  end,
})
