//! Idempotency keys are forgotten.

use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, ManualClock, Timestamp};
use chassis::Host;
use store::idempotency::{self, Claim, claim};
use store::sqlx::query_scalar;
use test_stores::{eventually, on_each_store};

const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

#[test]
fn a_key_is_forgotten_when_its_time_is_over_and_not_before() {
    on_each_store(async |place| {
        let store = place.open(&[idempotency::MIGRATIONS]).await;
        let clock = Arc::new(ManualClock::at(NOW));
        let host = Host::new(clock.clone(), Arc::new(Ids::seeded(clock.clone(), 1)));
        claim(&store, "old", "request", 1, clock.now()).await.unwrap();
        clock.advance(Duration::from_secs(2));
        claim(&store, "new", "request", 2, clock.now()).await.unwrap();
        clock.advance(Duration::from_secs(59));
        context::start_purging(&store, &host, Duration::from_mins(1));
        let keys = async || {
            let sql = "SELECT idempotency_key FROM idempotency_keys";
            query_scalar::<_, String>(sql).fetch_all(store.reader()).await.unwrap()
        };
        eventually("the old key is forgotten", async || keys().await == ["new"]).await;
        assert_eq!(claim(&store, "old", "another request", 3, NOW).await.unwrap(), Claim::Granted(3));
        host.stopping().cancel();
    });
}
