//! `zi ext` from the outside: what it shows, what it installs, and what it refuses.

use std::{
    fs,
    io::{Cursor, Write as _},
    net::TcpListener,
    os::unix::fs::{PermissionsExt as _, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use zi_testkit::{Done, Zi};

fn zi() -> Zi {
    Zi::new(env!("CARGO_BIN_EXE_zi")).env("ZI_DEMO_DELAY_MS", "0")
}

/// Runs `zi ext …` in the folders of `base`.
fn ext(base: &Zi, args: &[&str]) -> Done {
    base.another().arg("ext").args(args).run()
}

/// The same, which must go well.
fn ok(base: &Zi, args: &[&str]) -> String {
    let done = ext(base, args);
    assert_eq!(done.code, Some(0), "{args:?}: {}{}", done.stdout, done.stderr);
    done.stdout
}

/// The same, which must fail with this code and say this.
fn fails(base: &Zi, args: &[&str], code: i32, says: &str) {
    let done = ext(base, args);
    assert_eq!(done.code, Some(code), "{args:?}: {}{}", done.stdout, done.stderr);
    assert!(done.stderr.contains(says), "{args:?}: {:?} is not in {}", says, done.stderr);
}

fn list(base: &Zi, args: &[&str]) -> Vec<Value> {
    let all: Vec<&str> = ["list", "--json"].iter().chain(args).copied().collect();
    let text = ok(base, &all);
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{err} in {text}"))
}

/// The one row of an id whose source is this.
fn row(rows: &[Value], id: &str, source: &str) -> Value {
    let mut found = rows.iter().filter(|row| row["id"] == id && row["source"] == source);
    let one = found.next().unwrap_or_else(|| panic!("no {source} `{id}` in {rows:?}"));
    assert!(found.next().is_none(), "two rows of `{id}`");
    one.clone()
}

/// A tool, and a mark that its file was run.
fn tool(name: &str) -> String {
    format!(
        "zi.tool({{ name = {name:?}, description = \"d\", parameters = {{}}, execute = function() end }})\n"
    )
}

fn tools(base: &Zi) -> String {
    base.another().arg("--list-tools").run().stdout
}

/// Every file and folder below `dir`, hidden ones too.
fn everything(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            let inside = everything(&entry.path());
            found.extend(inside.into_iter().map(|path| format!("{name}/{path}")));
        }
        found.push(name);
    }
    found.sort();
    found
}

fn installed(base: &Zi) -> Vec<String> {
    everything(&base.home().join("extensions"))
}

