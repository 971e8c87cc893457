//! Idempotency keys.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use ambient::{Clock, Ids, ManualClock, Timestamp};
use chassis::Host;
use store::idempotency::{self, Claim, claim};
use store::sqlx::query_scalar;
use test_stores::{Place, eventually, on_each_store};

const NOW: Timestamp = Timestamp::from_micros(1_795_246_200_000_000);

#[test]
fn a_key_stands_for_the_resource_it_was_first_claimed_for() {
    on_each_store(async |place| {
        let store = place.open(&[idempotency::MIGRATIONS]).await;
        assert_eq!(claim(&store, "key", "request", 1, NOW).await.unwrap(), Claim::Granted(1));
        assert_eq!(claim(&store, "key", "request", 2, NOW).await.unwrap(), Claim::Granted(1));
        assert_eq!(claim(&store, "key", "another request", 3, NOW).await.unwrap(), Claim::UsedForOther);
        assert_eq!(claim(&store, "another key", "request", 4, NOW).await.unwrap(), Claim::Granted(4));
    });
}

#[test]
fn whoever_claims_a_key_at_the_same_time_is_granted_the_same_resource() {
    on_each_store(async |place: &Place| {
        let store = place.open(&[idempotency::MIGRATIONS]).await;
        for round in 0..10_i64 {
            let claims: Vec<_> = (0..10)
                .map(|n| {
                    let store = store.clone();
                    tokio::spawn(async move { claim(&store, &format!("key {round}"), "request", n, NOW).await })
                })
                .collect();
            let mut granted = HashSet::new();
            for claim in claims {
                let Claim::Granted(id) = claim.await.unwrap().unwrap() else { panic!("refused") };
                granted.insert(id);
            }
            assert_eq!(granted.len(), 1);
        }
    });
}

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
        idempotency::start_purging(&store, &host, Duration::from_mins(1));
        let keys = async || {
            let sql = "SELECT idempotency_key FROM idempotency_keys";
            query_scalar::<_, String>(sql).fetch_all(store.reader()).await.unwrap()
        };
        eventually("the old key is forgotten", async || keys().await == ["new"]).await;
        assert_eq!(claim(&store, "old", "another request", 3, NOW).await.unwrap(), Claim::Granted(3));
        host.stopping().cancel();
    });
}
