//! What the manual shows works: its Lua, its specs, and what it has people type.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use zi_testkit::Zi;

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi"))
}

fn repository() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(path).expect("the repository is there")
}

/// Every page but the reference, which is no prose.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![repository().join("README.md"), repository().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/guide"] {
        let entries = fs::read_dir(repository().join(folder)).expect("the folder is there");
        let paths = entries.map(|entry| entry.expect("it lists").path());
        pages.extend(paths.filter(|path| path.extension().is_some_and(|it| it == "md")));
    }
    pages.sort();
    pages
}

/// The blocks of a page: what stands after the fence, and the text.
fn blocks(page: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(page).expect("it reads");
    let mut blocks = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in text.lines() {
        open = match (open.take(), line.strip_prefix("```")) {
            (None, Some(info)) => Some((info.to_owned(), String::new())),
            (None, None) => None,
            (Some(block), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some((info, text)), None) => Some((info, text + line + "\n")),
        };
    }
    assert!(open.is_none(), "{}: a block does not end", page.display());
    blocks
}

fn name_of(page: &Path) -> String {
    page.file_stem().expect("it has a name").to_string_lossy().to_lowercase()
}

#[test]
fn every_block_of_lua_is_an_extension_without_mistakes() {
    let mut zi = zi();
    let mut count = 0;
    for page in pages() {
        for (info, text) in blocks(&page) {
            assert!(
                matches!(info.as_str(), "lua" | "lua spec" | "sh" | "json" | "text" | ""),
                "{}: a block of `{info}` is not tested",
                page.display()
            );
            if info == "lua" {
                count += 1;
                zi = zi.file(&format!("examples/{}-{count}.lua", name_of(&page)), &text);
            }
            if info == "json" {
                serde_json::from_str::<serde_json::Value>(&text.replace('…', "x"))
                    .unwrap_or_else(|err| panic!("{}: {err}:\n{text}", page.display()));
            }
        }
    }
    assert!(count >= 20, "only {count} examples");
    let done = zi.args(["check", "examples"]).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

#[test]
fn every_spec_passes_beside_the_extension_before_it() {
    let mut specs = 0;
    for page in pages() {
        let mut extension = String::new();
        for (info, text) in blocks(&page) {
            if info == "lua" {
                extension = text;
                continue;
            }
            if info != "lua spec" {
                continue;
            }
            specs += 1;
            let zi = zi().file("notes.lua", &extension).file("notes_spec.lua", &text);
            let done = zi.arg("test").run();
            assert_eq!(done.code, Some(0), "{}: {}{}", page.display(), done.stdout, done.stderr);
            let passed = format!("{} passed, 0 failed", text.matches("  it(").count());
            assert_eq!(done.stdout.trim_end().lines().last(), Some(passed.as_str()));
        }
    }
    assert!(specs > 0);
}

#[test]
fn links_lead_somewhere() {
    let mut count = 0;
    for page in pages() {
        let text = fs::read_to_string(&page).expect("it reads");
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.starts_with("http")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let to = if path.is_empty() {
                page.clone()
            } else {
                page.parent().expect("a folder").join(path)
            };
            assert!(to.exists(), "{}: there is no {target}", page.display());
            if !anchor.is_empty() {
                let text = fs::read_to_string(&to).expect("it reads");
                let headings = text.lines().filter(|line| line.starts_with('#')).map(anchor_of);
                assert!(
                    headings.into_iter().any(|it| it == anchor),
                    "{}: {target}",
                    page.display()
                );
            }
            count += 1;
        }
    }
    assert!(count > 40, "only {count} links");
}

/// How a heading is linked to.
fn anchor_of(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A shell as somebody has it who follows the manual: a new home, an empty folder, zi on the path.
struct Shell {
    home: tempfile::TempDir,
    cwd: tempfile::TempDir,
}

impl Shell {
    fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self { home: folder(), cwd: folder() }
    }

    /// Types a block as it stands.
    fn types(&self, block: &str) -> Output {
        let zi = Path::new(env!("CARGO_BIN_EXE_zi")).parent().expect("it is in a folder");
        let path = format!("{}:{}", zi.display(), env::var("PATH").unwrap_or_default());
        let mut command = Command::new("sh");
        command.args(["-e", "-c", block]).current_dir(self.cwd.path()).env_clear();
        command.env("PATH", path).env("HOME", self.home.path()).env("ZI_HOME", self.home.path());
        command.env("ZI_SOURCE", repository()).env("ZI_DEMO_DELAY_MS", "0");
        command.output().expect("there is a shell")
    }

    /// Types a block that works, and gives what it printed, to either output.
    fn does(&self, block: &str) -> String {
        let output = self.types(block);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said = text(&output.stdout) + &text(&output.stderr);
        assert!(output.status.success(), "{block}\n{said}");
        said
    }
}