fn lock(base: &Zi) -> Value {
    let text = fs::read(base.home().join("extensions.lock.json")).expect("there is a lock");
    serde_json::from_slice(&text).expect("it is JSON")
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

// Listing -----------------------------------------------------------------------------------------

#[test]
fn the_list_names_every_state_and_the_line_of_each_error() {
    let base = zi()
        .home_file("extensions/good.lua", format!("-- version: 1.2\n{}", tool("good")))
        .home_file("extensions/off.lua", tool("off"))
        .home_file("extensions/quiet.lua", "-- enabled: false\nerror('it ran')")
        .home_file("extensions/syntax.lua", "local x = 1\nlocal y = = 2\n")
        .home_file("extensions/raises/init.lua", "\n\nerror('no luck')")
        .home_file("extensions/manifest/init.lua", "")
        .home_file("extensions/manifest/extension.json", "{ nope")
        .home_file("extensions/tool-read.lua", tool("read"))
        .file(".zi/extensions/theirs.lua", tool("theirs"))
        .file("given.lua", tool("given"))
        .file("distro/extensions/shipped.lua", tool("shipped"))
        .file("distro/extensions/good.lua", "error('it is shadowed')");
    ok(&base, &["disable", "off"]);
    let system = base.cwd().join("distro");
    let shown = base.another().env("ZI_SYSTEM_DIR", &system).args(["ext", "list"]).run();
    assert_eq!(shown.code, Some(0), "{}", shown.stderr);
    let line = |start: &str| {
        let words: Vec<&str> = start.split(' ').collect();
        let is_it =
            |line: &&str| line.split_whitespace().take(words.len()).eq(words.iter().copied());
        let mut lines = shown.stdout.lines().filter(is_it);
        lines.next().unwrap_or_else(|| panic!("no {start:?} in {}", shown.stdout)).to_owned()
    };
    let home = base.home().display().to_string();
    assert!(line("good 1.2 user enabled").contains(&format!("{home}/extensions/good.lua")));
    line("off - user disabled");
    line("quiet - user disabled");
    line("shipped - system enabled");
    line("loop - builtin enabled");
    assert!(line("syntax - user broken").contains("extensions/syntax.lua:2:"));
    assert!(line("raises - user broken").contains("raises/init.lua:3: no luck"));
    assert!(line("manifest - user broken").contains("extension.json` is not JSON"));
    assert!(line("good - system shadowed").ends_with(&format!("by {home}/extensions/good.lua")));
    assert!(line("tool-read - builtin shadowed").contains("by "));
    assert!(!shown.stdout.contains("theirs"), "the project is not trusted");
    assert!(shown.stderr.contains(".zi` is not trusted"), "{}", shown.stderr);

    let rows = list(&base, &["--trust", "-e", "given.lua"]);
    assert_eq!(row(&rows, "theirs", "project")["state"], "enabled");
    assert_eq!(row(&rows, "given", "explicit")["state"], "enabled");
    let broken = row(&rows, "syntax", "user");
    assert!(broken["error"].as_str().is_some_and(|text| text.contains("syntax.lua:2:")));
    assert!(broken.get("tools").is_none(), "a broken one has registered nothing: {broken}");
    assert!(!base.home().join("state/sessions").exists(), "a list keeps no session");
}

#[test]
fn the_figures_of_the_list_are_measured() {
    let lua = format!(
        "{}{}zi.command({{ name = 'c', description = 'd', handler = function() end }})\n\
         for _, name in ipairs({{ 'turn_start', 'turn_end', 'turn_end' }}) do zi.on(name, print) end\n\
         kept = ('x'):rep(5000000)\n\
         local start = os.clock()\nwhile os.clock() - start < 0.05 do end\n",
        tool("one"),
        tool("two")
    );
    let base =
        zi().home_file("extensions/busy.lua", lua).home_file("extensions/idle.lua", "").home_file(
            "state/logs/busy.log",
            "2026-01-01T00:00:00Z error one\n  a traceback with error in it\n\
             2026-01-01T00:00:00Z info an error\n2026-01-01T00:00:00Z error two\n",
        );
    let rows = list(&base, &[]);
    let (busy, idle) = (row(&rows, "busy", "user"), row(&rows, "idle", "user"));
    for (field, count) in [("tools", 2), ("commands", 1), ("handlers", 3), ("errors", 2)] {
        assert_eq!((busy[field].as_u64(), idle[field].as_u64()), (Some(count), Some(0)), "{field}");
    }
    let number = |row: &Value, field: &str| row[field].as_f64().unwrap_or(0.0);
    assert!(number(&busy, "memory") - number(&idle, "memory") > 4.9e6, "{busy} {idle}");
    assert!(number(&busy, "load_ms") >= 20.0 && number(&idle, "load_ms") > 0.0, "{busy} {idle}");
    let shown = ok(&base, &["list", "--verbose"]);
    let line = shown.lines().find(|line| line.starts_with("busy ")).expect("it is there");
    let words: Vec<&str> = line.split_whitespace().collect();
    assert_eq!(words[8..12], ["2", "1", "3", "2"], "{line}");
}

// Beginning ---------------------------------------------------------------------------------------

#[test]
fn a_new_extension_loads_and_works() {
    let base = zi();
    let said = ok(&base, &["new", "hello-you"]);
    let folder = base.home().join("extensions/hello-you");
    let spec = folder.join("spec/hello-you_spec.lua");
    for path in [&folder.join("init.lua"), &spec] {
        assert!(path.is_file() && said.contains(&path.display().to_string()), "{said}");
    }
    let row = row(&list(&base, &[]), "hello-you", "user");
    assert_eq!(
        (&row["state"], &row["tools"], &row["commands"]),
        (&json!("enabled"), &json!(1), &json!(1))
    );
    assert_eq!(row["version"], "0.1.0");
    let run = base.another().args(["--model", "demo", "-p", "/hello-you bob"]).run();
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert!(ok(&base, &["logs", "hello-you"]).contains("info hello, bob"));
    let text = fs::read_to_string(spec).expect("it reads");
    for word in ["describe(\"hello-you\"", "it(\"", "expect(", "):equals("] {
        assert!(text.contains(word), "{word} is not in {text}");
    }

    fs::write(folder.join("init.lua"), "-- mine").expect("it writes");
    fails(&base, &["new", "hello-you"], 1, "is there already");
    assert_eq!(fs::read(folder.join("init.lua")).expect("it reads"), b"-- mine");
    let elsewhere = ok(&base, &["new", "other", "--dir", "./work"]);
    let shown = base.cwd().join("work/other").display().to_string();
    assert!(elsewhere.contains(&format!("zi -e {shown} ")), "{elsewhere}");
    assert!(base.cwd().join("work/other/init.lua").is_file());
    fails(&base, &["new", "other", "--dir", "work"], 1, "is there already");
}

#[test]
fn bad_names_make_nothing() {
    let base = zi();
    for name in ["", "Hello", "-x", "a b", "../x", "a/b", "a.b", ".x", "init", "ä"] {
        fails(&base, &["new", "--", name], 2, "cannot be the name");
    }
    fails(&base, &["new", "loop"], 2, "zi ext eject loop");
    fails(&base, &["new"], 2, "NAME");
    assert!(installed(&base).is_empty() && everything(base.cwd()).is_empty());
}

// Installing --------------------------------------------------------------------------------------

/// A tar of files, with names as they are given.
fn tar(entries: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, kind, content) in entries {
        let mut header = tar::Header::new_gnu();
        let bytes = header.as_old_mut();
        bytes.name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(*kind);
        header.set_mode(0o4755);
        let is_link = matches!(kind, tar::EntryType::Symlink | tar::EntryType::Link);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content.as_bytes());
        }
        let content = if is_link { "" } else { content };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content.as_bytes()).expect("it is added");
    }
    builder.into_inner().expect("it ends")
}

fn file<'a>(name: &'a str, content: &'a str) -> (&'a str, tar::EntryType, &'a str) {
    (name, tar::EntryType::Regular, content)
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("it packs");
    encoder.finish().expect("it ends")
}

fn zip(entries: &[(&str, u32, &str)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated);
        if *mode == 0o120_777 {
            writer.add_symlink(*name, *content, options).expect("it is added");
        } else {
            writer.start_file(*name, options.unix_permissions(*mode)).expect("it is added");
            writer.write_all(content.as_bytes()).expect("it is written");
        }
    }
    writer.finish().expect("it ends").into_inner()
}

