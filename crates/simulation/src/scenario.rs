use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use audit::{Fleet, Journal, Stores, Verdict};
use messaging::Record;
use tokio::task::JoinSet;

use crate::clients::Clients;
use crate::{Build, Mutant, Placement, Process, World};

/// A fleet in the simulation. `E` has the stubs of its external systems: these survive the kill of a process.
pub struct Scenario<E> {
    /// The name of the fleet: the first part of the names of its topics.
    pub name: &'static str,
    /// The declaration for the auditor.
    pub fleet: &'static Fleet,
    /// Each process with its context.
    pub processes: &'static [(&'static str, &'static str)],
    /// The synchronous calls: a process and the context that it calls.
    pub calls: &'static [(&'static str, &'static str)],
    /// Prefixes of paths, each with the context that serves them: the routes of the gateway.
    pub routes: &'static [(&'static str, &'static str)],
    /// The rules that can be broken on purpose.
    pub mutants: &'static [Mutant],
    /// Creates the stubs.
    pub stubs: fn(&Arc<World>, Option<Mutant>) -> E,
    /// Begins the faults of the stubs.
    pub begin_faults: fn(&E, &World),
    /// Ends the faults of the stubs.
    pub end_faults: fn(&E),
    /// The `build` function of a process, with the simulated edges in its settings.
    pub build: fn(&Arc<World>, &Arc<E>, Placement<'_>) -> Build,
    /// Starts the actors.
    pub actors: fn(&Arc<Clients>) -> JoinSet<()>,
    /// Laws about facts that only a simulation can observe.
    pub oracles: fn(&Stores, &Journal, &E) -> Vec<Verdict>,
    /// The number of established cases.
    pub established: fn(&Stores) -> usize,
}

impl<E> Scenario<E> {
    /// Starts all processes.
    pub(crate) fn start(&self, world: &Arc<World>, stubs: &Arc<E>) -> io::Result<()> {
        for (process, context) in self.processes {
            let store_url = world.store_url(context, process)?;
            let build = (self.build)(world, stubs, Placement { process, context, store_url: &store_url });
            world.run(Process { name: (*process).to_owned(), context: (*context).to_owned(), build });
        }
        Ok(())
    }

    /// The URLs of the stores for the auditor.
    pub(crate) fn stores(&self, world: &World) -> io::Result<BTreeMap<String, String>> {
        let url = |context: &str| Ok((context.to_owned(), world.store_url(context, &format!("audit-{context}"))?));
        self.fleet.context_names().into_iter().map(url).collect()
    }

    /// The topics for the auditor.
    pub(crate) fn journal(&self, world: &World) -> Journal {
        let log = world.log();
        let records = self.fleet.context_names().into_iter().flat_map(|context| {
            let letters = format!("{context}.dead-letters");
            [context.to_owned(), letters].map(|name| {
                let records: Vec<Record> = log.records(&format!("{}.{name}", self.name));
                (name, records)
            })
        });
        Journal::of(records.collect())
    }
}