fn shell_blocks(page: &str) -> Vec<String> {
    let blocks = blocks(&repository().join(page)).into_iter();
    blocks.filter(|(info, _)| info == "sh").map(|(_, text)| text).collect()
}

#[test]
fn the_first_chapter_can_be_typed_as_it_stands() {
    let says: &[&[&str]] = &[
        &["greet/init.lua", "greet/spec/greet_spec.lua"],
        &["nothing found", "2 passed, 0 failed"],
        &["hello, you"],
        &["Make a greeting for somebody."],
        &["good day, you"],
        &["reloaded greet"],
        &["2 passed, 0 failed"],
        &[],
        &["greet/init.lua:34:", "still without greet"],
        &["nothing found"],
        &["installed `greet`", "enabled"],
        &["made greet/.zi-types/zi.lua", "made greet/.luarc.json"],
    ];
    let shell = Shell::new();
    let blocks = shell_blocks("docs/guide/first.md");
    assert_eq!(blocks.len(), says.len(), "each block has what it says");
    for (number, (block, says)) in blocks.iter().zip(says).enumerate() {
        if block.starts_with("zi -e greet -p \"/reload-ext") && number == 5 {
            // What the text between the blocks says of the old spec.
            assert!(!shell.types("zi test greet").status.success());
        }
        let said = shell.does(block);
        for words in *says {
            assert!(said.contains(words), "{block}\nsays\n{said}\nbut not {words}");
        }
        if block.starts_with("echo 'zi.tool") {
            let output = shell.types("zi check greet");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(!output.status.success() && said.contains("greet/init.lua:34:"), "{said}");
        }
    }
}

#[test]
fn a_bundle_of_ones_own_is_made_as_the_packagers_are_told() {
    let shell = Shell::new();
    let blocks = shell_blocks("docs/packaging.md");
    let [_, parts, own] = blocks.as_slice() else { panic!("there are {} blocks", blocks.len()) };
    let said = shell.does(parts);
    assert!(said.contains("\nfind ") && !said.contains("\nbash "), "{said}");
    let said = shell.does(own);
    assert!(said.contains("nothing found"), "{said}");
    assert!(said.contains("write  tool-write") && !said.contains("tool-bash"), "{said}");
    assert!(said.contains("my-bundle"), "the demo model lists the folder: {said}");

    let prompt = "zi -e prompt.lua --model demo -p 'list files' && zi ext logs prompt";
    fs::write(
        shell.cwd.path().join("prompt.lua"),
        "zi.on('agent_start', function(_, ctx) zi.log.info(ctx.system_prompt()) end)",
    )
    .expect("it writes");
    let said = shell.does(&format!("export ZI_BUNDLE_DIR=\"$PWD/my-bundle\"\n{prompt}"));
    assert!(said.contains("You are the agent of Example Linux that works"), "{said}");
}

