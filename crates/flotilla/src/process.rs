//! One child process: started with its log, signalled, stopped.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::plan::ProcessSpec;

/// How much of the end of a log is looked at for its last lines.
const TAIL: u64 = 16 * 1024;

/// A running process. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// Held open, never written to: its end tells the child that we are gone.
    _stdin: Option<ChildStdin>,
    started: Instant,
    /// Where its part of the log begins.
    log_from: u64,
}

/// How a process came to its end when it was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ended when it was asked to.
    Ended(ExitStatus),
    /// It had to be killed.
    Killed,
}

impl Process {
    /// Starts it, in a process group of its own so that a Ctrl-C in the terminal does not reach it.
    pub fn start(spec: &ProcessSpec) -> io::Result<Self> {
        fs::create_dir_all(&spec.folder)?;
        let (log, log_from) = open_log(&spec.log(), spec.log_limit)?;
        let mut child = Command::new(&spec.program)
            .envs(&spec.env)
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        // Waiting for a child closes its stdin if it is still in there.
        let stdin = child.stdin.take();
        Ok(Self { child, _stdin: stdin, started: Instant::now(), log_from })
    }

    /// Its id, as long as its end has not been seen.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// How long it has been there.
    pub fn age(&self) -> Duration {
        self.started.elapsed()
    }

    /// Waits until it ends by itself. May be dropped and called again.
    pub async fn ended(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// `kill -9`, as tests do it to see what happens.
    pub async fn kill(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.ended().await
    }

    /// Sends a signal to it and to whatever it started. Nothing happens if it has ended.
    pub fn signal(&self, signal: Signal) {
        // The id is free for others only after its end was seen, and then it is not known here any more.
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ended_just_now = kill_process_group(pid, signal);
        }
    }

    /// Asks it to stop, and kills it after `grace` or as soon as `forced` says so.
    pub async fn stop(&mut self, grace: Duration, forced: &CancellationToken) -> io::Result<Stopped> {
        self.signal(Signal::TERM);
        tokio::select! {
            biased;
            status = self.child.wait() => return status.map(Stopped::Ended),
            () = forced.cancelled() => {}
            () = sleep(grace) => {}
        }
        self.kill().await.map(|_| Stopped::Killed)
    }

    /// The last lines that it wrote to its log.
    pub fn last_lines(&self, log: &Path, count: usize) -> io::Result<Vec<String>> {
        let mut file = File::open(log)?;
        let end = file.metadata()?.len();
        file.seek(SeekFrom::Start(self.log_from.max(end.saturating_sub(TAIL))))?;
        let mut tail = Vec::new();
        file.take(TAIL).read_to_end(&mut tail)?;
        let text = String::from_utf8_lossy(&tail);
        let lines = text.lines().filter(|line| !line.trim().is_empty()).collect::<Vec<_>>();
        Ok(lines[lines.len().saturating_sub(count)..].iter().map(|&line| line.to_owned()).collect())
    }
}

/// Opens a log at its end; one that is too large is put aside first, in the place of the one before.
fn open_log(path: &Path, limit: u64) -> io::Result<(File, u64)> {
    if fs::metadata(path).is_ok_and(|log| log.len() > limit) {
        fs::rename(path, path.with_extension("1.txt"))?;
    }
    let log = File::options().create(true).append(true).open(path)?;
    let end = log.metadata()?.len();
    Ok((log, end))
}
