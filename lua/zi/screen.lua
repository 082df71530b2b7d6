--- What shows only where there is a screen.
local M = {}

--- Calls `fn` when a session starts and there is a screen, once. Handlers that only draw are
--- registered there: a batch run is then not troubled with them.
---@param fn fun(ctx: zi.Ctx)
function M.ready(fn)
  local handle
  handle = zi.on("session_start", function(_, ctx)
    if not ctx.ui then return end
    handle:off()
    fn(ctx)
  end)
end

return M
