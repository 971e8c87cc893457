//! Processes of a flotilla that was killed: they would hold the ports and the stores.

use std::io;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{sleep, timeout};

use crate::pids::{Identity, Pids};
use crate::screen::Screen;

const POLL: Duration = Duration::from_millis(20);
/// How long the kernel may take to end a process that was killed.
const KILLED: Duration = Duration::from_secs(5);

/// A process that cannot be ended.
#[derive(Debug, thiserror::Error)]
#[error("{name} (process {pid}) of an earlier flotilla cannot be stopped: {source}")]
pub struct Stuck {
    name: String,
    pid: i32,
    source: io::Error,
}

/// Stops what an earlier flotilla left running in this folder.
pub async fn stop(pids: &Pids, grace: Duration, screen: &Screen) -> Result<(), Stuck> {
    let found = pids.left_behind();
    for (name, process) in &found {
        screen.line(format_args!("  {name:<10} still runs (process {}): stopping it", process.pid));
        signal(name, process, Signal::TERM)?;
    }
    if timeout(grace, all_gone(&found)).await.is_ok() {
        return Ok(());
    }
    for (name, process) in found.iter().filter(|(_, process)| process.lives()) {
        screen.line(format_args!("  {name:<10} did not stop in time: killing it"));
        signal(name, process, Signal::KILL)?;
    }
    let _gone_or_still_there = timeout(KILLED, all_gone(&found)).await;
    match found.into_iter().find(|(_, process)| process.lives()) {
        Some((name, process)) => Err(Stuck { name, pid: process.pid, source: io::ErrorKind::TimedOut.into() }),
        None => Ok(()),
    }
}

async fn all_gone(processes: &[(String, Identity)]) {
    while processes.iter().any(|(_, process)| process.lives()) {
        sleep(POLL).await;
    }
}

fn signal(name: &str, process: &Identity, signal: Signal) -> Result<(), Stuck> {
    let sent = Pid::from_raw(process.pid).map_or(Ok(()), |pid| kill_process(pid, signal));
    match sent {
        Err(source) if process.lives() => Err(Stuck { name: name.to_owned(), pid: process.pid, source: source.into() }),
        _ => Ok(()),
    }
}
