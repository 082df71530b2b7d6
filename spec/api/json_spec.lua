describe("zi.json.encode", function()
  it("sorts keys and keeps integers", function()
    expect(zi.json.encode({ b = 1, a = { 1.5, true, "x" } })):is('{"a":[1.5,true,"x"],"b":1}')
  end)

  it("tells empty objects and arrays apart", function()
    expect(zi.json.encode({})):is("{}")
    expect(zi.json.encode(zi.json.array({}))):is("[]")
  end)

  it("indents", function()
    expect(zi.json.encode({ a = 1 }, { indent = 2 })):is('{\n  "a": 1\n}')
  end)

  it("names the place of what JSON cannot hold", function()
    local cyclic = {}
    cyclic.me = cyclic
    for pattern, value in pairs({
      ["%$%.f"] = { f = print },
      ["%$%.list%[2%]"] = { list = { 1, nil, 3 } },
      ["a cycle"] = cyclic,
      ["UTF%-8"] = { "\xff" },
      ["%$"] = 0 / 0,
      ["both array items and the key"] = { 1, x = 2 },
    }) do
      expect(function()
        zi.json.encode(value)
      end):errors("^zi%.json%.encode: .*" .. pattern)
    end
  end)
end)

describe("zi.json.decode", function()
  it("makes null nil, or keeps it", function()
    expect(zi.json.decode('{"a":null,"b":[]}')):equals({ b = {} })
    local kept = zi.json.decode('{"a":null}', { null = zi.json.null })
    expect(kept.a):is(zi.json.null)
  end)

  it("keeps integers of 64 bits", function()
    expect(math.type(zi.json.decode("9007199254740993"))):is("integer")
    expect(zi.json.decode("9007199254740993")):is(9007199254740993)
  end)

  it("gives an empty array back as one", function()
    expect(zi.json.encode(zi.json.decode('{"a":[],"b":{}}'))):is('{"a":[],"b":{}}')
  end)

  it("raises for what is no JSON", function()
    expect(function()
      zi.json.decode("{")
    end):errors("^zi%.json%.decode: EOF")
    expect(function()
      zi.json.decode(5)
    end):errors("^zi%.json%.decode: expected a string, got integer")
  end)
end)

describe("zi.json.null", function()
  it("encodes as null", function()
    expect(zi.json.encode({ zi.json.null })):is("[null]")
  end)
end)

describe("zi.json.array", function()
  it("answers the table that it marks", function()
    local t = { 1 }
    expect(zi.json.array(t)):is(t)
    expect(zi.json.encode(zi.json.array())):is("[]")
  end)
end)

describe("zi.json.validate", function()
  local schema = {
    type = "object",
    properties = { n = { type = "integer", minimum = 1 } },
    required = { "n" },
  }

  it("answers true, or all that is wrong", function()
    expect(zi.json.validate(schema, { n = 1 })):is_true()
    local ok, problems = zi.json.validate(schema, { n = 0 })
    expect(ok):is_nil()
    expect(problems[1]):contains("(at /n)")
  end)

  it("names a schema that is none", function()
    expect(function()
      zi.json.validate({ type = "strnig" }, 1)
    end):errors("^zi%.json%.validate: `schema`: ")
  end)
end)
