local PENDING, find_module = ...

local create = coroutine.create
local raw_resume, raw_close, status = coroutine.resume, coroutine.close, coroutine.status
local yield = coroutine.yield
local pack, unpack = table.pack, table.unpack
local error, select, type, setmetatable = error, select, type, setmetatable

-- Waiting inside coroutines -----------------------------------------------------------------------
-- A host function that waits yields PENDING up to the scheduler. A coroutine in between passes it
-- on and comes back with what the inner one did next.

local closing = {
  __close = function(guard)
    if guard.inner and status(guard.inner) == "suspended" then raw_close(guard.inner) end
  end,
}

local function wait_for(inner)
  local guard <close> = setmetatable({ inner = inner }, closing)
  local results
  repeat
    yield(PENDING)
    results = pack(raw_resume(inner))
  until not (results[1] and results.n == 2 and results[2] == PENDING)
  guard.inner = nil
  return unpack(results, 1, results.n)
end

local function settle(inner, ok, ...)
  if ok and (...) == PENDING then return wait_for(inner) end
  return ok, ...
end

local function resume(inner, ...) return settle(inner, raw_resume(inner, ...)) end

coroutine.resume = resume

function coroutine.wrap(f)
  local inner = create(f)
  local function check(ok, ...)
    if ok then return ... end
    if status(inner) == "dead" then raw_close(inner) end
    error((...), 0)
  end
  return function(...) return check(resume(inner, ...)) end
end

-- Text only ----------------------------------------------------------------------------------------

local raw_load, open = load, io.open

function load(chunk, name, mode, ...)
  if mode ~= nil and type(mode) == "string" and not mode:find("t", 1, true) then
    return nil, "attempt to load a binary chunk: only text is loaded"
  end
  if select("#", ...) > 0 then return raw_load(chunk, name, "t", (...)) end
  return raw_load(chunk, name, "t")
end

local function read_chunk(path)
  local file, err = open(path, "rb")
  if not file then return nil, err end
  local text = file:read("a")
  file:close()
  return (text:gsub("^#[^\n]*", ""))
end

function loadfile(path, mode, ...)
  if path == nil then return nil, "loadfile: there is no standard input here" end
  local text, err = read_chunk(path)
  if not text then return nil, err end
  return load(text, "@" .. path, mode, ...)
end

function dofile(path)
  local chunk, err = loadfile(path)
  if not chunk then error(err, 2) end
  return chunk()
end

string.dump = nil
debug = { traceback = debug.traceback, getinfo = debug.getinfo }

function os.exit() error("os.exit: an extension cannot end zi; call ctx.shutdown()", 2) end

-- Modules ------------------------------------------------------------------------------------------

local search_path = package.searchpath
package.loadlib, package.searchers, package.cpath, package.searchpath = nil, nil, nil, nil
package.loaded.debug = debug

-- Absolute places only: what lies in the working directory may be anybody's.
local places = {}
for place in package.path:gmatch("[^;]+") do
  if place:sub(1, 1) == "/" then places[#places + 1] = place end
end
package.path = table.concat(places, ";")

local loaded, preload = package.loaded, package.preload

local function module_source(name)
  local source, path = find_module(name)
  if source then return source, path end
  local found, err = search_path(name, package.path)
  if not found then return nil, err end
  source, err = read_chunk(found)
  return source, source and found or err
end

function require(name)
  if type(name) ~= "string" then
    error("require: the module name must be a string, not " .. type(name), 2)
  end
  local value = loaded[name]
  if value ~= nil then return value end
  local loader, path = preload[name], ":preload:"
  if not loader then
    local source
    source, path = module_source(name)
    if not source then
      error(("module '%s' not found in the lua/ folders%s"):format(name, path or ""), 2)
    end
    local err
    loader, err = raw_load(source, "@" .. path, "t")
    if not loader then
      error(("error loading module '%s':\n\t%s"):format(name, err), 2)
    end
  end
  value = loader(name, path)
  if value ~= nil then
    loaded[name] = value
  elseif loaded[name] == nil then
    loaded[name] = true
  end
  return loaded[name], path
end
