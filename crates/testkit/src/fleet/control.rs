//! Start, stop and signals of the processes.

use std::process::ExitStatus;

use anyhow::{Context as _, Result, ensure};
use flotilla::plan::Role;
use futures_util::future::try_join_all;
use rustix::process::Signal;

use crate::fleet::fixture::Fleet;
use crate::fleet::process::TestProcess;

impl Fleet {
    /// Sets an environment variable of a process and of its later replicas, from the next start on.
    pub fn set(&mut self, name: &str, variable: &str, value: impl Into<String>) -> Result<()> {
        let value = value.into();
        self.process_mut(name)?.spec.env.insert(variable.to_owned(), value.clone());
        let planned = self.plan.processes.iter_mut().filter(|spec| spec.name == name);
        planned.for_each(|spec| drop(spec.env.insert(variable.to_owned(), value.clone())));
        Ok(())
    }

    /// Starts all processes that do not run, and waits until they are ready.
    pub async fn start_all(&mut self) -> Result<()> {
        let (brokers, others): (Vec<_>, Vec<_>) = self
            .processes
            .values_mut()
            .filter(|process| !process.runs())
            .partition(|process| process.spec.role == Role::Broker);
        for mut processes in [brokers, others] {
            processes.iter_mut().try_for_each(|process| process.begin())?;
            try_join_all(processes.iter_mut().map(|process| process.ready(&self.probe))).await?;
        }
        Ok(())
    }

    /// Starts a process with the state of its last run, and waits until it is ready.
    pub async fn start(&mut self, name: &str) -> Result<()> {
        let probe = self.probe.clone();
        let process = self.process_mut(name)?;
        process.begin()?;
        process.ready(&probe).await
    }

    /// Sends SIGKILL and waits for the exit.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let process = self.process_mut(name)?;
        ensure!(process.runs(), "{name} does not run");
        process.kill().await
    }

    /// Sends SIGKILL to all processes and waits for their exit.
    pub async fn kill_all(&mut self) -> Result<()> {
        // All are signalled before the first wait.
        for process in self.processes.values().filter(|process| process.runs()) {
            process.signal(Signal::KILL)?;
        }
        for process in self.processes.values_mut() {
            process.kill().await?;
        }
        Ok(())
    }

    /// Sends SIGTERM and returns the exit status.
    pub async fn stop(&mut self, name: &str) -> Result<ExitStatus> {
        self.process_mut(name)?.stop().await
    }

    /// Sends SIGTERM without waiting for the exit.
    pub fn terminate(&self, name: &str) -> Result<()> {
        self.process(name)?.signal(Signal::TERM)
    }

    /// Suspends a process (SIGSTOP) until [`Fleet::resume`].
    pub fn pause(&self, name: &str) -> Result<()> {
        self.process(name)?.signal(Signal::STOP)
    }

    /// Resumes a suspended process (SIGCONT).
    pub fn resume(&self, name: &str) -> Result<()> {
        self.process(name)?.signal(Signal::CONT)
    }

    /// Starts a replica of a context, with the same store. Returns its name.
    pub async fn replicate(&mut self, context: &str) -> Result<String> {
        let is_new = |number: &u32| !self.processes.contains_key(&format!("{context}-{number}"));
        let number = (2..100).find(is_new).context("too many replicas")?;
        let port = self.free_ports.next().context("no free port")?;
        let spec = self.plan.replica(context, number, port).with_context(|| format!("no context {context}"))?;
        let name = spec.name.clone();
        self.processes.insert(name.clone(), TestProcess::new(spec));
        self.start(&name).await?;
        Ok(name)
    }

    /// Starts a process with the state of its last run, without waiting until it is ready.
    pub fn begin(&mut self, name: &str) -> Result<()> {
        self.process_mut(name)?.begin()
    }

    /// Waits until all running processes are ready.
    pub async fn ready(&mut self) -> Result<()> {
        let running = self.processes.values_mut().filter(|process| process.runs());
        try_join_all(running.map(|process| process.ready(&self.probe))).await.map(drop)
    }

    /// Whether a process runs, or its exit has not been observed yet.
    pub fn runs(&self, name: &str) -> bool {
        self.process(name).is_ok_and(TestProcess::runs)
    }

    /// The processes that exited by themselves since the last call, each with its exit status. They count as stopped.
    pub fn ended(&mut self) -> Vec<(String, String)> {
        let exited = |process: &mut TestProcess| Some((process.spec.name.clone(), process.ended()?));
        self.processes.values_mut().filter_map(exited).collect()
    }
}
