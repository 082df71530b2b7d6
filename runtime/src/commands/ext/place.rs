//! Moving extensions to their place: whole, and never over something else.

use std::{fs, io, path::Path};

use rustix::fs::{CWD, RenameFlags, renameat_with};

/// Moves `from` to `to`, where nothing may be.
pub(super) fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(err) if is_unsupported(err) => {
            if fs::symlink_metadata(to).is_ok() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            fs::rename(from, to)
        }
        Err(err) => Err(err.into()),
    }
}

/// Swaps two files or folders: at no time is there neither at either place, where the file system can
/// do that.
pub(super) fn exchange(a: &Path, b: &Path) -> io::Result<()> {
    match renameat_with(CWD, a, CWD, b, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(err) if is_unsupported(err) => exchange_in_steps(a, b),
        Err(err) => Err(err.into()),
    }
}

fn exchange_in_steps(a: &Path, b: &Path) -> io::Result<()> {
    let mut aside = a.as_os_str().to_owned();
    aside.push(".aside");
    let aside = Path::new(&aside);
    fs::rename(b, aside)?;
    if let Err(err) = fs::rename(a, b) {
        fs::rename(aside, b)?;
        return Err(err);
    }
    fs::rename(aside, a)
}

fn is_unsupported(err: rustix::io::Errno) -> bool {
    matches!(err, rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_swap_and_nothing_is_moved_over() {
        for swap in [exchange, exchange_in_steps] {
            let dir = tempfile::tempdir().expect("a folder");
            let (a, b) = (dir.path().join("a"), dir.path().join("b"));
            fs::create_dir(&a).expect("it is made");
            fs::write(a.join("new"), "").expect("it writes");
            fs::write(&b, "old").expect("it writes");
            swap(&a, &b).expect("they swap");
            assert!(b.join("new").is_file());
            assert_eq!(fs::read(&a).expect("it reads"), b"old");
            let moved = move_new(&a, &b).expect_err("something is there");
            assert_eq!(moved.kind(), io::ErrorKind::AlreadyExists);
        }
    }
}
