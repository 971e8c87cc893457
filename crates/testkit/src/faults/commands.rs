//! Shell commands that break and repair the servers of a fleet.

use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use tokio::process::Command;

use crate::fleet::Parts;
use crate::fleet::parts::{
    KAFKA_KILL, KAFKA_START, POSTGRES_FILL, POSTGRES_FREE, POSTGRES_KILL, POSTGRES_START, Servers, both,
};

impl Parts {
    /// Whether the broker can be killed. The error names the missing variables.
    pub fn can_kill_broker(&self) -> Result<(), String> {
        if *self == Self::Embedded { Ok(()) } else { Servers::can_kill_kafka() }
    }

    /// Whether the server of the stores can be killed. The error names the missing variables, or the
    /// missing server.
    pub fn can_kill_stores(&self) -> Result<(), String> {
        self.has_server().and_then(|()| both(POSTGRES_KILL, POSTGRES_START))
    }

    /// Whether the disk of the server of the stores can be filled. The error names the missing variables,
    /// or the missing server.
    pub fn can_fill_stores(&self) -> Result<(), String> {
        self.has_server().and_then(|()| both(POSTGRES_FILL, POSTGRES_FREE))
    }

    fn has_server(&self) -> Result<(), String> {
        if *self == Self::Embedded { Err("the embedded stores are files, without a server".to_owned()) } else { Ok(()) }
    }
}

/// A shell command against an external server. The environment defines the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerCommand {
    /// Kill the broker.
    KillBroker,
    /// Start the broker again with its data.
    StartBroker,
    /// Kill the server of the stores.
    KillStores,
    /// Start the server of the stores again with its data.
    StartStores,
    /// Fill the disk of the server of the stores.
    FillStores,
    /// Free the disk of the server of the stores.
    FreeStores,
}

impl ServerCommand {
    /// Runs the command and waits for its exit.
    pub async fn carry_out(self) -> Result<()> {
        let variable = self.variable();
        let command = env::var(variable).with_context(|| variable.to_owned())?;
        let log = fs::File::create(env::temp_dir().join(format!("{variable}.log")))?;
        let status = Command::new("sh").args(["-c", &command]).stdout(log.try_clone()?).stderr(log).status().await?;
        ensure!(status.success(), "{variable} ({command}) ended with {status}");
        Ok(())
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::KillBroker => KAFKA_KILL,
            Self::StartBroker => KAFKA_START,
            Self::KillStores => POSTGRES_KILL,
            Self::StartStores => POSTGRES_START,
            Self::FillStores => POSTGRES_FILL,
            Self::FreeStores => POSTGRES_FREE,
        }
    }
}
