//! `zi test` from the outside: what it finds, runs, stops, counts and says.

use zi_testkit::{Done, Zi};

fn zi(spec: &str) -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).arg("test").file("spec/a_spec.lua", spec)
}

fn last_line(done: &Done) -> &str {
    done.stdout.lines().last().unwrap_or_default()
}

#[test]
fn passing_specs_exit_with_0() {
    let done = zi("it('works', function() expect(1):is(1) end)\npending('later')").run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert!(done.stdout.starts_with("ok      spec/a_spec.lua (1 passed, 0 failed, 1 skipped, "));
    assert_eq!(last_line(&done), "1 passed, 0 failed, 1 skipped");
}

#[test]
fn a_failing_expectation_shows_what_differs_and_where() {
    let spec = "describe('a thing', function()\n\
                it('is so', function()\n\
                print('just before')\n\
                expect({ name = 'a name of such a length that it needs lines', list = { 'one', 'two', 'three' } }):equals({\n\
                name = 'a name of such a length that it needs lines', list = { 'one', '2', 'three' } })\n\
                end)\n\
                it('works', function() end)\n\
                end)";
    let done = zi(spec).run();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    for part in [
        "\nFAILED  spec/a_spec.lua: a thing is so\n    spec/a_spec.lua:4\n",
        "\n      -  list = { \"one\", \"2\", \"three\" },\n      +  list = { \"one\", \"two\", \"three\" },\n",
        "\n    printed: just before\n",
    ] {
        assert!(done.stdout.contains(part), "{part:?} is not in {}", done.stdout);
    }
    assert_eq!(last_line(&done), "1 passed, 1 failed");
}

#[test]
fn an_error_shows_where_it_was_raised() {
    let spec = "local function deep() local t = nil; return t.x end\n\
                it('breaks', function()\n  local x = deep()\n  return x\nend)";
    let done = zi(spec).run();
    assert_eq!(done.code, Some(1));
    assert!(done.stdout.contains("spec/a_spec.lua:1: attempt to index a nil value (local 't')"));
    assert!(done.stdout.contains("at spec/a_spec.lua:3: in"), "{}", done.stdout);
}

#[test]
fn values_that_are_no_text_are_shown_with_their_place() {
    let done = zi("it('is so', function()\n expect('a\\xffb'):is('c') end)").run();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stdout.contains("spec/a_spec.lua:2\n"), "{}", done.stdout);
    assert!(done.stdout.contains("+ \"a\u{FFFD}b\""), "{}", done.stdout);
}

#[test]
fn tests_that_hang_or_spin_are_ended_and_the_others_run() {
    let spec = "it('hangs', function() zi.task.sleep(1e9) end)\n\
                it('spins', function() while true do end end)\n\
                it('spins on', function() while true do pcall(error) end end)\n\
                it('works', function() end)";
    let done = zi(spec).file("spec/b_spec.lua", "it('too', function() end)").arg("--timeout=1");
    let done = done.run();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stdout.contains("it was not done within 1 s"), "{}", done.stdout);
    assert!(done.stdout.contains("ran for more than 800 ms without waiting"), "{}", done.stdout);
    assert!(done.stdout.contains("ok      spec/b_spec.lua (1 passed"), "{}", done.stdout);
    assert_eq!(last_line(&done), "2 passed, 3 failed");
}

#[test]
fn a_thread_that_is_never_given_back_costs_its_own_test_only() {
    // One call of a C function that takes minutes: no hook runs inside of it.
    let spec = "it('sticks', function() (('a'):rep(40)):find(('a*'):rep(40) .. 'b') end)\n\
                it('works', function() end)";
    let done = zi(spec).args(["--timeout", "0.2"]).run();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert!(done.stdout.contains("and does not give its thread back"), "{}", done.stdout);
    assert_eq!(last_line(&done), "1 passed, 1 failed");
}

#[test]
fn what_scripts_write_to_standard_output_does_no_harm() {
    let spec = "it('prints', function() io.write(('x'):rep(100000)) io.stdout:flush() end)\n\
                it('works', function() end)";
    let done = zi(spec).run();
    assert_eq!((done.code, last_line(&done)), (Some(0), "2 passed, 0 failed"));
}

