use std::sync::Arc;

use ambient::{Clock, Ids, Timestamp};
use events::{EventSet, TraceContext};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use store::{Column, Dialect, Store, Tx, Wake, incoming};
use thiserror::Error;

use crate::Config;

/// The signal that the outbox has events to publish.
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

const NAMES: &str = "event_id, topic, subject, kind, happened_at, trace, data";

/// A bound value of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument<'a> {
    /// BIGINT.
    Number(i64),
    /// BIGINT, or NULL.
    OptionalNumber(Option<i64>),
    /// TEXT.
    Text(&'a str),
    /// TEXT, or NULL.
    OptionalText(Option<&'a str>),
}

/// The event exceeds the configured maximum of the broker.
#[derive(Debug, Error)]
#[error("{kind} has {bytes} bytes of data and the broker accepts {largest} (KAFKA_MESSAGE_BYTES)")]
struct TooLarge {
    kind: String,
    bytes: usize,
    largest: usize,
}

/// Stores the events of a context in the transaction that changes its state.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
    topic: Arc<str>,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    wake: Wake,
    /// Maximum bytes of the data of an event.
    max_bytes: usize,
}

/// The pending events and metrics of a transaction, in their order.
///
/// They take effect with [`Outbox::commit`], and are discarded otherwise.
#[derive(Debug, Default)]
pub struct StagedEvents {
    rows: Vec<Row>,
    counts: Vec<(&'static str, u64)>,
}

impl StagedEvents {
    /// Increments a counter after the commit; not if the transaction is rolled back.
    pub fn count(&mut self, counter: &'static str, by: u64) {
        self.counts.push((counter, by));
    }

    fn after_commit(&self) {
        self.counts.iter().for_each(|(counter, by)| metrics::counter!(*counter).increment(*by));
    }
}

#[derive(Debug, Serialize)]
struct Row {
    /// The position within the transaction: an INSERT from a set has no order of its own.
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
    pub(crate) fn new(store: &Store, config: &Config, context: &str, clock: Arc<dyn Clock>, ids: Arc<Ids>) -> Self {
        let (topic, max_bytes) = (config.topic(context).into(), config.max_data_bytes());
        Self { store: store.clone(), topic, clock, ids, wake: store.wake(CHANNEL), max_bytes }
    }

    /// Stages an event of this context.
    ///
    /// # Errors
    ///
    /// If the event is larger than the broker accepts: the transaction must be rolled back.
    pub fn stage<E: EventSet>(
        &self,
        pending: &mut StagedEvents,
        event: &E,
        trace: Option<TraceContext>,
    ) -> Result<(), sqlx::Error> {
        let (kind, data) = events::encode(event).map_err(|error| sqlx::Error::Encode(error.into()))?;
        if data.len() > self.max_bytes {
            let too_large = TooLarge { kind, bytes: data.len(), largest: self.max_bytes };
            return Err(sqlx::Error::Encode(too_large.into()));
        }
        self.stage_row(pending, &self.topic, event.key().to_string(), (kind, data), trace);
        Ok(())
    }

    pub(crate) fn stage_row(
        &self,
        pending: &mut StagedEvents,
        topic: &str,
        subject: String,
        (kind, data): (String, String),
        trace: Option<TraceContext>,
    ) {
        pending.rows.push(Row {
            n: pending.rows.len(),
            event_id: self.ids.uuid().to_string(),
            topic: topic.to_owned(),
            subject,
            kind,
            happened_at: self.clock.now().as_micros(),
            trace: trace.map(|trace| trace.to_string()),
            data,
        });
    }

    /// Writes the pending events, commits the transaction and wakes the relay.
    pub async fn commit(&self, mut tx: Tx, pending: StagedEvents) -> Result<(), sqlx::Error> {
        let has_events = !pending.rows.is_empty();
        if has_events {
            self.write(&mut tx, &pending.rows).await?;
        }
        tx.commit().await?;
        pending.after_commit();
        if has_events {
            self.wake.signal();
        }
        Ok(())
    }

