use async_trait::async_trait;
use cleanassign_contract::CleanAssignEvent;
use cleanassign_domain::Managed;
use events::{DecodeError, Envelope, Inbound};
use messaging::{EventHandler, Outbox, Received, StagedEvents};
use store::Tx;
use store::sqlx::Error;

use crate::store::DispatchStore;

/// Lets accepted calls wait for a cleaner, and frees the cleaners of cancelled ones. Then the cleaners who are free are assigned,
/// all in the transaction of the events.
pub struct ManagedCalls {
    store: DispatchStore,
}

impl ManagedCalls {
    /// In this store.
    pub const fn new(store: DispatchStore) -> Self {
        Self { store }
    }
}

#[async_trait]
impl EventHandler for ManagedCalls {
    type Event = Managed;

    const CONTEXTS: &'static [&'static str] = Managed::CONTEXTS;

    fn decode(&self, envelope: &Envelope) -> Result<Option<Managed>, DecodeError> {
        Managed::decode(envelope)
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Managed>],
        outbox: &Outbox,
        pending: &mut StagedEvents,
    ) -> Result<(), Error> {
        self.store.lock_dispatch(tx).await?;
        let calls: Vec<i64> = events.iter().map(|received| received.event.key()).collect();
        let mut assignments = self.store.lock_assignments(tx, &calls).await?;
        let mut freed = Vec::new();
        for Received { event, time, trace, .. } in events {
            let canceled = assignments.get_mut(&event.key()).and_then(|assignment| assignment.apply(event, *time));
            if let Some(canceled) = canceled {
                freed.push(canceled.call_id);
                outbox.stage(pending, &CleanAssignEvent::from(canceled), *trace)?;
            }
        }
        self.store.write_assignments(tx, assignments.into_values()).await?;
        self.store.free_cleaners(tx, &freed).await?;
        self.store.assign_free(tx, pending, None).await
    }
}
