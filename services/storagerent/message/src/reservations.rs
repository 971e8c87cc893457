use async_trait::async_trait;
use events::{DecodeError, Envelope, Inbound};
use messaging::{EventHandler, Outbox, Received, StagedEvents};
use reservation_contract::{ReservationCancelled, ReservationConfirmed};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use store::{Column, Dialect, Store, Tx};

/// The events of a reservation that its customer receives a message about.
#[derive(Debug, Clone, Inbound)]
#[expect(missing_docs, reason = "the names of the events")]
pub enum ReservationChange {
    ReservationConfirmed(ReservationConfirmed),
    ReservationCancelled(ReservationCancelled),
}

const COLUMNS: &[(&str, Column)] = &[
    // The position in the batch: an INSERT from a set has no order of its own.
    ("n", Column::Number),
    ("storage_id", Column::Number),
    ("reservation_id", Column::Number),
    ("attempt", Column::Number),
    ("kind", Column::Text),
    ("customer", Column::Text),
    ("content", Column::Text),
    ("written_at", Column::Number),
];

/// Writes a message for each confirmation and each cancellation.
pub struct ReservationMessages {
    dialect: Dialect,
}

impl ReservationMessages {
    /// In this store.
    pub fn new(store: &Store) -> Self {
        Self { dialect: store.dialect() }
    }
}

#[async_trait]
impl EventHandler for ReservationMessages {
    type Event = ReservationChange;

    const CONTEXTS: &'static [&'static str] = ReservationChange::CONTEXTS;

    fn decode(&self, envelope: &Envelope) -> Result<Option<ReservationChange>, DecodeError> {
        ReservationChange::decode(envelope)
    }

    async fn apply(
        &self,
        tx: &mut Tx,
        events: &[Received<ReservationChange>],
        _outbox: &Outbox,
        _pending: &mut StagedEvents,
    ) -> Result<(), sqlx::Error> {
        let rows: Vec<Value> = events.iter().enumerate().map(|(n, received)| row(n, received)).collect();
        let names = "storage_id, reservation_id, attempt, kind, customer, content, written_at";
        let source = self.dialect.rows(COLUMNS);
        let sql = format!(
            "INSERT INTO messages ({names}) SELECT {names} FROM {source} WHERE true ORDER BY n \
             ON CONFLICT (reservation_id, attempt, kind) DO NOTHING"
        );
        sqlx::query(AssertSqlSafe(sql)).bind(store::incoming(&rows)?).execute(&mut **tx).await.map(drop)
    }
}

/// The columns of the message about an event.
fn row(n: usize, Received { event, time, .. }: &Received<ReservationChange>) -> Value {
    let (kind, reservation_id, attempt, storage_id, customer) = match event {
        ReservationChange::ReservationConfirmed(event) => {
            ("confirmed", event.reservation_id, event.attempt, event.storage_id, &event.customer)
        }
        ReservationChange::ReservationCancelled(event) => {
            ("cancelled", event.reservation_id, event.attempt, event.storage_id, &event.customer)
        }
    };
    let content = format!("The reservation {reservation_id} of room {storage_id} is {kind}.");
    json!({
        "n": n, "storage_id": storage_id, "reservation_id": reservation_id, "attempt": attempt, "kind": kind,
        "customer": customer, "content": content, "written_at": time.as_micros(),
    })
}
