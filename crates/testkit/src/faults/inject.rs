//! Faults of one fleet.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use flotilla::manifest::BROKER;
use flotilla::plan::Role;
use flotilla::shell::word;
use url::Url;

use crate::faults::commands::ServerCommand;
use crate::faults::proxy::TcpProxy;
use crate::fleet::{Fleet, Parts};

impl Fleet {
    /// Sends SIGKILL to the broker, embedded or external.
    pub async fn kill_broker(&mut self) -> Result<()> {
        match &self.parts {
            Parts::Embedded => self.kill(BROKER).await,
            Parts::Servers(_) => ServerCommand::KillBroker.carry_out().await,
        }
    }

    /// Starts the broker again with its data.
    pub async fn start_broker(&mut self) -> Result<()> {
        match &self.parts {
            Parts::Embedded => self.start(BROKER).await,
            Parts::Servers(_) => ServerCommand::StartBroker.carry_out().await,
        }
    }

    /// Makes the contexts ignore SIGXFSZ, from their next start on. By default this signal kills a process that writes beyond
    /// the limit of [`Fleet::fill`]; ignored, the write fails.
    pub fn survive_full_files(&mut self) -> Result<()> {
        let folder = self.path("survivors");
        fs::create_dir_all(&folder)?;
        let specs = self.processes.values_mut().map(|process| &mut process.spec);
        for spec in self.plan.processes.iter_mut().chain(specs).filter(|spec| spec.role == Role::Context) {
            let script = folder.join(&spec.name);
            fs::write(
                &script,
                format!("#!/bin/sh\ntrap '' XFSZ\nexec {}\n", word(&spec.program.display().to_string())),
            )?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
            spec.program = script;
        }
        Ok(())
    }

    /// Simulates a full disk for one process: every write to a file fails.
    pub fn fill(&self, name: &str) -> Result<()> {
        self.process(name)?.limit_files(Some(0))
    }

    /// Ends the simulation of a full disk.
    pub fn free(&self, name: &str) -> Result<()> {
        self.process(name)?.limit_files(None)
    }

    /// Puts a proxy between a context and the server of its store, from its next start on. `None` for a file.
    pub async fn wire(&mut self, context: &str) -> Result<Option<TcpProxy>> {
        if self.parts == Parts::Embedded {
            return Ok(None);
        }
        let url = Url::parse(self.store_url(context)?)?;
        let proxy = TcpProxy::to(&url).await?;
        self.set(context, "STORE_URL", proxy.through(&url)?)?;
        Ok(Some(proxy))
    }

    /// Puts a proxy between a context and the broker, from its next start on. The broker must be on this machine.
    pub async fn broker_wire(&mut self, context: &str) -> Result<TcpProxy> {
        let proxy = TcpProxy::to_broker(self.brokers()).await?;
        self.set(context, "KAFKA_BROKERS", proxy.address().to_string())?;
        Ok(proxy)
    }
}
