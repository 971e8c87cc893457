//! Processes that a killed `flotilla` left running: they hold the ports and the stores.
//!
//! Each orphan notices the end of its stdin and begins to stop (`STOP_ON_STDIN_EOF`). All of them notice it at the same
//! time, so a process that waits for the broker waits until its own limits end that. The next start needs no orderly
//! shutdown, because acknowledged state survives SIGKILL. A short grace period is therefore enough.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, sleep, timeout};

use crate::output::screen::{Screen, millis};
use crate::supervise::pid_file::{PidFile, ProcessIdentity};

const POLL_INTERVAL: Duration = Duration::from_millis(20);
/// Upper limit of the grace period before the orphans are killed.
const MAX_GRACE: Duration = Duration::from_secs(1);
/// Time limit for the kernel to end a killed process.
const KILL_TIMEOUT: Duration = Duration::from_secs(5);

/// An orphan that cannot be stopped.
#[derive(Debug, thiserror::Error)]
#[error("{name} (process {pid}) of an earlier flotilla cannot be stopped: {source}")]
pub struct OrphanError {
    name: String,
    pid: i32,
    source: io::Error,
}

/// Stops the orphans in this folder, all at the same time. Those that run after `grace` or [`MAX_GRACE`], whichever is
/// shorter, are killed.
pub async fn stop(pids: &PidFile, grace: Duration, screen: &Screen) -> Result<(), OrphanError> {
    let orphans = pids.orphans();
    if orphans.is_empty() {
        return Ok(());
    }
    let began = Instant::now();
    for (name, process) in &orphans {
        screen.line(format_args!("  {name:<12} still runs (process {}): stopping it", process.pid));
        signal(name, process, Signal::TERM)?;
    }
    let _gone_or_killed_now = timeout(grace.min(MAX_GRACE), all_gone(&orphans)).await;
    for (name, process) in orphans.iter().filter(|(_, process)| process.is_alive()) {
        screen.line(format_args!("  {name:<12} did not stop in time: killing it"));
        signal(name, process, Signal::KILL)?;
    }
    let _gone_or_still_there = timeout(KILL_TIMEOUT, all_gone(&orphans)).await;
    if let Some((name, process)) = orphans.into_iter().find(|(_, process)| process.is_alive()) {
        return Err(OrphanError { name, pid: process.pid, source: io::ErrorKind::TimedOut.into() });
    }
    screen.line(format_args!("  orphaned processes are gone after {}", millis(began.elapsed())));
    Ok(())
}

async fn all_gone(processes: &[(String, ProcessIdentity)]) {
    while processes.iter().any(|(_, process)| process.is_alive()) {
        sleep(POLL_INTERVAL).await;
    }
}

fn signal(name: &str, process: &ProcessIdentity, signal: Signal) -> Result<(), OrphanError> {
    let sent = Pid::from_raw(process.pid).map_or(Ok(()), |pid| kill_process(pid, signal));
    match sent {
        Err(source) if process.is_alive() => {
            Err(OrphanError { name: name.to_owned(), pid: process.pid, source: source.into() })
        }
        _ => Ok(()),
    }
}
