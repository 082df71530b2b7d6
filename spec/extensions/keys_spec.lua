describe("keys", function()
  it("binds the keys of the manual to actions that there are", function(ctx)
    zi.test.screen()
    local by_key = {}
    for _, row in ipairs(ctx.ui.keys()) do
      by_key[row.key] = row
    end
    expect(by_key["ctrl+c"].what):is("interrupt")
    expect(by_key["ctrl+o"].what):is("expand_all")
    for _, row in ipairs(ctx.ui.keys()) do
      if not row.what:find("^/") then ctx.ui.action(row.what) end
    end
  end)
end)
