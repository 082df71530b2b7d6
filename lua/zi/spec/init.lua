--- Specs: groups of tests, and what runs around each. `zi test` puts these names into a spec file.
local expect = require("zi.spec.expect")
local failure = require("zi.spec.failure")

local M = {}

---@class (exact) zi.spec.Group
---@field title? string
---@field outer? zi.spec.Group
---@field before function[]
---@field after function[]

---@type zi.spec.Group the one whose body is running
local group = { before = {}, after = {} }

local function full_title(title)
  local parts, at = { title }, group
  while at.title do
    table.insert(parts, 1, at.title)
    at = at.outer
  end
  return table.concat(parts, " ")
end

-- Groups from the outermost to `inner`.
local function path_to(inner)
  local path = {}
  while inner do
    table.insert(path, 1, inner)
    inner = inner.outer
  end
  return path
end

local function run_all(path, kind, ctx)
  for _, at in ipairs(path) do
    for _, hook in ipairs(at[kind]) do
      hook(ctx)
    end
  end
end

local function reversed(list)
  local other = {}
  for index = #list, 1, -1 do
    other[#other + 1] = list[index]
  end
  return other
end

-- What comes after runs whatever happened before; the first failure counts.
local function runner(path, body)
  return function(ctx)
    local ok, problem = xpcall(function()
      run_all(path, "before", ctx)
      body(ctx)
    end, failure.of)
    local tidy, mess = xpcall(run_all, failure.of, reversed(path), "after", ctx)
    if not ok then error(problem, 0) end
    if not tidy then error(mess, 0) end
  end
end

--- Groups tests. Groups may stand in groups.
---@param title string
---@param body function
function M.describe(title, body)
  local outer = group
  group = { title = title, outer = outer, before = {}, after = {} }
  body()
  group = outer
end

--- A test. Each runs in a new zi with a new session and an empty workspace. Without a body it is
--- only planned.
---@param title string a sentence
---@param body? fun(ctx: zi.Ctx)
function M.it(title, body)
  if type(title) ~= "string" then
    error("it: the title must be a string, not " .. type(title), 2)
  end
  if body ~= nil and type(body) ~= "function" then
    error(("it `%s`: the body must be a function, not %s"):format(title, type(body)), 2)
  end
  zi.test.case({ title = full_title(title), run = body and runner(path_to(group), body) })
end

--- A test that is not to run yet.
---@param title string
---@param _? function
function M.pending(title, _)
  M.it(title)
end

--- Runs before each test of the group and of the groups in it.
---@param hook fun(ctx: zi.Ctx)
function M.before_each(hook)
  table.insert(group.before, hook)
end

--- Runs after each test of the group and of the groups in it, the last one first.
---@param hook fun(ctx: zi.Ctx)
function M.after_each(hook)
  table.insert(group.after, 1, hook)
end

M.expect = expect.expect

--- Fails the test.
---@param text string
function M.fail(text)
  failure.raise(text)
end

local NAMES = { "describe", "it", "pending", "before_each", "after_each", "expect", "fail" }

--- Puts the names into a spec file's globals.
function M.install()
  for _, name in ipairs(NAMES) do
    _G[name] = M[name]
  end
end

return M
