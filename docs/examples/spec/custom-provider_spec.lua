-- With an authority that answers, it is tested in `runtime/tests/examples.rs`.

describe("custom-provider", function()
  local NOWHERE = "http://127.0.0.1:9"

  before_each(function()
    zi.test.load("../custom-provider", { settings = { base_url = NOWHERE, authority = NOWHERE } })
    zi.test.use_model("gateway/small")
  end)

  local function keep(credential)
    local path = zi.path.join(zi.dirs.data, "extensions/custom-provider/credential.json")
    zi.fs.write(path, zi.json.encode(credential))
  end

  it("says how to log in when nobody is", function()
    local run = zi.test.prompt("hi")
    expect(run.status):is("error")
    expect(run.error.kind):is("auth")
    expect(run.error.message):is("nobody is logged in; log in with /login-gateway")
  end)

  it("says why a login failed", function()
    zi.test.command("/login-gateway")
    local notice = zi.test.notices()[1]
    expect(notice.level):is("error")
    expect(notice.text):matches("^Not logged in: .*127%.0%.0%.1:9")
  end)

  it("shows handlers what goes to the models, and no renewal", function(ctx)
    local urls = {}
    zi.on("before_provider_send", function(event)
      urls[#urls + 1] = event.url .. " " .. (event.headers.authorization or "")
    end)
    keep({ access = "stale", refresh = "r", expires = 0 })
    expect(ctx.ai.complete("hi").error.kind):is("auth")
    keep({ access = "good", refresh = "r", expires = zi.hash.now_ms() + 3600000 })
    expect(ctx.ai.complete("hi").error.kind):is("connection")
    expect(urls):equals({ NOWHERE .. "/chat/completions [redacted]" })
  end)
end)
