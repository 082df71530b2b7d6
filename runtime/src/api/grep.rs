//! `zi.fs`: finding files, and text in them, with ripgrep's own engine.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use globset::{GlobBuilder, GlobMatcher};
use grep_regex::RegexMatcherBuilder;
use grep_searcher::{BinaryDetection, Searcher, SearcherBuilder, Sink, SinkContext, SinkMatch};
use ignore::{WalkBuilder, WalkState};
use mlua::{IntoLuaMulti, Lua, MultiValue, Result, Value};
use serde_json::{Value as Data, json};
use zi_kernel::scheduler::{self, Nulls};

use super::{
    Bind, Entry, VmData,
    errors::fail,
    fields::{Fields, string_argument},
    fs::blocking,
    path::expand,
    waiting,
};

/// Most entries that one call gives.
const MAX_ENTRIES: u64 = 100_000;
/// Longest line that a match shows.
const MAX_LINE_BYTES: usize = 2_000;

/// Longest pattern: the time of a search grows with it, and nothing can stop one half-way.
const MAX_PATTERN_BYTES: usize = 4096;

/// What scripts find in `zi.fs`, in the order of the manual.
pub const ENTRIES: &[Entry] = &[
    Entry {
        name: "walk",
        doc: "Lists the files below a folder as `git` sees them: `.gitignore` and `.ignore` count, \
              hidden files do not, unless `hidden` or `no_ignore` say otherwise. Options: `glob` \
              (matched against the path below the folder, which a leading `/` stands for; one without \
              `/` against the name), \
              `type` (`file`, the default, `dir` or `any`), `max_depth`, `limit` (10,000). Answers \
              `{paths, truncated}`, sorted.",
        meta: "---@async\n---@param path string\n---@param opts? zi.WalkOptions\n---@return {paths: string[], truncated: boolean}?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, walk)),
    },
    Entry {
        name: "glob",
        doc: "Lists the files that match a pattern below `cwd`: `**`, `*`, `?`, `[a]`, `{a,b}`. \
              Options as for `walk`.",
        meta: "---@async\n---@param pattern string\n---@param opts? zi.WalkOptions\n---@return {paths: string[], truncated: boolean}?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, glob)),
    },
    Entry {
        name: "grep",
        doc: "Searches files for a regular expression (Rust's, linear time). Options: `path` (a file \
              or a folder, `.`), `literal`, `ignore_case`, `glob`, `context` (lines around), \
              `limit` (matches, 1,000), `hidden`, `no_ignore`, `multiline`. Binary files are left \
              out. Answers `{matches = {{path, line, text, context = {{line, text}}}}, files, \
              truncated}`, sorted by path and line.",
        meta: "---@async\n---@param pattern string\n---@param opts? zi.GrepOptions\n---@return zi.GrepResult?, zi.Error?",
        bind: Bind::Zi(|lua| waiting(lua, grep)),
    },
];

/// Which entries are wanted.
#[derive(Clone, Debug)]
struct Walk {
    root: PathBuf,
    glob: Option<(GlobMatcher, bool)>,
    kind: &'static str,
    hidden: bool,
    no_ignore: bool,
    max_depth: Option<usize>,
    limit: usize,
    /// Set when nobody waits for the result any more.
    stop: Arc<AtomicBool>,
}

/// Ends a walk with the call that waits for it.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn read_walk(
    fields: &Fields<'_>,
    root: PathBuf,
    limit: u64,
) -> Result<std::result::Result<Walk, globset::Error>> {
    let glob = match fields.opt_string("glob")?.map(|pattern| compile_glob(&pattern)) {
        None => None,
        Some(Ok(glob)) => Some(glob),
        Some(Err(err)) => return Ok(Err(err)),
    };
    Ok(Ok(Walk {
        root,
        glob,
        kind: fields.opt_choice("type", &["file", "dir", "any"])?.unwrap_or("file"),
        hidden: fields.flag("hidden")?,
        no_ignore: fields.flag("no_ignore")?,
        max_depth: fields.opt_count("max_depth", 10_000)?.and_then(|n| usize::try_from(n).ok()),
        limit: usize::try_from(fields.opt_count("limit", MAX_ENTRIES)?.unwrap_or(limit))
            .unwrap_or(usize::MAX),
        stop: Arc::default(),
    }))
}

/// A pattern, and whether it is for the whole path.
fn compile_glob(pattern: &str) -> std::result::Result<(GlobMatcher, bool), globset::Error> {
    let whole_path = pattern.contains('/');
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let glob = GlobBuilder::new(pattern.trim_start_matches('/')).literal_separator(true).build()?;
    Ok((glob.compile_matcher(), whole_path))
}

impl Walk {
    fn builder(&self) -> WalkBuilder {
        let mut builder = WalkBuilder::new(&self.root);
        builder
            .hidden(!self.hidden)
            .max_depth(self.max_depth)
            .threads(2)
            .require_git(false)
            .filter_entry(|entry| entry.file_name() != ".git");
        if self.no_ignore {
            builder.ignore(false).git_ignore(false).git_exclude(false).git_global(false);
        }
        builder
    }

