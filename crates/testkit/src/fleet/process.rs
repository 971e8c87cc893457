//! One process under test.

use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use flotilla::plan::ProcessSpec;
use flotilla::process::{Process, Stopped};
use flotilla::ready::Probe;
use futures_util::FutureExt as _;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Time limit to become ready; generous, because the machine may be building.
const READY_TIMEOUT: Duration = Duration::from_mins(1);
/// Time limit to stop; longer than the grace period of a service.
const GRACE: Duration = Duration::from_secs(30);
/// Lines of each log that are shown with a failure.
const LOG_LINES: usize = 40;

/// A process of a fleet, running or stopped.
pub(crate) struct TestProcess {
    pub(crate) spec: ProcessSpec,
    process: Option<Process>,
}

impl TestProcess {
    pub(crate) const fn new(spec: ProcessSpec) -> Self {
        Self { spec, process: None }
    }

    pub(crate) const fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Starts the process without waiting for it.
    pub(crate) fn begin(&mut self) -> Result<()> {
        ensure!(!self.runs(), "{} runs already", self.spec.name);
        self.process = Some(Process::start(&self.spec).with_context(|| format!("starting {}", self.spec.name))?);
        Ok(())
    }

    /// Waits until the process is ready.
    pub(crate) async fn ready(&mut self, probe: &Probe) -> Result<()> {
        let name = &self.spec.name;
        let Some(process) = &mut self.process else { bail!("{name} was not started") };
        tokio::select! {
            end = process.ended() => bail!("{name} ended before it was ready: {end:?}"),
            ready = timeout(READY_TIMEOUT, probe.until_ready(&self.spec)) => {
                ready.with_context(|| format!("{name} is not ready after {READY_TIMEOUT:?}"))
            }
        }
    }

    /// The exit status, if the process has exited by itself. It counts as stopped then.
    pub(crate) fn ended(&mut self) -> Option<String> {
        let ended = self.process.as_mut()?.ended().now_or_never()?;
        self.process = None;
        Some(ended.map_or_else(|error| error.to_string(), |status| status.to_string()))
    }

    /// Limits the size of the files that the process writes, in bytes. `None` removes the limit.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) -> Result<()> {
        let id = self.process.as_ref().and_then(Process::id).and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
        let id = id.with_context(|| format!("{} does not run", self.spec.name))?;
        let maximum = getrlimit(Resource::Fsize).maximum;
        prlimit(Some(id), Resource::Fsize, Rlimit { current: bytes.or(maximum), maximum })?;
        Ok(())
    }

    /// The command line, which every user of the machine can read.
    pub(crate) fn arguments(&self) -> Result<String> {
        let id = self.process.as_ref().and_then(Process::id);
        let id = id.with_context(|| format!("{} does not run", self.spec.name))?;
        Ok(String::from_utf8_lossy(&std::fs::read(format!("/proc/{id}/cmdline"))?).into_owned())
    }

    /// Sends SIGKILL and waits for the exit, if the process runs.
    pub(crate) async fn kill(&mut self) -> Result<()> {
        if let Some(mut process) = self.process.take() {
            process.kill().await?;
        }
        Ok(())
    }

    /// Sends SIGTERM and waits for the exit.
    pub(crate) async fn stop(&mut self) -> Result<ExitStatus> {
        let Some(mut process) = self.process.take() else { bail!("{} does not run", self.spec.name) };
        match process.stop(GRACE, &CancellationToken::new()).await? {
            Stopped::Ended(status) => Ok(status),
            Stopped::Killed => bail!("{} did not stop within {GRACE:?}", self.spec.name),
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        let Some(process) = &self.process else { bail!("{} does not run", self.spec.name) };
        process.signal(signal);
        Ok(())
    }

    /// The log.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.spec.log()).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The last lines of the log, for diagnosis.
    pub(crate) fn log_excerpt(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let from = lines.len().saturating_sub(LOG_LINES);
        format!("--- the end of the log of {} ---\n{}\n", self.spec.name, lines[from..].join("\n"))
    }
}
