use std::sync::Arc;

use ambient::{Clock, Ids};
use events::{EventSet, TraceContext};
use serde::Serialize;
use store::{Column, Dialect, Store, Tx, Wake};

/// The signal that there is something to publish.
pub(crate) const CHANNEL: &str = "outbox";

const COLUMNS: &[(&str, Column)] = &[
    ("n", Column::Number),
    ("event_id", Column::Text),
    ("topic", Column::Text),
    ("subject", Column::Text),
    ("kind", Column::Text),
    ("happened_at", Column::Number),
    ("trace", Column::Text),
    ("data", Column::Text),
];

/// Where a context puts what it says, in the transaction that makes it true.
#[derive(Debug, Clone)]
pub struct Outbox {
    dialect: Dialect,
    topic: Arc<str>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    wake: Wake,
}

/// What a transaction says, in its order.
///
/// It becomes true with [`Outbox::commit`] and not before.
#[derive(Debug, Default)]
pub struct Saying {
    rows: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    /// Keeps the order of the rows, whatever the store does with a set.
    n: usize,
    event_id: String,
    topic: String,
    subject: String,
    kind: String,
    happened_at: i64,
    trace: Option<String>,
    data: String,
}

impl Outbox {
    pub(crate) fn new(store: &Store, topic: &str, clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Self {
        Self { dialect: store.dialect(), topic: topic.into(), clock, ids, wake: store.wake(CHANNEL) }
    }

    /// Adds an event of this context.
    pub fn say<E: EventSet>(
        &self,
        saying: &mut Saying,
        event: &E,
        trace: Option<TraceContext>,
    ) -> Result<(), sqlx::Error> {
        let (kind, data) = events::encode(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
        self.add(saying, &self.topic, event.correlation_id().to_string(), (kind, data), trace);
        Ok(())
    }

    pub(crate) fn add(
        &self,
        saying: &mut Saying,
        topic: &str,
        subject: String,
        (kind, data): (String, String),
        trace: Option<TraceContext>,
    ) {
        saying.rows.push(Row {
            n: saying.rows.len(),
            event_id: self.ids.uuid().to_string(),
            topic: topic.to_owned(),
            subject,
            kind,
            happened_at: self.clock.now().as_micros(),
            trace: trace.map(|trace| trace.to_string()),
            data,
        });
    }

    /// Commits the transaction together with what it says, and wakes the relay.
    pub async fn commit(&self, mut tx: Tx, saying: Saying) -> Result<(), sqlx::Error> {
        let silent = saying.rows.is_empty();
        if !silent {
            self.write(&mut tx, &saying.rows).await?;
        }
        tx.commit().await?;
        if !silent {
            self.wake.signal();
        }
        Ok(())
    }

    async fn write(&self, tx: &mut Tx, rows: &[Row]) -> Result<(), sqlx::Error> {
        let source = self.dialect.rows(COLUMNS);
        let names = "event_id, topic, subject, kind, happened_at, trace, data";
        let sql = format!("INSERT INTO outbox ({names}) SELECT {names} FROM {source} ORDER BY n");
        let json = serde_json::to_string(rows).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query(sqlx::AssertSqlSafe(sql)).bind(json).execute(&mut **tx).await.map(drop)
    }

    /// The signal that [`Outbox::commit`] gives.
    pub(crate) fn wake(&self) -> &Wake {
        &self.wake
    }
}
