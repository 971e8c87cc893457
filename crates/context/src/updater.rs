use async_trait::async_trait;
use events::{Aggregate, DecodeError, Envelope, Inbound, Key};
use messaging::{EventHandler, Outbox, Received, StagedEvents};
use store::{Row, Tx, sqlx};

use crate::Repository;
use crate::batch::EventsByKey;

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
impl<R> EventHandler for Updater<R>
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
        let events = EventsByKey::of(events);
        let rows = self.repository.lock(tx, &events.keys()).await?;
        let states = events.apply(rows, outbox, pending, events::react::<R::State>)?;
        self.repository.update_locked(tx, states).await
    }
}
