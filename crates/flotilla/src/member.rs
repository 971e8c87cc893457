//! One process of a running fleet: started, watched until it is ready, kept running, stopped.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::folder::Folder;
use crate::plan::ProcessSpec;
use crate::process::{Process, Stopped};
use crate::ready::Probe;
use crate::restarts::Restarts;
use crate::screen::{self, Screen, millis};
use crate::stop::Stop;

/// How many lines of a log are shown when its process did not become ready.
const LAST_LINES: usize = 12;

/// What every process of a fleet is kept with.
#[derive(Clone)]
pub struct Care {
    /// Where it is said.
    pub screen: Screen,
    /// The folder, in which is noted who runs.
    pub folder: Arc<Folder>,
    /// When to stop.
    pub stop: Stop,
    /// How long a process may take to become ready.
    pub ready_within: Duration,
    /// How long a process may take to stop.
    pub grace: Duration,
    /// How to see that it is ready.
    pub probe: Probe,
}

/// A process and what it was started from.
pub struct Member {
    spec: ProcessSpec,
    process: Process,
    care: Care,
}

/// Why a process did not become ready.
#[derive(Debug, thiserror::Error)]
pub enum NotReady {
    /// It could not be started at all.
    #[error("{name} cannot be started: {source}")]
    Start {
        /// Which process.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// It ended.
    #[error("{name} ended ({end}) before it was ready{last}")]
    Ended {
        /// Which process.
        name: String,
        /// How.
        end: End,
        /// The end of its log.
        last: LastLines,
    },
    /// It took too long.
    #[error("{name} was not ready within {}{last}", humantime::format_duration(*within))]
    Late {
        /// Which process.
        name: String,
        /// How long it had.
        within: Duration,
        /// The end of its log.
        last: LastLines,
    },
}

/// How a process ended, as far as that is known.
#[derive(Debug)]
pub struct End(io::Result<ExitStatus>);

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Ok(status) => status.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

/// What a process said last.
#[derive(Debug)]
pub struct LastLines {
    log: PathBuf,
    lines: Vec<String>,
}

impl fmt::Display for LastLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "; it wrote nothing to {}", self.log.display());
        }
        write!(f, "; the end of {}:", self.log.display())?;
        self.lines.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

impl Member {
    /// Starts the process, without waiting for it.
    pub fn start(spec: ProcessSpec, care: Care) -> Result<Self, NotReady> {
        let process = start(&spec, &care).map_err(|source| NotReady::Start { name: spec.name.clone(), source })?;
        Ok(Self { spec, process, care })
    }

    /// Waits until it is ready, and says so.
    pub async fn ready(&mut self) -> Result<(), NotReady> {
        let Self { spec, process, care } = self;
        let within = care.ready_within;
        let end = tokio::select! {
            biased;
            end = process.ended() => Some(End(end)),
            ready = timeout(within, care.probe.until_ready(spec)) => match ready {
                Ok(()) => {
                    care.screen.line(screen::ready(spec, process.age()));
                    return Ok(());
                }
                Err(_) => None,
            },
        };
        let (name, last) = (spec.name.clone(), self.last_lines());
        Err(match end {
            Some(end) => NotReady::Ended { name, end, last },
            None => NotReady::Late { name, within, last },
        })
    }

    fn last_lines(&self) -> LastLines {
        let log = self.spec.log();
        let lines = self.process.last_lines(&log, LAST_LINES).unwrap_or_default();
        LastLines { log, lines }
    }

    /// Keeps it running until it is its turn to stop, and stops it then.
    pub async fn keep(mut self, turn: CancellationToken) {
        let mut restarts = Restarts::new();
        while let Some(end) = self.watch(&turn, restarts.count() > 0).await {
            if !self.start_again(end, &mut restarts).await {
                return self.forget();
            }
        }
        self.stop().await;
        self.forget();
    }

    /// Waits until it ends by itself, or until its turn has come: then there is no end to speak of yet.
    async fn watch(&mut self, turn: &CancellationToken, restarted: bool) -> Option<End> {
        let Self { spec, process, care } = self;
        tokio::select! {
            biased;
            () = turn.cancelled() => None,
            end = process.ended() => Some(End(end)),
            never = tell_when_ready(spec, care), if restarted => match never {},
        }
    }

    /// Starts it again after a pause; not if the fleet is stopping.
    async fn start_again(&mut self, end: End, restarts: &mut Restarts) -> bool {
        let mut why = format!("ended ({end})");
        let mut ran = self.process.age();
        while !self.care.stop.asked.is_cancelled() {
            let pause = restarts.after(ran);
            let count = restarts.count();
            self.say(format_args!("{why}: starting it again in {} (restart {count})", millis(pause)));
            tokio::select! {
                () = self.care.stop.asked.cancelled() => return false,
                () = sleep(pause) => {}
            }
            match start(&self.spec, &self.care) {
                Ok(process) => {
                    self.process = process;
                    return true;
                }
                Err(error) => (why, ran) = (format!("cannot be started: {error}"), Duration::ZERO),
            }
        }
        false
    }

    async fn stop(&mut self) {
        let since = Instant::now();
        let Care { grace, stop, .. } = &self.care;
        let stopped = self.process.stop(*grace, &stop.forced).await;
        let after = millis(since.elapsed());
        match stopped {
            Ok(Stopped::Ended(status)) if status.success() => self.say(format_args!("stopped after {after}")),
            Ok(Stopped::Ended(status)) => self.say(format_args!("stopped after {after} ({status})")),
            Ok(Stopped::Killed) => self.say(format_args!("did not stop by itself: killed after {after}")),
            Err(error) => self.say(format_args!("cannot be stopped: {error}")),
        }
    }

    fn forget(&self) {
        if let Err(error) = self.care.folder.pids.ended(&self.spec.name) {
            self.say(format_args!("is still noted as running: {error}"));
        }
    }

    fn say(&self, what: impl fmt::Display) {
        self.care.screen.line(screen::about(&self.spec, what));
    }
}

fn start(spec: &ProcessSpec, care: &Care) -> io::Result<Process> {
    let process = Process::start(spec)?;
    if let Some(pid) = process.id() {
        care.folder.pids.started(&spec.name, pid)?;
    }
    Ok(process)
}

async fn tell_when_ready(spec: &ProcessSpec, care: &Care) -> Infallible {
    let since = Instant::now();
    care.probe.until_ready(spec).await;
    care.screen.line(screen::about(spec, format_args!("is ready again after {}", millis(since.elapsed()))));
    pending().await
}
