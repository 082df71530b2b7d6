--- Shell commands: run as `bash -c` would, with what they print made fit to read.
local file_lines = require("zi.file_lines")
local lines = require("zi.lines")
local output = require("zi.output")
local units = require("zi.units")

local M = {}

M.DEFAULT_SECONDS, M.MAX_SECONDS = 120, 600
--- Most that zi.system writes to a log.
local MAX_LOG_BYTES = 50 * 1024 * 1024
--- What is shown whole however it is made up, empty lines and all: it needs no log.
local NEVER_CLIPPED_BYTES = output.MAX_LINES
-- Nobody is there to page, to type a password or to close an editor: all of them fail at once.
local ENV = {
  PAGER = "cat",
  GIT_PAGER = "cat",
  EDITOR = "false",
  VISUAL = "false",
  GIT_EDITOR = "false",
  GIT_TERMINAL_PROMPT = "0",
  TERM = "dumb",
}
local SIGNALS = {
  [1] = "SIGHUP",
  [2] = "SIGINT",
  [3] = "SIGQUIT",
  [4] = "SIGILL",
  [6] = "SIGABRT",
  [8] = "SIGFPE",
  [9] = "SIGKILL",
  [11] = "SIGSEGV",
  [13] = "SIGPIPE",
  [14] = "SIGALRM",
  [15] = "SIGTERM",
}

local found_shell

---@async
local function shell()
  if not found_shell then
    for dir in (zi.env("PATH") or ""):gmatch("[^:]+") do
      local stat = zi.fs.stat(dir .. "/bash")
      if stat and stat.type == "file" then found_shell = "bash" end
    end
    found_shell = found_shell or "sh"
  end
  return found_shell
end

-- How many line feeds the whole output had, if all of it is at hand.
---@async
local function count_feeds(result)
  if result.stdout_omitted == 0 then return lines.feeds(result.stdout) end
  local stat = result.log and zi.fs.stat(result.log)
  if not stat or stat.size ~= result.stdout_bytes then return nil end
  return (file_lines.feeds(result.log, 0))
end

local function where_to_look(result)
  if not result.log then return "" end
  local what = "all of it is"
  if result.stdout_bytes > MAX_LOG_BYTES then
    what = ("the first %s of it are"):format(units.bytes(MAX_LOG_BYTES))
  end
  return ("; %s in %s"):format(what, result.log)
end

-- The text to show, and whether something of the output is missing from it.
---@async
local function show(result)
  local whole = result.stdout_omitted == 0 and output.whole(result.stdout)
  if whole then
    if result.log then zi.fs.remove(result.log) end
    return whole, false
  end
  local ends = output.ends(result.stdout, result.stdout_bytes, count_feeds(result))
  local missing = units.count(ends.omitted_bytes, "byte")
  if ends.omitted_lines and ends.omitted_lines > 0 then
    missing = ("%s, %s,"):format(units.count(ends.omitted_lines, "line"), missing)
  end
  local gap = ("[… %s left out here%s …]"):format(missing, where_to_look(result))
  return ("%s\n%s\n%s"):format(ends.head, gap, ends.tail), true
end

local function how_it_ended(result, limit, ms)
  if result.status == "timeout" then
    local text = "timed out after %g s, ended with all that it started; timeout may be up to %d"
    return text:format(limit, M.MAX_SECONDS)
  end
  local how
  if result.signal then
    how = "ended by " .. (SIGNALS[result.signal] or "signal " .. result.signal)
  else
    how = ("exit %d"):format(result.code)
    -- A shell reports the signal that ended its command as a code past 128.
    local signal = SIGNALS[result.code - 128]
    if signal then how = ("%s (%s)"):format(how, signal) end
  end
  return ("%s, %s"):format(how, units.seconds(ms))
end

--- What became of a command.
---@class (exact) zi.ShellResult
---@field error? string why it did not run; then there is nothing else
---@field text? string what it printed, cut in its middle when it is too long
---@field ending? string how it ended, in words
---@field code? integer
---@field signal? integer
---@field timed_out? boolean
---@field duration_ms? integer
---@field log? string the file that has all that it printed, when `text` is cut
---@field truncated? boolean

--- Runs a command line and waits for its end. `opts.on_output` gets what is there so far.
---@async
---@param command string
---@param opts? {seconds?: number, on_output?: fun(text: string)}
---@return zi.ShellResult
function M.run(command, opts)
  opts = opts or {}
  local limit = opts.seconds or M.DEFAULT_SECONDS
  local started = zi.hash.now_ms()
  local result = zi.system({ shell(), "-c", command }, {
    env = ENV,
    timeout_ms = math.ceil(limit * 1000),
    merge = true,
    text = false,
    tail = true,
    max_stdout_bytes = 2 * output.WINDOW_BYTES,
    log = true,
    log_over = NEVER_CLIPPED_BYTES,
    on_output = opts.on_output and function(newest) opts.on_output(output.clean(newest)) end,
  })
  local ms = zi.hash.now_ms() - started
  if result.status == "error" then return { error = result.error } end
  local text, is_truncated = show(result)
  if not text:find("%S") then text = "(no output)" end
  return {
    text = text,
    ending = how_it_ended(result, limit, ms),
    code = result.code,
    signal = result.signal,
    timed_out = result.status == "timeout",
    duration_ms = ms,
    log = is_truncated and result.log or nil,
    truncated = is_truncated,
  }
end

return M
