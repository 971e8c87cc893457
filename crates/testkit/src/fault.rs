use std::os::unix::fs::PermissionsExt as _;
use std::{env, fs};

use anyhow::{Context as _, Result, ensure};
use flotilla::manifest::BROKER;
use flotilla::plan::Role;
use futures_util::future::try_join_all;
use tokio::process::Command;
use url::Url;

use crate::member::Member;
use crate::parts::{
    KAFKA_KILL, KAFKA_START, POSTGRES_FILL, POSTGRES_FREE, POSTGRES_KILL, POSTGRES_START, Parts, Servers, both,
};
use crate::{Fleet, Wire};

/// What can be done to a fleet that its own people would never do.
impl Fleet {
    /// Starts a process on what its last run has left, without waiting until it is ready.
    pub fn begin(&mut self, name: &str) -> Result<()> {
        self.member_mut(name)?.begin()
    }

    /// Waits until everything that runs is ready.
    pub async fn ready(&mut self) -> Result<()> {
        let running = self.members.values_mut().filter(|member| member.runs());
        try_join_all(running.map(|member| member.ready(&self.probe))).await.map(drop)
    }

    /// Whether a process runs, or has ended without anyone having looked yet.
    pub fn runs(&self, name: &str) -> bool {
        self.member(name).is_ok_and(Member::runs)
    }

    /// Which processes have ended by themselves since this was last asked, and how. They do not run any more.
    pub fn ended(&mut self) -> Vec<(String, String)> {
        let ended = |member: &mut Member| Some((member.spec.name.clone(), member.ended()?));
        self.members.values_mut().filter_map(ended).collect()
    }

    /// `kill -9` of the broker, whichever it is.
    pub async fn kill_broker(&mut self) -> Result<()> {
        match &self.parts {
            Parts::Embedded => self.kill(BROKER).await,
            Parts::Servers(_) => Order::KillBroker.carry_out().await,
        }
    }

    /// Starts the broker again, on what it has kept.
    pub async fn start_broker(&mut self) -> Result<()> {
        match &self.parts {
            Parts::Embedded => self.start(BROKER).await,
            Parts::Servers(_) => Order::StartBroker.carry_out().await,
        }
    }

    /// Lets the contexts survive that a file may not grow, from their next start on: unless told otherwise, the system
    /// kills a process that writes to such a file, and gives it no error.
    pub fn survive_full_files(&mut self) -> Result<()> {
        let folder = self.path("survivors");
        fs::create_dir_all(&folder)?;
        let members = self.members.values_mut().map(|member| &mut member.spec);
        for spec in self.plan.processes.iter_mut().chain(members).filter(|spec| spec.role == Role::Context) {
            let script = folder.join(&spec.name);
            fs::write(&script, format!("#!/bin/sh\ntrap '' XFSZ\nexec '{}'\n", spec.program.display()))?;
            fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
            spec.program = script;
        }
        Ok(())
    }

    /// Fills the disk for one process: no file that it writes to can grow, or be written to at all.
    pub fn fill(&self, name: &str) -> Result<()> {
        self.member(name)?.limit_files(Some(0))
    }

    /// Frees the disk for it.
    pub fn free(&self, name: &str) -> Result<()> {
        self.member(name)?.limit_files(None)
    }

    /// Puts a wire between a context and the server of its store, from its next start on. A file needs none.
    pub async fn wire(&mut self, context: &str) -> Result<Option<Wire>> {
        if self.parts == Parts::Embedded {
            return Ok(None);
        }
        let url = Url::parse(self.store_url(context)?)?;
        let wire = Wire::to(&url).await?;
        self.set(context, "STORE_URL", wire.through(&url)?)?;
        Ok(Some(wire))
    }

    /// Puts a wire between a context and the broker, from its next start on. The broker must be on this machine.
    pub async fn broker_wire(&mut self, context: &str) -> Result<Wire> {
        let wire = Wire::to_broker(self.brokers()).await?;
        self.set(context, "KAFKA_BROKERS", wire.address().to_string())?;
        Ok(wire)
    }
}

impl Parts {
    /// Whether the broker may be killed; else what would have to be set.
    pub fn can_kill_broker(&self) -> Result<(), String> {
        if *self == Self::Embedded { Ok(()) } else { Servers::can_kill_kafka() }
    }

    /// Whether the server of all stores may be killed; else what would have to be set, or that there is none.
    pub fn can_kill_stores(&self) -> Result<(), String> {
        self.has_server().and_then(|()| both(POSTGRES_KILL, POSTGRES_START))
    }

    /// Whether the server of all stores may be left without room; else what would have to be set, or that there is none.
    pub fn can_fill_stores(&self) -> Result<(), String> {
        self.has_server().and_then(|()| both(POSTGRES_FILL, POSTGRES_FREE))
    }

    fn has_server(&self) -> Result<(), String> {
        if *self == Self::Embedded { Err("the embedded stores are files, without a server".to_owned()) } else { Ok(()) }
    }
}

/// What is done to a server that runs already, by a shell command that the environment gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// `kill -9` of the broker.
    KillBroker,
    /// Starts it again, on what it has kept.
    StartBroker,
    /// `kill -9` of the server of all stores.
    KillStores,
    /// Starts it again, on what it has kept.
    StartStores,
    /// Leaves the server of all stores no room on its disk.
    FillStores,
    /// Gives the room back.
    FreeStores,
}

impl Order {
    /// Carries it out, and waits until that is done.
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
