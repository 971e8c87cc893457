use std::collections::HashSet;
use std::time::Duration;

use ambient::Timestamp;
use serde::Serialize;
use sqlx::AssertSqlSafe;
use store::{Column, Store, Tx, incoming};

/// Rows that one step of a purge deletes: small enough not to hold up anyone.
const PURGE_STEP: i64 = 5_000;

#[derive(Serialize)]
struct Row<'a> {
    event_id: &'a str,
    received_at: i64,
}

/// Remembers these events in the transaction, and tells which of them are new.
pub(crate) async fn remember<'a>(
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
    // In the order of ids, so that two consumers of the same events wait for each other but never in a circle.
    let sql = format!(
        "INSERT INTO inbox (event_id, received_at) SELECT event_id, received_at FROM {source} WHERE true \
         ORDER BY event_id ON CONFLICT (event_id) DO NOTHING RETURNING event_id"
    );
    let new: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).bind(incoming(&rows)?).fetch_all(&mut **tx).await?;
    Ok(new.into_iter().collect())
}

/// Forgets what was received longer than `retention` ago.
pub(crate) async fn purge(store: &Store, now: Timestamp, retention: Duration) -> Result<u64, sqlx::Error> {
    let before = now.minus(retention).as_micros();
    let sql = "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox WHERE received_at < $1 LIMIT $2)";
    let mut forgotten = 0;
    loop {
        let deleted = sqlx::query(sql).bind(before).bind(PURGE_STEP).execute(store.writer()).await?.rows_affected();
        forgotten += deleted;
        if deleted < PURGE_STEP.unsigned_abs() {
            return Ok(forgotten);
        }
    }
}
