//! The folder of a fleet, locked while the fleet runs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::plan::keys::{self, KeyError};
use crate::plan::{Plan, ProcessSpec};
use crate::supervise::pid_file::PidFile;

/// The mode bits of a shared folder: world-writable, or with the sticky bit.
const SHARED_MODE: u32 = 0o1002;

/// A writable folder that no other `flotilla` uses.
#[derive(Debug)]
pub struct Folder {
    /// The running processes, for the start after a crash.
    pub pids: PidFile,
    lock: PathBuf,
    /// The lock is held while the file is open, so it ends with this process.
    _lock_file: File,
}

/// Why the folder of a fleet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder cannot be created or written.
    #[error("{} cannot be written: {source}. Another folder can be chosen with --dir", path.display())]
    NotWritable {
        /// The path that cannot be written.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Another `flotilla` runs a fleet in the folder.
    #[error("{} is in use by another flotilla. Another folder can be chosen with --dir", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// A key cannot be read or created.
    #[error(transparent)]
    Key(#[from] KeyError),
}

impl Folder {
    /// Creates the folder and locks it.
    pub fn lock(dir: &Path) -> Result<Self, FolderError> {
        files::create_folder(dir).and_then(|()| make_private(dir)).map_err(not_writable(dir))?;
        let lock = dir.join("lock");
        let lock_file = loop {
            let file = files::create().append(true).open(&lock).map_err(not_writable(&lock))?;
            match file.try_lock() {
                Ok(()) if same_file(&file, &lock) => break file,
                // The previous owner removed the file after this process had opened it.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(FolderError::InUse { path: dir.to_owned() }),
                Err(TryLockError::Error(source)) => return Err(not_writable(&lock)(source)),
            }
        };
        files::make_private(&lock).map_err(not_writable(&lock))?;
        let pids = PidFile::at(dir.join("pids"));
        Ok(Self { pids, lock, _lock_file: lock_file })
    }
}

/// Creates the folders of all processes of a plan and writes the files that they read. Existing keys are kept. Files that
/// an earlier version left readable to other users are made private.
pub fn lay_out(plan: &Plan) -> Result<(), FolderError> {
    for ProcessSpec { folder, .. } in &plan.processes {
        let made = files::create_folder(folder).and_then(|()| files::make_all_private(folder));
        made.map_err(not_writable(folder))?;
    }
    if plan.auth.is_some() {
        keys::make(&plan.keyring)?;
    }
    plan.gateway_files.iter().try_for_each(|(path, text)| files::write(path, text).map_err(not_writable(path)))
}

/// Makes the folder of the fleet private. A shared folder such as `/tmp` keeps its mode; the folders of the processes in it
/// are private.
fn make_private(dir: &Path) -> io::Result<()> {
    if fs::metadata(dir)?.mode() & SHARED_MODE == 0 { files::make_private(dir) } else { Ok(()) }
}

/// The error of a path that cannot be written.
pub(crate) fn not_writable(path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    |source| FolderError::NotWritable { path: path.to_owned(), source }
}

fn same_file(file: &File, path: &Path) -> bool {
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
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_has_one_owner_at_a_time_and_keeps_no_lock_file() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join("a/b");
        let owner = Folder::lock(&dir).unwrap();
        let error = Folder::lock(&dir).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} is in use by another flotilla", dir.display())), "{error}");
        drop(owner);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        Folder::lock(&dir).unwrap();
    }

    #[test]
    fn a_folder_is_closed_to_others_unless_it_is_meant_for_everybody() {
        let place = tempfile::tempdir().unwrap();
        for (before, after) in [(0o755, 0o700), (0o770, 0o700), (0o1777, 0o1777), (0o777, 0o777)] {
            fs::set_permissions(place.path(), Permissions::from_mode(before)).unwrap();
            let folder = Folder::lock(place.path()).unwrap();
            assert_eq!(fs::metadata(place.path()).unwrap().mode() & 0o7777, after, "{before:o}");
            assert_eq!(fs::metadata(&folder.lock).unwrap().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("file"), "").unwrap();
        let dir = place.path().join("file/below");
        let error = Folder::lock(&dir).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} cannot be written: ", dir.display())), "{error}");
    }
}
