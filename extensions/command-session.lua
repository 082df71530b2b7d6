-- name: command-session
-- description: Slash commands for sessions: new, resume, fork, tree, compact, name, leave.
-- api: 1

local age = require("zi.age")
local message_text = require("zi.message").text
local picker = require("zi.picker")
local units = require("zi.units")

-- A change waits for the end of a run; who asks for one wants it now.
local function now(ctx, change)
  if not ctx.is_idle() then ctx.abort() end
  change()
end

zi.command({
  name = "new",
  aliases = { "clear" },
  description = "Begin a new session; the present one is kept",
  handler = function(_, ctx)
    now(ctx, function() ctx.session.new({}) end)
  end,
})

-- What the picker shows of a session: its name or how it began, when, and how long it is.
local function row(session)
  local title = session.name or session.first_message or "(empty)"
  return { label = (title:gsub("%s+", " ")), detail = age.short(session.updated_at), value = session.file }
end

-- How a session began and how long it is, beside the list.
local function preview(sessions)
  local by_file = {}
  for _, session in ipairs(sessions) do by_file[session.file] = session end
  return function(file)
    local session = by_file[file]
    return table.concat({
      session.first_message or "(empty)",
      "",
      session.messages and ("%d messages"):format(session.messages) or units.bytes(session.bytes),
      age.ago(session.updated_at),
      session.cwd or "",
    }, "\n")
  end
end

zi.command({
  name = "resume",
  description = "Go on with an earlier session of this folder; `/resume all` shows all folders",
  handler = function(args, ctx)
    local sessions = ctx.session.list({ cwd = args == "all" and "*" or nil, limit = 500 })
    local present = ctx.session.file()
    local rows = {}
    for _, session in ipairs(sessions) do
      if session.file ~= present then rows[#rows + 1] = row(session) end
    end
    if #rows == 0 then return ctx.notice("there is no other session here; `/resume all` looks everywhere") end
    local chosen = picker.pick(ctx, { title = "Resume a session", items = rows, preview = preview(sessions) })
    if chosen then
      now(ctx, function() ctx.session.switch(chosen) end)
    end
  end,
})

zi.command({
  name = "compact",
  description = "Summarise the conversation so far; what follows says what to keep",
  handler = function(args, ctx)
    ctx.session.compact({ instructions = args ~= "" and args or nil })
  end,
})

zi.command({
  name = "name",
  description = "Give the session a name",
  handler = function(args, ctx)
    if args == "" then
      return ctx.notice("`/name TEXT` names the session; it is " .. (ctx.session.name() or "not named yet"))
    end
    ctx.session.rename(args)
  end,
})

-- The messages of the user on this branch, the newest first.
local function said(ctx)
  local rows = {}
  for _, message in ipairs(ctx.session.messages({ limit = 500 })) do
    if message.role == "user" then
      local text = message_text(message)
      table.insert(rows, 1, {
        label = (text:gsub("%s+", " ")),
        value = { entry_id = message.entry_id, text = text },
      })
    end
  end
  return rows
end

local function whole(message) return message.text end

zi.command({
  name = "back",
  description = "Go back to an earlier message of yours, to say it otherwise",
  handler = function(_, ctx)
    local rows = said(ctx)
    if #rows == 0 then return ctx.notice("nothing was said yet") end
    local chosen = picker.pick(ctx, { title = "Go back to", items = rows, preview = whole })
    if not chosen then return end
    local entry = ctx.session.entry(chosen.entry_id)
    now(ctx, function() ctx.session.navigate(entry and entry.parent_id or nil) end)
    if ctx.editor then ctx.editor.set_text(chosen.text) end
  end,
})

zi.command({
  name = "fork",
  description = "Begin a session of its own from an earlier message of yours",
  handler = function(_, ctx)
    local rows = said(ctx)
    if #rows == 0 then return ctx.notice("nothing was said yet") end
    local chosen = picker.pick(ctx, { title = "Fork from", items = rows, preview = whole })
    if chosen then
      now(ctx, function() ctx.session.fork(chosen.entry_id) end)
    end
  end,
})

zi.command({
  name = "session",
  aliases = { "status", "cost", "context" },
  description = "Show the session: its file, its length, what it used and how full the context is",
  handler = function(_, ctx)
    local info, used = ctx.session.info(), ctx.session.usage()
    local lines = {
      ("session %s"):format(info.id),
      ("file    %s"):format(info.file or "not kept yet"),
      ("entries %d"):format(info.entries),
      ("tokens  %d in, %d out, %d from the cache"):format(used.input, used.output, used.cache_read),
    }
    local usage = ctx.context_usage()
    if usage then
      lines[#lines + 1] = ("context %d of %d tokens (%.0f%%)"):format(usage.tokens, usage.context_window, usage.percent)
    end
    if used.cost then lines[#lines + 1] = ("cost    $%.4f"):format(used.cost) end
    ctx.notice(table.concat(lines, "\n"))
  end,
})

zi.command({
  name = "export",
  description = "Write the session to a file: FILE.md, FILE.html or FILE.jsonl",
  handler = function(args, ctx)
    local path = args ~= "" and args or "zi-session.md"
    local ending = path:match("%.(%w+)$")
    local format = ({ md = "markdown", html = "html", jsonl = "zisession" })[ending]
    if not format then return ctx.notice("`/export FILE` takes a name that ends in .md, .html or .jsonl", "warn") end
    local done, err = ctx.session.export({ path = path, format = format })
    if done then
      ctx.notice("written to " .. path)
    else
      ctx.notice(tostring(err), "error")
    end
  end,
})

zi.command({
  name = "exit",
  aliases = { "quit" },
  description = "End zi",
  handler = function(_, ctx) ctx.shutdown() end,
})
