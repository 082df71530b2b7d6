--- Dialogs: `ctx.ui.select`, `confirm`, `input`, `edit` and `open`.
local picker = require("zi.picker")

local M = {}

local function check(name, options)
  if type(options) ~= "table" then
    error(("ctx.ui.%s: expected a table, got %s"):format(name, type(options)), 3)
  end
end

-- Shows a view and waits until `answer(event)` answers something that is not nil, or the user leaves.
local function ask(ctx, options, root, keys, answer)
  local id = picker.new_id("dialog")
  root.style = {
    padding = { 0, 1 },
    chrome = {
      kind = "frame",
      title = options.title,
      trailing = options.hint,
      tone = options.tone,
    },
  }
  local _shown <close> = picker.shown(ctx, id)
  local ok, err = ctx.ui.render({
    id = id,
    slot = options.slot or { kind = "overlay", preset = "centered" },
    focus = true,
    keys = keys,
    root = root,
  })
  if not ok then error(tostring(err), 3) end
  local answered
  repeat
    local event = ctx.ui.wait(id, { timeout_ms = options.timeout_ms })
    if event then answered = answer(event) end
  until not event or answered ~= nil
  return answered
end

--- Has the user choose from a list.
---@async
---@param ctx zi.Ctx
---@param options zi.SelectOptions
---@return any, integer?
function M.select(ctx, options)
  check("select", options)
  if type(options.items) ~= "table" then
    error("ctx.ui.select: field `items` is required (an array)", 2)
  end
  return picker.pick(ctx, options)
end

--- Asks a question that is answered by yes or no.
---@async
---@param ctx zi.Ctx
---@param options zi.ConfirmOptions
---@return boolean?
function M.confirm(ctx, options)
  check("confirm", options)
  local root = {
    type = "view",
    children = {
      -- What is agreed to hides nothing.
      { type = "text", text = options.text or "", format = "exact" },
      {
        type = "list",
        id = "answer",
        items = {
          { label = options.yes or "Yes", value = true },
          { label = options.no or "No", value = false },
        },
        selected = options.default and 1 or 2,
      },
    },
  }
  local keys = { { key = "y", action = "yes" }, { key = "n", action = "no" } }
  return ask(ctx, options, root, keys, function(event)
    if event.type == "select" then return event.value end
    if event.action == "yes" then return true end
    if event.action == "no" then return false end
  end)
end

local function ask_text(ctx, options, input)
  input.type, input.id = "input", "text"
  local root = { type = "view", children = { input } }
  if options.text and not input.multiline then
    table.insert(root.children, 1, { type = "text", text = options.text })
  end
  return ask(ctx, options, root, nil, function(event)
    if event.type == "submit" then return event.value end
  end)
end

--- Has the user write a line.
---@async
---@param ctx zi.Ctx
---@param options zi.InputOptions
---@return string?
function M.input(ctx, options)
  check("input", options)
  return ask_text(ctx, options, {
    value = options.value,
    placeholder = options.placeholder,
    password = options.password,
  })
end

--- Has the user work on a text of several lines.
---@async
---@param ctx zi.Ctx
---@param options {title?: string, text?: string, timeout_ms?: integer}
---@return string?
function M.edit(ctx, options)
  check("edit", options)
  local shown = { hint = "enter: done, alt+enter: new line" }
  for name, value in pairs(options) do
    shown[name] = value
  end
  return ask_text(ctx, shown, {
    value = options.text,
    multiline = true,
    style = { height = 8, flex_grow = 1 },
  })
end

local OPENERS = { macos = { "open" }, windows = { "rundll32", "url.dll,FileProtocolHandler" } }

--- Opens an address in the browser, once the user has agreed.
---@async
---@param ctx zi.Ctx
---@param url string
---@return boolean?, zi.Error?
function M.open(ctx, url)
  if type(url) ~= "string" or not url:find("^https?://[^%s%c]+$") then
    return nil, zi.failure({ kind = "invalid_request", message = "only web addresses are opened" })
  end
  local agreed = M.confirm(ctx, {
    title = "Open in the browser?",
    text = url,
    yes = "Open",
    no = "Leave it",
    default = true,
  })
  if not agreed then return false end
  local argv = table.move(OPENERS[zi.os] or { "xdg-open" }, 1, 2, 1, {})
  argv[#argv + 1] = url
  local done = zi.system(argv, { timeout_ms = 10000 })
  if done.status == "completed" and done.code == 0 then return true end
  local why = done.error or done.stderr
  local text = ("`%s` was not opened: %s"):format(url, why)
  return nil, zi.failure({ kind = "not_found", message = text })
end

return M
