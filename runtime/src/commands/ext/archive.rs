//! Archives and folders, read into an [`Intake`].

use std::{
    fs,
    io::{self, Read},
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use tar::EntryType;

use super::intake::{Intake, MAX_BYTES, MAX_FILES, Refusal};

/// Most bytes of a tar: what the files may hold, and the headers of as many as there may be.
pub(super) const MAX_TAR_BYTES: u64 = MAX_BYTES + MAX_FILES as u64 * 4096;
/// Longest target of a link.
const MAX_TARGET_BYTES: u64 = 4096;

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Tar,
    TarGz,
    Zip,
}

impl Packing {
    /// By the end of a file's name, with what comes before it.
    pub fn of(name: &str) -> Option<(Self, &str)> {
        let ends = [
            (".tar.gz", Self::TarGz),
            (".tgz", Self::TarGz),
            (".tar", Self::Tar),
            (".zip", Self::Zip),
        ];
        ends.into_iter().find_map(|(end, packing)| Some((packing, name.strip_suffix(end)?)))
    }
}

/// Unpacks the archive at `path`.
pub(super) fn unpack(path: &Path, packing: Packing, intake: &mut Intake) -> Result<(), Refusal> {
    let fail = |source| Refusal::Io { name: path.display().to_string(), source };
    let file = fs::File::open(path).map_err(fail)?;
    if file.metadata().map_err(fail)?.len() > MAX_TAR_BYTES {
        return Err(Refusal::Large);
    }
    match packing {
        Packing::Tar => unpack_tar(io::BufReader::new(file), intake),
        Packing::TarGz => unpack_tar(MultiGzDecoder::new(io::BufReader::new(file)), intake),
        Packing::Zip => unpack_zip(file, intake),
    }
}

fn damaged(err: impl std::fmt::Display) -> Refusal {
    Refusal::Damaged(err.to_string())
}

fn unpack_tar(reader: impl Read, intake: &mut Intake) -> Result<(), Refusal> {
    // A bomb ends at the limit, whatever part of the archive it is in.
    let mut archive = tar::Archive::new(reader.take(MAX_TAR_BYTES));
    for entry in archive.entries().map_err(damaged)? {
        let mut entry = entry.map_err(damaged)?;
        let name = entry.path_bytes().into_owned();
        let target = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
        let executable = entry.header().mode().is_ok_and(|mode| mode & 0o111 != 0);
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                intake.file(&name, executable, &mut entry)?;
            }
            EntryType::Directory => intake.folder(&name)?,
            EntryType::Symlink => intake.link(&name, &target)?,
            EntryType::Link => intake.hard_link(&name, &target)?,
            EntryType::XGlobalHeader => {}
            _ => return Err(Refusal::Device(String::from_utf8_lossy(&name).into_owned())),
        }
    }
    Ok(())
}

fn unpack_zip(file: fs::File, intake: &mut Intake) -> Result<(), Refusal> {
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(damaged)?;
    if archive.len() > MAX_FILES {
        return Err(Refusal::Many);
    }
    // Readers disagree about archives whose two lists of files do, and about names given twice.
    archive.validate_header_consistency().map_err(damaged)?;
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name_raw().to_owned();
        let mode = entry.unix_mode().unwrap_or(0o644);
        match mode & 0o170_000 {
            0o120_000 => {
                let mut target = Vec::new();
                entry.take(MAX_TARGET_BYTES).read_to_end(&mut target).map_err(damaged)?;
                intake.link(&name, &target)?;
            }
            _ if entry.is_dir() => intake.folder(&name)?,
            0 | 0o100_000 => intake.file(&name, mode & 0o111 != 0, &mut entry)?,
            _ => return Err(Refusal::Device(String::from_utf8_lossy(&name).into_owned())),
        }
    }
    Ok(())
}

/// Copies what is in the folder `from`.
pub(super) fn copy_folder(from: &Path, intake: &mut Intake) -> Result<(), Refusal> {
    let mut folders = vec![from.to_owned()];
    while let Some(folder) = folders.pop() {
        let fail = |source| Refusal::Io { name: folder.display().to_string(), source };
        for entry in fs::read_dir(&folder).map_err(fail)? {
            let path = entry.map_err(fail)?.path();
            let name = path.strip_prefix(from).unwrap_or(&path).as_os_str().as_bytes();
            let fail = |source| Refusal::Io { name: path.display().to_string(), source };
            let meta = fs::symlink_metadata(&path).map_err(fail)?;
            if meta.is_dir() {
                intake.folder(name)?;
                if path.file_name().is_none_or(|name| !name.eq_ignore_ascii_case(".git")) {
                    folders.push(path);
                }
            } else if meta.is_file() {
                let mut file = fs::File::open(&path).map_err(fail)?;
                intake.file(name, meta.permissions().mode() & 0o111 != 0, &mut file)?;
            } else if meta.is_symlink() {
                let target = fs::read_link(&path).map_err(fail)?;
                intake.link(name, target.as_os_str().as_bytes())?;
            } else {
                return Err(Refusal::Device(path.display().to_string()));
            }
        }
    }
    Ok(())
}
