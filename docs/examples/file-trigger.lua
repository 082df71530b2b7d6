-- name: file-trigger
-- description: /watch FILE says what is written into a file in your place.
-- api: 1

-- Whoever can write the file speaks to the model as you do: choose one that only you can write.

local POLL_MS = 500
local MAX_BYTES = 64 * 1024

---@type {path: string, task: zi.Task}?
local watching

-- What changes with the file; nil when there is none.
---@async
local function stamp(path)
  local stat = zi.fs.stat(path)
  return stat and stat.type == "file" and ("%d:%d"):format(stat.mtime_ms, stat.size) or nil
end

---@async
local function say(path, ctx)
  local text, err = zi.fs.read(path, { limit = MAX_BYTES })
  if not text then return ctx.notice(tostring(err), "warn") end
  text = zi.text.to_utf8(text)
  -- After what goes on at the moment, not in the middle of it.
  if text:find("%S") then ctx.send_user_message(text, { target = "follow_up" }) end
end

-- Looks at the file again and again. What it holds counts once it was the same twice: whoever
-- writes it may not be done.
---@async
local function start(path, ctx)
  local seen, newest = stamp(path), nil
  return zi.task.every(POLL_MS, function()
    local now = stamp(path)
    if now == seen then
      newest = nil
    elseif now == newest then
      seen, newest = now, nil
      if now then say(path, ctx) end
    else
      newest = now
    end
  end)
end

local function stop()
  if watching then watching.task:cancel() end
  watching = nil
end

zi.command({
  name = "watch",
  description = "Say what is written into a file: /watch FILE; /watch alone ends it",
  handler = function(path, ctx)
    stop()
    if path == "" then return ctx.notice("No file is watched.") end
    watching = { path = path, task = start(path, ctx) }
    ctx.notice(("`%s` is watched."):format(path))
  end,
})

zi.on("session_shutdown", stop)
