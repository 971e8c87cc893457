use std::collections::HashSet;
use std::time::Duration;

use ambient::Timestamp;
use serde::Serialize;
use sqlx::AssertSqlSafe;
use store::{Column, Store, Tx, incoming};

use crate::RecordPosition;

/// Rows that a purge deletes per statement, so that it blocks no other transaction for long.
const PURGE_BATCH: i64 = 5_000;

#[derive(Serialize)]
struct Row<'a> {
    event_id: &'a str,
    received_at: i64,
}

/// The key of the inbox for a dead letter, by the position of its record.
///
/// It cannot collide with the id of an event, which publishers choose: `Envelope::read` rejects control characters in ids.
pub(crate) fn dead_letter_key(place: &RecordPosition) -> String {
    format!("\u{1}dead {place}")
}

/// The subset of these keys that is in the inbox.
pub(crate) async fn existing(store: &Store, keys: &[String]) -> Result<HashSet<String>, sqlx::Error> {
    let rows: Vec<Row> = keys.iter().map(|event_id| Row { event_id, received_at: 0 }).collect();
    let source = store.dialect().rows(&[("event_id", Column::Text), ("received_at", Column::Number)]);
    let sql = format!("SELECT event_id FROM inbox WHERE event_id IN (SELECT event_id FROM {source} WHERE true)");
    let existing: Vec<String> =
        sqlx::query_scalar(AssertSqlSafe(sql)).bind(incoming(&rows)?).fetch_all(store.reader()).await?;
    Ok(existing.into_iter().collect())
}

/// Adds these events to the inbox within the transaction. Returns the new ones.
pub(crate) async fn insert<'a>(
    tx: &mut Tx,
    store: &Store,
    ids: impl Iterator<Item = &'a str>,
    now: Timestamp,
) -> Result<HashSet<String>, sqlx::Error> {
    let rows: Vec<Row> = ids.map(|event_id| Row { event_id, received_at: now.as_micros() }).collect();
    if rows.is_empty() {
        return Ok(HashSet::new());
    }
    let source = store.dialect().rows(&[("event_id", Column::Text), ("received_at", Column::Number)]);
    // In the order of ids: two consumers of the same events may wait for each other, but cannot deadlock.
    let sql = format!(
        "/* inbox: insert */ INSERT INTO inbox (event_id, received_at) SELECT event_id, received_at FROM {source} WHERE true \
         ORDER BY event_id ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
    );
    let new: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(incoming(&rows)?).fetch_all(&mut **tx).await?;
    Ok(new.into_iter().collect())
}

/// Deletes entries older than `retention`. Returns their number.
pub(crate) async fn purge(store: &Store, now: Timestamp, retention: Duration) -> Result<u64, sqlx::Error> {
    let before = now.minus(retention).as_micros();
    let sql = "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox WHERE received_at < $1 LIMIT $2)";
    let mut purged = 0;
    loop {
        let deleted = sqlx::query(sql).bind(before).bind(PURGE_BATCH).execute(store.writer()).await?.rows_affected();
        purged += deleted;
        if deleted < PURGE_BATCH.unsigned_abs() {
            return Ok(purged);
        }
    }
}
