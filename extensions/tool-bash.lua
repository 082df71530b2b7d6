-- name: tool-bash
-- description: Runs shell commands.
-- api: 1

local arguments = require("zi.arguments")
local shell = require("zi.shell")

---@async
---@param params {command: string, timeout?: number}
---@param ctx zi.Ctx
---@return zi.ToolResult
local function execute(params, ctx)
  local result = shell.run(params.command, {
    seconds = params.timeout,
    on_output = function(text) ctx.update({ content = text }) end,
  })
  if result.error then
    return { content = ("The command was not run: %s."):format(result.error), is_error = true }
  end
  local gap = result.text:sub(-1) == "\n" and "" or "\n"
  return {
    content = ("%s%s[%s]"):format(result.text, gap, result.ending),
    is_error = result.timed_out or result.code ~= 0,
    details = {
      exit_code = result.code,
      signal = result.signal,
      timed_out = result.timed_out,
      duration_ms = result.duration_ms,
      log = result.log,
      truncated = result.truncated,
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
        maximum = shell.MAX_SECONDS,
        description = "Seconds after which it is ended (120; at most 600)",
      },
    },
  },
  prepare = arguments.prepare({ cmd = "command" }),
  execute = execute,
})
