describe("tool-override", function()
  local function read(text)
    zi.test.file("file.txt", text)
    return zi.test.tool("read", { path = "file.txt" })
  end

  it("reads as the bundled one does", function()
    local result = read("one\ntwo\nthree\n")
    expect(result.text):is("one\ntwo\nthree\n")
    expect(result.details.total_lines):is(3)
    expect(result.details.redacted):is(0)
    local part = zi.test.tool("read", { path = "file.txt", offset = 2, limit = 1 })
    expect(part.text):contains("two\n")
    expect(part.text):never():contains("three")
  end)

  it("passes on what the bundled one could not do", function()
    local result = zi.test.tool("read", { path = "absent.txt" })
    expect(result.is_error):is_true()
    expect(result.text):contains("There is no file `absent.txt`")
  end)

  it("hides keys that look like keys", function()
    local result = read("a AKIAIOSFODNN7EXAMPLE b\nghp_abcdef123456 sk-ant-api03-xyz\n")
    expect(result.text):is("a [redacted] b\n[redacted] [redacted]\n")
    expect(result.details.redacted):is(3)
  end)

  it("hides what follows a telling name and keeps the name", function()
    expect(read('DB_PASSWORD=hunter2\n"apiKey": "abc",\nApi-Key : x\n').text):is(
      'DB_PASSWORD=[redacted]\n"apiKey": "[redacted]",\nApi-Key : [redacted]\n'
    )
    expect(read("if token == nil then\n").text):contains("token")
  end)

  it("hides private keys whole", function()
    local pem = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabcd\n-----END RSA PRIVATE KEY-----\n"
    local text = read("x\n" .. pem .. "y\n").text
    expect(text):never():contains("MIIE")
    expect(text):matches("^x\n%-%-%-%-%-BEGIN RSA.*END RSA PRIVATE KEY%-%-%-%-%-\ny\n$")
  end)

  it("is the tool that the model gets", function()
    zi.test.file("file.txt", "token: abc")
    local model = zi.test.model()
    model:reply({ tool_call = { name = "read", arguments = { path = "file.txt" } } }):reply("ok")
    expect(zi.test.prompt("read it").tool_results[1].text):is("token: [redacted]")
  end)
end)