#[test]
fn files_folders_and_archives_are_copied_and_never_run() {
    let base = zi();
    let marker = base.cwd().join("it-ran");
    let lua = format!("io.open({:?}, 'w'):close()\n{}", marker.display().to_string(), tool("own"));
    let module = "return 1\n";
    let packed = tar(&[
        ("pack-1.0/", tar::EntryType::Directory, ""),
        file("pack-1.0/init.lua", &lua),
        file("pack-1.0/lua/m.lua", module),
        ("pack-1.0/alias.lua", tar::EntryType::Symlink, "lua/m.lua"),
    ]);
    let base = base
        .file("single.lua", &lua)
        .file("folder/init.lua", &lua)
        .file("folder/lua/m.lua", module)
        .file("folder/.git/config", "[core]")
        .file("folder/.zi-types/zi.lua", "---@meta")
        .file("packed.tar", &packed)
        .file("packed.tar.gz", gz(&packed))
        .file("zipped.zip", zip(&[("init.lua", 0o644, &lua), ("lua/m.lua", 0o644, module)]));
    symlink("lua/m.lua", base.cwd().join("folder/alias.lua")).expect("it links");
    for (source, id, name) in [
        ("single.lua", "single", None),
        ("folder", "folder", None),
        ("packed.tar", "packed", None),
        ("packed.tar.gz", "gz", Some("gz")),
        ("zipped.zip", "zipped", None),
    ] {
        let mut args = vec!["install", source];
        args.extend(name.iter().flat_map(|name| ["--name", name]));
        let place = if id == "single" { "single.lua" } else { id };
        let shown = base.home().join("extensions").join(place);
        let said = ok(&base, &args);
        assert!(said.contains(&format!("installed `{id}` to {}\n", shown.display())), "{said}");
        assert!(!marker.exists(), "installing ran the extension");
        let locked = lock(&base)["extensions"][id].clone();
        let entry = if id == "single" { "single.lua" } else { "init.lua" };
        assert_eq!(locked["files"][entry], sha256(&lua), "{locked}");
        assert_eq!(locked["source"]["path"], json!(fs::canonicalize(base.cwd().join(source)).ok()));
        if id != "single" {
            assert_eq!(locked["files"]["lua/m.lua"], sha256(module), "{locked}");
        }
        if matches!(id, "folder" | "packed") {
            let alias = base.home().join("extensions").join(id).join("alias.lua");
            let kind = fs::symlink_metadata(&alias).expect("it is there").file_type();
            assert!(kind.is_file(), "a link inside becomes a copy");
            assert_eq!(locked["files"]["alias.lua"], sha256(module), "{locked}");
        }
        assert_eq!(row(&list(&base, &[]), id, "user")["state"], "enabled");
        assert!(fs::remove_file(&marker).is_ok(), "a listing loads it");
        fails(&base, &args, 1, "is installed already");
    }
    let init = base.home().join("extensions/packed/init.lua");
    let mode = fs::metadata(init).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o7000, 0, "no set-user-id bit is taken over");
    let left_out = |path: &String| path.contains(".git") || path.contains(".zi-types");
    assert!(!installed(&base).iter().any(left_out), "{:?}", installed(&base));
    assert!(tools(&base).contains("own"));
}

