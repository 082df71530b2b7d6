//! Highlighting: which part of code is what.
//!
//! Grammars are slow to load and may be slow to run, so a thread of its own does both. A [`Code`]
//! answers at once with what is known: its lines are plain at first, and coloured when they are asked
//! for again after [`generation`] has changed. [`on_progress`] tells when that is.
//!
//! Lines over 2 KB stay plain, and so does what follows the first 200 KB of a text.

mod grammar;

use std::{
    collections::{HashMap, VecDeque},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
        mpsc,
    },
    time::Duration,
};

use zi_kernel::term::Style;

use crate::scene::{line::Span, theme::Theme};
use grammar::{Grammars, Parser, Run};

const MAX_BYTES: usize = 200 * 1024;
/// Lines that are coloured before other code gets its turn.
const SLICE: usize = 64;
/// The source of the code that is remembered.
const MAX_KEPT_BYTES: usize = 2 << 20;
const MAX_KEPT: usize = 1000;

/// Changes whenever more code has been coloured.
pub fn generation() -> u64 {
    shared().generation.load(Ordering::Acquire)
}

/// Has `wake` called, on another thread, whenever [`generation`] changes.
pub fn on_progress(wake: impl Fn() + Send + Sync + 'static) {
    *lock(&shared().wake) = Some(Arc::new(wake));
}

/// Waits until everything that was asked for is coloured; false when that takes longer than `limit`.
pub fn settle(limit: Duration) -> bool {
    let shared = shared();
    let idle = lock(&shared.idle);
    let (_guard, result) = shared
        .is_idle
        .wait_timeout_while(idle, limit, |()| shared.waiting.load(Ordering::Acquire) > 0)
        .unwrap_or_else(PoisonError::into_inner);
    !result.timed_out()
}

/// The language of a file, by its name.
pub fn language_of(path: &str) -> &str {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(_, extension)| extension)
}

/// Code, line by line, and what is known of it. Clones are the same code.
#[derive(Clone)]
pub struct Code(Arc<Job>);

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Code").field("language", &self.0.language).finish_non_exhaustive()
    }
}

impl Code {
    /// Code in the language that `info` (what stands after a fence) starts with, with no lines yet.
    pub fn new(info: &str) -> Self {
        Self(Arc::new(Job { language: grammar::language(info), state: Mutex::default() }))
    }

    /// The whole `text`, remembered from the last time where possible.
    pub fn of(info: &str, text: &str) -> Self {
        let key = key(info, text);
        if let Some(code) = lock(&shared().kept).codes.get(&key) {
            return code.clone();
        }
        let code = Self::new(info);
        for line in text.lines() {
            code.push(line);
        }
        code.keep(info, text);
        code
    }

    /// Remembers this as the code of `text`, which are the lines that were pushed.
    pub fn keep(&self, info: &str, text: &str) {
        let mut kept = lock(&shared().kept);
        let key = key(info, text);
        if kept.codes.insert(key, self.clone()).is_none() {
            kept.order.push_back((key, text.len()));
            kept.bytes += text.len();
        }
        while kept.bytes > MAX_KEPT_BYTES || kept.order.len() > MAX_KEPT {
            let Some((key, bytes)) = kept.order.pop_front() else { break };
            kept.codes.remove(&key);
            kept.bytes -= bytes;
        }
    }

    /// Adds a line, without its end.
    pub fn push(&self, line: &str) {
        if self.is_plain() {
            return;
        }
        let mut state = lock(&self.0.state);
        state.bytes += line.len() + 1;
        let line = if state.bytes > MAX_BYTES { None } else { Some(format!("{line}\n")) };
        state.todo.push_back(line);
        if !std::mem::replace(&mut state.is_queued, true) {
            drop(state);
            shared().enqueue(self.0.clone());
        }
    }

    /// How many lines will not change their colours any more.
    pub fn coloured(&self) -> usize {
        if self.is_plain() { usize::MAX } else { lock(&self.0.state).lines.len() }
    }

