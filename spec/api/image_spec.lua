local CRC = {}
for byte = 0, 255 do
  local sum = byte
  for _ = 1, 8 do
    sum = sum & 1 == 1 and 0xEDB88320 ~ sum >> 1 or sum >> 1
  end
  CRC[byte] = sum
end

local function chunk(name, data)
  local body, sum = name .. data, 0xFFFFFFFF
  for index = 1, #body do
    sum = CRC[(sum ~ body:byte(index)) & 0xFF] ~ sum >> 8
  end
  return string.pack(">I4", #data) .. body .. string.pack(">I4", ~sum & 0xFFFFFFFF)
end

-- A PNG of one colour: its pixels are stored, not compressed.
local function png(width, height, colour)
  local rows = ("\0" .. colour:rep(width)):rep(height)
  local low, high = 1, 0
  for index = 1, #rows do
    low = (low + rows:byte(index)) % 65521
    high = (high + low) % 65521
  end
  local stored = "\x78\x01\x01" .. string.pack("<I2I2", #rows, ~#rows & 0xFFFF) .. rows
  return "\x89PNG\r\n\x1a\n"
    .. chunk("IHDR", string.pack(">I4I4BBBBB", width, height, 8, 2, 0, 0, 0))
    .. chunk("IDAT", stored .. string.pack(">I2I2", high, low))
    .. chunk("IEND", "")
end

local RED = "\xff\0\0"

describe("zi.image", function()
  it("probe tells the format and the size of bytes and of files", function()
    local expected = { format = "png", width = 6, height = 4 }
    expect(zi.image.probe(png(6, 4, RED))):equals(expected)
    expect(zi.image.probe(zi.test.file("red.png", png(6, 4, RED)))):equals(expected)
    expect(zi.image.probe("red.png")):equals(expected)
  end)

  it("probe answers an error for what is no image", function()
    local found, err = zi.image.probe("missing.png")
    expect(found):is_nil()
    expect(err.kind):is("io")
    zi.test.file("text.png", "no image")
    found, err = zi.image.probe("text.png")
    expect(found):is_nil()
    expect(err.kind):is("image")
    expect(tostring(err)):contains("no PNG, JPEG, GIF or WebP image")
    found, err = zi.image.probe("\0\1\2")
    expect(found):is_nil()
    expect(err.kind):is("image")
  end)

  it("convert makes each format of each other", function()
    local bytes = png(6, 4, RED)
    for _, format in ipairs({ "jpeg", "gif", "webp", "png" }) do
      bytes = zi.image.convert(bytes, format)
      expect(zi.image.probe(bytes)):equals({ format = format, width = 6, height = 4 })
    end
  end)

  it("resize keeps the format and fits the size", function()
    local function size(opts)
      local scaled = zi.image.probe(zi.image.resize(png(40, 20, RED), opts))
      expect(scaled.format):is("png")
      return { scaled.width, scaled.height }
    end
    expect(size({ width = 10 })):equals({ 10, 5 })
    expect(size({ height = 40 })):equals({ 80, 40 })
    expect(size({ width = 10, height = 10 })):equals({ 10, 5 })
    expect(size({ width = 10, height = 10, fit = "cover" })):equals({ 10, 10 })
    expect(size({ width = 10, height = 10, fit = "fill" })):equals({ 10, 10 })
    expect(size({ width = 99, height = 99, fit = "scale_down" })):equals({ 40, 20 })
  end)

  it("refuses what is too large before it is decoded", function()
    local bomb = png(1, 1, RED):gsub("IHDR........", "IHDR" .. string.pack(">I4I4", 60000, 60000))
    bomb = bomb:sub(1, 8) .. chunk("IHDR", bomb:sub(17, 29)) .. bomb:sub(34)
    for _, refuse in ipairs({
      zi.image.probe,
      function(bytes)
        return zi.image.resize(bytes, { width = 1 })
      end,
      function(bytes)
        return zi.image.convert(bytes, "webp")
      end,
    }) do
      local made, err = refuse(bomb)
      expect(made):is_nil()
      expect(err.kind):is("too_large")
      expect(tostring(err)):contains("60000 by 60000")
    end
    local made, err = zi.image.resize(png(1, 1, RED), { width = 9000 })
    expect(made):is_nil()
    expect(err.kind):is("too_large")
  end)

  it("answers an error for an image that is cut off", function()
    local made, err = zi.image.convert(png(30, 30, RED):sub(1, 200), "webp")
    expect(made):is_nil()
    expect(err.kind):is("image")
  end)

  it("names the argument that is wrong", function()
    expect(function()
      zi.image.probe({})
    end):errors("^zi%.image%.probe: `image` must be a string, not table")
    expect(function()
      zi.image.resize("x", {})
    end):errors("^zi%.image%.resize: field `width`: this or `height` is required")
    expect(function()
      zi.image.resize("x", { width = 0 })
    end):errors("^zi%.image%.resize: field `width`: must be at least 1")
    expect(function()
      zi.image.resize("x", { width = 1, fit = "stretch" })
    end):errors("^zi%.image%.resize: field `fit`: `stretch` is none of")
    expect(function()
      zi.image.convert("x", "jpg")
    end):errors("^zi%.image%.convert: `format`: `jpg` is none of png, jpeg, gif, webp")
  end)
end)
