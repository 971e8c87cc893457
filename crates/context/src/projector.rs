use std::sync::Arc;

use async_trait::async_trait;
use events::{DecodeError, Envelope, EventSet, Inbound, Key, Projection};
use messaging::{EventHandler, Outbox, Received, StagedEvents};
use store::{Row, Tx, sqlx};

use crate::batch::EventsByKey;
use crate::{Repository, Subscriptions};

/// Applies the events of other contexts to the rows of a table.
///
/// The rows of a batch are locked, the events are applied in the order of their times, and the rows are written, all in
/// the transaction that adds the events to the inbox.
pub struct Projector<R: Row<Key: Key>> {
    repository: Repository<R>,
    subscriptions: Option<Arc<Subscriptions<R::Key>>>,
    is_numbering: bool,
}

type EventOf<R> = <<R as Row>::State as Projection>::Event;

impl<R: Row<Key: Key>> Projector<R> {
    /// Applies events to the rows of `repository`.
    pub const fn new(repository: Repository<R>) -> Self {
        Self { repository, subscriptions: None, is_numbering: false }
    }

    /// Notifies the subscriptions of a row when it has changed.
    #[must_use]
    pub fn notifying(self, subscriptions: &Arc<Subscriptions<R::Key>>) -> Self {
        Self { subscriptions: Some(Arc::clone(subscriptions)), ..self }
    }

    /// Numbers the changes of the rows, for clients that follow the list: see [`store::changes`]. The rows have the column
    /// [`store::changes::COLUMN`].
    #[must_use]
    pub fn numbering_changes(self) -> Self {
        Self { is_numbering: true, ..self }
    }
}

#[async_trait]
impl<R> EventHandler for Projector<R>
where
    R: Row<Key: Key>,
    R::State: Projection<Event: Inbound<Key = R::Key>>,
{
    type Event = EventOf<R>;

    const IS_READ_MODEL: bool = <<R::State as Projection>::Emits as EventSet>::KINDS.is_empty();

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
        let keys = events.keys();
        let rows = self.repository.lock_or_insert(tx, &keys).await?;
        let states = events.apply(rows, outbox, pending, events::apply::<R::State>)?;
        self.repository.write(tx, states).await?;
        if self.is_numbering { self.repository.number_changes(tx, &keys).await } else { Ok(()) }
    }

    async fn applied(&self, events: &[Received<Self::Event>]) {
        if let Some(subscriptions) = &self.subscriptions {
            for received in events {
                subscriptions.notify(&received.event.key());
            }
        }
    }

    async fn clear(&self, tx: &mut Tx) -> Result<bool, sqlx::Error> {
        if Self::IS_READ_MODEL {
            self.repository.clear(tx).await?;
        }
        Ok(Self::IS_READ_MODEL)
    }
}
