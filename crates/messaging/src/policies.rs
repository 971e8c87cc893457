use ambient::Timestamp;
use async_trait::async_trait;
use events::{DecodeError, Envelope, TraceContext};
use store::Tx;

use crate::{Outbox, Saying};

/// What a context does about events of other contexts.
///
/// Topics are independent: their events arrive in any order, and an event may come again long after the inbox has
/// forgotten it. So whatever [`Policies::apply`] does must end in one state for every order and repetition.
#[async_trait]
pub trait Policies: Send + Sync + 'static {
    /// The events it reacts to.
    type Event: Clone + Send + Sync;

    /// Whether the context does nothing but consume: then it is not ready while the broker is away.
    const ONLY_CONSUMES: bool = false;

    /// The contexts it listens to.
    const CONTEXTS: &'static [&'static str];

    /// Reads an event. `None`: not one of ours, or of a newer version than we know; it is passed over.
    fn decode(&self, envelope: &Envelope) -> Result<Option<Self::Event>, DecodeError>;

    /// Applies events, of which none has been applied before, within the transaction that remembers them.
    ///
    /// What it says goes into `saying` through `outbox`.
    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<Self::Event>],
        outbox: &Outbox,
        saying: &mut Saying,
    ) -> Result<(), sqlx::Error>;

    /// Called after the commit, for whatever need not be remembered: wake a task, tell an open stream.
    async fn applied(&self, _events: &[Received<Self::Event>]) {}

    /// For a view, which events alone feed: empties its tables, so that it can be rebuilt. `false`: this is no view.
    async fn clear(&self, _tx: &mut Tx) -> Result<bool, sqlx::Error> {
        Ok(false)
    }
}

/// An event that has arrived.
#[derive(Debug, Clone)]
pub struct Received<E> {
    /// Its id, unique among all events.
    pub id: String,
    /// When it happened.
    pub time: Timestamp,
    /// The trace it happened in.
    pub trace: Option<TraceContext>,
    /// What happened.
    pub event: E,
}
