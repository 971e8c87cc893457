//! One process of a running fleet: started, observed until it is ready, restarted, stopped.

use std::convert::Infallible;
use std::fmt;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::output::screen::{Screen, millis};
use crate::output::summary::{process_line, ready_line};
use crate::plan::ProcessSpec;
use crate::supervise::folder::Folder;
use crate::supervise::process::{Process, Stopped};
use crate::supervise::ready::Probe;
use crate::supervise::restarts::RestartBackoff;
use crate::supervise::startup::{Exit, LogExcerpt, StartupError};
use crate::supervise::stop::Stop;

/// Lines of the log that are shown when a process did not become ready.
const LOG_LINES: usize = 12;

/// What the supervision of every process of a fleet needs.
#[derive(Clone)]
pub struct SupervisionContext {
    /// Output for the user.
    pub screen: Screen,
    /// The locked folder of the fleet, with the PID file.
    pub folder: Arc<Folder>,
    /// The requests to stop.
    pub stop: Stop,
    /// Time limit for a process to become ready.
    pub ready_within: Duration,
    /// Time limit for a process to stop before it is killed.
    pub grace: Duration,
    /// The readiness probe.
    pub probe: Probe,
}

/// A process and its specification.
pub struct ManagedProcess {
    spec: ProcessSpec,
    process: Process,
    context: SupervisionContext,
}

impl ManagedProcess {
    /// Starts the process without waiting for it.
    pub fn start(spec: ProcessSpec, context: SupervisionContext) -> Result<Self, StartupError> {
        let process = start(&spec, &context);
        let process = process.map_err(|source| StartupError::Start { name: spec.name.clone(), source })?;
        Ok(Self { spec, process, context })
    }

    /// Waits until the process is ready, and prints that.
    pub async fn ready(&mut self) -> Result<(), StartupError> {
        let Self { spec, process, context } = self;
        let within = context.ready_within;
        let exit = tokio::select! {
            biased;
            exit = process.ended() => Some(Exit(exit)),
            ready = timeout(within, context.probe.until_ready(spec)) => match ready {
                Ok(()) => {
                    context.screen.line(ready_line(spec, process.age()));
                    return Ok(());
                }
                Err(_) => None,
            },
        };
        let (name, log) = (spec.name.clone(), self.log_excerpt());
        Err(match exit {
            Some(exit) => StartupError::Exited { name, exit, log },
            None => StartupError::Timeout { name, within, log },
        })
    }

    fn log_excerpt(&self) -> LogExcerpt {
        let path = self.spec.log();
        let lines = self.process.last_lines(&path, LOG_LINES).unwrap_or_default();
        LogExcerpt { path, lines }
    }

    /// Restarts the process whenever it exits, until `shutdown` is cancelled; stops it then.
    pub async fn supervise(mut self, shutdown: CancellationToken) {
        let mut backoff = RestartBackoff::new();
        while let Some(exit) = self.exited(&shutdown, backoff.count() > 0).await {
            if !self.restart(exit, &mut backoff).await {
                return self.record_end();
            }
        }
        self.stop().await;
        self.record_end();
    }

    /// Waits until the process exits. `None` when `shutdown` is cancelled first.
    async fn exited(&mut self, shutdown: &CancellationToken, restarted: bool) -> Option<Exit> {
        let Self { spec, process, context } = self;
        tokio::select! {
            biased;
            () = shutdown.cancelled() => None,
            exit = process.ended() => Some(Exit(exit)),
            never = report_ready(spec, context), if restarted => match never {},
        }
    }

    /// Restarts the process after a pause. Returns false if a stop is requested first.
    async fn restart(&mut self, exit: Exit, backoff: &mut RestartBackoff) -> bool {
        let mut reason = format!("ended ({exit})");
        let mut uptime = self.process.age();
        while !self.context.stop.graceful.is_cancelled() {
            let pause = backoff.next_pause(uptime);
            let count = backoff.count();
            self.report(format_args!("{reason}: starting it again in {} (restart {count})", millis(pause)));
            tokio::select! {
                () = self.context.stop.graceful.cancelled() => return false,
                () = sleep(pause) => {}
            }
            match start(&self.spec, &self.context) {
                Ok(process) => {
                    self.process = process;
                    return true;
                }
                Err(error) => (reason, uptime) = (format!("cannot be started: {error}"), Duration::ZERO),
            }
        }
        false
    }

    async fn stop(&mut self) {
        let since = Instant::now();
        let SupervisionContext { grace, stop, .. } = &self.context;
        let stopped = self.process.stop(*grace, &stop.immediate).await;
        let after = millis(since.elapsed());
        match stopped {
            Ok(Stopped::Ended(status)) if status.success() => self.report(format_args!("stopped after {after}")),
            Ok(Stopped::Ended(status)) => self.report(format_args!("stopped after {after} ({status})")),
            Ok(Stopped::Killed) => self.report(format_args!("did not stop by itself: killed after {after}")),
            Err(error) => self.report(format_args!("cannot be stopped: {error}")),
        }
    }

    fn record_end(&self) {
        if let Err(error) = self.context.folder.pids.record_end(&self.spec.name) {
            self.report(format_args!("is still in the PID file: {error}"));
        }
    }

    fn report(&self, text: impl fmt::Display) {
        self.context.screen.line(process_line(&self.spec, text));
    }
}

fn start(spec: &ProcessSpec, context: &SupervisionContext) -> io::Result<Process> {
    let process = Process::start(spec)?;
    if let Some(pid) = process.id() {
        context.folder.pids.record_start(&spec.name, pid)?;
    }
    Ok(process)
}

async fn report_ready(spec: &ProcessSpec, context: &SupervisionContext) -> Infallible {
    let since = Instant::now();
    context.probe.until_ready(spec).await;
    let after = millis(since.elapsed());
    context.screen.line(process_line(spec, format_args!("is ready again after {after}")));
    pending().await
}
