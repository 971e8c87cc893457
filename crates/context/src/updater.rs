use std::collections::BTreeMap;

use async_trait::async_trait;
use events::{Aggregate, DecodeError, Envelope, Inbound, Key};
use messaging::{Outbox, Policies, Received, StagedEvents};
use store::{Row, Tx, sqlx};

use crate::Repository;

/// Applies the events of other contexts to rows that exist, and publishes the events that result. Rows are never inserted:
/// a command of the context does that.
///
/// The rows of a batch are locked, the events are applied in the order of their times, and the rows are updated, all in the
/// transaction that adds the events to the inbox.
pub struct Updater<R: Row> {
    repository: Repository<R>,
}

type EventOf<R> = <<R as Row>::State as Aggregate>::Event;

impl<R: Row> Updater<R> {
    /// Applies events to the rows of `repository`.
    pub const fn new(repository: Repository<R>) -> Self {
        Self { repository }
    }
}

#[async_trait]
impl<R> Policies for Updater<R>
where
    R: Row<Key: Key>,
    R::State: Aggregate<Event: Inbound<Key = R::Key>>,
{
    type Event = EventOf<R>;

    const CONTEXTS: &'static [&'static str] = EventOf::<R>::CONTEXTS;

    fn decode(&self, envelope: &Envelope) -> Result<Option<Self::Event>, DecodeError> {
        Self::Event::decode(envelope)
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Self::Event>],
        outbox: &Outbox,
        pending: &mut StagedEvents,
    ) -> Result<(), sqlx::Error> {
        let mut events_of: BTreeMap<R::Key, Vec<&Received<Self::Event>>> = BTreeMap::new();
        for received in events {
            events_of.entry(received.event.key()).or_default().push(received);
        }
        let keys: Vec<R::Key> = events_of.keys().cloned().collect();
        let mut states = Vec::with_capacity(keys.len());
        for row in self.repository.lock(tx, &keys).await? {
            let mut events = events_of.remove(row.key()).unwrap_or_default();
            events.sort_by_key(|received| received.time);
            let mut state = row.into_state()?;
            for received in events {
                if let Some(emitted) = events::react(&mut state, &received.event, received.time) {
                    outbox.stage(pending, &emitted, received.trace)?;
                }
            }
            states.push(state);
        }
        self.repository.update_locked(tx, states).await
    }
}
