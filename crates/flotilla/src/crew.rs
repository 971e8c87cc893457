//! All processes of a running fleet.

use std::collections::BTreeMap;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::member::{Care, Member, NotReady};
use crate::plan::{Plan, ProcessSpec, Role};

/// The processes that have been started. Dropping it kills them.
pub struct Crew {
    care: Care,
    members: Vec<(Role, Member)>,
}

impl Crew {
    /// Nobody yet.
    pub const fn new(care: Care) -> Self {
        Self { care, members: Vec::new() }
    }

    /// Starts the broker, and once that is ready everything else at once; waits until all are ready.
    pub async fn start(&mut self, plan: &Plan) -> Result<(), NotReady> {
        let (brokers, others): (Vec<_>, Vec<_>) =
            plan.processes.iter().cloned().partition(|process| process.role == Role::Broker);
        self.start_all(brokers).await?;
        self.start_all(others).await
    }

    async fn start_all(&mut self, specs: Vec<ProcessSpec>) -> Result<(), NotReady> {
        let from = self.members.len();
        for spec in specs {
            self.members.push((spec.role, Member::start(spec, self.care.clone())?));
        }
        let mut waiting: FuturesUnordered<_> =
            self.members[from..].iter_mut().map(|(_, member)| member.ready()).collect();
        while let Some(ready) = waiting.next().await {
            ready?;
        }
        Ok(())
    }

    /// Keeps all of them running until the stop is asked for; then stops the gateway, the contexts, the broker.
    pub async fn keep(self) {
        // In the order of the roles, which is the order of the end.
        let mut roles: BTreeMap<Role, (CancellationToken, JoinSet<()>)> = BTreeMap::new();
        for (role, member) in self.members {
            let (turn, keepers) = roles.entry(role).or_default();
            keepers.spawn(member.keep(turn.clone()));
        }
        self.care.stop.asked.cancelled().await;
        for (turn, mut keepers) in roles.into_values() {
            turn.cancel();
            while keepers.join_next().await.is_some() {}
        }
    }
}
