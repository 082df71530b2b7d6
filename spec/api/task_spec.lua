describe("zi.task.sleep", function()
  it("waits, and others go on", function()
    local order = {}
    zi.task.all({
      function()
        zi.task.sleep(30)
        table.insert(order, "slow")
      end,
      function()
        table.insert(order, "quick")
      end,
    })
    expect(order):equals({ "quick", "slow" })
  end)

  it("works inside of pcall and coroutines", function()
    local co = coroutine.wrap(function()
      local ok = pcall(zi.task.sleep, 1)
      coroutine.yield(ok)
    end)
    expect(co()):is_true()
  end)

  it("refuses a time that is none", function()
    expect(function()
      zi.task.sleep(-1)
    end):errors("^zi%.task%.sleep: `ms` must be from 0")
    expect(function()
      zi.task.sleep(0 / 0)
    end):errors("^zi%.task%.sleep: `ms` must be from 0")
  end)

  it("cannot be used where nothing can wait", function()
    expect(function()
      table.sort({ 2, 1 }, function()
        zi.task.sleep(1)
      end)
    end):errors("^zi%.task%.sleep: cannot wait here")
  end)
end)

describe("zi.task.spawn", function()
  it("passes arguments on, and join gives the results", function()
    local task = zi.task.spawn(function(a, b)
      zi.task.sleep(1)
      return a + b, "more"
    end, 1, 2)
    local sum, more = task:join()
    expect(sum):is(3)
    expect(more):is("more")
  end)

  it("has join raise what the function raised", function()
    local task = zi.task.spawn(function()
      error("broken", 0)
    end)
    expect(function()
      task:join()
    end):errors("broken")
  end)

  it("ends with cancel, and closes what was open", function()
    local closed = false
    local task = zi.task.spawn(function()
      local _ <close> = setmetatable({}, {
        __close = function()
          closed = true
        end,
      })
      zi.task.sleep(1e6)
    end)
    zi.task.sleep(1)
    task:cancel()
    expect(function()
      task:join()
    end):errors("the task was cancelled")
    while not closed do
      zi.task.sleep(1)
    end
  end)

  it("takes a function", function()
    expect(function()
      zi.task.spawn("x")
    end):errors("^zi%.task%.spawn: expected a function, got string")
  end)
end)

describe("zi.task.all", function()
  it("answers results in the order of the functions", function()
    local results = zi.task.all({
      function()
        zi.task.sleep(10)
        return "a"
      end,
      function()
        return "b"
      end,
    })
    expect(results):equals({ "a", "b" })
  end)

  it("raises the first error", function()
    expect(function()
      zi.task.all({
        function()
          error("broken", 0)
        end,
        function()
          zi.task.sleep(1e6)
        end,
      })
    end):errors("broken")
  end)
end)

describe("zi.task.race", function()
  it("answers the number and the results of the first to end", function()
    local index, value = zi.task.race({
      function()
        zi.task.sleep(1e6)
      end,
      function()
        return "won"
      end,
    })
    expect(index):is(2)
    expect(value):is("won")
  end)

  it("needs somebody to race", function()
    expect(function()
      zi.task.race({})
    end):errors("^zi%.task%.race: there is nothing to run")
  end)
end)

describe("zi.task.every", function()
  it("calls until it is cancelled", function()
    zi.test.clock.freeze()
    local count = 0
    local task = zi.task.every(1000, function()
      count = count + 1
    end)
    zi.test.clock.advance(3500)
    task:cancel()
    zi.test.clock.advance(5000)
    expect(count):is(3)
  end)

  it("goes on after an error", function()
    zi.test.clock.freeze()
    local count = 0
    local task = zi.task.every(100, function()
      count = count + 1
      error("broken")
    end)
    zi.test.clock.advance(200)
    task:cancel()
    expect(count):is(2)
  end)
end)

describe("zi.task.semaphore", function()
  it("lets so many in and no more", function()
    local places, inside, most = zi.task.semaphore(2), 0, 0
    local function enter()
      return places:with(function()
        inside = inside + 1
        most = math.max(most, inside)
        zi.task.sleep(2)
        inside = inside - 1
        return "out"
      end)
    end
    expect(zi.task.all({ enter, enter, enter, enter })):equals({ "out", "out", "out", "out" })
    expect(most):is(2)
  end)

  it("needs a place", function()
    expect(function()
      zi.task.semaphore(0)
    end):errors("^zi%.task%.semaphore: `n` must be from 1")
  end)
end)
