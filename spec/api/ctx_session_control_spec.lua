describe("ctx.session moves", function()
  before_each(function()
    zi.test.model():reply("one"):reply("two"):reply("more")
    zi.test.prompt("first")
    zi.test.prompt("second")
  end)

  it("navigate goes back, and the tree keeps both branches", function(ctx)
    local first = ctx.session.messages()[1]
    expect(ctx.session.navigate(first.entry_id).status):is("queued")
    zi.test.prompt("other")
    local texts = {}
    for _, message in ipairs(ctx.session.messages()) do
      texts[#texts + 1] = message.content
    end
    expect(texts[1]):is("first")
    expect(texts[2]):is("other")
    local children = 0
    for _, node in ipairs(ctx.session.tree()) do
      if node.parent_id == first.entry_id and node.type == "message" then children = children + 1 end
    end
    expect(children):is(2)
    expect(zi.test.events("session_tree")[1].target_id):is(first.entry_id)
  end)

  it("compact asks for a summary of the older part", function(ctx)
    zi.test.model():reply("three"):reply("four"):reply("a summary of it all")
    zi.test.prompt("third")
    zi.test.prompt("fourth")
    ctx.session.compact({ instructions = "keep names" })
    zi.test.command("/reload-ext tool-ls")
    expect(zi.test.events("session_compact")[1].compaction_entry.summary):is("a summary of it all")
  end)

  it("list finds sessions by what was said first", function(ctx)
    local all = ctx.session.list()
    expect(all):has_length(1)
    expect(all[1].first_message):is("first")
    expect(ctx.session.list({ query = "absent" })):has_length(0)
  end)

  it("new, switch and fork may be declined", function(ctx)
    local asked = {}
    local first = ctx.session.messages()[1].entry_id
    local handles = {
      zi.on("session_before_switch", function(event)
        asked[#asked + 1] = event.reason
        return { cancel = true, reason = "not now" }
      end),
      zi.on("session_before_fork", function(event)
        asked[#asked + 1] = event.entry_id
        return { cancel = true }
      end),
    }
    ctx.session.new()
    ctx.session.fork(first)
    ctx.session.switch("absent")
    zi.test.command("/reload-ext tool-ls")
    expect(asked):equals({ "new", first })
    local told = {}
    for _, notice in ipairs(zi.test.notices()) do
      told[#told + 1] = notice.text
    end
    expect(table.concat(told, "\n")):contains("declined: not now")
    expect(table.concat(told, "\n")):contains("there is no session whose id starts with `absent`")
    for _, handle in ipairs(handles) do
      handle:off()
    end
  end)

  it("names an entry that is not there", function(ctx)
    local answer, err = ctx.session.fork("absent")
    expect(answer):is_nil()
    expect(err.message):is("there is no entry `absent`")
  end)
end)

describe("ctx.session.export", function()
  before_each(function()
    zi.test.model():reply({ tool_call = { name = "bash", arguments = { command = "echo '<b>```'" } } }):reply("<script>alert(1)</script>")
    zi.test.prompt("say </pre> & go")
  end)

  it("writes a page that runs nothing", function(ctx)
    local path = ctx.session.export({ path = "out.html" })
    local page = zi.fs.read(path)
    expect(page):contains("default-src 'none'")
    expect(page):contains("&lt;script&gt;alert(1)&lt;/script&gt;")
    expect(page):contains("say &lt;/pre&gt; &amp; go")
    expect(page:find("<script", 1, true)):is_nil()
  end)

  it("writes Markdown whose fences hold", function(ctx)
    local text = zi.fs.read(ctx.session.export({ path = "out.txt", format = "markdown" }))
    expect(text):contains("## User\n\nsay </pre> & go")
    expect(text):contains("## Result of bash\n\n```")
  end)

  it("comes back with import", function(ctx)
    local file = ctx.session.import(ctx.session.export({ path = "out.zisession" }))
    expect(file):never():is(ctx.session.file())
    local found = ctx.session.list({ query = "say </pre>" })
    expect(found):has_length(2)
    expect(found[1].messages):is(found[2].messages)
  end)

  it("names what is wrong", function(ctx)
    expect(function()
      ctx.session.export({ path = "out.xyz" })
    end):errors("^ctx%.session%.export: field `format`: is one of zisession, markdown, html")
    local _, err = ctx.session.import("absent.jsonl")
    expect(err.message):contains("absent.jsonl")
  end)
end)