#[test]
fn the_namespace_of_specs_is_there_in_specs_only() {
    let extension = "zi.command({ name = 'look', handler = function(_, ctx)\n\
                     zi.fs.write('seen', tostring(zi.test) .. ' ' .. ctx.mode) end })";
    let zi = Zi::new(env!("CARGO_BIN_EXE_zi"))
        .home_file("extensions/look.lua", extension)
        .args(["-p", "/look"]);
    let (path, keep) = (zi.cwd().join("seen"), zi.another());
    assert_eq!(zi.run().code, Some(0));
    assert_eq!(std::fs::read_to_string(path).expect("it was written"), "nil print");
    drop(keep);
}

#[test]
fn a_file_that_does_not_load_exits_with_5_and_the_others_run() {
    let done = zi("it('works', function() end)")
        .file("spec/b_spec.lua", "\n\nit('x', function(")
        .file("spec/c_spec.lua", "zi.test.load('absent.lua')\nit('x', function() end)")
        .run();
    assert_eq!(done.code, Some(5), "{}", done.stderr);
    assert!(done.stdout.contains("spec/b_spec.lua:3: "), "{}", done.stdout);
    assert!(done.stdout.contains("there is no extension `spec/absent.lua`"), "{}", done.stdout);
    assert!(done.stdout.contains("2 files cannot be run"));
    assert_eq!(last_line(&done), "1 passed, 0 failed");
}

#[test]
fn what_a_test_leaves_running_fails_it_by_name() {
    let spec = "it('leaves a task', function()\n zi.task.spawn(function() zi.task.sleep(1e9) end) end)\n\
                it('leaves a timer', function()\n zi.task.every(1000, function() end) end)\n\
                it('leaves a job', function() zi.job.start({ argv = { 'sleep', '1000' } }) end)\n\
                it('tidies up', function()\n\
                local task = zi.task.every(1000, function() end)\n\
                zi.on('session_shutdown', function() task:cancel() end) end)";
    let done = zi(spec).run();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    for leak in [
        "a_spec: task zi.task.spawn (a_spec.lua:2)",
        "a_spec: task zi.task.every (a_spec.lua:4)",
        "a_spec: job sleep 1000",
    ] {
        assert!(done.stdout.contains(leak), "{leak:?} is not in {}", done.stdout);
    }
    assert_eq!(last_line(&done), "1 passed, 3 failed");
}

#[test]
fn the_filter_and_the_list_show_titles() {
    let spec = "describe('one', function() it('is red', function() end) end)\n\
                it('is blue', function() fail('no') end)";
    let done = zi(spec).args(["--filter", "one is"]).run();
    assert_eq!((done.code, last_line(&done)), (Some(0), "1 passed, 0 failed"));
    let done = zi(spec).arg("--list").run();
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    assert_eq!(done.stdout, "spec/a_spec.lua: one is red\nspec/a_spec.lua: is blue\n");
    let done = zi(spec).args(["--filter", "green"]).run();
    assert_eq!(done.code, Some(2));
    assert!(done.stderr.contains("no test has `green` in its title"));
}

const OUTCOMES: &str = "it('works', function() end)\nit('breaks <it> #1', function() fail('a & b') end)\n\
                        pending('later')";

#[test]
fn tap_has_a_point_for_each_test() {
    let done = zi(OUTCOMES).arg("--tap").run();
    assert_eq!(done.code, Some(1), "{}", done.stderr);
    assert_eq!(
        done.stdout,
        "TAP version 14\n\
         ok 1 - spec/a_spec.lua: works\n\
         not ok 2 - spec/a_spec.lua: breaks <it> \\#1\n  \
           ---\n  \
           message: |\n    \
             spec/a_spec.lua:2\n    \
             a & b\n  \
           ...\n\
         ok 3 - spec/a_spec.lua: later # SKIP\n\
         1..3\n"
    );
}

