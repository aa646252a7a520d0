//! Files that are whole or not there: whoever is killed in between, or runs out of disk, leaves what was there before.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// How the name of a file begins that is not in its place yet.
const BESIDE: &str = ".new-";
/// After this its writer is gone.
const ABANDONED: Duration = Duration::from_secs(3600);

/// Why something was not read from disk, or not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DiskError {
    /// The operating system says no.
    #[error("{step} {}: {reason}", path.display())]
    Io {
        /// What was tried.
        step: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        reason: io::Error,
    },
    /// A file that is none of ours, or was changed.
    #[error("{} is not as it was written: {reason}", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl DiskError {
    pub(super) fn io(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |reason| Self::Io { step, path: path.to_owned(), reason }
    }
}

/// Makes a folder, and those above it. What a writer left in it who was killed is removed.
pub(super) fn make_folder(path: &Path) -> Result<(), DiskError> {
    fs::create_dir_all(path).map_err(DiskError::io("making", path))?;
    sweep(path);
    Ok(())
}

/// Removes files that were written beside their place and never named. Another process may write one now, and none takes
/// an hour; what cannot be removed is in nobody's way.
fn sweep(folder: &Path) {
    let Some(long_ago) = SystemTime::now().checked_sub(ABANDONED) else { return };
    for file in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_beside = file.file_name().to_string_lossy().starts_with(BESIDE);
        let written = file.metadata().and_then(|about| about.modified());
        if is_beside && written.is_ok_and(|written| written < long_ago) {
            drop(fs::remove_file(file.path()));
        }
    }
}

/// Tries whether files can be written to a folder.
pub(super) fn try_write(folder: &Path) -> Result<(), DiskError> {
    let file = tempfile::Builder::new().prefix(BESIDE).tempfile_in(folder);
    file.map(drop).map_err(DiskError::io("writing to", folder))
}

/// Reads a file of at most `longest` bytes; `None` where there is none.
pub(super) fn read(path: &Path, longest: u64) -> Result<Option<Vec<u8>>, DiskError> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(DiskError::io("opening", path)(error)),
    };
    let mut bytes = Vec::new();
    let most = longest.saturating_add(1);
    file.take(most).read_to_end(&mut bytes).map_err(DiskError::io("reading", path))?;
    if bytes.len() as u64 > longest {
        let reason = format!("more than {longest} bytes");
        return Err(DiskError::Broken { path: path.to_owned(), reason });
    }
    Ok(Some(bytes))
}

/// Removes a file. Says whether there was one.
pub(super) fn remove(path: &Path) -> Result<bool, DiskError> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DiskError::io("removing", path)(error)),
    }
}

/// Puts a file in place of another at once: written beside it, brought to disk, and then named.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let writing = || DiskError::io("writing", path);
    let mut beside =
        tempfile::Builder::new().prefix(BESIDE).tempfile_in(folder).map_err(writing())?;
    beside.write_all(bytes).map_err(writing())?;
    beside.as_file().sync_all().map_err(writing())?;
    beside.persist(path).map_err(|error| writing()(error.error))?;
    // The name itself is only on disk once its folder is.
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(writing())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("one");
        assert_eq!(read(&path, 9).expect("no file"), None);
        for content in [&b"first"[..], b"second"] {
            replace(&path, content).expect("written");
            assert_eq!(read(&path, 9).expect("a file").as_deref(), Some(content));
        }
        assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 1);
        assert!(matches!(read(&path, 5), Err(DiskError::Broken { .. })));
    }

    #[test]
    fn what_a_killed_writer_left_is_removed_after_an_hour() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, age) in [(".new-old", 3700), (".new-young", 3500), ("old", 3700)] {
            let file = fs::File::create(folder.path().join(name)).expect("a file");
            let written = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(written).expect("a time");
        }
        make_folder(folder.path()).expect("it is there");
        let left = fs::read_dir(folder.path()).expect("a folder");
        let mut left: Vec<_> = left.map(|file| file.expect("a file").file_name()).collect();
        left.sort();
        assert_eq!(left, [".new-young", "old"]);
    }

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let error = replace(Path::new("/nowhere/at/all"), b"").expect_err("no folder");
        assert!(error.to_string().starts_with("writing /nowhere/at/all: "), "{error}");
    }
}
