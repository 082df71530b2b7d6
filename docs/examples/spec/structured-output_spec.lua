local SCHEMA = {
  type = "object",
  required = { "name" },
  additionalProperties = false,
  properties = { name = { type = "string" }, age = { type = "integer" } },
}

describe("/extract", function()
  local model

  local function extract(arguments)
    zi.test.command("/extract " .. arguments)
    local notices = zi.test.notices()
    return notices[#notices]
  end

  before_each(function()
    model = zi.test.model()
    zi.test.file("person.json", zi.json.encode(SCHEMA))
  end)

  it("gives data that fits the schema", function()
    model:reply('{"name": "Ada", "age": "36"}'):reply('{"name": "Ada", "age": 36}')
    local notice = extract("person.json Ada is 36.")
    expect(zi.json.decode(notice.text)):equals({ name = "Ada", age = 36 })
    expect(model.requests[1].messages[1].content):is("Ada is 36.")
    expect(model.requests):has_length(2)
  end)

  it("tells when the model finds none", function()
    model:reply("no"):reply("still no")
    expect(extract("person.json Nobody.").text):contains("the answer does not fit")
  end)

  it("tells what is wrong with the call", function()
    expect(extract("person.json").text):contains("use: /extract")
    expect(extract("absent.json x").text):contains("absent.json")
    zi.test.file("bad.json", "{")
    expect(extract("bad.json x").text):matches("^`bad%.json`: ")
    expect(model.requests):has_length(0)
  end)
end)

describe("final_answer", function()
  local function load()
    local schema = zi.test.file("person.json", zi.json.encode(SCHEMA))
    zi.test.load("../structured-output.lua", { flags = { ["answer-schema"] = schema } })
  end

  it("is there only when it is asked for", function()
    expect(zi.test.tool("final_answer").text):contains("There is no tool `final_answer`")
  end)

  it("ends the run with an answer that fits", function()
    load()
    local model = zi.test.model()
    local function answer(arguments)
      return { tool_call = { name = "final_answer", arguments = arguments } }
    end
    model:reply(answer({ age = 36 })):reply(answer({ name = "Ada", age = 36 }))
    local run = zi.test.prompt("who is it?")
    expect(run.tool_results[1].text):contains("name")
    expect(run.tool_results[2].details):equals({ name = "Ada", age = 36 })
    expect(zi.test.read("answer.json")):is('{"age":36,"name":"Ada"}\n')
    expect(model.requests):has_length(2)
  end)
end)
