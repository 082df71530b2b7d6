-- name: provider-demo
-- description: An offline stand-in for a model, to try zi without a key. It works by rules.
-- api: 1

zi.api("demo", {
  stream = function(request, emit)
    emit({ type = "text", text = "hello from the demo" })
    emit({ type = "usage", input = 10, output = 5 })
    emit({ type = "stop", reason = "stop" })
  end,
})

zi.provider("demo", {
  api = "demo",
  base_url = "none:",
  models = { { id = "demo", name = "Demo (offline rules, not a model)", context_window = 100000, max_tokens = 4096 } },
})
