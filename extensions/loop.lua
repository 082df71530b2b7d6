-- name: loop
-- description: The turn loop: what an agent is, in one page.
-- api: 1

local retry = require("zi.retry")

-- An agent asks a model, runs the tools that it calls for, shows it the results, and asks again,
-- until the model has nothing more to call for. The host sees to it that every call gets exactly one
-- result and that nothing is lost; what happens next is decided here.

-- Asks the model until it gives an answer, or there is no point in asking again.
---@async
---@return zi.Turn
local function ask(run)
  local attempts = retry.new(run.settings.retry)
  local compacted = false
  while true do
    local turn = run:turn()
    if not turn.error then return turn end
    if turn.error.kind == "context_overflow" then
      -- Once: if a shorter conversation does not fit either, the next one will not.
      if compacted or not run:compact({ reason = "overflow" }) then return turn end
      compacted = true
    else
      local pause, label = attempts:pause(turn.error)
      if not pause or run.steps >= run.max_steps or not run:wait(pause, label) then return turn end
    end
  end
end

-- Runs the calls of an answer. When the user has something to say meanwhile, the calls that have not
-- started are skipped, so that the model hears it first.
---@async
---@return boolean go_on whether the model is to be asked again
local function act(run, calls)
  local batch = run:call_tools(calls, { mode = "auto", stop_for = "steering" })
  if batch.done < #calls and not run.aborted then
    run:skip(table.move(calls, batch.done + 1, #calls, 1, {}), "Skipped: the user said something first.")
  end
  return not batch.ends_turn
end

---@async
local function compact_when_full(run)
  local usage, rule = run:context_usage(), run.settings.compaction
  if not usage or not rule.enabled or usage.percent < rule.threshold_percent then return end
  local _, err = run:compact({ reason = "threshold" })
  if err then run:notice("the conversation could not be summarised: " .. tostring(err), "warn") end
end

zi.loop(function(run)
  while run.steps < run.max_steps do
    local turn = ask(run)
    if turn.error or turn.stop_reason == "aborted" then return end

    local go_on = turn.stop_reason == "pause"
    if #turn.tool_calls > 0 then go_on = act(run, turn.tool_calls) end
    if run.aborted then return end

    compact_when_full(run)
    if run:take("steering") > 0 then go_on = true end
    -- What was to wait for the end is said at the end, one thing at a time.
    if not go_on and run:take("follow_up", 1) == 0 then return end
  end
  return "limit"
end)
