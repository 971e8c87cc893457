//! The folder of a fleet: ours alone while the fleet runs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::keys::{self, KeyError};
use crate::pids::Pids;
use crate::plan::Plan;

/// A folder that is there, can be written, and is used by no other flotilla.
#[derive(Debug)]
pub struct Folder {
    /// Which processes run, for the one who comes after a crash.
    pub pids: Pids,
    lock: PathBuf,
    /// Locked as long as it is open, which ends with this process however that ends.
    _held: File,
}

/// Why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// It is not there and cannot be made, or nothing can be written into it.
    #[error("{} cannot be written: {source}. Another folder can be chosen with --dir", path.display())]
    NotWritable {
        /// What could not be made.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another flotilla runs a fleet in it.
    #[error("{} is in use by another flotilla. Another folder can be chosen with --dir", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A key is not there and cannot be made, or is none.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Folder {
    /// Makes the folder and locks it.
    pub fn own(dir: &Path) -> Result<Self, FolderError> {
        fs::create_dir_all(dir).map_err(not_writable(dir))?;
        let lock = dir.join("lock");
        let held = loop {
            let file = File::options().create(true).append(true).open(&lock).map_err(not_writable(&lock))?;
            match file.try_lock() {
                Ok(()) if same(&file, &lock) => break file,
                // Its last owner removed it after we had opened it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(FolderError::InUse { path: dir.to_owned() }),
                Err(TryLockError::Error(source)) => return Err(not_writable(&lock)(source)),
            }
        };
        let pids = Pids::at(dir.join("pids"));
        Ok(Self { pids, lock, _held: held })
    }
}

/// Makes the folders of all processes of a plan and writes the files that they read. Keys that are there stay.
pub fn lay_out(plan: &Plan) -> Result<(), FolderError> {
    for process in &plan.processes {
        fs::create_dir_all(&process.folder).map_err(not_writable(&process.folder))?;
    }
    if plan.auth.is_some() {
        keys::make(&plan.keyring)?;
    }
    plan.gateway_files.iter().try_for_each(|(path, text)| fs::write(path, text).map_err(not_writable(path)))
}

fn not_writable(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    |source| FolderError::NotWritable { path: path.to_owned(), source }
}

fn same(file: &File, path: &Path) -> bool {
    let inode = |found: io::Result<fs::Metadata>| found.ok().map(|found| (found.dev(), found.ino()));
    inode(file.metadata()).is_some_and(|own| inode(fs::metadata(path)) == Some(own))
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone_already = fs::remove_file(&self.lock);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time_and_keeps_no_lock_file() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("a/b");
        let owner = Folder::own(&dir).unwrap();
        let error = Folder::own(&dir).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} is in use by another flotilla", dir.display())), "{error}");
        drop(owner);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        Folder::own(&dir).unwrap();
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let dir = place.path().join("file/below");
        let error = Folder::own(&dir).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} cannot be written: ", dir.display())), "{error}");
    }
}
