//! Errors of a process that did not become ready.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a process did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum StartupError {
    /// The process could not be started.
    #[error("{name} cannot be started: {source}")]
    Start {
        /// The name of the process.
        name: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The process exited.
    #[error("{name} ended ({exit}) before it was ready{log}")]
    Exited {
        /// The name of the process.
        name: String,
        /// Its exit status.
        exit: Exit,
        /// The end of its log.
        log: LogExcerpt,
    },
    /// The process was not ready in time.
    #[error("{name} was not ready within {}{log}", humantime::format_duration(*within))]
    Timeout {
        /// The name of the process.
        name: String,
        /// The time limit.
        within: Duration,
        /// The end of its log.
        log: LogExcerpt,
    },
}

/// The exit status of a process, or the error of the wait for it.
#[derive(Debug)]
pub struct Exit(pub io::Result<ExitStatus>);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(status) => status.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

/// The last lines of the log of a process.
#[derive(Debug)]
pub struct LogExcerpt {
    /// The path of the log.
    pub path: PathBuf,
    /// The last lines, oldest first.
    pub lines: Vec<String>,
}

impl fmt::Display for LogExcerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "; it wrote nothing to {}", self.path.display());
        }
        write!(f, "; the end of {}:", self.path.display())?;
        self.lines.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}
