use std::time::Duration;

use chassis::Host;
use store::{Store, idempotency};
use tokio::time::sleep;

/// The interval between purges.
const PURGE_INTERVAL: Duration = Duration::from_mins(10);

/// Starts a background task that deletes idempotency keys older than `retention`.
pub fn start_purging(store: &Store, host: &Host, retention: Duration) {
    let (store, clock, stop) = (store.clone(), host.clock(), host.stopping());
    host.spawn("idempotency keys", async move {
        while !stop.is_cancelled() {
            if let Err(error) = idempotency::purge(&store, clock.now(), retention).await {
                tracing::warn!(%error, "idempotency keys were not purged");
            }
            stop.run_until_cancelled(sleep(PURGE_INTERVAL)).await;
        }
    });
}
