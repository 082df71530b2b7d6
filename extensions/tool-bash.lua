-- name: tool-bash
-- description: Runs shell commands.
-- api: 1

local arguments = require("zi.arguments")
local file_lines = require("zi.file_lines")
local lines = require("zi.lines")
local output = require("zi.output")
local units = require("zi.units")

local DEFAULT_SECONDS, MAX_SECONDS = 120, 600
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
    return text:format(limit, MAX_SECONDS)
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

---@async
---@param params {command: string, timeout?: number}
---@param ctx zi.Ctx
---@return zi.ToolResult
local function execute(params, ctx)
  local limit = params.timeout or DEFAULT_SECONDS
  local started = zi.hash.now_ms()
  local result = zi.system({ shell(), "-c", params.command }, {
    env = ENV,
    timeout_ms = math.ceil(limit * 1000),
    merge = true,
    text = false,
    tail = true,
    max_stdout_bytes = 2 * output.WINDOW_BYTES,
    log = true,
    log_over = NEVER_CLIPPED_BYTES,
    on_output = function(newest)
      ctx.update({ content = output.clean(newest) })
    end,
  })
  local ms = zi.hash.now_ms() - started
  if result.status == "error" then
    return { content = ("The command was not run: %s."):format(result.error), is_error = true }
  end

  local text, is_truncated = show(result)
  if not text:find("%S") then text = "(no output)" end
  local gap = text:sub(-1) == "\n" and "" or "\n"
  return {
    content = ("%s%s[%s]"):format(text, gap, how_it_ended(result, limit, ms)),
    is_error = result.status == "timeout" or result.code ~= 0,
    details = {
      exit_code = result.code,
      signal = result.signal,
      timed_out = result.status == "timeout",
      duration_ms = ms,
      log = is_truncated and result.log or nil,
      truncated = is_truncated,
    },
  }
end

zi.tool({
  name = "bash",
  description = "Run a shell command in the working directory. Gives what it printed (stdout and "
    .. "stderr together) and its exit code; of a long output the start, the end and a file that "
    .. "holds all. There is no input and no terminal, and what is left in the background ends with "
    .. "the command.",
  prompt_snippet = "run a shell command",
  prompt_guidelines = {
    "Use read, grep, find and ls to look at files; bash is for everything else.",
  },
  kind = "shell",
  parameters = {
    type = "object",
    required = { "command" },
    properties = {
      command = { type = "string", minLength = 1, description = "Command line for bash" },
      timeout = {
        type = "number",
        exclusiveMinimum = 0,
        maximum = MAX_SECONDS,
        description = "Seconds after which it is ended (120; at most 600)",
      },
    },
  },
  prepare = arguments.prepare({ cmd = "command" }),
  execute = execute,
})
