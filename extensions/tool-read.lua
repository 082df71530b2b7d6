-- name: tool-read
-- description: Reads text files, a part at a time, and images.
-- api: 1

local arguments = require("zi.arguments")
local lines = require("zi.lines")
local nearby = require("zi.nearby")
local units = require("zi.units")

local MAX_LINES, MAX_BYTES = 2000, 50 * 1024
local MAX_IMAGE_BYTES = 10 * 1000 * 1000
local SNIFF_BYTES = 8 * 1024
--- Files are gone through in parts of this size.
local PART_BYTES = 1024 * 1024
--- How much of a file is read to tell how many lines it has.
local MAX_COUNTED_BYTES = 16 * 1024 * 1024
local BOM = "\u{FEFF}"

local function refuse(text, ...)
  return { content = text:format(...), is_error = true }
end

-- What kind of image the bytes are, by how they start.
local function image_type(head)
  if head:sub(1, 8) == "\x89PNG\r\n\x1a\n" then return "image/png" end
  if head:sub(1, 3) == "\xff\xd8\xff" then return "image/jpeg" end
  if head:find("^GIF8[79]a") then return "image/gif" end
  if head:find("^RIFF....WEBP") then return "image/webp" end
end

---@async
local function read_image(path, media_type, size)
  if size > MAX_IMAGE_BYTES then
    return refuse("`%s` is an image of %s; at most 10 MB can be shown.", path, units.bytes(size))
  end
  local bytes, err = zi.fs.read(path)
  if not bytes then return refuse("%s", err) end
  return {
    content = {
      { type = "text", text = ("`%s`: %s, %s"):format(path, media_type, units.bytes(#bytes)) },
      { type = "image", media_type = media_type, data = zi.hash.base64(bytes) },
    },
    details = { path = path, media_type = media_type, bytes = #bytes },
  }
end

-- The byte at which line `wanted` starts, counted from 0; nil when the file cannot be read so far.
---@async
local function start_of_line(path, wanted)
  local line, offset = 1, 0
  while line < wanted do
    local part, err = zi.fs.read(path, { offset = offset, limit = PART_BYTES })
    if not part then return nil, err end
    if part == "" then return offset end
    local feeds = lines.feeds(part)
    if line + feeds < wanted then
      line, offset = line + feeds, offset + #part
    else
      local feed = 0
      for _ = line + 1, wanted do
        feed = part:find("\n", feed + 1, true)
      end
      line, offset = wanted, offset + feed
    end
  end
  return offset
end

-- How many lines begin at or after a byte that begins one.
---@async
local function count_lines(path, offset)
  local count, last = 0, "\n"
  repeat
    local part = zi.fs.read(path, { offset = offset, limit = PART_BYTES }) or ""
    count, offset = count + lines.feeds(part), offset + #part
    last = part == "" and last or part:sub(-1)
  until part == ""
  return count + (last == "\n" and 0 or 1)
end

-- The first lines of `text`, at most `most`; an unfinished line counts only at the file's end.
local function take(text, most, at_end)
  local count, finish = 0, 0
  while count < most and finish < #text do
    local feed = text:find("\n", finish + 1, true) or at_end and #text
    if not feed then break end
    count, finish = count + 1, feed
  end
  return text:sub(1, finish), count
end

-- What the model should know besides the text: how it goes on, and what was changed to show it.
---@async
local function notes_for(shown)
  local notes, of_total = {}, ""
  if shown.total then of_total = (" of %d"):format(shown.total) end
  local next_line = shown.last + 1
  if shown.is_cut then
    notes[1] = ("Line %d%s is cut after %d bytes. Use bash for the rest: sed -n %dp FILE | cut -b %d-%d"):format(
      shown.first, of_total, #shown.text, shown.first, #shown.text + 1, #shown.text + MAX_BYTES
    )
    if shown.total and shown.total < next_line then return notes end
    notes[1] = ("%s. The next line is offset=%d."):format(notes[1], next_line)
  elseif shown.has_more then
    notes[1] = ("Lines %d-%d%s. Go on with offset=%d."):format(shown.first, shown.last, of_total, next_line)
  end
  return notes
end

---@async
local function read_text(path, head, params, size)
  local first = params.offset or 1
  local text = head
  local offset = 0
  if first > 1 then
    local err
    offset, err = start_of_line(path, first)
    if offset then text, err = zi.fs.read(path, { offset = offset, limit = MAX_BYTES + 1 }) end
    if not offset or not text then return refuse("%s", err) end
    if text == "" then
      local total = count_lines(path, 0)
      return refuse("`%s` has only %s; offset=%d is past its end.", path, units.count(total, "line"), first)
    end
  end
  if text == "" then return { content = ("`%s` is empty."):format(path), details = { path = path, bytes = 0 } } end

  local at_end = #text <= MAX_BYTES
  local part, count = take(text:sub(1, MAX_BYTES), math.min(params.limit or MAX_LINES, MAX_LINES), at_end)
  local is_cut = count == 0
  if is_cut then
    part, count = lines.cut(text, MAX_BYTES), 1
  end
  local has_more = not at_end or #part < #text
  local total
  if not has_more then
    total = first + count - 1
  elseif size <= MAX_COUNTED_BYTES then
    total = first + count - 1 + count_lines(path, offset + #part) - (is_cut and 1 or 0)
  end
  local last = first + count - 1
  local notes =
    notes_for({ text = part, first = first, last = last, total = total, is_cut = is_cut, has_more = has_more })

  local content = part
  if not zi.text.is_utf8(content) then
    content = zi.text.to_utf8(content)
    notes[#notes + 1] = "Bytes that are not UTF-8 are shown as \u{FFFD}."
  end
  if content:find("\r\n", 1, true) then
    content = content:gsub("\r\n", "\n")
    notes[#notes + 1] = "Lines end in CRLF; edit keeps that, write does not."
  end
  if offset == 0 and content:sub(1, #BOM) == BOM then content = content:sub(#BOM + 1) end
  if #notes > 0 then
    local gap = content:sub(-1) == "\n" and "\n" or "\n\n"
    content = ("%s%s[%s]"):format(content, gap, table.concat(notes, " "))
  end
  return {
    content = content,
    details = {
      path = path,
      bytes = size,
      first_line = first,
      last_line = last,
      total_lines = total,
      truncated = has_more,
    },
  }
end

---@async
---@param params {path: string, offset?: integer, limit?: integer}
---@return zi.ToolResult
local function execute(params)
  local path = params.path
  local stat, err = zi.fs.stat(path)
  if not stat and err.kind == "not_found" then
    return refuse("There is no file `%s`.%s", path, nearby.hint(path))
  elseif not stat then
    return refuse("%s", err)
  elseif stat.type == "dir" then
    return refuse("`%s` is a folder; ls lists it.", path)
  elseif stat.type ~= "file" then
    return refuse("`%s` is a device or a pipe, not a file.", path)
  end

  local head
  head, err = zi.fs.read(path, { limit = MAX_BYTES + 1 })
  if not head then return refuse("%s", err) end
  local media_type = image_type(head)
  if media_type then return read_image(path, media_type, stat.size) end
  if head:find("^\xff\xfe") or head:find("^\xfe\xff") then
    return refuse("`%s` is UTF-16 text. Use bash: iconv -f UTF-16 -t UTF-8 FILE", path)
  end
  if head:sub(1, SNIFF_BYTES):find("\0", 1, true) then
    return refuse("`%s` is a binary file (%s). Use bash to look into it.", path, units.bytes(stat.size))
  end
  return read_text(path, head, params, stat.size)
end

zi.tool({
  name = "read",
  description = "Read a text file, or look at an image (PNG, JPEG, GIF, WebP). Gives at most 2000 lines "
    .. "or 50 KiB, then says which offset to go on with. The text comes as it is, without line numbers.",
  prompt_snippet = "read a file or look at an image",
  prompt_guidelines = { "Read a file before you change it; text to replace must be quoted exactly." },
  kind = "read",
  parallel = true,
  parameters = {
    type = "object",
    required = { "path" },
    properties = {
      path = { type = "string", minLength = 1, description = "File to read" },
      offset = { type = "integer", minimum = 1, description = "First line to read; 1 is the first" },
      limit = { type = "integer", minimum = 1, description = "How many lines to read (2000)" },
    },
  },
  prepare = arguments.prepare({ file_path = "path" }),
  execute = execute,
})
