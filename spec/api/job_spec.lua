-- Collects the events of jobs; `wait(n)` answers once `n` jobs have ended.
local function listen()
  local heard, ended = {}, 0
  for _, name in ipairs({ "job_stdout", "job_stderr", "job_json" }) do
    zi.on(name, function(event)
      table.insert(heard, event)
    end)
  end
  zi.on("job_exit", function(event)
    heard.exit, ended = event, ended + 1
  end)
  local function wait(count)
    while ended < count do
      zi.task.sleep(2)
    end
  end
  return heard, wait
end

describe("zi.job", function()
  it("start tells what a program prints and how it ends", function()
    local heard, wait = listen()
    local job = zi.job.start({ argv = { "sh", "-c", "echo out; exit 4" } })
    wait(1)
    expect(heard[1].type):is("job_stdout")
    expect(heard[1].data):is("out\n")
    expect(heard.exit.id):is(job.id)
    expect(heard.exit.code):is(4)
  end)

  it("write and stop talk to a program that runs", function()
    local heard, wait = listen()
    local job = zi.job.start({ argv = { "cat" } })
    expect(zi.job.write(job, "ping")):is_true()
    while not heard[1] do
      zi.task.sleep(2)
    end
    expect(heard[1].data):is("ping")
    expect(zi.job.stop(job)):is_true()
    wait(1)
    expect(heard.exit.signal):is(15)
  end)

  it("start reads lines of JSON and tells of bad ones", function()
    local heard, wait = listen()
    zi.job.start({ argv = { "printf", '{"n":1}\\nnope\\n' }, stdout = { mode = "json_lines" } })
    wait(1)
    expect(heard[1].value):equals({ n = 1 })
    expect(heard[2].is_error):is_true()
  end)

  it("list shows what runs", function()
    local _, wait = listen()
    local job = zi.job.start({ argv = { "sleep", "1000" } })
    expect(zi.job.list()):equals({ { id = job.id, argv = { "sleep", "1000" } } })
    zi.job.stop(job)
    wait(1)
  end)

  it("start answers an error for what cannot be started", function()
    local job, err = zi.job.start({ argv = { "no-such-program" } })
    expect(job):is_nil()
    expect(tostring(err)):contains("cannot start `no-such-program`")
  end)

  it("write and stop answer false for a job that is gone", function()
    expect(zi.job.write(987654, "x")):is_false()
    expect(zi.job.stop(987654)):is_false()
  end)

  it("names the argument that is wrong", function()
    expect(function()
      zi.job.start({ argv = {} })
    end):errors("^zi%.job%.start: argv is empty")
    expect(function()
      zi.job.start({ argv = { "cat" }, stdout = { mode = "jsonl" } })
    end):errors("^zi%.job%.start: stdout: field `mode`: `jsonl` is none of")
    expect(function()
      zi.job.write("x", "y")
    end):errors("^zi%.job%.write: expected a job or its id, got string")
    expect(function()
      zi.job.stop()
    end):errors("^zi%.job%.stop: expected a job or its id, got nothing")
  end)
end)
