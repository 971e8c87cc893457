//! The folder of the log: there, writable, and in the hands of one broker.

use std::{
    fs::{File, TryLockError},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Why the folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It is not there and cannot be made, or nothing can be written into it.
    #[error("the folder {} cannot be written: {reason}", folder.display())]
    NotWritable {
        /// As it was given.
        folder: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// Two brokers on one log would overwrite each other's offsets.
    #[error("the folder {} is in use by another broker", folder.display())]
    InUse {
        /// As it was given.
        folder: PathBuf,
    },
    /// What is there under the log's name is something else, or damaged.
    #[error("{} is not the log of a broker: its beginning is not that of an SQLite file", file.display())]
    NotALog {
        /// The file that is in the way.
        file: PathBuf,
    },
}

/// The file of the log.
pub const LOG_FILE: &str = "broker.db";
/// The same, from the working folder and as Tansu wants it named.
pub const LOG_URL: &str = "sqlite:///broker.db";

/// How every SQLite file with something in it begins.
const SQLITE_HEADER: &[u8] = b"SQLite format 3\0";

/// Makes the folder, takes its lock and goes into it. The lock is held until the file is dropped, and no longer than
/// the process lives, also when it is killed.
pub fn own(folder: &Path) -> Result<File, Unusable> {
    let lock = enter(folder).map_err(|reason| Unusable::NotWritable { folder: folder.to_owned(), reason })?;
    match lock.try_lock() {
        Ok(()) if is_log_or_nothing() => Ok(lock),
        Ok(()) => Err(Unusable::NotALog { file: folder.join(LOG_FILE) }),
        Err(TryLockError::WouldBlock) => Err(Unusable::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(reason)) => Err(Unusable::NotWritable { folder: folder.to_owned(), reason }),
    }
}

/// Tansu takes the place of its log as a URL, which it never decodes again, and looks from the working folder: so
/// this folder becomes it, and may be named with blanks.
fn enter(folder: &Path) -> io::Result<File> {
    files::create_folder(folder)?;
    std::env::set_current_dir(folder)?;
    let lock = files::create().append(true).open("broker.lock")?;
    // An earlier version has left them readable to others. The folder may be one that is meant for others.
    for file in ["broker.lock", LOG_FILE, "broker.db-wal", "broker.db-shm"] {
        files::make_private(Path::new(file))?;
    }
    Ok(lock)
}

/// Tansu reports a file that it cannot read once per table, and goes on: so this is found out before.
fn is_log_or_nothing() -> bool {
    let mut beginning = Vec::new();
    let read = File::open(LOG_FILE).map(|file| file.take(SQLITE_HEADER.len() as u64).read_to_end(&mut beginning));
    read.is_err() || beginning.is_empty() || beginning == SQLITE_HEADER
}
