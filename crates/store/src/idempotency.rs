//! Idempotency keys: a client that repeats a request with an unknown outcome gets the same resource.
//!
//! Follows draft-ietf-httpapi-idempotency-key-header (`Idempotency-Key`).

use std::time::Duration;

use ambient::Timestamp;

use crate::{Migrations, Store};

/// The table of the keys.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// The result of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// The key stands for this resource, new or existing.
    Granted(i64),
    /// The key stands for a different request.
    UsedForOther,
}

/// Claims `proposed` for `key`, unless the key stands for a resource already. Repetitions must have the same `request`.
pub async fn claim(
    store: &Store,
    key: &str,
    request: &str,
    proposed: i64,
    now: Timestamp,
) -> Result<Claim, sqlx::Error> {
    let sql = "INSERT INTO idempotency_keys (idempotency_key, request, resource_id, claimed_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (idempotency_key) DO NOTHING";
    let query = sqlx::query(sql).bind(key).bind(request).bind(proposed).bind(now.as_micros());
    if query.execute(store.writer()).await?.rows_affected() == 1 {
        return Ok(Claim::Granted(proposed));
    }
    claimed(store, key, request).await?.ok_or(sqlx::Error::RowNotFound)
}

/// The existing claim of `key`, if any. Read-only.
pub async fn claimed(store: &Store, key: &str, request: &str) -> Result<Option<Claim>, sqlx::Error> {
    let sql = "SELECT request, resource_id FROM idempotency_keys WHERE idempotency_key = $1";
    let known: Option<(String, i64)> = sqlx::query_as(sql).bind(key).fetch_optional(store.reader()).await?;
    Ok(known.map(|(known, id)| if known == request { Claim::Granted(id) } else { Claim::UsedForOther }))
}

/// Deletes the keys that were claimed longer than `retention` before `now`. Returns their number.
pub async fn purge(store: &Store, now: Timestamp, retention: Duration) -> Result<u64, sqlx::Error> {
    let sql = "DELETE FROM idempotency_keys WHERE claimed_at < $1";
    let query = sqlx::query(sql).bind(now.minus(retention).as_micros());
    query.execute(store.writer()).await.map(|result| result.rows_affected())
}
