local function log()
  return zi.fs.read(zi.path.join(zi.dirs.state, "logs", "log_spec.log")) or ""
end

describe("zi.log", function()
  it("writes lines with their level into the extension's own log", function()
    zi.log.debug("d", 1)
    zi.log.info("i")
    zi.log.warn("w", nil, true)
    zi.log.error("e")
    local text = log()
    expect(text):matches(" debug d\t1\n")
    expect(text):matches(" info i\n")
    expect(text):matches(" warning w\tnil\ttrue\n")
    expect(text):matches(" error e\n")
  end)

  it("is where print goes", function()
    print("one", 2)
    expect(log()):matches(" print one\t2\n")
  end)

  it("lets no text look like another line", function()
    zi.log.info("one\n2026-01-01T00:00:00Z error forged\27[2J")
    expect(log()):matches("info one\n  2026")
    expect(log()):never():contains("\27")
  end)
end)
