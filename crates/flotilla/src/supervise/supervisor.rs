//! All processes of a running fleet.

use std::collections::BTreeMap;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::plan::{Plan, ProcessSpec, Role};
use crate::supervise::managed_process::{ManagedProcess, SupervisionContext};
use crate::supervise::startup::StartupError;

/// The processes that have been started. Dropping it kills them.
pub struct Supervisor {
    context: SupervisionContext,
    processes: Vec<(Role, ManagedProcess)>,
}

impl Supervisor {
    /// A supervisor without processes.
    pub const fn new(context: SupervisionContext) -> Self {
        Self { context, processes: Vec::new() }
    }

    /// Starts the broker and, once it is ready, all other processes at the same time. Returns when all are ready.
    pub async fn start(&mut self, plan: &Plan) -> Result<(), StartupError> {
        let (brokers, others): (Vec<_>, Vec<_>) =
            plan.processes.iter().cloned().partition(|process| process.role == Role::Broker);
        self.start_all(brokers).await?;
        self.start_all(others).await
    }

    async fn start_all(&mut self, specs: Vec<ProcessSpec>) -> Result<(), StartupError> {
        let from = self.processes.len();
        for spec in specs {
            self.processes.push((spec.role, ManagedProcess::start(spec, self.context.clone())?));
        }
        let mut starting: FuturesUnordered<_> =
            self.processes[from..].iter_mut().map(|(_, process)| process.ready()).collect();
        while let Some(ready) = starting.next().await {
            ready?;
        }
        Ok(())
    }

    /// Supervises the processes until a stop is requested, then stops the gateway, the contexts and the broker in turn.
    pub async fn supervise(self) {
        // The order of the roles is the order of the shutdown.
        let mut roles: BTreeMap<Role, (CancellationToken, JoinSet<()>)> = BTreeMap::new();
        for (role, process) in self.processes {
            let (shutdown, tasks) = roles.entry(role).or_default();
            tasks.spawn(process.supervise(shutdown.clone()));
        }
        self.context.stop.graceful.cancelled().await;
        for (shutdown, mut tasks) in roles.into_values() {
            shutdown.cancel();
            while tasks.join_next().await.is_some() {}
        }
    }
}
