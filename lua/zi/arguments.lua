--- Tool arguments as models write them, brought to the names of the schema.
local M = {}

--- Makes the `prepare` function of a tool: a field of another name is taken for the one it stands
--- for, unless that is there too. Fields that are null go, so that they count as left out.
---@param aliases table<string, string> from the other name to the one of the schema
---@return fun(args: any): table?
function M.prepare(aliases)
  return function(args)
    if type(args) ~= "table" then return nil end
    for alias, name in pairs(aliases) do
      if args[name] == nil then args[name] = args[alias] end
      args[alias] = nil
    end
    return args
  end
end

return M