#[test]
fn junit_goes_into_a_file_beside_the_text() {
    let zi = zi(OUTCOMES).args(["--junit", "out.xml"]);
    let path = zi.cwd().join("out.xml");
    let keep = zi.another();
    let done = zi.run();
    assert_eq!((done.code, last_line(&done)), (Some(1), "1 passed, 1 failed, 1 skipped"));
    let xml = std::fs::read_to_string(path).expect("the file is there");
    for part in [
        "<testsuite name=\"spec/a_spec.lua\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\"",
        "name=\"breaks &lt;it&gt; #1\"",
        "<failure message=\"a &amp; b\">spec/a_spec.lua:2&#10;a &amp; b</failure>",
        "<skipped/>",
    ] {
        assert!(xml.contains(part), "{part:?} is not in {xml}");
    }
    drop(keep);
}

#[test]
fn the_extension_beside_a_spec_is_loaded_by_itself() {
    let tool = |says: &str| {
        format!(
            "zi.tool({{ name = 'mine', description = 'd', parameters = {{}}, \
             execute = function() return require('words').{says} end }})"
        )
    };
    let spec = |says: &str| {
        format!("it('says it', function() expect(zi.test.tool('mine').text):is('{says}') end)")
    };
    let done = Zi::new(env!("CARGO_BIN_EXE_zi"))
        .args(["test", "."])
        .file("folder/init.lua", tool("whole"))
        .file("folder/lua/words.lua", "return { whole = 'whole' }")
        .file("folder/spec/deep/x_spec.lua", spec("whole"))
        .file("flat.lua", tool("whole").replace("require('words').whole", "'flat'"))
        .file("flat_spec.lua", spec("flat"))
        .file("many/one.lua", tool("whole").replace("require('words').whole", "'one'"))
        .file("many/two/init.lua", tool("two"))
        .file("many/two/lua/words.lua", "return { two = 'two' }")
        .file("many/spec/one_spec.lua", spec("one"))
        .file("many/spec/two_spec.lua", spec("two"))
        .run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
    assert_eq!(last_line(&done), "4 passed, 0 failed");
}

#[test]
fn an_extension_of_a_bundled_name_stands_for_the_bundled_one() {
    let done = Zi::new(env!("CARGO_BIN_EXE_zi"))
        .args(["test", "tool-ls_spec.lua"])
        .file("tool-ls.lua", "-- registers nothing")
        .file(
            "tool-ls_spec.lua",
            "it('is gone', function() expect(zi.test.tool('ls').text):contains('There is no tool') end)",
        )
        .run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

#[test]
fn specs_see_nothing_of_the_user() {
    let spec = "it('is alone', function()\n\
                expect(zi.env('MY_TOKEN')):is_nil()\n\
                expect(zi.dirs.config):never():contains(zi.env('USERS_HOME'))\n\
                expect(zi.env('HOME')):never():is(zi.env('USERS_HOME'))\n\
                expect(zi.test.tool('shout').text):contains('There is no tool')\n\
                end)";
    let extension =
        "zi.tool({ name = 'shout', description = 'd', parameters = {}, execute = print })";
    let zi = zi(spec).home_file("extensions/shout.lua", extension).env("MY_TOKEN", "secret");
    let home = zi.home().to_owned();
    let done = zi.env("USERS_HOME", home).run();
    assert_eq!(done.code, Some(0), "{}{}", done.stdout, done.stderr);
}

#[test]
fn wrong_usage_exits_with_2() {
    for (args, text) in [
        (vec!["absent"], "cannot look for specs in `absent`"),
        (vec!["empty"], "there is no `*_spec.lua` below `empty`"),
        (vec!["--timeout", "0"], "it must be from 0.01 to 86400"),
        (vec!["--tapp"], "--tapp"),
    ] {
        let done = zi("it('x', function() end)").file("empty/x.lua", "").args(&args).run();
        assert_eq!(done.code, Some(2), "{args:?}: {}", done.stderr);
        assert!(done.stderr.contains(text), "{args:?}: {}", done.stderr);
    }
}

#[test]
fn watching_runs_again_when_a_file_changes() {
    let zi = zi("it('works', function() end)").arg("--watch");
    let path = zi.cwd().join("spec/a_spec.lua");
    let running = zi.start();
    running.wait_for_stdout("waiting for a change");
    std::fs::write(path, "it('works no more', function() fail('no') end)").expect("it writes");
    running.wait_for_stdout("FAILED  spec/a_spec.lua: works no more");
    running.signal("INT");
    assert_eq!(running.wait().code, Some(130));
}
