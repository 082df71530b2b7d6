-- name: animation
-- description: /animation plays plasma, life or a bouncing logo at sixty frames a second.
-- api: 1

-- A helper program draws and zi shows: no Lua is run for a frame. Keys go back to the helper.

local COLUMNS, ROWS, RATE = 120, 40, 60
local SCENES = { "plasma", "life", "logo" }
local WORDS = { ["1"] = "plasma", ["2"] = "life", ["3"] = "logo", ["+"] = "faster", ["-"] = "slower" }
local VIEW = "animation"

---@type {id: integer}?
local job

local function show(ctx)
  if not ctx.ui then return end
  local keys = { { key = "escape", action = "close" }, { key = "q", action = "close" } }
  for key in pairs(WORDS) do keys[#keys + 1] = { key = key, action = "tell" } end
  ctx.ui.render({
    id = VIEW,
    slot = { kind = "overlay", width = COLUMNS + 2, height = ROWS + 2, max_width = "100%", max_height = "100%" },
    focus = true,
    keys = keys,
    root = {
      type = "view",
      style = {
        width = "fill",
        height = "fill",
        chrome = { kind = "frame", title = "animation", trailing = "1 2 3 · + - · q" },
      },
      children = { { type = "surface", id = "frame", style = { width = "fill", flex_grow = 1 } } },
    },
  })
end

local function hide(ctx)
  if ctx.ui then ctx.ui.render({ id = VIEW, remove = true }) end
end

local function stop(ctx)
  if job then zi.job.stop(job) end
  job = nil
  if ctx then hide(ctx) end
end

zi.command({
  name = "animation",
  description = "Play an animation: plasma, life or logo",
  complete = function() return SCENES end,
  handler = function(args, ctx)
    if job then return stop(ctx) end
    local scene = args ~= "" and args or SCENES[1]
    local helper = zi.path.join(zi.path.dirname(ctx.extension.entry), "helper.py")
    local started, err = zi.job.start({
      argv = { "python3", helper, tostring(COLUMNS), tostring(ROWS), tostring(RATE), scene },
      stdout = { mode = "ui_frame", view = VIEW, node = "frame", protocol = "zi-halfblock-rgb-v1" },
    })
    if not started then return ctx.notice("the animation needs python3: " .. tostring(err), "error") end
    job = started
    show(ctx)
  end,
})

zi.on("ui", function(event, ctx)
  if event.view ~= VIEW or event.type ~= "key" then return end
  if event.action == "close" then return stop(ctx) end
  local word = WORDS[event.key]
  if word and job then zi.job.write(job, word .. "\n") end
end)

zi.on("job_exit", function(event, ctx)
  if job and event.id == job.id then
    job = nil
    hide(ctx)
  end
  zi.emit("animation:ended", { code = event.code })
end)

zi.on("session_shutdown", function() stop() end)
