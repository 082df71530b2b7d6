-- name: frame-job
-- description: /plasma draws an animation that a helper program computes.
-- api: 1

local COLUMNS, ROWS, FRAMES = 48, 14, 600

-- The helper prints whole frames and knows nothing of zi; any program that can print bytes will do.
-- Octal escapes pass through printf, which writes each line of the script as bytes.
local HELPER = [[
LC_ALL=C awk -v cols="$1" -v rows="$2" -v frames="$3" '
  function byte(v) { return sprintf("\\%03o", int(128 + 127 * v)) }
  BEGIN {
    for (t = 0; t < frames; t++) {
      printf "HALFBLOCK %d %d %d\\n", cols, rows, cols * rows * 6
      for (y = 0; y < rows; y++)
        for (x = 0; x < cols; x++)
          for (half = 0; half < 2; half++) {
            v = sin(x / 6 + t / 9) + sin((2 * y + half) / 5 - t / 7) + sin((x + 2 * y) / 8 + t / 11)
            printf "%s%s%s", byte(sin(v * 3.14)), byte(sin(v * 3.14 + 2)), byte(sin(v * 3.14 + 4))
          }
      print ""
    }
  }' | while IFS= read -r line; do printf "$line"; sleep 0.03; done
]]

---@type {id: integer}?
local job

local function stop()
  if job then zi.job.stop(job) end
  job = nil
end

-- The view holds nothing but the surface that the job draws on.
local function show(ctx, remove)
  if not ctx.ui then return end
  ctx.ui.render({
    id = "plasma",
    slot = { kind = "overlay", width = COLUMNS + 2, height = ROWS + 2 },
    root = { type = "surface", id = "frame", style = { width = COLUMNS, height = ROWS } },
    remove = remove,
  })
end

zi.command({
  name = "plasma",
  description = "Draw an animation; again to end it. /plasma N draws N frames",
  handler = function(frames, ctx)
    if job then return stop() end
    show(ctx)
    local argv = { "sh", "-c", HELPER, "sh", tostring(COLUMNS), tostring(ROWS), tostring(tonumber(frames) or FRAMES) }
    local stdout = { mode = "ui_frame", view = "plasma", node = "frame", protocol = "zi-halfblock-rgb-v1" }
    job = zi.job.start({ argv = argv, stdout = stdout })
  end,
})

zi.on("job_exit", function(event, ctx)
  if job and event.id == job.id then job = nil end
  show(ctx, true)
  zi.emit("plasma:ended", { code = event.code })
end)

zi.on("session_shutdown", stop)
