//! Idempotency keys: a client that repeats a request without knowing what became of it names the same resource.
//!
//! After the header `Idempotency-Key` of draft-ietf-httpapi-idempotency-key-header.

use std::time::Duration;

use ambient::Timestamp;
use chassis::Host;
use tokio::time::sleep;

use crate::{Migrations, Store};

/// How often keys are purged.
const PURGE_EVERY: Duration = Duration::from_mins(10);

/// The table of keys.
pub const MIGRATIONS: Migrations = Migrations::portable(&sqlx::migrate!());

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// For this resource: new, or the same as before.
    Granted(i64),
    /// For a different request.
    UsedForOther,
}

/// Claims `proposed` for `key`, unless the key stands for a resource already. `request` is what must be the same each time.
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

/// What `key` stands for, if it was claimed before. Writes nothing.
pub async fn claimed(store: &Store, key: &str, request: &str) -> Result<Option<Claim>, sqlx::Error> {
    let sql = "SELECT request, resource_id FROM idempotency_keys WHERE idempotency_key = $1";
    let known: Option<(String, i64)> = sqlx::query_as(sql).bind(key).fetch_optional(store.reader()).await?;
    Ok(known.map(|(known, id)| if known == request { Claim::Granted(id) } else { Claim::UsedForOther }))
}

/// Forgets keys some time after they were claimed, in the background until the process stops.
pub fn start_purging(store: &Store, host: &Host, retention: Duration) {
    let (store, clock, stop) = (store.clone(), host.clock(), host.stopping());
    host.spawn("idempotency keys", async move {
        while !stop.is_cancelled() {
            if let Err(error) = purge(&store, clock.now(), retention).await {
                tracing::warn!(%error, "idempotency keys were not purged");
            }
            stop.run_until_cancelled(sleep(PURGE_EVERY)).await;
        }
    });
}

async fn purge(store: &Store, now: Timestamp, retention: Duration) -> Result<u64, sqlx::Error> {
    let sql = "DELETE FROM idempotency_keys WHERE claimed_at < $1";
    let query = sqlx::query(sql).bind(now.minus(retention).as_micros());
    query.execute(store.writer()).await.map(|result| result.rows_affected())
}
