//! A program that gets the terminal: an editor, a pager.

use std::process::{Command, Stdio};

use super::{Exit, JobError, Spec};

/// Runs a program with this process's own terminal and waits for its end. The caller has given the
/// terminal back before, and takes it again after.
///
/// Blocks the thread that calls it. The program belongs to the terminal and not to a [`super::Job`]:
/// keys that end programs reach it, and nothing here kills it. `input` and `merge` do not apply.
pub fn foreground(spec: &Spec) -> Result<Exit, JobError> {
    let program = spec.argv.first().filter(|name| !name.is_empty()).ok_or(JobError::Empty)?;
    let mut command = Command::new(program);
    command.args(&spec.argv[1..]);
    command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
    if spec.clear_env {
        command.env_clear();
    }
    for name in &spec.without_env {
        command.env_remove(name);
    }
    command.envs(spec.env.iter().map(|(name, value)| (name, value)));
    if let Some(cwd) = &spec.cwd {
        if !cwd.is_dir() {
            let (program, cwd) = (program.clone(), cwd.display().to_string());
            return Err(JobError::NoFolder { program, cwd });
        }
        command.current_dir(cwd);
    }
    let failed = |source| JobError::Start { program: program.clone(), source };
    command.status().map(Exit::from).map_err(failed)
}
