-- name: reload
-- description: Reads extensions from disk again.
-- api: 1

zi.command({
  name = "reload-ext",
  description = "Reload all extensions, or the one that is named",
  handler = function(args, ctx) ctx.reload((args:match("^%s*(%S+)"))) end,
})
