//! Events that the broker rejects permanently: kept in a table of their own, until an operator puts them back.

use ambient::Timestamp;
use events::excerpt;
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, FromRow};
use store::{Column, Dialect, Leadership, Store, incoming};

/// Maximum events listed at once.
const PAGE: i64 = 1_000;

/// Refused events are counted up to this number.
const MAX_COUNT: i64 = 1_000_000;

const NAMES: &str = "seq, event_id, topic, subject, kind, happened_at, trace, data";

/// An event that the broker rejects permanently.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusedEvent {
    /// Its id, which puts it back.
    pub event_id: String,
    /// Its topic.
    pub topic: String,
    /// The correlation id.
    pub subject: String,
    /// Its type.
    pub kind: String,
    /// When it happened.
    pub happened_at: String,
    /// Bytes of its data.
    pub bytes: i64,
    /// The error of the broker, or of the client before the event was sent.
    pub reason: String,
    /// When it was last rejected.
    pub refused_at: String,
    /// How often it was rejected in total.
    pub refusals: i64,
}

#[derive(FromRow)]
struct Row {
    event_id: String,
    topic: String,
    subject: String,
    kind: String,
    happened_at: i64,
    bytes: i64,
    reason: String,
    refused_at: i64,
    refusals: i64,
}

impl From<Row> for RefusedEvent {
    fn from(row: Row) -> Self {
        let time = |micros| Timestamp::from_micros(micros).to_string();
        Self {
            event_id: row.event_id,
            topic: row.topic,
            subject: excerpt(&row.subject),
            kind: excerpt(&row.kind),
            happened_at: time(row.happened_at),
            bytes: row.bytes,
            reason: row.reason,
            refused_at: time(row.refused_at),
            refusals: row.refusals,
        }
    }
}

/// Moves an event from the outbox to the refused events.
pub(crate) async fn set_aside(
    lead: &mut Leadership,
    seq: i64,
    (reason, refusals): (&str, i64),
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let mut session = lead.session().await?;
    let mut tx = session.begin().await?;
    let sql = format!(
        "INSERT INTO refused_events ({NAMES}, reason, refused_at, refusals) \
         SELECT {NAMES}, CAST($2 AS TEXT), CAST($3 AS BIGINT), refusals + CAST($4 AS BIGINT) \
         FROM outbox WHERE seq = $1"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(seq).bind(excerpt(reason));
    query.bind(now.as_micros()).bind(refusals).execute(&mut *tx).await?;
    sqlx::query("DELETE FROM outbox WHERE seq = $1").bind(seq).execute(&mut *tx).await?;
    tx.commit().await
}

/// The number of refused events.
pub(crate) async fn count(store: &Store) -> Result<i64, sqlx::Error> {
    let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM refused_events LIMIT $1) AS counted";
    sqlx::query_scalar(sql).bind(MAX_COUNT).fetch_one(store.reader()).await
}

/// The oldest refused events.
pub(crate) async fn list(store: &Store) -> Result<Vec<RefusedEvent>, sqlx::Error> {
    let sql = "SELECT event_id, topic, subject, kind, happened_at, CAST(octet_length(data) AS BIGINT) AS bytes, \
               reason, refused_at, refusals FROM refused_events ORDER BY seq LIMIT $1";
    let rows: Vec<Row> = sqlx::query_as(sql).bind(PAGE).fetch_all(store.reader()).await?;
    Ok(rows.into_iter().map(RefusedEvent::from).collect())
}

/// Puts the events with these ids back into the outbox, at their former positions. Returns their number.
///
/// Later events of the same keys may be published already: an operator who puts an event back accepts the order.
pub(crate) async fn put_back(store: &Store, event_ids: &[String]) -> Result<u64, sqlx::Error> {
    #[derive(Serialize)]
    struct Chosen<'a> {
        id: &'a str,
    }
    let chosen = incoming(&event_ids.iter().map(|id| Chosen { id }).collect::<Vec<_>>())?;
    let source = store.dialect().rows(&[("id", Column::Text)]);
    let own_number = match store.dialect() {
        Dialect::Postgres => "OVERRIDING SYSTEM VALUE ",
        Dialect::Sqlite => "",
    };
    let these = format!("event_id IN (SELECT id FROM {source})");
    let insert = format!(
        "INSERT INTO outbox ({NAMES}, refusals) {own_number}\
         SELECT {NAMES}, refusals FROM refused_events WHERE {these} ORDER BY seq"
    );
    let mut tx = store.begin().await?;
    let back = sqlx::query(AssertSqlSafe(insert)).bind(&chosen).execute(&mut *tx).await?.rows_affected();
    let delete = format!("DELETE FROM refused_events WHERE {these}");
    sqlx::query(AssertSqlSafe(delete)).bind(&chosen).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(back)
}
