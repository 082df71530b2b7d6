-- name: user-bash
-- description: Runs the commands that the user types after an exclamation mark.
-- api: 1

local shell = require("zi.shell")

--- The user waits, and can end it.
local SECONDS = 3600

zi.on("user_bash", function(event)
  local result = shell.run(event.command, { seconds = SECONDS })
  if result.error then
    return { result = { output = ("The command was not run: %s."):format(result.error) } }
  end
  return { result = { output = result.text, exit_code = result.code } }
end)
