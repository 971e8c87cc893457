//! The hands that do what was drawn to a fleet, and undo it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, mem};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use testkit::{BROKER, Fleet, Flow, GATEWAY, Parts, Wire, eventually};

use crate::fault::{Fault, What};
use crate::orders::Orders;

/// The contexts that two processes serve.
const TWICE: [&str; 2] = ["match", "visit"];

/// How a process ends that was told to.
const IN_ORDER: &str = "exit status: 0";

/// How long it may take until all processes have found the broker.
const SOON: Duration = Duration::from_secs(30);

/// A fleet, and all that is held in hands to disturb it.
pub struct Hands {
    /// The fleet.
    pub fleet: Fleet,
    broker_wires: BTreeMap<String, Wire>,
    store_wires: BTreeMap<String, Wire>,
    provider: PathBuf,
    /// What was told to end, and will be started again.
    ending: BTreeSet<String>,
    under_way: Vec<Fault>,
    orders: Orders,
    /// What is known to be possible, and on whom.
    pub possible: BTreeMap<What, Vec<String>>,
    /// What is not, and why.
    pub left_out: Vec<String>,
}

impl Hands {
    /// To be laid on a fleet of which nothing runs yet.
    pub fn new(fleet: Fleet) -> Self {
        let provider = fleet.path("simulator.json");
        Self {
            fleet,
            broker_wires: BTreeMap::new(),
            store_wires: BTreeMap::new(),
            provider,
            ending: BTreeSet::new(),
            under_way: Vec::new(),
            orders: Orders::default(),
            possible: BTreeMap::new(),
            left_out: Vec::new(),
        }
    }

    /// Puts wires everywhere and starts the fleet, with a second process of some contexts.
    pub async fn start(&mut self) -> Result<()> {
        for context in self.fleet.contexts() {
            match self.fleet.broker_wire(&context).await {
                Ok(wire) => drop(self.broker_wires.insert(context.clone(), wire)),
                Err(reason) => self.left_out.push(format!("{context} cut off from the broker: {reason:#}")),
            }
            self.store_wires.extend(self.fleet.wire(&context).await?.map(|wire| (context.clone(), wire)));
        }
        self.fleet.set("payment", "PAYMENT_SIMULATOR_FILE", self.provider.display().to_string())?;
        self.fleet.survive_full_files()?;
        self.fleet.start_all().await.context("the fleet does not start")?;
        let mut processes = self.fleet.contexts();
        for context in TWICE {
            processes.push(self.fleet.replicate(context).await?);
        }
        eventually(SOON, "all reach the broker through their wires", async || {
            let past = self.broker_wires.iter().filter(|(_, wire)| wire.renamed() == 0);
            let past: Vec<&String> = past.map(|(context, _)| context).collect();
            ensure!(past.is_empty(), "these go past them: {past:?}");
            Ok(())
        })
        .await?;
        self.look_what_is_possible(processes);
        Ok(())
    }

    fn look_what_is_possible(&mut self, mut processes: Vec<String>) {
        let parts = self.fleet.parts().clone();
        if parts == Parts::Embedded {
            self.add(What::FillDisk, processes.clone());
            processes.push(BROKER.to_owned());
        } else {
            self.add_if(What::KillBroker, parts.can_kill_broker());
            self.add_if(What::KillStores, parts.can_kill_stores());
            self.add_if(What::FillStores, parts.can_fill_stores());
        }
        processes.push(GATEWAY.to_owned());
        for what in [What::Kill, What::Stop, What::Pause] {
            self.add(what, processes.clone());
        }
        let contexts: Vec<String> = self.broker_wires.keys().cloned().collect();
        for what in [What::CutFromBroker, What::HoldFromBroker] {
            self.add(what, contexts.clone());
        }
        if !contexts.is_empty() {
            self.add(What::SilenceBroker, vec![BROKER.to_owned()]);
        }
        let contexts: Vec<String> = self.store_wires.keys().cloned().collect();
        for what in [What::CutFromStore, What::HoldFromStore, What::LoseAnswers] {
            self.add(what, contexts.clone());
        }
        for what in [What::SlowPayments, What::FailingPayments] {
            self.add(what, vec!["payment".to_owned()]);
        }
    }

    fn add(&mut self, what: What, on: Vec<String>) {
        if !on.is_empty() {
            self.possible.insert(what, on);
        }
    }

