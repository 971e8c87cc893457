use ambient::Timestamp;
use async_trait::async_trait;
use events::{DecodeError, Envelope, TraceContext};
use store::Tx;

use crate::{Outbox, StagedEvents};

/// The event handler of a context.
///
/// Topics are independent: their events arrive in any order, and an event may be delivered again long after its id was purged
/// from the inbox. So [`EventHandler::apply`] must lead to one state for every order and repetition.
#[async_trait]
pub trait EventHandler: Send + Sync + 'static {
    /// The events it handles.
    type Event: Clone + Send + Sync;

    /// Whether the context is a read model, fed by events alone: it is not ready while the broker is unavailable.
    const IS_READ_MODEL: bool = false;

    /// The contexts whose events it consumes.
    const CONTEXTS: &'static [&'static str];

    /// Decodes an event. `None` skips it: the context does not handle its type, or does not know its version.
    fn decode(&self, envelope: &Envelope) -> Result<Option<Self::Event>, DecodeError>;

    /// Applies events, none of which is in the inbox, within the transaction that adds them to the inbox.
    ///
    /// Resulting events are staged in `pending` through `outbox`.
    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Self::Event>],
        outbox: &Outbox,
        pending: &mut StagedEvents,
    ) -> Result<(), sqlx::Error>;

    /// Called after the commit, at most once, for effects that may be lost: to wake a task, to notify open streams.
    async fn applied(&self, _events: &[Received<Self::Event>]) {}

    /// For a read model: empties its tables, so that it can be rebuilt. `false`: this context is none.
    async fn clear(&self, _tx: &mut Tx) -> Result<bool, sqlx::Error> {
        Ok(false)
    }
}

/// A consumed event.
#[derive(Debug, Clone)]
pub struct Received<E> {
    /// Its id, unique among all events.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// Its trace.
    pub trace: Option<TraceContext>,
    /// The event itself.
    pub event: E,
}