#[test]
fn what_cannot_be_trusted_or_used_leaves_nothing_behind() {
    use tar::EntryType::{Char, Directory, Fifo, Link, Symlink};
    let init = file("init.lua", "");
    let outside = zi();
    let secret = outside.cwd().join("secret.lua");
    fs::write(&secret, "-- secret").expect("it writes");
    let secret = secret.display().to_string();
    let many: Vec<String> = (0..10_001).map(|number| format!("f{number}")).collect();
    let many: Vec<_> = std::iter::once(init).chain(many.iter().map(|it| file(it, ""))).collect();
    let too_large = "\0".repeat(101 << 20);
    let broken_zip = {
        let mut bytes = zip(&[("init.lua", 0o644, ""), ("AAAA.lua", 0o644, "")]);
        // Only the second of its two lists says so.
        let at = bytes.windows(8).rposition(|it| it == b"AAAA.lua").expect("it is there");
        bytes[at..at + 8].copy_from_slice(b"init.lua");
        bytes
    };
    let archives: Vec<(&str, Vec<u8>, i32, &str)> = vec![
        ("a.tar", tar(&[init, file("../x.lua", "")]), 6, "leads outside"),
        ("a.tar", tar(&[init, file("lua/../../x.lua", "")]), 6, "leads outside"),
        ("a.tar", tar(&[init, file("/tmp/x.lua", "")]), 6, "is absolute"),
        ("a.tar", tar(&[init, file("a\\..\\x", "")]), 6, "backslash"),
        ("a.tar", tar(&[init, file("a\u{1b}[2J", "")]), 6, "control"),
        ("a.tar", tar(&[init, ("up", Symlink, "../..")]), 6, "is a link to"),
        ("a.tar", tar(&[init, ("etc", Symlink, &secret)]), 6, "is a link to"),
        (
            "a.tar",
            tar(&[init, ("d", Symlink, "lua"), file("lua/x", ""), file("d/y", "")]),
            6,
            "twice",
        ),
        ("a.tar", tar(&[init, ("hard", Link, &secret)]), 6, "is a link to"),
        ("a.tar", tar(&[init, ("hard", Link, "../secret.lua")]), 6, "is a link to"),
        ("a.tar", tar(&[init, ("null", Char, "")]), 6, "a device"),
        ("a.tar", tar(&[init, ("pipe", Fifo, "")]), 6, "a device"),
        ("a.tar", tar(&[init, init]), 6, "there twice"),
        ("a.tar", tar(&[init, file("Init.lua", "")]), 6, "the same on some"),
        ("a.tar", tar(&many), 6, "more than 10000 files"),
        ("a.tgz", gz(&tar(&[init, file("zeros", &too_large)])), 6, "more than 100 MB"),
        ("a.tgz", gz(&tar(&[init]))[..20].to_vec(), 5, "damaged"),
        ("a.tar", b"this is no archive".repeat(100), 5, "damaged"),
        ("a.zip", b"this is no archive".to_vec(), 5, "damaged"),
        ("a.zip", broken_zip, 5, "damaged"),
        ("a.zip", zip(&[("init.lua", 0o644, ""), ("../x.lua", 0o644, "")]), 6, "leads outside"),
        ("a.zip", zip(&[("init.lua", 0o644, ""), ("l", 0o120_777, &secret)]), 6, "is a link to"),
        ("a.tar", tar(&[("lua", Directory, ""), file("lua/x.lua", "")]), 5, "no `init.lua`"),
        ("a.tar", tar(&[file("init.lua", "local = 1")]), 5, "init.lua:1:"),
        ("a.tar", tar(&[init, file("lua/m.lua", "\nx = = 1")]), 5, "lua/m.lua:2:"),
        ("a.tar", tar(&[init, file("extension.json", "{")]), 5, "is not JSON"),
        ("a.tar", tar(&[file("init.lua", &" ".repeat(1_048_577))]), 5, "larger than 1 MiB"),
        ("a.tar", tar(&[file("init.lua", "\u{1b}Lua\u{0}")]), 5, "cannot be installed"),
        ("A.tar", tar(&[init]), 2, "cannot be the name"),
    ];
    let base = zi();
    for (name, bytes, code, says) in archives {
        fs::write(base.cwd().join(name), bytes).expect("it writes");
        fails(&base, &["install", name], code, says);
        assert!(installed(&base).is_empty(), "{says}: {:?}", installed(&base));
        assert!(!base.home().join("extensions.lock.json").exists(), "{says}");
        assert!(!base.cwd().join("x.lua").exists() && !Path::new("/tmp/x.lua").exists());
    }
    let base = base.file("linked/init.lua", "").file("empty/readme.md", "").file("x.txt", "");
    symlink(&secret, base.cwd().join("linked/m.lua")).expect("it links");
    for (source, code, says) in [
        ("linked", 6, "is a link to"),
        ("empty", 5, "no `init.lua`"),
        ("x.txt", 2, "is no `.lua` file"),
        ("no-such-thing", 2, "no file or folder"),
        ("ext::sh -c 'touch it-ran'", 2, "no git address"),
        ("https://me:secret@127.0.0.1/x.git", 2, "holds a password"),
        ("file:///no/such/repository", 1, "does not appear to be a git repository"),
    ] {
        fails(&base, &["install", source], code, says);
        assert!(installed(&base).is_empty(), "{says}: {:?}", installed(&base));
    }
    assert!(!base.cwd().join("it-ran").exists());
}

#[test]
fn an_extension_that_is_there_is_never_overwritten() {
    let base = zi()
        .home_file("extensions/mine.lua", "-- mine")
        .file("mine.lua", "-- theirs")
        .file("mine/init.lua", "-- theirs");
    for source in ["mine.lua", "./mine"] {
        fails(&base, &["install", source], 1, "is there already");
    }
    assert_eq!(installed(&base), ["mine.lua"]);
    let text = fs::read(base.home().join("extensions/mine.lua")).expect("it reads");
    assert_eq!(text, b"-- mine");
    ok(&base, &["install", "mine.lua", "--name", "theirs"]);
    assert_eq!(installed(&base), ["mine.lua", "theirs.lua"]);
}

#[test]
fn one_process_at_a_time_changes_the_extensions() {
    let base = zi().file("x.lua", "").home_file("state/extensions.lock", "");
    let held = fs::File::open(base.home().join("state/extensions.lock")).expect("it opens");
    held.lock().expect("nobody else has it");
    fails(&base, &["install", "x.lua"], 1, "another `zi ext`");
    drop(held);
    fs::create_dir_all(base.home().join("extensions/.zi-staging-old/files")).expect("it is made");
    ok(&base, &["install", "x.lua"]);
    assert_eq!(installed(&base), ["x.lua"], "what a killed process left is swept up");
}

// Git ---------------------------------------------------------------------------------------------

/// A repository in `dir`, with files.
struct Repository(PathBuf);

impl Repository {
    fn new(dir: PathBuf) -> Self {
        fs::create_dir_all(&dir).expect("it is made");
        let repository = Self(dir);
        repository.git(&["init", "-q", "-b", "main"]);
        repository
    }

    fn git(&self, args: &[&str]) -> String {
        let who =
            ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "core.hooksPath=/dev/null"];
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.0).args(who).args(args);
        let done = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().expect("git is there");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).trim().to_owned()
    }

    /// Commits `files` and returns the commit.
    fn commit(&self, files: &[(&str, &str)]) -> String {
        for (name, text) in files {
            let path = self.0.join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("it is made");
            fs::write(path, text).expect("it writes");
        }
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "m"]);
        self.git(&["rev-parse", "HEAD"])
    }

    fn url(&self) -> String {
        format!("file://{}", self.0.display())
    }

    fn at(&self, rev: &str) -> String {
        format!("{}@{rev}", self.url())
    }
}

