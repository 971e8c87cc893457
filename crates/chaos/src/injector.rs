use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, mem};

use anyhow::{Context as _, Result, ensure};
use testkit::{BROKER, Fleet, GATEWAY, Parts, ProxyState, TcpProxy, eventually};

use crate::fault::{Fault, FaultKind};
use crate::greedy::GreedyClient;
use crate::hostile::HostileRecords;
use crate::scenario::{Scenario, Stub};
use crate::server_commands::ServerCommands;

/// The exit of a process after SIGTERM.
const SUCCESS: &str = "exit status: 0";

/// How long it may take until all processes have connected to the broker.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Injects faults into a fleet, and reverts them.
pub struct FaultInjector {
    scenario: &'static Scenario,
    /// The fleet.
    pub fleet: Fleet,
    broker_links: BTreeMap<String, TcpProxy>,
    store_links: BTreeMap<String, TcpProxy>,
    stub_settings: PathBuf,
    /// The processes that received SIGTERM.
    terminating: BTreeSet<String>,
    active: Vec<Fault>,
    server_commands: ServerCommands,
    /// Records that no context can handle.
    pub hostile: HostileRecords,
    /// A client that takes all resources it can.
    pub greedy: GreedyClient,
    /// The possible faults with their targets.
    pub possible: BTreeMap<FaultKind, Vec<String>>,
    /// The impossible faults, with the reasons.
    pub skipped: Vec<String>,
}

impl FaultInjector {
    /// For a fleet that is not started yet.
    pub fn new(scenario: &'static Scenario, fleet: Fleet) -> Self {
        let stub_settings = fleet.path("simulator.json");
        Self {
            scenario,
            fleet,
            broker_links: BTreeMap::new(),
            store_links: BTreeMap::new(),
            stub_settings,
            terminating: BTreeSet::new(),
            active: Vec::new(),
            server_commands: ServerCommands::default(),
            hostile: HostileRecords::default(),
            greedy: GreedyClient::default(),
            possible: BTreeMap::new(),
            skipped: Vec::new(),
        }
    }

    /// Puts proxies on all connections and starts the fleet, with the second processes.
    pub async fn start(&mut self) -> Result<()> {
        for context in self.fleet.contexts() {
            match self.fleet.broker_wire(&context).await {
                Ok(link) => drop(self.broker_links.insert(context.clone(), link)),
                Err(reason) => self.skipped.push(format!("{context} cut off from the broker: {reason:#}")),
            }
            self.store_links.extend(self.fleet.wire(&context).await?.map(|link| (context.clone(), link)));
        }
        if let Some(Stub { context, variable, .. }) = &self.scenario.stub {
            self.fleet.set(context, variable, self.stub_settings.display().to_string())?;
        }
        self.fleet.survive_full_files()?;
        self.fleet.start_all().await.context("the fleet does not start")?;
        let mut processes = self.fleet.contexts();
        for context in self.scenario.replicated {
            processes.push(self.fleet.replicate(context).await?);
        }
        eventually(CONNECT_TIMEOUT, "all processes reach the broker through their proxies", async || {
            let unused = self.broker_links.iter().filter(|(_, link)| link.renamed() == 0);
            let unused: Vec<&String> = unused.map(|(context, _)| context).collect();
            ensure!(unused.is_empty(), "these bypass them: {unused:?}");
            Ok(())
        })
        .await?;
        self.find_possible_faults(processes);
        Ok(())
    }

    fn find_possible_faults(&mut self, mut processes: Vec<String>) {
        let parts = self.fleet.parts().clone();
        if parts == Parts::Embedded {
            self.add(FaultKind::FillDisk, processes.clone());
            processes.push(BROKER.to_owned());
        } else {
            self.add_if(FaultKind::KillBroker, parts.can_kill_broker());
            self.add_if(FaultKind::KillStores, parts.can_kill_stores());
            self.add_if(FaultKind::FillStores, parts.can_fill_stores());
        }
        processes.push(GATEWAY.to_owned());
        for kind in [FaultKind::Kill, FaultKind::Stop, FaultKind::Pause] {
            self.add(kind, processes.clone());
        }
        let contexts: Vec<String> = self.broker_links.keys().cloned().collect();
        for kind in [FaultKind::CutFromBroker, FaultKind::HoldFromBroker] {
            self.add(kind, contexts.clone());
        }
        if !contexts.is_empty() {
            self.add(FaultKind::SilenceBroker, vec![BROKER.to_owned()]);
        }
        let contexts: Vec<String> = self.store_links.keys().cloned().collect();
        for kind in [FaultKind::CutFromStore, FaultKind::HoldFromStore, FaultKind::LoseResponses] {
            self.add(kind, contexts.clone());
        }
        if let Some(Stub { context, faults, .. }) = &self.scenario.stub {
            for fault in *faults {
                self.add(FaultKind::Stub(*fault), vec![(*context).to_owned()]);
            }
        }
        self.add(FaultKind::GreedyClient, vec!["one client".to_owned()]);
        let topics = self.scenario.consumers.iter().map(|consumers| consumers.topic.to_owned()).collect();
        self.add(FaultKind::HostileRecords, topics);
    }