    /// Executes one statement, and publishes the pending events if it affects a row. Returns whether it does.
    ///
    /// `change` is an INSERT, UPDATE or DELETE without RETURNING that affects at most one row. It is a transaction of its
    /// own: one round trip on `PostgreSQL`, where BEGIN to COMMIT would be four.
    pub async fn execute_and_publish(
        &self,
        change: &str,
        arguments: &[Argument<'_>],
        pending: StagedEvents,
    ) -> Result<bool, sqlx::Error> {
        let changed = match (self.store.dialect(), pending.rows.as_slice()) {
            (_, []) => self.execute(change, arguments).await?,
            (Dialect::Postgres, [row]) => self.execute_in_one_statement(change, arguments, row).await?,
            _ => return self.execute_in_transaction(change, arguments, pending).await,
        };
        if changed {
            pending.after_commit();
            if !pending.rows.is_empty() {
                self.wake.signal();
            }
        }
        Ok(changed)
    }

    async fn execute(&self, change: &str, arguments: &[Argument<'_>]) -> Result<bool, sqlx::Error> {
        let query = bind(sqlx::query(AssertSqlSafe(change.to_owned())), arguments);
        Ok(query.execute(self.store.writer()).await?.rows_affected() > 0)
    }

    async fn execute_in_one_statement(
        &self,
        change: &str,
        arguments: &[Argument<'_>],
        row: &Row,
    ) -> Result<bool, sqlx::Error> {
        let n = arguments.len();
        let placeholders = (n + 1..=n + 7).map(|index| format!("${index}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "WITH changed AS ({change} RETURNING 1) INSERT INTO outbox ({NAMES}) SELECT {placeholders} FROM changed"
        );
        let query = bind(sqlx::query(AssertSqlSafe(sql)), arguments);
        let query = query.bind(&row.event_id).bind(&row.topic).bind(&row.subject).bind(&row.kind);
        let query = query.bind(row.happened_at).bind(&row.trace).bind(&row.data);
        Ok(query.execute(self.store.writer()).await?.rows_affected() > 0)
    }

    async fn execute_in_transaction(
        &self,
        change: &str,
        arguments: &[Argument<'_>],
        pending: StagedEvents,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.store.begin().await?;
        if bind(sqlx::query(AssertSqlSafe(change.to_owned())), arguments).execute(&mut *tx).await?.rows_affected() == 0
        {
            return Ok(false);
        }
        self.commit(tx, pending).await.map(|()| true)
    }

    async fn write(&self, tx: &mut Tx, rows: &[Row]) -> Result<(), sqlx::Error> {
        let source = self.store.dialect().rows(COLUMNS);
        let sql = format!("/* outbox: insert */ INSERT INTO outbox ({NAMES}) SELECT {NAMES} FROM {source} ORDER BY n");
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(rows)?).execute(&mut **tx).await.map(drop)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The signal that [`Outbox::commit`] sends.
    pub(crate) fn wake(&self) -> &Wake {
        &self.wake
    }
}

impl<'q> Argument<'q> {
    /// Binds the value to the next placeholder.
    pub fn bind(self, query: Query<'q, sqlx::Any, AnyArguments>) -> Query<'q, sqlx::Any, AnyArguments> {
        match self {
            Self::Number(number) => query.bind(number),
            Self::OptionalNumber(number) => query.bind(number),
            Self::Text(text) => query.bind(text),
            Self::OptionalText(text) => query.bind(text),
        }
    }
}

fn bind<'q>(
    query: Query<'q, sqlx::Any, AnyArguments>,
    arguments: &[Argument<'q>],
) -> Query<'q, sqlx::Any, AnyArguments> {
    arguments.iter().fold(query, |query, argument| argument.bind(query))
}