#[test]
fn a_git_revision_is_installed_and_nothing_of_git_runs_or_stays() {
    let base = zi();
    let marker = base.cwd().join("a-hook-ran");
    let hook = format!("#!/bin/sh\ntouch {}\n", marker.display());
    let base = base.file("hooks/post-checkout", &hook).file("hooks/reference-transaction", &hook);
    for name in ["post-checkout", "reference-transaction"] {
        let path = base.cwd().join("hooks").join(name);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("it runs");
    }
    let config = format!("[core]\n\thooksPath = {}\n", base.cwd().join("hooks").display());
    let base = base.home_file(".gitconfig", config);
    let repository = Repository::new(base.cwd().join("greet.git"));
    let first = repository.commit(&[("init.lua", "-- first")]);
    repository.git(&["tag", "v1"]);
    let second = repository.commit(&[("init.lua", "-- second")]);
    for (name, source, commit, text) in [
        ("greet", repository.url(), &second, "-- second"),
        ("by-tag", repository.at("v1"), &first, "-- first"),
        ("by-branch", repository.at("main"), &second, "-- second"),
        ("by-commit", repository.at(&first), &first, "-- first"),
        ("by-part", repository.at(&first[..8]), &first, "-- first"),
        ("by-path", "greet.git@v1".to_owned(), &first, "-- first"),
    ] {
        let name_args: &[&str] = if name == "greet" { &[] } else { &["--name", name] };
        ok(&base, &[&["install", &source], name_args].concat());
        let entry = base.home().join("extensions").join(name).join("init.lua");
        assert_eq!(fs::read_to_string(entry).expect("it is there"), text, "{name}");
        let locked = lock(&base)["extensions"][name].clone();
        assert_eq!(locked["commit"], json!(commit), "{name}");
        assert_eq!(locked["source"]["kind"], "git");
    }
    assert!(!marker.exists(), "a hook ran");
    let before = installed(&base);
    assert!(!before.iter().any(|path| path.contains(".git") || path.contains(".zi-")));
    fails(&base, &["install", &repository.at("v9"), "--name", "x"], 1, "no revision `v9`");
    fails(&base, &["install", &repository.at("--x"), "--name", "x"], 2, "git revision");
    assert_eq!(installed(&base), before);
}

#[test]
fn of_a_repository_with_several_all_or_one_are_installed() {
    let base = zi();
    let repository = Repository::new(base.cwd().join("several"));
    repository.commit(&[
        ("extensions/one.lua", "-- one"),
        ("extensions/two/init.lua", "-- two"),
        ("extensions/two/lua/m.lua", "return 2"),
        ("extensions/notes.md", "no extension"),
        ("lua/shared.lua", "return 3"),
    ]);
    fails(&base, &["install", &repository.url(), "--name", "tow"], 2, "did you mean `two`");
    let said = ok(&base, &["install", &repository.url(), "--name", "two"]);
    assert!(said.contains("a `lua/` of its own"), "{said}");
    assert_eq!(installed(&base), ["two", "two/init.lua", "two/lua", "two/lua/m.lua"]);
    fails(&base, &["install", &repository.url()], 1, "`two` is installed already");
    assert!(!installed(&base).contains(&"one.lua".to_owned()), "one of them alone was installed");
    ok(&base, &["remove", "two", "--yes"]);
    ok(&base, &["install", &repository.url()]);
    assert_eq!(installed(&base).len(), 5);
    ok(&base, &["remove", "one", "--yes"]);
    ok(&base, &["remove", "two", "--yes"]);
    repository.commit(&[("extensions/two/init.lua", "two = = 2")]);
    fails(&base, &["install", &repository.url()], 5, "`two` cannot be installed: init.lua:1:");
    assert!(installed(&base).is_empty() && lock(&base)["extensions"] == json!({}));
}

#[test]
fn an_interrupted_download_leaves_nothing_behind() {
    let server = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("git://{}/x.git", server.local_addr().expect("it has one"));
    let base = zi();
    let running = base.another().args(["ext", "install", &url]).start();
    // It is asked, and says nothing.
    let (_connection, _) = server.accept().expect("git asks");
    running.signal("INT");
    let done = running.wait();
    assert_eq!(done.code, Some(130), "{}", done.stderr);
    assert!(installed(&base).is_empty(), "{:?}", installed(&base));
}

// Updating ----------------------------------------------------------------------------------------

#[test]
fn an_update_is_shown_then_asked_for_then_made() {
    let base = zi();
    let repository = Repository::new(base.cwd().join("greet"));
    let first = repository.commit(&[("init.lua", "-- one\n"), ("lua/old.lua", "return 1\n")]);
    repository.git(&["tag", "v1"]);
    ok(&base, &["install", &repository.at("v1")]);
    assert!(ok(&base, &["update"]).contains("`greet` is up to date"));
    fs::remove_file(repository.0.join("lua/old.lua")).expect("it goes");
    let second = repository.commit(&[("init.lua", "-- two\n"), ("lua/new.lua", "return 2\n")]);
    assert!(ok(&base, &["update", "greet"]).contains("is up to date"), "the tag did not move");
    repository.git(&["tag", "-f", "v1"]);
    let asked = ext(&base, &["update", "greet"]);
    assert_eq!(asked.code, Some(2));
    assert!(asked.stderr.contains("`--yes`"), "{}", asked.stderr);
    for part in [
        "--- a/greet/init.lua\n+++ b/greet/init.lua\n",
        "-",
        "\n--- one\n+-- two\n",
        "+++ /dev/null",
        "+return 2",
        &first[..12],
        &second[..12],
        "`v1` names another commit",
    ] {
        assert!(asked.stdout.contains(part), "{part:?} is not in {}", asked.stdout);
    }
    let entry = base.home().join("extensions/greet/init.lua");
    assert_eq!(fs::read(&entry).expect("it is there"), b"-- one\n");
    assert!(ok(&base, &["update", "--yes"]).contains("updated `greet`"));
    assert_eq!(fs::read(&entry).expect("it is there"), b"-- two\n");
    assert_eq!(installed(&base), ["greet", "greet/init.lua", "greet/lua", "greet/lua/new.lua"]);
    assert_eq!(lock(&base)["extensions"]["greet"]["commit"], json!(second));
    assert_eq!(row(&list(&base, &[]), "greet", "user")["state"], "enabled");

    repository.commit(&[("init.lua", "x = = 1")]);
    repository.git(&["tag", "-f", "v1"]);
    fails(&base, &["update", "--yes"], 5, "init.lua:1:");
    assert_eq!(fs::read(&entry).expect("it is there"), b"-- two\n");
    fails(&base, &["update", "gret"], 2, "did you mean `greet`");
    fails(&base, &["update", "loop"], 2, "was not installed with");
}

