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

  it("next answers the events in order, and handlers get none of them", function()
    local heard = listen()
    local job = zi.job.start({ argv = { "sh", "-c", "echo out; echo err >&2; exit 3" } })
    local texts = {}
    local event = zi.job.next(job)
    while event.type ~= "job_exit" do
      texts[event.type] = (texts[event.type] or "") .. event.data
      event = zi.job.next(job.id)
    end
    expect(texts):equals({ job_stdout = "out\n", job_stderr = "err\n" })
    expect(event.id):is(job.id)
    expect(event.code):is(3)
    local more, err = zi.job.next(job)
    expect(more):is_nil()
    expect(err.kind):is("not_found")
    expect(heard):equals({})
  end)

  it("next answers nil alone when nothing comes in time", function()
    local job = zi.job.start({ argv = { "cat" } })
    local event, err = zi.job.next(job, { timeout_ms = 1 })
    expect(event):is_nil()
    expect(err):is_nil()
    zi.job.write(job, "ping")
    expect(zi.job.next(job).data):is("ping")
    zi.job.stop(job)
    expect(zi.job.next(job).type):is("job_exit")
  end)

  it("next takes over from the handlers, which keep what they got", function()
    local heard = listen()
    local job = zi.job.start({ argv = { "cat" } })
    zi.job.write(job, "first")
    while not heard[1] do
      zi.task.sleep(2)
    end
    zi.task.spawn(function()
      zi.job.write(job, "second")
      zi.job.stop(job)
    end)
    local event = zi.job.next(job)
    if event.type == "job_stdout" then
      expect(event.data):is("second")
      event = zi.job.next(job)
    end
    expect(event.type):is("job_exit")
    expect(heard):has_length(1)
    expect(heard[1].data):is("first")
  end)

  it("next finds what came before anybody asked, when there is no handler", function()
    local job = zi.job.start({ argv = { "echo", "early" } })
    while #zi.job.list() > 0 do
      zi.task.sleep(2)
    end
    expect(zi.job.next(job).data):is("early\n")
    expect(zi.job.next(job).type):is("job_exit")
  end)

  it("next reads JSON lines, and tells how many events nobody had room for", function()
    local script = "i=0; while [ $i -lt 300 ]; do echo $i; i=$((i+1)); done"
    local job =
      zi.job.start({ argv = { "sh", "-c", script }, stdout = { mode = "json_lines" } })
    while #zi.job.list() > 0 do
      zi.task.sleep(2)
    end
    local count, event = 0, zi.job.next(job)
    while event.type == "job_json" do
      expect(event.value):is(count)
      count, event = count + 1, zi.job.next(job)
    end
    expect(count):is(256)
    expect(event.type):is("job_exit")
    expect(event.dropped):is(44)
  end)

  it("start cuts no character of what is printed", function()
    local script = [[printf '\303'; sleep 0.05; printf '\244\n']]
    local job = zi.job.start({ argv = { "sh", "-c", script } })
    local text, event = "", zi.job.next(job)
    while event.type == "job_stdout" do
      text, event = text .. event.data, zi.job.next(job)
    end
    expect(text):is("ä\n")
  end)

  it("start sends frames past Lua, and tells of a bad one", function()
    local heard, wait = listen()
    local script = [[printf 'HALFBLOCK 1 1 6\nabcdefHALFBLOCK 9 9 1\nxHALFBLOCK 1 1 6\nghijkl']]
    zi.job.start({
      argv = { "sh", "-c", script .. "; echo done >&2" },
      stdout = { mode = "ui_frame", view = "v", node = "n", protocol = "zi-halfblock-rgb-v1" },
    })
    wait(1)
    expect(heard):has_length(1)
    expect(heard[1].type):is("job_stderr")
    expect(heard.exit.code):is(0)
    local notices = zi.test.notices()
    expect(notices):has_length(1)
    expect(notices[1].text):contains("bad record at byte 22")
    expect(notices[1].text):contains("a frame of 9 by 9 has 486 bytes, not 1")
  end)

  describe("in a tool", function()
    local function tool_that_starts(detach)
      local job
      zi.tool({
        name = "starter",
        description = "d",
        parameters = {},
        execute = function()
          job = zi.job.start({ argv = { "sleep", "1000" }, detach = detach })
          return "started"
        end,
      })
      expect(zi.test.tool("starter", {}).text):is("started")
      return job
    end

    it("start makes a job that ends with the call", function()
      local job = tool_that_starts(false)
      expect(zi.job.next(job).signal):is(15)
    end)

    it("start with detach makes one that stays", function()
      local job = tool_that_starts(true)
      expect(zi.job.next(job, { timeout_ms = 50 })):is_nil()
      expect(zi.job.stop(job)):is_true()
      expect(zi.job.next(job).signal):is(15)
    end)
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
      zi.job.start({ argv = { "cat" }, stdout = { mode = "ui_frame", view = "v", node = "n" } })
    end):errors("^zi%.job%.start: stdout: field `protocol` is required")
    expect(function()
      local stdout = { mode = "ui_frame", view = "v", node = "n", protocol = "sixel" }
      zi.job.start({ argv = { "cat" }, stdout = stdout })
    end):errors("^zi%.job%.start: stdout: field `protocol`: `sixel` is none of zi%-halfblock")
    expect(function()
      zi.job.next("x")
    end):errors("^zi%.job%.next: expected a job or its id, got string")
    expect(function()
      zi.job.write("x", "y")
    end):errors("^zi%.job%.write: expected a job or its id, got string")
    expect(function()
      zi.job.stop()
    end):errors("^zi%.job%.stop: expected a job or its id, got nothing")
  end)
end)
