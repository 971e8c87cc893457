//! Waits until a fleet is quiescent.

use std::time::Duration;

use anyhow::{Result, ensure};
use flotilla::plan::Role;

use crate::fleet::fixture::Fleet;
use crate::observe::eventually;

impl Fleet {
    /// Waits until the fleet is quiescent: all outboxes are empty, all events are consumed, and none was published during
    /// the check.
    pub async fn settled(&self, limit: Duration) -> Result<()> {
        eventually(limit, "the fleet settles", async || self.is_quiescent().await).await
    }

    async fn is_quiescent(&self) -> Result<()> {
        let contexts = self.contexts();
        let before = self.topics().ends(&contexts).await?;
        for process in self.processes().filter(|process| process.spec.role == Role::Context && process.runs()) {
            let name = &process.spec.name;
            let status = self.status(name).await?;
            ensure!(status.outbox_depth == 0, "{name} has {} events in its outbox", status.outbox_depth);
            let lag = status.consumer.map(|consumer| consumer.lag);
            ensure!(lag == Some(0), "{name} has a lag of {lag:?}");
        }
        let after = self.topics().ends(&contexts).await?;
        ensure!(before == after, "events came: {before:?}, then {after:?}");
        Ok(())
    }
}