#[test]
fn an_update_shows_what_it_newly_registers_and_runs_nothing_else_of_it() {
    let base = zi();
    let repository = Repository::new(base.cwd().join("greet"));
    let marker = base.cwd().join("it-ran").display().to_string();
    let nothing = "function() end";
    let common = "zi.on('turn_end', print)\nzi.tool({ name = 'keep', description = 'd', parameters \
                  = {}, execute = print })\n";
    let gone = format!(
        "zi.command({{ name = 'old', description = 'd', handler = {nothing} }})\n\
         zi.provider('corp', {{ api = 'openai-chat', base_url = 'https://corp.test' }})\n"
    );
    repository.commit(&[("init.lua", &format!("{common}{gone}"))]);
    ok(&base, &["install", &repository.url()]);

    // It tries to act while it loads, and what would act in a handler is not called.
    let module = format!(
        "local M = {{}}\nstring.find = function() end\n\
         M.tries = {{ pcall(io.open, {marker:?}, 'w'), pcall(os.execute, 'touch {marker}'),\n\
         pcall(zi.fs.write, {marker:?}, 'x'), pcall(zi.spawn, {{ 'touch', {marker:?} }}) }}\n\
         function M.act() io.open({marker:?}, 'w'):close() end\nreturn M\n"
    );
    let new = format!(
        "{common}local acting = require('acting')\n\
         zi.on('tool_call', acting.act)\n\
         zi.tool({{ name = 'deploy', description = 'd', kind = 'shell', parameters = {{}}, execute = acting.act }})\n\
         zi.command({{ name = 'new', aliases = {{ 'n' }}, description = 'd', handler = acting.act }})\n\
         zi.provider('corp', {{ api = 'corp-chat', base_url = 'https://elsewhere.test\\n  + event `x`' }})\n\
         zi.api('corp-chat', {{ stream = acting.act }})\n\
         zi.flag({{ name = 'fast' }})\n\
         zi.keymap('ctrl+g', acting.act)\n"
    );
    repository.commit(&[("init.lua", &new), ("lua/acting.lua", &module)]);
    let asked = ext(&base, &["update"]);
    let (_, rows) = asked
        .stdout
        .split_once("what it registers changes:\n")
        .unwrap_or_else(|| panic!("{}{}", asked.stdout, asked.stderr));
    let rows: Vec<&str> = rows.lines().filter(|line| line.starts_with("  ")).collect();
    let expected = [
        "  + command `/n`",
        "  + command `/new`",
        "  + event `tool_call`",
        "  + flag `--fast`",
        "  + key `ctrl+g`",
        "  + provider `corp` at https://elsewhere.test\u{23ce}  + event `x`",
        "  + tool `deploy`, kind shell",
        "  + wire adapter `corp-chat`",
        "  - command `/old`",
        "  - provider `corp` at https://corp.test",
    ];
    assert_eq!(rows, expected, "{}", asked.stdout);
    assert!(!Path::new(&marker).exists(), "comparing ran the extension");
    let entry = base.home().join("extensions/greet/init.lua");
    assert!(fs::read_to_string(&entry).expect("it is there").contains("'old'"), "nothing changed");

    ok(&base, &["update", "--yes"]);
    repository.commit(&[("notes.md", "words")]);
    assert!(ok(&base, &["update", "--yes"]).contains("it registers what it did before"));
    repository.commit(&[("init.lua", "\nerror('no luck')")]);
    let told = ok(&base, &["update", "--yes"]);
    assert!(told.contains("it does not load: init.lua:2: no luck"), "{told}");
}

#[test]
fn when_one_update_fails_none_is_made() {
    let base = zi().file("a.lua", "-- a1").file("b.lua", "-- b1");
    ok(&base, &["install", "a.lua"]);
    ok(&base, &["install", "b.lua"]);
    let base = base.file("a.lua", "-- a2");
    fs::remove_file(base.cwd().join("b.lua")).expect("it goes");
    fails(&base, &["update", "--yes"], 1, "b.lua");
    let a = base.home().join("extensions/a.lua");
    assert_eq!(fs::read(&a).expect("it is there"), b"-- a1");
    ok(&base, &["update", "a", "--yes"]);
    assert_eq!(fs::read(&a).expect("it is there"), b"-- a2");
    assert_eq!(installed(&base), ["a.lua", "b.lua"]);
}