    fn wants(&self, path: &Path, is_dir: bool) -> bool {
        let kind = match self.kind {
            "dir" => is_dir,
            "any" => true,
            _ => !is_dir,
        };
        kind && self.glob.as_ref().is_none_or(|(glob, whole_path)| {
            let below = path.strip_prefix(&self.root).unwrap_or(path);
            if *whole_path {
                glob.is_match(below)
            } else {
                path.file_name().is_some_and(|name| glob.is_match(name))
            }
        })
    }

    /// The wanted paths below the root, sorted; whether there were more than the limit.
    fn run(&self) -> (Vec<String>, bool) {
        let found = Mutex::new(Vec::new());
        self.builder().build_parallel().run(|| {
            Box::new(|entry| {
                if self.stop.load(Ordering::Relaxed) {
                    return WalkState::Quit;
                }
                let Ok(entry) = entry else { return WalkState::Continue };
                let is_dir = entry.file_type().is_some_and(|kind| kind.is_dir());
                if entry.depth() > 0 && self.wants(entry.path(), is_dir) {
                    let below = entry.path().strip_prefix(&self.root).unwrap_or(entry.path());
                    let mut text = below.to_string_lossy().into_owned();
                    if is_dir {
                        text.push('/');
                    }
                    found.lock().unwrap_or_else(PoisonError::into_inner).push(text);
                }
                WalkState::Continue
            })
        });
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort();
        let truncated = found.len() > self.limit;
        found.truncate(self.limit);
        (found, truncated)
    }
}

async fn list(lua: Lua, walk: Walk) -> Result<MultiValue> {
    if !walk.root.is_dir() {
        return fail(
            &lua,
            "not_found",
            format_args!("there is no folder `{}`", walk.root.display()),
        );
    }
    let _stop = StopOnDrop(walk.stop.clone());
    let (paths, truncated) = blocking(move || walk.run()).await?;
    let found = json!({ "paths": paths, "truncated": truncated });
    scheduler::to_lua(&lua, &found, Nulls::Nil)?.into_lua_multi(&lua)
}