#[test]
fn the_settings_of_a_system_count_below_the_users_and_its_locks_hold() {
    let shell = Shell::new();
    let system = shell.cwd.path().join("system");
    fs::create_dir_all(&system).expect("it is made");
    let settings = |dir: &Path, text: &str| {
        fs::write(dir.join("settings.json"), text).expect("it writes");
    };
    settings(&system, r#"{ "model": "demo/demo", "max_steps": 1, "locked": ["model"] }"#);
    settings(shell.home.path(), r#"{ "model": "anthropic/x", "max_steps": 3 }"#);
    let run = "ZI_SYSTEM_DIR=\"$PWD/system\" zi -p 'list files'";
    let said = shell.does(run);
    assert_eq!(said.matches("`model` is ignored: this installation of zi locks it").count(), 1);
    assert!(said.contains("rules, not a language model"), "{said}");
    settings(shell.home.path(), "{}");
    let output = shell.types(run);
    assert_eq!(output.status.code(), Some(7), "the system's step limit counts now");
}

/// What the guide's examples do, beyond loading.
const EXAMPLES: &str = r#"
local function example(name)
  zi.test.load(name .. ".lua")
  return zi.test.model()
end

it("a tool may stand before the bundled one", function()
  example("tools-2")
  zi.test.file("a.pem", "x")
  zi.test.file("a.txt", "hey")
  expect(zi.test.tool("read", { path = "a.pem" }).text):is("keys are not read")
  expect(zi.test.tool("read", { path = "a.txt" }).text):contains("hey")
end)

it("commands run, and speak to the model", function()
  for _, name in ipairs({ "commands-1", "programs-1", "settings-1" }) do
    zi.test.load(name .. ".lua")
  end
  example("commands-2"):reply("explained")
  for _, line in ipairs({ "/count", "/branch", "/limit" }) do
    expect(zi.test.command(line).status):is("ok")
  end
  expect(zi.test.command("/explain a.lua").runs[1].text):is("explained")
end)

it("a policy blocks", function()
  example("events-1")
  expect(zi.test.tool("bash", { command = "git push" }).outcome):is("blocked")
end)

it("artifacts are kept", function(ctx)
  example("sessions-1")
  expect(zi.test.tool("todo", { items = { "a" } }).text):is("1 left")
end)

it("a model answers with data, and doubts", function(ctx)
  local model = example("models-1")
  model:reply('{"title": "A title"}')
  expect(zi.test.command("/title").status):is("ok")
  expect(ctx.session.name()):is("A title")
  zi.test.load("models-2.lua")
  model:reply("No.")
  expect(zi.test.tool("second_opinion", { claim = "x" }).text):is("No.")
end)

it("a loop fits in ten lines", function()
  local model = example("providers-3")
  model:reply({ tool_call = { name = "ls" } })
  model:reply("done")
  local run = zi.test.prompt("go")
  expect(run.text):is("done")
  expect(run.tool_results):has_length(1)
end)
"#;

#[test]
fn the_examples_of_the_guide_do_what_they_say() {
    let mut zi = zi().file("examples_spec.lua", EXAMPLES);
    for page in pages().iter().filter(|page| page.parent().is_some_and(|it| it.ends_with("guide")))
    {
        let examples = blocks(page).into_iter().filter(|(info, _)| info == "lua");
        for (number, (_, text)) in examples.enumerate() {
            zi = zi.file(&format!("{}-{}.lua", name_of(page), number + 1), text);
        }
    }
    let done = zi.another().args(["test", "examples_spec.lua"]).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.ends_with("6 passed, 0 failed\n"), "{}", done.stdout);

    // Moving in the session is done between runs.
    let run = |args: &[&str]| {
        let zi = zi.another().env("ZI_DEMO_DELAY_MS", "0").args(["--model", "demo"]);
        let done = zi.args(["-e", "sessions-2.lua", "-e", "settings-2.lua"]).args(args).run();
        assert_eq!(done.code, Some(0), "{}", done.stderr);
        done.stdout
    };
    run(&["-p", "run pwd"]);
    run(&["-c", "-p", "run id"]);
    run(&["-c", "-p", "/retry"]);
    let session = run(&["-c", "--json", "-p", "create a.txt with hello"]);
    assert!(session.contains("create a.txt"));
    assert!(zi.cwd().join("a.txt").is_file());
    assert!(run(&["--dry", "-p", "create b.txt with hello"]).contains("this is a dry run"));
    assert!(!zi.cwd().join("b.txt").exists());
    let dir = fs::read_dir(zi.home().join("state/sessions")).expect("there are sessions");
    let folder = dir.map(|it| it.expect("it lists").path()).next().expect("one folder");
    let files = fs::read_dir(folder).expect("it lists").map(|it| it.expect("it lists").path());
    let journals = files.filter(|path| path.extension().is_some_and(|it| it == "jsonl"));
    let texts: Vec<String> =
        journals.map(|path| fs::read_to_string(path).expect("it reads")).collect();
    let moved = texts.iter().find(|text| text.contains("run id")).expect("it was kept");
    let entries: Vec<serde_json::Value> =
        moved.lines().map(|line| serde_json::from_str(line).expect("it is JSON")).collect();
    let said = |text: &str| {
        let is_it = |it: &&serde_json::Value| it["message"]["content"] == text;
        entries.iter().find(is_it).expect("it was said")["parent_id"].clone()
    };
    assert_eq!(said("run id"), said("create a.txt with hello"), "both follow the first answer");
}