#[test]
fn what_differs_from_the_lock_is_not_loaded_until_it_is_settled() {
    let base = zi().file("own/init.lua", tool("own")).file("own/lua/m.lua", "return 1");
    ok(&base, &["install", "own"]);
    assert!(tools(&base).contains("own"));
    let place = base.home().join("extensions/own");
    let write = |name: &str| fs::write(place.join(name), "x").expect("it writes");
    let tampers: [(&str, &dyn Fn()); 4] = [
        ("`lua/m.lua` was changed", &|| write("lua/m.lua")),
        ("`lua/n.lua` was added", &|| write("lua/n.lua")),
        ("`lua/m.lua` is missing", &|| fs::remove_file(place.join("lua/m.lua")).expect("it goes")),
        ("is not at", &|| fs::remove_dir_all(&place).expect("it goes")),
    ];
    for (says, tamper) in tampers {
        tamper();
        let run = base.another().args(["--model", "demo", "-p", "hi"]).run();
        assert_eq!(run.code, Some(0), "zi starts all the same: {}", run.stderr);
        for part in [says, "zi ext update own --force"] {
            assert!(run.stderr.contains(part), "{part:?} is not in {}", run.stderr);
        }
        assert!(!tools(&base).contains("own"), "{says}");
        let row = row(&list(&base, &[]), "own", "user");
        assert!(row["state"] == "broken" && row["error"].to_string().contains(says), "{row}");
        fails(&base, &["update", "--yes"], 6, "is not what was installed");
        ok(&base, &["update", "--yes", "--force"]);
        assert!(tools(&base).contains("own"), "{says}");
    }
    fs::write(place.join("lua/m.lua"), "return 2").expect("it writes");
    ok(&base, &["disable", "own"]);
    let run = base.another().args(["--model", "demo", "-p", "hi"]).run();
    assert_eq!(run.stderr, "", "what is not to load is not told of");
    ok(&base, &["enable", "own"]);
    assert!(ok(&base, &["accept", "own"]).contains("`lua/m.lua` was changed"));
    assert!(tools(&base).contains("own"));
    fs::write(place.join(".swap"), "an editor's").expect("it writes");
    assert!(tools(&base).contains("own"), "hidden files of others do not count");
    fails(&base, &["accept", "onw"], 2, "did you mean `own`");
}

#[test]
fn a_lock_that_cannot_be_read_is_told_and_never_overwritten() {
    let base = zi()
        .home_file("extensions/own.lua", tool("own"))
        .home_file("extensions.lock.json", "{ nope")
        .file("x.lua", "");
    let run = base.another().args(["--model", "demo", "-p", "hi"]).run();
    assert_eq!(run.code, Some(0));
    assert!(run.stderr.contains("are not checked"), "{}", run.stderr);
    assert!(tools(&base).contains("own"));
    fails(&base, &["install", "x.lua"], 5, "is no lock file");
    let bad = r#"{"version":1,"extensions":{"x":{"source":{"kind":"file","path":"/x"},"place":"../settings.json","files":{}}}}"#;
    let base = base.home_file("extensions.lock.json", bad).home_file("settings.json", "{}");
    fails(&base, &["remove", "x", "--yes"], 5, "is no lock file");
    assert!(base.home().join("settings.json").exists());
}

// Switching and removing --------------------------------------------------------------------------

#[test]
fn a_disabled_extension_stays_and_is_not_loaded() {
    let base = zi().home_file("extensions/own.lua", tool("own")).file("x.lua", tool("explicit"));
    ok(&base, &["disable", "own"]);
    ok(&base, &["disable", "tool-bash"]);
    assert!(!tools(&base).contains("own") && !tools(&base).contains("tool-bash"));
    assert!(base.home().join("extensions/own.lua").exists());
    let file = base.home().join("state/extensions.json");
    let mode = fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let safe = base.another().args(["--safe-mode", "--list-tools"]).run();
    assert!(safe.stdout.contains("tool-bash"), "the bundle alone always comes up");
    ok(&base, &["disable", "own"]);
    ok(&base, &["enable", "own"]);
    ok(&base, &["enable", "tool-bash"]);
    assert!(tools(&base).contains("own") && tools(&base).contains("tool-bash"));
    fails(&base, &["disable", "onw"], 2, "did you mean `own`");
    fails(&base, &["enable", "tool-bahs"], 2, "did you mean `tool-bash`");
    let base = base.home_file("extensions/quiet.lua", "-- enabled: false");
    fails(&base, &["enable", "quiet"], 1, "quiet.lua");
    let base = base.home_file("state/extensions.json", "{ nope");
    assert!(tools(&base).contains("own"));
    fails(&base, &["disable", "own"], 5, "extensions.json");
}

#[test]
fn removing_deletes_one_extension_and_nothing_else() {
    let base = zi()
        .home_file("extensions/one/init.lua", "")
        .home_file("extensions/one/lua/m.lua", "")
        .home_file("extensions/two.lua", "")
        .home_file("settings.json", "{}")
        .file("elsewhere/init.lua", tool("linked"))
        .file("source.lua", "");
    symlink(base.cwd().join("elsewhere"), base.home().join("extensions/linked")).expect("it links");
    fails(&base, &["remove", "one"], 2, "`--yes`");
    assert!(base.home().join("extensions/one/init.lua").exists());
    ok(&base, &["disable", "one"]);
    ok(&base, &["remove", "one", "--yes"]);
    ok(&base, &["remove", "linked", "--yes"]);
    assert_eq!(installed(&base), ["two.lua"]);
    assert!(base.cwd().join("elsewhere/init.lua").exists(), "what a link points at stays");
    let state = fs::read_to_string(base.home().join("state/extensions.json")).expect("it reads");
    assert!(!state.contains("one"), "{state}");
    for id in ["../settings.json", "..", ".", "", "onee"] {
        fails(&base, &["remove", "--yes", "--", id], 2, "there is no extension");
    }
    fails(&base, &["remove", "tool-bash", "--yes"], 2, "zi ext disable tool-bash");
    ok(&base, &["install", "source.lua"]);
    fs::remove_file(base.home().join("extensions/source.lua")).expect("it goes");
    ok(&base, &["remove", "source", "--yes"]);
    assert_eq!(lock(&base)["extensions"], json!({}));
    assert!(base.home().join("settings.json").exists());
}

