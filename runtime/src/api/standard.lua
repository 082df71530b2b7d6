-- Lua's own `io` and `os`, where they would reach the terminal or a provider's key.
--
-- Standard output belongs to the mode that runs, so what a script writes there goes to its log, and so
-- does what it writes to standard error. There is nothing on standard input. The programs of
-- `os.execute` and `io.popen` print nowhere but into the pipe, and find no keys.
local log, getenv, secret_names = ...

local execute, popen = os.execute, io.popen
local type_of, use_output, use_input, close = io.type, io.output, io.input, io.close
local raw_read, raw_lines = io.read, io.lines
local tostring, type, error, setmetatable = tostring, type, error, setmetatable
local concat = table.concat

-- Streams ------------------------------------------------------------------------------------------

local Stream = { __name = "FILE*" }
Stream.__index = Stream

local function stream(level) return setmetatable({ level = level, pending = "" }, Stream) end

function Stream:write(...)
  local parts = { ... }
  for index = 1, select("#", ...) do
    local part = parts[index]
    if type(part) ~= "string" and type(part) ~= "number" then
      error(("bad argument #%d to 'write' (string expected, got %s)"):format(index, type(part)), 2)
    end
    parts[index] = tostring(part)
  end
  local text = self.pending .. concat(parts)
  local whole, rest = text:match("^(.*)\n(.*)$")
  if whole then log(self.level, whole) end
  self.pending = rest or text
  return self
end

function Stream:flush()
  if self.pending ~= "" then
    log(self.level, self.pending)
    self.pending = ""
  end
  return self
end

function Stream:close() return self:flush() and true end
function Stream:setvbuf() return true end
function Stream:read() return nil end
function Stream:lines()
  return function() return nil end
end
function Stream:seek() return nil, "the log cannot be sought in" end
function Stream:__tostring() return "file (log)" end

local stdin, stdout, stderr = stream("print"), stream("print"), stream("warning")
local output, input = stdout, stdin
io.stdin, io.stdout, io.stderr = stdin, stdout, stderr

local function is_stream(value) return getmetatable(value) == Stream end

function io.type(value) return is_stream(value) and "file" or type_of(value) end

function io.output(file)
  if file ~= nil then output = is_stream(file) and file or use_output(file) end
  return output
end

function io.input(file)
  if file ~= nil then input = is_stream(file) and file or use_input(file) end
  return input
end

function io.write(...) return output:write(...) end

function io.read(...)
  if is_stream(input) then return nil end
  return raw_read(...)
end

function io.lines(name, ...)
  if name == nil and is_stream(input) then return input:lines() end
  return raw_lines(name, ...)
end

function io.close(file)
  file = file or output
  if is_stream(file) then return file:close() end
  return close(file)
end

-- Programs -----------------------------------------------------------------------------------------

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function guarded(command, redirections)
  local words = { "exec env" }
  for _, name in ipairs(secret_names()) do
    words[#words + 1] = "-u " .. quoted(name)
  end
  words[#words + 1] = "sh -c " .. quoted(command) .. redirections
  return concat(words, " ")
end

function os.getenv(name) return getenv(name) end

function os.execute(command)
  if command == nil then return execute() end
  return execute(guarded(tostring(command), " </dev/null >/dev/null 2>&1"))
end

function io.popen(command, mode)
  local reads = mode == nil or mode == "r"
  local elsewhere = reads and " </dev/null 2>/dev/null" or " >/dev/null 2>&1"
  return popen(guarded(tostring(command), elsewhere), mode)
end
