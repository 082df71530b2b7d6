-- name: tool-read
-- description: Reads text files, a part at a time, and images.
-- api: 1

local arguments = require("zi.arguments")
local file_lines = require("zi.file_lines")
local lines = require("zi.lines")
local nearby = require("zi.nearby")
local units = require("zi.units")

local MAX_LINES, MAX_BYTES = 2000, 50 * 1024
local MAX_IMAGE_BYTES = 10 * 1000 * 1000
local SNIFF_BYTES = 8 * 1024
--- Larger files are not gone through just to tell how many lines they have.
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
    local text = "`%s` is an image of %d bytes; at most 10 MB can be shown. Make it smaller first."
    return refuse(text, path, size)
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

-- How the file goes on after the part that is shown; nothing when it does not.
local function continuation(part)
  local of_total = part.total and (" of %d"):format(part.total) or ""
  if not part.is_cut then
    if not part.has_more then return nil end
    return ("Lines %d-%d%s. Go on with offset=%d."):format(
      part.first,
      part.last,
      of_total,
      part.last + 1
    )
  end
  local from = #part.text + 1
  local text = ("Line %d%s is cut after %d bytes. "):format(part.first, of_total, #part.text)
    .. ("For more of it use bash: sed -n %dp FILE | cut -b %d-%d"):format(
      part.first,
      from,
      from + MAX_BYTES - 1
    )
  if part.total == part.last then return text end
  return ("%s. The next line is offset=%d."):format(text, part.last + 1)
end

-- The lines from `first` on, as far as they may be shown; nil past the end of the file.
---@async
local function read_part(path, head, first, limit, size)
  local text, offset, err = head, 0, nil
  if first > 1 then
    offset, err = file_lines.start_of(path, first)
    if not offset then return nil, err end
    text, err = zi.fs.read(path, { offset = offset, limit = MAX_BYTES + 1 })
    if not text then return nil, err end
    if text == "" then return nil end
  end
  local at_end = #text <= MAX_BYTES
  local part = { first = first, is_cut = false }
  local count
  part.text, count = take(text:sub(1, MAX_BYTES), limit, at_end)
  if count == 0 then
    -- Not even one line fits: its start is better than nothing.
    part.text, count, part.is_cut = lines.cut(text, MAX_BYTES), 1, true
  end
  part.last = first + count - 1
  part.has_more = not at_end or #part.text < #text
  if not part.has_more then
    part.total = part.last
  elseif size <= MAX_COUNTED_BYTES then
    local rest = file_lines.count(path, offset + #part.text)
    part.total = part.last + rest - (part.is_cut and 1 or 0)
  end
  return part
end

-- The text as a model can take it, and what it should know besides.
local function present(part)
  local content, notes = part.text, { continuation(part) }
  if not zi.text.is_utf8(content) or content:find("\0", 1, true) then
    content = zi.text.to_utf8(content):gsub("\0", "\u{FFFD}")
    notes[#notes + 1] = "Bytes that are no text are shown as \u{FFFD}."
  end
  if content:find("\r\n", 1, true) then
    content = content:gsub("\r\n", "\n")
    notes[#notes + 1] = "Lines end in CRLF; edit keeps that, write does not."
  end
  if part.first == 1 and content:sub(1, #BOM) == BOM then content = content:sub(#BOM + 1) end
  if #notes == 0 then return content end
  local gap = content:sub(-1) == "\n" and "\n" or "\n\n"
  return ("%s%s[%s]"):format(content, gap, table.concat(notes, " "))
end

---@async
local function read_text(path, head, params, size)
  local first = params.offset or 1
  if head == "" and first == 1 then
    return { content = ("`%s` is empty."):format(path), details = { path = path, bytes = 0 } }
  end
  local limit = math.min(params.limit or MAX_LINES, MAX_LINES)
  local part, err = read_part(path, head, first, limit, size)
  if not part and err then return refuse("%s", err) end
  if not part then
    local total = units.count(file_lines.count(path, 0), "line")
    return refuse("`%s` has only %s; offset=%d is past its end.", path, total, first)
  end
  return {
    content = present(part),
    details = {
      path = path,
      bytes = size,
      first_line = first,
      last_line = part.last,
      total_lines = part.total,
      truncated = part.has_more,
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
  elseif head:sub(1, SNIFF_BYTES):find("\0", 1, true) then
    local size = units.bytes(stat.size)
    return refuse("`%s` is a binary file (%s). Use bash to look into it.", path, size)
  end
  return read_text(path, head, params, stat.size)
end

zi.tool({
  name = "read",
  description = "Read a text file, or look at an image (PNG, JPEG, GIF, WebP). Gives at most 2000 "
    .. "lines or 50 KiB, then says which offset to go on with. The text comes as it is, without "
    .. "line numbers.",
  prompt_snippet = "read a file or look at an image",
  prompt_guidelines = {
    "Read a file before you change it; text to replace must be quoted exactly.",
  },
  kind = "read",
  parallel = true,
  parameters = {
    type = "object",
    required = { "path" },
    properties = {
      path = { type = "string", minLength = 1, description = "File to read" },
      offset = { type = "integer", minimum = 1, description = "First line to read (1)" },
      limit = { type = "integer", minimum = 1, description = "How many lines to read (2000)" },
    },
  },
  prepare = arguments.prepare({ file_path = "path" }),
  execute = execute,
})
