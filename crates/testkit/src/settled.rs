use std::time::Duration;

use anyhow::{Result, ensure};
use flotilla::plan::Role;

use crate::{Fleet, eventually};

impl Fleet {
    /// Waits until nothing is under way between the contexts: all outboxes are empty, all events are handled, and none
    /// came while this was looked at.
    pub async fn settled(&self, limit: Duration) -> Result<()> {
        eventually(limit, "the fleet settles", async || self.is_settled().await).await
    }

    async fn is_settled(&self) -> Result<()> {
        let contexts = self.contexts();
        let before = self.topics().ends(&contexts).await?;
        for member in self.members().filter(|member| member.spec.role == Role::Context && member.runs()) {
            let name = &member.spec.name;
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
