--- What the demo model understands: rules from a request in words to calls of tools, and from their
--- results to an answer. No rule knows anything that is not in the request or in a result.
local M = {}

local tour = require("zi.demo_tour")

local READABLE = { "README.md", "README", "README.txt", "readme.md", "Cargo.toml", "package.json", "pyproject.toml", "go.mod", "Makefile" }
local SHOWN_LINES = 12

-- Words ------------------------------------------------------------------------------------------

local function trim(text) return (text:gsub("^%s+", ""):gsub("[%s%.%?!]+$", "")) end

--- Takes quotes and articles off a name.
local function bare(text)
  text = trim(text):gsub("^the%s+", ""):gsub("^file%s+", ""):gsub("%s+file$", "")
  return (text:gsub("^[`\"'](.*)[`\"']$", "%1"))
end

local function lines_of(text) return zi.text.lines(text) end

local function first_lines(text, count)
  local lines = lines_of(text)
  local shown = table.concat(lines, "\n", 1, math.min(#lines, count))
  if #lines > count then shown = shown .. ("\n… (%d more lines)"):format(#lines - count) end
  return "```\n" .. shown .. "\n```"
end

local function quoted(text) return "`" .. text .. "`" end

-- Results ----------------------------------------------------------------------------------------

---@param result table a tool result message
local function text_of(result)
  local parts = {}
  for _, block in ipairs(result.content) do
    if block.type == "text" then parts[#parts + 1] = block.text end
  end
  return table.concat(parts, "\n")
end

local function report(name, result)
  local verb = result.is_error and "did not work. It said" or "gave"
  return ("%s %s:\n\n%s"):format(name, verb, first_lines(text_of(result), SHOWN_LINES))
end

local function call(name, arguments) return { name = name, arguments = arguments } end

-- Rules ------------------------------------------------------------------------------------------
-- A rule answers nil when it does not know what to do, or a plan: a function that is given the
-- results so far and answers the next calls, or nil and the final text.

local function one_call(name, arguments, sentence)
  return function(results)
    if #results == 0 then return { call(name, arguments) } end
    return nil, sentence .. " " .. report("`" .. name .. "`", results[1])
  end
end

local function read(path) return one_call("read", { path = path }, "I read " .. quoted(path) .. ".") end

local function list(path)
  return one_call("ls", { path = path }, "I looked at what is in " .. quoted(path) .. ".")
end

local function search(text)
  return one_call("grep", { pattern = text, literal = true }, "I searched the files for " .. quoted(text) .. ".")
end

local function run(command) return one_call("bash", { command = command }, "I ran " .. quoted(command) .. ".") end

local function replace(path, old, new)
  return function(results)
    if #results == 0 then return { call("read", { path = path }) } end
    if results[1].is_error then return nil, report("`read`", results[1]) end
    if #results == 1 then
      return { call("edit", { path = path, edits = { { old_text = old, new_text = new } } }) }
    end
    if results[2].is_error then return nil, report("`edit`", results[2]) end
    return nil, ("I replaced %s by %s in %s."):format(quoted(old), quoted(new), quoted(path))
  end
end

local function create(path, text)
  return one_call("write", { path = path, content = text .. "\n" }, "I wrote " .. quoted(path) .. ".")
end

--- Looks at the directory, reads what says most about it, and tells what it saw.
local function summarise()
  return function(results)
    if #results == 0 then return { call("ls", { path = "." }), call("find", { pattern = "**/*", limit = 200 }) } end
    local listing, files = text_of(results[1]), text_of(results[2])
    if #results == 2 then
      local calls = {}
      for _, name in ipairs(READABLE) do
        local at = ("\n" .. files .. "\n"):find("\n" .. name .. "\n", 1, true)
        if at and #calls < 2 then calls[#calls + 1] = call("read", { path = name, limit = 40 }) end
      end
      if #calls > 0 then return calls end
    end
    local parts = { ("This directory holds:\n\n%s"):format(first_lines(listing, SHOWN_LINES)) }
    for index = 3, #results do
      parts[#parts + 1] = "One of its files starts like this:\n\n" .. first_lines(text_of(results[index]), SHOWN_LINES)
    end
    if #results == 2 then parts[#parts + 1] = "None of the files that usually explain a project is here." end
    return nil, table.concat(parts, "\n\n")
  end
end

--- Says something long, a line at a time.
local function count_to(number)
  return function()
    local lines = {}
    for index = 1, math.min(math.tointeger(tonumber(number)) or 1, 100000) do
      lines[index] = ("%d. line %d of what was asked for, with **some** words and `code` in it"):format(index, index)
    end
    return nil, table.concat(lines, "\n")
  end
end

--- Thinks, and then shows a bit of everything.
local function show_tour()
  return function() return nil, tour.TEXT, tour.THOUGHT end
end

local RULES = {
  { "^tour$", function() return show_tour() end },
  { "^count to (%d+)$", function(number) return count_to(number) end },
  { "^replace (.-) by (.-) in (.+)$", function(old, new, path) return replace(bare(path), bare(old), bare(new)) end },
  { "^replace (.-) with (.-) in (.+)$", function(old, new, path) return replace(bare(path), bare(old), bare(new)) end },
  { "^change (.-) to (.-) in (.+)$", function(old, new, path) return replace(bare(path), bare(old), bare(new)) end },
  { "^in (.-) replace (.-) [bw][yi]t?h? (.+)$", function(path, old, new) return replace(bare(path), bare(old), bare(new)) end },
  { "^create (.-) with (.+)$", function(path, text) return create(bare(path), bare(text)) end },
  { "^write (.-) to (.+)$", function(text, path) return create(bare(path), bare(text)) end },
  { "^run (.+)$", function(command) return run(bare(command)) end },
  { "^execute (.+)$", function(command) return run(bare(command)) end },
  { "^search f?o?r?%s*(.+)$", function(text) return search(bare(text)) end },
  { "^grep f?o?r?%s*(.+)$", function(text) return search(bare(text)) end },
  { "^where is (.+)$", function(text) return search(bare(text)) end },
  { "^find (.+)$", function(text) return search(bare(text)) end },
  { "^list files in (.+)$", function(path) return list(bare(path)) end },
  { "^list ([%w%._/-]+)$", function(path) return list(path:lower() == "files" and "." or path) end },
  { "^list (.*)$", function() return list(".") end },
  { "^ls%s*(.*)$", function(path) return list(path ~= "" and bare(path) or ".") end },
  { "^list$", function() return list(".") end },
  { "^read (.+)$", function(path) return read(bare(path)) end },
  { "^open (.+)$", function(path) return read(bare(path)) end },
  { "^show m?e?%s*(.+%.%w+)$", function(path) return read(bare(path)) end },
  { "^cat (.+)$", function(path) return read(bare(path)) end },
}

local SUMMARY_WORDS = { "summar", "what is this", "what's this", "explain", "describe", "overview", "tell me about", "look around" }

--- The plan for a request, or nil.
---@param request string
---@return (fun(results: table[]): table[]?, string?)?
function M.plan(request)
  local text = trim(request)
  local lower = text:lower():gsub("^please%s+", ""):gsub("^can you%s+", "")
  -- Same length as `lower` from the end, so that names keep their capitals.
  local original = text:sub(#text - #lower + 1)
  for _, rule in ipairs(RULES) do
    if lower:find(rule[1]) then
      local from = {}
      for index, part in ipairs({ lower:match(rule[1]) }) do
        local at = lower:find(part, 1, true)
        from[index] = at and original:sub(at, at + #part - 1) or part
      end
      return rule[2](table.unpack(from))
    end
  end
  for _, word in ipairs(SUMMARY_WORDS) do
    if lower:find(word, 1, true) then return summarise() end
  end
  return nil
end

M.HELP = [[I am zi's demo: a handful of rules, not a language model, and nothing you say leaves this machine. But the tools I use are the real ones. Try:

- `summarise this directory`
- `list src`, `read README.md`, `search for main`
- `run git status`
- `create notes.txt with hello`, then `replace hello by goodbye in notes.txt`
- `tour`, for all that an answer can look like

For real work set a provider's key, as `ANTHROPIC_API_KEY`, and leave `--model demo` out.]]

return M