    /// On a server of others, if they have said how.
    fn add_if(&mut self, what: What, can: Result<(), String>) {
        match can {
            Ok(()) => self.add(what, vec!["server".to_owned()]),
            Err(reason) => self.left_out.push(format!("{what}: {reason}")),
        }
    }

    /// Does it.
    pub async fn inflict(&mut self, fault: &Fault) -> Result<()> {
        self.under_way.push(fault.clone());
        let Fault { what, on } = fault;
        match what {
            What::Kill => self.kill(on).await?,
            What::Stop => {
                self.fleet.terminate(on)?;
                self.ending.insert(on.clone());
            }
            What::Pause => self.fleet.pause(on)?,
            What::FillDisk => self.fleet.fill(on)?,
            What::CutFromBroker => self.broker_wires[on].set(Flow::Cut),
            What::HoldFromBroker => self.broker_wires[on].set(Flow::Held),
            What::SilenceBroker => self.broker_wires.values().for_each(|wire| wire.set(Flow::Held)),
            What::CutFromStore => self.store_wires[on].set(Flow::Cut),
            What::HoldFromStore => self.store_wires[on].set(Flow::Held),
            What::LoseAnswers => self.store_wires[on].lose_answers(),
            What::KillBroker | What::KillStores | What::FillStores => {}
            // The match context waits for 680 ms.
            What::SlowPayments => self.provider_becomes(&json!({ "delayMs": 400, "jitterMs": 500 }))?,
            What::FailingPayments => self.provider_becomes(&json!({ "failureRate": 0.3, "declineRate": 0.3 }))?,
        }
        if let Some((order, _)) = what.orders() {
            self.orders.give(order, || ());
        }
        Ok(())
    }

    /// Undoes it, and calls `over` when that is done: a server takes its time. What was to end and has not is killed.
    pub async fn undo(&mut self, fault: &Fault, over: impl FnOnce() + Send + 'static) -> Result<()> {
        self.under_way.retain(|other| other != fault);
        let Fault { what, on } = fault;
        match what {
            What::Kill => self.fleet.begin(on)?,
            What::Stop => {
                self.kill(on).await?;
                self.ending.remove(on);
                self.fleet.begin(on)?;
            }
            What::Pause => self.fleet.resume(on)?,
            What::FillDisk => self.fleet.free(on)?,
            What::CutFromBroker | What::HoldFromBroker => self.broker_wires[on].set(Flow::Open),
            What::SilenceBroker => self.broker_wires.values().for_each(|wire| wire.set(Flow::Open)),
            What::CutFromStore | What::HoldFromStore => self.store_wires[on].set(Flow::Open),
            What::SlowPayments | What::FailingPayments => self.provider_becomes(&json!({}))?,
            What::LoseAnswers | What::KillBroker | What::KillStores | What::FillStores => {}
        }
        match what.orders() {
            Some((_, undone)) => self.orders.give(undone, over),
            None => over(),
        }
        Ok(())
    }

    /// Waits until all that was done to servers of others is undone, also if a run broke off in the middle of it.
    pub async fn calm(&mut self) -> Result<()> {
        for fault in mem::take(&mut self.under_way) {
            if fault.what.orders().is_some() {
                self.undo(&fault, || ()).await?;
            }
        }
        self.orders.all().await
    }

    /// Starts again what has ended although nobody did anything to it. Tells which that was and how it ended, and what did
    /// not end in order when it was told to.
    pub fn revive(&mut self) -> Result<Vec<(String, String)>> {
        let mut told = Vec::new();
        for (name, how) in self.fleet.ended() {
            if !self.ending.contains(&name) {
                self.fleet.begin(&name)?;
                told.push((name, format!("ended by itself: {how}")));
            } else if how != IN_ORDER {
                told.push((name, format!("did not end in order: {how}")));
            }
        }
        Ok(told)
    }

    /// It may have ended by itself just now.
    async fn kill(&mut self, name: &str) -> Result<()> {
        if self.fleet.runs(name) { self.fleet.kill(name).await } else { Ok(()) }
    }

    fn provider_becomes(&self, settings: &Value) -> Result<()> {
        // In one step: the service may look at any time.
        let next = self.provider.with_extension("next");
        fs::write(&next, settings.to_string())?;
        Ok(fs::rename(next, &self.provider)?)
    }
}
