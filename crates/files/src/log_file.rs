use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf, absolute};
use std::thread;
use std::time::Duration;

use clap::Args;
use rustix::fs::fstat;
use rustix::stdio::{dup2_stderr, dup2_stdout, stderr};

use crate::permissions::{create, make_private};

/// The interval between checks of the log file.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);

/// The log file of a process, in place of its standard error.
#[derive(Debug, Clone, Args, PartialEq, Eq)]
pub struct LogFile {
    /// File for standard output and standard error. Without it they are not redirected.
    #[arg(long, env = "LOG_FILE")]
    pub log_file: Option<PathBuf>,

    /// Size in bytes above which `LOG_FILE` is renamed to `NAME.1.EXT` and a new one is created.
    #[arg(long, env = "LOG_FILE_LIMIT", default_value_t = Rotation::DEFAULT.limit, value_parser = clap::value_parser!(u64).range(1..))]
    pub log_file_limit: u64,

    /// Number of renamed log files to keep; `NAME.1.EXT` is the newest.
    #[arg(long, env = "LOG_FILES_KEPT", default_value_t = Rotation::DEFAULT.kept)]
    pub log_files_kept: u32,
}

/// The maximum size of a log file, and the number of earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// The size in bytes above which the file is renamed.
    pub limit: u64,
    /// The number of renamed files to keep.
    pub kept: u32,
}

impl Default for LogFile {
    fn default() -> Self {
        Self { log_file: None, log_file_limit: Rotation::DEFAULT.limit, log_files_kept: Rotation::DEFAULT.kept }
    }
}

impl LogFile {
    /// Redirects standard output and standard error to the file, if there is one, and rotates it until the process
    /// ends. This includes the output of libraries and panics.
    ///
    /// No line is lost: lines written during a rotation are in the renamed file. If the rotation fails, the process
    /// keeps the current file and retries.
    pub fn start(&self) -> io::Result<()> {
        let Some(path) = &self.log_file else { return Ok(()) };
        // The working directory may change later.
        let path = absolute(path)?;
        let rotation = Rotation { limit: self.log_file_limit, kept: self.log_files_kept };
        redirect(&path)?;
        let watch = move || {
            loop {
                thread::sleep(CHECK_INTERVAL);
                // An error could only be logged to the same file. The next check retries.
                let _retried = rotation.check(&path);
            }
        };
        thread::Builder::new().name("log".to_owned()).spawn(watch).map(drop)
    }
}

impl Rotation {
    /// 10 MiB per file and three earlier files: 40 MiB.
    pub const DEFAULT: Self = Self { limit: 10 * 1024 * 1024, kept: 3 };

    /// Rotates the log if it is too large. Opens a new one also if another process has renamed or removed it.
    fn check(self, path: &Path) -> io::Result<()> {
        let ours = fstat(stderr())?;
        match fs::metadata(path) {
            Ok(there) if (there.dev(), there.ino()) == (ours.st_dev, ours.st_ino) => {
                if there.len() <= self.limit {
                    return Ok(());
                }
                self.rename(path)?;
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        redirect(path)
    }

    /// Renames a log larger than the limit. For callers that open a log before a process writes to it.
    pub fn rename_if_large(self, path: &Path) -> io::Result<()> {
        if fs::metadata(path).is_ok_and(|log| log.len() > self.limit) { self.rename(path) } else { Ok(()) }
    }

    /// Renames the log to `NAME.1.EXT`, increments the numbers of the earlier ones, and removes those beyond the limit.
    fn rename(self, path: &Path) -> io::Result<()> {
        let mut excess = self.kept.max(1);
        while existed(fs::remove_file(renamed(path, excess)))? {
            excess += 1;
        }
        for number in (1..self.kept).rev() {
            existed(fs::rename(renamed(path, number), renamed(path, number + 1)))?;
        }
        if self.kept == 0 { fs::remove_file(path) } else { fs::rename(path, renamed(path, 1)) }
    }
}

/// Redirects standard output and standard error to the end of this file.
fn redirect(path: &Path) -> io::Result<()> {
    let file: File = create().append(true).open(path)?;
    make_private(path)?;
    dup2_stdout(&file)?;
    Ok(dup2_stderr(&file)?)
}

/// `log.txt` becomes `log.1.txt`.
fn renamed(path: &Path, number: u32) -> PathBuf {
    let extension = path.extension().map(|extension| extension.to_string_lossy());
    path.with_extension(extension.map_or_else(|| number.to_string(), |extension| format!("{number}.{extension}")))
}

/// Whether the file existed.
fn existed(done: io::Result<()>) -> io::Result<bool> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        done => done.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names and contents of all files, sorted by name.
    fn files(folder: &Path) -> Vec<(String, String)> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
        let read =
            |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap());
        let mut files: Vec<_> = entries.map(read).collect();
        files.sort();
        files
    }

    fn rotated(kept: u32, times: u32) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        for time in 0..times {
            fs::write(&log, time.to_string()).unwrap();
            Rotation { limit: 0, kept }.rename_if_large(&log).unwrap();
        }
        files(folder.path()).into_iter().map(|(name, text)| format!("{name}={text}")).collect()
    }

    #[test]
    fn the_newest_logs_are_kept_and_the_oldest_goes() {
        assert_eq!(rotated(3, 2), ["log.1.txt=1", "log.2.txt=0"]);
        assert_eq!(rotated(3, 5), ["log.1.txt=4", "log.2.txt=3", "log.3.txt=2"]);
        assert_eq!(rotated(1, 5), ["log.1.txt=4"]);
        assert_eq!(rotated(0, 5), [""; 0]);
    }

    #[test]
    fn what_a_larger_setting_has_kept_goes_with_the_next_rotation() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        for name in ["log.txt", "log.1.txt", "log.2.txt", "log.3.txt", "log.4.txt"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        Rotation { limit: 0, kept: 2 }.rename_if_large(&log).unwrap();
        let expected = [("log.1.txt", "log.txt"), ("log.2.txt", "log.1.txt")];
        assert_eq!(files(folder.path()), expected.map(|(name, text)| (name.to_owned(), text.to_owned())));
    }

    #[test]
    fn a_log_within_its_limit_stays() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        fs::write(&log, "1234").unwrap();
        Rotation { limit: 4, kept: 1 }.rename_if_large(&log).unwrap();
        assert!(log.exists());
        Rotation { limit: 3, kept: 1 }.rename_if_large(&log).unwrap();
        assert_eq!(files(folder.path()), [("log.1".to_owned(), "1234".to_owned())]);
    }
}
