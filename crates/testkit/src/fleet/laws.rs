//! The laws of a fleet, on its present state.

use std::time::Duration;

use anyhow::{Result, ensure};
use audit::{Journal, Operation, Report, Snapshot, Stores};
use tokio::task::spawn_blocking;

use crate::fleet::fixture::Fleet;
use crate::observe::eventually;

impl Fleet {
    /// Waits until no work is in progress, by the rows that the auditor of the fleet counts.
    pub async fn decided(&self, declaration: &audit::Fleet, limit: Duration) -> Result<()> {
        eventually(limit, "nothing is in progress", async || {
            for (context, count) in declaration.in_progress() {
                let in_progress = self.number(context, &count).await?;
                ensure!(in_progress == 0, "{count}: {in_progress}");
            }
            Ok(())
        })
        .await
    }

    /// Checks all laws, with what clients did.
    pub async fn audit(&self, declaration: &'static audit::Fleet, client_history: &[Operation]) -> Result<Report> {
        let stores = Stores::read(declaration.contexts, &self.stores()?).await?;
        let broker = self.broker();
        let journal = spawn_blocking(move || Journal::read(&broker, &declaration.context_names())).await??;
        let client_history = Some(client_history);
        Ok(Snapshot { fleet: declaration, stores: &stores, journal: &journal, client_history }.judge())
    }
}