    /// Whether no line will change its colours any more.
    pub fn is_settled(&self) -> bool {
        self.is_plain() || !lock(&self.0.state).is_queued
    }

    /// The line `index`, which reads `text`, as far as it is known.
    pub fn spans(&self, index: usize, text: &str, base: Style, theme: &Theme) -> Vec<Span> {
        let state = lock(&self.0.state);
        let runs = state.lines.get(index).map_or(&[][..], |runs| runs);
        let mut spans = Vec::with_capacity(runs.len() + 1);
        let mut start = 0;
        for run in runs {
            let end = run.end();
            let Some(part) = text.get(start..end) else { break };
            let style = run.token().map_or(base, |token| base.patch(theme.fg(token)));
            spans.push(Span::new(part, style));
            start = end;
        }
        if let Some(rest) = text.get(start..).filter(|rest| !rest.is_empty()) {
            spans.push(Span::new(rest, base));
        }
        spans
    }

    fn is_plain(&self) -> bool {
        matches!(self.0.language.as_str(), "" | "txt" | "text" | "plain" | "output")
    }
}

fn key(info: &str, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (info, text).hash(&mut hasher);
    hasher.finish()
}

// The thread that colours --------------------------------------------------------------------------

struct Job {
    language: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Lines to colour; nothing stands for one that is to stay plain.
    todo: VecDeque<Option<String>>,
    lines: Vec<Box<[Run]>>,
    bytes: usize,
    is_queued: bool,
    parser: Option<Parser>,
}

struct Shared {
    generation: AtomicU64,
    waiting: AtomicUsize,
    queue: Option<Mutex<mpsc::Sender<Arc<Job>>>>,
    kept: Mutex<Kept>,
    wake: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    idle: Mutex<()>,
    is_idle: Condvar,
}

#[derive(Default)]
struct Kept {
    codes: HashMap<u64, Code>,
    order: VecDeque<(u64, usize)>,
    bytes: usize,
}

impl Shared {
    fn enqueue(&self, job: Arc<Job>) {
        let Some(queue) = &self.queue else { return };
        self.waiting.fetch_add(1, Ordering::AcqRel);
        if lock(queue).send(job).is_err() {
            self.done();
        }
    }

    fn done(&self) {
        let _idle = lock(&self.idle);
        self.waiting.fetch_sub(1, Ordering::AcqRel);
        self.is_idle.notify_all();
    }
}

