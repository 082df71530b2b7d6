--- A picker: a list in an overlay that is filtered as one types, with marks and a preview.
local M = {}

---@class (exact) zi.PickerOptions
---@field items (string|{label: string, detail?: string, value?: any})[]
---@field title? string
---@field text? string shown above the list
---@field above? table[] nodes shown above the list, in place of a text
---@field selected? integer the item that is selected first
---@field multiple? boolean whether several items may be marked (tab)
---@field filter? boolean whether there is an input to filter by (true)
---@field preview? fun(item: any, index: integer): string? what is shown beside the list; may wait
---@field preview_format? string `plain`, `ansi` or `markdown`
---@field keys? table<string, fun(item: any, picker: zi.Picker)> more keys; the function may close it
---@field hint? string shown in the corner
---@field empty? string shown when no item fits
---@field slot? table where it is; a sheet at the bottom
---@field tone? string of its frame
---@field timeout_ms? integer how long it waits for the user to do something
---@field quiet_ms? integer what is typed answers nothing before no key came for so long

---@class zi.Picker
---@field id string
---@field items table[]
---@field _options zi.PickerOptions
---@field _marked table<integer, boolean>
---@field _at? integer the item that is selected
---@field _awake boolean whether keys choose
---@field _preview? string
---@field _answer? table
local Picker = {}
Picker.__index = Picker

local count = 0

--- An id for a view that nothing else of the extension has.
---@param kind string
---@return string
function M.new_id(kind)
  count = count + 1
  return ("zi.%s.%d"):format(kind, count)
end

--- Takes a view away when it is closed: however the code that shows it ends.
---@param ctx zi.Ctx
---@param id string
function M.shown(ctx, id)
  return setmetatable({}, {
    __close = function()
      ctx.ui.render({ id = id, remove = true })
    end,
  })
end

local function item_of(item)
  if type(item) == "table" then return item end
  return { label = tostring(item), value = item }
end

local function value_of(item)
  if item.value ~= nil then return item.value end
  return item.label
end

