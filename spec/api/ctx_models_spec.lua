describe("ctx.models", function()
  it("list has the models of all providers", function(ctx)
    local model = zi.test.model()
    local names = {}
    for _, known in ipairs(ctx.models.list()) do
      names[known.provider .. "/" .. known.id] = true
    end
    expect(names):has_keys(model.name, "demo/demo")
  end)

  it("current is the one that is chosen", function(ctx)
    expect(ctx.models.current()):is_nil()
    zi.test.model({ context_window = 777 })
    expect(ctx.models.current().context_window):is(777)
  end)

  it("get takes a name, a part of one, or a table", function(ctx)
    expect(ctx.models.get("demo/demo").id):is("demo")
    expect(ctx.models.get({ provider = "demo", id = "demo" }).provider):is("demo")
    local model, err = ctx.models.get("no-such-model")
    expect(model):is_nil()
    expect(err.kind):is("not_found")
    expect(function()
      ctx.models.get({ provider = "demo" })
    end):errors("^ctx%.models%.get: a model table needs `id`")
    expect(function()
      ctx.models.get()
    end):errors("^ctx%.models%.get: `ref` must be a string, not nothing")
  end)

  it("select changes the model and tells everybody", function(ctx)
    zi.test.model()
    expect(ctx.models.select("demo").id):is("demo")
    expect(ctx.models.current().provider):is("demo")
    zi.test.emit("my:wait")
    local event = zi.test.events("model_select")[1]
    expect(event.model.id):is("demo")
    expect(event.previous_model.provider):is("test")
  end)

  it("reasoning reads and sets the level", function(ctx)
    expect(ctx.models.reasoning()):is("off")
    expect(ctx.models.reasoning("high")):is("high")
    expect(ctx.models.reasoning()):is("high")
    expect(function()
      ctx.models.reasoning("huge")
    end):errors("^ctx%.models%.reasoning: `huge` is none of off")
  end)
end)
