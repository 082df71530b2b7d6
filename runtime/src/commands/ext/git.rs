//! Git: a revision of a repository, as a tar. Nothing that the repository holds is run.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use zi_kernel::job::{self, Chunk, Exit, Job, Keep, Run, Spec, Stream};

use super::{ExtError, Result, archive::MAX_TAR_BYTES, context::Context};

/// How long one git command may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// How much of what git prints is kept.
const KEEP: Keep = Keep { head: 64 * 1024, tail: 4096 };
/// Variables that would lead git elsewhere, or have it ask.
const FOREIGN: &[&str] = &[
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
    "GIT_TEMPLATE_DIR",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
];

/// A repository somewhere, and what is wanted of it.
pub(super) struct Wanted<'a> {
    pub url: &'a str,
    pub rev: Option<&'a str>,
}

/// Fetches into `work`, which is empty; returns the commit and the tar of its files.
pub(super) fn fetch(context: &Context, wanted: &Wanted, work: &Path) -> Result<(String, PathBuf)> {
    let is_local = wanted.url.starts_with('/') || wanted.url.starts_with("file://");
    let git = Git { context, repository: work.join("repository.git"), is_local };
    let quiet = ["init", "--quiet", "--bare", "--template="].map(str::to_owned);
    git.run("cannot prepare for the download", quiet.into(), false)?;
    let commit = git.fetch_commit(wanted)?;
    let tar = work.join("files.tar");
    git.archive(&commit, &tar)?;
    fs::remove_dir_all(&git.repository).map_err(ExtError::io("cannot tidy up"))?;
    Ok((commit, tar))
}

struct Git<'a> {
    context: &'a Context,
    repository: PathBuf,
    is_local: bool,
}

impl Git<'_> {
    /// Fetches one commit alone where the server can do that, else all that it has.
    fn fetch_commit(&self, wanted: &Wanted) -> Result<String> {
        let what = format!("cannot fetch `{}`", wanted.url);
        let shallow = ["fetch", "--quiet", "--no-tags", "--depth=1", "--", wanted.url];
        let mut args: Vec<String> = shallow.map(str::to_owned).into();
        args.push(wanted.rev.unwrap_or("HEAD").to_owned());
        let err = match self.run(&what, args, true) {
            Ok(_) => return self.resolve("FETCH_HEAD", wanted),
            Err(err @ ExtError::Interrupted) => return Err(err),
            Err(err) => err,
        };
        if wanted.rev.is_none() && !err.to_string().contains("shallow") {
            return Err(err);
        }
        let whole = ["fetch", "--quiet", "--tags", "--", wanted.url, "+HEAD:refs/zi/head"];
        let mut args: Vec<String> = whole.map(str::to_owned).into();
        args.push("+refs/heads/*:refs/heads/*".to_owned());
        self.run(&what, args, true)?;
        self.resolve(wanted.rev.unwrap_or("refs/zi/head"), wanted)
    }

    fn resolve(&self, name: &str, wanted: &Wanted) -> Result<String> {
        let commit = format!("{name}^{{commit}}");
        let args = ["rev-parse", "--quiet", "--verify", "--end-of-options", &commit];
        let what = match wanted.rev {
            Some(rev) => format!("`{}` has no revision `{rev}`", wanted.url),
            None => format!("`{}` has no commit", wanted.url),
        };
        let printed = self.run(&what, args.map(str::to_owned).into(), true)?;
        Ok(printed.trim().to_owned())
    }

    /// Runs git to its end and returns what it printed.
    fn run(&self, what: &str, args: Vec<String>, inside: bool) -> Result<String> {
        let mut spec = self.spec(args, inside);
        if !inside {
            spec.argv.push(self.repository.display().to_string());
        }
        let run = Run {
            spec,
            stdout: KEEP,
            stderr: KEEP,
            file: None,
            timeout: Some(PATIENCE),
            news: None,
        };
        let outcome = self.context.wait(job::run(run))?;
        let outcome = outcome.map_err(|err| ExtError::Failed(format!("{what}: {err}")))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match outcome.exit {
            Some(Exit { code: Some(0), .. }) => Ok(text(&outcome.stdout.head)),
            Some(_) => Err(failed(what, &text(&outcome.stderr.head))),
            None => Err(failed(what, &format!("git took over {} s", PATIENCE.as_secs()))),
        }
    }

    /// Writes the files of `commit` as a tar: the tree itself is never checked out.
    fn archive(&self, commit: &str, to: &Path) -> Result<()> {
        let what = "cannot unpack the repository";
        let args = ["archive", "--format=tar", commit].map(str::to_owned);
        let spec = self.spec(args.into(), true);
        let mut file = fs::File::create_new(to).map_err(ExtError::io(what))?;
        self.context.wait(async {
            let job = Job::start(spec).map_err(|err| ExtError::Failed(format!("{what}: {err}")));
            let mut job = job?;
            let (mut size, mut said) = (0, Vec::new());
            while let Some(chunk) = job.next().await {
                match chunk {
                    Chunk::Output(Stream::Stdout, bytes) => {
                        size += bytes.len() as u64;
                        if size > MAX_TAR_BYTES {
                            let text = "the repository was not taken: it holds too much";
                            return Err(ExtError::Refused(text.into()));
                        }
                        file.write_all(&bytes).map_err(ExtError::io(what))?;
                    }
                    Chunk::Output(Stream::Stderr, bytes) if said.len() < KEEP.head => {
                        said.extend_from_slice(&bytes);
                    }
                    Chunk::Output(..) | Chunk::Exit(Exit { code: Some(0), .. }) => {}
                    Chunk::Exit(_) => return Err(failed(what, &String::from_utf8_lossy(&said))),
                }
            }
            Ok(())
        })?
    }

    fn spec(&self, args: Vec<String>, inside: bool) -> Spec {
        let mut argv: Vec<String> =
            ["git", "-c", "core.hooksPath=/dev/null", "-c", "core.askPass="]
                .map(str::to_owned)
                .into();
        argv.extend(["-c", "gc.auto=0", "-c", "maintenance.auto=false"].map(str::to_owned));
        if inside {
            argv.push(format!("--git-dir={}", self.repository.display()));
        }
        argv.extend(args);
        let protocols = if self.is_local { "file" } else { "https:http:ssh:git" };
        let env = [
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ALLOW_PROTOCOL", protocols),
            ("SSH_ASKPASS_REQUIRE", "never"),
            ("LC_ALL", "C"),
        ];
        Spec {
            argv,
            env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            without_env: FOREIGN.iter().map(|name| (*name).to_owned()).collect(),
            ..Spec::default()
        }
    }
}

/// The line in which git says what is wrong; advice follows it.
fn failed(what: &str, said: &str) -> ExtError {
    let is_verdict = |line: &&str| line.starts_with("fatal: ") || line.starts_with("error: ");
    let verdict = said.lines().find(is_verdict).or_else(|| said.trim().lines().last());
    match verdict.filter(|line| !line.is_empty()) {
        Some(line) => ExtError::Failed(format!("{what}: {line}")),
        None => ExtError::Failed(what.to_owned()),
    }
}
