-- name: event-tracer
-- description: With --trace=FILE, writes every event to a file, a line of JSON each.
-- api: 1

-- The file holds what the conversation holds. Keys are not among it: headers come redacted.

local MAX_LINE_BYTES = 16 * 1024
--- A full file becomes FILE.1, in place of the one before.
local MAX_FILE_BYTES = 8 * 1024 * 1024

local EVENTS = [[
  session_directory session_start session_shutdown session_before_switch session_before_fork
  session_before_compact session_compact session_before_tree session_tree session_rename
  resources_discover system_prompt_options system_prompt input before_agent_start agent_start
  agent_end agent_abort agent_settled before_turn turn_start turn_end context
  before_provider_request before_provider_send after_provider_response message_start
  message_update message_end message before_assistant_message tool_execution_start tool_call
  tool_execution_update tool_result tool_execution_end user_bash queue_update steer_inject retry
  model_select reasoning_select spawn_start spawn_complete spawn_error mcp_connect mcp_error
  mcp_close mcp_tool_start mcp_tool_end
]]

local path = zi.flag({
  name = "trace",
  type = "string",
  description = "Write every event to this file, as JSON lines",
})

local file

-- Lua's own `io` blocks only this extension, keeps the order of the events, and works at the very
-- end, where nothing can wait.
local function write(line)
  file = file or assert(io.open(path, "a"))
  if file:seek("end") + #line > MAX_FILE_BYTES then
    file:close()
    file = nil
    os.rename(path, path .. ".1")
    file = assert(io.open(path, "a"))
  end
  assert(file:write(line, "\n"))
  file:flush()
end

local function line_of(event)
  local line = zi.json.encode({ at = zi.hash.now_ms(), event = event })
  if #line <= MAX_LINE_BYTES then return line end
  return zi.json.encode({ at = zi.hash.now_ms(), event = { type = event.type }, bytes = #line })
end

-- A tracer must never be in the way: a handler of `tool_call` that raises blocks the call.
local function trace(event)
  local ok, problem = pcall(function()
    write(line_of(event))
  end)
  if not ok then zi.log.warn(tostring(problem)) end
end

if path then
  path = zi.path.expand(path)
  for name in EVENTS:gmatch("%S+") do
    zi.on(name, trace)
  end
end
