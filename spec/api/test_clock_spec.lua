describe("zi.test.clock", function()
  it("advance wakes sleepers in the order that they are due", function()
    zi.test.clock.freeze()
    local order = {}
    local function sleeper(ms)
      return zi.task.spawn(function()
        zi.task.sleep(ms)
        table.insert(order, ms)
      end)
    end
    local tasks = { sleeper(300), sleeper(100), sleeper(200) }
    zi.test.clock.advance(250)
    expect(order):equals({ 100, 200 })
    zi.test.clock:advance(50)
    expect(order):equals({ 100, 200, 300 })
    for _, task in ipairs(tasks) do
      task:join()
    end
  end)

  it("next goes to the first that is due and tells how far that was", function()
    zi.test.clock.freeze()
    local task = zi.task.spawn(function()
      zi.task.sleep(86400000)
      return "next day"
    end)
    expect(zi.test.clock.next()):is(86400000.0)
    expect(task:join()):is("next day")
  end)

  it("advance needs a clock that stands still, and a time", function()
    expect(function()
      zi.test.clock.advance(1)
    end):errors("^zi%.test%.clock%.advance: the clock runs; call zi%.test%.clock%.freeze%(%) first")
    zi.test.clock.freeze()
    expect(function()
      zi.test.clock.advance(-1)
    end):errors("^zi%.test%.clock%.advance: `ms` must be from 0")
  end)
end)
