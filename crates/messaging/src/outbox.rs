use std::sync::Arc;

use ambient::{Clock, Ids};
use events::{EventSet, TraceContext};
use serde::Serialize;
use sqlx::AssertSqlSafe;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use store::{Column, Dialect, Store, Tx, Wake, incoming};

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

const NAMES: &str = "event_id, topic, subject, kind, happened_at, trace, data";

/// A value in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Argument<'a> {
    /// BIGINT.
    Number(i64),
    /// TEXT.
    Text(&'a str),
}

/// Where a context puts what it says, in the transaction that makes it true.
#[derive(Debug, Clone)]
pub struct Outbox {
    store: Store,
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
    counts: Vec<(&'static str, u64)>,
}

impl Saying {
    /// Adds to a counter once all of this is true: what is undone is not counted.
    pub fn count(&mut self, counter: &'static str, by: u64) {
        self.counts.push((counter, by));
    }

    fn is_true(&self) {
        self.counts.iter().for_each(|(counter, by)| metrics::counter!(*counter).increment(*by));
    }
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
        Self { store: store.clone(), topic: topic.into(), clock, ids, wake: store.wake(CHANNEL) }
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
        saying.is_true();
        if !silent {
            self.wake.signal();
        }
        Ok(())
    }

    /// Makes one change by one statement and says what comes of it, if the change hits a row. Tells whether it did.
    ///
    /// `change` is an INSERT, UPDATE or DELETE without RETURNING that hits at most one row. It is a transaction of its
    /// own: one round trip on `PostgreSQL` where BEGIN to COMMIT would be four.
    pub async fn change_and_say(
        &self,
        change: &'static str,
        arguments: &[Argument<'_>],
        saying: Saying,
    ) -> Result<bool, sqlx::Error> {
        let changed = match (self.store.dialect(), saying.rows.as_slice()) {
            (Dialect::Postgres, [row]) => self.change_and_say_at_once(change, arguments, row).await?,
            _ => return self.change_then_say(change, arguments, saying).await,
        };
        if changed {
            saying.is_true();
            self.wake.signal();
        }
        Ok(changed)
    }

    async fn change_and_say_at_once(
        &self,
        change: &'static str,
        arguments: &[Argument<'_>],
        row: &Row,
    ) -> Result<bool, sqlx::Error> {
        let n = arguments.len();
        let placeholders = (n + 1..=n + 7).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "WITH changed AS ({change} RETURNING 1) INSERT INTO outbox ({NAMES}) SELECT {placeholders} FROM changed"
        );
        let query = bind(sqlx::query(AssertSqlSafe(sql)), arguments);
        let query = query.bind(&row.event_id).bind(&row.topic).bind(&row.subject).bind(&row.kind);
        let query = query.bind(row.happened_at).bind(&row.trace).bind(&row.data);
        Ok(query.execute(self.store.writer()).await?.rows_affected() > 0)
    }

    async fn change_then_say(
        &self,
        change: &'static str,
        arguments: &[Argument<'_>],
        saying: Saying,
    ) -> Result<bool, sqlx::Error> {
        let mut tx = self.store.begin().await?;
        if bind(sqlx::query(change), arguments).execute(&mut *tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        self.commit(tx, saying).await.map(|()| true)
    }

    async fn write(&self, tx: &mut Tx, rows: &[Row]) -> Result<(), sqlx::Error> {
        let source = self.store.dialect().rows(COLUMNS);
        let sql = format!("INSERT INTO outbox ({NAMES}) SELECT {NAMES} FROM {source} ORDER BY n");
        sqlx::query(AssertSqlSafe(sql)).bind(incoming(rows)?).execute(&mut **tx).await.map(drop)
    }

    /// The signal that [`Outbox::commit`] gives.
    pub(crate) fn wake(&self) -> &Wake {
        &self.wake
    }
}

fn bind<'q>(
    query: Query<'q, sqlx::Any, AnyArguments>,
    arguments: &[Argument<'q>],
) -> Query<'q, sqlx::Any, AnyArguments> {
    arguments.iter().fold(query, |query, argument| match argument {
        Argument::Number(number) => query.bind(*number),
        Argument::Text(text) => query.bind(*text),
    })
}