function Picker:_marks()
  if not self._options.multiple then return nil end
  local marks = {}
  for index = 1, #self.items do
    if self._marked[index] then marks[#marks + 1] = index end
  end
  return zi.json.array(marks)
end

-- The items as mere text, for as long as no key may choose one.
function Picker:_asleep()
  local rows = {}
  for index, item in ipairs(self.items) do rows[index] = "  " .. item.label end
  return {
    type = "text",
    text = table.concat(rows, "\n"),
    wrap = "none",
    style = { tone = "muted", height = #rows },
  }
end

-- What the list is made of; values stay here, so they may be anything.
function Picker:_list(selected)
  if not self._awake then return self:_asleep() end
  local items = {}
  for index, item in ipairs(self.items) do
    items[index] = { label = item.label, detail = item.detail, style = item.style, value = index }
  end
  return {
    type = "list",
    id = "list",
    items = zi.json.array(items),
    selected = selected,
    marked = self:_marks(),
    empty = self._options.empty or "nothing fits",
    filter = self._options.filter ~= false and { input = "filter" } or nil,
    style = { flex_grow = self._options.above and 0 or 1 },
  }
end

function Picker:_root(selected)
  local options = self._options
  local left = table.move(options.above or {}, 1, #(options.above or {}), 1, {})
  if options.text and not options.above then left[1] = { type = "text", text = options.text } end
  if options.filter ~= false then
    left[#left + 1] = { type = "input", id = "filter", placeholder = "type to filter" }
  end
  left[#left + 1] = self:_list(selected)
  local children = { { type = "view", style = { flex_grow = 1 }, children = left } }
  if options.preview then
    children[2] = { type = "separator" }
    children[3] = {
      type = "text",
      text = self._preview or "",
      format = options.preview_format,
      style = { width = "50%" },
    }
  end
  return {
    type = "view",
    style = {
      flex_direction = "row",
      gap = 1,
      padding = { 0, 1 },
      height = options.preview and 16 or nil,
      chrome = {
        kind = "frame",
        title = options.title,
        trailing = self._awake and (options.hint or (options.multiple and "tab marks, enter chooses")) or nil,
        tone = options.tone,
      },
    },
    children = children,
  }
end

function Picker:_render(ctx, selected)
  local keys = {}
  if self._options.multiple then keys[1] = { key = "tab", action = "mark" } end
  for key in pairs(self._options.keys or {}) do
    keys[#keys + 1] = { key = key, action = "key:" .. key }
  end
  return ctx.ui.render({
    id = self.id,
    slot = self._options.slot or { kind = "overlay", preset = "ivy" },
    focus = true,
    keys = zi.json.array(keys),
    root = self:_root(selected),
  })
end

function Picker:_show_preview(ctx)
  local preview, item = self._options.preview, self.items[self._at]
  if not preview then return end
  self._preview = item and preview(value_of(item), self._at) or ""
  self:_render(ctx)
end

--- Ends the picker; `value` is what it answers.
function Picker:close(value)
  self._answer = { value }
end

--- Shows other items from here on.
---@param items table[]
function Picker:set_items(items)
  self.items, self._marked = {}, {}
  for index, item in ipairs(items) do
    self.items[index] = item_of(item)
  end
  self._at = math.min(self._at or 1, #self.items)
end

-- The values of what is marked, or else of what is selected.
function Picker:_choose(index)
  if not self._options.multiple then
    self._answer = { value_of(self.items[index]), index }
    return
  end
  local values = {}
  for at, item in ipairs(self.items) do
    if self._marked[at] then values[#values + 1] = value_of(item) end
  end
  if #values == 0 then values[1] = value_of(self.items[index]) end
  self._answer = { values }
end

function Picker:_on_key(ctx, event)
  local index = event.value
  if event.action == "mark" and index then
    self._marked[index] = not self._marked[index] or nil
    self:_render(ctx)
  elseif event.action and event.action:find("^key:") then
    local item = self.items[index]
    self._options.keys[event.action:sub(5)](item and value_of(item), self)
    if not self._answer then self:_render(ctx) end
  end
end

function Picker:_on_event(ctx, event)
  if event.type == "select" then
    self:_choose(event.value)
  elseif event.type == "change" and event.node == "list" then
    self._at = event.value
    self:_show_preview(ctx)
  elseif event.type == "key" then
    self:_on_key(ctx, event)
  end
end

-- Waits until no key comes for a while. Answers false when the user leaves before.
---@async
function Picker:_wake(ctx)
  if self._awake then return true end
  local event, err
  repeat
    event, err = ctx.ui.wait(self.id, { timeout_ms = self._options.quiet_ms })
    if not event and not err then return false end
  until err
  self._awake = true
  self:_render(ctx, self._at)
  return true
end

--- Has the user pick. Answers the value and its place, with `multiple` an array of values; nil when
--- they leave it, when the time is over, and where there is no screen.
---@async
---@param ctx zi.Ctx
---@param options zi.PickerOptions
---@return any, integer?
function M.pick(ctx, options)
  if not ctx.has_ui then return nil end
  local picker = setmetatable({
    id = M.new_id("picker"),
    items = {},
    _options = options,
    _marked = {},
    _at = options.selected or 1,
    -- Lines that are typed answer what was printed before them.
    _awake = not options.quiet_ms or not ctx.ui.size(),
  }, Picker)
  picker:set_items(options.items or {})
  local _shown <close> = M.shown(ctx, picker.id)
  local ok, err = picker:_render(ctx, picker._at)
  if not ok then error(tostring(err), 2) end
  if not picker:_wake(ctx) then return nil end
  picker:_show_preview(ctx)
  while not picker._answer do
    local event = ctx.ui.wait(picker.id, { timeout_ms = options.timeout_ms })
    if not event then break end
    picker:_on_event(ctx, event)
  end
  return table.unpack(picker._answer or {}, 1, 2)
end

return M
