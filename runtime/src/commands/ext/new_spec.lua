describe("NAME", function()
  it("greets by name", function()
    expect(zi.test.tool("TOOL", { who = "you" }).text):equals("hello, you")
  end)

  it("greets the world when it gets no name", function()
    expect(zi.test.tool("TOOL", { who = "" }).text):equals("hello, world")
  end)
end)
