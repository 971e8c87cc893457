use std::collections::BTreeMap;

use ambient::Timestamp;
use events::{EventSet, Inbound};
use messaging::{Outbox, Received, StagedEvents};
use store::{Row, sqlx};

/// The events of a batch, by the keys of their rows.
pub(crate) struct EventsByKey<'e, E: Inbound>(BTreeMap<E::Key, Vec<&'e Received<E>>>);

impl<'e, E: Inbound<Key: Ord + Clone>> EventsByKey<'e, E> {
    /// The events of this batch.
    pub(crate) fn of(events: &'e [Received<E>]) -> Self {
        let mut by_key: BTreeMap<E::Key, Vec<_>> = BTreeMap::new();
        for received in events {
            by_key.entry(received.event.key()).or_default().push(received);
        }
        Self(by_key)
    }

    /// The keys, in their order.
    pub(crate) fn keys(&self) -> Vec<E::Key> {
        self.0.keys().cloned().collect()
    }

    /// Applies the events of each row to its state, in the order of their times, and stages the events that result. Returns
    /// the states.
    pub(crate) fn apply<R: Row<Key = E::Key>, M: EventSet, I: IntoIterator<Item = M>>(
        mut self,
        rows: Vec<R>,
        outbox: &Outbox,
        pending: &mut StagedEvents,
        apply: impl Fn(&mut R::State, &E, Timestamp) -> I,
    ) -> Result<Vec<R::State>, sqlx::Error> {
        let mut states = Vec::with_capacity(rows.len());
        for row in rows {
            let mut events = self.0.remove(row.key()).unwrap_or_default();
            events.sort_by_key(|received| received.time);
            let mut state = row.into_state()?;
            for received in events {
                for emitted in apply(&mut state, &received.event, received.time) {
                    outbox.stage(pending, &emitted, received.trace)?;
                }
            }
            states.push(state);
        }
        Ok(states)
    }
}