async fn walk(lua: Lua, (path, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.walk";
    let root = expand(&lua, &string_argument(WHO, "path", &path)?)?;
    let fields = Fields::or_empty(&lua, WHO, opts)?;
    let walk = match read_walk(&fields, root, 10_000)? {
        Ok(walk) => walk,
        Err(err) => return fail(&lua, "pattern", err),
    };
    drop(fields);
    list(lua, walk).await
}

async fn glob(lua: Lua, (pattern, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.glob";
    let pattern = string_argument(WHO, "pattern", &pattern)?;
    if pattern.len() > MAX_PATTERN_BYTES {
        let text = format!("the pattern has more than {MAX_PATTERN_BYTES} bytes");
        return fail(&lua, "pattern", text);
    }
    let fields = Fields::or_empty(&lua, WHO, opts)?;
    let root = expand(&lua, fields.opt_string("cwd")?.as_deref().unwrap_or("."))?;
    let mut walk = match read_walk(&fields, root, 10_000)? {
        Ok(walk) => walk,
        Err(err) => return fail(&lua, "pattern", err),
    };
    drop(fields);
    match compile_glob(&pattern) {
        Ok(glob) => walk.glob = Some(glob),
        Err(err) => return fail(&lua, "pattern", err),
    }
    list(lua, walk).await
}

async fn grep(lua: Lua, (pattern, opts): (Value, Value)) -> Result<MultiValue> {
    const WHO: &str = "zi.fs.grep";
    let pattern = string_argument(WHO, "pattern", &pattern)?;
    if pattern.len() > MAX_PATTERN_BYTES {
        let text = format!("the pattern has more than {MAX_PATTERN_BYTES} bytes");
        return fail(&lua, "pattern", text);
    }
    let fields = Fields::or_empty(&lua, WHO, opts)?;
    let root = expand(&lua, fields.opt_string("path")?.as_deref().unwrap_or("."))?;
    let walk = match read_walk(&fields, root, 1_000)? {
        Ok(walk) => walk,
        Err(err) => return fail(&lua, "pattern", err),
    };
    let context = fields.opt_count("context", 50)?.and_then(|n| usize::try_from(n).ok());
    let multiline = fields.flag("multiline")?;
    let mut builder = RegexMatcherBuilder::new();
    builder
        .case_insensitive(fields.flag("ignore_case")?)
        .fixed_strings(fields.flag("literal")?)
        .multi_line(true);
    if !multiline {
        builder.line_terminator(Some(b'\n'));
    }
    drop(fields);
    let matcher = match builder.build(&pattern) {
        Ok(matcher) => matcher,
        Err(err) => return fail(&lua, "pattern", err),
    };
    if !walk.root.exists() {
        return fail(&lua, "not_found", format_args!("there is no `{}`", walk.root.display()));
    }
    let base = VmData::of(&lua)?.host()?.cwd.clone();
    let _stop = StopOnDrop(walk.stop.clone());
    let found = blocking(move || {
        let searcher = SearcherBuilder::new()
            .line_number(true)
            .multi_line(multiline)
            .before_context(context.unwrap_or(0))
            .after_context(context.unwrap_or(0))
            .binary_detection(BinaryDetection::quit(0))
            .build();
        search(&walk, &matcher, &searcher, &base)
    })
    .await?;
    scheduler::to_lua(&lua, &found, Nulls::Nil)?.into_lua_multi(&lua)
}

/// Searches all wanted files on two threads. More than the limit is found when it is there, so that
/// the sorted start is the same every time.
fn search(
    walk: &Walk,
    matcher: &grep_regex::RegexMatcher,
    searcher: &Searcher,
    base: &Path,
) -> Data {
    let found: Mutex<Vec<(String, Vec<Match>)>> = Mutex::default();
    let total = AtomicUsize::new(0);
    let flooded = AtomicBool::new(false);
    // Enough to sort a fair start from, and a bound for patterns that match everything.
    let most = walk.limit.saturating_mul(20).max(20_000);
    let mut builder = walk.builder();
    if walk.root.is_file() {
        // A file that is named is searched, whatever the ignore files say.
        builder.ignore(false).git_ignore(false).git_exclude(false).git_global(false).hidden(false);
    }
    builder.build_parallel().run(|| {
        let mut searcher = searcher.clone();
        let (found, total, flooded) = (&found, &total, &flooded);
        Box::new(move |entry| {
            if walk.stop.load(Ordering::Relaxed) {
                return WalkState::Quit;
            }
            if total.load(Ordering::Relaxed) > most {
                flooded.store(true, Ordering::Relaxed);
                return WalkState::Quit;
            }
            let Ok(entry) = entry else { return WalkState::Continue };
            let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
            if !is_file || (entry.depth() > 0 && !walk.wants(entry.path(), false)) {
                return WalkState::Continue;
            }
            let mut matches = Matches { limit: walk.limit, ..Matches::default() };
            // A file that cannot be read is passed over, as the other search tools do.
            searcher.search_path(matcher, entry.path(), &mut matches).ok();
            if !matches.found.is_empty() {
                total.fetch_add(matches.found.len(), Ordering::Relaxed);
                let path = entry.path().strip_prefix(base).unwrap_or(entry.path());
                let path = path.to_string_lossy().into_owned();
                let mut all = found.lock().unwrap_or_else(PoisonError::into_inner);
                all.push((path, matches.found));
            }
            WalkState::Continue
        })
    });
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let files = found.len();
    let total: usize = found.iter().map(|(_, matches)| matches.len()).sum();
    let matches: Vec<Data> = found
        .into_iter()
        .flat_map(|(path, matches)| {
            matches.into_iter().map(move |found| {
                let mut value = json!({ "path": path, "line": found.line, "text": found.text });
                if !found.context.is_empty() {
                    let lines = found.context.into_iter();
                    value["context"] =
                        lines.map(|(line, text)| json!({ "line": line, "text": text })).collect();
                }
                value
            })
        })
        .take(walk.limit)
        .collect();
    let truncated = total > matches.len() || flooded.load(Ordering::Relaxed);
    json!({ "matches": matches, "files": files, "truncated": truncated })
}

#[derive(Debug)]
struct Match {
    line: u64,
    text: String,
    context: Vec<(u64, String)>,
}

/// Collects the matches of one file. Context lines before a match wait for it; those after it are
/// its own.
#[derive(Debug, Default)]
struct Matches {
    limit: usize,
    found: Vec<Match>,
    before: Vec<(u64, String)>,
}

impl Sink for Matches {
    type Error = std::io::Error;

    fn matched(
        &mut self,
        _: &Searcher,
        found: &SinkMatch<'_>,
    ) -> std::result::Result<bool, Self::Error> {
        self.found.push(Match {
            line: found.line_number().unwrap_or(0),
            text: line_text(found.bytes()),
            context: std::mem::take(&mut self.before),
        });
        // One more than wanted, so that the caller learns that there is more.
        Ok(self.found.len() <= self.limit)
    }

    fn context(
        &mut self,
        _: &Searcher,
        context: &SinkContext<'_>,
    ) -> std::result::Result<bool, Self::Error> {
        use grep_searcher::SinkContextKind;
        let line = (context.line_number().unwrap_or(0), line_text(context.bytes()));
        match (context.kind(), self.found.last_mut()) {
            (SinkContextKind::After, Some(last)) => last.context.push(line),
            _ => self.before.push(line),
        }
        Ok(true)
    }

    /// Binary files are no text: what was found before the first NUL is left out too.
    fn binary_data(&mut self, _: &Searcher, _: u64) -> std::result::Result<bool, Self::Error> {
        self.found.clear();
        Ok(false)
    }
}

fn line_text(bytes: &[u8]) -> String {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    if text.len() <= MAX_LINE_BYTES {
        return text.into_owned();
    }
    let mut end = MAX_LINE_BYTES;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{} […]", &text[..end])
}