    fn add(&mut self, kind: FaultKind, targets: Vec<String>) {
        if !targets.is_empty() {
            self.possible.insert(kind, targets);
        }
    }

    /// A fault of an external server, if the environment defines its commands.
    fn add_if(&mut self, kind: FaultKind, possible: Result<(), String>) {
        match possible {
            Ok(()) => self.add(kind, vec!["server".to_owned()]),
            Err(reason) => self.skipped.push(format!("{kind}: {reason}")),
        }
    }

    /// Injects a fault.
    pub async fn inject(&mut self, fault: &Fault) -> Result<()> {
        self.active.push(fault.clone());
        let Fault { kind, target } = fault;
        match kind {
            FaultKind::Kill => self.kill(target).await?,
            FaultKind::Stop => {
                self.fleet.terminate(target)?;
                self.terminating.insert(target.clone());
            }
            FaultKind::Pause => self.fleet.pause(target)?,
            FaultKind::FillDisk => self.fleet.fill(target)?,
            FaultKind::CutFromBroker => self.broker_links[target].set(ProxyState::Cut),
            FaultKind::HoldFromBroker => self.broker_links[target].set(ProxyState::Held),
            FaultKind::SilenceBroker => self.broker_links.values().for_each(|link| link.set(ProxyState::Held)),
            FaultKind::CutFromStore => self.store_links[target].set(ProxyState::Cut),
            FaultKind::HoldFromStore => self.store_links[target].set(ProxyState::Held),
            FaultKind::LoseResponses => self.store_links[target].lose_answers(),
            FaultKind::KillBroker | FaultKind::KillStores | FaultKind::FillStores => {}
            FaultKind::Stub(fault) => self.set_stub(fault.settings)?,
            FaultKind::HostileRecords => self.hostile.publish(self.fleet.topics(), target, self.scenario.sample_event),
            FaultKind::GreedyClient => {
                let gateway = self.fleet.url(GATEWAY)?;
                self.greedy.start(gateway.trim_start_matches("http://"), self.scenario.greedy)?;
            }
        }
        if let Some((inject, _)) = kind.server_commands() {
            self.server_commands.run(inject, || ());
        }
        Ok(())
    }

    /// Reverts a fault, and calls `reverted` then: a server takes its time. A process that ignores SIGTERM is killed.
    pub async fn revert(&mut self, fault: &Fault, reverted: impl FnOnce() + Send + 'static) -> Result<()> {
        self.active.retain(|other| other != fault);
        let Fault { kind, target } = fault;
        match kind {
            FaultKind::Kill => self.fleet.begin(target)?,
            FaultKind::Stop => {
                self.kill(target).await?;
                self.terminating.remove(target);
                self.fleet.begin(target)?;
            }
            FaultKind::Pause => self.fleet.resume(target)?,
            FaultKind::FillDisk => self.fleet.free(target)?,
            FaultKind::CutFromBroker | FaultKind::HoldFromBroker => self.broker_links[target].set(ProxyState::Open),
            FaultKind::SilenceBroker => self.broker_links.values().for_each(|link| link.set(ProxyState::Open)),
            FaultKind::CutFromStore | FaultKind::HoldFromStore => self.store_links[target].set(ProxyState::Open),
            FaultKind::Stub(_) => self.set_stub("{}")?,
            FaultKind::GreedyClient => self.greedy.stop(),
            FaultKind::LoseResponses
            | FaultKind::KillBroker
            | FaultKind::KillStores
            | FaultKind::FillStores
            | FaultKind::HostileRecords => {}
        }
        match kind.server_commands() {
            Some((_, revert)) => self.server_commands.run(revert, reverted),
            None => reverted(),
        }
        Ok(())
    }

    /// Reverts all faults of external servers, also after an interrupted run.
    pub async fn revert_servers(&mut self) -> Result<()> {
        for fault in mem::take(&mut self.active) {
            if fault.kind.server_commands().is_some() {
                self.revert(&fault, || ()).await?;
            }
        }
        self.server_commands.finished().await
    }

    /// Restarts processes that have ended without a fault. Returns these with their exits, and those that failed after
    /// SIGTERM.
    pub fn restart_ended(&mut self) -> Result<Vec<(String, String)>> {
        let mut unexpected = Vec::new();
        for (name, exit) in self.fleet.ended() {
            if !self.terminating.contains(&name) {
                self.fleet.begin(&name)?;
                unexpected.push((name, format!("ended by itself: {exit}")));
            } else if exit != SUCCESS {
                unexpected.push((name, format!("failed after SIGTERM: {exit}")));
            }
        }
        Ok(unexpected)
    }

    /// The process may just have ended by itself.
    async fn kill(&mut self, name: &str) -> Result<()> {
        if self.fleet.runs(name) { self.fleet.kill(name).await } else { Ok(()) }
    }

    fn set_stub(&self, settings: &str) -> Result<()> {
        // In one step: the service may read it at any time.
        let next = self.stub_settings.with_extension("next");
        fs::write(&next, settings)?;
        Ok(fs::rename(next, &self.stub_settings)?)
    }
}