// Looking -----------------------------------------------------------------------------------------

#[test]
fn logs_are_shown_and_followed() {
    let lua =
        "zi.command({ name = 'say', description = 'd', handler = function(args) print(args) end })";
    let base = zi().home_file("extensions/talk.lua", lua);
    let say = |text: &str| {
        let prompt = format!("/say {text}");
        let run = base.another().args(["--model", "demo", "-p", &prompt]).run();
        assert_eq!(run.code, Some(0), "{}", run.stderr);
    };
    assert!(ok(&base, &["logs", "talk"]).contains("no log yet"));
    let early = base.another().args(["ext", "logs", "talk", "--follow"]).start();
    say("first");
    early.wait_for_stdout("first");
    say("second");
    let all = ok(&base, &["logs", "talk"]);
    assert!(all.contains("print first") && all.contains("print second"), "{all}");
    let last = ok(&base, &["logs", "talk", "-n", "1"]);
    assert!(last.lines().count() == 1 && last.contains("second"), "{last}");
    let late = base.another().args(["ext", "logs", "talk", "-f", "-n", "0"]).start();
    early.wait_for_stdout("second");
    say("third");
    late.wait_for_stdout("third");
    early.signal("INT");
    late.signal("TERM");
    assert_eq!(early.wait().code, Some(0));
    let late = late.wait();
    assert_eq!(late.code, Some(0));
    assert!(!late.stdout.contains("first"), "{}", late.stdout);
    fails(&base, &["logs", "tlak"], 2, "did you mean `talk`");
}

#[test]
fn an_error_is_in_the_log_of_its_extension() {
    let base = zi().home_file("extensions/bad.lua", "\nerror('no luck')");
    tools(&base);
    assert!(ok(&base, &["logs", "bad"]).contains("bad.lua:2: no luck"));
    assert_eq!(row(&list(&base, &[]), "bad", "user")["errors"], 2, "the list loaded it once more");
}

// The bundle --------------------------------------------------------------------------------------

#[test]
fn an_ejected_extension_is_compared_with_what_it_was() {
    let bundle = zi()
        .file("extensions/greet.lua", "-- version: 1\nlocal a = 1\n")
        .file("extensions/other.lua", "-- other\n");
    let base = zi();
    let run = |args: &[&str]| {
        base.another().env("ZI_BUNDLE_DIR", bundle.cwd()).arg("ext").args(args).run()
    };
    let done = run(&["eject", "greet"]);
    assert_eq!(done.code, Some(0), "{}", done.stderr);
    let own = base.home().join("extensions/greet.lua");
    assert_eq!(fs::read(&own).expect("it is there"), b"-- version: 1\nlocal a = 1\n");
    assert_eq!(
        (run(&["diff", "greet"]).stdout, run(&["diff", "greet"]).stderr),
        Default::default()
    );
    fs::write(&own, "-- version: 1\nlocal a = 2\n").expect("it writes");
    let done = run(&["eject", "greet"]);
    assert!(done.code == Some(1) && done.stderr.contains("zi ext diff greet"), "{}", done.stderr);
    assert_eq!(fs::read(&own).expect("it is there"), b"-- version: 1\nlocal a = 2\n");
    let done = run(&["diff", "greet"]);
    assert!(done.stdout.contains("-local a = 1\n+local a = 2\n"), "{}", done.stdout);
    assert!(done.stderr.is_empty(), "{}", done.stderr);

    fs::write(bundle.cwd().join("extensions/greet.lua"), "-- version: 2\nlocal a = 1\n")
        .expect("it writes");
    let done = run(&["diff", "greet"]);
    assert!(done.stderr.contains("changed since it was ejected"), "{}", done.stderr);
    let since = run(&["diff", "greet", "--since-eject"]).stdout;
    assert!(since.contains("-- version: 1\n+-- version: 2\n"), "{since}");
    assert!(!since.contains("local a = 2"), "{since}");

    for (args, code, says) in [
        (&["eject", "gret"][..], 2, "did you mean `greet`"),
        (&["diff", "gret"], 2, "did you mean `greet`"),
        (&["diff", "other"], 1, "nothing replaces"),
    ] {
        let done = run(args);
        assert_eq!(done.code, Some(code), "{args:?} {}", done.stderr);
        assert!(done.stderr.contains(says), "{args:?}: {}", done.stderr);
    }
    let done = run(&["remove", "greet", "--yes"]);
    assert!(done.stdout.contains("the bundled one is back"), "{}", done.stdout);
}

#[test]
fn help_and_mistakes_are_told_apart() {
    let base = zi();
    let help = ok(&base, &["--help"]);
    for action in [
        "list", "new", "install", "update", "accept", "remove", "enable", "disable", "logs",
        "eject", "diff",
    ] {
        assert!(help.contains(&format!("  {action} ")), "{action} is not in {help}");
        assert!(ok(&base, &[action, "--help"]).contains(&format!("Usage: zi ext {action}")));
    }
    fails(&base, &[], 2, "Usage: zi ext");
    fails(&base, &["instal", "x"], 2, "install");
    fails(&base, &["list", "--jsno"], 2, "--json");
    assert!(everything(base.home()).is_empty(), "help writes nothing");
    assert!(zi().arg("--help").run().stdout.contains("zi ext ACTION"));
}
