//! One child process: start, log, signals, stop.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use files::Rotation;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::plan::ProcessSpec;

/// Bytes at the end of a log that are searched for its last lines.
const TAIL_BYTES: u64 = 16 * 1024;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Held open and never written: the child stops at its end (`STOP_ON_STDIN_EOF`).
    _stdin: Option<ChildStdin>,
    started: Instant,
    log_start: LogStart,
}

/// The start of the output of this process: the file and the offset in bytes.
#[derive(Debug)]
struct LogStart {
    inode: u64,
    from: u64,
}

/// How a process ended when it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The process exited after SIGTERM.
    Ended(ExitStatus),
    /// The process was killed.
    Killed,
}

impl Process {
    /// Starts the process in its own process group, so that a Ctrl-C in the terminal does not reach it.
    pub fn start(spec: &ProcessSpec) -> io::Result<Self> {
        files::create_folder(&spec.folder)?;
        let (log, log_start) = open_log(&spec.log(), spec.rotation)?;
        let mut child = Command::new(&spec.program)
            .envs(&spec.env)
            // The log is the standard output too; these variables make the process rotate it.
            .env("LOG_FILE", spec.log())
            .env("LOG_FILE_LIMIT", spec.rotation.limit.to_string())
            .env("LOG_FILES_KEPT", spec.rotation.kept.to_string())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        // `Child::wait` closes a stdin that it still owns.
        let stdin = child.stdin.take();
        Ok(Self { child, _stdin: stdin, started: Instant::now(), log_start })
    }

    /// The process id, until the exit has been observed.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// The time since the start.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits for the exit of the process. Cancel safe.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Sends SIGKILL and waits for the exit.
    pub async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.ended().await
    }

    /// Sends a signal to the process group. Does nothing if the process has ended.
    pub fn signal(&self, signal: Signal) {
        // The kernel reuses the id only after the exit was observed, and then `id` is `None`.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ended_just_now = kill_process_group(pid, signal);
        }
    }

    /// Sends SIGTERM, and SIGKILL after `grace` or when `immediate` is cancelled.
    pub async fn stop(&mut self, grace: Duration, immediate: &CancellationToken) -> io::Result<Stopped> {
        self.signal(Signal::TERM);
        tokio::select! {
            biased;
            status = self.child.wait() => return status.map(Stopped::Ended),
            () = immediate.cancelled() => {}
            () = sleep(grace) => {}
        }
        self.kill().await.map(|_| Stopped::Killed)
    }

    /// The last lines that the process wrote to its log.
    pub fn last_lines(&self, log: &Path, count: usize) -> io::Result<Vec<String>> {
        let mut file = File::open(log)?;
        let (inode, end) = (file.metadata()?.ino(), file.metadata()?.len());
        // After a rotation the whole file is of this process.
        let from = if inode == self.log_start.inode { self.log_start.from } else { 0 };
        file.seek(SeekFrom::Start(from.max(end.saturating_sub(TAIL_BYTES))))?;
        let mut tail = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut tail)?;
        let text = String::from_utf8_lossy(&tail);
        let lines = text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
        Ok(lines[lines.len().saturating_sub(count)..].iter().map(|&line| line.to_owned()).collect())
    }
}

/// Opens a log for appending; a log above the limit is renamed first. This is the only bound for programs that do not
/// rotate their log themselves.
fn open_log(path: &Path, rotation: Rotation) -> io::Result<(File, LogStart)> {
    rotation.rename_if_large(path)?;
    let log = files::create().append(true).open(path)?;
    let metadata = log.metadata()?;
    Ok((log, LogStart { inode: metadata.ino(), from: metadata.len() }))
}
