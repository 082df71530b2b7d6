-- name: video
-- description: /video FILE plays a video through ffmpeg, where it is installed.
-- api: 1

local WIDTH, HEIGHT, RATE = 240, 136, 24
local VIEW = "video"
-- ffmpeg keeps the pace (-re) and scales; the second program says where frames begin.
local PIPE = [[
ffmpeg -v error -nostdin -re -i "$1" -an -r "$2" -vf "scale=$3:$4" -f rawvideo -pix_fmt rgba - | python3 "$5" "$3" "$4"
]]

---@type {id: integer}?
local job

local function hide(ctx)
  if ctx.ui then ctx.ui.render({ id = VIEW, remove = true }) end
end

local function stop(ctx)
  if job then zi.job.stop(job) end
  job = nil
  if ctx then hide(ctx) end
end

---@async
local function is_installed(program)
  return zi.system({ "sh", "-c", 'command -v "$1"', "sh", program }).code == 0
end

zi.command({
  name = "video",
  description = "Play a video file",
  handler = function(args, ctx)
    if job then stop(ctx) end
    if args == "" then return ctx.notice("`/video FILE` plays a file") end
    for _, program in ipairs({ "ffmpeg", "python3" }) do
      if not is_installed(program) then
        return ctx.notice(("playing videos needs `%s`, which is not installed"):format(program), "warn")
      end
    end
    local path = zi.path.expand(args)
    if not zi.fs.stat(path) then return ctx.notice(("there is no file `%s`"):format(args), "error") end
    if ctx.ui then
      ctx.ui.render({
        id = VIEW,
        slot = { kind = "overlay", width = "90%", height = "90%" },
        focus = true,
        keys = { { key = "escape", action = "close" }, { key = "q", action = "close" } },
        root = {
          type = "view",
          style = { width = "fill", height = "fill", chrome = { kind = "frame", title = zi.path.basename(path) } },
          children = { { type = "surface", id = "frame", style = { width = "fill", flex_grow = 1 } } },
        },
      })
    end
    local records = zi.path.join(zi.path.dirname(ctx.extension.entry), "records.py")
    job = zi.job.start({
      argv = { "sh", "-c", PIPE, "sh", path, tostring(RATE), tostring(WIDTH), tostring(HEIGHT), records },
      stdout = { mode = "ui_frame", view = VIEW, node = "frame", protocol = "zi-rgba-frame-v1" },
    })
  end,
})

zi.on("ui", function(event, ctx)
  if event.view == VIEW and event.action == "close" then stop(ctx) end
end)

zi.on("job_exit", function(event, ctx)
  if job and event.id == job.id then
    job = nil
    hide(ctx)
  end
end)

zi.on("session_shutdown", function() stop() end)
