//! What an extension gets of the machine, and what it cannot take.

use zi_testkit::Zi;

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).args(["--model", "demo"]).env("ZI_DEMO_DELAY_MS", "0")
}

/// Runs `body` as a command of an extension and answers what it tells.
fn ask(zi: Zi, body: &str) -> String {
    let extension = format!(
        "zi.command({{ name = 'ask', description = 'd', handler = function(args, ctx) {body} end }})"
    );
    let ran = zi.home_file("extensions/asker.lua", &extension).args(["-p", "/ask"]).run();
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    ran.stderr
}

#[test]
fn what_calls_hold_outside_of_a_vm_is_bounded() {
    let block = "x".repeat(32 << 20);
    let told = ask(
        zi().file("big.txt", &block),
        r#"
        local function peak()
          local status = io.open("/proc/self/status"):read("a")
          return tonumber(status:match("VmHWM:%s*(%d+)")) // 1024
        end
        local before, reads = peak(), {}
        for index = 1, 24 do
          reads[index] = zi.task.spawn(function()
            local text = zi.fs.read("big.txt")
            local size = #text
            text = nil
            collectgarbage()
            return size
          end)
        end
        local total = 0
        for _, read in ipairs(reads) do total = total + read:join() end
        ctx.notice(("total=%d grown=%d"):format(total // (1024 * 1024), peak() - before))
        "#,
    );
    let number = |name: &str| -> u64 {
        let rest = told.split(name).nth(1).expect("it tells");
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    assert_eq!(number("total="), 24 * 32);
    // 24 files of 32 MiB at once would be 768 MiB.
    assert!(number("grown=") < 400, "{told}");
}

/// The names that a script finds, those of `zi` and `ctx` left out: they have a list of their own.
#[test]
fn scripts_find_the_globals_of_the_list_and_no_others() {
    let told = ask(
        zi(),
        r#"
        local names = {}
        for name, value in pairs(_G) do
          if type(value) == "table" and name ~= "_G" and name ~= "zi" then
            for inner in pairs(value) do names[#names + 1] = name .. "." .. tostring(inner) end
          else
            names[#names + 1] = name
          end
        end
        table.sort(names)
        io.open("names.txt", "w"):write(table.concat(names, "\n"), "\n"):close()
        ctx.notice("NAMES " .. table.concat(names, " "))
        "#,
    );
    let mut found: Vec<&str> = told
        .split("NAMES ")
        .nth(1)
        .expect("it tells")
        .split_whitespace()
        .filter(|name| !name.starts_with("package.loaded"))
        .collect();
    found.sort_unstable();
    let list = include_str!("globals.txt");
    let listed: Vec<&str> = list.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(found, listed, "runtime/tests/globals.txt lists what scripts may use");
}

#[test]
fn what_one_extension_does_to_its_tables_no_other_sees() {
    let zi = zi()
        .home_file(
            "extensions/a-vandal.lua",
            r#"
            string.format = function() return "broken" end
            getmetatable("").__index = function() return nil end
            zi.json.encode = nil
            zi.tool = nil
            table.concat = nil
            "#,
        )
        .home_file("extensions/b-victim.lua", "");
    let told = ask(
        zi,
        r#"ctx.notice(("%s %s"):format(zi.json.encode({ 1 }), table.concat({ "a", "b" })))"#,
    );
    assert!(told.contains("[1] ab"), "{told}");
}