fn shared() -> &'static Shared {
    static SHARED: OnceLock<Shared> = OnceLock::new();
    SHARED.get_or_init(|| {
        let (sender, receiver) = mpsc::channel();
        let thread = std::thread::Builder::new().name("highlight".into());
        let is_running = thread.spawn(move || work(&receiver)).is_ok();
        Shared {
            generation: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            queue: is_running.then(|| Mutex::new(sender)),
            kept: Mutex::default(),
            wake: Mutex::default(),
            idle: Mutex::new(()),
            is_idle: Condvar::new(),
        }
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn work(jobs: &mpsc::Receiver<Arc<Job>>) {
    let Ok(first) = jobs.recv() else { return };
    let grammars = Grammars::load();
    let mut next = Some(first);
    while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
        let has_more = job.colour(&grammars);
        let shared = shared();
        shared.generation.fetch_add(1, Ordering::AcqRel);
        let wake = lock(&shared.wake).clone();
        if let Some(wake) = wake {
            wake();
        }
        if has_more {
            shared.enqueue(job);
        }
        shared.done();
    }
}

impl Job {
    /// Colours the next lines; true when there are more.
    fn colour(&self, grammars: &Grammars) -> bool {
        let (lines, parser) = {
            let mut state = lock(&self.state);
            let count = state.todo.len().min(SLICE);
            (state.todo.drain(..count).collect::<Vec<_>>(), state.parser.take())
        };
        let mut parser = parser.unwrap_or_else(|| grammars.parser(&self.language));
        let mut runs = |line: Option<String>| {
            line.map(|line| grammars.runs(&mut parser, &line)).unwrap_or_default()
        };
        let coloured: Vec<Box<[Run]>> = lines.into_iter().map(&mut runs).collect();
        let mut state = lock(&self.state);
        state.lines.extend(coloured);
        state.parser = Some(parser);
        state.is_queued = !state.todo.is_empty();
        state.is_queued
    }
}

#[cfg(test)]
mod tests {
    use super::{grammar::MAX_LINE, *};

    const LIMIT: Duration = Duration::from_secs(60);

    fn tokens(info: &str, text: &str) -> Vec<(String, Option<&'static str>)> {
        let code = Code::of(info, text);
        assert!(settle(LIMIT) && code.is_settled());
        let state = lock(&code.0.state);
        let mut found = Vec::new();
        for (line, runs) in text.lines().zip(&state.lines) {
            let mut start = 0;
            for run in runs {
                found.push((line[start..run.end()].trim().to_owned(), run.token()));
                start = run.end();
            }
        }
        found
    }

    #[test]
    fn lines_of_a_diff_have_the_colours_of_diffs() {
        let tokens = tokens("diff", "-old\n+new\n");
        let of =
            |text: &str| tokens.iter().find(|(part, _)| part.contains(text)).and_then(|it| it.1);
        assert_eq!((of("old"), of("new")), (Some("diff_removed"), Some("diff_added")));
    }

    #[test]
    fn parts_of_code_get_the_tokens_of_what_they_are() {
        let found = tokens("rust", "// note\nfn main() { let x = \"s\" + 42; }");
        for (text, token) in [
            ("// note", "syntax_comment"),
            ("fn", "syntax_keyword"),
            ("main", "syntax_function"),
            ("\"s\"", "syntax_string"),
            ("42", "syntax_number"),
        ] {
            assert!(found.contains(&(text.to_owned(), Some(token))), "{text}: {found:?}");
        }
        let toml = tokens("TOML", "name = 1");
        assert!(toml.iter().any(|(_, token)| *token == Some("syntax_number")), "{toml:?}");
    }

    #[test]
    fn the_first_answer_is_plain_and_a_later_one_coloured() {
        let theme = Theme::dark();
        let code = Code::new("py");
        assert_eq!(code.spans(0, "return 1", Style::new(), &theme).len(), 1);
        let before = generation();
        code.push("return 1");
        assert!(settle(LIMIT));
        assert!(generation() > before && code.coloured() == 1);
        let spans = code.spans(0, "return 1", Style::new(), &theme);
        assert_eq!(spans[0], Span::new("return", theme.fg("syntax_keyword")));
    }

    #[test]
    fn unknown_languages_and_long_lines_stay_plain() {
        assert!(tokens("no-such-language", "a\nb").iter().all(|(_, token)| token.is_none()));
        let long = format!("let x = \"{}\";\nlet y = 1;", "x".repeat(MAX_LINE));
        let found = tokens("rust", &long);
        assert_eq!(found.first(), Some(&("let".to_owned(), Some("syntax_keyword"))));
        assert!(found.iter().all(|(text, _)| text.len() < 20), "only the short line has runs");
        assert_eq!(Code::new("").coloured(), usize::MAX);
    }

    #[test]
    fn what_follows_the_first_bytes_stays_plain() {
        let text = "let x = 1;\n".repeat(MAX_BYTES / 10);
        let code = Code::of("rust", &text);
        assert!(settle(LIMIT));
        let state = lock(&code.0.state);
        assert_eq!(state.lines.len(), MAX_BYTES / 10, "each line has an answer");
        assert!(!state.lines[0].is_empty() && state.lines[state.lines.len() - 1].is_empty());
    }

    #[test]
    fn the_language_of_a_file_is_its_ending() {
        assert_eq!(language_of("/a/b.tar/main.rs"), "rs");
        assert_eq!(language_of("Makefile"), "Makefile");
    }
}
