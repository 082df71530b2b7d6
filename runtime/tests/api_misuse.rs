//! Every function of the script API, called with arguments that do not fit: an error that names the
//! function, never a crash.

use std::{fs, process::Command};

const CALLER: &str = r#"
local count, failures = 0, {}
local seed = tonumber(os.getenv("SEED"))
math.randomseed(seed)

local cyclic = {}
cyclic.self = cyclic
local values = {
  function() return nil end, function() return true end, function() return 0 end,
  function() return -1 end, function() return math.maxinteger end, function() return math.mininteger end,
  function() return 0/0 end, function() return 1/0 end, function() return 1.5 end,
  function() return "" end, function() return "x" end, function() return "\255\0" end,
  function() return ("y"):rep(100000) end, function() return {} end, function() return { 1, nil, 3 } end,
  function() return cyclic end, function() return { x = function() end } end,
  function() return print end, function() return coroutine.create(print) end,
  function() return { path = 5, name = {}, url = 7, argv = {}, id = -1 } end,
  function() return setmetatable({}, { __index = function() error("index") end }) end,
  function() return zi.json.null end,
}
-- What would really do something with the strings above, or end the run.
local skip = { ["ctx.shutdown"] = true, ["ctx.reload"] = true, ["ctx.extensions.reload"] = true,
  ["ctx.session.new"] = true, ["ctx.session.compact"] = true, ["ctx.abort"] = true, ["zi.spawn"] = true, ["zi.task.sleep"] = true,
  ["zi.fs.remove"] = true, ["ctx.send_user_message"] = true, ["zi.task.race"] = true, ["zi.fs.temp"] = true, ["zi.task.every"] = true, ["zi.loop"] = true }

local function lookup(ctx, name)
  local value = name:match("^ctx") and ctx or zi
  -- Without a screen there is no `ctx.ui`.
  for part in name:gmatch("%.([%w_]+)") do value = value and value[part] end
  return value
end

zi.command({ name = "misuse", handler = function(args, ctx)
  for _, member in ipairs(zi.json.decode(args).members) do
    -- `zi.test` is bound in specs only, `run` in loops.
    local f = not member.name:match("^run") and not member.name:match("^zi%.test%.") and not skip[member.name] and lookup(ctx, member.name)
    if type(f) == "function" then
      for _ = 1, 200 do
        local given = {}
        for i = 1, math.random(0, 3) do given[i] = values[math.random(#values)]() end
        local ok, err = pcall(f, table.unpack(given, 1, 3))
        count = count + 1
        -- What it says must start with its name; an error of a caller's own metatable is theirs.
        local text = tostring(err)
        local named = text:find(member.name, 1, true) == 1
          or (text:find("^[%w_./<>-]+:%d+: ") and text:find(member.name, 1, true))
        if not ok and not named and not text:find("index", 1, true) then
          failures[#failures + 1] = member.name .. ": " .. text:sub(1, 200)
        end
      end
    end
  end
  zi.fs.write(os.getenv("REPORT"), zi.json.encode({ count = count, failures = zi.json.array(failures) }))
end })
"#;

#[test]
fn misuse_names_the_function_and_never_crashes() {
    let zi = env!("CARGO_BIN_EXE_zi");
    let dir = tempfile::tempdir().expect("a folder");
    let caller = dir.path().join("caller.lua");
    let report = dir.path().join("report.json");
    fs::write(&caller, CALLER).expect("it writes");
    let api = Command::new(zi).args(["api", "--json"]).output().expect("it runs");
    let api: serde_json::Value = serde_json::from_slice(&api.stdout).expect("it is JSON");
    let seed = std::env::var("ZI_SEED").unwrap_or_else(|_| std::process::id().to_string());
    println!("ZI_SEED={seed}");
    let output = Command::new(zi)
        .args(["-p", &format!("/misuse {api}"), "--no-session", "-e"])
        .arg(&caller)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("ZI_HOME", dir.path().join("home"))
        .env("SEED", &seed)
        .env("REPORT", &report)
        .current_dir(dir.path())
        .stdin(std::process::Stdio::null())
        .output()
        .expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    let report: serde_json::Value =
        serde_json::from_slice(&fs::read(&report).expect("there is a report")).expect("it is JSON");
    assert!(report["count"].as_u64() > Some(5_000), "{report}");
    let failures = report["failures"].as_array().expect("a list");
    let mut shown: Vec<&str> = failures.iter().filter_map(serde_json::Value::as_str).collect();
    shown.sort_unstable();
    shown.dedup_by_key(|text| text.split(':').next().unwrap_or_default().to_owned());
    assert!(shown.is_empty(), "{} of {}:\n{}", failures.len(), report["count"], shown.join("\n"));
}
