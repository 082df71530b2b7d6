-- name: structured-output
-- description: Answers in a form that programs can read: /extract, and the tool `final_answer`.
-- api: 1

-- /extract SCHEMA.json TEXT asks a model once. With `--answer-schema=FILE` a whole run ends with an
-- answer that fits, written to `--answer-file`.

local schema_file = zi.flag({
  name = "answer-schema",
  type = "string",
  description = "End runs with an answer that fits the JSON schema in this file",
})

local answer_file = zi.flag({
  name = "answer-file",
  type = "string",
  default = "answer.json",
  description = "Where that answer goes",
})

---@async
local function extract(arguments, ctx)
  local file, text = arguments:match("^(%S+)%s+(.+)$")
  if not file then return nil, "use: /extract SCHEMA.json TEXT" end
  local source, err = zi.fs.read(file)
  if not source then return nil, tostring(err) end
  local ok, schema = pcall(zi.json.decode, source)
  if not ok then return nil, ("`%s`: %s"):format(file, schema) end
  local answer = ctx.ai.complete({
    system_prompt = "You take from a text what is asked for. Make nothing up.",
    prompt = text,
    schema = schema,
  })
  if answer.status ~= "completed" then
    return nil, answer.error and answer.error.message or answer.status
  end
  return answer.value
end

zi.command({
  name = "extract",
  description = "Take data out of a text: /extract SCHEMA.json TEXT",
  handler = function(arguments, ctx)
    local value, problem = extract(arguments, ctx)
    if problem then return ctx.notice(problem, "error") end
    ctx.notice(zi.json.encode(value, { indent = 2 }))
  end,
})

-- While the file loads nothing can wait, so the schema is read with Lua's own `io`.
local function read_schema(path)
  local file = assert(io.open(zi.path.expand(path)))
  local schema = zi.json.decode(file:read("a"))
  file:close()
  assert(schema.type == "object", "--answer-schema: the schema must be of an object")
  return schema
end

if schema_file then
  zi.tool({
    name = "final_answer",
    description = "Give the answer to what the user asked. This ends the work.",
    prompt_snippet = "give the answer and end the work",
    prompt_guidelines = { "When the work is done, answer with `final_answer` and not with text." },
    parameters = read_schema(schema_file),
    ends_turn = true,
    execute = function(params)
      local ok, err = zi.fs.write(answer_file, zi.json.encode(params) .. "\n")
      if not ok then return { content = tostring(err), is_error = true } end
      return { content = "The answer was given.", details = params }
    end,
  })
end
